package datacheck

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/table"
)

// TestVector holds expressions evaluated by batch to the virtual machine, row
// by row, on columns of every format with nulls and with text that is not of
// the declared type.
func TestVector(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	rows := someReviews(700)
	dir := t.TempDir()
	declared := map[string]string{"id": "int64", "text": "string", "label": "int8", "lang": "string", "price": "float64"}
	for _, name := range []string{"d.parquet", "d.csv", "d.jsonl", "bad.csv"} {
		file := store(t, filepath.Join(dir, name), rows)
		if name == "bad.csv" {
			text := "id,text,label,lang,price\n"
			for range 500 {
				text += strings.Join([]string{pick(rng, "1", "x", "", "-3"), pick(rng, "a", ""), pick(rng, "0", "1", "1.5"), pick(rng, "en", "de", ""), pick(rng, "1", "nan", "inf", "y", "")}, ",") + "\n"
			}
			if err := os.WriteFile(file.Path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		reader, err := table.Open(context.Background(), file, table.Options{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		schema := slices.Clone(reader.Schema())
		for i, f := range schema {
			if f.Type.Kind == table.Untyped {
				schema[i].Type, _ = table.ParseType(declared[f.Name])
			}
		}
		vectors, trues, all := 0, 0, 0
		for range 400 {
			text := someExpression(rng, 3)
			c, err := compile(manifest.CheckSpec{}, "where", text, schema)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if c.vector != nil {
				vectors++
			}
			e := newEvaluator(&Filter{Where: text, condition: c})
			columns := e.columns(b)
			known, other := e.vectorized(columns, b.Rows)
			for i := range b.Rows {
				if other != nil && other[i] {
					continue
				}
				ok, nulls, err := e.holds(columns, i)
				if ok != known[i] || nulls || err != nil {
					t.Fatalf("%s: %s: row %d: %v, want %v (nulls %v, %v)", name, text, i, known[i], ok, nulls, err)
				}
				if all++; ok {
					trues++
				}
			}
		}
		reader.Close()
		if vectors < 300 || trues < all/10 || trues > all*9/10 {
			t.Errorf("%s: the test tests little: %d vectors, %d of %d true", name, vectors, trues, all)
		}
	}
}

func pick(rng *rand.Rand, list ...string) string { return list[rng.IntN(len(list))] }

// someExpression returns an expression about reviews, now and then of a form
// that is not evaluated by batch.
func someExpression(rng *rand.Rand, depth int) string {
	if depth > 0 && rng.IntN(2) == 0 {
		return fmt.Sprintf(pick(rng, "%s and %s", "(%s or %s)", "(not (%s) || %s)", "!(%s && %s)"), someExpression(rng, depth-1), someExpression(rng, depth-1))
	}
	op := pick(rng, "==", "!=", "<", "<=", ">", ">=")
	number := pick(rng, "0", "1", "-1", "50", "49.5", "-0.5", "300", "id", "label", "price", "9007199254740993")
	switch rng.IntN(8) {
	case 0:
		return fmt.Sprintf("lang %s %q", pick(rng, "==", "!="), pick(rng, "en", "de", "xx", ""))
	case 1:
		return `lang in ["en", "fr"]`
	case 2:
		return "label in [0, 2, -1]"
	case 3:
		return fmt.Sprintf("%q %s lang", "en", pick(rng, "==", "!="))
	case 4:
		return fmt.Sprintf("%s %s %s", number, op, pick(rng, "id", "label", "price"))
	case 5:
		if rng.IntN(8) == 0 {
			return "len(lang) == 2"
		}
	}
	return fmt.Sprintf("%s %s %s", pick(rng, "id", "label", "price"), op, number)
}
