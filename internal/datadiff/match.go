package datadiff

import "slices"

// maxSamples is how many rows of a kind are shown.
const maxSamples = 5

// matcher counts differences while it is handed the rows of both sides in
// order of key and row. It does so in two ways at once, because only the end
// tells whether keys are unique: by key, and as multisets of whole rows. That
// works since equal rows have equal keys: the difference of the multisets is
// the sum of the differences within each key.
type matcher struct {
	split place // places from here on are of the side after
	moves *moves
	err   error // of moves

	byKey, byRow outcome
	repeated     Pair[int64] // rows whose key another row of their side has

	begun     bool
	key, row  hash
	keyCount  Pair[int64]
	rowCount  Pair[int64]
	keyFirst  Pair[place] // a row with this key
	rowFirst  Pair[place] // a row with these cells
	keyDiffer bool        // the rows of this key are not all the same
}

// outcome is what differs, with the first rows of each kind.
type outcome struct {
	added, removed, changed int64
	addedAt, removedAt      []place
	changedAt               []Pair[place]
}

func (m *matcher) add(r record) {
	switch {
	case !m.begun || r.key != m.key:
		m.endKey()
		m.key, m.row = r.key, r.row
	case r.row != m.row:
		m.endRow()
		m.row, m.keyDiffer = r.row, true
	}
	m.begun = true
	if r.at < m.split {
		count(&m.keyCount.From, &m.keyFirst.From, r.at)
		count(&m.rowCount.From, &m.rowFirst.From, r.at)
	} else {
		count(&m.keyCount.To, &m.keyFirst.To, r.at)
		count(&m.rowCount.To, &m.rowFirst.To, r.at)
	}
}

func count(n *int64, first *place, at place) {
	if *n == 0 {
		*first = at
	}
	*n++
}

// endRow accounts for the rows that are equal in all cells.
func (m *matcher) endRow() {
	if more := m.rowCount.To - m.rowCount.From; more > 0 {
		m.moved(m.moves.byRow, m.row, got, more)
		m.byRow.added += more
		m.byRow.addedAt = keepFirst(m.byRow.addedAt, m.rowFirst.To)
	} else if more < 0 {
		m.moved(m.moves.byRow, m.row, lost, -more)
		m.byRow.removed -= more
		m.byRow.removedAt = keepFirst(m.byRow.removedAt, m.rowFirst.From)
	}
	m.rowCount, m.rowFirst = Pair[int64]{}, Pair[place]{}
}

// endKey accounts for the rows of one key.
func (m *matcher) endKey() {
	m.endRow()
	switch {
	case m.keyCount.From == 0 && m.keyCount.To > 0:
		m.moved(m.moves.byKey, m.key, got, 1)
		m.byKey.added++
		m.byKey.addedAt = keepFirst(m.byKey.addedAt, m.keyFirst.To)
	case m.keyCount.To == 0 && m.keyCount.From > 0:
		m.moved(m.moves.byKey, m.key, lost, 1)
		m.byKey.removed++
		m.byKey.removedAt = keepFirst(m.byKey.removedAt, m.keyFirst.From)
	case m.keyDiffer:
		m.byKey.changed++
		m.byKey.changedAt = keepFirstPair(m.byKey.changedAt, m.keyFirst)
	}
	m.repeated.From += max(m.keyCount.From-1, 0)
	m.repeated.To += max(m.keyCount.To-1, 0)
	m.keyCount, m.keyFirst, m.keyDiffer = Pair[int64]{}, Pair[place]{}, false
}

func (m *matcher) moved(s *sorter, h hash, what uint64, rows int64) {
	if m.err == nil {
		m.err = m.moves.add(s, h, what, rows)
	}
}

func keepFirst(list []place, p place) []place {
	i, _ := slices.BinarySearch(list, p)
	if i == maxSamples {
		return list
	}
	list = slices.Insert(list, i, p)
	return list[:min(len(list), maxSamples)]
}

func keepFirstPair(list []Pair[place], p Pair[place]) []Pair[place] {
	i, _ := slices.BinarySearchFunc(list, p, func(a, b Pair[place]) int {
		switch {
		case a.To < b.To:
			return -1
		case a.To > b.To:
			return 1
		}
		return 0
	})
	if i == maxSamples {
		return list
	}
	list = slices.Insert(list, i, p)
	return list[:min(len(list), maxSamples)]
}
