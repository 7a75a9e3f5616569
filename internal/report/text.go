package report

import (
	"strconv"
	"strings"
	"unicode"
)

// Percent writes a share with three digits that count, and never claims 0 %
// or 100 % of what is only close to it.
func Percent(share float64) string {
	p := 100 * share
	switch {
	case p > 0 && p < 0.001:
		return "<0.001 %"
	case p > 99.9 && p < 100:
		return strconv.FormatFloat(min(p, 99.999), 'f', 3, 64) + " %"
	}
	return strconv.FormatFloat(p, 'g', 3, 64) + " %"
}

// Count writes a number of things: "1 row", "1,000 rows", "2 classes".
func Count(n int64, noun string) string {
	if n != 1 {
		noun = Plural(noun)
	}
	return Thousands(n) + " " + noun
}

// Plural is the plural of a regular English noun.
func Plural(noun string) string {
	if strings.HasSuffix(noun, "s") {
		return noun + "es"
	}
	return noun + "s"
}

// Rounded is a statistic with the 9 significant digits that reports have.
func Rounded(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 9, 64), 64)
	if err != nil {
		return v
	}
	return r
}

// Mask keeps the form of a value of the data: letters become x, digits 9.
func Mask(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) || unicode.IsMark(r):
			return 'x'
		case unicode.IsNumber(r):
			return '9'
		}
		return r
	}, s)
}

// Visible is text on one line in which control characters, on which terminals
// act, are replaced.
func Visible(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return '\uFFFD'
		}
		return c
	}, s)
}
