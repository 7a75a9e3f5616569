package modelfile

import (
	"bytes"
	"encoding/json"
	"strings"
)

// skops' files (skops/io/_persist.py, _sklearn.py, _numpy.py and _general.py,
// protocol 3): a zip with schema.json, a tree of nodes that say class, module,
// loader and content, and a .npy for every array of numbers or texts.

// readSkops reads what a schema says of its root, the object that was saved.
func (z *zipFile) readSkops(f *Facts) error {
	data, err := z.read("schema.json", ruleZip)
	if err != nil {
		return err
	}
	var schema map[string]any
	if decodeJSON(data, &schema) != nil || schema["__class__"] == nil || schema["protocol"] == nil {
		return nil // another schema.json
	}
	f.Format = "skops"
	detail(f, "protocol", wholeOf(schema, "protocol"))
	if v := textOf(schema, "_skops_version"); v != "" {
		f.Frameworks = map[string]string{"skops": v}
	}
	s := &skopsReader{z: z, left: maxEstimators}
	if e := s.estimator(schema, maxEstimatorsDepth); e != nil {
		e.set(f)
	}
	return s.err
}

type skopsReader struct {
	z    *zipFile
	left int // estimators that may still be looked at
	err  error
}

func (s *skopsReader) estimator(node map[string]any, depth int) *estimator {
	if s.left--; node == nil || depth == 0 || s.left < 0 || textOf(node, "__class__") == "" {
		return nil
	}
	// An ObjectNode's content is the node of its dict, and that one's the items.
	attributes := mapOf(mapOf(node, "content"), "content")
	e := &estimator{module: textOf(node, "__module__"), class: textOf(node, "__class__")}
	e.version, _ = skopsValue(attributes["_sklearn_version"]).(string)
	if n, ok := skopsValue(attributes["n_features_in_"]).(json.Number); ok {
		e.features, _ = n.Int64()
	}
	e.classes = s.elements(mapOf(attributes, "classes_"))
	e.names = s.elements(mapOf(attributes, "feature_names_in_"))
	steps, _ := mapOf(attributes, "steps")["content"].([]any)
	for _, v := range steps[:min(len(steps), maxEstimators)] {
		tuple, _ := v.(map[string]any)
		if pair, _ := tuple["content"].([]any); len(pair) == 2 {
			name, _ := skopsValue(pair[0]).(string)
			inner, _ := pair[1].(map[string]any)
			e.steps = append(e.steps, step{clipText(name), s.estimator(inner, depth-1)})
		}
	}
	for _, name := range innerEstimators {
		if inner, ok := attributes[name].(map[string]any); ok && e.inner == nil {
			e.inner = s.estimator(inner, depth-1)
		}
	}
	return e
}

// skopsValue is the value of a JsonNode: JSON within JSON.
func skopsValue(v any) any {
	node, _ := v.(map[string]any)
	text, _ := node["content"].(string)
	if textOf(node, "__loader__") != "JsonNode" || len(text) > maxShown {
		return nil
	}
	var value any
	if decodeJSON([]byte(text), &value) != nil {
		return nil
	}
	return value
}

// elements are those of an array of one dimension: objects as nodes, all else
// in a member.
func (s *skopsReader) elements(node map[string]any) []string {
	if list, ok := node["content"].([]any); ok && len(list) <= maxLabels {
		out := make([]string, len(list))
		for i, v := range list {
			text, ok := skopsValue(v).(string)
			if !ok {
				return nil
			}
			out[i] = clipText(text)
		}
		return out
	}
	name := textOf(node, "file")
	m := s.z.members[name]
	if m == nil || m.Size > 1<<20 || !strings.HasSuffix(name, ".npy") || s.err != nil {
		return nil
	}
	data, err := s.z.read(name, ruleZip)
	if err != nil {
		s.err = err
		return nil
	}
	array, err := readNPYHeader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(array.shape) != 1 || array.objects {
		return nil // it is no array that tells anything; skops says so on loading
	}
	// The header is a literal as numpy/lib/_format_impl.py writes it.
	_, descr, _ := strings.Cut(string(data[:array.header]), "'descr': '")
	code, _, _ := strings.Cut(descr, "'")
	return arrayElements(code, array.shape[0], data[array.header:])
}
