package profile

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/table"
)

// Key asks which rows have equal values in several columns together.
type Key struct {
	Columns []string
	Nulls   NullRule
	// Sides, by the number of a file, are 1 and 2 for the files whose rows are
	// compared with each other, rather than each row with all before it. nil
	// compares all.
	Sides []int8
	// Typed says that the columns have the same types in all files, so that
	// values can be compared as they are stored rather than as text, which is
	// the same and cheaper.
	Typed bool
	// Across says that the rows are compared with those of other data, by
	// CompareKeys, rather than with each other.
	Across bool
}

// NullRule says what nulls mean to a Key.
type NullRule uint8

const (
	NullsEqual  NullRule = iota // null is a value like any other
	SkipAnyNull                 // rows with a null in any of the columns are not compared
	SkipAllNull                 // rows with nulls in all columns are not compared
)

// ID is equal for equal keys.
func (k Key) ID() string {
	return fmt.Sprintf("%d %v %v %s", k.Nulls, k.Across, k.Sides, strings.Join(k.Columns, "\x00"))
}

// AddKey asks for a compound key.
func (n *Needs) AddKey(k Key) {
	for _, c := range k.Columns {
		n.Add(c, 0)
	}
	if !slices.ContainsFunc(n.Keys, func(o Key) bool { return o.ID() == k.ID() }) {
		n.Keys = append(n.Keys, k)
	}
}

// KeyFacts is what was found about a Key.
type KeyFacts struct {
	Rows    int64 // that were compared; with sides, those of side 2
	Against int64 // with sides, the rows of side 1
	Skipped int64 // rows left out for their nulls
	// Repeated counts rows whose values occurred in a row before or, with
	// sides, rows of side 2 whose values occur on side 1.
	Repeated   int64
	RepeatedOf []Duplicate // the first of them, without values

	across *keySet // of a Key that asks for it
}

// compound collects the rows of one Key. Values are compared as text, so that
// those of files of different formats can be equal.
type compound struct {
	key   Key
	set   keySet
	facts KeyFacts
	text  []byte
}

func (s *compound) observe(b *table.Batch) error {
	columns := make([]*table.Column, len(s.key.Columns))
	for j, name := range s.key.Columns {
		columns[j] = b.Column(name)
	}
	side := s.side(b.File)
	if s.key.Sides != nil && side == 0 {
		return nil
	}
	for i := range b.Rows {
		nulls := s.encode(columns, i)
		if s.key.Nulls == SkipAnyNull && nulls > 0 || s.key.Nulls == SkipAllNull && nulls == len(columns) {
			s.facts.Skipped++
			continue
		}
		if side == 1 {
			s.facts.Against++
		} else {
			s.facts.Rows++
		}
		hi, lo := textKey(s.text)
		if err := s.set.addKey(key{hi, lo, uint32(b.File), uint64(b.Row(i))}); err != nil {
			return err
		}
	}
	return nil
}

// encode writes row i to s.text, such that different rows are different there,
// and counts its nulls.
func (s *compound) encode(columns []*table.Column, i int) (nulls int) {
	s.text = s.text[:0]
	for _, c := range columns {
		if c == nil || c.Null(i) {
			nulls++
			s.text = append(s.text, 0)
			continue
		}
		if s.key.Typed && !s.key.Across { // the other data may have other types
			s.encodeTyped(c.At(i))
			continue
		}
		// A one, the length, the text.
		at := len(s.text)
		s.text = append(s.text, 1, 0, 0, 0, 0)
		s.text = c.AppendText(s.text, i)
		binary.LittleEndian.PutUint32(s.text[at+1:], uint32(len(s.text)-at-5))
	}
	return nulls
}

// encodeTyped writes the value at i, of a column of which all files have the
// same type: its length and one, then its bytes. Integers are as short as can
// be, so that keys of a few of them mostly need no hash.
func (s *compound) encodeTyped(c *table.Column, i int) {
	switch c.Type.Kind {
	case table.Bool:
		b := byte(0)
		if c.Bools[i] {
			b = 1
		}
		s.text = append(s.text, 2, b)
	case table.Int, table.Uint, table.Date, table.Time, table.Timestamp:
		v := uint64(c.Ints[i])
		n := (bits.Len64(v) + 7) / 8
		s.text = append(s.text, byte(n+1))
		for range n {
			s.text = append(s.text, byte(v))
			v >>= 8
		}
	case table.Float:
		v := c.Floats[i]
		if v != v {
			v = math.NaN() // all of them are one text
		}
		s.text = append(s.text, 9)
		s.text = binary.LittleEndian.AppendUint64(s.text, math.Float64bits(v))
	default:
		text := c.Bytes(i)
		s.text = binary.AppendUvarint(s.text, uint64(len(text))+1)
		s.text = append(s.text, text...)
	}
}

func (s *compound) side(file int) int8 {
	if file < len(s.key.Sides) {
		return s.key.Sides[file]
	}
	return 0
}

func (s *compound) merge(o *compound) error {
	s.facts.Rows += o.facts.Rows
	s.facts.Against += o.facts.Against
	s.facts.Skipped += o.facts.Skipped
	return s.set.merge(&o.set)
}

func (s *compound) result() (*KeyFacts, error) {
	out := s.facts
	if s.key.Across {
		out.across = &s.set
		return &out, nil
	}
	var err error
	if s.key.Sides == nil {
		out.Repeated, out.RepeatedOf, err = s.set.duplicates()
	} else {
		out.Repeated, out.RepeatedOf, err = s.set.shared(s.side)
	}
	for i := range out.RepeatedOf { // their keys are no text
		out.RepeatedOf[i].Value, out.RepeatedOf[i].Known = "", false
	}
	return &out, err
}

// shared counts the rows of side 2 whose key occurs on side 1, and returns the
// first of them.
func (s *keySet) shared(side func(file int) int8) (int64, []Duplicate, error) {
	count := int64(0)
	var found []Duplicate
	var one, two []key // of the same value: the first of side 1, the first few of side 2
	rows := int64(0)   // of side 2
	finish := func() {
		if len(one) > 0 {
			count += rows
			for _, k := range two {
				found = s.keepFirst(found, one[0], k)
			}
		}
		one, two, rows = one[:0], two[:0], 0
	}
	var last key
	err := s.each(func(k key) {
		if !k.same(last) {
			finish()
		}
		last = k
		switch side(int(k.file)) {
		case 1:
			if len(one) == 0 {
				one = append(one, k)
			}
		case 2:
			if rows++; len(two) < MaxPlaces {
				two = append(two, k)
			}
		}
	})
	finish()
	return count, found, err
}
