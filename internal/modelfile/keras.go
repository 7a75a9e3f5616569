package modelfile

import (
	"cmp"
	"slices"
)

// Keras' own format, version 3 (keras/src/saving/saving_lib.py): a zip with
// config.json, which describes the layers, metadata.json and the weights as
// HDF5, which are not read: parameters and dtypes are not known.

// Limits on the layers that are counted.
const (
	maxKerasLayers  = 100_000
	maxKerasNesting = 32
)

func (z *zipFile) readKeras(f *Facts) error {
	data, err := z.read("config.json", ruleKeras)
	if err != nil {
		return err
	}
	var config map[string]any
	if decodeJSON(data, &config) != nil || config == nil {
		return broken(ruleKeras, z.members["config.json"].Offset, "save the model again", "config.json is not a JSON object")
	}
	var metadata map[string]any
	if data, err = z.read("metadata.json", ruleKeras); err != nil {
		return err
	}
	if decodeJSON(data, &metadata) == nil {
		if v := textOf(metadata, "keras_version"); v != "" {
			f.Frameworks = map[string]string{"keras": v}
		}
		detail(f, "saved", textOf(metadata, "date_saved"))
	}
	kerasFacts(config, f)
	return nil
}

// kerasFacts are those of the configuration of a model.
func kerasFacts(config map[string]any, f *Facts) {
	f.Architecture = textOf(config, "class_name")
	inner := mapOf(config, "config")
	detail(f, "name", textOf(inner, "name"))
	k := &kerasReader{classes: map[string]int64{}}
	k.layers(inner, maxKerasNesting)
	detail(f, "layers", k.classes)
	detail(f, "registered", slices.Compact(slices.Sorted(slices.Values(k.registered))))
	f.Inputs, f.Outputs = k.inputs, kerasOutputs(inner)
	if len(f.Inputs) == 0 {
		if shape, ok := kerasShape(mapOf(config, "build_config")["input_shape"]); ok {
			f.Inputs = []Value{{Name: "input", Kind: "tensor", Shape: shape}}
		}
	}
}

// kerasReader walks the layers of a model, and of the models among them.
type kerasReader struct {
	classes    map[string]int64
	registered []string // names of classes that are not Keras' own
	inputs     []Value  // of the outermost model
	n          int
}

func (k *kerasReader) layers(config map[string]any, depth int) {
	list, _ := config["layers"].([]any)
	for _, e := range list {
		layer, _ := e.(map[string]any)
		if k.n++; layer == nil || k.n > maxKerasLayers || depth == 0 {
			continue
		}
		class, inner := textOf(layer, "class_name"), mapOf(layer, "config")
		k.classes[class]++
		if name := textOf(layer, "registered_name"); name != "" && len(k.registered) < 1000 {
			k.registered = append(k.registered, name)
		}
		if class == "InputLayer" && depth == maxKerasNesting {
			if shape, ok := kerasShape(cmp.Or[any](inner["batch_shape"], inner["batch_input_shape"])); ok {
				k.inputs = append(k.inputs, Value{Name: textOf(inner, "name"), Kind: "tensor", Dtype: kerasDtype(inner["dtype"]), Shape: shape})
			}
		}
		k.layers(inner, depth-1)
	}
}

// kerasShape reads [null, 224, 224, 3].
func kerasShape(v any) ([]int64, bool) {
	list, ok := v.([]any)
	if !ok || len(list) > maxRank {
		return nil, false
	}
	shape := make([]int64, len(list))
	for i := range list {
		shape[i] = -1
		if list[i] != nil {
			shape[i] = wholeOf(map[string]any{"": list[i]}, "")
		}
	}
	return shape, true
}

// kerasOutputs are the names of the layers that a functional model returns;
// their shapes are not in the file.
func kerasOutputs(config map[string]any) []Value {
	var out []Value
	var walk func(v any, depth int)
	walk = func(v any, depth int) {
		list, _ := v.([]any)
		if len(list) == 3 {
			if name, ok := list[0].(string); ok {
				out = append(out, Value{Name: clipText(name), Kind: "tensor"})
				return
			}
		}
		for _, e := range list {
			if depth > 0 && len(out) < 1000 {
				walk(e, depth-1)
			}
		}
	}
	walk(config["output_layers"], 4)
	return out
}

// kerasDtypes are Keras' names of types.
var kerasDtypes = map[string]string{
	"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64", "bool": "BOOL", "string": "string",
	"int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
}

// kerasDtype reads a dtype: its name, or a policy with one.
func kerasDtype(v any) string {
	if policy, ok := v.(map[string]any); ok {
		v = mapOf(policy, "config")["name"]
	}
	name, _ := v.(string)
	return kerasDtypes[name]
}
