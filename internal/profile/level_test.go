package profile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/table"
)

// writeWide writes a table of so many columns of numbers, each of its own
// number of different values.
func writeWide(t testing.TB, columns, rows int) table.File {
	t.Helper()
	group := parquet.Group{}
	for i := range columns {
		group[fmt.Sprintf("c%05d", i)] = parquet.Leaf(parquet.DoubleType)
	}
	path := filepath.Join(t.TempDir(), "f.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewWriter(f, parquet.NewSchema("wide", group), parquet.MaxRowsPerRowGroup(int64(rows/5)))
	rng := rand.New(rand.NewPCG(uint64(columns), 3))
	for range rows {
		row := make(parquet.Row, columns)
		for i := range row {
			v := rng.NormFloat64()
			if i%3 > 0 {
				v = float64(rng.IntN(i*17%3500*(i%3)+2)) / 4
			}
			row[i] = parquet.ValueOf(v).Level(0, 0, i)
		}
		if _, err := w.WriteRows([]parquet.Row{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return table.File{Name: "f.parquet", Path: path}
}

// TestWideTables: what is kept of each column gets less with the columns,
// whatever the workers, and merged shards say what the whole does.
func TestWideTables(t *testing.T) {
	const rows = 3000
	for _, columns := range []int{fullColumns, columnsAtOnce + 5} {
		file := writeWide(t, columns, rows)
		want := scanAll(t, []table.File{file}, ScanOptions{Workers: 1})
		most := levelOf(columns).distinct()
		estimates := 0
		for i, c := range want.Columns {
			if c.Count != rows || c.Name != fmt.Sprintf("c%05d", i) {
				t.Fatalf("column %d of %d is %s with %d values", i, columns, c.Name, c.Count)
			}
			if c.DistinctEstimate != (c.Distinct > int64(most)) {
				t.Errorf("%s of %d columns: %d different values, estimated %v", c.Name, columns, c.Distinct, c.DistinctEstimate)
			}
			if c.DistinctEstimate {
				estimates++
			}
		}
		if wide := columns > fullColumns; (estimates > 0) != wide || estimates == columns {
			t.Errorf("%d of %d columns are estimated: the data tests nothing", estimates, columns)
		}
		if got := scanAll(t, []table.File{file}, ScanOptions{Workers: 3}); !reflect.DeepEqual(got, want) {
			t.Errorf("%d columns: the document differs with the workers", columns)
		}
		var docs []*Document
		for i := range 3 {
			docs = append(docs, throughJSON(t, scanAll(t, []table.File{file}, ScanOptions{Shard: Shard{i + 1, 3}})))
		}
		got, err := mergeAll(docs...)
		if err != nil {
			t.Fatal(err)
		}
		got.Shards, got.Files = nil, want.Files
		compareDocuments(t, fmt.Sprint(columns, " columns in shards"), got, want)
	}
}

// TestRaise: a column that comes to a higher level late is as if it had been
// there from the start, its most frequent values aside.
func TestRaise(t *testing.T) {
	csv := "a,b\n"
	for i := range 9000 {
		csv += fmt.Sprintf("%d,%d\n", i, i%700)
	}
	file := table.File{Name: "f.csv", Path: write(t, "f.csv", csv)}
	state := func(s *Summary) (out []DocumentColumn) {
		for _, c := range s.Document(nil).Columns {
			c.State, c.Top, c.TopError = nil, nil, 0
			if c.Name == "a" || c.Name == "b" {
				out = append(out, c)
			}
		}
		return out
	}
	others := NewSummary()
	var schema table.Schema
	for i := range fullColumns << 4 {
		schema = append(schema, table.Field{Name: fmt.Sprint("x", i)})
	}
	others.AddSchema(schema)
	read := func() *Summary {
		s, err := Scan(context.Background(), []table.File{file}, ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	late, early := read(), NewSummary()
	late.AddSchema(schema)
	early.AddSchema(slices.Concat(table.Schema{{Name: "a"}, {Name: "b"}}, schema))
	early.Merge(read())
	others.Merge(read())
	want := state(early)
	if !want[0].DistinctEstimate || !want[1].DistinctEstimate || want[0].QuantileError == 0 {
		t.Fatalf("the data tests nothing: %+v", want)
	}
	for name, s := range map[string]*Summary{"late": late, "merged": others} {
		if got := state(s); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
	}
}

// TestPackedRegisters: those far above the least are kept too.
func TestPackedRegisters(t *testing.T) {
	for _, least := range []uint8{0, 3, hllMax - packedMore} {
		h := newHyperLogLog()
		for i := range h.registers {
			h.registers[i] = least + uint8(i*i%7)
		}
		h.registers[7], h.registers[hllSize-1], h.registers[9] = hllMax, least+packedMore, least+packedMore-1
		d := &decoder{b: h.appendPacked(nil)}
		got := make([]uint8, hllSize)
		if d.packed(got); d.err != nil || len(d.b) > 0 || !slices.Equal(got, h.registers) {
			t.Errorf("from %d on: %v, %d bytes left", least, d.err, len(d.b))
		}
	}
}
