package table

import (
	"encoding/json"
	"math"
	"unicode/utf8"
)

// Fit says how values of one type fit into a declared one.
type Fit uint8

const (
	Never   Fit = iota
	Always      // every value fits
	ByValue     // it depends on the value; see Conforms
)

// Fits compares the type of a file's column with a declared one. Numbers may
// be stored wider than declared (pandas writes int64 for everything), as long
// as every value fits; a change of family (a number that became text, an
// integer that became a float) does not fit.
func Fits(have, want Type) Fit {
	switch {
	case have.Kind == Untyped:
		return ByValue
	case want.Kind == Int || want.Kind == Uint:
		if have.Kind != Int && have.Kind != Uint {
			return Never
		}
		if have.Kind == want.Kind && have.Bits <= want.Bits || have.Kind == Uint && have.Bits < want.Bits {
			return Always
		}
		return ByValue
	case want.Kind == Float && (have.Kind == Int || have.Kind == Uint),
		want.Kind == Decimal && (have.Kind == Int || have.Kind == Uint),
		want.Kind == Bytes && have.Kind == String:
		return Always
	case want.Kind == String && have.Kind == Bytes:
		return ByValue // writers of old leave out that bytes are text
	case want.Kind == have.Kind:
		return Always
	}
	return Never
}

// Conforms tells whether the value of row i is one of the declared type. A
// null conforms to everything.
func (c *Column) Conforms(i int, want Type) bool {
	if c.Null(i) {
		return true
	}
	c, i = c.At(i)
	switch Fits(c.Type, want) {
	case Always:
		return true
	case Never:
		return false
	}
	if c.Type.Kind == Int || c.Type.Kind == Uint {
		return inRange(c.Type.Kind, c.Ints[i], want)
	}
	b := c.Bytes(i)
	if c.Type.Kind == Bytes {
		return utf8.Valid(b)
	}
	if c.Cells != nil && !cellFits(c.Cells[i], want.Kind) {
		return false
	}
	return textConforms(b, want)
}

// inRange tells whether an integer fits into a narrower type.
func inRange(kind Kind, v int64, want Type) bool {
	if want.Kind == Uint {
		return (kind == Uint || v >= 0) && uint64(v)>>1 <= 1<<(want.Bits-1)-1
	}
	if kind == Uint && v < 0 {
		return false // past int64
	}
	limit := int64(1)<<(want.Bits-1) - 1
	return v <= limit && v >= -limit-1
}

// cellFits compares the kind of a JSON value with a declared one.
func cellFits(cell, want Kind) bool {
	switch want {
	case Int, Uint:
		return cell == Int
	case Float, Decimal:
		return cell == Int || cell == Float
	case String, Bytes, Date, Timestamp:
		return cell == String
	}
	return cell == want
}

func textConforms(b []byte, want Type) bool {
	switch want.Kind {
	case Bool:
		_, ok := ParseBool(b)
		return ok
	case Int:
		v, ok := ParseInt(b)
		return ok && inRange(Int, v, want)
	case Uint:
		v, ok := ParseUint(b)
		return ok && inRange(Uint, int64(v), want)
	case Float:
		_, ok := ParseNumber(b)
		return ok
	case Decimal:
		f, ok := ParseNumber(b)
		return ok && !math.IsNaN(f) && !math.IsInf(f, 0)
	case Date:
		_, ok := ParseDate(b)
		return ok
	case Timestamp:
		_, ok := ParseTime(b)
		return ok
	case List:
		return len(b) > 0 && b[0] == '[' && json.Valid(b)
	case Struct:
		return len(b) > 0 && b[0] == '{' && json.Valid(b)
	}
	return true
}
