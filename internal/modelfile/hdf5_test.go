package modelfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// TestHDF5AgreesWithLibrary compares with what h5py read back.
func TestHDF5AgreesWithLibrary(t *testing.T) {
	var made struct {
		H5 map[string]struct {
			Shape  []int64
			Dtype  string
			Offset int64
		}
	}
	if err := json.Unmarshal([]byte(sample(t, "second.json")), &made); err != nil || len(made.H5) != 4 {
		t.Fatal(made, err)
	}
	dtypes := map[string]string{"float32": "F32", "float64": "F64"}
	for _, name := range []string{"small.h5", "latest.h5"} {
		f := facts(t, name)
		if f.Format != "keras-h5" || f.Architecture != "Sequential" || f.Frameworks["keras"] != "2.15.0" || f.Details["backend"] != "tensorflow" ||
			f.Details["opaque"] != nil || f.Parameters != 15 || !reflect.DeepEqual(f.Dtypes, map[string]int64{"F32": 12, "F64": 3}) || len(f.Tensors) != 2 {
			t.Errorf("%s: got %+v", name, f)
		}
		if inputs := []modelfile.Value{{Name: "numbers", Kind: "tensor", Dtype: "F32", Shape: []int64{-1, 4}}}; !reflect.DeepEqual(f.Inputs, inputs) {
			t.Errorf("%s: got %+v", name, f.Inputs)
		}
		if layers := map[string]int64{"InputLayer": 1, "Dense": 1, "Lambda": 1}; !reflect.DeepEqual(f.Details["layers"], layers) {
			t.Errorf("%s: got %v", name, f.Details["layers"])
		}
		for _, x := range f.Tensors {
			if l := made.H5[name+":"+x.Name]; !reflect.DeepEqual(x.Shape, l.Shape) || x.Dtype != dtypes[l.Dtype] || x.Offset != l.Offset {
				t.Errorf("%s: got %+v, h5py says %+v", name, x, l)
			}
		}
	}
	if f := facts(t, "fixed.h5"); f.Format != "keras-h5" || f.Architecture != "Sequential" || f.Tensors != nil {
		t.Errorf("text of fixed length: %+v", f)
	}
	// Of many attributes the library makes a heap, which is not looked into.
	if f := facts(t, "dense.h5"); f.Format != "hdf5" || f.Details["opaque"] != "attributes in a fractal heap" || f.Tensors != nil {
		t.Errorf("got %+v", f)
	}
}

func TestInspectKerasH5(t *testing.T) {
	for name, want := range map[string]string{"small.h5": "", "dense.h5": "attributes in a fractal heap"} {
		data := sample(t, name)
		k, err := modelfile.InspectKerasH5(t.Context(), strings.NewReader(data), int64(len(data)))
		if err != nil || k.Opaque != want || k.Partial || k.External != nil || (want == "") != strings.Contains(k.Config, `"Lambda"`) ||
			!strings.HasPrefix(data[k.ConfigAt:], k.Config) {
			t.Errorf("%s: got %+v, %v", name, k, err)
		}
	}
}

// TestHDF5UserBlock: files behind something else are read by their name, and
// places are those of the whole file.
func TestHDF5UserBlock(t *testing.T) {
	plain := facts(t, "small.h5")
	for _, block := range []int{512, 4096} {
		data := strings.Repeat("u", block) + sample(t, "small.h5")
		f, err := inspect(t, data, "model.h5")
		if err != nil || f.Format != "keras-h5" || len(f.Tensors) != len(plain.Tensors) {
			t.Fatalf("got %+v, %v", f, err)
		}
		for i, x := range f.Tensors {
			if x.Offset != plain.Tensors[i].Offset+int64(block) {
				t.Errorf("%s: at %d, want %d behind %d", x.Name, x.Offset, block, plain.Tensors[i].Offset)
			}
		}
		var bad *modelfile.FormatError
		if _, err := inspect(t, data[:block+700], "model.h5"); !errors.As(err, &bad) || bad.Rule != "HDF001" || bad.Offset < int64(block) {
			t.Errorf("cut: got %v", err)
		}
	}
	if f, err := inspect(t, strings.Repeat("u", 5000), "model.h5"); err != nil || f.Format != "" {
		t.Errorf("no mark: got %+v, %v", f, err)
	}
}

func TestHDF5Refuses(t *testing.T) {
	data := []byte(sample(t, "small.h5"))
	change := func(old, with string) string {
		t.Helper()
		if !bytes.Contains(data, []byte(old)) {
			t.Fatalf("%q is not in the file", old)
		}
		return string(bytes.Replace(data, []byte(old), []byte(with), 1))
	}
	refuses(t, "cut", string(data[:700]), "HDF001")
	refuses(t, "a tree's mark", change("TREE", "TREX"), "HDF001")
	refuses(t, "a heap's mark", change("GCOL", "GCOX"), "HDF001")
	refuses(t, "a node's mark", change("SNOD", "SNOX"), "HDF001")
	refuses(t, "the configuration", change(`{"class_name"`, `["class_name"`), "HDF001")
	refuses(t, "the root's address", string(data[:64])+"\xff\xff\xff\xff\xff\xff\xff\x7f"+string(data[72:]), "HDF001")
	// A group that is its own member ends.
	root := data[64:72]
	dense := bytes.LastIndex(data, []byte("SNOD"))
	loop := bytes.Clone(data)
	copy(loop[dense+8+8:], root)
	if f, err := inspect(t, string(loop), "m"); err == nil && f.Details["opaque"] == nil {
		t.Errorf("a loop: got %+v", f)
	}
}

func init() { small = append(small, "small.h5", "latest.h5", "fixed.h5", "dense.h5") }
