package table

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
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
	var csv, lines bytes.Buffer
	csv.WriteString("id,user,label,price,score,lang,shop,text,ok,at\n")
	for i := range rows {
		r := row{int64(i), rng.Int64N(1e6), int8(rng.IntN(3)), rng.Float64() * 100, rng.Float32(), []string{"en", "de", "fr"}[rng.IntN(3)],
			fmt.Sprint("shop ", rng.IntN(2000)), fmt.Sprint("a review of some words, number ", rng.IntN(1e6)), i%2 == 0, 1.7e12 + rng.Int64N(1e9)}
		rows[i] = r
		fmt.Fprintf(&csv, "%d,%d,%d,%g,%g,%s,%s,%q,%v,%d\n", r.ID, r.User, r.Label, r.Price, r.Score, r.Lang, r.Shop, r.Text, r.Ok, r.At)
		fmt.Fprintf(&lines, `{"id":%d,"user":%d,"label":%d,"price":%g,"score":%g,"lang":%q,"shop":%q,"text":%q,"ok":%v,"at":%d}`+"\n",
			r.ID, r.User, r.Label, r.Price, r.Score, r.Lang, r.Shop, r.Text, r.Ok, r.At)
	}
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"f.csv", csv.Bytes()}, {"f.jsonl", lines.Bytes()},
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
