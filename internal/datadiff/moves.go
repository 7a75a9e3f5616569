package datadiff

import (
	"cmp"
	"errors"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// MovedRows counts rows that one split lost and another got.
type MovedRows struct {
	From string `json:"from"`
	To   string `json:"to"`
	Rows int64  `json:"rows"`
}

// moves collects what each split lost and got, by key and by whole row, for
// only after the last split is it known which of the two counts.
type moves struct {
	splits       []string // by number
	byKey, byRow *sorter
}

func newMoves(dir string, memory int64) *moves {
	return &moves{byKey: newSorter(dir, memory/2), byRow: newSorter(dir, memory/2)}
}

func (m *moves) close() error { return errors.Join(m.byKey.close(), m.byRow.close()) }

// lost and got are what a record of moves says of its hash, in row.lo; row.hi
// is the number of the split and at the count of rows.
const (
	lost = 0
	got  = 1
)

func (m *moves) add(s *sorter, h hash, what uint64, rows int64) error {
	return s.add(record{key: h, row: hash{uint64(len(m.splits) - 1), what}, at: place(rows)})
}

// count pairs what was lost with what was got elsewhere.
func (m *moves) count(s *sorter) ([]MovedRows, error) {
	total := map[Pair[uint64]]int64{}
	var group []record
	settle := func() {
		for i := range group {
			for j := range group {
				a, b := &group[i], &group[j]
				if a.row.lo != lost || b.row.lo != got || a.row.hi == b.row.hi {
					continue
				}
				n := min(a.at, b.at)
				a.at, b.at = a.at-n, b.at-n
				if n > 0 {
					total[Pair[uint64]{a.row.hi, b.row.hi}] += int64(n)
				}
			}
		}
		group = group[:0]
	}
	err := mergeSorted([]*sorter{s}, func(r record) {
		if len(group) > 0 && group[0].key != r.key {
			settle()
		}
		group = append(group, r)
	})
	settle()
	out := []MovedRows{}
	for p, n := range total {
		out = append(out, MovedRows{m.splits[p.From], m.splits[p.To], n})
	}
	sorting.By(out, func(a, b MovedRows) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out, err
}
