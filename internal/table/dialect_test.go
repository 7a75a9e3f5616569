package table

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"
)

// utf16Text is s in UTF-16, little-endian, with a byte order mark if asked.
func utf16Text(s string, mark bool) []byte {
	var out []byte
	if mark {
		out = []byte{0xff, 0xfe}
	}
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

func swapped(b []byte) []byte {
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return b
}

func TestSniff(t *testing.T) {
	for _, c := range []struct{ name, in, want, assumed string }{
		{"comma", "a,b\n1;2,3\n", "1;2|3\n", ""},
		{"semicolon", "a;b\n1,5;2\n\n3,5;4\n", "1,5|2\n3,5|4\n", `the delimiter is ";"`},
		{"tab", "a\tb\r\n1\t2\r\n", "1|2\n", `the delimiter is "\t"`},
		{"bar, the last line without an end", "a|b\n1|2", "1|2\n", `the delimiter is "|"`},
		{"in quotes", "\"a,x\";b\n\"1;,\n\";2\n", "1;,\n|2\n", `the delimiter is ";"`},
		{"a comma in the header", "a,b;c\n1,2;3\n", "1|2;3\n", ""},
		{"rows disagree", "a;b\n1;2\n1;2;3\n", "1;2\n1;2;3\n", ""},
		{"two delimiters", "a;b|c\n1;2|3\n", "1;2|3\n", ""},
		{"the other one is not in all rows", "a;b|c\n1;2\n", "1|2\n", `the delimiter is ";"`},
		{"header alone", "a;b\n", "", ""},
		{"one column", "text\nx;y\n", "x;y\n", ""},
	} {
		f := put(t, "f.csv", []byte(c.in))
		wantDump(t, f, Options{}, c.want)
		r, err := Open(context.Background(), f, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := Assumed(r); got != c.assumed {
			t.Errorf("%s: assumed %q, want %q", c.name, got, c.assumed)
		}
		r.Close()
	}
	wantError(t, put(t, "f.csv", []byte("a;b\n"+strings.Repeat("1;2\n", 30)+"1\n")), `f.csv:32: the record has 1 fields, the header has 2; as the first rows suggest, the delimiter is ";"`)
	// Parts are read as the whole is, although they do not begin with a header.
	small(t, 64, 16)
	f := put(t, "f.csv", []byte("a;b\n"+strings.Repeat("\"1,\n2\";2\n", 100)))
	if n := checkParts(t, f, 1); n < 3 {
		t.Error("only", n, "parts")
	}
}

func TestDialect(t *testing.T) {
	for _, c := range []struct {
		name, in string
		d        Dialect
		want     string
	}{
		{"f.csv", "a,b;c\n1,2;3\n", Dialect{Delimiter: ';'}, "1,2|3\n"},
		{"f.csv", "a;b\n1;2\n", Dialect{Delimiter: ','}, "1;2\n"},
		{"f.tsv", "a,b\n1,2\n", Dialect{Delimiter: ','}, "1|2\n"},
		{"f.csv", "a\x01b\n1\x012\n", Dialect{Delimiter: 1}, "1|2\n"},
		{"f.csv", "a,b\n'x,''y''\n',\"2\"\n", Dialect{Quote: '\''}, "x,'y'\n|\"2\"\n"},
		{"f.csv", "\n1,x\n,y\n", Dialect{NoHeader: true}, "1|x\n∅|y\n"},
		{"f.csv", "1,1", Dialect{NoHeader: true}, "1|1\n"},
		{"f.csv", "caf\xe9,\x80\n\x93,\xff\n", Dialect{Encoding: Latin1}, "\u0093|ÿ\n"},
		{"f.csv.gz", "a,b\ncaf\xe9,\x80\x9f\x81\n", Dialect{Encoding: Windows1252}, "café|€Ÿ\u0081\n"},
		{"f.csv", "\ufeffa,b\né,2\n", Dialect{Encoding: UTF8}, "é|2\n"},
		{"f.csv", string(utf16Text("a,b\né,😀\n", false)), Dialect{Encoding: UTF16LE}, "é|😀\n"},
		{"f.csv", string(utf16Text("a,b\né,😀\n", true)), Dialect{Encoding: UTF16LE}, "é|😀\n"},
		{"f.csv.zst", string(utf16Text("a,b\né,😀\n", true)), Dialect{}, "é|😀\n"},
		{"f.csv", string(swapped(utf16Text("a,b\né,😀\n", true))), Dialect{}, "é|😀\n"},
		{"f.csv", string(swapped(utf16Text("a,b\né,😀\n", false))), Dialect{Encoding: UTF16BE}, "é|😀\n"},
		{"f.jsonl", string(utf16Text(`{"a":"é"}`+"\n", true)), Dialect{}, "é\n"},
		{"f.json", string(utf16Text(`[{"a":"é"}]`, true)), Dialect{}, "é\n"},
	} {
		f := put(t, c.name, []byte(c.in))
		f.Dialect = c.d
		wantDump(t, f, Options{}, c.want)
	}
	f := put(t, "f.csv", []byte("x;y\n1;2\n"))
	f.Dialect = Dialect{NoHeader: true, Delimiter: ';'}
	r, err := Open(context.Background(), f, Options{Columns: []string{"column2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := r.Next()
	if err != nil || b.Rows != 2 || b.Lines[1] != 2 || b.Columns[0].Text(0) != "y" || strings.Join(r.Schema().Names(), " ") != "column1 column2" {
		t.Errorf("without a header: %+v, %v", b, err)
	}
	// Characters that lie across the blocks that are converted.
	long := strings.Repeat("aé😀", 40_000)
	f = put(t, "f.csv", utf16Text("x\n"+long+"\n", true))
	wantDump(t, f, Options{}, long+"\n")
}

func TestDialectErrors(t *testing.T) {
	for _, c := range []struct {
		in   string
		d    Dialect
		want string
		data bool
	}{
		{"a\n", Dialect{Delimiter: 'x'}, `open f.csv: delimiter 'x': expected one ASCII character`, false},
		{"a\n", Dialect{Delimiter: '"'}, `delimiter and quote are both '"'`, false},
		{"a\n", Dialect{Quote: ','}, `delimiter and quote are both ','`, false},
		{"a\n", Dialect{Quote: 0xe9}, `quote`, false},
		{"a\n", Dialect{Encoding: "latin2"}, `encoding "latin2": expected one of utf-8, latin1`, false},
		{"\ufeffa\n", Dialect{Encoding: Latin1}, "begins with the byte order mark of utf-8, but is declared to be latin1", true},
		{string(utf16Text("a\n1\n", true)), Dialect{Encoding: UTF16BE}, "byte order mark of utf-16le", true},
		{string(utf16Text("a\n1\n", true)) + "x", Dialect{}, "f.csv:3: the record is not valid utf-16le", true},
		{string(utf16Text("a\n1\n", true)) + "\x00\xd8x\x00\n\x00", Dialect{}, "f.csv:3: the record is not valid utf-16le", true},
		{string(utf16Text("a\n", true)) + "\x00\xd8", Dialect{}, "f.csv:2: the record is not valid utf-16le", true},
		{string(utf16Text("a\n\x00\n", true)), Dialect{}, "f.csv:2: the record holds a NUL byte", true},
		{string(utf16Text("a\n", false)), Dialect{}, "f.csv:1: the record holds a NUL byte", true},
	} {
		f := put(t, "f.csv", []byte(c.in))
		f.Dialect = c.d
		wantError(t, f, c.want)
		_, err := dump(f, Options{})
		if data := new(DataError); errors.As(err, &data) != c.data {
			t.Errorf("%v: a DataError: %v", err, !c.data)
		}
	}
}

// FuzzSniff looks at any beginning of a file, and reads what it decided.
func FuzzSniff(f *testing.F) {
	for _, s := range []string{"a;b\n1;2\n", "a\tb", "\"a;\n", "\xff\xfea\x00;\x00", "a|b\r1|2\r", "\n\n;\n;\n"} {
		f.Add([]byte(s), uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, encoding uint8) {
		file := put(t, "f.csv", data)
		if encoding > 0 {
			file.Dialect.Encoding = Encodings[int(encoding)%len(Encodings)]
		}
		drain(t, file)
	})
}
