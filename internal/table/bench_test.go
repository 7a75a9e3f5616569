package table

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// BenchmarkRead reads ten columns, as they stand in the file, in one thread.
func BenchmarkRead(b *testing.B) {
	type row struct {
		ID    int64   `parquet:"id"`
		User  int64   `parquet:"user"`
		Label int8    `parquet:"label"`
		Price float64 `parquet:"price"`
		Score float32 `parquet:"score"`
		Lang  string  `parquet:"lang,dict"`
		Shop  string  `parquet:"shop,dict"`
		Text  string  `parquet:"text"`
		Ok    bool    `parquet:"ok"`
		At    int64   `parquet:"at,timestamp(millisecond)"`
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]row, 500_000)
	var text, lines bytes.Buffer
	text.WriteString("id,user,label,price,score,lang,shop,text,ok,at\n")
	for i := range rows {
		r := row{int64(i), rng.Int64N(1e6), int8(rng.IntN(3)), rng.Float64() * 100, rng.Float32(), []string{"en", "de", "fr"}[rng.IntN(3)],
			fmt.Sprint("shop ", rng.IntN(2000)), fmt.Sprint("a review of some words, number ", rng.IntN(1e6)), i%2 == 0, 1.7e12 + rng.Int64N(1e9)}
		rows[i] = r
		fmt.Fprintf(&text, "%d,%d,%d,%g,%g,%s,%s,%q,%v,%d\n", r.ID, r.User, r.Label, r.Price, r.Score, r.Lang, r.Shop, r.Text, r.Ok, r.At)
		fmt.Fprintf(&lines, `{"id":%d,"user":%d,"label":%d,"price":%g,"score":%g,"lang":%q,"shop":%q,"text":%q,"ok":%v,"at":%d}`+"\n",
			r.ID, r.User, r.Label, r.Price, r.Score, r.Lang, r.Shop, r.Text, r.Ok, r.At)
	}
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"f.csv", text.Bytes()}, {"f.jsonl", lines.Bytes()},
		{"f.parquet", writeParquet(b, rows, parquet.Compression(&parquet.Snappy), parquet.MaxRowsPerRowGroup(100_000))},
	} {
		f := put(b, c.name, c.data)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.data)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := Open(context.Background(), f, Options{})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for {
					batch, err := r.Next()
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					n += batch.Rows
				}
				r.Close()
				if n != len(rows) {
					b.Fatal(n, "rows")
				}
			}
			b.ReportMetric(float64(len(rows))*float64(b.N)/1e6/b.Elapsed().Seconds(), "Mrows/s")
		})
	}
}

// BenchmarkCSV reads a file of ten columns as BenchmarkRead does, finds its
// parts, and lets encoding/csv take it apart, for comparison.
func BenchmarkCSV(b *testing.B) {
	var data bytes.Buffer
	data.WriteString("id,user,label,price,score,lang,shop,text,ok,at\n")
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 500_000 {
		fmt.Fprintf(&data, "%d,%d,%d,%g,%g,%s,shop %d,\"a review of some words, number %d\",%v,%d\n", i, rng.IntN(1e6), rng.IntN(3), rng.Float64()*100,
			rng.Float32(), []string{"en", "de", "fr"}[rng.IntN(3)], rng.IntN(2000), rng.IntN(1e6), i%2 == 0, 1_700_000_000_000+rng.Int64N(1e9))
	}
	f := put(b, "f.csv", data.Bytes())
	run := func(name string, do func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(data.Len()))
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("Open", func() error {
		r, err := Open(context.Background(), f, Options{})
		if err != nil {
			return err
		}
		defer r.Close()
		for {
			if _, err := r.Next(); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
	run("Index", func() error {
		_, err := Index(context.Background(), f)
		return err
	})
	run("encoding-csv", func() error {
		file, err := os.Open(f.Path)
		if err != nil {
			return err
		}
		defer file.Close()
		r := csv.NewReader(file)
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
}
