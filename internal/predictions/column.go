package predictions

import (
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/table"
)

// form is how a column is kept in memory.
type form int8

const (
	coded   form = iota // few different values: their numbers
	numeric             // numbers
	textual             // texts
	listed              // lists of classes
	useless             // too many different values for a slice; nothing is kept
)

const (
	maxSpellings = 4 * MaxClasses // 1, 1.0 and 1.00 are one class
	maxTextBytes = 2 << 30        // of a column of texts, or of the different lists
)

// column collects the values of a column without knowing yet what they are:
// classes, numbers, texts or lists. It begins with what fits the first value,
// and changes its form when a later one does not fit.
type column struct {
	role string
	// fixed says that the form is decided: the task is known.
	fixed bool
	slice bool // values that slices are made of: never texts or lists
	form  form

	// coded: codes are places in spellings; -1 where there is no value. listed:
	// places in sets.
	codes     []int32
	spellings []spelling
	bySpell   map[string]int32
	byName    map[string]int32
	names     []string
	short     [256]int32 // place of the spelling of one byte, plus 1

	numbers []float64 // NaN where there is none
	bad     bool      // a value is not missing, but no finite number

	texts  []string
	absent []int32 // rows without a text
	size   int64   // bytes of texts and of the spellings of lists

	sets [][]int32

	buf []byte
}

type spelling struct {
	text string
	name int32 // place in names; -1 where it says that there is no value
}

func newColumn(role string, f form, fixed bool) *column {
	return &column{role: role, form: f, fixed: fixed, bySpell: map[string]int32{}, byName: map[string]int32{}}
}

// cellError says what is wrong with one value.
type cellError struct {
	row    int // of the batch
	reason string
}

func (e *cellError) Error() string { return e.reason }

// count is how many rows are to be added: those given, or all of the batch.
func count(b *table.Batch, rows []int32) int {
	if rows != nil {
		return len(rows)
	}
	return b.Rows
}

func at(rows []int32, j int) int {
	if rows != nil {
		return int(rows[j])
	}
	return j
}

// add appends the values of the rows given, or of all when rows is nil.
func (c *column) add(from *table.Column, b *table.Batch, rows []int32) error {
	n := count(b, rows)
	var dict []int32 // codes of from's dictionary, plus 2
	for j := 0; j < n; j++ {
		i := at(rows, j)
		if from == nil || from.Null(i) {
			c.addNull()
			continue
		}
		if c.form == numeric {
			c.addNumber(from, i)
			continue
		}
		if from.Dict != nil && c.form == coded {
			code := int(from.Codes[i])
			if more := code + 1 - len(dict); more > 0 {
				dict = append(dict, make([]int32, more)...)
			}
			if dict[code] > 0 {
				c.codes = append(c.codes, dict[code]-2)
				continue
			}
			if err := c.addText(from, i); err != nil {
				return &cellError{i, err.Error()}
			}
			if c.form == coded {
				dict[code] = c.codes[len(c.codes)-1] + 2
			}
			continue
		}
		if err := c.addText(from, i); err != nil {
			return &cellError{i, err.Error()}
		}
	}
	return nil
}

func (c *column) addNull() {
	switch c.form {
	case coded, listed:
		c.codes = append(c.codes, -1)
	case numeric:
		c.numbers = append(c.numbers, math.NaN())
	case textual:
		c.absent = append(c.absent, int32(len(c.texts)))
		c.texts = append(c.texts, "")
	}
}

func (c *column) addNumber(from *table.Column, i int) {
	f, ok := from.Float(i)
	if !ok {
		// JSON writes NaN as text, and booleans may stand for 1 and 0.
		c.buf = from.AppendText(c.buf[:0], i)
		v, isBool := table.ParseBool(c.buf)
		switch {
		case isBool && v:
			f, ok = 1, true
		case isBool:
			f, ok = 0, true
		case canonicalLabel(c.buf) == "":
			f, ok = math.NaN(), true
		case c.slice:
			c.drop()
			return
		}
	}
	c.putNumber(f, ok)
}

func (c *column) putNumber(f float64, ok bool) {
	if !ok || math.IsInf(f, 0) {
		c.bad = true
		f = math.NaN()
	}
	c.numbers = append(c.numbers, f)
}

// addText appends a value that is to be kept as it is written.
func (c *column) addText(from *table.Column, i int) error {
	var text []byte
	kind := table.Untyped
	switch at, j := from.At(i); at.Kind(j) {
	case table.Untyped, table.String:
		text = at.Bytes(j)
	default:
		kind = at.Kind(j)
		c.buf = from.AppendText(c.buf[:0], i)
		text = c.buf
	}
	switch {
	case c.form == useless:
		return nil
	case kind == table.Struct || kind == table.List && (c.slice || c.fixed && c.form != listed):
		if c.slice {
			c.drop()
			return nil
		}
		return fmt.Errorf("is a %s; a %s is a single value", kind, c.role)
	case c.form == coded && !c.slice && !c.fixed && len(c.spellings) == 0 && (kind == table.List || isList(text)):
		c.form = listed
	case c.form == coded && kind == table.List:
		return fmt.Errorf("is a list, and in rows before it stands a single value")
	}
	switch c.form {
	case listed:
		return c.addList(text)
	case textual:
		return c.keep(text)
	}
	return c.addCode(text)
}

func (c *column) keep(text []byte) error {
	if c.size += int64(len(text)); c.size > maxTextBytes {
		return fmt.Errorf("the texts of the column have more than %d GB", maxTextBytes>>30)
	}
	c.texts = append(c.texts, string(text))
	return nil
}

// addCode appends one of few different values.
func (c *column) addCode(text []byte) error {
	if len(text) == 1 {
		if code := c.short[text[0]]; code > 0 {
			c.codes = append(c.codes, code-1)
			return nil
		}
	}
	code, known := c.bySpell[string(text)]
	if !known {
		name := ""
		if len(text) <= maxLabel {
			name = canonicalLabel(text)
		}
		id, named := c.byName[name]
		switch {
		case name == "" && len(text) <= maxLabel:
			id = -1
		case len(text) > maxLabel || len(c.spellings) == maxSpellings || !named && len(c.names) == MaxClasses:
			return c.change(text)
		case !named:
			id = int32(len(c.names))
			c.names = append(c.names, name)
			c.byName[name] = id
		}
		code = int32(len(c.spellings))
		c.spellings = append(c.spellings, spelling{string(text), id})
		c.bySpell[string(text)] = code
		if len(text) == 1 {
			c.short[text[0]] = code + 1
		}
	}
	c.codes = append(c.codes, code)
	return nil
}

// drop gives up a column that cannot be a slice.
func (c *column) drop() {
	*c = column{role: c.role, slice: true, form: useless}
}

// name returns the place of the name of row i, -1 where there is no value.
func (c *column) name(i int) int32 {
	code := c.codes[i]
	if code < 0 {
		return code
	}
	return c.spellings[code].name
}

// pick keeps the values of the rows given, in that order.
func (c *column) pick(rows []int32) {
	c.codes, c.numbers, c.texts = pick(c.codes, rows), pick(c.numbers, rows), pick(c.texts, rows)
	if len(c.absent) == 0 {
		return
	}
	absent := make(map[int32]bool, len(c.absent))
	for _, i := range c.absent {
		absent[i] = true
	}
	c.absent = nil
	for i, row := range rows {
		if absent[row] {
			c.absent = append(c.absent, int32(i))
		}
	}
}

func pick[T any](from []T, rows []int32) []T {
	if from == nil {
		return nil
	}
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = from[row]
	}
	return out
}
