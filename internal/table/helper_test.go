package table

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// put writes a file for a test; its name decides the compression.
func put(t testing.TB, name string, data []byte) File {
	t.Helper()
	var buf bytes.Buffer
	switch filepath.Ext(name) {
	case ".gz":
		w := gzip.NewWriter(&buf)
		w.Write(data)
		w.Close()
	case ".zst":
		w, err := zstd.NewWriter(&buf)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(data)
		w.Close()
	default:
		buf.Write(data)
	}
	p := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(p, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return File{Name: name, Path: p}
}

// dump reads a whole file into text: a line a row, values separated by "|",
// null as ∅. It checks on the way what every batch promises.
func dump(f File, opts Options) (string, error) {
	r, err := Open(context.Background(), f, opts)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var out strings.Builder
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out.String(), nil
		}
		if err != nil {
			return out.String(), err
		}
		if b.Rows < 1 || b.Rows > BatchRows {
			return "", fmt.Errorf("a batch of %d rows", b.Rows)
		}
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
	}
}

func wantDump(t *testing.T, f File, opts Options, want string) {
	t.Helper()
	got, err := dump(f, opts)
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	if got != want {
		t.Errorf("%s: got\n%s\nwant\n%s", f.Name, got, want)
	}
}

func wantError(t *testing.T, f File, want string) {
	t.Helper()
	_, err := dump(f, Options{})
	if err == nil {
		t.Fatalf("%s: no error, want one with %q", f.Name, want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error %q, want one with %q", f.Name, err, want)
	}
}
