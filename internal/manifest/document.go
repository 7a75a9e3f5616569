package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Bounds of a document. Manifests are written by hand; these are far beyond
// what anybody writes and far below what hurts.
const (
	maxDocumentSize = 1 << 20
	maxDepth        = 64
	maxNodes        = 200_000
)

// Tags of yaml.v3, which resolves plain scalars by the YAML 1.2 core schema,
// except that it also knows timestamps, 0777 as octal and 1_000.
const (
	tagString    = "!!str"
	tagInt       = "!!int"
	tagFloat     = "!!float"
	tagBool      = "!!bool"
	tagNull      = "!!null"
	tagTimestamp = "!!timestamp"
	tagMerge     = "!!merge"
)

// document is one file while it is read: its nodes, and what is wrong so far.
type document struct {
	file string
	root *yaml.Node // a mapping; nil when there is nothing to go on with
	errs Errors
	// bad holds the nodes that an error was reported for. A second error for
	// one of them would be noise.
	bad map[*yaml.Node]bool
	// weak holds errors that are only reported when nothing better was said
	// about their node: that a name does not match a pattern helps nobody.
	weak []weakError
	// meant holds keys that are missing because they are misspelt, by mapping.
	meant map[*yaml.Node][]string
	// wide finds keys in mappings that are too large to be searched each time.
	wide   map[*yaml.Node]map[string]*yaml.Node
	splits []string // that files: declares; nil until needed
	// uses are the stages and groups of the project that the document names.
	uses []use
}

type weakError struct {
	node *yaml.Node
	err  *Error
}

func (d *document) pos(n *yaml.Node) Pos {
	return Pos{File: d.file, Line: max(1, n.Line), Column: max(1, n.Column)}
}

// report notes what is wrong with n, unless n is known to be wrong.
func (d *document) report(n *yaml.Node, hint, format string, args ...any) {
	if d.bad[n] {
		return
	}
	d.bad[n] = true
	d.errs = append(d.errs, &Error{Pos: d.pos(n), Message: fmt.Sprintf(format, args...), Hint: hint})
}

// check reports err, if there is one, for n.
func (d *document) check(n *yaml.Node, err error) {
	if err != nil {
		d.report(n, "", "%s", err)
	}
}

// missing notes that the mapping m, which stands at where, lacks a key, unless
// an unknown key was reported that was meant to be it.
func (d *document) missing(m *yaml.Node, where *place, key string) {
	if slices.Contains(d.meant[m], key) {
		return
	}
	d.errs = append(d.errs, &Error{Pos: d.pos(m), Message: where.prefix() + fmt.Sprintf("missing key %q", key)})
}

func (d *document) fail(line, column int, hint, format string, args ...any) {
	d.errs = append(d.errs, &Error{Pos: Pos{File: d.file, Line: max(1, line), Column: max(1, column)}, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// err returns all errors, or nil.
func (d *document) err() error {
	for _, w := range d.weak {
		if !d.bad[w.node] {
			d.bad[w.node] = true
			d.errs = append(d.errs, w.err)
		}
	}
	d.weak = nil
	if len(d.errs) == 0 {
		return nil
	}
	return d.errs.sorted()
}

// read parses data as one YAML document and checks its form: size, encoding,
// depth, keys. The root is nil when the rest cannot be looked at.
func read(file string, data []byte) *document {
	d := &document{file: file, bad: map[*yaml.Node]bool{}, meant: map[*yaml.Node][]string{}, wide: map[*yaml.Node]map[string]*yaml.Node{}}
	if len(data) > maxDocumentSize {
		d.fail(1, 1, "", "%d bytes are more than a manifest may have (%d)", len(data), maxDocumentSize)
		return d
	}
	if line, column, ok := invalidUTF8(data); !ok {
		d.fail(line, column, "save the file as UTF-8", "not valid UTF-8")
		return d
	}
	if line := conflictLine(data); line > 0 {
		d.fail(line, 1, "resolve it in an editor", "merge conflict")
		return d
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := decode(dec, &doc); err != nil {
		d.syntax(err, data)
		return d
	}
	var second yaml.Node
	if err := decode(dec, &second); err == nil {
		d.fail(second.Line, second.Column, "keep one document in a file", "a second document begins here")
		return d
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err, data)
		return d
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		d.fail(root.Line, root.Column, "begin with apiVersion: "+APIVersion, "expected keys with values, got %s", show(root))
		return d
	}
	w := walker{d: d}
	if w.walk(root, 1) {
		d.root = root
	}
	return d
}

// decode is Decode of yaml.v3, whose scanner and parser have panicked on
// hostile input before: that must stay an error of the document.
func decode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	if err := dec.Decode(n); err != nil {
		return err
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
		return io.EOF
	}
	return nil
}

var (
	yamlLine      = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntax turns an error of yaml.v3 into one with a position.
func (d *document) syntax(err error, data []byte) {
	if errors.Is(err, io.EOF) {
		d.fail(1, 1, "begin with apiVersion: "+APIVersion, "the file is empty")
		return
	}
	message, line, column := err.Error(), 1, 1
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		message = message[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
	}
	hint := ""
	switch {
	case strings.Contains(message, "cannot start any token"):
		hint = "indent with spaces, and quote text that begins with @, ` or %"
	case strings.Contains(message, "mapping values are not allowed"):
		hint = "quote text that has a colon, and check the indentation"
	}
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		message, hint = fmt.Sprintf("*%s names nothing, and aliases are not allowed in manifests", clip(m[1])), "write the value out, or quote the text"
		if i := bytes.Index(data, []byte("*"+m[1])); i >= 0 { // yaml.v3 does not say where
			line, column = lineOf(data, i), i-bytes.LastIndexByte(data[:i], '\n')
		}
	}
	d.fail(line, column, hint, "not valid YAML: %s", message)
}

func invalidUTF8(data []byte) (line, column int, ok bool) {
	if utf8.Valid(data) {
		return 0, 0, true
	}
	line, column = 1, 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size <= 1 {
			break
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		data = data[size:]
	}
	return line, column, false
}

// walker checks the form of a tree.
type walker struct {
	d     *document
	nodes int
}

// walk tells whether the tree is small enough to be looked at further.
func (w *walker) walk(n *yaml.Node, depth int) bool {
	if w.nodes++; w.nodes > maxNodes {
		w.d.report(n, "", "more than %d values in one file", maxNodes)
		return false
	}
	if depth > maxDepth {
		w.d.report(n, "", "nested more than %d levels deep", maxDepth)
		return false
	}
	switch {
	case n.Kind == yaml.AliasNode:
		w.d.report(n, "write the value out", "aliases (*%s) are not allowed in manifests", clip(n.Value))
		return true
	case n.Anchor != "":
		w.d.report(n, "write the value out where it is needed", "anchors (&%s) are not allowed in manifests", clip(n.Anchor))
	case n.Style&yaml.TaggedStyle != 0:
		w.d.report(n, "remove it, and quote the value if it is text", "tags (%s) are not allowed in manifests", clip(n.Tag))
	case n.Kind == yaml.ScalarNode:
		w.number(n)
	}
	if n.Kind == yaml.MappingNode && !w.keys(n) {
		return false
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		if !w.walk(child, depth+1) {
			return false
		}
	}
	return true
}

func (w *walker) keys(m *yaml.Node) bool {
	first := make(map[string]*yaml.Node, len(m.Content)/2)
	values := make(map[string]*yaml.Node, len(m.Content)/2)
	for i := 0; i+1 < len(m.Content); i += 2 {
		k := m.Content[i]
		if w.nodes++; w.nodes > maxNodes {
			return w.walk(k, 1)
		}
		switch {
		case k.Kind != yaml.ScalarNode:
			w.d.report(k, "", "a key must be text, got %s", show(k))
		case k.Tag == tagMerge:
			w.d.report(k, "write the keys out", "merge keys (<<) are not allowed in manifests")
		case k.Anchor != "" || k.Style&yaml.TaggedStyle != 0:
			w.d.report(k, "write the key alone", "anchors and tags are not allowed in manifests")
		case strings.ContainsFunc(k.Value, isControl):
			w.d.report(k, "", "a key with a control character: %q", clip(k.Value))
		case first[k.Value] != nil:
			w.d.report(k, "remove one of them", "duplicate key %q: it already stands in line %d", clip(k.Value), first[k.Value].Line)
		default:
			first[k.Value] = k
			values[k.Value] = m.Content[i+1]
		}
	}
	if len(values) > 32 {
		w.d.wide[m] = values
	}
	return true
}

var (
	leadingZero = regexp.MustCompile(`^[-+]?0[0-9_]`)
	digitsOnly  = regexp.MustCompile(`^[-+]?[0-9_]+$`)
)

// number refuses numbers that readers of YAML disagree about, or that do not
// fit into int64 and float64.
func (w *walker) number(n *yaml.Node) {
	if n.Tag != tagInt && n.Tag != tagFloat {
		return
	}
	_, err := parseInt(n.Value)
	_, finite := parseFloat(n.Value)
	switch {
	case leadingZero.MatchString(n.Value):
		w.d.report(n, fmt.Sprintf("write %q if it is text, or drop the zeros", clip(n.Value)), "%s: some readers of YAML take a leading zero for octal", clip(n.Value))
	case err != nil && (n.Tag == tagInt || digitsOnly.MatchString(n.Value)): // yaml.v3 makes a float of 99999999999999999999
		w.d.report(n, "quote it if it is text", "%s does not fit into 64 bits with a sign", clip(n.Value))
	case n.Tag == tagFloat && !finite:
		w.d.report(n, "", "%s is not a finite number", clip(n.Value))
	}
}

// parseInt reads what yaml.v3 tags as !!int: decimal, 0x, 0o, 0b and _.
func parseInt(s string) (int64, error) {
	return strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 0, 64)
}
