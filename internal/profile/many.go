package profile

import (
	"math"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/table"
)

// numbers are what a column's statistics are about.
type numbers struct {
	count, nans int64 // finite, and not
	min, max    float64
	sum, sq     exactSum
	spread      *buckets
}

func (s *numbers) add(v float64, n int64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		s.nans += n
		return
	}
	s.extend(v, v)
	s.count += n
	s.sum.addProduct(v, float64(n))
	square := v * v // exactly: the rounded product and what rounding lost
	s.sq.addProduct(square, float64(n))
	s.sq.addProduct(math.FMA(v, v, -square), float64(n))
	s.spread.add(v, n)
}

func (s *numbers) extend(low, high float64) {
	if s.count == 0 {
		s.min, s.max = low, high
	}
	s.min, s.max = min(s.min, low), max(s.max, high)
}

func (s *numbers) merge(o *numbers) {
	if o.count > 0 {
		s.extend(o.min, o.max)
	}
	s.count += o.count
	s.nans += o.nans
	s.sum.merge(&o.sum)
	s.sq.merge(&o.sq)
	s.spread.merge(o.spread)
}

// conforming counts rows by what their text can be read as.
type conforming struct{ integers, numbers, dates, times, bools int64 }

func (f *conforming) add(r *reading, n int64) {
	switch {
	case r.isNumber:
		f.numbers += n
		if r.isInteger {
			f.integers += n
		}
	case r.isTime:
		f.times += n
		if r.isDate {
			f.dates += n
		}
	case r.isBool:
		f.bools += n
	}
}

func (f *conforming) merge(o *conforming) {
	f.integers += o.integers
	f.numbers += o.numbers
	f.dates += o.dates
	f.times += o.times
	f.bools += o.bools
}

// many is what is known of a column of more than MaxDistinct values.
type many struct {
	numbers
	conforming
	texts                int64 // rows that what follows is about
	chars                int64
	minLength, maxLength int64
	minText, maxText     string
	shapes               shapes
	distinct             *hyperLogLog
	frequent             *frequent

	fixedTexts         bool // minText and maxText are of fixed-width values
	fixed              bool // there are minFixed and maxFixed
	minFixed, maxFixed int64
	scratch            []byte
}

func newMany() *many {
	return &many{numbers: numbers{spread: newBuckets()}, distinct: newHyperLogLog(), frequent: newFrequent()}
}

// addFixedValues is addValues of values of a fixed-width type by their bits.
func (m *many) addFixedValues(t table.Type, few []tally) {
	m.frequent.room = len(few)
	for _, v := range few {
		m.addFixed(fixedColumn(t, v.key), 0, v.n)
	}
	m.frequent.room = 0
	m.frequent.shrink()
}

// addValues takes what was counted while values were few. All of them become
// candidates before the rarest go, so their order does not matter.
func (m *many) addValues(few []value) {
	m.frequent.shrink()
	m.frequent.room = len(few)
	for i := range few {
		m.addValue(&few[i])
	}
	m.frequent.room = 0
	m.frequent.shrink()
}

func (m *many) addValue(v *value) {
	m.observe(v)
	m.distinct.add(v.hash)
	c := m.frequent.find(v.hash)
	c.count += v.rows
	c.text, c.late = v.text, textThere
}

// observe takes all of a value but what only sketches need.
func (m *many) observe(v *value) {
	if v.isNumber {
		m.numbers.add(v.number, v.rows)
	}
	if !v.typed {
		m.conforming.add(&v.reading, v.rows)
		m.measure([]byte(v.text), v.chars, v.rows, v.shape)
	} else if !v.isNumber {
		m.extremes(v.text, v.text)
	}
}

// extremes widens what lies between minText and maxText. Times come before
// others as times, not as text: a fraction of a second sorts before a Z.
func (m *many) extremes(low, high string) {
	before := func(a, b string) bool {
		s, ok := table.ParseTime([]byte(a))
		if t, alsoOK := table.ParseTime([]byte(b)); ok && alsoOK {
			return s.Before(t)
		}
		return a < b
	}
	if !m.fixedTexts || before(low, m.minText) {
		m.minText = low
	}
	if !m.fixedTexts || before(m.maxText, high) {
		m.maxText = high
	}
	m.fixedTexts = true
}

// measure accounts for a text, whose shape may be known.
func (m *many) measure(text []byte, chars, n int64, shape knownShape) {
	if m.texts == 0 {
		m.minLength, m.minText, m.maxText = chars, string(text), string(text)
	}
	m.minLength, m.maxLength = min(m.minLength, chars), max(m.maxLength, chars)
	if string(text) < m.minText {
		m.minText = string(text)
	} else if string(text) > m.maxText {
		m.maxText = string(text)
	}
	m.texts += n
	m.chars += chars * n
	switch {
	case m.shapes.over:
	case shape != shapeUnknown:
		m.shapes.addKnown(shape, n)
	default:
		m.scratch = appendShape(m.scratch[:0], text)
		m.shapes.add(m.scratch, n)
	}
}

func (m *many) addText(text []byte, n int64) {
	chars := int64(utf8.RuneCount(text))
	if len(text) > MaxExample {
		text = shorten(text)
	}
	r := read(text)
	m.conforming.add(&r, n)
	if r.isNumber {
		m.numbers.add(r.number, n)
	}
	m.measure(text, chars, n, r.shape)
	m.distinct.add(r.hash)
	m.frequent.addText(r.hash, text, n)
}

// fixedHash is the hash of a fixed-width value; read gives its text the same.
func fixedHash(col *table.Column, i int) uint64 {
	switch col.Type.Kind {
	case table.Int:
		return hashInt(col.Ints[i])
	case table.Uint:
		return hashUint(uint64(col.Ints[i]))
	case table.Float:
		return hashFloat(math.Float64frombits(fixedBits(col, i)))
	case table.Date, table.Timestamp:
		at, _ := col.When(i)
		return hashTime(at)
	}
	return hashText(col.AppendText(nil, i))
}

// addFixed takes a fixed-width value without making its text.
func (m *many) addFixed(col *table.Column, i int, n int64) {
	switch col.Type.Kind { // what is common, without asking for the kind again
	case table.Int:
		v := col.Ints[i]
		m.count(hashInt(v), uint64(v), n)
		m.numbers.add(float64(v), n)
	case table.Float:
		v := fixedBits(col, i)
		m.count(hashFloat(math.Float64frombits(v)), v, n)
		m.numbers.add(col.Floats[i], n)
	case table.Timestamp:
		v := col.Ints[i]
		m.count(hashUnits(v, col.Type.Unit), uint64(v), n)
		m.extendFixed(v)
	default:
		v := fixedBits(col, i)
		m.count(fixedHash(col, i), v, n)
		if number, ok := col.Float(i); ok {
			m.numbers.add(number, n)
		} else {
			m.extendFixed(int64(v))
		}
	}
}

func (m *many) count(hash, v uint64, n int64) {
	m.distinct.add(hash)
	m.frequent.addFixed(hash, v, n)
}

func (m *many) extendFixed(v int64) {
	if !m.fixed {
		m.fixed, m.minFixed, m.maxFixed = true, v, v
	}
	m.minFixed, m.maxFixed = min(m.minFixed, v), max(m.maxFixed, v)
}

// settle makes the texts of fixed-width values.
func (m *many) settle(t table.Type) {
	m.frequent.shrink()
	text := func(v uint64) string { return fixedColumn(t, v).Text(0) }
	m.frequent.settle(text)
	if m.fixed {
		m.extremes(text(uint64(m.minFixed)), text(uint64(m.maxFixed)))
		m.fixed = false
	}
}

func (m *many) merge(o *many) {
	m.numbers.merge(&o.numbers)
	m.conforming.merge(&o.conforming)
	if o.fixedTexts {
		m.extremes(o.minText, o.maxText)
	}
	if o.texts > 0 {
		if m.texts == 0 {
			m.minLength = o.minLength
			if !m.fixedTexts {
				m.minText, m.maxText = o.minText, o.maxText
			}
		}
		m.minLength, m.maxLength = min(m.minLength, o.minLength), max(m.maxLength, o.maxLength)
		m.minText, m.maxText = min(m.minText, o.minText), max(m.maxText, o.maxText)
	}
	m.texts += o.texts
	m.chars += o.chars
	m.shapes.merge(&o.shapes)
	m.distinct.merge(o.distinct)
	m.frequent.merge(o.frequent)
}
