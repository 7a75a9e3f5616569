package profile

// level says how much is kept of a column of a wide table: each level halves
// the values, buckets, candidates and shapes, so that the profile of ten
// thousand columns needs little more memory than that of a hundred. It depends
// on how many columns the table has alone, and is part of a column's state:
// merged, the higher of two levels holds, as if it had from the start.
type level uint8

const (
	// fullColumns is how many columns a table of level 0 has at most.
	fullColumns = 128
	maxLevel    = 7
	// Below these, what is kept would say too little.
	leastBuckets  = 512
	leastFrequent = 64
	leastShapes   = 100
)

// levelOf returns the level of a table of so many columns.
func levelOf(columns int) level {
	l := level(0)
	for l < maxLevel && columns > fullColumns<<l {
		l++
	}
	return l
}

// distinct is how many different values are counted one by one.
func (l level) distinct() int { return MaxDistinct >> l }

// buckets is how many a finished sketch of numbers has at most. It is more than
// distinct, so that exact values stay exact.
func (l level) buckets() int { return max(maxBuckets>>l, leastBuckets) }

// frequent is how many candidates for the most frequent value are kept.
func (l level) frequent() int { return max(keepFrequent>>l, leastFrequent) }

// shapes is how many shapes of texts are counted.
func (l level) shapes() int { return max(maxShapes>>l, leastShapes) }

// raise brings the column to a level, if it is not as high yet.
func (c *columnSummary) raise(to level) {
	if to <= c.level {
		return
	}
	c.level = to
	switch {
	case c.many != nil:
		c.many.raise(to)
	case len(c.few) > to.distinct():
		c.crowd()
	default:
		c.overflow()
	}
}

func (m *many) raise(to level) {
	m.spread.level, m.frequent.level, m.shapes.level = to, to, to
	m.spread.finish()
	m.frequent.shrink()
	if len(m.shapes.counts) > to.shapes() {
		m.shapes.give()
	}
}
