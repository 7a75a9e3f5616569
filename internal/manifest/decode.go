package manifest

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The functions here turn nodes into values. They return the zero value for a
// node of another type: the schema has reported it then, and everything that
// is right can still be looked at.

// text returns a scalar that is text. Dates are text: yaml.v3 tags 2026-12-20
// as a timestamp.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func text(n *yaml.Node) string {
	if n != nil && n.Kind == yaml.ScalarNode && (n.Tag == tagString || n.Tag == tagTimestamp) {
		return n.Value
	}
	return ""
}

// get returns the value of key in the mapping m, or nil.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (d *document) get(m *yaml.Node, key string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	if wide, ok := d.wide[m]; ok {
		return wide[key]
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

// texts returns the texts of a list, or the only one where one stands alone.
func texts(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	if text(n) != "" {
		return []*yaml.Node{n}
	}
	var out []*yaml.Node
	for _, item := range items(n) {
		if text(item) != "" {
			out = append(out, item)
		}
	}
	return out
}

// items returns the entries of a list.
func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// entry is a key of a mapping with its value.
type entry struct {
	key, value *yaml.Node
}

// entries returns the keys and values of a mapping in the order they stand,
// without those whose key is known to be wrong.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (d *document) entries(n *yaml.Node) []entry {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	out := make([]entry, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !d.bad[n.Content[i]] {
			out = append(out, entry{n.Content[i], n.Content[i+1]})
		}
	}
	return out
}

func strs(nodes []*yaml.Node) []string {
	if len(nodes) == 0 {
		return nil
	}
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.Value
	}
	return out
}

func boolean(n *yaml.Node) *bool {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag != tagBool {
		return nil
	}
	v := strings.EqualFold(n.Value, "true")
	return &v
}

func number(n *yaml.Node) *float64 {
	if n == nil || n.Kind != yaml.ScalarNode {
		return nil
	}
	switch n.Tag {
	case tagInt:
		if i, err := parseInt(n.Value); err == nil {
			v := float64(i)
			return &v
		}
	case tagFloat:
		if v, ok := parseFloat(n.Value); ok {
			return &v
		}
	}
	return nil
}

// whole returns an integer, also one that is written like 1e3.
func whole(n *yaml.Node) (int64, bool) {
	if n == nil || n.Kind != yaml.ScalarNode {
		return 0, false
	}
	switch n.Tag {
	case tagInt:
		i, err := parseInt(n.Value)
		return i, err == nil
	case tagFloat:
		v, ok := parseFloat(n.Value)
		if ok && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), true
		}
	}
	return 0, false
}

// parseFloat reads what yaml.v3 tags as !!float, except .inf and .nan.
func parseFloat(s string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	return v, err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
}

// value returns a node as string, int64, float64, bool, []any, map[string]any
// or nil.
func (d *document) value(n *yaml.Node) any {
	switch n.Kind {
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			out[i] = d.value(item)
		}
		return out
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for _, e := range d.entries(n) {
			out[e.key.Value] = d.value(e.value)
		}
		return out
	case yaml.ScalarNode:
		return scalar(n)
	}
	return nil
}

func scalar(n *yaml.Node) any {
	switch n.Tag {
	case tagNull:
		return nil
	case tagBool:
		return *boolean(n)
	case tagInt:
		if i, err := parseInt(n.Value); err == nil {
			return i
		}
		return nil
	case tagFloat:
		if v, ok := parseFloat(n.Value); ok {
			return v
		}
		return nil
	}
	return n.Value
}
