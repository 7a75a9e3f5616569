package table

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// stored is a file of testdata, which arrow.py and parquet.py make.
func stored(name string) File {
	return File{Name: name, Path: filepath.Join("testdata", name)}
}

func readStored(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestArrow holds what is read against pyarrow.
func TestArrow(t *testing.T) {
	for file, rows := range map[string]string{
		"arrow-types.arrow":        "arrow-types.txt",
		"arrow-types.arrows":       "arrow-types.txt",
		"arrow-types-sliced.arrow": "arrow-types.txt",
		"arrow-types-lz4.arrow":    "arrow-types.txt",
		"arrow-types-zstd.arrows":  "arrow-types.txt",
		"arrow-many.arrow":         "arrow-many.txt",
		"arrow-many.feather":       "arrow-many.txt",
		"arrow-delta.arrows":       "arrow-delta.txt",
		"arrow-delta-file.arrow":   "arrow-delta-file.txt",
		"arrow-replaced.arrows":    "arrow-replaced.txt",
	} {
		t.Run(file, func(t *testing.T) {
			wantDump(t, stored(file), Options{}, string(readStored(t, rows)))
		})
	}
	wantDump(t, stored("arrow-none.arrow"), Options{}, "")
}

func TestArrowSchema(t *testing.T) {
	r, err := Open(context.Background(), stored("arrow-types.arrow"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var types []string
	for _, f := range r.Schema() {
		types = append(types, f.Type.String())
	}
	want := "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 bool " +
		"string string string bytes bytes bytes bytes date date time time time time " +
		"timestamp timestamp timestamp timestamp int64 decimal decimal decimal decimal decimal " +
		"string string int64 list list list list list struct struct list list text string"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("types\n%s, want\n%s", got, want)
	}
	b, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if b.Column("dict").Dict == nil || b.Column("dict_null").NullCount() != 1 || b.Column("dict_null").Dict.NullCount() != 0 {
		t.Error("dictionaries are not handed out as a Column promises")
	}
	if zone, local := b.Column("ts_zone").Type, b.Column("ts_us").Type; !zone.UTC || local.UTC {
		t.Errorf("time zones: %+v and %+v", zone, local)
	}
}

func TestArrowColumns(t *testing.T) {
	all, err := dump(stored("arrow-many.arrow"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for line := range strings.Lines(all) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		fmt.Fprintf(&want, "%s|%s\n", cells[1], cells[3])
	}
	for _, f := range []string{"arrow-many.arrow", "arrow-many.feather"} {
		wantDump(t, stored(f), Options{Columns: []string{"l", "s", "none"}}, want.String())
		wantDump(t, stored(f), Options{Columns: []string{}}, strings.Repeat("\n", 1000))
	}
	// A column whose dictionary is not wanted leaves the others as they are.
	wantDump(t, stored("arrow-delta.arrows"), Options{Columns: []string{"l"}}, columnOf(t, "arrow-delta.txt", 1))
}

func columnOf(t *testing.T, name string, i int) string {
	var out strings.Builder
	for line := range strings.Lines(string(readStored(t, name))) {
		out.WriteString(strings.Split(strings.TrimSuffix(line, "\n"), "|")[i] + "\n")
	}
	return out.String()
}

// TestArrowParts reads record batches on their own.
func TestArrowParts(t *testing.T) {
	for file, want := range map[string]int{"arrow-many.arrow": 3, "arrow-many.feather": 4, "arrow-delta-file.arrow": 3, "arrow-none.arrow": 0, "arrow-types.arrows": 1} {
		f := stored(file)
		parts, err := Parts(context.Background(), f)
		if err != nil || parts != want {
			t.Fatalf("%s: %d parts, %v; want %d", file, parts, err, want)
		}
		whole, err := dump(f, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		next := int64(1)
		for part := range parts {
			rows, err := dump(f, Options{Parts: Range{part, part + 1}})
			if err != nil {
				t.Fatal(err)
			}
			got.WriteString(rows)
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
				if b.First != next {
					t.Errorf("%s, part %d begins with row %d, want %d", file, part, b.First, next)
				}
				next += int64(b.Rows)
			}
			r.Close()
		}
		if got.String() != whole {
			t.Errorf("%s: the parts are not the whole", file)
		}
	}
}

// TestArrowNarrowBatches has rows that do not fit into a batch together: none
// may be lost where batches get shorter.
func TestArrowNarrowBatches(t *testing.T) {
	f := stored("arrow-many.arrow")
	want := string(readStored(t, "arrow-many.txt"))
	for _, perBatch := range []int{1, 7, 400} {
		r, err := Open(context.Background(), f, Options{})
		if err != nil {
			t.Fatal(err)
		}
		r.(*arrowReader).perBatch = perBatch
		var got strings.Builder
		for {
			b, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if b.Rows > perBatch {
				t.Fatalf("a batch of %d rows", b.Rows)
			}
			got.WriteString(dumpBatch(b))
		}
		r.Close()
		if got.String() != want {
			t.Errorf("batches of %d rows: other values", perBatch)
		}
	}
}

func dumpBatch(b *Batch) string {
	var out strings.Builder
	for i := range b.Rows {
		for j := range b.Columns {
			if j > 0 {
				out.WriteByte('|')
			}
			if c := &b.Columns[j]; c.Null(i) {
				out.WriteString("∅")
			} else {
				out.WriteString(c.Text(i))
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// TestArrowBadFiles has the errors that people meet.
func TestArrowBadFiles(t *testing.T) {
	file, stream := readStored(t, "arrow-types.arrow"), readStored(t, "arrow-types.arrows")
	huge := bytes.Clone(file)
	binary.LittleEndian.PutUint32(huge[len(huge)-10:], 1<<31-1)
	message := bytes.Clone(stream)
	binary.LittleEndian.PutUint32(message[4:], 1<<31-1)
	replaced := readStored(t, "arrow-replaced.arrows")
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", "is empty", nil},
		{"feather 1", "Feather of version 1", []byte("FEA1 and more")},
		{"text", "not an Arrow file or stream", []byte("a,b\n1,2\n")},
		{"short", "cut short", file[:17]},
		{"half a file", "cut short", file[:len(file)/2]},
		{"cut by one", "cut short", file[:len(file)-1]},
		{"half a stream", "cut short", stream[:len(stream)/2]},
		{"huge footer", "footer claims 2147483647 bytes", huge},
		{"huge message", "claims 2147483647 bytes of metadata", message},
		{"no schema", "begins with no schema", []byte("\xff\xff\xff\xff\x00\x00\x00\x00")},
		{"no dictionary", "of a dictionary of 0", withoutMessage(t, replaced, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := put(t, "f.arrow", c.data)
			wantError(t, f, c.want)
			_, err := dump(f, Options{})
			if data := new(DataError); !errors.As(err, &data) {
				t.Errorf("%T is no DataError", err)
			}
		})
	}
	// A body that is cut short is noticed though nobody wants to read it.
	if _, err := dump(put(t, "f.arrows", stream[:len(stream)-16]), Options{Columns: []string{}}); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("a body that is cut short: %v", err)
	}
	// A stream may end where a message does.
	whole, err := dump(put(t, "f.arrows", stream[:len(stream)-8]), Options{})
	if err != nil || whole != string(readStored(t, "arrow-types.txt")) {
		t.Errorf("a stream without the mark of its end: %v", err)
	}
}

// withoutMessage cuts message i from a stream.
func withoutMessage(t *testing.T, stream []byte, i int) []byte {
	t.Helper()
	for at := 0; ; i-- {
		n := int(binary.LittleEndian.Uint32(stream[at+4:]))
		m, err := readArrowMessage(stream[at+8:at+8+n], 0)
		if err != nil {
			t.Fatal(err)
		}
		end := at + 8 + n + int(m.size)
		if i == 0 {
			return append(bytes.Clone(stream[:at]), stream[end:]...)
		}
		at = end
	}
}

func TestArrowReadFailureIsNoDataError(t *testing.T) {
	r, err := Open(context.Background(), stored("arrow-many.arrow"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r.(*arrowReader).in.file.Close()
	_, err = r.Next()
	if data := new(DataError); err == nil || errors.As(err, &data) || !errors.Is(err, os.ErrClosed) {
		t.Errorf("reading a closed file: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, err = Open(ctx, stored("arrow-many.arrow"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := r.Next(); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
}

// TestArrowDate64 has times of day, which some writers leave in a date.
func TestArrowDate64(t *testing.T) {
	for ms, want := range map[int64]int64{0: 0, 86_399_999: 0, 86_400_000: 1, -1: -1, -86_400_000: -1, -86_400_001: -2} {
		var c Column
		arrowDate64(&c, binary.LittleEndian.AppendUint64(nil, uint64(ms)), 0, 1)
		if c.Ints[0] != want {
			t.Errorf("%d ms: day %d, want %d", ms, c.Ints[0], want)
		}
	}
}

// allocated returns how many bytes do allocates in all.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// damage reads a file cut at each of its bytes and with bytes changed. It
// must end in rows or a DataError, and take little memory.
func damage(t *testing.T, name string, whole []byte, cuts, flips int) {
	t.Helper()
	f := put(t, name, nil)
	try := func(what string, data []byte) {
		if err := os.WriteFile(f.Path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if used := allocated(func() { drain(t, f) }); used > 256<<20 {
			t.Errorf("%s, %s: %d MiB allocated", name, what, used>>20)
		}
	}
	for i := 0; i < len(whole); i += cuts {
		try(fmt.Sprint("cut at ", i), whole[:i])
	}
	state := uint64(1)
	for range flips {
		data := bytes.Clone(whole)
		for range 3 {
			state = state*6364136223846793005 + 1442695040888963407 // MMIX by Donald Knuth
			data[int(state>>33)%len(data)] ^= byte(state>>24) | 1
		}
		try(fmt.Sprint("flip ", state), data)
	}
}

func TestArrowDamaged(t *testing.T) {
	damage(t, "f.arrow", readStored(t, "arrow-none.arrow"), 1, 100)
	damage(t, "f.arrows", readStored(t, "arrow-replaced.arrows"), 2, 100)
	for _, name := range []string{"arrow-delta-file.arrow", "arrow-types-lz4.arrow", "arrow-types-zstd.arrows"} {
		whole := readStored(t, name)
		damage(t, "f"+filepath.Ext(name), whole, len(whole)/50, 150)
	}
}

// FuzzArrow damages good files.
func FuzzArrow(f *testing.F) {
	for _, name := range []string{"arrow-types.arrow", "arrow-types.arrows", "arrow-types-lz4.arrow", "arrow-types-zstd.arrows", "arrow-delta.arrows", "arrow-delta-file.arrow", "arrow-replaced.arrows", "arrow-none.arrow"} {
		f.Add(readStored(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) { drain(t, put(t, "f.arrow", data)) })
}

// TestArrowAmplified has files whose rows all show the same long value, as
// views may: batches must get shorter, and no value may pass its limit.
func TestArrowAmplified(t *testing.T) {
	rows := 0
	f := stored("arrow-views.arrow")
	r, err := Open(context.Background(), f, Options{Columns: []string{"v"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := len(b.Columns[0].Data); n > parquetBatch {
			t.Errorf("a batch of %d rows has %d bytes", b.Rows, n)
		}
		rows += b.Rows
	}
	if rows != 3000 {
		t.Errorf("%d rows, want 3000", rows)
	}
	_, err = dump(f, Options{Columns: []string{"l"}})
	if err == nil || !strings.Contains(err.Error(), "a value is longer than 16 MiB") {
		t.Errorf("a list of lists that show the same: %v", err)
	}
}
