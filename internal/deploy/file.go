package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds of a file. A node of yaml.v3 is some hundred bytes, so that a file of
// nothing but separators would need a hundred times its size.
const (
	maxSize  = 4 << 20
	maxNodes = 500_000
)

const bom = "\uFEFF"

// file is a deployment file as it was read.
type file struct {
	name string
	data []byte
	docs []*yaml.Node // the root of each document
	// lines holds where each line begins, as yaml.v3 counts lines.
	lines []int
	// offsets holds where each node of a JSON file begins; nil with YAML.
	offsets map[*yaml.Node]int
	// repeated holds the nodes that an alias names.
	repeated map[*yaml.Node]bool
}

func (f *file) fail(line, column int, format string, args ...any) error {
	return &Error{File: f.name, Line: line, Column: column, Message: fmt.Sprintf(format, args...)}
}

func (f *file) failAt(n *yaml.Node, format string, args ...any) error {
	return f.fail(max(1, n.Line), max(1, n.Column), format, args...)
}

// read parses a file. Its form is looked at as far as places need it: keys that
// are given twice elsewhere are none of our business.
func read(name string, data []byte) (*file, error) {
	f := &file{name: name, data: data, repeated: map[*yaml.Node]bool{}}
	if len(data) > maxSize {
		return nil, f.fail(0, 0, "%d bytes are more than a deployment file may have (%d)", len(data), maxSize)
	}
	if !utf8.Valid(data) {
		return nil, f.fail(0, 0, "not valid UTF-8; save it as UTF-8")
	}
	nodes := 0
	for _, c := range data {
		switch c {
		case ',', ':', '\n', '\r', '[', '{', '-', '?':
			nodes++
		}
	}
	if nodes > maxNodes {
		return nil, f.fail(0, 0, "too many values for a deployment file; keep what waybill writes in a file of its own")
	}
	f.lines = lineStarts(data)
	var err error
	if strings.EqualFold(path.Ext(name), ".json") {
		err = f.readJSON()
	} else {
		err = f.readYAML()
	}
	if err != nil {
		return nil, err
	}
	for _, root := range f.docs {
		if err := f.look(root); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *file) readYAML() error {
	dec := yaml.NewDecoder(bytes.NewReader(f.data))
	for {
		var doc yaml.Node
		err := decode(dec, &doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return f.syntax(err)
		}
		if len(doc.Content) == 1 {
			f.docs = append(f.docs, doc.Content[0])
		}
	}
}

// decode is Decode of yaml.v3, whose scanner and parser have panicked on
// hostile input before: that must stay an error of the file.
func decode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return dec.Decode(n)
}

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?`)
	// template is {{ outside of comments and quotes, as far as a line tells.
	template = regexp.MustCompile(`(?m)^[^#'"\r\n]*?\{\{`)
)

const helm = "looks like a template of Helm ({{ … }}), which is no YAML before it is rendered: let the template use a value, and name the key of values.yaml instead"

// syntax turns an error of yaml.v3 into one of ours.
func (f *file) syntax(err error) error {
	if at := template.FindIndex(f.data); at != nil {
		return f.fail(1+bytes.Count(f.data[:at[1]], []byte("\n")), 1, "%s", helm)
	}
	message, line := err.Error(), 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	return f.fail(line, 1, "not valid YAML: %s", clip(message))
}

// look notes what aliases name, and refuses templates that happen to be YAML:
// {{ .Values.x }} is a mapping with a mapping for a key.
func (f *file) look(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		f.repeated[n.Alias] = true
	}
	if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0 {
		if k := n.Content[0]; k.Kind == yaml.MappingNode && k.Line == n.Line && k.Column == n.Column+1 {
			return f.failAt(n, "%s", helm)
		}
	}
	for _, child := range n.Content {
		if err := f.look(child); err != nil {
			return err
		}
	}
	return nil
}

// lineStarts finds the lines of data as the scanner of yaml.v3 counts them
// (is_break in yamlprivateh.go): LF, CR, CR LF, and the breaks of Unicode.
func lineStarts(data []byte) []int {
	starts := []int{0}
	if bytes.HasPrefix(data, []byte(bom)) {
		starts[0] = len(bom)
	}
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\r' && i+1 < len(data) && data[i+1] == '\n':
			i++
		case c == '\n', c == '\r':
		case c == 0xC2 && data[i+1] == 0x85: // data is valid UTF-8
			i++
		case c == 0xE2 && data[i+1] == 0x80 && (data[i+2] == 0xA8 || data[i+2] == 0xA9):
			i += 2
		default:
			continue
		}
		starts = append(starts, i+1)
	}
	return starts
}

// line is the number of the line, from 1, in which a byte stands.
func (f *file) line(offset int) int {
	return sort.Search(len(f.lines), func(i int) bool { return f.lines[i] > offset })
}

// rest is what follows a byte in its line, without the line's end.
func (f *file) rest(offset int) []byte {
	end := len(f.data)
	if n := f.line(offset); n < len(f.lines) {
		end = f.lines[n]
	}
	return bytes.TrimRight(f.data[offset:end], "\r\n\u0085\u2028\u2029")
}

// offset is where a node begins. Columns of yaml.v3 count characters.
func (f *file) offset(n *yaml.Node) (int, bool) {
	if f.offsets != nil {
		i, ok := f.offsets[n]
		return i, ok
	}
	if n.Line < 1 || n.Line > len(f.lines) || n.Column < 1 {
		return 0, false
	}
	i := f.lines[n.Line-1]
	for range n.Column - 1 {
		if i >= len(f.data) {
			return 0, false
		}
		_, size := utf8.DecodeRune(f.data[i:])
		i += size
	}
	return i, i < len(f.data)
}
