package table

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// drain reads what can be read and fails on errors that blame the system for
// what the file holds.
func drain(t *testing.T, f File) (string, error) {
	out, err := dump(f, Options{})
	if data := new(DataError); err != nil && !errors.As(err, &data) {
		t.Fatalf("%T: %v", err, err)
	}
	return out, err
}

// FuzzCSV holds the reader against encoding/csv: what both accept they must
// read alike.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a,b\r\n\"x\ny\",\"\"\"\"\n", "a\n\n1\n", "a,b\n1\n", "\ufeffa\n\"\n", "a,b\n\"1\"x,2", "a\n\x00", "a\n\xff", ",\n,\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		f := put(t, "f.csv", []byte(s))
		f.Dialect.Delimiter = ',' // FuzzSniff finds it out
		if _, n := byteOrderMark([]byte(s)); n == 2 {
			return // UTF-16
		}
		got, err := drain(t, f)
		if err != nil || strings.ContainsAny(s, "∅|\r") || strings.HasPrefix(s, "\ufeff") {
			return
		}
		r := csv.NewReader(strings.NewReader(s))
		records, err := r.ReadAll()
		if err != nil {
			t.Fatalf("encoding/csv refuses what was read: %v", err)
		}
		if len(records[0]) == 1 {
			return // blank lines are rows
		}
		var want strings.Builder
		for _, record := range records[1:] {
			want.WriteString(strings.Join(record, "|") + "\n")
		}
		if got = strings.ReplaceAll(got, "∅", ""); got != want.String() {
			t.Errorf("got\n%q, encoding/csv\n%q", got, want.String())
		}
	})
}

// FuzzJSONLines accepts a line only if encoding/json does.
func FuzzJSONLines(f *testing.F) {
	for _, s := range []string{`{"a":1}`, "{\"a\":[{\"b\":null}],\"c\":\"\\u00e9\"}\n{}", `{"a":-0.5e-3,"b":false}`, `[{"a":1}]`, `{"a":"`, "{}\n{\"x\":1}", `{"a":01}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := drain(t, put(t, "f.json", []byte(s))); err != nil {
			return
		}
		dec := json.NewDecoder(strings.NewReader(strings.TrimPrefix(s, "\ufeff")))
		for {
			var v any
			if err := dec.Decode(&v); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("encoding/json refuses what was read: %v", err)
			}
		}
	})
}

// FuzzParquetOpen damages good files.
func FuzzParquetOpen(f *testing.F) {
	type small struct {
		N *int64   `parquet:"n"`
		S string   `parquet:"s,dict"`
		L []string `parquet:"l,list"`
	}
	n := int64(7)
	rows := []small{{&n, "x", []string{"p", "q"}}, {nil, "y", nil}, {&n, "x", []string{"r"}}}
	f.Add(writeParquet(f, rows))
	f.Add(writeParquet(f, rows, parquet.DataPageVersion(1), parquet.Compression(&parquet.Snappy)))
	f.Add(writeParquet(f, []primitive{{S: "a", D: "b"}, {S: "c", D: "d"}}))
	for _, footer := range hostileFooters() {
		if len(footer.data) < 64<<10 { // larger ones only slow it down
			f.Add(framed(footer.data))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { drain(t, put(t, "f.parquet", data)) })
}
