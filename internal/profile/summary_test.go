package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/table"
)

type summaryRow struct {
	ID    int64     `parquet:"id"`
	Label int8      `parquet:"label"`
	Price *float64  `parquet:"price"`
	Score float32   `parquet:"score"`
	Lang  string    `parquet:"lang,dict"`
	Shop  string    `parquet:"shop,dict"`
	Text  string    `parquet:"text"`
	OK    bool      `parquet:"ok"`
	At    time.Time `parquet:"at,timestamp(millisecond)"`
	Day   int32     `parquet:"day,date"`
}

func summaryRows(n int) []summaryRow {
	rng := rand.New(rand.NewPCG(11, 12))
	rows := make([]summaryRow, n)
	for i := range rows {
		price := math.Round(rng.Float64()*1e7) / 100
		rows[i] = summaryRow{
			int64(i) - 7, int8(rng.IntN(3)), &price, float32(rng.NormFloat64()), []string{"en", "de", "fr"}[rng.IntN(3)],
			fmt.Sprint("shop ", rng.IntN(2000)), fmt.Sprint("A review of some words, number ", rng.IntN(1e6)), i%2 == 0,
			time.UnixMilli(1.7e12 + rng.Int64N(1e9)).UTC(), int32(19000 + rng.IntN(400)),
		}
		if i%10 == 3 {
			rows[i].Price = nil
		}
	}
	return rows
}

func writeRows(t testing.TB, rows []summaryRow, group int64) table.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := parquet.Write(f, rows, parquet.MaxRowsPerRowGroup(group), parquet.Compression(&parquet.Snappy)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return table.File{Name: "f.parquet", Path: path}
}

func writeCSV(t testing.TB, rows []summaryRow) table.File {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("id,label,price,score,lang,shop,text,ok,at,day\n")
	for _, r := range rows {
		price := ""
		if r.Price != nil {
			price = fmt.Sprint(*r.Price)
		}
		fmt.Fprintf(&b, "%d,%d,%s,%v,%s,%s,%q,%v,%s,%s\n", r.ID, r.Label, price, float64(r.Score), r.Lang, r.Shop, r.Text, r.OK,
			r.At.Format("2006-01-02T15:04:05.999Z"), time.Unix(int64(r.Day)*86400, 0).UTC().Format(time.DateOnly))
	}
	return table.File{Name: "f.csv", Path: write(t, "f.csv", b.String())}
}

func scanAll(t testing.TB, files []table.File, opts ScanOptions) *Document {
	t.Helper()
	s, err := Scan(context.Background(), files, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s.Document([]string{"f"})
}

// throughJSON writes and reads a document.
func throughJSON(t testing.TB, d *Document) *Document {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mergeAll(docs ...*Document) (*Document, error) {
	m := NewMerger()
	for _, d := range docs {
		if err := m.Add(d); err != nil {
			return nil, err
		}
	}
	return m.Document(), nil
}

// TestMergedShards: whatever the workers the document is the same, and merged
// shards are too, but for the most frequent of too many values.
func TestMergedShards(t *testing.T) {
	rows := summaryRows(24_000)
	file := writeRows(t, rows, 1500)
	files := []table.File{file, writeRows(t, rows[:3000], 1000)}
	want := scanAll(t, files, ScanOptions{Workers: 1})
	if want.Rows != 27_000 || len(want.Columns) != 10 {
		t.Fatalf("%d rows, %d columns", want.Rows, len(want.Columns))
	}
	estimates := 0
	for _, c := range want.Columns {
		if c.DistinctEstimate {
			estimates++
		}
	}
	if estimates < 3 || estimates > 6 {
		t.Fatalf("%d columns have many values: the data tests nothing", estimates)
	}
	for _, workers := range []int{2, 7} {
		if got := scanAll(t, files, ScanOptions{Workers: workers}); !reflect.DeepEqual(got, want) {
			t.Errorf("%d workers: the document differs", workers)
		}
	}
	for _, n := range []int{1, 3, 20} {
		var shards []*Document
		for i := range n {
			d := scanAll(t, files, ScanOptions{Shard: Shard{i + 1, n}})
			d.Shards = []string{Shard{i + 1, n}.String()}
			shards = append(shards, throughJSON(t, d))
		}
		for range 2 {
			got, err := mergeAll(shards...)
			if err != nil {
				t.Fatal(err)
			}
			compareDocuments(t, fmt.Sprint(n, " shards"), got, want)
			rand.New(rand.NewPCG(1, uint64(n))).Shuffle(n, func(i, j int) { shards[i], shards[j] = shards[j], shards[i] })
		}
	}
}

// compareDocuments compares all that does not depend on the order of rows.
func compareDocuments(t *testing.T, what string, got, want *Document) {
	t.Helper()
	if got.Rows != want.Rows || len(got.Columns) != len(want.Columns) || got.Shards != nil {
		t.Fatalf("%s: %d rows, %d columns, shards %v", what, got.Rows, len(got.Columns), got.Shards)
	}
	for i, w := range want.Columns {
		g := got.Columns[i]
		if w.DistinctEstimate {
			g.Top, g.TopError, g.State = w.Top, w.TopError, w.State
		}
		if !reflect.DeepEqual(g, w) {
			g.State, w.State = nil, nil
			t.Errorf("%s: got\n%+v\nwant\n%+v", what, g, w)
		}
	}
}

// TestFormatsAgree: the same values from CSV and Parquet are the same profile.
func TestFormatsAgree(t *testing.T) {
	rows := summaryRows(25_000)
	fromCSV := scanAll(t, []table.File{writeCSV(t, rows)}, ScanOptions{})
	fromParquet := scanAll(t, []table.File{writeRows(t, rows, 5000)}, ScanOptions{})
	for i, p := range fromParquet.Columns {
		c := fromCSV.Columns[i]
		if c.Count != p.Count || c.Nulls != p.Nulls || c.Distinct != p.Distinct || c.DistinctEstimate != p.DistinctEstimate {
			t.Errorf("%s: %d values, %d nulls, %d distinct; Parquet has %d, %d, %d", p.Name, c.Count, c.Nulls, c.Distinct, p.Count, p.Nulls, p.Distinct)
		}
		if !reflect.DeepEqual(c.Min, p.Min) || !reflect.DeepEqual(c.Max, p.Max) || !reflect.DeepEqual(c.Mean, p.Mean) ||
			!reflect.DeepEqual(c.StdDev, p.StdDev) || !reflect.DeepEqual(c.Quantiles, p.Quantiles) || !reflect.DeepEqual(c.Histogram, p.Histogram) {
			t.Errorf("%s: %v to %v, mean %v, %v; Parquet %v to %v, %v, %v", p.Name, c.Min, c.Max, c.Mean, c.Quantiles, p.Min, p.Max, p.Mean, p.Quantiles)
		}
		if !p.DistinctEstimate && !reflect.DeepEqual(c.Top, p.Top) {
			t.Errorf("%s: top %v; Parquet %v", p.Name, c.Top, p.Top)
		}
	}
	types := map[string]string{}
	for _, c := range fromCSV.Columns {
		types[c.Name] = c.Type
	}
	if want := map[string]string{"id": "int64", "label": "int64", "price": "float64", "score": "float64", "lang": "string", "shop": "string",
		"text": "string", "ok": "bool", "at": "timestamp", "day": "date"}; !reflect.DeepEqual(types, want) {
		t.Errorf("types %v", types)
	}
}

func TestSmallProfile(t *testing.T) {
	file := table.File{Name: "f.csv", Path: write(t, "f.csv", "n,t,e\n1,Ab-12,\n2,Zz-9,\nnan,,\n2,ü 5,\n")}
	d := scanAll(t, []table.File{file}, ScanOptions{})
	n, text, empty := d.Columns[0], d.Columns[1], d.Columns[2]
	if n.Type != "float64" || n.Count != 4 || n.NaNs != 1 || n.Distinct != 3 || n.Min != 1.0 || n.Max != 2.0 || *n.Mean != 1.66666667 || *n.StdDev != 0.577350269 {
		t.Errorf("%+v", n)
	}
	if n.Quantiles["0.5"] != 2 || n.Quantiles["0.25"] != 1.5 || n.QuantileError != 0 || n.Top[0] != (TopValue{"2", 2}) {
		t.Errorf("%+v", n)
	}
	if text.Count != 3 || text.Nulls != 1 || *text.Lengths != (TextLengths{3, 5, 4}) || text.Min != "Ab-12" || text.Max != "ü 5" {
		t.Errorf("%+v", text)
	}
	if want := []TextShape{{"a-9", 2}, {"a 9", 1}}; !reflect.DeepEqual(text.Patterns, want) {
		t.Errorf("patterns %v", text.Patterns)
	}
	if empty.Count != 0 || empty.Nulls != 4 || empty.Min != nil || empty.Mean != nil || empty.Top == nil {
		t.Errorf("%+v", empty)
	}
}

// TestExtremeNumbers: whatever is in the data, the profile is JSON that can be
// read and merged.
func TestExtremeNumbers(t *testing.T) {
	var few, many strings.Builder
	few.WriteString("v\n")
	many.WriteString("v\n")
	for i, s := range []string{"1e308", "-1e308", "1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "-5e-324", "0", "-0", "inf", "-inf", "NaN", "1e999"} {
		fmt.Fprintln(&few, s)
		for j := range 1500 {
			fmt.Fprintln(&many, math.Float64frombits(uint64(i+1)*0x1234567812345678+uint64(j)<<33))
			fmt.Fprintln(&many, s)
		}
	}
	for _, csv := range []string{few.String(), many.String(), "v\n5\n", "v\n5e-324\n1e-323\n", "v\nnan\n"} {
		d := scanAll(t, []table.File{{Name: "f.csv", Path: write(t, "f.csv", csv)}}, ScanOptions{})
		twice, err := mergeAll(throughJSON(t, d), throughJSON(t, d))
		if err != nil {
			t.Fatal(err)
		}
		c := twice.Columns[0]
		throughJSON(t, twice)
		if c.Count != 2*d.Columns[0].Count || c.Distinct != d.Columns[0].Distinct || !reflect.DeepEqual(c.Max, d.Columns[0].Max) {
			t.Errorf("%+v twice is %+v", d.Columns[0], c)
		}
		if h := c.Histogram; h != nil && (!slices.IsSorted(h.Edges) || h.Edges[0] != c.Min || h.Edges[len(h.Edges)-1] != c.Max) {
			t.Errorf("edges %v of %v to %v", h.Edges, c.Min, c.Max)
		}
	}
}

// TestAgainstNumpy holds statistics to testdata/reference.json, which
// testdata/reference.py wrote.
func TestAgainstNumpy(t *testing.T) {
	b, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var references []struct {
		N, Distinct            int64
		Min, Max, Mean, StdDev float64
		Quantiles              map[string]float64
		Edges                  []float64
		Counts                 []int64
	}
	if err := json.Unmarshal(b, &references); err != nil {
		t.Fatal(err)
	}
	for _, want := range references {
		var csv strings.Builder
		csv.WriteString("v\n")
		x := uint64(1)
		for i := range want.N {
			x = x*6364136223846793005 + 1442695040888963407
			u := float64(x>>11) / (1 << 53)
			v := u * 1000
			switch i % 3 {
			case 1:
				v = -u
				for range 3 {
					v *= v
				}
				v = -v
			case 2:
				v = float64(int(u * 50))
			}
			fmt.Fprintln(&csv, v)
		}
		c := scanAll(t, []table.File{{Name: "f.csv", Path: write(t, "f.csv", csv.String())}}, ScanOptions{}).Columns[0]
		near := func(what string, got, want, tolerance float64) {
			t.Helper()
			if math.Abs(got-want) > tolerance*math.Abs(want) {
				t.Errorf("n=%d: %s is %v, numpy says %v", c.Count, what, got, want)
			}
		}
		near("min", c.Min.(float64), want.Min, 1e-12)
		near("max", c.Max.(float64), want.Max, 1e-12)
		near("mean", *c.Mean, want.Mean, 1e-8)
		if want.N > 1 {
			near("stddev", *c.StdDev, want.StdDev, 1e-8)
		}
		for q, v := range want.Quantiles {
			near("quantile "+q, c.Quantiles[q], v, c.QuantileError+1e-8)
		}
		if tolerance := 0.03 * float64(want.Distinct); !c.DistinctEstimate {
			near("distinct", float64(c.Distinct), float64(want.Distinct), 0)
		} else if math.Abs(float64(c.Distinct-want.Distinct)) > tolerance {
			t.Errorf("%d distinct values, numpy says %d", c.Distinct, want.Distinct)
		}
		if (c.QuantileError == 0) != (want.Distinct <= MaxDistinct) || c.QuantileError > 0.002 {
			t.Errorf("n=%d: quantiles with error %v", want.N, c.QuantileError)
		}
		if len(c.Histogram.Counts) != len(want.Counts) {
			if want.N > 1 {
				t.Errorf("n=%d: %d bins", want.N, len(c.Histogram.Counts))
			}
			continue
		}
		for i, n := range want.Counts {
			near("edge", c.Histogram.Edges[i], want.Edges[i], 1e-8)
			if math.Abs(float64(c.Histogram.Counts[i]-n)) > c.QuantileError*1e3*float64(n)/4 {
				t.Errorf("n=%d: bin %d has %d, numpy says %d", want.N, i, c.Histogram.Counts[i], n)
			}
		}
	}
}

func TestShard(t *testing.T) {
	for _, bad := range []string{"", "1", "0/2", "3/2", "a/b", "-1/2", "1/2/3", "1/1000000000"} {
		if s, err := ParseShard(bad); err == nil {
			t.Errorf("%q is %v", bad, s)
		}
	}
	d := scanAll(t, []table.File{{Name: "f.csv", Path: write(t, "f.csv", "a\n1\n")}}, ScanOptions{})
	d.Shards = []string{"1/2"}
	if _, err := mergeAll(d, throughJSON(t, d)); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("the same shard twice: %v", err)
	}
	if got, err := mergeAll(d); err != nil || !slices.Equal(got.Shards, d.Shards) {
		t.Errorf("a missing shard is forgotten: %v, %v", got, err)
	}
}

func TestHostileDocuments(t *testing.T) {
	for text, want := range map[string]string{
		"": "not a profile", "[]": "not a profile", `{"kind":"Profile"}`: "apiVersion",
		`{"apiVersion":"waybill.dev/v1","kind":"Profile","rows":-1}`: "-1 rows",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	d := &Document{Columns: []DocumentColumn{{Name: "a", State: []byte{9}}}}
	if _, err := d.Summary(); err == nil || !strings.Contains(err.Error(), "update waybill") {
		t.Errorf("a later version: %v", err)
	}
	for _, s := range fuzzSeeds(t) {
		for n := range min(len(s), 1000) {
			if _, err := decodeState("c", s[:n], 1e6); err == nil {
				t.Fatalf("%d of %d bytes are a state", n, len(s))
			}
		}
	}
}

// fuzzSeeds are states of each kind.
func fuzzSeeds(t testing.TB) [][]byte {
	var out [][]byte
	files := []table.File{writeRows(t, summaryRows(12_000), 4000), {Name: "f.csv", Path: write(t, "f.csv", "a,b\n1,x\n2.5,\n")}}
	for _, f := range files {
		for _, c := range scanAll(t, []table.File{f}, ScanOptions{}).Columns {
			out = append(out, c.State)
		}
	}
	for _, c := range scanAll(t, []table.File{writeWide(t, columnsAtOnce+1, 3000)}, ScanOptions{}).Columns[:4] {
		out = append(out, c.State)
	}
	return out
}

// FuzzState: no state makes the program crash, hang or write what it would
// not read.
func FuzzState(f *testing.F) {
	for _, s := range fuzzSeeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		c, err := decodeState("c", state, 1e6)
		if err != nil {
			return
		}
		s := NewSummary()
		s.Rows = c.rows
		s.columns, s.byName["c"] = []*columnSummary{c}, c
		d := s.Document(nil)
		merged, err := mergeAll(throughJSON(t, d), throughJSON(t, d))
		if err != nil {
			t.Fatal(err)
		}
		if got := merged.Columns[0]; got.Count != 2*d.Columns[0].Count || got.Nulls != 2*d.Columns[0].Nulls {
			t.Errorf("%+v twice is %+v", d.Columns[0], got)
		}
	})
}

// BenchmarkScan makes the full profile of 500,000 rows of ten columns.
func BenchmarkScan(b *testing.B) {
	rows := summaryRows(500_000)
	for _, f := range []table.File{writeCSV(b, rows), writeRows(b, rows, 100_000)} {
		info, err := os.Stat(f.Path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(f.Name, func(b *testing.B) {
			b.SetBytes(info.Size())
			b.ReportAllocs()
			for b.Loop() {
				if d := scanAll(b, []table.File{f}, ScanOptions{}); d.Rows != int64(len(rows)) {
					b.Fatal(d.Rows, "rows")
				}
			}
			b.ReportMetric(float64(len(rows))*float64(b.N)/1e6/b.Elapsed().Seconds(), "Mrows/s")
		})
	}
}
