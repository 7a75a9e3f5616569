package predictions

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// MaxClasses is how many different classes predictions may have. A file with
// more has numbers to be estimated, or texts.
const MaxClasses = 10_000

// maxLabel is the longest text that can be a class, in bytes.
const maxLabel = 1024

// canonicalLabel returns the one form of a label, "" for none: numbers that are
// equal are the same label, as are the spellings of true and false.
func canonicalLabel(text []byte) string {
	switch string(text) {
	case "", "NaN", "nan", "NAN":
		return ""
	case "true", "True", "TRUE":
		return "true"
	case "false", "False", "FALSE":
		return "false"
	}
	if f, ok := plainNumber(text); ok {
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return strconv.FormatInt(int64(f), 10) // -0 becomes 0
		}
		// An integer that a float64 cannot hold stays as it is.
		if bytes.ContainsAny(text, ".eE") {
			return strconv.FormatFloat(f, 'g', -1, 64)
		}
	}
	return string(text)
}

// plainNumber reads -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?, the
// numbers of JSON. What has leading zeros or a plus sign is rather a code
// than a number.
func plainNumber(text []byte) (float64, bool) {
	rest := bytes.TrimPrefix(text, []byte("-"))
	if len(rest) == 0 || len(rest) > 40 || !isDigit(rest[0]) || len(rest) > 1 && rest[0] == '0' && isDigit(rest[1]) {
		return 0, false
	}
	point, exponent := false, false
	for i, b := range rest {
		last := i == len(rest)-1
		switch {
		case isDigit(b):
		case b == '.' && !last && !point && !exponent && isDigit(rest[i-1]) && isDigit(rest[i+1]):
			point = true
		case (b == 'e' || b == 'E') && !last && !exponent && isDigit(rest[i-1]):
			exponent = true
		case (b == '-' || b == '+') && !last && (rest[i-1] == 'e' || rest[i-1] == 'E'):
		default:
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return f, err == nil
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// number tells whether the name of a class is a number.
func number(name string) (float64, bool) { return plainNumber([]byte(name)) }

// infinite tells whether text is how programs write an infinite number.
func infinite(text []byte) bool {
	switch string(bytes.ToLower(bytes.TrimLeft(text, "+-"))) {
	case "inf", "infinity":
		return true
	}
	return false
}

// declaredLabel is the class that a value of a manifest names.
func declaredLabel(v any) string {
	if f, ok := v.(float64); ok {
		return canonicalLabel(strconv.AppendFloat(nil, f, 'g', -1, 64))
	}
	return canonicalLabel(fmt.Append(nil, v))
}

// compareLabels orders numbers by value and before texts.
func compareLabels(a, b string) int {
	x, xNumber := number(a)
	y, yNumber := number(b)
	switch {
	case xNumber && yNumber:
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
	case xNumber:
		return -1
	case yNumber:
		return 1
	}
	return cmp.Compare(a, b)
}

// matchBooleans makes true and false of some names and 1 and 0 of the others
// the same labels, by renaming the booleans: where one has only those and the
// other only these.
func matchBooleans(a, b []string) {
	only := func(names []string, words ...string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(words, n) })
	}
	booleans := a
	switch {
	case len(a) == 0 || len(b) == 0:
		return
	case only(a, "true", "false") && only(b, "0", "1"):
	case only(b, "true", "false") && only(a, "0", "1"):
		booleans = b
	default:
		return
	}
	for i, n := range booleans {
		booleans[i] = map[string]string{"true": "1", "false": "0"}[n]
	}
}

// differentlyWritten notices names on one side and their numbers on the other:
// the model gave the index of a class where the label is its name. Counted,
// that would be an accuracy of 0.
func differentlyWritten(labels, predictions []string) bool {
	all := func(names []string, want bool) bool {
		return !slices.ContainsFunc(names, func(n string) bool { _, is := number(n); return is != want })
	}
	return len(labels) > 0 && len(predictions) > 0 &&
		(all(labels, true) && all(predictions, false) || all(labels, false) && all(predictions, true))
}

// positives maps what the positive class is called to what the other one must
// be called. Of two texts it would be a guess which is positive.
var positives = []struct{ positive, negative string }{{"1", "0"}, {"1", "-1"}, {"true", "false"}, {"positive", "negative"}}

// positiveClass returns the class that is positive, "" when that is not known,
// and what is odd about it.
func positiveClass(declared any, classes []string) (name, note string) {
	if declared != nil {
		name = declaredLabel(declared)
		if slices.Contains(classes, name) {
			return name, ""
		}
		// positive: true, where the columns have 1 and 0.
		if other := map[string]string{"true": "1", "false": "0", "1": "true", "0": "false"}[name]; other != "" && slices.Contains(classes, other) {
			return other, ""
		}
		return name, fmt.Sprintf("no row has %s, which positive: names, as label or prediction", strconv.Quote(clip(name)))
	}
	if len(classes) > 2 {
		return "", ""
	}
	for _, d := range positives {
		outside := func(c string) bool { return c != d.positive && c != d.negative }
		if slices.Contains(classes, d.positive) || !slices.ContainsFunc(classes, outside) {
			return d.positive, ""
		}
	}
	return "", ""
}

// negativeOf is what the other class is called where the labels have only the
// positive one.
func negativeOf(positive string) string {
	for _, d := range positives {
		if d.positive == positive {
			return d.negative
		}
	}
	return "not " + positive
}
