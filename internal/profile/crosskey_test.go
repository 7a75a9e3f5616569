package profile

import (
	"fmt"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/table"
)

// TestCompareKeys compares two data with a plain map of their rows, in memory
// and spilled, whole and in shards.
func TestCompareKeys(t *testing.T) {
	batches, rows := compoundRows(t, 12_000)
	const first = 5_000 // rows of theirs; the others are ours, in two files
	split := func(from, to, file int) (out []*table.Batch) {
		at := 0
		for _, b := range batches {
			var pick []int32
			for i := range b.Rows {
				if at+i >= from && at+i < to {
					pick = append(pick, int32(i))
				}
			}
			if at += b.Rows; len(pick) > 0 {
				b := b.Select(pick, nil)
				b.File = file
				out = append(out, b)
			}
		}
		return out
	}
	for _, nulls := range []NullRule{NullsEqual, SkipAnyNull} {
		theirs := map[string]bool{}
		skipped := func(row [2]*string) bool { return nulls == SkipAnyNull && (row[0] == nil || row[1] == nil) }
		for _, row := range rows[:first] {
			theirs[text(row)] = theirs[text(row)] || !skipped(row)
		}
		var want KeyMatches
		var missing []Place
		for i, row := range rows[first:] {
			switch {
			case skipped(row):
			case theirs[text(row)]:
				want.Rows++
			default:
				want.Missing++
				place := Place{0, int64(first + i + 1)}
				if i >= 3_000 {
					place.File = 1
				}
				missing = append(missing, place)
			}
		}
		for _, memory := range []int64{0, 1} {
			for _, sharded := range []bool{false, true} {
				spill := NewSpill(t.TempDir(), memory)
				key := Key{Columns: []string{"a", "b"}, Nulls: nulls, Across: true}
				facts := func(batches []*table.Batch) *KeyFacts {
					var needs Needs
					needs.AddKey(key)
					total := New(needs, spill)
					for _, b := range batches {
						a := total
						if sharded {
							a = New(needs, spill)
						}
						if err := a.Observe(b); err != nil {
							t.Fatal(err)
						}
						if sharded {
							if err := total.Merge(a); err != nil {
								t.Fatal(err)
							}
						}
					}
					p, err := total.Profile()
					if err != nil {
						t.Fatal(err)
					}
					return p.Keys[key.ID()]
				}
				ours := facts(append(split(first, first+3_000, 0), split(first+3_000, len(rows), 1)...))
				other := facts(split(0, first, 0))
				for range 2 { // it can be asked again
					matched := int64(0)
					got, err := CompareKeys(ours, other, func(a, b []KeyRows) {
						for _, f := range a {
							matched += f.Rows
						}
						if len(a) == 0 || len(b) != 1 || b[0].Rows == 0 || len(b[0].First) == 0 || len(b[0].First) > MaxPlaces {
							t.Errorf("matched %v %v", a, b)
						}
					})
					if err != nil {
						t.Fatal(err)
					}
					var places []Place
					for _, e := range got.First {
						places = append(places, e.Place)
					}
					if got.Rows != want.Rows || got.Missing != want.Missing || matched != want.Rows || !slices.Equal(places, missing[:MaxPlaces]) {
						t.Errorf("nulls %d, memory %d, sharded %v: %+v of %d, want %+v, first %v", nulls, memory, sharded, got, matched, want, missing[:MaxPlaces])
					}
				}
				if err := spill.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if want.Missing < MaxPlaces || want.Rows == 0 {
			t.Fatal(fmt.Sprint("nothing to see: ", want))
		}
	}
}

// A number is equal to the same number in text, and nothing is found in nothing.
func TestCompareKeysOfOtherTypes(t *testing.T) {
	key := Key{Columns: []string{"n"}, Across: true, Typed: true}
	spill := NewSpill(t.TempDir(), 0)
	facts := func(batches ...*table.Batch) *KeyFacts {
		var needs Needs
		needs.AddKey(key)
		a := New(needs, spill)
		for _, b := range batches {
			if err := a.Observe(b); err != nil {
				t.Fatal(err)
			}
		}
		p, err := a.Profile()
		if err != nil {
			t.Fatal(err)
		}
		return p.Keys[key.ID()]
	}
	typed := &table.Batch{Rows: 3, First: 1, Columns: []table.Column{{Name: "n", Type: table.Type{Kind: table.Int, Bits: 64}, Ints: []int64{7, 8, 9}}}}
	text := readCSV(t, "n\n7\n9\n10\n")
	for _, c := range []struct {
		ours, theirs  []*table.Batch
		rows, missing int64
	}{
		{[]*table.Batch{typed}, text, 2, 1},
		{text, []*table.Batch{typed}, 2, 1},
		{text, nil, 0, 3},
		{nil, text, 0, 0},
	} {
		got, err := CompareKeys(facts(c.ours...), facts(c.theirs...), nil)
		if err != nil || got.Rows != c.rows || got.Missing != c.missing {
			t.Errorf("%+v, %v; want %d and %d", got, err, c.rows, c.missing)
		}
	}
	if err := spill.Close(); err != nil {
		t.Fatal(err)
	}
}
