package profile

import (
	"bufio"
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/internal/table"
)

// Spill is the memory that the key sets of one run share, and the temporary
// file to which they go when it is used up.
type Spill struct {
	dir string
	max int64

	mu   sync.Mutex
	used int64 // keys in memory
	file *os.File
	end  int64
}

// DefaultSpill is the memory, in bytes, that NewSpill takes 0 for.
const DefaultSpill = 128 << 20

// NewSpill returns a Spill of memory bytes. The file is made in dir ("" the
// system's folder for such) when it is needed first.
func NewSpill(dir string, memory int64) *Spill {
	if memory == 0 {
		memory = DefaultSpill
	}
	return &Spill{dir: dir, max: memory / (2 * keyMemory)}
}

// Close removes the temporary file.
func (s *Spill) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	name := s.file.Name()
	err := errors.Join(s.file.Close(), os.Remove(name))
	s.file = nil
	return err
}

// grown accounts for n more keys in memory and returns how many a set may keep
// there now. When memory is used up, large sets go first: many small runs would
// be slow to merge.
func (s *Spill) grown(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used += int64(n)
	switch {
	case s.used <= s.max:
		return math.MaxInt
	case s.used <= s.max+s.max/2:
		return int(s.max / 16)
	}
	return 0
}

// write puts a sorted run into the file.
func (s *Spill) write(keys []key) (run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "waybill-keys-*")
		if err != nil {
			return run{}, fmt.Errorf("find duplicates: no temporary file: %w", err)
		}
		s.file = f
	}
	w := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.end), 256<<10)
	var b [keySize]byte
	for _, k := range keys {
		w.Write(k.encode(b[:]))
	}
	if err := w.Flush(); err != nil {
		return run{}, fmt.Errorf("find duplicates: write %s: %w; set TMPDIR to a larger disk", s.file.Name(), err)
	}
	r := run{s.end, int64(len(keys)) * keySize}
	s.end += r.size
	s.used -= int64(len(keys))
	return r, nil
}

type run struct{ offset, size int64 }

// key stands for a value, and says where it occurred. Numbers and texts of up
// to 15 bytes are their own key. Longer ones are known by 120 bits of their
// SHA-256: two different ones share a key by chance once in 2^120 pairs, and
// nobody knows how to make them do so on purpose in fewer than 2^60 tries.
type key struct {
	hi, lo uint64
	file   uint32
	row    uint64
}

const (
	keySize   = 28 // in the file
	keyMemory = 32 // sorting takes it twice

	tagHash  = 0xff
	tagInt   = 0xfe
	tagFloat = 0xfd
	tagBool  = 0xfc // below: the length of a text
)

func (k key) encode(b []byte) []byte {
	binary.LittleEndian.PutUint64(b, k.hi)
	binary.LittleEndian.PutUint64(b[8:], k.lo)
	binary.LittleEndian.PutUint32(b[16:], k.file)
	binary.LittleEndian.PutUint64(b[20:], k.row)
	return b
}

func decodeKey(b []byte) key {
	return key{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint32(b[16:]), binary.LittleEndian.Uint64(b[20:])}
}

func (k key) same(l key) bool { return k.hi == l.hi && k.lo == l.lo }

func (k key) place() Place { return Place{int(k.file), int64(k.row)} }

// compareKeys orders by value, then by place. It is most of the cost of
// sorting, hence the plain comparisons.
func compareKeys(a, b key) int {
	switch {
	case a.hi != b.hi:
		return cmp.Compare(a.hi, b.hi)
	case a.lo != b.lo:
		return cmp.Compare(a.lo, b.lo)
	case a.file != b.file:
		return cmp.Compare(a.file, b.file)
	}
	return cmp.Compare(a.row, b.row)
}

// makeKey returns the key of row i, which is not null. NaN equals NaN here,
// and -0 equals 0.
func makeKey(c *table.Column, i int) (hi, lo uint64) {
	c, i = c.At(i)
	switch c.Type.Kind {
	case table.Bool:
		if c.Bools[i] {
			return tagBool << 56, 1
		}
		return tagBool << 56, 0
	case table.Int, table.Uint, table.Date, table.Time, table.Timestamp:
		return tagInt << 56, uint64(c.Ints[i])
	case table.Float:
		v := c.Floats[i]
		if v == 0 {
			v = 0 // not -0
		}
		if math.IsNaN(v) {
			v = math.NaN()
		}
		return tagFloat << 56, math.Float64bits(v)
	}
	return textKey(c.Bytes(i))
}

// textKey returns the key of a text.
func textKey(text []byte) (hi, lo uint64) {
	var b [16]byte
	if len(text) < 16 {
		b[0] = byte(len(text))
		copy(b[1:], text)
	} else {
		sum := sha256.Sum256(text)
		copy(b[:], sum[:])
		b[0] = tagHash
	}
	return binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
}

// text returns the value that k was made from, of a column of type t; false
// for long texts.
func (k key) text(t table.Type) (string, bool) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	switch n := b[0]; {
	case n == tagHash:
		return "", false
	case n < 16:
		return string(b[1 : 1+n]), true
	}
	c := table.Column{Type: t, Ints: []int64{int64(k.lo)}, Floats: []float64{math.Float64frombits(k.lo)}, Bools: []bool{k.lo == 1}}
	return c.Text(0), true
}

// keySet is the keys of a column with their places. It answers only at the
// end, by sorting: a hash table of the same keys takes more memory, and misses
// the cache at each of them.
type keySet struct {
	spill *Spill
	typ   table.Type
	full  [][]key // chunks that have no room left
	keys  []key   // the chunk that grows
	many  int     // keys in full
	told  int     // keys that spill knows of
	spans []span
	runs  []run
}

const (
	// minRun keeps many small sets from writing tiny runs.
	minRun = 1 << 12
	// chunkKeys is how many keys a chunk has, so that a set grows without
	// being copied.
	chunkKeys = 1 << 14
)

func (s *keySet) size() int { return s.many + len(s.keys) }

// fill adds a chunk that grows no more.
func (s *keySet) fill(chunk []key) {
	s.full, s.many = append(s.full, chunk), s.many+len(chunk)
}

// take returns all keys in memory, sorted, and leaves none.
func (s *keySet) take() []key {
	all := s.keys
	if len(s.full) > 0 {
		all = make([]key, 0, s.size())
		for i, c := range s.full {
			all, s.full[i] = append(all, c...), nil
		}
		all = append(all, s.keys...)
	}
	s.full, s.keys, s.many = nil, nil, 0
	sortKeys(all)
	return all
}

func (s *keySet) observe(b *table.Batch, c *table.Column) error {
	if p, ok := spanOf(b, c); ok {
		s.typ = c.Type
		s.addSpan(p)
		return nil
	}
	for i := range b.Rows {
		if !c.Null(i) {
			if err := s.add(c, i, Place{b.File, b.Row(i)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *keySet) add(c *table.Column, i int, p Place) error {
	s.typ = c.Type
	hi, lo := makeKey(c, i)
	return s.addKey(key{hi, lo, uint32(p.File), uint64(p.Row)})
}

func (s *keySet) addKey(k key) error {
	if len(s.keys) >= chunkKeys {
		s.fill(s.keys)
		s.keys = make([]key, 0, chunkKeys)
	}
	s.keys = append(s.keys, k)
	if s.size()-s.told < minRun {
		return nil
	}
	return s.tell()
}

// tell reports the keys to spill and writes them out when it is full.
func (s *keySet) tell() error {
	most := s.spill.grown(s.size() - s.told)
	s.told = s.size()
	if s.size() < max(minRun, most) {
		return nil
	}
	s.told = 0
	r, err := s.spill.write(s.take())
	if err != nil {
		return err
	}
	s.runs = append(s.runs, r)
	return nil
}

func (s *keySet) merge(o *keySet) error {
	if len(s.keys) < len(o.keys) {
		s.keys, o.keys = o.keys, s.keys
	}
	for _, c := range append(o.full, o.keys) {
		if len(c) >= chunkKeys {
			s.fill(c)
			continue
		}
		if s.keys = append(s.keys, c...); len(s.keys) >= chunkKeys {
			s.fill(s.keys)
			s.keys = nil
		}
	}
	s.told += o.told
	s.runs = append(s.runs, o.runs...)
	for _, p := range o.spans {
		s.addSpan(p)
	}
	o.full, o.keys, o.many, o.spans, o.runs = nil, nil, 0, nil, nil
	return s.tell()
}

// Duplicate is a row with the value of one before.
type Duplicate struct {
	First, Again Place
	Value        string // where Known
	Known        bool   // false for texts of 16 bytes and more, of which only the hash is kept
}

// duplicates counts the rows whose value occurred before, and returns the
// first of them.
func (s *keySet) duplicates() (int64, []Duplicate, error) {
	if s.apart() {
		return 0, nil, nil
	}
	count := int64(0)
	var found []Duplicate
	var first key
	seen := false
	err := s.each(func(k key) {
		if !seen || !k.same(first) {
			first, seen = k, true
			return
		}
		count++
		found = s.keepFirst(found, first, k)
	})
	return count, found, err
}

// each calls do for all keys, in the order of compareKeys.
func (s *keySet) each(do func(key)) error {
	if len(s.runs)+len(s.spans) == 0 {
		s.keys = s.take() // to be asked again
		for _, k := range s.keys {
			do(k)
		}
		return nil
	}
	m, err := s.merger()
	if err != nil {
		return err
	}
	for {
		k, ok, err := m.next()
		if err != nil || !ok {
			return err
		}
		do(k)
	}
}

func (s *keySet) keepFirst(found []Duplicate, first, again key) []Duplicate {
	d := Duplicate{First: first.place(), Again: again.place()}
	i, _ := slices.BinarySearchFunc(found, d, func(a, b Duplicate) int { return a.Again.Compare(b.Again) })
	if i == MaxPlaces {
		return found
	}
	d.Value, d.Known = again.text(s.typ)
	found = slices.Insert(found, i, d)
	return found[:min(len(found), MaxPlaces)]
}

// cursor walks one sorted run, in memory or in the file, or a span.
type cursor struct {
	memory []key
	in     *bufio.Reader
	span   span
	head   key
}

// advance loads the next key into head; false at the end.
func (c *cursor) advance() (bool, error) {
	if c.span.n > 0 {
		c.head = c.span.first
		c.span.first.lo++
		c.span.first.row++
		c.span.n--
		return true, nil
	}
	if c.in == nil {
		if len(c.memory) == 0 {
			return false, nil
		}
		c.head, c.memory = c.memory[0], c.memory[1:]
		return true, nil
	}
	var b [keySize]byte
	_, err := io.ReadFull(c.in, b[:])
	if err == io.EOF {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find duplicates: read the temporary file: %w", err)
	}
	c.head = decodeKey(b[:])
	return true, nil
}

// merger is a heap of cursors by head.
type merger struct{ cursors []*cursor }

func (m *merger) Len() int           { return len(m.cursors) }
func (m *merger) Less(i, j int) bool { return compareKeys(m.cursors[i].head, m.cursors[j].head) < 0 }
func (m *merger) Swap(i, j int)      { m.cursors[i], m.cursors[j] = m.cursors[j], m.cursors[i] }
func (m *merger) Push(x any)         { m.cursors = append(m.cursors, x.(*cursor)) }
func (m *merger) Pop() any {
	last := m.cursors[len(m.cursors)-1]
	m.cursors = m.cursors[:len(m.cursors)-1]
	return last
}

func (m *merger) push(c *cursor) error {
	ok, err := c.advance()
	if ok {
		heap.Push(m, c)
	}
	return err
}

func (m *merger) next() (key, bool, error) {
	if len(m.cursors) == 0 {
		return key{}, false, nil
	}
	c := m.cursors[0]
	k := c.head
	ok, err := c.advance()
	if err != nil {
		return key{}, false, err
	}
	if ok {
		heap.Fix(m, 0)
	} else {
		heap.Pop(m)
	}
	return k, true, nil
}
