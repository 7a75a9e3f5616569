package table

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

type grouped struct {
	N int64  `parquet:"n"`
	L []bool `parquet:"l,list"`
	S string `parquet:"s,dict,snappy"`
}

// groupedParquet has so many row groups of 100 rows.
func groupedParquet(t testing.TB, groups int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[grouped](&buf, parquet.KeyValueMetadata("key", "value"))
	for i := range groups {
		for j := range 100 {
			if _, err := w.Write([]grouped{{int64(i*100 + j), []bool{true, j%2 == 0}, strings.Repeat("x", j%7)}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestRowGroupEnds compares with what parquet-go says of the same file.
func TestRowGroupEnds(t *testing.T) {
	for _, n := range []int{0, 1, 5, 40} {
		data := groupedParquet(t, n)
		file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		var want []int64
		for _, g := range file.Metadata().RowGroups {
			end := int64(0)
			for _, c := range g.Columns {
				begin := c.MetaData.DataPageOffset
				if d := c.MetaData.DictionaryPageOffset; d > 0 {
					begin = min(begin, d)
				}
				end = max(end, begin+c.MetaData.TotalCompressedSize)
			}
			want = append(want, end)
		}
		want = append(want, int64(len(data)))
		got, err := RowGroupEnds(bytes.NewReader(data), int64(len(data)))
		if err != nil || !slices.Equal(got, want) || len(got) != n+1 {
			t.Errorf("%d groups: got %v, %v\nwant %v", n, got, err, want)
		}
	}
	// Pages, and so groups, of every kind that the writer has.
	for _, options := range [][]parquet.WriterOption{{parquet.DataPageVersion(1)}, {parquet.Compression(&parquet.Zstd)}} {
		data := writeParquet(t, []primitive{{S: "a"}, {S: "b"}}, options...)
		if got, err := RowGroupEnds(bytes.NewReader(data), int64(len(data))); err != nil || len(got) != 2 || got[0] < 100 {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

// framed puts a footer into a file with room for the data.
func framed(footer string) []byte {
	data := "PAR1" + strings.Repeat("d", 100) + footer
	return append(binary.LittleEndian.AppendUint32([]byte(data), uint32(len(footer))), "PAR1"...)
}

// rowGroup is a row group of one column chunk with these offsets.
func rowGroup(begin, size int64) string {
	meta := binary.AppendVarint([]byte{0x76}, size)       // field 7, i64
	meta = binary.AppendVarint(append(meta, 0x26), begin) // field 9, i64
	return "\x19\x1c" + "\x3c" + string(meta) + "\x00" + "\x00" + "\x00"
}

func TestRowGroupEndsHostile(t *testing.T) {
	for _, before := range []string{
		"\x49",                      // nothing
		"\x19\x31\x01\x02\x01\x39",  // a list of truth values
		"\x11\x13\x05\x18\x01x\x19", // a truth value, a byte, a text
		"\x1b\x01\x85\x03abc\x02\x17\x00\x00\x00\x00\x00\x00\x00\x00\x29", // a map of a text to a number, a double
		"\x0d\x02................\x39",                                    // a UUID, its ID in full
	} {
		good := framed(before + "\x2c" + rowGroup(4, 50) + rowGroup(54, 50) + "\x00")
		if got, err := RowGroupEnds(bytes.NewReader(good), int64(len(good))); err != nil || !slices.Equal(got, []int64{54, 104, int64(len(good))}) {
			t.Errorf("%q before the groups: %v, %v", before, got, err)
		}
	}
	for _, c := range []struct {
		name, says string
		data       []byte
	}{
		{"nothing", "too few", nil},
		{"not Parquet", "does not begin", []byte(strings.Repeat("x", 40))},
		{"cut", "cut short", []byte("PAR1" + strings.Repeat("x", 40))},
		{"encrypted", "encrypted", []byte(strings.Repeat("x", 40) + "PARE")},
		{"footer longer than the file", "claims", []byte("PAR1\xff\xff\x00\x00PAR1")},
		{"empty footer", "damaged", framed("")},
		{"2^31 groups", "damaged", framed("\x49\xfc\xff\xff\xff\xff\x07\x00")},
		{"2^63 groups", "damaged", framed("\x49\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00")},
		{"groups that are numbers", "damaged", framed("\x49\x16\x02\x00")},
		{"deep lists", "damaged", framed("\x19" + strings.Repeat("\x19", 200) + "\x0c\x00")},
		{"deep structs", "damaged", framed(strings.Repeat("\x1c", 200) + strings.Repeat("\x00", 201))},
		{"a long text", "damaged", framed("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
		{"unknown type", "damaged", framed("\x1f\x00")},
		{"before the data", "disorder", framed("\x49\x1c" + rowGroup(0, 50) + "\x00")},
		{"past the data", "disorder", framed("\x49\x1c" + rowGroup(54, 51) + "\x00")},
		{"overlap", "disorder", framed("\x49\x2c" + rowGroup(4, 50) + rowGroup(53, 10) + "\x00")},
		{"backwards", "disorder", framed("\x49\x2c" + rowGroup(54, 50) + rowGroup(4, 50) + "\x00")},
		{"negative", "damaged", framed("\x49\x1c" + rowGroup(54, -50) + "\x00")},
		{"overflow", "damaged", framed("\x49\x1c" + rowGroup(1<<62, 1<<62) + "\x00")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := RowGroupEnds(bytes.NewReader(c.data), int64(len(c.data)))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v, want %q", got, err, c.says)
			}
		})
	}
}

// FuzzRowGroupEnds damages footers: what is accepted ascends within the file.
func FuzzRowGroupEnds(f *testing.F) {
	f.Add(groupedParquet(f, 3))
	f.Add(writeParquet(f, []primitive{{S: "a"}}))
	f.Add(framed("\x49\x2c" + rowGroup(4, 50) + rowGroup(54, 50) + "\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ends, err := RowGroupEnds(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		at := int64(0)
		for _, end := range ends {
			if end <= at {
				t.Fatalf("%d after %d", end, at)
			}
			at = end
		}
		if at != int64(len(data)) {
			t.Fatalf("the last is %d of %d", at, len(data))
		}
	})
}
