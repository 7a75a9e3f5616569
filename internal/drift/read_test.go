package drift

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// typed is a Parquet file of these rows.
func typed[T any](t *testing.T, rows []T) table.File {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "x.parquet", b.String())
}

// Dates and times are compared with their like, never with text or numbers
// that stand for the same: all would differ.
func TestTimes(t *testing.T) {
	type row struct {
		X time.Time `parquet:"x,timestamp(millisecond)"`
	}
	type number struct {
		X int64 `parquet:"x"`
	}
	var rows, later []row
	var numbers []number
	var texts []string
	for i := range 60 {
		day := time.Unix(0, 0).UTC().AddDate(0, 0, i)
		rows, later = append(rows, row{day}), append(later, row{day.AddDate(0, 0, 30)})
		numbers = append(numbers, number{day.UnixMilli()})
		texts = append(texts, day.Format(time.DateOnly))
	}
	times := typed(t, rows)
	for _, other := range []table.File{csv(t, "x.csv", texts), typed(t, numbers)} {
		for _, pair := range [][2]table.File{{times, other}, {other, times}, {profiled(t, times), other}, {times, profiled(t, other)}} {
			c := mustCompare(t, pair[0], pair[1], Options{}).Columns[0]
			if c.Verdict != report.Inconclusive || !strings.Contains(c.Note, "dates and times cannot be compared with other values") {
				t.Error(show(c))
			}
		}
	}
	for _, reference := range []table.File{times, profiled(t, times)} {
		if c := mustCompare(t, reference, times, Options{}).Columns[0]; c.Type != Numeric || c.Verdict != report.Pass {
			t.Error(show(c))
		}
		if c := mustCompare(t, reference, typed(t, later), Options{}).Columns[0]; *c.Statistic != 0.5 || c.Verdict != report.Fail {
			t.Error(show(c))
		}
	}
}

// Whole numbers of one side and floats of the other are the same numbers, and
// booleans are categories by the same names in every format.
func TestTypes(t *testing.T) {
	type row struct {
		X  int64 `parquet:"x"`
		Ok bool  `parquet:"ok"`
	}
	type float struct {
		X  float64 `parquet:"x"`
		Ok string  `parquet:"ok"`
	}
	var whole []row
	var floats []float
	text := "ok,x\n"
	for i := range 90 {
		whole = append(whole, row{int64(i % 30), i%3 == 0})
		floats = append(floats, float{float64(i % 30), fmt.Sprint(i%3 == 0)})
		text += fmt.Sprintf("%v,%d.0\n", i%3 == 0, i%30)
	}
	for _, other := range []table.File{typed(t, floats), write(t, "x.csv", text)} {
		for _, preset := range Presets() {
			r := mustCompare(t, typed(t, whole), other, Options{Preset: preset, Threshold: 0.01})
			if len(r.Columns) != 2 || *r.Columns[0].Statistic != 0 || *r.Columns[1].Statistic != 0 || r.Columns[1].Type != Category {
				t.Errorf("%s: %s", preset, show(r))
			}
		}
	}
}

// Rows of files that lack the column have no value.
func TestColumnOfSomeFiles(t *testing.T) {
	a, b := csv(t, "a.csv", repeat(10, 10)), write(t, "b.csv", "y\n1\n2\n3\n")
	s, err := Read(context.Background(), []table.File{a, b}, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Read(context.Background(), []table.File{b, a}, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := CompareSides(s, other, Options{Columns: []string{"x"}})
	if err != nil || r.Verdict != report.Pass || r.Columns[0].Note != "left out rows without a value: 3 of 23 in the reference, 3 of 23 in the current side" {
		t.Errorf("%v %s", err, show(r))
	}
}

// However many columns there are, what is held of them together is bounded.
func TestManyColumns(t *testing.T) {
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprint("column ", i)
	}
	s := NewSide(names, nil)
	if held := len(names) * s.samples; held > 2*maxValues {
		t.Errorf("%d numbers would be held", held)
	}
	if held := len(names) * s.most; held > maxAllCategories {
		t.Errorf("%d categories would be held", held)
	}
	few := NewSide(names, names[:2])
	if few.most != maxCategories || few.samples != maxValues/2 {
		t.Errorf("of two columns %d categories and %d numbers would be held", few.most, few.samples)
	}
}

// Values that a profile knows but are too many to list are asked of the data.
func TestTakes(t *testing.T) {
	column := func(column string) *Side {
		s, err := Read(context.Background(), []table.File{write(t, "p.json", `{"apiVersion":"waybill.dev/v1","kind":"Profile","rows":6000000,"columns":[{"name":"x",`+column+`}]}`)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	data, err := Read(context.Background(), []table.File{csv(t, "x.csv", repeat(10, 10, 10))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stars := column(`"type":"int64","count":6000000,"distinct":2,"top":[{"value":"1","count":3000000},{"value":"2","count":3000000}]`)
	for _, c := range []struct {
		profile *Side
		o       Options
		want    bool
	}{
		{stars, Options{}, true},
		{stars, Options{Preset: "nannyml"}, false},
		{column(`"type":"timestamp","count":6000000,"distinct":20000,"distinctEstimate":true`), Options{}, false},
		{column(`"type":"string","count":6000000,"distinct":20000,"distinctEstimate":true`), Options{}, true},
	} {
		if got := c.o.Takes(c.profile, data); got != c.want {
			t.Errorf("%+v: %v", c.o, got)
		}
	}
}

// TFDV and NannyML take only more than the threshold as drift.
func TestAtTheThreshold(t *testing.T) {
	a, b := csv(t, "a.csv", []string{"a", "b", "a", "b", "a", "b", "a", "b", "a", "b"}), csv(t, "b.csv", strings.Fields("a a a b b b b b b b"))
	for preset, want := range map[string]report.Verdict{"waybill": report.Fail, "tfdv": report.Pass, "nannyml": report.Pass} {
		if c := mustCompare(t, a, b, Options{Preset: preset, Method: "l-infinity", Threshold: 0.2}).Columns[0]; *c.Statistic != 0.2 || c.Verdict != want {
			t.Errorf("%s: %s", preset, show(c))
		}
	}
}

// Sides that were read in parts and merged are those that were read at once.
func TestMerge(t *testing.T) {
	type row struct {
		At   time.Time `parquet:"at,timestamp(millisecond)"`
		X    float64   `parquet:"x"`
		Word string    `parquet:"word"`
	}
	side := func(rows []row, parts int) *Side {
		var files []table.File
		for chunk := range slices.Chunk(rows, (len(rows)+parts-1)/parts) {
			files = append(files, typed(t, chunk))
		}
		s, err := Read(context.Background(), files, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var a, b []row
	for i := range maxCategories + 2000 {
		x := float64(i % 50)
		if i%11 == 0 {
			x = math.NaN()
		}
		a = append(a, row{time.Unix(int64(i%300), 0), x, fmt.Sprint(i)})
		b = append(b, row{time.Unix(int64(i%400), 0), x * 1.5, fmt.Sprint(i % 7)})
	}
	for _, o := range []Options{{}, {Preset: "tfdv", Threshold: 0.1}, {Type: Category}} {
		want, err := CompareSides(side(a, 1), side(b, 1), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, parts := range []int{2, 5} {
			if got, err := CompareSides(side(a, parts), side(b, parts), o); err != nil || show(got) != show(want) {
				t.Errorf("%+v in %d parts: %v\ngot  %s\nwant %s", o, parts, err, show(got), show(want))
			}
		}
		if c := want.Columns[2]; c.Verdict != report.Inconclusive || !strings.Contains(c.Note, "more than 10000 different values") {
			t.Error(show(c))
		}
	}
	few, err := Read(context.Background(), []table.File{typed(t, b[:20]), typed(t, a)}, nil)
	if err != nil || !few.columns["word"].words.over {
		t.Errorf("%v: a file of too many words after one of few leaves few words", err)
	}
}
