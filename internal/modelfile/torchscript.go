package modelfile

import (
	"strings"

	"github.com/waybill-dev/waybill/internal/pickle"
)

// TorchScript (torch/csrc/jit/docs/serialization.md): the zip that torch.go
// reads, with the source of every class in code/, in a subset of Python. What
// the model takes is the signature of its forward.

// maxTorchInputs is how many inputs are listed.
const maxTorchInputs = 1000

// readTorchScript reads the source of the class of the object that was saved,
// __torch__.PACKAGE.NAME in code/__torch__/PACKAGE.py.
func (z *zipFile) readTorchScript(folder string, top *pickle.Value, f *Facts) error {
	class := classOf(top)
	if class == nil || !strings.HasPrefix(class.Text, "__torch__") {
		return nil
	}
	f.Architecture = clipText(class.Name)
	detail(f, "class", clipText(class.Text+"."+class.Name))
	name := folder + "code/" + strings.ReplaceAll(class.Text, ".", "/") + ".py"
	if z.members[name] == nil || z.members[name].Size > 1<<20 {
		return nil
	}
	data, err := z.read(name, ruleTorch)
	if err != nil {
		return err
	}
	_, body, found := strings.Cut(string(data), "class "+class.Name+"(")
	if !found {
		return nil
	}
	body, _, _ = strings.Cut(body, "\nclass ")
	_, signature, found := strings.Cut(body, "\n  def forward(self: ")
	parameters, rest, ends := strings.Cut(signature, ") -> ")
	result, _, whole := strings.Cut(rest, ":\n")
	if !found || !ends || !whole || len(result) > maxShown {
		return nil
	}
	for i, part := range splitTypes(parameters) {
		name, kind, ok := strings.Cut(strings.TrimSpace(part), ": ")
		if i > 0 && ok && len(f.Inputs) < maxTorchInputs { // the first is the class of self
			f.Inputs = append(f.Inputs, torchValue(name, kind))
		}
	}
	f.Outputs = []Value{torchValue("output", result)}
	return nil
}

// torchValue is of a type as TorchScript writes it; a tensor's dtype and shape
// are not told.
func torchValue(name, kind string) Value {
	v := Value{Name: clipText(name)}
	kind, _, _ = strings.Cut(kind, "=") // what it is without being given
	switch {
	case kind == "Tensor":
		v.Kind = "tensor"
	case strings.HasPrefix(kind, "Optional["):
		v.Kind = "optional"
	case strings.HasPrefix(kind, "List["), strings.HasPrefix(kind, "Tuple["):
		v.Kind = "sequence"
	case strings.HasPrefix(kind, "Dict["):
		v.Kind = "map"
	default:
		v.Kind, v.Dtype = "tensor", map[string]string{"int": "I64", "float": "F64", "bool": "BOOL", "str": "string"}[kind]
		v.Shape = []int64{}
	}
	return v
}

// splitTypes splits at commas that are not within brackets.
func splitTypes(text string) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '[', '(':
			depth++
		case ']', ')':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, text[from:i])
				from = i + 1
			}
		}
	}
	return append(out, text[from:])
}
