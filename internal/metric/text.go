package metric

import (
	"strings"
	"unicode"
)

// Metrics of answers in text, compared with one reference each. exact_match and
// token_f1 are those of SQuAD v1.1 (Rajpurkar et al. 2016; its
// evaluate-v1.1.py: normalize_answer, exact_match_score, f1_score); answers with
// several references are not supported. Error rates are those of speech
// recognition: edits of all rows by the length of all references.

var textTasks = []Task{Text}

var textMetrics = []Metric{
	{Name: "exact_match", Title: "share of the answers that are the reference, but for case, punctuation and articles", Better: Higher, High: 1, Tasks: textTasks, Loss: exactMatch},
	{Name: "token_f1", Title: "mean F1 of the words that answer and reference share", Better: Higher, High: 1, Tasks: textTasks, Loss: tokenF1},
	errorRate("wer", "word error rate", "word", words),
	errorRate("cer", "character error rate", "character", characters),
}

func exactMatch(s *Sample) (*Loss, error) {
	return eachText(s, true, func(reference, answer []string) float64 {
		if len(reference) != len(answer) {
			return 0
		}
		for i, word := range reference {
			if word != answer[i] {
				return 0
			}
		}
		return 1
	})
}

// tokenF1 is 0 when a side has no words, as in v1.1 of the script, even when
// both have none; there exact_match is 1.
func tokenF1(s *Sample) (*Loss, error) {
	counts := make(map[string]int)
	return eachText(s, false, func(reference, answer []string) float64 {
		clear(counts)
		for _, word := range reference {
			counts[word]++
		}
		same := 0
		for _, word := range answer {
			if counts[word] > 0 {
				counts[word]--
				same++
			}
		}
		if same == 0 {
			return 0
		}
		return 2 * float64(same) / float64(len(reference)+len(answer))
	})
}

func eachText(s *Sample, binary bool, of func(reference, answer []string) float64) (*Loss, error) {
	if len(s.Reference) == 0 {
		return nil, undefined("there are no rows")
	}
	l := &Loss{Each: make([]float64, len(s.Reference)), Binary: binary}
	for i, reference := range s.Reference {
		l.Each[i] = of(squadWords(reference), squadWords(s.Answer[i]))
	}
	return l, nil
}

// squadWords is normalize_answer, split into words: small letters, no ASCII
// punctuation, no articles.
func squadWords(text string) []string {
	text = strings.Map(func(r rune) rune {
		if r < 0x80 && strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r) {
			return -1
		}
		return r
	}, strings.ToLower(text))
	return strings.FieldsFunc(withoutArticles(text), isSpace)
}

// withoutArticles makes a space of each of the words a, an and the. A word is
// what Python's \b takes for one: letters and digits of any script.
func withoutArticles(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	start := -1 // of the word that is being read
	end := func(at int) {
		switch word := text[start:at]; word {
		case "a", "an", "the":
			out.WriteByte(' ')
		default:
			out.WriteString(word)
		}
		start = -1
	}
	for i, r := range text {
		inWord := unicode.IsLetter(r) || unicode.IsNumber(r)
		switch {
		case inWord && start < 0:
			start = i
		case !inWord && start >= 0:
			end(i)
		}
		if !inWord {
			out.WriteRune(r)
		}
	}
	if start >= 0 {
		end(len(text))
	}
	return out.String()
}

// isSpace is Python's str.isspace, which also splits at the separators of ASCII.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func words(text string) []string { return strings.FieldsFunc(text, isSpace) }

func characters(text string) []string { return strings.Split(text, "") }
