package datacheck

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/waybill-dev/waybill/internal/table"
)

// vector is an expression of the common forms (columns compared with constants
// and with each other; in; and, or, not), evaluated for a whole batch at a
// time, as MonetDB/X100 does (Boncz, Zukowski and Nes, "Hyper-Pipelining Query
// Execution", 2005). It says what the virtual machine would say, which answers
// for all other expressions, and for rows with nulls or with text that is not
// of the declared type.
type vector struct {
	term   *term
	fields []table.Field
}

// term is a node of an expression: "and", "or", "not", "in", a comparison, or
// "column" for one of truth values.
type term struct {
	op          string
	left, right *term
	a, b        operand // of comparisons; b is a constant or, like a, a column
	wholes      []int64 // of in
	texts       []string
}

// operand is a column or a constant.
type operand struct {
	field  int // -1 for a constant
	kind   operandKind
	whole  int64
	number float64
	text   string
}

type operandKind uint8

const (
	wholes operandKind = iota
	numeric
	textual
	logical
)

// newVector returns nil for other forms. text has been compiled for fields.
func newVector(text string, fields []table.Field) *vector {
	tree, err := parser.Parse(text)
	if err != nil {
		return nil
	}
	v := &vector{fields: fields}
	if v.term = v.termOf(tree.Node); v.term == nil {
		return nil
	}
	return v
}

func (v *vector) termOf(node ast.Node) *term {
	switch n := node.(type) {
	case *ast.IdentifierNode:
		if a, ok := v.operandOf(n); ok && a.kind == logical {
			return &term{op: "column", a: a}
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			if t := v.termOf(n.Node); t != nil {
				return &term{op: "not", left: t}
			}
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			t := &term{op: "and", left: v.termOf(n.Left), right: v.termOf(n.Right)}
			if n.Operator == "or" || n.Operator == "||" {
				t.op = "or"
			}
			if t.left != nil && t.right != nil {
				return t
			}
		case "==", "!=", "<", "<=", ">", ">=":
			return v.comparison(n)
		case "in":
			return v.membership(n)
		}
	}
	return nil
}

func (v *vector) operandOf(node ast.Node) (operand, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode:
		return operand{field: -1, kind: wholes, whole: int64(n.Value), number: float64(n.Value)}, true
	case *ast.FloatNode:
		return operand{field: -1, kind: numeric, number: n.Value}, true
	case *ast.StringNode:
		return operand{field: -1, kind: textual, text: n.Value}, true
	case *ast.UnaryNode:
		o, ok := v.operandOf(n.Node)
		o.whole, o.number = -o.whole, -o.number
		return o, ok && n.Operator == "-" && o.field < 0 && o.kind <= numeric
	case *ast.IdentifierNode:
		i := slices.IndexFunc(v.fields, func(f table.Field) bool { return f.Name == n.Value })
		if i < 0 {
			return operand{}, false
		}
		kinds := map[table.Kind]operandKind{
			table.Int: wholes, table.Uint: wholes, table.Float: numeric, table.Decimal: numeric,
			table.Bool: logical, table.String: textual, table.Untyped: textual,
		}
		kind, ok := kinds[v.fields[i].Type.Kind]
		return operand{field: i, kind: kind}, ok
	}
	return operand{}, false
}

// mirrored is what an operator becomes when its sides change places.
var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (v *vector) comparison(n *ast.BinaryNode) *term {
	a, okA := v.operandOf(n.Left)
	b, okB := v.operandOf(n.Right)
	t := &term{op: n.Operator, a: a, b: b}
	if a.field < 0 {
		t.op, t.a, t.b = mirrored[t.op], b, a
	}
	switch {
	case !okA || !okB || t.a.field < 0:
		return nil
	case a.kind <= numeric && b.kind <= numeric:
		return t
	case a.kind == textual && b.kind == textual && t.b.field < 0 && (t.op == "==" || t.op == "!="):
		t.texts = []string{t.b.text}
		return t
	}
	return nil
}

func (v *vector) membership(n *ast.BinaryNode) *term {
	a, ok := v.operandOf(n.Left)
	list, isList := n.Right.(*ast.ArrayNode)
	if !ok || !isList || a.field < 0 || a.kind != wholes && a.kind != textual {
		return nil
	}
	t := &term{op: "in", a: a}
	for _, node := range list.Nodes {
		b, ok := v.operandOf(node)
		if !ok || b.field >= 0 || b.kind != a.kind {
			return nil
		}
		t.wholes, t.texts = append(t.wholes, b.whole), append(t.texts, b.text)
	}
	return t
}

// vectorRun evaluates a vector. It is not safe for concurrent use.
type vectorRun struct {
	*vector
	columns []*table.Column
	rows    int
	other   []bool // rows that the virtual machine must answer for; nil for none
	wholes  [][]int64
	numbers [][]float64
	truths  [][]bool
	spare   [][]bool
	codes   []bool
	last    []bool // what run returned last
}

// run returns whether the expression is true of each row, except those that
// other names. Both are valid until the next call.
func (r *vectorRun) run(columns []*table.Column, rows int) (ok, other []bool) {
	r.columns, r.rows, r.other = columns, rows, nil
	if r.wholes == nil {
		r.wholes, r.numbers, r.truths = make([][]int64, len(columns)), make([][]float64, len(columns)), make([][]bool, len(columns))
	}
	for j, c := range columns {
		if c == nil || !r.load(j, c) {
			r.other = slices.Repeat([]bool{true}, rows)
			return nil, r.other
		}
	}
	if r.last != nil {
		r.spare = append(r.spare, r.last)
	}
	r.last = r.eval(r.term)
	return r.last, r.other
}

func (r *vectorRun) leave(i int) {
	if r.other == nil {
		r.other = make([]bool, r.rows)
	}
	r.other[i] = true
}

// load brings column j into the form that operands of its kind have; false
// when it has none.
func (r *vectorRun) load(j int, c *table.Column) bool {
	if c.NullCount() > 0 {
		for i := range r.rows {
			if c.Null(i) {
				r.leave(i)
			}
		}
	}
	stored := c
	if c.Dict != nil {
		stored = c.Dict
	}
	switch r.fields[j].Type.Kind {
	case table.Int, table.Uint:
		if k := stored.Type.Kind; k == table.Int || k == table.Uint {
			r.wholes[j] = decoded(r.wholes[j], c, stored.Ints, r.rows)
			if k == table.Uint {
				for i, v := range r.wholes[j] {
					if v < 0 { // a wideInt
						r.leave(i)
					}
				}
			}
			return true
		}
		r.wholes[j] = slices.Grow(r.wholes[j][:0], r.rows)[:r.rows]
		for i := range r.rows {
			v, ok := intOf(c, i).(int)
			r.wholes[j][i] = int64(v)
			if !ok {
				r.leave(i)
			}
		}
	case table.Float, table.Decimal:
		if stored.Type.Kind == table.Float && stored.Cells == nil {
			r.numbers[j] = decoded(r.numbers[j], c, stored.Floats, r.rows)
			return true
		}
		r.numbers[j] = slices.Grow(r.numbers[j][:0], r.rows)[:r.rows]
		for i := range r.rows {
			v, ok := c.Float(i)
			r.numbers[j][i] = v
			if !ok {
				r.leave(i)
			}
		}
	case table.Bool:
		if stored.Type.Kind == table.Bool {
			r.truths[j] = decoded(r.truths[j], c, stored.Bools, r.rows)
			return true
		}
		r.truths[j] = slices.Grow(r.truths[j][:0], r.rows)[:r.rows]
		for i := range r.rows {
			v, ok := boolOf(c, i).(bool)
			r.truths[j][i] = v
			if !ok {
				r.leave(i)
			}
		}
	default:
		return stored.Offsets != nil && (stored.Type.Kind == table.String || stored.Type.Kind == table.Untyped)
	}
	return true
}

// decoded returns the values of a column by row, in memory of its own: that of
// the batch is not ours to keep.
func decoded[T any](into []T, c *table.Column, from []T, rows int) []T {
	into = slices.Grow(into[:0], rows)[:rows]
	if c.Dict == nil {
		copy(into, from)
		return into
	}
	for i, code := range c.Codes[:rows] {
		if int(code) < len(from) {
			into[i] = from[code] // the code of a null may be anything
		}
	}
	return into
}

func (r *vectorRun) take() []bool {
	if n := len(r.spare); n > 0 {
		s := r.spare[n-1]
		r.spare = r.spare[:n-1]
		return slices.Grow(s[:0], r.rows)[:r.rows]
	}
	return make([]bool, r.rows)
}

func (r *vectorRun) eval(t *term) []bool {
	switch t.op {
	case "and", "or":
		a, b := r.eval(t.left), r.eval(t.right)
		if t.op == "and" {
			for i := range a {
				a[i] = a[i] && b[i]
			}
		} else {
			for i := range a {
				a[i] = a[i] || b[i]
			}
		}
		r.spare = append(r.spare, b)
		return a
	case "not":
		a := r.eval(t.left)
		for i := range a {
			a[i] = !a[i]
		}
		return a
	}
	out := r.take()
	switch {
	case t.op == "column":
		copy(out, r.truths[t.a.field])
	case t.a.kind == textual:
		r.among(t, out)
	case t.op == "in":
		for i, v := range r.wholes[t.a.field] {
			out[i] = slices.Contains(t.wholes, v)
		}
	case t.a.kind == wholes && t.b.kind == wholes && t.b.field < 0:
		compareTo(t.op, r.wholes[t.a.field], t.b.whole, out)
	case t.a.kind == wholes && t.b.kind == wholes:
		compareAll(t.op, r.wholes[t.a.field], r.wholes[t.b.field], out)
	case t.b.field < 0:
		compareTo(t.op, r.floats(t.a), t.b.number, out)
	default:
		compareAll(t.op, r.floats(t.a), r.floats(t.b), out)
	}
	return out
}

// floats returns a column of numbers as the virtual machine compares it with
// floats.
func (r *vectorRun) floats(o operand) []float64 {
	if o.kind == numeric {
		return r.numbers[o.field]
	}
	out := slices.Grow(r.numbers[o.field][:0], r.rows)[:r.rows]
	for i, v := range r.wholes[o.field] {
		out[i] = float64(v)
	}
	r.numbers[o.field] = out
	return out
}

// among tells which texts are one of some constants, or for != are not.
func (r *vectorRun) among(t *term, out []bool) {
	c := r.columns[t.a.field]
	is := func(text []byte) bool {
		return slices.ContainsFunc(t.texts, func(s string) bool { return s == string(text) }) != (t.op == "!=")
	}
	if c.Dict == nil {
		for i := range out {
			out[i] = is(c.Data[c.Offsets[i]:c.Offsets[i+1]])
		}
		return
	}
	n := values(c.Dict)
	if n > len(out) {
		for i, code := range c.Codes[:len(out)] {
			out[i] = int(code) < n && is(c.Dict.Bytes(int(code)))
		}
		return
	}
	r.codes = slices.Grow(r.codes[:0], n)[:n]
	for code := range n {
		r.codes[code] = is(c.Dict.Bytes(code))
	}
	for i, code := range c.Codes[:len(out)] {
		out[i] = int(code) < n && r.codes[code]
	}
}

func compareTo[T int64 | float64](op string, a []T, b T, out []bool) {
	switch a = a[:len(out)]; op {
	case "==":
		for i, v := range a {
			out[i] = v == b
		}
	case "!=":
		for i, v := range a {
			out[i] = v != b
		}
	case "<":
		for i, v := range a {
			out[i] = v < b
		}
	case "<=":
		for i, v := range a {
			out[i] = v <= b
		}
	case ">":
		for i, v := range a {
			out[i] = v > b
		}
	case ">=":
		for i, v := range a {
			out[i] = v >= b
		}
	}
}

func compareAll[T int64 | float64](op string, a, b []T, out []bool) {
	switch a, b = a[:len(out)], b[:len(out)]; op {
	case "==":
		for i, v := range a {
			out[i] = v == b[i]
		}
	case "!=":
		for i, v := range a {
			out[i] = v != b[i]
		}
	case "<":
		for i, v := range a {
			out[i] = v < b[i]
		}
	case "<=":
		for i, v := range a {
			out[i] = v <= b[i]
		}
	case ">":
		for i, v := range a {
			out[i] = v > b[i]
		}
	case ">=":
		for i, v := range a {
			out[i] = v >= b[i]
		}
	}
}
