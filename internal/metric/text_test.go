package metric

import (
	"fmt"
	"strings"
	"testing"
)

func texts(reference, answer []string) *Sample {
	return &Sample{Task: Text, N: len(reference), Reference: reference, Answer: answer}
}

func TestTextReference(t *testing.T) {
	type reference struct {
		Reference, Answer []string
		Want              map[string]*float64
	}
	for i, c := range readCases[reference](t, "text.json") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := texts(c.Reference, c.Answer)
			for name, want := range c.Want {
				compare(t, name, s, want)
			}
			if t.Failed() {
				t.Logf("%q\n%q", c.Reference, c.Answer)
			}
		})
	}
}

func TestTextLimits(t *testing.T) {
	undefinedAs(t, "wer", texts([]string{" "}, []string{"x"}), "no reference has a word")
	undefinedAs(t, "cer", texts([]string{strings.Repeat("x", 1<<20+1)}, []string{"x"}), "a text has 1048577 bytes; edits are counted of texts of at most 1048576")
	long := strings.Repeat("x", 1<<20)
	undefinedAs(t, "cer", texts([]string{long}, []string{long}), "the texts are too long to count edits of; at most 4000000000 pairs of characters are compared")
	// Bytes that are no text are compared as they stand.
	want := 1.0
	compare(t, "exact_match", texts([]string{"\xff\xfe"}, []string{"\xff\xfe"}), &want)
}

func TestTextWeights(t *testing.T) {
	s := texts([]string{"a b", "c", ""}, []string{"a x", "c d", "e"})
	for _, c := range []struct {
		weight []uint32
		want   float64
	}{{nil, 1}, {[]uint32{2, 1, 0}, 3.0 / 5}, {[]uint32{0, 1, 1}, 2}} {
		if got := weighted(t, "wer", s, c.weight); got != c.want {
			t.Errorf("wer of rows taken %v times = %v, want %v", c.weight, got, c.want)
		}
	}
}
