package evaluate

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// maxLabel is the longest text that can be a label, in bytes. Free text is
// no label.
const maxLabel = 1024

// missing is the class of a value that is not there.
const missing int32 = -1

// classSet gives every label a number, in the order of appearance.
type classSet struct {
	ids   map[string]int32 // by text as it stands in the file, and by name
	names []string
}

// id returns the class of the label that text is, or missing. It fails when
// text is none, or one too many.
func (s *classSet) id(text []byte) (int32, error) {
	if id, known := s.ids[string(text)]; known {
		return id, nil
	}
	if len(text) > maxLabel {
		return 0, fmt.Errorf("a label has %d bytes, at most %d; name the column of labels, not of free text", len(text), maxLabel)
	}
	name := canonicalLabel(text)
	if name == "" {
		return missing, nil
	}
	id, known := s.ids[name]
	if !known {
		if len(s.names) == MaxClasses {
			return 0, fmt.Errorf("there are more than %d different labels; are they numbers to be estimated? Only classes can be evaluated", MaxClasses)
		}
		id = int32(len(s.names))
		s.names = append(s.names, name)
		s.ids[name] = id
	}
	// Other spellings are remembered to save the work, not all of them, since
	// a number has endlessly many.
	if len(s.ids) < 4*MaxClasses {
		s.ids[string(text)] = id
	}
	return id, nil
}

// canonicalLabel returns the one form of a label, "" for none.
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
	if len(rest) == 0 || len(rest) > 40 || rest[0] < '0' || rest[0] > '9' || len(rest) > 1 && rest[0] == '0' && isDigit(rest[1]) {
		return 0, false
	}
	for i, b := range rest {
		last := i == len(rest)-1
		switch {
		case isDigit(b):
		case b == '.' && !last && isDigit(rest[i-1]) && isDigit(rest[i+1]):
		case (b == 'e' || b == 'E') && !last && isDigit(rest[i-1]):
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

// positiveLabel is the class that a manifest's positive: names.
func positiveLabel(v any) string {
	if f, ok := v.(float64); ok {
		return canonicalLabel(strconv.AppendFloat(nil, f, 'g', -1, 64))
	}
	return canonicalLabel(fmt.Append(nil, v))
}
