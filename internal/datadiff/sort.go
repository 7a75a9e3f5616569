package datadiff

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// hash is the first 128 bits of a SHA-256.
type hash struct{ hi, lo uint64 }

func makeHash(sum [32]byte) hash {
	return hash{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])}
}

// place is where a row stands: 24 bits of file, 40 of row. Files of the side
// before have the lower numbers.
type place uint64

const (
	rowBits  = 40
	maxFiles = 1 << (64 - rowBits)
)

func makePlace(file int, row int64) place { return place(file)<<rowBits | place(row) }
func (p place) file() int                 { return int(p >> rowBits) }
func (p place) row() int64                { return int64(p & (1<<rowBits - 1)) }

// record stands for a row.
type record struct {
	key, row hash
	at       place
}

const recordSize = 40

func compareRecords(a, b record) int {
	switch {
	case a.key.hi != b.key.hi:
		return cmp.Compare(a.key.hi, b.key.hi)
	case a.key.lo != b.key.lo:
		return cmp.Compare(a.key.lo, b.key.lo)
	case a.row.hi != b.row.hi:
		return cmp.Compare(a.row.hi, b.row.hi)
	case a.row.lo != b.row.lo:
		return cmp.Compare(a.row.lo, b.row.lo)
	}
	return cmp.Compare(a.at, b.at)
}

// sorter sorts records in bounded memory: sorted runs go to a temporary file
// and are merged at the end (Knuth, The Art of Computer Programming 3, 5.4).
type sorter struct {
	dir     string
	max     int // records in memory
	records []record
	file    *os.File
	runs    []int64 // where each ends in file
}

func newSorter(dir string, memory int64) *sorter {
	return &sorter{dir: dir, max: int(max(memory/recordSize, 1))}
}

func (s *sorter) add(r record) error {
	if len(s.records) == s.max {
		if err := s.spill(); err != nil {
			return fmt.Errorf("sort rows: %w; set TMPDIR to a larger disk", err)
		}
	}
	if len(s.records) == cap(s.records) {
		// append would allocate more than max.
		s.records = append(make([]record, 0, min(max(2*len(s.records), 1024), s.max)), s.records...)
	}
	s.records = append(s.records, r)
	return nil
}

// spill writes what is in memory as a run.
func (s *sorter) spill() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "waybill-diff-*")
		if err != nil {
			return err
		}
		s.file = f
	}
	slices.SortFunc(s.records, compareRecords)
	w := bufio.NewWriterSize(s.file, 256<<10)
	var b [recordSize]byte
	for _, r := range s.records {
		for i, v := range [...]uint64{r.key.hi, r.key.lo, r.row.hi, r.row.lo, uint64(r.at)} {
			binary.LittleEndian.PutUint64(b[8*i:], v)
		}
		w.Write(b[:])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	end := int64(len(s.records)) * recordSize
	if n := len(s.runs); n > 0 {
		end += s.runs[n-1]
	}
	s.runs, s.records = append(s.runs, end), s.records[:0]
	return nil
}

// close removes the temporary file.
func (s *sorter) close() error {
	if s.file == nil {
		return nil
	}
	name := s.file.Name()
	err := errors.Join(s.file.Close(), os.Remove(name))
	s.file = nil
	return err
}

// cursors returns one for each run and one for the rest in memory.
func (s *sorter) cursors() []*cursor {
	slices.SortFunc(s.records, compareRecords)
	out := []*cursor{{memory: s.records}}
	from := int64(0)
	for _, end := range s.runs {
		out = append(out, &cursor{in: bufio.NewReaderSize(io.NewSectionReader(s.file, from, end-from), 64<<10)})
		from = end
	}
	return out
}

// cursor walks one sorted run.
type cursor struct {
	memory []record
	in     *bufio.Reader
	head   record
}

// advance loads the next record into head; false at the end.
func (c *cursor) advance() (bool, error) {
	if c.in == nil {
		if len(c.memory) == 0 {
			return false, nil
		}
		c.head, c.memory = c.memory[0], c.memory[1:]
		return true, nil
	}
	var b [recordSize]byte
	if _, err := io.ReadFull(c.in, b[:]); err == io.EOF {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("sort rows: read the temporary file: %w", err)
	}
	u := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	c.head = record{hash{u(0), u(1)}, hash{u(2), u(3)}, place(u(4))}
	return true, nil
}

// byHead is a heap of cursors.
type byHead []*cursor

func (h byHead) Len() int           { return len(h) }
func (h byHead) Less(i, j int) bool { return compareRecords(h[i].head, h[j].head) < 0 }
func (h byHead) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byHead) Push(x any)        { *h = append(*h, x.(*cursor)) }
func (h *byHead) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// mergeSorted hands the records of all sorters to do, in order.
func mergeSorted(sorters []*sorter, do func(record)) error {
	var h byHead
	for _, s := range sorters {
		for _, c := range s.cursors() {
			ok, err := c.advance()
			if err != nil {
				return err
			}
			if ok {
				h = append(h, c)
			}
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		do(h[0].head)
		ok, err := h[0].advance()
		switch {
		case err != nil:
			return err
		case ok:
			heap.Fix(&h, 0)
		default:
			heap.Pop(&h)
		}
	}
	return nil
}
