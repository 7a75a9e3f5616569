package profile

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/table"
)

// compoundRows are batches of two text columns, some of whose values are null,
// as a CSV file holds them, with the file of each.
func compoundRows(t *testing.T, n int) (batches []*table.Batch, rows [][2]*string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	var csv strings.Builder
	csv.WriteString("a,b\n")
	for range n {
		var row [2]*string
		for j := range row {
			if rng.IntN(20) > 0 {
				// "x" + "1x" and "x1" + "x" must not be the same.
				v := strings.Repeat("x", rng.IntN(3)) + fmt.Sprint(rng.IntN(60)) + strings.Repeat("x", rng.IntN(3))
				row[j] = &v
				csv.WriteString(v)
			}
			csv.WriteString([]string{",", "\n"}[j])
		}
		rows = append(rows, row)
	}
	return readCSV(t, csv.String()), rows
}

// text is a row, such that different ones differ.
func text(row [2]*string) string {
	out := ""
	for _, v := range row {
		if v == nil {
			out += "null,"
		} else {
			out += fmt.Sprintf("%q,", *v)
		}
	}
	return out
}

func TestCompoundKeys(t *testing.T) {
	const n = 20_000
	batches, rows := compoundRows(t, n)
	// Rows of files 0 and 2 are one side, those of 1 the other.
	sides := []int8{1, 2, 1}
	fileOf := func(row int) int { return min(2, row/(n/3)) }
	for _, memory := range []int64{0, 1} {
		for _, nulls := range []NullRule{NullsEqual, SkipAnyNull, SkipAllNull} {
			for _, sides := range [][]int8{nil, sides} {
				want := KeyFacts{}
				seen, one := map[string]bool{}, map[string]bool{}
				for i, r := range rows {
					if sides != nil && sides[fileOf(i)] == 1 {
						one[text(r)] = true
					}
				}
				for i, r := range rows {
					missing := 0
					for _, v := range r {
						if v == nil {
							missing++
						}
					}
					switch {
					case nulls == SkipAnyNull && missing > 0, nulls == SkipAllNull && missing == 2:
						want.Skipped++
					case sides != nil && sides[fileOf(i)] == 1:
						want.Against++
					default:
						want.Rows++
						if again := seen[text(r)]; sides == nil && again || sides != nil && one[text(r)] {
							want.Repeated++
						}
						seen[text(r)] = true
					}
				}
				got := compoundFacts(t, batches, Key{Columns: []string{"a", "b"}, Nulls: nulls, Sides: sides}, memory, fileOf)
				for _, d := range got.RepeatedOf {
					first, again := rows[d.First.Row-1], rows[d.Again.Row-1]
					if text(first) != text(again) || fileOf(int(d.Again.Row-1)) != d.Again.File {
						t.Errorf("row %d %s does not repeat row %d %s", d.Again.Row, text(again), d.First.Row, text(first))
					}
				}
				if len(got.RepeatedOf) != MaxPlaces {
					t.Errorf("%d places", len(got.RepeatedOf))
				}
				got.RepeatedOf = nil
				if fmt.Sprint(*got) != fmt.Sprint(want) || want.Repeated == 0 {
					t.Errorf("memory %d, nulls %d, sides %v: %+v, want %+v", memory, nulls, sides, *got, want)
				}
			}
		}
	}
}

// compoundFacts observes batches in two shards.
func compoundFacts(t *testing.T, batches []*table.Batch, k Key, memory int64, fileOf func(row int) int) *KeyFacts {
	t.Helper()
	var needs Needs
	needs.AddKey(k)
	needs.AddKey(k)
	spill := NewSpill(t.TempDir(), memory)
	defer func() {
		if err := spill.Close(); err != nil {
			t.Error(err)
		}
	}()
	shards := []*Accumulator{New(needs, spill), New(needs, spill)}
	for at, b := range batches {
		// A batch of rows of several files, cut where the next one begins.
		byFile := map[int][]int32{}
		for i := range b.Rows {
			f := fileOf(int(b.Row(i)) - 1)
			byFile[f] = append(byFile[f], int32(i))
		}
		for f := range 3 {
			part := b.Select(byFile[f], nil)
			part.File = f
			if err := shards[2*at/len(batches)].Observe(part); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := shards[0].Merge(shards[1]); err != nil {
		t.Fatal(err)
	}
	p, err := shards[0].Profile()
	if err != nil {
		t.Fatal(err)
	}
	return p.Keys[k.ID()]
}

// readCSV returns the batches of a file, which outlive its reader.
func readCSV(t *testing.T, csv string) []*table.Batch {
	t.Helper()
	r, err := table.Open(context.Background(), table.File{Name: "f.csv", Path: write(t, "f.csv", csv)}, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []*table.Batch
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		all := make([]int32, b.Rows)
		for i := range all {
			all[i] = int32(i)
		}
		out = append(out, b.Select(all, nil))
	}
}
