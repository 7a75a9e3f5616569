package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xeipuuv/gojsonschema"
)

// schema is a compiled JSON Schema, and the same schema in a form that can be
// asked what it expects somewhere.
type schema struct {
	compiled *gojsonschema.Schema
	view     *view
}

// view is what a schema says about one place in a document.
type view struct {
	raw    map[string]any
	types  []string // "string", "object", …; empty: any
	format string
	props  map[string]*view
	keys   []string // of props, sorted
	closed bool     // no keys but props
	extra  *view    // of keys that are not in props
	items  *view
	// checks is set for the entries of checks:, whose schema depends on the
	// check that they name.
	checks     map[string]lazy
	checkNames []string
}

func compile(data []byte) (*schema, error) {
	loader := gojsonschema.NewSchemaLoader()
	loader.Draft = gojsonschema.Draft7
	loader.AutoDetect = false
	compiled, err := loader.Compile(gojsonschema.NewBytesLoader(data))
	if err != nil {
		return nil, err
	}
	var raw map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&raw); err != nil {
		return nil, err
	}
	v, err := newView(raw, raw, 0)
	if err != nil {
		return nil, err
	}
	return &schema{compiled: compiled, view: v}, nil
}

// addCheck says what an entry of checks: that names id must be like.
func (s *schema) addCheck(id string, entry lazy) {
	v := s.view.props["checks"].items
	if v.checks == nil {
		v.checks = map[string]lazy{}
	}
	v.checks[id] = entry
	v.checkNames = append(v.checkNames, id)
}

func newView(root, raw map[string]any, depth int) (*view, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("schema nested too deep, or a $ref that refers to itself")
	}
	if pointer, ok := raw["$ref"].(string); ok {
		name, ok := strings.CutPrefix(pointer, "#/definitions/")
		definitions, _ := root["definitions"].(map[string]any)
		target, found := definitions[name].(map[string]any)
		if !ok || !found {
			return nil, fmt.Errorf("$ref %q: not in the definitions", pointer)
		}
		return newView(root, target, depth+1)
	}
	v := &view{raw: raw, props: map[string]*view{}}
	v.format, _ = raw["format"].(string)
	switch t := raw["type"].(type) {
	case string:
		v.types = []string{t}
	case []any:
		for _, one := range t {
			v.types = append(v.types, fmt.Sprint(one))
		}
	}
	child := func(raw any) (*view, error) {
		m, ok := raw.(map[string]any)
		if !ok {
			return nil, nil
		}
		return newView(root, m, depth+1)
	}
	var err error
	properties, _ := raw["properties"].(map[string]any)
	for name, p := range properties {
		if v.props[name], err = child(p); err != nil {
			return nil, err
		}
	}
	v.keys = slices.Sorted(maps.Keys(v.props))
	v.closed = raw["additionalProperties"] == false
	if v.extra, err = child(raw["additionalProperties"]); err != nil {
		return nil, err
	}
	v.items, err = child(raw["items"])
	return v, err
}

// at returns the view of a key, nil when the schema says nothing about it, and
// whether the schema knows the key.
func (v *view) at(key string) (*view, bool) {
	if v == nil {
		return nil, false
	}
	if p, ok := v.props[key]; ok {
		return p, true
	}
	return v.extra, v.extra != nil
}

var typeWords = map[string]string{
	"string": "text", "integer": "a whole number", "number": "a number",
	"boolean": "true or false", "array": "a list", "object": "a mapping",
}

// expected says in words what the schema wants here, "" when it does not say.
func (v *view) expected() string {
	if v == nil {
		return ""
	}
	var words []string
	add := func(w string) {
		if w != "" && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	for _, t := range v.types {
		add(typeWords[t])
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		alternatives, _ := v.raw[key].([]any)
		for _, a := range alternatives {
			m, _ := a.(map[string]any)
			if values := literals(m); len(values) > 0 {
				for _, value := range values {
					add(value)
				}
			} else if t, _ := m["type"].(string); t != "" {
				add(typeWords[t])
			}
		}
	}
	return list(words, "or")
}

// literals returns the values that const or enum allows, as they are written.
func literals(raw map[string]any) []string {
	values, _ := raw["enum"].([]any)
	if c, ok := raw["const"]; ok {
		values = []any{c}
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

// bounds says in words which numbers the schema allows.
func (v *view) bounds() string {
	if v == nil {
		return ""
	}
	var words []string
	for _, b := range []struct{ key, word string }{
		{"minimum", "at least"}, {"exclusiveMinimum", "above"}, {"maximum", "at most"}, {"exclusiveMaximum", "below"},
	} {
		if limit, ok := v.raw[b.key]; ok {
			words = append(words, fmt.Sprintf("%s %v", b.word, limit))
		}
	}
	return list(words, "and")
}

// list writes "a", "a or b", "a, b or c".
func list(words []string, and string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " " + and + " " + words[last]
}
