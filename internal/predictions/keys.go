package predictions

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
	"strconv"

	"github.com/waybill-dev/waybill/internal/table"
)

// key is what a row's key is compared by: two hashes of 64 bits under seeds of
// this process, so that no file can be made to collide and chance needs 2^64
// keys for it.
type key [2]uint64

// The seeds are shared by all sets, so that their keys can be matched.
var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func keyOf(text []byte) key {
	return key{maphash.Bytes(seeds[0], text), maphash.Bytes(seeds[1], text)}
}

// keyText returns what stands in row i as a key, in buf where it is to be written out.
// A float that is an integer is the integer: numbers become floats in many
// programs once one of them is missing.
func keyText(c *table.Column, i int, buf []byte) []byte {
	if c == nil || c.Null(i) {
		return nil
	}
	switch at, j := c.At(i); at.Type.Kind {
	case table.Untyped, table.String: // JSON's numbers too
		return withoutPoint(at.Bytes(j))
	case table.Float:
		if f := at.Floats[j]; f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return strconv.AppendInt(buf[:0], int64(f), 10)
		}
	}
	return c.AppendText(buf[:0], i)
}

// withoutPoint makes 17 of 17.0, and −17 of −17.0.
func withoutPoint(text []byte) []byte {
	whole, ok := bytes.CutSuffix(text, []byte(".0"))
	digits := bytes.TrimPrefix(whole, []byte("-"))
	if !ok || len(digits) == 0 {
		return text
	}
	for _, b := range digits {
		if !isDigit(b) {
			return text
		}
	}
	return whole
}

// keyIndex finds keys. It is an open hash table of places in keys: half of the
// memory and a third of the time of a map.
type keyIndex struct {
	keys  []key
	slots []int32 // place in keys + 1; 0 is free. A power of two, at most half full.
}

func newKeyIndex(n int) *keyIndex {
	size := 16
	for size < 2*n {
		size *= 2
	}
	return &keyIndex{slots: make([]int32, size)}
}

// find returns the place of k, or -1.
func (x *keyIndex) find(k key) int32 {
	mask := uint64(len(x.slots) - 1)
	for at := k[0] & mask; ; at = (at + 1) & mask {
		switch slot := x.slots[at]; {
		case slot == 0:
			return -1
		case x.keys[slot-1] == k:
			return slot - 1
		}
	}
}

// add returns the place of k, and whether it is new.
func (x *keyIndex) add(k key) (int32, bool) {
	if 2*(len(x.keys)+1) > len(x.slots) {
		x.grow()
	}
	mask := uint64(len(x.slots) - 1)
	for at := k[0] & mask; ; at = (at + 1) & mask {
		switch slot := x.slots[at]; {
		case slot == 0:
			x.keys = append(x.keys, k)
			x.slots[at] = int32(len(x.keys))
			return int32(len(x.keys) - 1), true
		case x.keys[slot-1] == k:
			return slot - 1, false
		}
	}
}

func (x *keyIndex) grow() {
	x.slots = make([]int32, 2*len(x.slots))
	mask := uint64(len(x.slots) - 1)
	for i, k := range x.keys {
		at := k[0] & mask
		for x.slots[at] != 0 {
			at = (at + 1) & mask
		}
		x.slots[at] = int32(i + 1)
	}
}

// keyColumn collects the keys of rows.
type keyColumn struct {
	keys  []key
	buf   []byte
	noKey event
	twice event // found by index
}

func (k *keyColumn) add(c *table.Column, b *table.Batch, rows []int32) error {
	if k.buf == nil {
		k.buf = make([]byte, 0, 64)
	}
	for j := range count(b, rows) {
		text := keyText(c, at(rows, j), k.buf)
		if len(text) == 0 {
			// No two rows are to share it.
			var place [12]byte
			binary.LittleEndian.PutUint64(place[:], uint64(len(k.keys)))
			k.noKey.add(len(k.keys))
			k.keys = append(k.keys, keyOf(append(place[:], "no key"...)))
			continue
		}
		k.keys = append(k.keys, keyOf(text))
	}
	return nil
}

// index finds rows that have the key of a row before them. The places in it are
// rows when there are none.
func (k *keyColumn) index() *keyIndex {
	x := newKeyIndex(len(k.keys))
	x.keys = make([]key, 0, len(k.keys))
	for i, key := range k.keys {
		if _, isNew := x.add(key); !isNew {
			k.twice.add(i)
		}
	}
	k.keys = nil // x has them
	return x
}

// groupColumn numbers the values of a column in the order of appearance, however
// many there are.
type groupColumn struct {
	codes []int32 // -1 where there is no value
	index *keyIndex
	buf   []byte
}

func (g *groupColumn) add(c *table.Column, b *table.Batch, rows []int32) error {
	if g.index == nil {
		g.index, g.buf = newKeyIndex(0), make([]byte, 0, 64)
	}
	for j := range count(b, rows) {
		text := keyText(c, at(rows, j), g.buf)
		if len(text) == 0 {
			g.codes = append(g.codes, -1)
			continue
		}
		code, _ := g.index.add(keyOf(text))
		g.codes = append(g.codes, code)
	}
	return nil
}
