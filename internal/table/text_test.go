package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCSV(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "a,b\n1,x\n2,y\n", "1|x\n2|y\n"},
		{"no final line end", "a,b\n1,x", "1|x\n"},
		{"CRLF", "a,b\r\n1,x\r\n2,y\r\n", "1|x\n2|y\n"},
		{"BOM", "\ufeffa,b\n1,x\n", "1|x\n"},
		{"BOM before a quoted name", "\ufeff\"a\",b\n1,x\n", "1|x\n"},
		{"nulls and empty strings", "a,b\n,\"\"\n\"\",\n", "∅|\n|∅\n"},
		{"quotes", "a,b\n\"x,y\",\"say \"\"hi\"\"\"\n", "x,y|say \"hi\"\n"},
		{"line ends in quotes", "a,b\n\"one\ntwo\",2\n\"\r\n\",3\n", "one\ntwo|2\n\r\n|3\n"},
		{"blank lines", "a,b\n\n1,x\n\r\n\n2,y\n\n", "1|x\n2|y\n"},
		{"blank line of one column", "a\n1\n\n2\n", "1\n∅\n2\n"},
		{"header alone", "a,b\n", ""},
		{"unicode", "größe,名\nß,字\n", "ß|字\n"},
		{"spaces are kept", "a,b\n 1 , x\n", " 1 | x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantDump(t, put(t, "f.csv", []byte(c.in)), Options{}, c.want)
			wantDump(t, put(t, "f.csv.gz", []byte(c.in)), Options{}, c.want)
			wantDump(t, put(t, "f.csv.zst", []byte(c.in)), Options{}, c.want)
		})
	}
	wantDump(t, put(t, "f.tsv", []byte("a\tb\n1,2\t3\n")), Options{}, "1,2|3\n")
	wantDump(t, put(t, "f.csv", []byte("a;b\n1,2;3\n")), Options{}, "1,2|3\n")
	wantDump(t, put(t, "f.csv", []byte("a,b,c\n1,\"2\",3\n")), Options{Columns: []string{"c", "a", "z"}}, "1|3\n")
	wantDump(t, put(t, "f.csv", []byte("a,b\n1,2\n3,4\n")), Options{Columns: []string{}}, "\n\n")
}

func TestCSVErrors(t *testing.T) {
	long := "a\n" + strings.Repeat("x", MaxRecord+1)
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "f.csv: is empty"},
		{"only blank lines", "\n\n", "must name the columns"},
		{"ragged", "a,b\n1,2\n\n3,4,5\n", "f.csv:4: the record has 3 fields, the header has 2"},
		{"short", "a,b\n\"x\ny\",2\n1\n", "f.csv:4: the record has 1 fields, the header has 2"},
		{"bare quote", "a,b\n1,x\"y\n", "f.csv:2: a quote stands inside a field"},
		{"text after quote", "a,b\n1,\"x\"y\n", "f.csv:2: text follows the closing quote"},
		{"open quote", "a,b\n1,\"x\n2,y\n", "f.csv:2: a quoted field is not closed"},
		{"NUL", "a,b\n1,x\n1,\x00\n", "f.csv:3: the record holds a NUL byte"},
		{"not UTF-8", "a,b\n1,x\n1,caf\xe9\n", "f.csv:3: the record is not valid UTF-8"},
		{"same names", "a,b,a\n1,2,3\n", `has two columns called "a"`},
		{"endless line", long, "f.csv:2: the record is longer than 16 MiB"},
		{"endless quote", "a\n\"" + strings.Repeat("x\n", MaxRecord/2+1), "f.csv:2: the record is longer than 16 MiB"},
		{"too many columns", strings.Repeat("a,", MaxColumns), "at most 10000 can be read"},
		{"Parquet inside", "PAR1xxxx", "holds Parquet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := put(t, "f.csv", []byte(c.in))
			wantError(t, f, c.want)
			_, err := dump(f, Options{})
			if data := new(DataError); !errors.As(err, &data) {
				t.Errorf("%T is no DataError", err)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	wantError(t, put(t, "f.txt", []byte("x")), "is of no format")
	wantError(t, put(t, "f.parquet.gz", []byte("x")), "is of no format")
	_, err := Open(context.Background(), File{Name: "gone.csv", Path: "/nowhere/gone.csv"}, Options{})
	if data := new(DataError); !errors.Is(err, os.ErrNotExist) || errors.As(err, &data) {
		t.Errorf("missing file: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, put(t, "f.csv", []byte("a\n1\n")), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDamagedCompression(t *testing.T) {
	for _, name := range []string{"f.csv.gz", "f.jsonl.zst"} {
		f := put(t, name, []byte("a,b\n"+strings.Repeat("1,x\n", 100000)))
		data, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Path, data[:len(data)-20], 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = dump(File{Name: strings.Replace(name, "jsonl", "csv", 1), Path: f.Path}, Options{})
		if data := new(DataError); !errors.As(err, &data) || !strings.Contains(err.Error(), "decompressing failed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJSONLines(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", `{"a":1,"b":"x"}` + "\n" + `{"b":"y","a":-2.5e3}` + "\n", "1|x\n-2.5e3|y\n"},
		{"missing, null, later keys", `{"a":1}` + "\n\n" + `{"b":null,"c":true}` + "\r\n" + `{"a":null}`, "1|∅|∅\n∅|∅|true\n∅|∅|∅\n"},
		{"escapes", `{"a\u0062":"tab\tquote\"\u00e9\ud83d\ude00"}`, "tab\tquote\"é😀\n"},
		{"nested", `{"a":{"x": [1, "}"] },"b":[ ]}`, `{"x":[1,"}"]}|[]` + "\n"},
		{"big integers stay exact", `{"a":9223372036854775807,"b":12345678901234567890123}`, "9223372036854775807|12345678901234567890123\n"},
		{"empty object", "{}\n{}\n", "\n\n"},
		{"space", " { \"a\" : 1 } ", "1\n"},
		{"BOM", "\ufeff{\"a\":1}", "1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantDump(t, put(t, "f.jsonl", []byte(c.in)), Options{}, c.want)
			wantDump(t, put(t, "f.ndjson.zst", []byte(c.in)), Options{}, c.want)
			wantDump(t, put(t, "f.json", []byte(c.in)), Options{}, c.want)
		})
	}
	wantDump(t, put(t, "f.json", []byte("\n [ {\"a\":1,\n\"b\":\"]\"} , {\"a\":2} ]\n")), Options{}, "1|]\n2|∅\n")
	wantDump(t, put(t, "f.jsonl", []byte(`{"a":1,"b":2}`)), Options{Columns: []string{"b"}}, "2\n")
}

func TestJSONErrors(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"f.jsonl", "", "is empty"},
		{"f.jsonl", "\n \n", "is empty"},
		{"f.jsonl", "{\"a\":1}\n[1]\n", "f.jsonl:2: not a JSON object: it begins with '['"},
		{"f.jsonl", `{"a":1`, "f.jsonl:1: not a JSON object: the end of the line stands where a comma or } should"},
		{"f.jsonl", `{"a":1}{"a":2}`, "follows it"},
		{"f.jsonl", `{"a":1,}`, "where a key in quotes should"},
		{"f.jsonl", `{"a" 1}`, "where a colon should"},
		{"f.jsonl", `{"a":01}`, "where a comma or } should"},
		{"f.jsonl", `{"a":1.}`, "ends in its point"},
		{"f.jsonl", `{"a":1e}`, "no exponent"},
		{"f.jsonl", `{"a":-}`, "no digits"},
		{"f.jsonl", `{"a":tru}`, "where a value should"},
		{"f.jsonl", `{"a":"x}`, "is not closed"},
		{"f.jsonl", `{"a":"\x"}`, "invalid character"},
		{"f.jsonl", `{"a":[1}`, "invalid character"},
		{"f.jsonl", `{"a":[1}]}`, "invalid character"},
		{"f.jsonl", `{"a":1,"a":2}`, `the key "a" stands twice`},
		{"f.jsonl", `{"a":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "}", "nested deeper"},
		{"f.jsonl", "{\"a\":\"\xff\"}", "not valid UTF-8"},
		{"f.json", `[{"a":1},2]`, "row 2: not a JSON object"},
		{"f.json", `[{"a":1},{"a":}]`, "row 2: not valid JSON"},
		{"f.json", `[{"a":1}`, "row 2: not valid JSON"},
		{"f.json", `[{"a":1}] x`, "follows the JSON array"},
		{"f.json", `[{"a":"` + strings.Repeat("x", MaxRecord+1<<20) + `"}]`, "longer than 16 MiB"},
	} {
		wantError(t, put(t, c.name, []byte(c.in)), c.want)
	}
}

func TestJSONCellsAndLateKeys(t *testing.T) {
	var in strings.Builder
	in.WriteString(`{"a":1}` + "\n" + `{"a":"1"}` + "\n" + `{"a":1.5}` + "\n" + `{"a":[1]}` + "\n" + `{"a":null}` + "\n")
	for range BatchRows - 5 {
		in.WriteString("{\"a\":true}\n")
	}
	in.WriteString(`{"late":1,"a":7}` + "\n" + `{"late":2}` + "\n")
	r, err := Open(context.Background(), put(t, "f.jsonl", []byte(in.String())), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	a := b.Column("a")
	for i, want := range []Kind{Int, String, Float, List, Untyped, Bool} {
		if a.Kind(i) != want {
			t.Errorf("row %d is %v, want %v", i+1, a.Kind(i), want)
		}
	}
	if f, ok := a.Float(0); !ok || f != 1 {
		t.Errorf("the number 1 is %v, %v", f, ok)
	}
	if _, ok := a.Float(1); ok {
		t.Error(`the string "1" counts as a number`)
	}
	if b.Unknown != nil {
		t.Errorf("unknown keys in the first batch: %v", b.Unknown)
	}
	if b, err = r.Next(); err != nil {
		t.Fatal(err)
	}
	if b.Unknown["late"] != 2 || b.Rows != 2 || b.Row(0) != BatchRows+1 || b.Lines[0] != BatchRows+1 {
		t.Errorf("second batch: %+v", b)
	}
}

func TestBatchBoundaries(t *testing.T) {
	for _, rows := range []int{BatchRows - 1, BatchRows, BatchRows + 1} {
		var csv, lines bytes.Buffer
		csv.WriteString("n\n")
		for i := range rows {
			fmt.Fprintf(&csv, "%d\n", i+1)
			fmt.Fprintf(&lines, "{\"n\":%d}\n", i+1)
		}
		for name, data := range map[string][]byte{"f.csv": csv.Bytes(), "f.jsonl": lines.Bytes()} {
			r, err := Open(context.Background(), put(t, name, data), Options{})
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			for {
				b, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for i := range b.Rows {
					seen++
					if f, _ := b.Columns[0].Float(i); int(f) != seen || b.Row(i) != int64(seen) {
						t.Fatalf("%s: row %d holds %v and is called %d", name, seen, f, b.Row(i))
					}
				}
			}
			if seen != rows {
				t.Errorf("%s: %d rows of %d", name, seen, rows)
			}
			r.Close()
		}
	}
}

func TestSelect(t *testing.T) {
	r, err := Open(context.Background(), put(t, "f.csv", []byte("a,b\n1,x\n,y\n3,\n4,z\n")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	s := b.Select([]int32{1, 3}, []string{"b", "a"}).Select([]int32{1}, nil)
	if s.Rows != 1 || s.Row(0) != 4 || s.Lines[0] != 5 || s.Column("a").Text(0) != "4" || s.Column("b").Text(0) != "z" {
		t.Errorf("selected %+v", s)
	}
	if s = b.Select([]int32{1, 2}, []string{"a"}); !s.Column("a").Null(0) || s.Column("a").Null(1) || s.Column("b") != nil {
		t.Errorf("selected %+v", s)
	}
}

func TestParsing(t *testing.T) {
	for in, want := range map[string]float64{"0": 0, "-7": -7, "1.5": 1.5, "1e3": 1000, "+2": 2, "123456789012345678": 123456789012345678, ".5": .5} {
		if got, ok := ParseNumber([]byte(in)); !ok || got != want {
			t.Errorf("%q: %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "-", "x", "1 ", "0x10", "1_000", "1e999", "1,5", "½"} {
		if got, ok := ParseNumber([]byte(in)); ok {
			t.Errorf("%q reads as %v", in, got)
		}
	}
	if f, ok := ParseNumber([]byte("NaN")); !ok || !math.IsNaN(f) {
		t.Error("NaN is no number")
	}
	want := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, in := range []string{"2026-03-04T05:06:07Z", "2026-03-04 05:06:07", "2026-03-04T07:06:07+02:00", "2026-03-04T05:06:07.000"} {
		if got, ok := ParseTime([]byte(in)); !ok || !got.Equal(want) {
			t.Errorf("%q: %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"2026-13-01", "2026-3-4", "04/03/2026", "2026-03-04T25:00:00Z", ""} {
		if got, ok := ParseTime([]byte(in)); ok {
			t.Errorf("%q reads as %v", in, got)
		}
	}
}
