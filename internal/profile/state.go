package profile

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// A column's state begins with its version. The hashes of distinct.go and the
// buckets of quantile.go belong to the format.
const (
	stateVersion = 1 // of level 0
	stateLeveled = 2 // the level follows, and registers are packed
)

// maxCount is the most rows a state may claim: counts stay exact in JSON and
// sums of many states in int64.
const maxCount = 1 << 53

// appendState writes what merging needs. Equal summaries have equal states.
func (c *columnSummary) appendState(b []byte) []byte {
	c.settle()
	if c.level == 0 {
		b = append(b, stateVersion)
	} else {
		b = append(b, stateLeveled, byte(c.level))
	}
	b = appendString(b, c.typ)
	b = appendCounts(b, c.rows, c.nulls)
	if c.many == nil {
		b = append(b, 0)
		return appendValues(b, c.few)
	}
	b = append(b, 1)
	return c.many.appendState(b, c.level)
}

func appendValues(b []byte, few []value) []byte {
	sorted := make([]*value, len(few))
	for i := range few {
		sorted[i] = &few[i]
	}
	slices.SortFunc(sorted, func(v, w *value) int { return strings.Compare(v.text, w.text) })
	b = binary.AppendUvarint(b, uint64(len(few)))
	for _, v := range sorted {
		b = appendString(b, v.text)
		b = appendCounts(b, v.rows, v.chars)
		if !v.typed {
			b = append(b, 0)
			continue
		}
		number := byte(0)
		if v.isNumber {
			number = 1
		}
		b = append(b, 1, number)
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v.number))
		b = binary.LittleEndian.AppendUint64(b, v.hash)
	}
	return b
}

func (m *many) appendState(b []byte, l level) []byte {
	n := &m.numbers
	b = appendCounts(b, n.count, n.nans)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(n.min))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(n.max))
	b = n.sum.appendState(b)
	b = n.sq.appendState(b)
	n.spread.finish()
	b = appendCounts(b, int64(n.spread.shift), int64(n.spread.counts.used))
	last := uint64(0)
	for _, t := range n.spread.counts.sorted() {
		b = binary.AppendUvarint(b, t.key-last)
		b = appendCounts(b, t.n)
		last = t.key
	}
	f := &m.conforming
	b = appendCounts(b, f.integers, f.numbers, f.dates, f.times, f.bools)
	b = appendCounts(b, m.texts, m.chars, m.minLength, m.maxLength)
	b = append(b, flag(m.fixedTexts))
	b = appendString(appendString(b, m.minText), m.maxText)
	b = append(b, flag(m.shapes.over))
	b = binary.AppendUvarint(b, uint64(len(m.shapes.counts)))
	for _, s := range slices.SortedFunc(slices.Values(m.shapes.counts), func(s, t Count) int { return cmp.Compare(s.Value, t.Value) }) {
		b = appendCounts(appendString(b, s.Value), s.Rows)
	}
	if l == 0 {
		b = append(b, m.distinct.registers...)
	} else {
		b = m.distinct.appendPacked(b)
	}
	m.frequent.shrink()
	b = appendCounts(b, m.frequent.lost, int64(len(m.frequent.entries)))
	for _, e := range slices.SortedFunc(slices.Values(m.frequent.entries), func(d, e candidate) int { return cmp.Compare(d.hash, e.hash) }) {
		b = binary.LittleEndian.AppendUint64(b, e.hash)
		b = appendCounts(appendString(b, e.text), e.count)
	}
	return b
}

func (s *exactSum) appendState(b []byte) []byte {
	s.carry()
	b = append(b, flag(s.tooBig))
	for _, c := range s.chunks {
		b = binary.AppendVarint(b, c)
	}
	return b
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendCounts(b []byte, counts ...int64) []byte {
	for _, n := range counts {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// errState is wrapped by errors about states that no version wrote.
var errState = errors.New("the state is damaged")

// decoder reads a state that anybody may have written. After the first
// mistake it reads zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errState, what)
	}
	d.b = nil
}

func (d *decoder) take(n int) []byte {
	if n > len(d.b) {
		d.fail("it is cut short")
		return make([]byte, min(n, hllSize))
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("a number is cut short")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads a number that is at most limit.
func (d *decoder) count(limit int64) int64 {
	v := d.uvarint()
	if v > uint64(limit) {
		d.fail(fmt.Sprintf("a count is %d, at most %d is possible", v, limit))
		return 0
	}
	return int64(v)
}

func (d *decoder) flag() bool {
	v := d.take(1)[0]
	if v > 1 {
		d.fail("a flag is neither 0 nor 1")
	}
	return v == 1
}

func (d *decoder) word() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }

func (d *decoder) finite() float64 {
	v := math.Float64frombits(d.word())
	if math.IsNaN(v) || math.IsInf(v, 0) {
		d.fail("a number is not finite")
		return 0
	}
	return v
}

func (d *decoder) text() string { return string(d.take(int(d.count(MaxExample)))) }

// decodeState reads a state of a table of so many rows.
func decodeState(name string, state []byte, tableRows int64) (*columnSummary, error) {
	d := &decoder{b: state}
	v := d.take(1)[0]
	if d.err == nil && v != stateVersion && v != stateLeveled {
		return nil, fmt.Errorf("%w: its version is %d, this waybill reads %d; update waybill", errState, v, stateLeveled)
	}
	c := &columnSummary{name: name}
	if v == stateLeveled {
		if c.level = level(d.count(maxLevel)); c.level == 0 {
			d.fail("it has no level")
		}
	}
	c.typ = d.text()
	c.rows = d.count(tableRows)
	c.nulls = d.count(c.rows)
	if d.flag() {
		c.many = d.many(c.newMany(), c.level, c.rows-c.nulls)
	} else {
		d.values(c)
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail("something follows its end")
	}
	return c, d.err
}

func (d *decoder) values(c *columnSummary) {
	left := c.rows - c.nulls
	for range d.count(int64(c.level.distinct())) {
		v := value{text: d.text()}
		v.rows = d.count(left)
		left -= v.rows
		v.chars = d.count(math.MaxUint32) // longer records are not read
		v.reading = read([]byte(v.text))
		if v.typed = d.flag(); v.typed {
			v.isNumber = d.flag()
			v.number, v.hash = math.Float64frombits(d.word()), d.word()
		}
		if _, twice := c.index[v.text]; twice || v.rows == 0 {
			d.fail("a value is there twice, or without rows")
		}
		if d.err != nil {
			return
		}
		c.insert(v)
	}
	if left != 0 {
		d.fail("the rows of its values do not add up")
	}
}

// many reads the state of a column with so many rows that are not null.
func (d *decoder) many(m *many, l level, rows int64) *many {
	d.numbers(&m.numbers, rows)
	f := &m.conforming
	for _, n := range []*int64{&f.integers, &f.numbers, &f.dates, &f.times, &f.bools, &m.texts} {
		*n = d.count(rows)
	}
	m.chars = d.count(math.MaxInt64 >> 8)
	m.minLength, m.maxLength = d.count(math.MaxUint32), d.count(math.MaxUint32)
	m.fixedTexts = d.flag()
	m.minText, m.maxText = d.text(), d.text()
	m.shapes.over = d.flag()
	for range d.count(int64(l.shapes())) {
		shape := d.text()
		m.shapes.add([]byte(shape), d.count(rows))
		if d.err != nil || !utf8.ValidString(shape) {
			d.fail("a pattern is not text")
			return m
		}
	}
	if l == 0 {
		copy(m.distinct.registers, d.take(hllSize))
	} else {
		d.packed(m.distinct.registers)
	}
	if slices.Max(m.distinct.registers) > hllMax {
		d.fail("a register of the estimate of distinct values is too large")
	}
	m.frequent.lost = d.count(rows)
	left := rows
	for range d.count(int64(l.frequent())) {
		hash := d.word()
		text := d.text()
		n := d.count(left)
		left -= n
		e := m.frequent.find(hash)
		if e.count != 0 || n == 0 {
			d.fail("a frequent value is there twice, or without rows")
		}
		e.text, e.count = text, n
		if d.err != nil {
			break
		}
	}
	return m
}

func (d *decoder) numbers(n *numbers, rows int64) {
	n.count = d.count(rows)
	n.nans = d.count(rows - n.count)
	n.min, n.max = d.finite(), d.finite()
	if n.min > n.max {
		d.fail("the smallest number is above the largest")
	}
	d.sum(&n.sum)
	d.sum(&n.sq)
	n.spread.shift = uint(d.count(maxShift))
	left, key := n.count, uint64(0)
	for i := range d.count(int64(n.spread.level.buckets())) {
		step := d.uvarint()
		key += step
		rows := d.count(left)
		left -= rows
		if low := disorder(key << n.spread.shift); i > 0 && step == 0 || key < step || rows == 0 || key<<n.spread.shift>>n.spread.shift != key || math.IsNaN(low) {
			d.fail("the buckets of numbers are not in order")
		}
		if d.err != nil {
			return
		}
		n.spread.counts.add(key, rows)
	}
	if left != 0 {
		d.fail("the rows of its numbers do not add up")
	}
}

func (d *decoder) sum(s *exactSum) {
	s.tooBig = d.flag()
	for i := range s.chunks {
		v, n := binary.Varint(d.b)
		// After a carry all but the last are below 2^32.
		if n <= 0 || i < len(s.chunks)-1 && v>>chunkBits != 0 || v > maxCount || v < -maxCount {
			d.fail("a sum is not one")
			return
		}
		d.b = d.b[n:]
		s.chunks[i] = v
	}
}
