package profile

import (
	"math"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/table"
)

// reading is what a text can be read as.
type reading struct {
	number                      float64
	hash                        uint64 // the same as that of the typed value
	isNumber, isInteger, isBool bool
	isDate, isTime              bool // a date is a time too
	shape                       knownShape
}

// read finds out what text is. Numbers with leading zeros are hashed as
// text: 01234 and 1234 are two postcodes.
func read(text []byte) reading {
	var r reading
	if !readDecimal(&r, text) && !readInstant(&r, text) {
		r = readAny(text)
	}
	return r
}

// readAny is read of every text; the others are the fast way for some.
func readAny(text []byte) reading {
	var r reading
	if len(text) > 0 && text[0] < 'o' && !slices.ContainsFunc(text, notInNumbers) {
		if r.number, r.isNumber = table.ParseNumber(text); r.isNumber {
			readNumber(&r, text)
			return r
		}
	}
	if t, ok := table.ParseTime(text); ok {
		r.isTime, r.isDate = true, len(text) == 10
		r.hash = hashTime(t)
		return r
	}
	_, r.isBool = table.ParseBool(text)
	r.hash = hashText(text)
	return r
}

// notInNumbers tells of most texts at once that they are none.
func notInNumbers(c byte) bool {
	switch {
	case c >= '0' && c <= '9':
		return false
	case c == '-', c == '+', c == '.', c == 'e', c == 'E':
		return false
	}
	return c < 'A' || strings.IndexByte("infatyINFATY", c) < 0 // of NaN and infinity
}

// powers are those of ten that float64 holds exactly and readDecimal needs.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// readDecimal reads what most numbers in files are: at most 15 digits with or
// without a point. float64 holds them and the power of ten exactly, so that
// the quotient is rounded once (W. D. Clinger, "How to Read Floating Point
// Numbers Accurately", 1990). Of everything else it says false.
func readDecimal(r *reading, text []byte) bool {
	digits := text
	if len(text) > 0 && text[0] == '-' {
		digits = text[1:]
	}
	if len(digits) == 0 || len(digits) > 16 {
		return false
	}
	n, point := int64(0), len(digits) // point: its place
	for i, c := range digits {
		switch d := c - '0'; {
		case d <= 9:
			n = 10*n + int64(d)
		case c == '.' && point == len(digits):
			point = i
		default:
			return false
		}
	}
	whole := point == len(digits)
	places := 0
	if !whole {
		places = len(digits) - point - 1
	}
	if len(digits) == 16 && whole || len(digits) == 1 && !whole {
		return false
	}
	r.isNumber, r.isInteger = true, whole
	switch {
	case whole:
		r.shape = shapeWhole
	case places == 0:
		r.shape = shapeWhole + 1
	case point == 0:
		r.shape = shapeWhole + 2
	default:
		r.shape = shapeWhole + 3
	}
	if len(digits) < len(text) {
		r.shape += shapeNegative - shapeWhole
	}
	r.number = float64(n) / powers[places]
	if len(digits) < len(text) {
		n, r.number = -n, -r.number
	}
	switch {
	case len(digits) > 1 && digits[0] == '0' && digits[1] != '.':
		r.hash = hashText(text)
	case whole:
		r.hash = hashInt(n)
	default:
		r.hash = hashFloat(r.number)
	}
	return true
}

// readInstant reads the commonest ways to write dates and times:
// 2006-01-02, and 2006-01-02T15:04:05 with or without a fraction and a Z, or
// with a blank for the T. Of everything else it says false.
func readInstant(r *reading, text []byte) bool {
	if len(text) < 10 || text[4] != '-' || text[7] != '-' {
		return false
	}
	year, month, day := number(text[:4]), number(text[5:7]), number(text[8:10])
	if year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || day > 28 && day > daysIn(year, month) {
		return false
	}
	seconds, nanoseconds := daysSince1970(year, month, day)*86_400, 0
	shape := shapeDate
	if len(text) > 10 {
		if len(text) < 19 || text[10] != 'T' && text[10] != ' ' || text[13] != ':' || text[16] != ':' {
			return false
		}
		hour, minute, second := number(text[11:13]), number(text[14:16]), number(text[17:19])
		if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
			return false
		}
		seconds += int64(3600*hour + 60*minute + second)
		rest := text[19:]
		if shape = shapeInstant; text[10] == ' ' {
			shape = shapeBlank
		}
		if len(rest) > 0 && rest[len(rest)-1] == 'Z' {
			rest = rest[:len(rest)-1]
			shape++
		}
		if len(rest) > 0 {
			shape += 2
			if rest[0] != '.' || len(rest) < 2 || len(rest) > 10 {
				return false
			}
			if nanoseconds = number(rest[1:]); nanoseconds < 0 {
				return false
			}
			for range 10 - len(rest) {
				nanoseconds *= 10
			}
		}
	}
	r.isTime, r.isDate, r.shape = true, len(text) == 10, shape
	r.hash = hashInstant(seconds, nanoseconds)
	return true
}

// number reads at most nine digits, and is -1 when others are among them.
func number(digits []byte) int {
	n := 0
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return -1
		}
		n = 10*n + int(c)
	}
	return n
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts from March, so that a leap day is a year's last one,
// after days_from_civil of H. Hinnant, "chrono-Compatible Low-Level Date
// Algorithms". year is not negative.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	year += 400 // no divisions of negative numbers
	days := 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1
	return int64(days - 719_468 - 146_097)
}

// readNumber finishes the reading of a text that is a number.
func readNumber(r *reading, text []byte) {
	digits := text
	if digits[0] == '-' || digits[0] == '+' {
		digits = digits[1:]
	}
	whole := true
	for _, c := range digits {
		whole = whole && c >= '0' && c <= '9'
	}
	padded := len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
	if whole {
		if v, ok := table.ParseInt(text); ok {
			r.isInteger, r.hash = true, hashInt(v)
		} else if v, ok := table.ParseUint(text); ok {
			r.isInteger, r.hash = true, hashUint(v)
		} else {
			r.hash = hashText(text)
		}
	}
	switch {
	case padded, text[0] == '+', len(text) > 24: // longer than any float64 in its shortest form
		r.hash = hashText(text)
	case whole:
	case math.IsNaN(r.number):
		r.hash = hashFloat(math.NaN())
	default:
		r.hash = hashFloat(r.number)
	}
}
