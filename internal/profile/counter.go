package profile

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// counter counts numbered things: a hash table without deletion, for which
// Go's maps are three times slower. A count of 0 marks a free slot.
type counter struct {
	slots []tally
	used  int
	shift uint
}

type tally struct {
	key uint64
	n   int64
}

// scatter decides where keys stand, which nothing that is shown depends on.
// It differs from run to run, so that no file can be made to collide.
var scatter = rand.Uint64() | 1

const leastSlots = 64

// slot returns where key is or would be.
func (c *counter) slot(key uint64) *tally {
	mask := uint64(len(c.slots) - 1)
	for i := key * scatter >> c.shift; ; i = (i + 1) & mask {
		if t := &c.slots[i]; t.key == key || t.n == 0 {
			return t
		}
	}
}

// add counts key n times, n > 0.
func (c *counter) add(key uint64, n int64) {
	if 4*c.used >= 3*len(c.slots) {
		c.grow()
	}
	t := c.slot(key)
	if t.n == 0 {
		t.key = key
		c.used++
	}
	t.n += n
}

func (c *counter) grow() {
	old := c.slots
	c.resize(max(leastSlots, 2*len(old)))
	for _, t := range old {
		if t.n > 0 {
			*c.slot(t.key) = t
			c.used++
		}
	}
}

// resize empties the counter; size is a power of two.
func (c *counter) resize(size int) {
	if c.used = 0; len(c.slots) == size {
		clear(c.slots)
		return
	}
	c.slots = make([]tally, size)
	c.shift = uint(64 - bits.TrailingZeros(uint(size)))
}

// sorted returns what was counted, by key.
func (c *counter) sorted() []tally {
	out := make([]tally, 0, c.used)
	for _, t := range c.slots {
		if t.n > 0 {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b tally) int { return cmp.Compare(a.key, b.key) })
	return out
}
