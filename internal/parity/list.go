package parity

import (
	"bytes"
	"math"

	"github.com/waybill-dev/waybill/internal/table"
)

// parseList reads a JSON list of numbers, or of such lists, into out. shape is
// a number that lists of one nesting and the same lengths have in common (FNV-1a
// of the brackets and where they stand); flat tells that no list holds lists.
// Elements that are null or the words for NaN and infinities, also quoted, are
// what they say; null is NaN.
func parseList(text []byte, out *[]float64) (shape uint64, flat, ok bool) {
	*out = (*out)[:0]
	shape, flat = 14695981039346656037, true
	note := func(bracket byte) {
		for _, b := range [...]uint64{uint64(bracket), uint64(len(*out))} {
			shape = (shape ^ b) * 1099511628211
		}
	}
	depth, value := 0, true // value: one may come next
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '[' && value:
			flat = flat && depth == 0
			depth++
			note(c)
			i++
		case c == ']' && depth > 0 && (!value || opened(text[:i])):
			depth--
			note(c)
			value = false
			i++
			if depth == 0 {
				return shape, flat, len(bytes.TrimSpace(text[i:])) == 0
			}
		case c == ',' && !value && depth > 0:
			value = true
			i++
		case value && depth > 0:
			end := i + 1
			for end < len(text) && text[end] != ',' && text[end] != ']' && text[end] > ' ' {
				end++
			}
			v, isNumber := element(text[i:end])
			if !isNumber {
				return 0, false, false
			}
			*out = append(*out, v)
			value = false
			i = end
		default:
			return 0, false, false
		}
	}
	return 0, false, false
}

// opened tells whether a list was just opened, so that it may end without a
// value.
func opened(before []byte) bool {
	before = bytes.TrimRight(before, " \t\r\n")
	return len(before) > 0 && before[len(before)-1] == '['
}

func element(word []byte) (float64, bool) {
	if n := len(word); n > 1 && word[0] == '"' && word[n-1] == '"' {
		v, ok := table.ParseNumber(word[1 : n-1])
		return v, ok && !finite(v)
	}
	if string(word) == "null" {
		return math.NaN(), true
	}
	return table.ParseNumber(word)
}
