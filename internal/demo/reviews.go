package demo

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode/utf8"
)

// review is one labelled row.
type review struct {
	id, text string
	label    int // 1 is positive
}

// maxLine bounds a line of a file of reviews.
const maxLine = 1 << 20

// readReviews reads lines of id, rating and text between tabs, ended by LF or
// CRLF. A rating over 0 is positive. Errors name file and line.
func readReviews(name string, r io.Reader) ([]review, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	var rows []review
	seen := map[string]int{}
	line := 0
	for s.Scan() {
		line++
		text := strings.TrimSuffix(s.Text(), "\r")
		if line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		fail := func(why string) error {
			return fmt.Errorf("%s:%d: %s; a line is id, rating and text between tabs", name, line, why)
		}
		parts := strings.SplitN(text, "\t", 3)
		switch {
		case !utf8.ValidString(text):
			return nil, fail("it is not UTF-8")
		case len(parts) != 3:
			return nil, fail(fmt.Sprintf("it has %d fields", len(parts)))
		case strings.TrimSpace(parts[0]) == "":
			return nil, fail("it has no id")
		case strings.TrimSpace(parts[2]) == "":
			return nil, fail("it has no text")
		case seen[parts[0]] > 0:
			return nil, fail(fmt.Sprintf("the id %q stands in line %d already", parts[0], seen[parts[0]]))
		}
		rating, err := strconv.ParseFloat(parts[1], 64)
		if err != nil || math.IsNaN(rating) || math.IsInf(rating, 0) {
			return nil, fail(fmt.Sprintf("the rating %q is no number", parts[1]))
		}
		seen[parts[0]] = line
		row := review{id: parts[0], text: parts[2]}
		if rating > 0 {
			row.label = 1
		}
		rows = append(rows, row)
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, fmt.Errorf("%s:%d: the line is longer than %d bytes", name, line+1, maxLine)
	case err != nil:
		return nil, fmt.Errorf("%s:%d: %w", name, line+1, err)
	}
	if len(rows) < 100 {
		return nil, fmt.Errorf("%s: %d reviews; at least 100 are needed to train on some and test on others", name, len(rows))
	}
	return rows, nil
}

// generate writes reviews that mostly mean what their words say.
func generate(n int) []review {
	good := strings.Fields("great excellent lovely superb charming bright moving honest funny crisp")
	bad := strings.Fields("awful dull broken clumsy boring cheap noisy flat sad slow")
	things := strings.Fields("camera film story phone player battery cast plot sound screen ending zoom")
	plain := strings.Fields("the really quite rather somehow again still with and for that its this")
	random := rand.New(rand.NewPCG(7, 11))
	pick := func(words []string) string { return words[random.IntN(len(words))] }
	rows := make([]review, n)
	for i := range rows {
		label := random.IntN(2)
		words := []string{}
		for range 3 + random.IntN(3) {
			tone := label
			if random.IntN(10) == 0 { // sarcasm
				tone = 1 - tone
			}
			mood := good
			if tone == 0 {
				mood = bad
			}
			words = append(words, pick(plain), pick(mood), pick(things))
		}
		if random.IntN(16) == 0 { // raters err, too
			label = 1 - label
		}
		rows[i] = review{id: fmt.Sprintf("r%05d", i), text: strings.Join(words, " "), label: label}
	}
	return rows
}

// split holds out a fifth, chosen by id: the same whatever else is there.
func split(rows []review) (train, test []review) {
	for _, r := range rows {
		h := fnv.New32a()
		h.Write([]byte(r.id))
		if h.Sum32()%5 == 0 {
			test = append(test, r)
		} else {
			train = append(train, r)
		}
	}
	return train, test
}

func reviewsCSV(rows []review) []byte {
	out := [][]string{{"id", "text", "label"}}
	for _, r := range rows {
		out = append(out, []string{r.id, r.text, strconv.Itoa(r.label)})
	}
	return toCSV(out)
}

func predictionsCSV(m *model, rows []review) []byte {
	out := [][]string{{"id", "label", "prediction", "score"}}
	for _, r := range rows {
		score, prediction := m.score(features(r.text)), "0"
		if score >= 0.5 {
			prediction = "1"
		}
		out = append(out, []string{r.id, strconv.Itoa(r.label), prediction, strconv.FormatFloat(score, 'f', 6, 64)})
	}
	return toCSV(out)
}

func toCSV(rows [][]string) []byte {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	_ = w.WriteAll(rows) // a buffer takes everything
	return buf.Bytes()
}
