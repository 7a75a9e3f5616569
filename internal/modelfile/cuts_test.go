package modelfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

func cuts(t testing.TB, data string) []int64 {
	t.Helper()
	got, err := modelfile.Cuts(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSafetensorsCuts(t *testing.T) {
	for _, c := range []struct {
		name, file string
		want       []int64
	}{
		{"tensors in any order", header(t, "{"+u8("b", 10, 5)+","+u8("a", 0, 10)+"}", 15), []int64{117, 127, 132}},
		{"empty tensors", header(t, "{"+u8("a", 0, 0)+","+u8("b", 0, 10)+","+u8("c", 10, 0)+"}", 10), []int64{169, 179}},
		{"no tensors", header(t, "{}", 0), []int64{10}},
		{"damaged", header(t, "{"+u8("a", 0, 10)+"}", 9), nil},
		{"of no format", "hello", nil},
		{"empty", "", nil},
	} {
		if got := cuts(t, c.file); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v (%d bytes)", c.name, got, c.want, len(c.file))
		}
	}
	data, err := os.ReadFile(filepath.Join("testdata", "dtypes.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if got := cuts(t, string(data)); len(got) < 10 || got[len(got)-1] != int64(len(data)) {
		t.Errorf("the library's file: %v", got)
	}
}

// ggufFile builds files of the GGUF format.
type ggufFile struct{ bytes.Buffer }

func newGGUF(version uint32, tensors, keys uint64) *ggufFile {
	g := &ggufFile{}
	g.WriteString("GGUF")
	return g.u32(version).u64(tensors).u64(keys)
}

func (g *ggufFile) u32(v uint32) *ggufFile {
	g.Write(binary.LittleEndian.AppendUint32(nil, v))
	return g
}

func (g *ggufFile) u64(v ...uint64) *ggufFile {
	for _, v := range v {
		g.Write(binary.LittleEndian.AppendUint64(nil, v))
	}
	return g
}

func (g *ggufFile) text(s string) *ggufFile {
	g.u64(uint64(len(s))).WriteString(s)
	return g
}

// tensor adds the entry of one of two dimensions.
func (g *ggufFile) tensor(name string, offset uint64) *ggufFile {
	return g.text(name).u32(2).u64(4, 8).u32(12).u64(offset)
}

// data pads to a multiple and adds so many bytes. It returns the file, and
// where the data begin.
func (g *ggufFile) data(alignment, n int) (string, int64) {
	for g.Len()%alignment != 0 {
		g.WriteByte(0)
	}
	at := g.Len()
	return g.String() + strings.Repeat("w", n), int64(at)
}

// allKinds adds a key of every type, eighteen in all.
func (g *ggufFile) allKinds() *ggufFile {
	for kind, size := range []int{1, 1, 2, 2, 4, 4, 4, 1, -1, -1, 8, 8, 8} {
		if size < 0 {
			continue
		}
		g.text("a.scalar").u32(uint32(kind)).WriteString(strings.Repeat("\x01", size))
	}
	g.text("general.architecture").u32(8).text("llama")
	g.text("tokenizer.ggml.tokens").u32(9).u32(8).u64(3).text("a").text("").text("größe")
	g.text("tokenizer.ggml.scores").u32(9).u32(6).u64(2).u32(1).u32(2)
	g.text("nested").u32(9).u32(9).u64(2).u32(0).u64(3).WriteString("abc")
	g.u32(9).u64(1).u32(8).u64(1).text("deep")
	g.text("empty").u32(9).u32(9).u64(0)
	g.text("general.alignmenT").u32(8).text("of the alignment's length")
	return g
}

func TestGGUFCuts(t *testing.T) {
	small, at := newGGUF(3, 3, 0).tensor("output.weight", 64).tensor("b", 0).tensor("c", 160).data(32, 200)
	if got, want := cuts(t, small), []int64{at, at + 64, at + 160, at + 200}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	keys, at := newGGUF(2, 2, 17).allKinds().tensor("a", 0).tensor("b", 32).data(32, 40)
	if got, want := cuts(t, keys), []int64{at, at + 32, at + 40}; !slices.Equal(got, want) {
		t.Errorf("with metadata: got %v, want %v", got, want)
	}
	aligned, at := newGGUF(3, 2, 1).text("general.alignment").u32(4).u32(256).tensor("a", 0).tensor("b", 256).data(256, 300)
	if got, want := cuts(t, aligned), []int64{at, at + 256, at + 300}; !slices.Equal(got, want) {
		t.Errorf("aligned: got %v, want %v", got, want)
	}
	vocabulary := newGGUF(3, 0, 17).allKinds().String()
	if got := cuts(t, vocabulary); !slices.Equal(got, []int64{int64(len(vocabulary))}) {
		t.Errorf("without tensors: got %v", got)
	}
	hole, at := newGGUF(3, 2, 0).tensor("a", 32).tensor("same", 32).data(32, 64)
	if got, want := cuts(t, hole), []int64{at, at + 32, at + 64}; !slices.Equal(got, want) {
		t.Errorf("a hole: got %v, want %v", got, want)
	}
}

func TestGGUFHostile(t *testing.T) {
	const huge = 1<<64 - 1
	deep := newGGUF(3, 0, 1).text("deep").u32(9)
	for range 100 {
		deep.u32(9).u64(1)
	}
	deep.u32(0).u64(0)
	for name, g := range map[string]*ggufFile{
		"no version":                {},
		"version 1":                 newGGUF(1, 0, 0),
		"version 4":                 newGGUF(4, 0, 0),
		"big-endian":                newGGUF(3<<24, 0, 0),
		"as many tensors as can be": newGGUF(3, huge, 0),
		"more tensors than bytes":   newGGUF(3, 1000, 0),
		"more tensors than limit":   newGGUF(3, 500_001, 0),
		"as many keys as can be":    newGGUF(3, 0, huge),
		"more keys than bytes":      newGGUF(3, 0, 100),
		"endless key":               newGGUF(3, 0, 1).u64(huge),
		"key past the end":          newGGUF(3, 0, 1).u64(60_000),
		"endless text":              newGGUF(3, 0, 1).text("k").u32(8).u64(huge),
		"endless array":             newGGUF(3, 0, 1).text("k").u32(9).u32(12).u64(huge),
		"array that wraps around":   newGGUF(3, 0, 1).text("k").u32(9).u32(12).u64(1 << 61),
		"endless array of texts":    newGGUF(3, 0, 1).text("k").u32(9).u32(8).u64(huge),
		"unknown type":              newGGUF(3, 0, 1).text("k").u32(13).u64(0),
		"array of unknown type":     newGGUF(3, 0, 1).text("k").u32(9).u32(99).u64(1),
		"deep arrays":               deep,
		"alignment 0":               newGGUF(3, 0, 1).text("general.alignment").u32(4).u32(0),
		"alignment 48":              newGGUF(3, 0, 1).text("general.alignment").u32(4).u32(48),
		"alignment as text":         newGGUF(3, 0, 1).text("general.alignment").u32(8).text("32"),
		"endless name":              newGGUF(3, 1, 0).u64(1<<40, 0, 0, 0),
		"five dimensions":           newGGUF(3, 1, 0).text("a").u32(5).u64(1, 1, 1, 1, 1).u32(0).u64(0),
		"dimensions past the end":   newGGUF(3, 1, 0).text("abcdefgh").u32(4).u64(1),
		"offset not aligned":        newGGUF(3, 1, 0).tensor("a", 33),
		"offset past the end":       newGGUF(3, 1, 0).tensor("a", 1<<20),
		"offset that wraps around":  newGGUF(3, 1, 0).tensor("a", huge&^31),
	} {
		data, _ := g.data(32, 100)
		if name == "no version" {
			data = "GGUF\x03"
		}
		if got := cuts(t, data); got != nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
	// A file that ends before its padding does.
	if got := cuts(t, newGGUF(3, 1, 0).tensor("a", 0).String()); got != nil {
		t.Errorf("no data: got %v", got)
	}
}

// The disk's errors are not the file's fault.
func TestCutsReadError(t *testing.T) {
	g := newGGUF(3, 30, 0)
	for range 30 {
		g.tensor("a", 0)
	}
	whole, _ := g.data(32, 64)
	if _, err := modelfile.Cuts(failing{strings.NewReader(whole)}, int64(len(whole))); !errors.Is(err, errBroken) {
		t.Errorf("a failing disk: %v", err)
	}
	for _, n := range []int{40, 600} {
		if _, err := modelfile.Cuts(strings.NewReader(whole[:n]), int64(len(whole))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a file that became shorter than %d: %v", n, err)
		}
	}
}

// FuzzCuts holds the readers to ends that ascend within the file.
func FuzzCuts(f *testing.F) {
	for _, g := range []*ggufFile{
		newGGUF(3, 2, 0).tensor("a", 0).tensor("b", 64),
		newGGUF(2, 1, 17).allKinds().tensor("a", 0),
		newGGUF(3, 1, 1).text("general.alignment").u32(4).u32(1<<30).tensor("a", 0),
	} {
		data, _ := g.data(32, 100)
		f.Add([]byte(data))
	}
	f.Add([]byte(header(f, "{"+u8("a", 0, 4)+"}", 4)))
	f.Fuzz(func(t *testing.T, data []byte) {
		ends, err := modelfile.Cuts(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		at := int64(0)
		for _, end := range ends {
			if end <= at {
				t.Fatalf("%d after %d", end, at)
			}
			at = end
		}
		if ends != nil && at != int64(len(data)) {
			t.Fatalf("the last is %d of %d", at, len(data))
		}
	})
}
