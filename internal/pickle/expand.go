package pickle

import (
	"fmt"
	"math"
)

// A pickle of a hundred bytes can name one list ten times in the next, and so
// on: loading is cheap, but what then prints, copies, compares or hashes the
// value goes through all of it.
const (
	maxExpansion  = 1 << 28 // values
	maxGrowth     = 1000    // values for each opcode
	stillWalking  = 1
	alreadyWalked = 2
	estimateFirst = 2 // added to both by estimate
)

// expansion counts, without building it, how many values the result would
// have if nothing were shared, cycles aside.
func (m *machine) expansion() {
	limit := int64(maxExpansion)
	if m.estimate() <= limit {
		return
	}
	roots := make([]*Value, 0, 1+len(m.memo))
	roots = append(roots, m.stream.Top)
	roots = append(roots, m.memo...)
	worst := int64(0)
	for _, v := range roots {
		if v != nil && len(v.Items)+len(v.Args) > 0 || v != nil && v.State != nil {
			size, _ := expand(v, 0)
			worst = max(worst, size)
		}
	}
	if worst > limit && worst/maxGrowth > m.result.Opcodes {
		size := fmt.Sprintf("%d", worst)
		if worst == math.MaxInt64 {
			size = "more than 2^63"
		}
		m.report("PKL013", fmt.Sprintf("written out, the value has %s values in it: what walks it does not come to an end", size))
	}
}

// estimate is at least what expansion counts, for most pickles without going
// through all values. A value stands in one place, unless it was had again from
// the memo or with DUP. So every root is a tree of no more values than were
// pushed, in which others stand that were had again.
func (m *machine) estimate() int64 {
	largest := int64(1)
	for _, v := range m.again {
		size, cyclic := expand(v, estimateFirst)
		if cyclic {
			return math.MaxInt64 // the order matters
		}
		largest = max(largest, size)
	}
	// No opcode pushes more than four, of raw data what was on the stack too.
	pushed := 4*m.result.Opcodes + outerStack + 1
	if m.agains > math.MaxInt64/largest-pushed {
		return math.MaxInt64
	}
	return pushed + m.agains*largest
}

// child is the i-th value below v, nil past the last.
func child(v *Value, i int) *Value {
	if i < len(v.Items) {
		return v.Items[i]
	}
	i -= len(v.Items)
	switch {
	case i < len(v.Args):
		return v.Args[i]
	case i == len(v.Args):
		return v.State
	}
	return nil
}

// expand is a depth-first walk with a stack of its own; each value is gone
// through once. What it writes down of values is told from that of another walk
// by the number added to it.
func expand(root *Value, walker uint8) (size int64, cyclic bool) {
	still, already := stillWalking+walker, alreadyWalked+walker
	type frame struct {
		v    *Value
		next int
		size int64
	}
	if root.walked == already {
		return root.size, false
	}
	walk := []frame{{v: root, size: 1 + root.plain}}
	root.walked = still
	for {
		f := &walk[len(walk)-1]
		if f.next > len(f.v.Items)+len(f.v.Args) {
			f.v.walked = already
			f.v.size = f.size
			done := f.size
			walk = walk[:len(walk)-1]
			if len(walk) == 0 {
				return done, cyclic
			}
			up := &walk[len(walk)-1]
			up.size = saturate(up.size, done)
			continue
		}
		c := child(f.v, f.next)
		f.next++
		switch {
		case c == nil:
		case c.shared() || len(c.Items)+len(c.Args) == 0 && c.State == nil:
			f.size = saturate(f.size, 1)
		case c.walked == still:
			f.size = saturate(f.size, 1)
			cyclic = true
		case c.walked == already:
			f.size = saturate(f.size, c.size)
		default:
			c.walked = still
			walk = append(walk, frame{v: c, size: 1 + c.plain})
		}
	}
}

func saturate(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
