package datacheck

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"unicode"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/table"
)

// cell is a row of values at which checks of values change their mind, each
// column once as it is and once with a dictionary.
type cell struct {
	Int       *int64   `parquet:"int"`
	IntDict   *int64   `parquet:"intDict,dict"`
	Float     *float64 `parquet:"float"`
	FloatDict *float64 `parquet:"floatDict,dict"`
	Bool      *bool    `parquet:"bool"`
	Text      *string  `parquet:"text"`
	TextDict  *string  `parquet:"textDict,dict"`
}

// TestEach holds the loops over columns, and dictionaries judged at once, to
// fails asked of every row.
func TestEach(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	yaml := "apiVersion: waybill.dev/v1\nkind: Dataset\nname: cells\nlicense: MIT\nfiles: [d.parquet]\nchecks:\n"
	for _, check := range []string{
		"column.range, column: %s, min: 1, max: 2", "column.range, column: %s, min: 1, exclusiveMin: true", "column.range, column: %s, max: 1, exclusiveMax: true",
		"number.finite, column: %s", "column.values, column: %s, values: [1, 2, true, é]", "column.values, column: %s, values: [true, false]", "column.not-values, column: %s, values: [1, N/A]",
		"text.length, column: %s, min: 1, max: 3", "text.length, column: %s, min: 3", "text.casing, column: %s, case: lower", "text.casing, column: %s, case: upper",
		"text.whitespace, column: %s", "text.pattern, column: %s, pattern: '^[a-z]+$'", "text.pattern, column: %s, pattern: 'é|a', forbid: true", "column.missing-tokens, column: %s",
	} {
		for _, column := range []string{"int", "intDict", "float", "floatDict", "bool", "text", "textDict"} {
			yaml += fmt.Sprintf("  - {check: "+check+"}\n", column)
		}
	}
	a := parse(t, yaml)
	for _, n := range []int{3, 2000} {
		for _, nulls := range []bool{false, true} {
			file := storeCells(t, rng, n, nulls)
			r := newRun(a, map[string][]table.File{"": {file}}, Options{})
			if err := r.open(context.Background()); err != nil {
				t.Fatal(err)
			}
			checks, err := r.bind()
			if err != nil {
				t.Fatal(err)
			}
			reader, err := table.Open(context.Background(), file, table.Options{})
			if err != nil {
				t.Fatal(err)
			}
			batch, err := reader.Next()
			if err != nil {
				t.Fatal(err)
			}
			compared := 0
			for _, c := range checks {
				if c.plan.Rows == nil {
					continue // a check of other types than the column's
				}
				compared++
				fast, slow := c.plan.Rows().(*valueCount), c.plan.Rows().(*valueCount)
				fast.Observe(batch)
				askEach(slow, batch)
				if fast.checked != slow.checked || fast.failed != slow.failed || !reflect.DeepEqual(fast.examples, slow.examples) {
					t.Errorf("%s %v %v: %d rows, nulls %v: %d of %d at %v, want %d of %d at %v", c.spec.Check, c.spec.Columns, c.spec.Params, n, nulls,
						fast.failed, fast.checked, fast.examples, slow.failed, slow.checked, slow.examples)
				}
			}
			if compared < 50 {
				t.Errorf("only %d checks were compared", compared)
			}
			reader.Close()
		}
	}
}

// askEach is what Observe does, asking fails of every row.
func askEach(v *valueCount, b *table.Batch) {
	c := b.Column(v.column)
	for i := range b.Rows {
		if c.Null(i) {
			continue
		}
		v.checked++
		if at, code := c.At(i); v.fails(at, code) {
			v.failed++
			v.examples.Add(b, c, i)
		}
	}
}

func storeCells(t *testing.T, rng *rand.Rand, n int, nulls bool) table.File {
	t.Helper()
	rows := make([]cell, n)
	texts := []string{"", "a", "A", "é", "É", " a", "a ", "a  b", "n/a", "N/A", "\u212a", "abcd", "ab9", "none of it"}
	floats := []float64{0, 1, 2, math.Nextafter(1, 2), math.Nextafter(1, 0), math.NaN(), math.Inf(1), math.Inf(-1)}
	null := func() bool { return nulls && rng.IntN(4) == 0 }
	for i := range rows {
		w, f, b, s := rng.Int64N(5)-1, floats[rng.IntN(len(floats))], rng.IntN(2) == 0, texts[rng.IntN(len(texts))]
		if !null() {
			rows[i].Int, rows[i].IntDict = &w, &w
		}
		if !null() {
			rows[i].Float, rows[i].FloatDict = &f, &f
		}
		if !null() {
			rows[i].Bool = &b
		}
		if !null() {
			rows[i].Text, rows[i].TextDict = &s, &s
		}
	}
	var data bytes.Buffer
	if err := parquet.Write(&data, rows); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "d.parquet")
	if err := os.WriteFile(path, data.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return table.File{Name: "d.parquet", Path: path}
}

// TestFoldedTokens holds the quick ways past a token set to folding each text.
func TestFoldedTokens(t *testing.T) {
	set := tokenSet{texts: map[string]bool{}}
	for _, s := range []string{"na", "k", "", "größe"} {
		set.add(s)
	}
	for _, s := range []string{"", " ", "NA", "nA ", "\u212a", "K", "GRÖSSE", "GRÖßE", "größe", "nax", "na na na na na na na na na", "\xff"} {
		c := table.Column{Type: table.Type{Kind: table.String}, Data: []byte(s), Offsets: []uint32{0, uint32(len(s))}}
		want := set.texts[string(bytes.ToLower(bytes.TrimSpace([]byte(s))))]
		if got := set.has(&c, 0); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}

// TestASCIISpace holds the table to package unicode.
func TestASCIISpace(t *testing.T) {
	for c := range rune(unicode.MaxASCII + 1) {
		if asciiSpace[c] != unicode.IsSpace(c) {
			t.Errorf("%q: %v", c, asciiSpace[c])
		}
	}
	if slices.Contains(asciiSpace[unicode.MaxASCII+1:], true) {
		t.Error("bytes of longer characters")
	}
}
