package artifact

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/transfer"
)

var _ transfer.Cuts = Cuts

func TestCuts(t *testing.T) {
	var model, table bytes.Buffer
	err := modelfile.WriteSafetensors(&model, []modelfile.NewTensor{
		{Name: "a", Dtype: "U8", Shape: []int64{10}, Data: make([]byte, 10)},
		{Name: "b", Dtype: "U8", Shape: []int64{6}, Data: make([]byte, 6)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		N int64 `parquet:"n"`
	}
	w := parquet.NewGenericWriter[row](&table)
	for i := range 3 {
		if _, err := w.Write(make([]row, 10*(i+1))); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	broken := slices.Clone(table.Bytes())
	copy(broken[len(broken)-40:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	copy(broken[len(broken)-8:], "\x20\x00\x00\x00")
	n := int64(model.Len())
	for _, c := range []struct {
		name, file string
		data       []byte
		ends       int
		shifting   bool
	}{
		{"tensors", "weights.bin", model.Bytes(), 3, false},
		{"row groups", "data", table.Bytes(), 4, true},
		{"a name is no content", "model.safetensors", []byte("hello, this is text"), 0, true},
		{"damaged tensors", "model.safetensors", model.Bytes()[:n-1], 0, true},
		{"damaged Parquet", "data.parquet", broken, 0, true},
		{"short", "data.parquet", []byte("PAR1"), 0, true},
		{"nothing", "", nil, 0, true},
	} {
		ends, shifting, err := Cuts(c.file, bytes.NewReader(c.data), int64(len(c.data)))
		if err != nil || len(ends) != c.ends || shifting != c.shifting {
			t.Errorf("%s: got %v, %v, %v", c.name, ends, shifting, err)
		}
		if c.ends > 0 && ends[c.ends-1] != int64(len(c.data)) {
			t.Errorf("%s: the last end is %d of %d", c.name, ends[c.ends-1], len(c.data))
		}
	}
	if ends, _, _ := Cuts("", bytes.NewReader(model.Bytes()), n); !slices.Equal(ends, []int64{n - 16, n - 6, n}) {
		t.Errorf("tensors: got %v of %d", ends, n)
	}
	if _, _, err := Cuts("", failing{}, 100); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a disk that fails: %v", err)
	}
}

// Of a model with one other tensor one chunk is another.
func TestCutsKeepChunks(t *testing.T) {
	split := func(changed byte) []transfer.Piece {
		var tensors []modelfile.NewTensor
		for i := range byte(5) {
			data := bytes.Repeat([]byte{i}, 100_000)
			if i == 2 {
				data[50_000] = changed
			}
			tensors = append(tensors, modelfile.NewTensor{Name: string('a' + rune(i)), Dtype: "F32", Shape: []int64{25_000}, Data: data})
		}
		var model bytes.Buffer
		if err := modelfile.WriteSafetensors(&model, tensors, nil); err != nil {
			t.Fatal(err)
		}
		pieces, _, err := transfer.Split(t.Context(), "m", bytes.NewReader(model.Bytes()), int64(model.Len()), Cuts)
		if err != nil {
			t.Fatal(err)
		}
		return pieces
	}
	before, after := split(1), split(2)
	differ := 0
	for i := range min(len(before), len(after)) {
		if before[i] != after[i] {
			differ++
		}
	}
	if len(before) != 6 || len(after) != 6 || differ != 1 {
		t.Errorf("%d chunks, then %d, of which %d differ", len(before), len(after), differ)
	}
}

type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) { return 0, os.ErrPermission }
