package minhash

import (
	"unicode"
	"unicode/utf8"
)

// Words returns the shingles of n words each of a text. Words are runs of
// letters, marks and digits, in lower case; what stands between them does not
// matter. A text of fewer words is one shingle; one without words is the
// empty set. Texts of scripts without spaces between words are better served
// by Characters.
func Words(text []byte, n int) Set {
	var words []uint64
	word, in := uint64(0), false
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		text = text[size:]
		if !letter(c) {
			if in {
				words = append(words, word)
			}
			word, in = 0, false
			continue
		}
		word, in = combine(word, uint64(unicode.ToLower(c))+1), true
	}
	if in {
		words = append(words, word)
	}
	return shingle(words, n)
}

// Characters returns the shingles of n characters each of a text, in lower
// case; what Words takes as a gap is one space here.
func Characters(text []byte, n int) Set {
	var runes []uint64
	gap := false
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		text = text[size:]
		if !letter(c) {
			gap = len(runes) > 0
			continue
		}
		if gap {
			runes = append(runes, ' ')
		}
		runes, gap = append(runes, uint64(unicode.ToLower(c))), false
	}
	return shingle(runes, n)
}

func letter(c rune) bool {
	if c < utf8.RuneSelf {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	}
	return unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsNumber(c)
}

// shingle hashes each n tokens in a row.
func shingle(tokens []uint64, n int) Set {
	if len(tokens) == 0 {
		return nil
	}
	n = min(n, len(tokens))
	out := make([]uint64, 0, len(tokens)-n+1)
	for i := range len(tokens) - n + 1 {
		h := uint64(n)
		for _, t := range tokens[i : i+n] {
			h = combine(h, t)
		}
		out = append(out, h)
	}
	return newSet(out)
}
