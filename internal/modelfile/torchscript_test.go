package modelfile_test

import (
	"archive/zip"
	"bytes"
	"reflect"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// scripted is a module as torch.jit.save writes it, without tensors.
func scripted(t *testing.T, code string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range [][2]string{
		{"net/data.pkl", "\x80\x02c__torch__.models\nNet\n)\x81}X\x08\x00\x00\x00trainingI00\nsb."},
		{"net/code/__torch__/models.py", code}, {"net/constants.pkl", "\x80\x02)."}, {"net/version", "3\n"},
	} {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m[0], Method: zip.Store})
		if err == nil {
			_, err = f.Write([]byte(m[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTorchScript(t *testing.T) {
	f, err := inspect(t, scripted(t, "class Other(Module):\n  def forward(self: __torch__.models.Other,\n    wrong: Tensor) -> Tensor:\n    return wrong\n"+
		"class Net(Module):\n  __parameters__ = []\n  training : bool\n  def forward(self: __torch__.models.Net,\n    x: Tensor,\n    sizes: Dict[str, int],\n    k: int=3) -> Tuple[Tensor, Tensor]:\n    return (x, x)\n"), "net.pt")
	if err != nil {
		t.Fatal(err)
	}
	inputs := []modelfile.Value{{Name: "x", Kind: "tensor"}, {Name: "sizes", Kind: "map"}, {Name: "k", Kind: "tensor", Dtype: "I64", Shape: []int64{}}}
	if f.Format != "torchscript" || f.Architecture != "Net" || f.Details["class"] != "__torch__.models.Net" || !reflect.DeepEqual(f.Inputs, inputs) ||
		!reflect.DeepEqual(f.Outputs, []modelfile.Value{{Name: "output", Kind: "sequence"}}) {
		t.Errorf("got %+v", f)
	}
	if f, err := inspect(t, scripted(t, "class Net(Module):\n  def forward(self"), "net.pt"); err != nil || f.Inputs != nil {
		t.Errorf("cut code: got %+v, %v", f, err)
	}
}
