package modelfile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

func ExampleInspect() {
	facts, err := modelfile.Inspect(context.Background(), "testdata/shapes.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(facts.Format, facts.Parameters, "parameters")
	for _, t := range facts.Tensors[:3] {
		fmt.Println(t.Name, t.Dtype, t.Shape, t.Bytes)
	}
	// Output:
	// safetensors 22 parameters
	// hollow I64 [3 0 2] 0
	// a F32 [2 3] 24
	// b F32 [2 3] 24
}

// TestAgreesWithLibrary reads files that the reference library wrote and
// compares with what it says about them (see testdata/make.py).
func TestAgreesWithLibrary(t *testing.T) {
	type tensor struct {
		Dtype         string
		Shape         []int64
		Bytes, Offset int64
	}
	var library map[string]struct {
		Size     int64
		Metadata map[string]string
		Tensors  map[string]tensor
	}
	data, err := os.ReadFile("testdata/library.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &library); err != nil {
		t.Fatal(err)
	}
	if len(library) != 3 {
		t.Fatalf("library.json has %d files", len(library))
	}
	for name, want := range library {
		t.Run(name, func(t *testing.T) {
			facts, err := modelfile.Inspect(t.Context(), filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			if facts.Format != "safetensors" || facts.Bytes != want.Size || !reflect.DeepEqual(facts.Metadata, want.Metadata) {
				t.Errorf("got %s, %d bytes, %q", facts.Format, facts.Bytes, facts.Metadata)
			}
			got := map[string]tensor{}
			var elements int64
			for _, x := range facts.Tensors {
				got[x.Name] = tensor{x.Dtype, x.Shape, x.Bytes, x.Offset}
				n := int64(1)
				for _, d := range x.Shape {
					n *= d
				}
				elements += n
			}
			if !reflect.DeepEqual(got, want.Tensors) {
				t.Errorf("tensors:\ngot  %v\nwant %v", got, want.Tensors)
			}
			var byDtype int64
			for _, n := range facts.Dtypes {
				byDtype += n
			}
			if facts.Parameters != elements || byDtype != elements {
				t.Errorf("%d parameters, %d by dtype, want %d", facts.Parameters, byDtype, elements)
			}
		})
	}
}

func TestInspectOtherContent(t *testing.T) {
	for name, content := range map[string]string{
		"empty.bin": "", "vocab.json": `{"a": 1}`, "short": "abc", "zeros.bin": strings.Repeat("\x00", 100),
		"notes.txt": strings.Repeat("text and more text ", 100),
	} {
		path := write(t, name, content)
		facts, err := modelfile.Inspect(t.Context(), path)
		if err != nil || facts.Format != "" || facts.Bytes != int64(len(content)) || facts.Tensors != nil {
			t.Errorf("%s: got %+v, %v", name, facts, err)
		}
	}
}

// The content decides: a safetensors file without its extension is one, and
// so is a broken one.
func TestInspectIgnoresExtension(t *testing.T) {
	data, err := os.ReadFile("testdata/dtypes.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	facts, err := modelfile.Inspect(t.Context(), write(t, "pytorch_model.bin", string(data)))
	if err != nil || facts.Format != "safetensors" || len(facts.Tensors) != 20 {
		t.Errorf("got %+v, %v", facts, err)
	}
	var bad *modelfile.FormatError
	path := write(t, "weights", string(data[:len(data)-1]))
	if _, err := modelfile.Inspect(t.Context(), path); !errors.As(err, &bad) || bad.Rule != "SAF001" || bad.Path != path {
		t.Errorf("a truncated file: %v", err)
	}
}

func TestInspectErrors(t *testing.T) {
	if _, err := modelfile.Inspect(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := modelfile.Inspect(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a folder: %v", err)
	}
	// A file that is cut while it is read is an I/O error, not a verdict on
	// its format.
	whole := header(t, `{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`+strings.Repeat(" ", 1000), 4)
	for n := range len(whole) - 4 {
		_, err := modelfile.InspectReader(t.Context(), strings.NewReader(whole[:n]), int64(len(whole)), "a.safetensors")
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if _, err := modelfile.InspectReader(t.Context(), failing{strings.NewReader(whole)}, int64(len(whole)), "a"); !errors.Is(err, errBroken) {
		t.Errorf("a failing disk: %v", err)
	}
	// A header is left when the context ends in the middle of it.
	var many strings.Builder
	many.WriteByte('{')
	for i := range 5000 {
		fmt.Fprintf(&many, `"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`, i)
	}
	many.WriteString(`"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`)
	ctx, cancel := context.WithCancel(t.Context())
	long := header(t, many.String(), 0)
	if _, err := modelfile.InspectReader(ctx, ending{strings.NewReader(long), cancel}, int64(len(long)), "m"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}

var errBroken = errors.New("broken disk")

// failing is a file whose bytes past 600 cannot be read.
type failing struct{ r io.ReaderAt }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > 600 {
		return 0, errBroken
	}
	return f.r.ReadAt(p, off)
}

// ending ends a context when more than the beginning is read.
type ending struct {
	io.ReaderAt
	cancel context.CancelFunc
}

func (e ending) ReadAt(p []byte, off int64) (int, error) {
	if len(p) > 512 {
		e.cancel()
	}
	return e.ReaderAt.ReadAt(p, off)
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
