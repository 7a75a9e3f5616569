package table

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// small makes parts and blocks so small that a few bytes have several.
func small(t testing.TB, bytes int64, block int) {
	wasBytes, wasBlock := partBytes, partBlock
	partBytes, partBlock = bytes, block
	t.Cleanup(func() { partBytes, partBlock = wasBytes, wasBlock })
}

// numbered reads parts of a file into text: a line a row, with its number and
// line, and at the end the error. Batches of JSON lines may have different
// columns, so each cell has its name.
func numbered(f File, parts Range) string {
	var out strings.Builder
	r, err := Open(context.Background(), f, Options{Parts: parts})
	if err != nil {
		return fmt.Sprintln(err)
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out.String()
		}
		if err != nil {
			fmt.Fprintln(&out, err)
			return out.String()
		}
		for i := range b.Rows {
			fmt.Fprintf(&out, "%d %d", b.Row(i), b.Lines[i])
			for j := range b.Columns {
				if c := &b.Columns[j]; !c.Null(i) {
					fmt.Fprintf(&out, " %q=%q", c.Name, c.Text(i))
				}
			}
			out.WriteByte('\n')
		}
	}
}

// lines of numbered that are rows, and the error that stands first. Of the
// rows of the batch in which something is wrong the reader returns none, so
// that those before the error may be more or less.
func rowsAndError(s string) (rows []string, failed string) {
	for _, l := range strings.SplitAfter(s, "\n") {
		if l == "" {
			continue
		}
		if l[0] < '0' || l[0] > '9' {
			return rows, l
		}
		rows = append(rows, l)
	}
	return rows, ""
}

// checkParts holds what is read in parts to what is read in one go.
func checkParts(t *testing.T, f File, step int) (parts int) {
	t.Helper()
	want := numbered(f, Range{})
	indexed, err := Index(context.Background(), f)
	if err != nil {
		if _, failed := rowsAndError(want); failed != err.Error()+"\n" {
			t.Fatalf("%v, in one go %q", err, failed)
		}
		return 0
	}
	parts, err = Parts(context.Background(), indexed)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for from := 0; from < parts; from += step {
		got.WriteString(numbered(indexed, Range{from, from + step}))
	}
	rows, failed := rowsAndError(got.String())
	wantRows, wantFailed := rowsAndError(want)
	if failed != wantFailed {
		t.Fatalf("in %d parts the error is %q, in one go %q", parts, failed, wantFailed)
	}
	if failed != "" {
		rows, wantRows = rows[:min(len(rows), len(wantRows))], wantRows[:min(len(rows), len(wantRows))]
	}
	if strings.Join(rows, "") != strings.Join(wantRows, "") {
		t.Fatalf("in %d parts\n%sin one go\n%s", parts, strings.Join(rows, ""), strings.Join(wantRows, ""))
	}
	return parts
}

// TestParts writes files that are made of what makes cutting hard, and cuts
// them everywhere.
func TestParts(t *testing.T) {
	kinds := []struct {
		name   string
		pieces []string
	}{
		{"f.csv", []string{"a", "bb", ",", ",", "\n", "\n", "\r\n", `"`, `""`, `"x,y"`, "\"p\nq\"", "é"}},
		{"f.csv", []string{"a,b\n", "\"x\ny\",\"\"\"\"\n", "\n", "\r\n", "\"\n\n\",1\r\n", "long " + strings.Repeat("z", 70) + ",\n"}},
		{"f.csv", []string{"1\n", "\n", "\r\n", "\"\n\"\n"}},
		{"f.jsonl", []string{`{"a":1}`, `{"b":"x\ny"}`, "\n", "\n", "\r\n", " ", "\t", "{"}},
		{"f.jsonl", []string{"{\"a\":1}\n", "{\"b\":\"" + strings.Repeat("z", 70) + "\"}\n", "\n", " \r\n"}},
	}
	rng := rand.New(rand.NewPCG(5, 6))
	several := map[string]int{}
	for try := range 1500 {
		k := kinds[try%len(kinds)]
		small(t, 4+rng.Int64N(40), 1+rng.IntN(100))
		var b bytes.Buffer
		switch rng.IntN(6) {
		case 0:
			b.WriteString("\ufeff")
		case 1:
			b.WriteString("\n\r\n")
		}
		if k.name == "f.csv" && rng.IntN(4) > 0 {
			b.WriteString([]string{"h,i\n", "h\n", "\"h\n\",i\r\n"}[rng.IntN(3)])
		}
		for range rng.IntN(40) {
			b.WriteString(k.pieces[rng.IntN(len(k.pieces))])
		}
		f := put(t, k.name, b.Bytes())
		f.Dialect.NoHeader = rng.IntN(3) == 0
		if rng.IntN(4) == 0 {
			f.Dialect.Encoding = Latin1
			if bytes.HasPrefix(b.Bytes(), []byte("\ufeff")) {
				f.Dialect.Encoding = UTF8
			}
		}
		if checkParts(t, f, 1+rng.IntN(3)) > 2 {
			several[k.name]++
		}
		if t.Failed() {
			t.Fatalf("%q", b.String())
		}
	}
	for _, name := range []string{"f.csv", "f.jsonl"} {
		if several[name] < 100 {
			t.Errorf("only %d files of %s had several parts", several[name], name)
		}
	}
}

// TestPartsStay has files that are not cut.
func TestPartsStay(t *testing.T) {
	small(t, 8, 8)
	rows := strings.Repeat("1,2\n", 20)
	for _, c := range []struct {
		name, data string
		parts      int
	}{
		{"f.csv", "a,b\n" + rows, 10}, {"f.csv.gz", "a,b\n" + rows, 1}, {"f.csv.zst", "a,b\n" + rows, 1},
		{"f.csv", string(utf16Text("a,b\n"+rows, true)), 1}, {"f.csv", "a,b\n1,2\n", 1},
		{"f.csv", strings.Repeat("\n", 40) + "a,b\n" + rows, 1}, {"f.json", "[" + strings.Repeat(`{"a":1},`, 20) + `{"a":1}]`, 1},
		{"f.jsonl", strings.Repeat("{\"a\":1}\n", 20), 20}, {"f.json", strings.Repeat("{\"a\":1}\n", 20), 20},
	} {
		f, err := Index(context.Background(), put(t, c.name, []byte(c.data)))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if n, err := Parts(context.Background(), f); n != c.parts || err != nil {
			t.Errorf("%s %.10q: %d parts, %v; want %d", c.name, c.data, n, err, c.parts)
		}
	}
	// Without an index there is one part.
	f := put(t, "f.csv", []byte("a,b\n"+rows))
	if got := numbered(f, Range{1, 2}); got != "" {
		t.Errorf("the second of one part: %s", got)
	}
	f, err := Index(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	f.Path = put(t, "g.csv", []byte("a,b\n1,2\n")).Path
	if got := numbered(f, Range{1, 2}); !strings.Contains(got, "had 84 bytes when reading began and has 8 now") {
		t.Errorf("a file that changed: %s", got)
	}
}

// TestMasks compares with a loop over the bytes.
func TestMasks(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		var b [64]byte
		for i := range b {
			b[i] = []byte{'\n', '"', 0x8a, 0xa2, '\n' ^ 1, '"' ^ 0x80, 0, 0xff}[rng.IntN(8)]
		}
		var newlines, quotes uint64
		for i, c := range b {
			if c == '\n' {
				newlines |= 1 << i
			}
			if c == '"' {
				quotes |= 1 << i
			}
		}
		if n, q := masks(&b, '"'); n != newlines || q != quotes {
			t.Fatalf("%q: %b %b, want %b %b", b, n, q, newlines, quotes)
		}
	}
}

// FuzzParts cuts any file anywhere.
func FuzzParts(f *testing.F) {
	f.Add("a,b\n1,\"x\ny\"\n\n2,3\n", false, uint8(0), uint8(2))
	f.Add("{\"a\":1}\n \n{\"b\":2}\n", true, uint8(1), uint8(64))
	f.Add("a\n\"\n\"\"\n", false, uint8(0), uint8(1))
	f.Fuzz(func(t *testing.T, s string, json bool, size, block uint8) {
		small(t, 4+int64(size), 1+int(block))
		name := "f.csv"
		if json {
			name = "f.jsonl"
		}
		checkParts(t, put(t, name, []byte(s)), 1)
	})
}
