package pickle

import (
	"strings"
	"sync"
)

// arena is what values and the lists of them are made of where nobody keeps
// them after the scan (Options.Findings). The next scan makes its own of the
// same memory.
type arena struct {
	values chunks[Value]
	links  chunks[*Value]
	spare  []*Value        // values that turned out not to be needed
	texts  strings.Builder // the short texts of many values, which outlive the arena
	stack  []*Value
	memo   []*Value
	marks  []int
}

// Sizes of chunks, and what of them is kept between scans: 16 MiB of values.
const (
	valueChunk = 256
	linkChunk  = 2048
	maxLinks   = 512 // longer lists have memory of their own
	textChunk  = 16 << 10
	maxShort   = 256 // longer texts likewise
	keptChunks = 16 << 20 / (valueChunk * valueCost)
	keptStack  = 1 << 18
)

var arenas = sync.Pool{New: func() any {
	return &arena{values: chunks[Value]{size: valueChunk}, links: chunks[*Value]{size: linkChunk}}
}}

// value is a zero one.
func (a *arena) value() *Value {
	if n := len(a.spare); n > 0 {
		v := a.spare[n-1]
		a.spare = a.spare[:n-1]
		*v = Value{}
		return v
	}
	return &a.values.take(1)[0]
}

// room gives items with room for n more.
func (a *arena) room(items []*Value, n int) []*Value {
	if cap(items)-len(items) >= n {
		return items
	}
	n = max(len(items)+n, 2*len(items))
	if n > maxLinks {
		return append(make([]*Value, 0, n), items...)
	}
	return append(a.links.take(n)[:0], items...)
}

// text is string(b), in fewer allocations.
func (a *arena) text(b []byte) string {
	if len(b) > maxShort {
		return string(b)
	}
	if a.texts.Cap()-a.texts.Len() < len(b) {
		a.texts.Reset()
		a.texts.Grow(textChunk)
	}
	at := a.texts.Len()
	a.texts.Write(b)
	return a.texts.String()[at:]
}

// lend gives m the stack and the memo of the stream before.
func (a *arena) lend(m *machine) {
	m.stack, m.memo, m.marks = a.stack[:0], a.memo[:0], a.marks[:0]
}

func (a *arena) takeBack(m *machine) { a.stack, a.memo, a.marks = m.stack, m.memo, m.marks }

// release ends the life of all values.
func (a *arena) release() {
	a.values.reset(keptChunks)
	a.links.reset(keptChunks)
	a.spare = a.spare[:0]
	if cap(a.spare)+cap(a.stack)+cap(a.memo)+cap(a.marks) > keptStack {
		a.spare, a.stack, a.memo, a.marks = nil, nil, nil, nil
	}
	arenas.Put(a)
}

// chunks hands out zero values of T, which all end together.
type chunks[T any] struct {
	size int
	all  [][]T
	used int // of all
	left []T // of the last used
}

// take gives n, n being at most size.
func (c *chunks[T]) take(n int) []T {
	if len(c.left) < n {
		if c.used == len(c.all) {
			c.all = append(c.all, make([]T, c.size))
		}
		c.left = c.all[c.used]
		c.used++
	}
	given := c.left[:n:n]
	c.left = c.left[n:]
	return given
}

func (c *chunks[T]) reset(keep int) {
	for _, chunk := range c.all[:c.used] {
		clear(chunk)
	}
	if len(c.all) > keep {
		clear(c.all[keep:])
		c.all = c.all[:keep]
	}
	c.used, c.left = 0, nil
}
