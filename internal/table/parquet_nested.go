package table

import (
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// node is one node of a column's schema. Nested values are put together from
// the repetition and definition levels of their leaves, as "Dremel:
// Interactive Analysis of Web-Scale Datasets" (Melnik et al., 2010) describes.
type node struct {
	name     string
	leaf     *leaf // nil for groups
	children []*node
	repeated bool
	optional bool
	shape    shape
	maxDef   byte
	maxRep   byte
	first    *leaf // whose levels decide whether this node is there
}

type shape uint8

const (
	asStruct shape = iota
	asList         // the one child, a repeated node, is the list
	asMap          // the one child repeats and has a key and a value
)

func newNode(c *parquet.Column, elements []*format.SchemaElement) (*node, error) {
	n := &node{name: c.Name(), repeated: c.Repeated(), optional: c.Optional(), maxDef: byte(c.MaxDefinitionLevel()), maxRep: byte(c.MaxRepetitionLevel())}
	if c.Leaf() {
		var element *format.SchemaElement
		if i := c.Index(); i >= 0 && i < len(elements) {
			element = elements[i]
		}
		typ, convert, err := leafType(c, element)
		if err != nil {
			return nil, err
		}
		n.leaf = &leaf{path: strings.Join(c.Path(), "."), index: c.Index(), typ: typ, convert: convert, physical: c.Type().Kind(), maxDef: n.maxDef, maxRep: n.maxRep}
		n.first = n.leaf
		n.leaf.plain.Type = typ
		return n, nil
	}
	for _, child := range c.Columns() {
		m, err := newNode(child, elements)
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, m)
		if n.first == nil {
			n.first = m.first
		}
	}
	if n.first == nil {
		return nil, fmt.Errorf("the group %q has no columns", clip(n.name))
	}
	n.shape = shapeOf(c, n)
	return n, nil
}

func shapeOf(c *parquet.Column, n *node) shape {
	l := c.Type().LogicalType()
	if l == nil || len(n.children) != 1 || !n.children[0].repeated {
		return asStruct
	}
	switch l.Value.(type) {
	case *format.ListType:
		// LogicalTypes.md, "Backward-compatibility rules": the repeated group
		// is a wrapper to look through unless it has several fields or one of
		// these names.
		wrap := n.children[0]
		if len(wrap.children) == 1 && wrap.name != "array" && wrap.name != n.name+"_tuple" {
			wrap.shape = asList
		}
		return asList
	case *format.MapType:
		if kv := n.children[0]; len(kv.children) == 2 && kv.children[0].leaf != nil && !kv.children[0].repeated {
			return asMap
		}
	}
	return asStruct
}

func (n *node) columnType() Type {
	switch {
	case n.repeated || n.shape == asList:
		return Type{Kind: List}
	case n.leaf != nil:
		return n.leaf.typ
	}
	return Type{Kind: Struct}
}

func (n *node) eachLeaf(do func(*leaf)) {
	if n.leaf != nil {
		do(n.leaf)
	}
	for _, c := range n.children {
		c.eachLeaf(do)
	}
}

// appendRow appends the next row to a column of JSON text.
func (n *node) appendRow(c *Column) error {
	rep, def, err := n.first.peek()
	if err != nil {
		return err
	}
	if rep != 0 {
		return fmt.Errorf("a row begins with repetition level %d", rep)
	}
	if n.optional && def < n.maxDef {
		if err := n.skip(); err != nil {
			return err
		}
		c.appendNull()
		return nil
	}
	from := len(c.Data)
	if c.Data, err = n.append(c.Data); err != nil {
		return err
	}
	if len(c.Data) > maxColumnBytes {
		return fmt.Errorf("its values are longer than %d MiB", maxColumnBytes>>20)
	}
	if len(c.Data)-from > MaxRecord {
		return fmt.Errorf("a value is longer than %d MiB", MaxRecord>>20)
	}
	c.endText()
	return n.checkRowEnd()
}

// checkRowEnd makes sure that all leaves agree where the row ends.
func (n *node) checkRowEnd() error {
	var failed error
	n.eachLeaf(func(l *leaf) {
		rep, _, err := l.peek()
		if err != nil && err != io.EOF {
			failed = err
		}
		if err == nil && rep != 0 {
			failed = fmt.Errorf("the column %q goes on where its row ends", clip(l.path))
		}
	})
	return failed
}

// append appends the node's value as JSON.
func (n *node) append(dst []byte) ([]byte, error) {
	_, def, err := n.first.peek()
	if err != nil {
		return nil, unexpected(err)
	}
	if n.repeated {
		return n.appendList(dst, def, '[', ']', (*node).appendValue)
	}
	if n.optional && def < n.maxDef {
		return append(dst, "null"...), n.skip()
	}
	return n.appendValue(dst)
}

// appendList appends the elements of a repeated node.
func (n *node) appendList(dst []byte, def byte, open, end byte, element func(*node, []byte) ([]byte, error)) ([]byte, error) {
	dst = append(dst, open)
	if def < n.maxDef {
		return append(dst, end), n.skip()
	}
	for {
		var err error
		if dst, err = element(n, dst); err != nil {
			return nil, err
		}
		if len(dst) > maxColumnBytes {
			return nil, fmt.Errorf("its values are longer than %d MiB", maxColumnBytes>>20)
		}
		rep, _, err := n.first.peek()
		if err == io.EOF || err == nil && rep < n.maxRep {
			return append(dst, end), nil
		}
		if err != nil {
			return nil, err
		}
		dst = append(dst, ',')
	}
}

// appendValue appends the value of a node that is there.
func (n *node) appendValue(dst []byte) ([]byte, error) {
	if n.leaf != nil {
		e, err := n.leaf.next()
		if err != nil {
			return nil, err
		}
		if e.value == nil {
			return append(dst, "null"...), nil
		}
		return appendJSON(dst, e.value, e.at, n.leaf.typ), nil
	}
	switch n.shape {
	case asList:
		return n.children[0].append(dst)
	case asMap:
		kv := n.children[0]
		_, def, err := kv.first.peek()
		if err != nil {
			return nil, unexpected(err)
		}
		return kv.appendList(dst, def, '{', '}', (*node).appendPair)
	}
	dst = append(dst, '{')
	for i, c := range n.children {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, c.name), ':')
		var err error
		if dst, err = c.append(dst); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// appendPair appends one entry of a map, its key as a string.
func (n *node) appendPair(dst []byte) ([]byte, error) {
	e, err := n.children[0].leaf.next()
	if err != nil {
		return nil, err
	}
	key := "null"
	if e.value != nil {
		key = e.value.Text(e.at)
	}
	return n.children[1].append(append(appendQuoted(dst, key), ':'))
}

// skip consumes the entry that every leaf has for a value that is missing.
func (n *node) skip() error {
	var failed error
	n.eachLeaf(func(l *leaf) {
		if e, err := l.next(); err != nil {
			failed = err
		} else if e.value != nil {
			failed = fmt.Errorf("the column %q has a value inside one that is missing", clip(l.path))
		}
	})
	return failed
}

// appendJSON appends one value: numbers and booleans bare, the rest quoted,
// as are NaN and infinities, which JSON does not have.
func appendJSON(dst []byte, c *Column, i int, t Type) []byte {
	switch t.Kind {
	case Bool, Int, Uint, Decimal:
		return c.AppendText(dst, i)
	case Float:
		if f := c.Floats[i]; !math.IsNaN(f) && !math.IsInf(f, 0) {
			return c.AppendText(dst, i)
		}
	}
	return appendQuoted(dst, c.Text(i))
}

func appendQuoted(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
