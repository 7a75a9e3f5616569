package table

import (
	"math"
	"strconv"
	"time"
)

// ParseNumber reads a decimal integer or floating point number, or nan and
// inf in any case. Hexadecimal, underscores and surrounding space are not
// numbers in data files.
func ParseNumber(b []byte) (float64, bool) {
	if len(b) == 0 || len(b) > 1024 {
		return 0, false
	}
	if f, ok := shortInteger(b); ok {
		return f, true
	}
	switch c := b[0]; {
	case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'n', c == 'N', c == 'i', c == 'I':
	default:
		return 0, false // strconv would allocate an error for every word
	}
	for _, c := range b {
		if c == '_' || c == 'x' || c == 'X' || c == 'p' || c == 'P' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, err == nil
}

// shortInteger is the fast way for what most numbers in files are: up to 15
// digits, which a float64 holds exactly.
func shortInteger(b []byte) (float64, bool) {
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 15 {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if b[0] == '-' {
		if n == 0 {
			return math.Copysign(0, -1), true
		}
		n = -n
	}
	return float64(n), true
}

// ParseInt reads a decimal integer that fits into int64.
func ParseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil
}

// ParseUint reads a decimal integer that fits into uint64.
func ParseUint(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	return n, err == nil
}

// ParseBool reads true and false, in lower, upper or title case.
func ParseBool(b []byte) (value, ok bool) {
	switch string(b) {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// layouts are the forms of ISO 8601 that data files use; RFC 3339 is among
// them. Go accepts fractions of a second after any of them.
var layouts = []string{
	time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04",
}

// ParseDate reads a date like 2006-01-02.
func ParseDate(b []byte) (time.Time, bool) {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateOnly, string(b))
	return t, err == nil
}

// ParseTime reads a date, or a date and time, as ISO 8601 writes them.
// Without a zone it is UTC.
func ParseTime(b []byte) (time.Time, bool) {
	if len(b) < 10 || len(b) > 40 || b[4] != '-' || b[7] != '-' {
		return time.Time{}, false
	}
	if len(b) == 10 {
		return ParseDate(b)
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, string(b)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
