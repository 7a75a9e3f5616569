package odcs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// MaxSize is how many bytes a contract may have.
const MaxSize = 4 << 20

// Bounds of a contract, far beyond what anybody writes.
const (
	maxDepth   = 64
	manyValues = 200_000
	maxErrors  = 100
)

// document is a file while it is read.
type document struct {
	file  string
	errs  manifest.Errors
	nodes int
}

// node is a value with its place.
type node yaml.Node

// read returns the tree of a YAML document, a mapping, with nothing in it that
// stands for more than is written. Whether there is one, d.errs says.
func (d *document) read(data []byte) *node {
	start := manifest.Pos{File: d.file, Line: 1, Column: 1}
	switch {
	case len(data) > MaxSize:
		d.failAt(start, "", "%d bytes are more than a data contract may have (%d)", len(data), MaxSize)
		return nil
	case !utf8.Valid(data):
		d.failAt(start, "save the file as UTF-8", "not valid UTF-8")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var tree, second yaml.Node
	err := decode(decoder, &tree)
	switch {
	case errors.Is(err, io.EOF):
		d.failAt(start, "a data contract begins with kind: DataContract", "the file is empty")
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	if err := decode(decoder, &second); !errors.Is(err, io.EOF) {
		d.failAt(start, "keep one contract in a file", "there is more than one document, or something that is not YAML after the first")
		return nil
	}
	root := (*node)(tree.Content[0])
	if !root.mapping() {
		d.fail(root, "a data contract begins with kind: DataContract", "expected keys with values, got %s", show(root))
		return nil
	}
	d.walk(root, 1)
	return root
}

// decode is Decode of yaml.v3, whose parser has panicked on hostile input
// before.
func decode(decoder *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	if err := decoder.Decode(n); err != nil {
		return err
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
		return io.EOF
	}
	return nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?`)

// syntax turns an error of yaml.v3 into one with a position.
func (d *document) syntax(err error) {
	message, line := err.Error(), 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
	}
	d.failAt(manifest.Pos{File: d.file, Line: max(line, 1), Column: 1}, "", "not valid YAML: %s", clip(message))
}

// walk refuses what makes a tree larger than its text, and two keys of one
// name, of which readers of YAML choose differently. It tells whether to go on.
func (d *document) walk(n *node, depth int) bool {
	d.nodes++
	switch {
	case d.nodes > manyValues:
		d.fail(n, "", "more than %d values in one file", manyValues)
		return false
	case depth > maxDepth:
		d.fail(n, "", "nested more than %d levels deep", maxDepth)
		return false
	case n.Kind == yaml.AliasNode || n.Tag == "!!merge":
		d.fail(n, "write the value out", "aliases (*%s) are not followed", clip(n.Value))
		return false
	}
	seen := map[string]bool{}
	for i, child := range n.Content {
		if n.mapping() && i%2 == 0 {
			if seen[child.Value] {
				d.fail((*node)(child), "remove one of them", "duplicate key %q", clip(child.Value))
			}
			seen[child.Value] = true
		}
		if !d.walk((*node)(child), depth+1) {
			return false
		}
	}
	return true
}

func (d *document) pos(n *node) manifest.Pos {
	return manifest.Pos{File: d.file, Line: max(n.Line, 1), Column: max(n.Column, 1)}
}

func (d *document) fail(n *node, hint, format string, args ...any) {
	d.failAt(d.pos(n), hint, format, args...)
}

func (n *node) mapping() bool  { return n != nil && n.Kind == yaml.MappingNode }
func (n *node) sequence() bool { return n != nil && n.Kind == yaml.SequenceNode }
func (n *node) null() bool     { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// entries are the keys of a mapping with their values, nothing for others.
func (n *node) entries() iter.Seq2[string, *node] {
	return func(yield func(string, *node) bool) {
		if !n.mapping() {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, (*node)(n.Content[i+1])) {
				return
			}
		}
	}
}

// items are those of a list, nothing for others.
func (n *node) items() []*node {
	if !n.sequence() {
		return nil
	}
	out := make([]*node, len(n.Content))
	for i, c := range n.Content {
		out[i] = (*node)(c)
	}
	return out
}

// get returns the value of a key, nil when it is not there or null.
func (d *document) get(n *node, key string) *node {
	for k, v := range n.entries() {
		if k == key && !v.null() {
			return v
		}
	}
	return nil
}

// at is where an error about a key belongs: its value, or what lacks it.
func (d *document) at(n *node, key string) *node {
	if v := d.get(n, key); v != nil {
		return v
	}
	return n
}

// text returns the text of a key, "" when it is not there.
func (d *document) text(n *node, key string) string {
	v := d.get(n, key)
	if v == nil {
		return ""
	}
	if v.Kind != yaml.ScalarNode {
		d.fail(v, "", "%s: expected text, got %s", key, show(v))
		return ""
	}
	return v.Value
}

func (d *document) truth(n *node, key string) bool {
	v := d.get(n, key)
	if v == nil {
		return false
	}
	truth, ok := scalar(v).(bool)
	if !ok {
		d.fail(v, "", "%s: expected true or false, got %s", key, show(v))
	}
	return truth
}

// list returns the mappings in the list of a key.
func (d *document) list(n *node, key string) []*node {
	v := d.get(n, key)
	if v == nil {
		return nil
	}
	if !v.sequence() {
		d.fail(v, "", "%s: expected a list, got %s", key, show(v))
	}
	var out []*node
	for _, item := range v.items() {
		if !item.mapping() {
			d.fail(item, "", "%s: expected keys with values, got %s", key, show(item))
			continue
		}
		out = append(out, item)
	}
	return out
}

// scalar returns a string, int64, float64 or bool; nil for anything else,
// numbers included that are not finite.
func scalar(n *node) any {
	if n == nil || n.Kind != yaml.ScalarNode {
		return nil
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		var v bool
		if (*yaml.Node)(n).Decode(&v) != nil {
			return nil
		}
		return v
	case "!!int":
		if v, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return v
		}
		return n.Value
	case "!!float":
		if v, ok := number(n); ok {
			return v
		}
		return n.Value
	}
	return n.Value
}

// number reads a finite number.
func number(n *node) (float64, bool) {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" {
		return 0, false
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	return v, err == nil && !math.IsInf(v, 0) && !math.IsNaN(v)
}

// show says what a value is, for "got …".
func show(n *node) string {
	switch {
	case n.null():
		return "nothing"
	case n.sequence():
		return "a list"
	case n.mapping():
		return "a mapping"
	}
	return strconv.Quote(clip(n.Value))
}

// clip keeps hostile input out of messages.
func clip(s string) string {
	if runes := []rune(s); len(runes) > 80 {
		s = string(runes[:80]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
