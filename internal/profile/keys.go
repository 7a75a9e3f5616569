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
	return &Spill{dir: dir, max: memory / keySize}
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

// grown accounts for n more keys in memory and tells whether that is too many.
func (s *Spill) grown(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used += int64(n)
	return s.used > s.max
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
	keySize = 28

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
	text := c.Bytes(i)
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
	keys  []key
	told  int // keys that spill knows of
	runs  []run
}

// minRun keeps many small sets from writing tiny runs.
const minRun = 1 << 12

func (s *keySet) add(c *table.Column, i int, p Place) error {
	s.typ = c.Type
	hi, lo := makeKey(c, i)
	return s.addKey(key{hi, lo, uint32(p.File), uint64(p.Row)})
}

func (s *keySet) addKey(k key) error {
	s.keys = append(s.keys, k)
	if len(s.keys)-s.told < minRun {
		return nil
	}
	return s.tell()
}

// tell reports the keys to spill and writes them out when it is full.
func (s *keySet) tell() error {
	full := s.spill.grown(len(s.keys) - s.told)
	s.told = len(s.keys)
	if !full || len(s.keys) < minRun {
		return nil
	}
	slices.SortFunc(s.keys, compareKeys)
	r, err := s.spill.write(s.keys)
	if err != nil {
		return err
	}
	s.runs, s.keys, s.told = append(s.runs, r), nil, 0
	return nil
}

func (s *keySet) merge(o *keySet) error {
	s.keys = append(s.keys, o.keys...)
	s.told += o.told
	s.runs = append(s.runs, o.runs...)
	o.keys, o.runs = nil, nil
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
	slices.SortFunc(s.keys, compareKeys)
	if len(s.runs) == 0 {
		for _, k := range s.keys {
			do(k)
		}
		return nil
	}
	m := &merger{}
	if err := m.push(&cursor{memory: s.keys}); err != nil {
		return err
	}
	for _, r := range s.runs {
		in := bufio.NewReaderSize(io.NewSectionReader(s.spill.file, r.offset, r.size), 64<<10)
		if err := m.push(&cursor{in: in}); err != nil {
			return err
		}
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

// cursor walks one sorted run, in memory or in the file.
type cursor struct {
	memory []key
	in     *bufio.Reader
	head   key
}

// advance loads the next key into head; false at the end.
func (c *cursor) advance() (bool, error) {
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
