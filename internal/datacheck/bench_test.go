//go:build unix

package datacheck

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/table"
)

// cpu reports the processor time of a benchmark beside the wall time, which
// says little on a busy machine.
func cpu(b *testing.B, bytes int64, run func()) {
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		run()
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	used := float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano()) / 1e9
	b.ReportMetric(1000*used/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(bytes)*float64(b.N)/1e6/used, "MB/cpu-s")
}

func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct {
		name string
		rows int
	}{{"data.csv", 10_000}, {"data.csv", 500_000}, {"data.jsonl", 500_000}, {"data.parquet", 500_000}} {
		file := store(b, filepath.Join(b.TempDir(), c.name), someReviews(c.rows))
		info, err := os.Stat(file.Path)
		if err != nil {
			b.Fatal(err)
		}
		head, _, _ := strings.Cut(reviewChecks, "checks:")
		for name, yaml := range map[string]string{"columns": head, "all": reviewChecks, "more": head + "checks:" + moreChecks} {
			b.Run(fmt.Sprintf("%s/%d/%s", c.name, c.rows, name), func(b *testing.B) {
				a := parse(b, yaml)
				cpu(b, info.Size(), func() {
					if _, _, err := Run(context.Background(), a, map[string][]table.File{"": {file}}, Options{}); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

type sale struct {
	ID       int64   `parquet:"id"`
	User     int64   `parquet:"user"`
	TS       int64   `parquet:"ts,timestamp(millisecond)"`
	Price    float64 `parquet:"price,dict"`
	Qty      int32   `parquet:"qty,dict"`
	Country  string  `parquet:"country,dict"`
	Category string  `parquet:"category,dict"`
	Rating   int8    `parquet:"rating,dict"`
	Text     string  `parquet:"text"`
	Flag     bool    `parquet:"flag"`
}

// someSales writes n rows of the ten columns that testdata/bench checks.
func someSales(b *testing.B, n int) table.File {
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]sale, n)
	text := make([]byte, 0, 64)
	for i := range rows {
		text = text[:0]
		for range 25 + rng.IntN(30) {
			text = append(text, "abcdefghijklmnopqrstuvwxyz      "[rng.IntN(32)])
		}
		country := min(int(3*rng.ExpFloat64()*rng.ExpFloat64()), 199)
		rows[i] = sale{
			ID: int64(i), User: rng.Int64N(1_000_000), TS: 1_700_000_000_000 + int64(i)*150, Price: math.Round(100*math.Exp(3+rng.NormFloat64())) / 100,
			Qty: int32(1 + 2*rng.ExpFloat64()), Country: string([]byte{byte('A' + country/26), byte('A' + country%26)}),
			Category: fmt.Sprintf("home section %03d", rng.IntN(1000)), Rating: int8(1 + rng.IntN(5)), Text: string(text), Flag: rng.IntN(10) < 3,
		}
	}
	path := filepath.Join(b.TempDir(), "data.parquet")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := parquet.Write(f, rows, parquet.MaxRowsPerRowGroup(250_000), parquet.Compression(&parquet.Snappy)); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return table.File{Name: "data.parquet", Path: path}
}

// BenchmarkFiftyChecks is what fifty checks of a million rows cost, reading
// included.
func BenchmarkFiftyChecks(b *testing.B) {
	yaml, err := os.ReadFile("testdata/bench/dataset.yaml")
	if err != nil {
		b.Fatal(err)
	}
	a := parse(b, string(yaml))
	file := someSales(b, 1_000_000)
	info, err := os.Stat(file.Path)
	if err != nil {
		b.Fatal(err)
	}
	cpu(b, info.Size(), func() {
		if _, _, err := Run(context.Background(), a, map[string][]table.File{"": {file}}, Options{}); err != nil {
			b.Fatal(err)
		}
	})
}
