package predictions_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/table"
)

// millionRows writes a million predictions in the order of keys given, as CSV or
// Parquet.
func millionRows(b testing.TB, name string, order func(int) int) predictions.Spec {
	type row struct {
		ID         string  `parquet:"id"`
		Label      int32   `parquet:"label"`
		Prediction int32   `parquet:"prediction"`
		Score      float64 `parquet:"score"`
		Lang       string  `parquet:"lang,dict"`
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]row, 1_000_000)
	for i := range rows {
		j := order(i)
		rows[i] = row{fmt.Sprintf("row-%07d", j), int32(j % 2), int32(j / 3 % 2), float64(rng.IntN(1e6)) / 1e6, []string{"en", "de", "fr", "es"}[j%4]}
	}
	var f table.File
	if name == "p.csv" {
		var s strings.Builder
		s.WriteString("id,label,prediction,score,lang\n")
		for _, r := range rows {
			fmt.Fprintf(&s, "%s,%d,%d,%g,%s\n", r.ID, r.Label, r.Prediction, r.Score, r.Lang)
		}
		f = file(b, name, s.String())
	} else {
		f = table.File{Name: name, Path: filepath.Join(b.TempDir(), name)}
		if err := parquet.WriteFile(f.Path, rows, parquet.Compression(&parquet.Snappy)); err != nil {
			b.Fatal(err)
		}
	}
	s := spec(f)
	s.Score, s.Columns = "score", []string{"lang"}
	return s
}

// BenchmarkRead reads a million rows of five columns.
func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"p.csv", "p.parquet"} {
		s := millionRows(b, name, func(i int) int { return i })
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if set, err := predictions.Read(b.Context(), s); err != nil || set.N != 1_000_000 || len(set.Problems) > 0 {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkJoin matches a million rows with the same in another order.
func BenchmarkJoin(b *testing.B) {
	order := rand.New(rand.NewPCG(3, 4)).Perm(1_000_000)
	candidate, err := predictions.Read(b.Context(), millionRows(b, "p.parquet", func(i int) int { return i }))
	if err != nil {
		b.Fatal(err)
	}
	baseline, err := predictions.Read(b.Context(), millionRows(b, "p.parquet", func(i int) int { return order[i] }))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if p := predictions.Join(candidate, baseline); len(p.Problems) > 0 {
			b.Fatal(p.Problems)
		}
	}
}
