package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// TestBadData holds that what is wrong with a file is a *DataError, which says
// where.
func TestBadData(t *testing.T) {
	wideRow := "a,b\n1,2\n" + strings.Repeat(",", 100_000) + "\n"
	wideObject := "{"
	for i := range MaxColumns + 1 {
		wideObject += fmt.Sprintf(`"c%d":1,`, i)
	}
	for _, c := range []struct{ name, in, want string }{
		{"f.csv", "a,b\n\"1\n\",2\r\n1,2,3\r\n", "f.csv:4: the record has 3 fields"},
		{"f.csv", wideRow, "f.csv:3: the record has 100001 fields, the header has 2"},
		{"f.csv", strings.Repeat("a,", 100_000) + "\n", "at most 10000 can be read"},
		{"f.jsonl", wideObject + "\"z\":1}\n", "f.jsonl:1: has more than 10000 columns"},
		{"f.csv", strings.Repeat("a", maxName+1) + "\n1\n", "the name of a column has 4097 bytes"},
		{"f.csv", "a,\x00\n", "f.csv:1: the record holds a NUL byte"},
		{"f.csv", "a,b\n\n\"\x00\n\",2\n", "f.csv:3: the record holds a NUL byte"},
		{"f.jsonl", "{\"a\":1}\n\x00\n", "f.jsonl:2: the record holds a NUL byte"},
		{"f.csv", "a,b\n1,2\n\"\n\xc3\x28\",2\n", "f.csv:3: the record is not valid UTF-8"},
		{"f.csv", "a,b\r1,2\r", "f.csv:1: lines end in CR alone"},
		{"f.csv", strings.Repeat("a,b\r", 1<<20), "f.csv:1: lines end in CR alone"},
		{"f.csv", "\ufeff", "must name the columns"},
		{"f.csv", "\r\n\r\n", "must name the columns"},
		{"f.jsonl", "{\"a\":1}\r{\"a\":2}\r", "f.jsonl:1: not a JSON object: '{' (column 9) follows it"},
		{"f.jsonl", "{\"a\":1}\n\u3000\n", "f.jsonl:2: not a JSON object"},
		{"f.csv.gz", "", "must name the columns"},
		{"f.jsonl.zst", "", "f.jsonl.zst: is empty"},
		{"f.csv", "\x1f\x8b\x08", "not a valid gzip file"},
		{"f.csv", "\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff", "decompressing failed"},
	} {
		f := put(t, c.name, []byte(c.in))
		wantError(t, f, c.want)
		_, err := dump(f, Options{})
		if data := new(DataError); !errors.As(err, &data) {
			t.Errorf("%s %.20q: %T is no DataError", c.name, c.in, err)
		}
	}
	wantDump(t, put(t, "f.csv", []byte("a,b\n1,2\r\n3,4\n\r\n5,\"6\r\n\"\r\n")), Options{}, "1|2\n3|4\n5|6\r\n\n")
	wantDump(t, put(t, "f.csv", []byte("a,b")), Options{}, "")
}

func TestTruncatedCompression(t *testing.T) {
	rows := bytes.Repeat([]byte("1,x\n"), 200_000)
	for _, name := range []string{"f.csv.gz", "f.csv.zst"} {
		f := put(t, name, append([]byte("a,b\n"), rows...))
		whole, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{len(whole) - 1, len(whole) / 2, 20, 8, 5} {
			if err := os.WriteFile(f.Path, whole[:n], 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := dump(f, Options{})
			if data := new(DataError); !errors.As(err, &data) {
				t.Errorf("%s, %d bytes of %d: %v", name, n, len(whole), err)
			}
		}
	}
}

// endless writes a compressed file of size times one byte.
func endless(t *testing.T, name string, b byte, size int64) File {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	file, err := os.Create(p)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var w io.WriteCloser = gzip.NewWriter(file)
	if strings.HasSuffix(name, ".zst") {
		if w, err = zstd.NewWriter(file, zstd.WithEncoderConcurrency(1)); err != nil {
			t.Fatal(err)
		}
	}
	block := bytes.Repeat([]byte{b}, 1<<20)
	for range size >> 20 {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return File{Name: name, Path: p}
}

// TestBombs has files that are small and would be large.
func TestBombs(t *testing.T) {
	for _, name := range []string{"f.csv.gz", "f.jsonl.zst"} {
		f := endless(t, name, 'x', 256<<20)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		wantError(t, f, ":1: the record is longer than 16 MiB")
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 128 {
			t.Errorf("%s: reading took %d MiB", name, took)
		}
	}
	// A record of zeros is found to be too long, and is not waited for.
	wantError(t, endless(t, "f.csv.gz", 0, 64<<20), ":1: the record is longer than 16 MiB")
	// Blank lines are skipped one after the other; that can be stopped.
	f := endless(t, "f.csv.gz", '\n', 64<<20)
	ctx := &countdown{Context: context.Background(), left: 20}
	if _, err := Open(ctx, f, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while lines are skipped: %v", err)
	}
}

// countdown is a context that is cancelled once it was asked often enough.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestLongLine has a plain file with a line of 10 GB, most of which is a hole.
func TestLongLine(t *testing.T) {
	for name, head := range map[string]string{"f.csv": "a,b\n1,\"", "f.jsonl": "{\"a\":1}\n{\"a\":\""} {
		f := put(t, name, []byte(head+strings.Repeat("x", MaxRecord)))
		if runtime.GOOS == "windows" || os.Truncate(f.Path, 10<<30) != nil {
			t.Skip("no sparse files")
		}
		wantError(t, f, name+":2: the record is longer than 16 MiB")
	}
}

func TestOpenNamesOnce(t *testing.T) {
	_, err := Open(context.Background(), File{Name: "data/gone.csv", Path: "/nowhere/gone.csv"}, Options{})
	if err == nil || strings.Count(err.Error(), "gone.csv") != 1 || strings.Count(err.Error(), "open") != 1 {
		t.Error(err)
	}
}
