package modelfile

import (
	"context"
	"encoding/binary"
	"io"
)

// cursor reads numbers and texts anywhere in a file, through one window. The
// first thing that is wrong is kept in err, and from then on it reads zeros:
// loops ask ok.
type cursor struct {
	p          *protoReader
	rule, hint string
	order      binary.ByteOrder
	at         int64 // where the next of take, number and text stands
	steps      int   // left, of what loops do
	err        error
}

// maxJumps is how many windows are read beyond eight times the file.
const maxJumps = 200_000

// maxPiece is the longest piece that is read at once.
const maxPiece = 16 << 20

func newCursor(ctx context.Context, r io.ReaderAt, size int64, order binary.ByteOrder, rule, hint string, steps int) *cursor {
	return &cursor{p: &protoReader{ctx: ctx, r: r, size: size}, order: order, rule: rule, hint: hint, steps: steps}
}

func (c *cursor) fail(at int64, reason string, args ...any) {
	if c.err == nil {
		c.err = broken(c.rule, at, c.hint, reason, args...)
	}
}

// ok says that nothing was wrong, and takes a step: loops that a file drives
// end.
func (c *cursor) ok() bool {
	if c.steps--; c.steps < 0 {
		c.fail(c.at, "it has more parts than any model has")
	}
	return c.err == nil
}

// holds tells whether n bytes stand at at.
func (c *cursor) holds(at, n int64) bool {
	if c.err == nil && (at < 0 || n < 0 || at > c.p.size || n > c.p.size-at) {
		c.fail(max(0, min(at, c.p.size)), "something of %s should stand here, the file has %d", countBytes(uint64(max(0, n))), c.p.size)
	}
	// What is read is bounded however often places are named.
	if c.err == nil && int64(c.p.reads) > maxJumps+8*c.p.size/protoWindow {
		c.fail(at, "its parts point to and fro more than those of any model")
	}
	return c.err == nil
}

// pieceAt returns n bytes at at; nil when they are not there.
func (c *cursor) pieceAt(at, n int64) []byte {
	if n > maxPiece {
		c.fail(at, "something of %s is more than is read", countBytes(uint64(n)))
	}
	if !c.holds(at, n) {
		return nil
	}
	b := make([]byte, n)
	if err := c.p.read(b, at); err != nil {
		c.err = err
		return nil
	}
	return b
}

// numberAt reads a whole number of n bytes, up to eight.
func (c *cursor) numberAt(at int64, n int) uint64 {
	var b [8]byte
	if !c.holds(at, int64(n)) {
		return 0
	}
	part := b[:n]
	if c.order == binary.ByteOrder(binary.BigEndian) {
		part = b[8-n:]
	}
	if err := c.p.read(part, at); err != nil {
		c.err = err
		return 0
	}
	return c.order.Uint64(b[:])
}

func (c *cursor) number(n int) uint64 {
	v := c.numberAt(c.at, n)
	c.at += int64(n)
	return v
}

// pass goes over n bytes, which must be there.
func (c *cursor) pass(n int64) {
	if c.holds(c.at, n) {
		c.at += n
	}
}
