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

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
)

func writeParquet[T any](t testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := parquet.Write(&buf, rows, options...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// primitive has every physical type and the common logical ones.
type primitive struct {
	B    bool             `parquet:"b"`
	I8   int8             `parquet:"i8"`
	I16  int16            `parquet:"i16"`
	I32  int32            `parquet:"i32"`
	I64  int64            `parquet:"i64"`
	U8   uint8            `parquet:"u8"`
	U32  uint32           `parquet:"u32"`
	U64  uint64           `parquet:"u64"`
	F32  float32          `parquet:"f32"`
	F64  float64          `parquet:"f64"`
	S    string           `parquet:"s"`
	D    string           `parquet:"d,dict"`
	Raw  []byte           `parquet:"raw"`
	Fix  [3]byte          `parquet:"fix"`
	UUID [16]byte         `parquet:"uuid,uuid"`
	J    string           `parquet:"j,json"`
	Day  int32            `parquet:"day,date"`
	Ms   int64            `parquet:"ms,timestamp(millisecond)"`
	Us   int64            `parquet:"us,timestamp(microsecond)"`
	Ns   int64            `parquet:"ns,timestamp(nanosecond)"`
	T    int32            `parquet:"t,time(millisecond)"`
	Dec  int64            `parquet:"dec,decimal(2:18)"`
	I96  deprecated.Int96 `parquet:"i96"`
}

func TestParquetTypes(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)
	rows := []primitive{{
		B: true, I8: -8, I16: -16, I32: -32, I64: math.MinInt64, U8: 200, U32: math.MaxUint32, U64: math.MaxUint64,
		F32: 0.1, F64: 0.1, S: "größe", D: "x", Raw: []byte{0xff, 1}, Fix: [3]byte{'a', 'b', 'c'},
		UUID: [16]byte{0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0},
		J:    `{"k":1}`, Day: int32(at.Unix() / 86400), Ms: at.UnixMilli(), Us: at.UnixMicro(), Ns: at.UnixNano(),
		T: 3_661_001, Dec: -1205, I96: deprecated.Int96{1_000_000, 0, 2440589},
	}}
	f := put(t, "f.parquet", writeParquet(t, rows))
	wantDump(t, f, Options{}, strings.Join([]string{
		"true", "-8", "-16", "-32", "-9223372036854775808", "200", "4294967295", "18446744073709551615", "0.1", "0.1", "größe", "x",
		`\xff01`, "abc", "123e4567-e89b-12d3-a456-426614174000", `{"k":1}`, "2026-03-04",
		"2026-03-04T05:06:07.89Z", "2026-03-04T05:06:07.89Z", "2026-03-04T05:06:07.89Z", "01:01:01.001", "-12.05", "1970-01-02T00:00:00.001",
	}, "|")+"\n")
	r, err := Open(context.Background(), f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var types []string
	for _, f := range r.Schema() {
		types = append(types, f.Type.String())
	}
	want := "bool int8 int16 int32 int64 uint8 uint32 uint64 float32 float64 string string bytes bytes string string date timestamp timestamp timestamp time decimal timestamp"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("types\n%s, want\n%s", got, want)
	}
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if b.Column("d").Dict == nil || b.Column("s").Dict != nil {
		t.Error("dictionaries are not handed out as the file has them")
	}
	if v, ok := b.Column("dec").Float(0); !ok || v != -12.05 {
		t.Errorf("decimal as number: %v, %v", v, ok)
	}
	if when, ok := b.Column("us").When(0); !ok || !when.Equal(at) {
		t.Errorf("timestamp: %v, %v", when, ok)
	}
}

type nullable struct {
	N *int64   `parquet:"n"`
	S *string  `parquet:"s,dict"`
	F *float64 `parquet:"f"`
	B *bool    `parquet:"b"`
	T *string  `parquet:"t"`
}

func TestParquetNulls(t *testing.T) {
	var rows []nullable
	var want strings.Builder
	for i := range 1000 {
		var r nullable
		cells := [5]string{"∅", "∅", "∅", "∅", "∅"}
		n, s, f, b := int64(i), fmt.Sprint("v", i%7), float64(i)/2, i%2 == 0
		if i%3 != 0 {
			r.N, cells[0] = &n, fmt.Sprint(n)
		}
		if i%5 != 0 {
			r.S, cells[1] = &s, s
		}
		if i > 900 {
			r.F, cells[2] = &f, fmt.Sprint(f)
		}
		if i < 10 {
			r.B, cells[3] = &b, fmt.Sprint(b)
		}
		if i%2 == 0 {
			r.T, cells[4] = &s, s
		}
		rows = append(rows, r)
		want.WriteString(strings.Join(cells[:], "|") + "\n")
	}
	for _, options := range [][]parquet.WriterOption{
		nil,
		{parquet.DataPageVersion(1)},
		{parquet.PageBufferSize(64)},
		{parquet.Compression(&parquet.Snappy)},
		{parquet.Compression(&parquet.Gzip)},
		{parquet.Compression(&parquet.Brotli)},
		{parquet.MaxRowsPerRowGroup(77), parquet.PageBufferSize(100), parquet.Compression(&parquet.Zstd)},
	} {
		wantDump(t, put(t, "f.parquet", writeParquet(t, rows, options...)), Options{}, want.String())
	}
	allNull := make([]nullable, 3)
	wantDump(t, put(t, "f.parquet", writeParquet(t, allNull)), Options{}, strings.Repeat("∅|∅|∅|∅|∅\n", 3))
}

// TestParquetDictionaryGivenUp has column chunks that begin with a dictionary
// and go on without one.
func TestParquetDictionaryGivenUp(t *testing.T) {
	type row struct {
		S *string `parquet:"s,dict"`
		I int64   `parquet:"i,dict"`
	}
	var rows []row
	var want strings.Builder
	for i := range 5000 {
		s := fmt.Sprintf("value %d", i)
		r := row{I: int64(i * 1000003)}
		if i%4 != 0 {
			r.S = &s
			fmt.Fprintf(&want, "%s|%d\n", s, r.I)
		} else {
			fmt.Fprintf(&want, "∅|%d\n", r.I)
		}
		rows = append(rows, r)
	}
	f := put(t, "f.parquet", writeParquet(t, rows, parquet.DictionaryMaxBytes(4096), parquet.PageBufferSize(512)))
	wantDump(t, f, Options{}, want.String())
}

type inner struct {
	X int64    `parquet:"x"`
	Y *string  `parquet:"y,optional"`
	Z []string `parquet:"z,list"`
}

type nestedRow struct {
	L    []int64          `parquet:"l,list"`
	R    []string         `parquet:"r"`
	In   inner            `parquet:"in"`
	Opt  *inner           `parquet:"opt,optional"`
	M    map[string]int64 `parquet:"m"`
	Deep []inner          `parquet:"deep,list"`
	Last int64            `parquet:"last"`
}

func TestParquetNested(t *testing.T) {
	y := "why \"so\"\n"
	rows := []nestedRow{
		{L: []int64{1, 2}, R: []string{"a", ""}, In: inner{X: 1, Y: &y, Z: []string{"p"}}, Opt: &inner{X: 5}, M: map[string]int64{"k": 7},
			Deep: []inner{{X: 1, Z: []string{"q", "r"}}, {X: 2}}, Last: 1},
		{Last: 2},
		{L: []int64{3}, Deep: []inner{{X: 9, Y: &y}}, Last: 3},
	}
	why := `"why \"so\"\n"`
	want := `[1,2]|["a",""]|{"x":1,"y":` + why + `,"z":["p"]}|{"x":5,"y":null,"z":[]}|{"k":7}|[{"x":1,"y":null,"z":["q","r"]},{"x":2,"y":null,"z":[]}]|1` + "\n" +
		`[]|[]|{"x":0,"y":null,"z":[]}|∅|{}|[]|2` + "\n" +
		`[3]|[]|{"x":0,"y":null,"z":[]}|∅|{}|[{"x":9,"y":` + why + `,"z":[]}]|3` + "\n"
	for _, options := range [][]parquet.WriterOption{nil, {parquet.DataPageVersion(1)}, {parquet.PageBufferSize(1)}, {parquet.MaxRowsPerRowGroup(1)}} {
		f := put(t, "f.parquet", writeParquet(t, rows, options...))
		wantDump(t, f, Options{}, want)
		wantDump(t, f, Options{Columns: []string{"last", "l"}}, "[1,2]|1\n[]|2\n[3]|3\n")
	}
	r, err := Open(context.Background(), put(t, "f.parquet", writeParquet(t, rows)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, name := range []string{"l", "r", "deep"} {
		if k := r.Schema()[r.Schema().Index(name)].Type.Kind; k != List {
			t.Errorf("%s is %v", name, k)
		}
	}
}

func TestParquetBoundariesAndParts(t *testing.T) {
	type row struct {
		N int64 `parquet:"n"`
	}
	for _, rows := range []int{0, BatchRows - 1, BatchRows, BatchRows + 1} {
		data := make([]row, rows)
		for i := range data {
			data[i].N = int64(i + 1)
		}
		f := put(t, "f.parquet", writeParquet(t, data, parquet.MaxRowsPerRowGroup(50_000)))
		parts, err := Parts(context.Background(), f)
		if err != nil || parts != (rows+49_999)/50_000 {
			t.Fatalf("%d rows: %d parts, %v", rows, parts, err)
		}
		seen := 0
		for part := range max(parts, 1) {
			r, err := Open(context.Background(), f, Options{Parts: Range{part, part + 1}})
			if err != nil {
				t.Fatal(err)
			}
			for {
				b, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for i := range b.Rows {
					if seen++; b.Row(i) != int64(seen) || b.Columns[0].Ints[i] != int64(seen) {
						t.Fatalf("row %d is called %d and holds %d", seen, b.Row(i), b.Columns[0].Ints[i])
					}
				}
			}
			r.Close()
		}
		if seen != rows {
			t.Errorf("%d rows of %d", seen, rows)
		}
	}
}

// TestParquetWideRows makes sure that batches of long values stay small.
func TestParquetWideRows(t *testing.T) {
	type row struct {
		S string `parquet:"s"`
	}
	rows := make([]row, 100)
	for i := range rows {
		rows[i].S = strings.Repeat(fmt.Sprint(i%10), 1<<20)
	}
	r, err := Open(context.Background(), put(t, "f.parquet", writeParquet(t, rows)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if size := len(b.Columns[0].Data); size > 2*parquetBatch {
			t.Errorf("a batch holds %d bytes", size)
		}
		n += b.Rows
	}
	if n != len(rows) {
		t.Errorf("%d rows", n)
	}
}

func TestParquetErrors(t *testing.T) {
	type row struct {
		N int64  `parquet:"n"`
		S string `parquet:"s,dict"`
	}
	wantError(t, put(t, "f.parquet", writeParquet(t, []row{{1, "x"}}, parquet.Compression(&parquet.Lz4Raw))), "compressed with LZ4")
	rows := make([]row, 10_000)
	for i := range rows {
		rows[i] = row{int64(i * 7919), fmt.Sprint(i % 10)}
	}
	whole := writeParquet(t, rows)
	damaged := bytes.Clone(whole)
	for i := 20; i < 2000; i++ {
		damaged[i] ^= 0x5a
	}
	huge := bytes.Clone(whole)
	copy(huge[len(huge)-8:], "\xff\xff\xff\x7f")
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "too few"},
		{"text", []byte("a,b\n1,2\n3,4\n5,6\n"), "does not begin with PAR1"},
		{"cut short", whole[:len(whole)/2], "cut short"},
		{"cut by one", whole[:len(whole)-1], "cut short"},
		{"encrypted", []byte("PARE1234567890PARE"), "encrypted"},
		{"huge footer", huge, "footer claims 2147483647 bytes"},
		{"no footer", []byte("PAR1\x00\x00\x00\x00\x00\x00\x00\x00PAR1"), "read f.parquet: "},
		{"damaged pages", damaged, "read f.parquet: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := put(t, "f.parquet", c.data)
			wantError(t, f, c.want)
			_, err := dump(f, Options{})
			if data := new(DataError); !errors.As(err, &data) {
				t.Errorf("%T is no DataError", err)
			}
		})
	}
}

func TestParquetReadFailureIsNoDataError(t *testing.T) {
	type row struct {
		N int64 `parquet:"n"`
	}
	f := put(t, "f.parquet", writeParquet(t, make([]row, 100)))
	r, err := Open(context.Background(), f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.(*parquetReader).in.file.Close()
	_, err = r.Next()
	if data := new(DataError); err == nil || errors.As(err, &data) || !errors.Is(err, os.ErrClosed) {
		t.Errorf("reading a closed file: %v", err)
	}
}

// TestHalf has the values of IEEE 754-2008, binary16.
func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float64{
		0: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0001: math.Ldexp(1, -24), 0x0400: math.Ldexp(1, -14), 0x3555: 0.333251953125, 0xfc00: math.Inf(-1),
	} {
		if got := half(bits); got != want {
			t.Errorf("%#04x: %v, want %v", bits, got, want)
		}
	}
	if !math.IsNaN(half(0x7e00)) {
		t.Error("NaN is a number")
	}
}
