package datacheck

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/table"
)

const (
	maxExpression = 4 << 10 // bytes
	maxNodes      = 1000
	maxGroups     = 1000
	whereMemory   = 10_000 // elements that evaluating one row may create
)

// Filter chooses the rows of a check (where) and splits them into groups
// (groupBy). Checks with equal filters share one.
type Filter struct {
	Where   string
	GroupBy []string

	condition        // Where, compiled
	quoted    []bool // of GroupBy: the column holds text
}

// condition is a compiled expression over the columns of a row. The zero value
// has no program.
type condition struct {
	program *vm.Program
	fields  []table.Field // columns that it names
	nils    bool          // it names nil, and so says itself what nulls mean
	vector  *vector       // the same, for batches; nil for expressions of rarer forms
}

// builtins are the functions of expressions: those that look at one value.
// Everything that loops over lists, makes them, reads a clock or parses whole
// documents is left out, so that a row costs a bounded, small time.
var builtins = []string{
	"abs", "ceil", "floor", "round", "int", "float", "string", "len", "trim", "trimPrefix", "trimSuffix", "upper", "lower",
	"indexOf", "lastIndexOf", "hasPrefix", "hasSuffix", "max", "min", "date", "duration",
}

// newFilter compiles where: and groupBy: of an entry. Column names that are
// no identifiers are written $env["a name"].
func newFilter(spec manifest.CheckSpec, schema table.Schema) (Filter, error) {
	f := Filter{Where: spec.Where, GroupBy: spec.GroupBy}
	for _, name := range spec.GroupBy {
		i := schema.Index(name)
		f.quoted = append(f.quoted, i >= 0 && isText(schema[i].Type.Kind))
	}
	if spec.Where == "" {
		return f, nil
	}
	var err error
	f.condition, err = compile(spec, "where", spec.Where, schema)
	return f, err
}

// compile reads the expression under some key of an entry and holds it to the
// types of the columns.
func compile(spec manifest.CheckSpec, key, text string, schema table.Schema) (condition, error) {
	var c condition
	v, err := inspect(text)
	if err != nil {
		return c, exprMistake(spec, key, err)
	}
	c.nils = v.nils
	env := types.Map{}
	for _, field := range schema {
		env[field.Name] = exprType(field.Type.Kind)
		if v.names[field.Name] {
			c.fields = append(c.fields, field)
		}
	}
	options := []expr.Option{expr.Env(env), expr.AsBool(), expr.MaxNodes(maxNodes), expr.Timezone("UTC"), expr.DisableAllBuiltins()}
	for _, b := range builtins {
		options = append(options, expr.EnableBuiltin(b))
	}
	if c.program, err = expr.Compile(text, options...); err != nil {
		return c, exprMistake(spec, key, err)
	}
	c.vector = newVector(text, c.fields)
	return c, nil
}

// inspect parses an expression and tells what it takes from the environment.
// It refuses what could loop or make long lists.
func inspect(text string) (v *nameVisitor, err error) {
	defer func() {
		if r := recover(); r != nil { // deep nesting, in the parser
			err = fmt.Errorf("cannot be read: %v", r)
		}
	}()
	if len(text) > maxExpression {
		return nil, fmt.Errorf("is longer than %d bytes", maxExpression)
	}
	tree, err := parser.Parse(text)
	if err != nil {
		return nil, err
	}
	v = &nameVisitor{names: map[string]bool{}}
	ast.Walk(&tree.Node, v)
	return v, v.err
}

type nameVisitor struct {
	names map[string]bool
	nils  bool
	err   error
}

// Visit implements ast.Visitor.
func (v *nameVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.NilNode:
		v.nils = true
	case *ast.IdentifierNode:
		v.names[n.Value] = true
	case *ast.MemberNode:
		if id, ok := n.Node.(*ast.IdentifierNode); ok && id.Value == "$env" {
			if name, ok := n.Property.(*ast.StringNode); ok {
				v.names[name.Value] = true
			} else {
				v.err = errors.New("$env takes the name of a column in quotes")
			}
		}
	case *ast.BinaryNode:
		if n.Operator == ".." {
			v.err = errors.New(`ranges ("..") are not available; compare with <= and >=`)
		}
	case *ast.PredicateNode:
		v.err = errors.New("functions that take a condition in braces are not available")
	}
}

// exprMistake names the place within the expression under some key.
func exprMistake(spec manifest.CheckSpec, key string, err error) error {
	place, reason := "", err.Error()
	if at := new(file.Error); errors.As(err, &at) {
		place, reason = fmt.Sprintf(", character %d", at.Column+1), at.Message
	}
	hint := ""
	if strings.Contains(reason, "mismatched types") {
		hint = "columns of CSV and JSON lines are text unless columns: declares their type"
	}
	if strings.Contains(reason, "unexpected token") {
		hint = `a column called like a word of expressions, or with spaces, is written $env["its name"]`
	}
	return mistake(spec, fmt.Sprintf("%s: %s%s: %s", spec.Check, key, place, reason), hint)
}

// exprType is what a column is in expressions.
func exprType(k table.Kind) types.Type {
	switch k {
	case table.Bool:
		return types.Bool
	case table.Int, table.Uint:
		return types.Int
	case table.Float, table.Decimal:
		return types.Float64
	case table.Date, table.Timestamp:
		return types.TypeOf(time.Time{})
	}
	return types.String
}

// value returns row i of c as exprType says; nil for null and for text that is
// not of the declared type.
func value(c *table.Column, i int, kind table.Kind) any {
	if c == nil || c.Null(i) {
		return nil
	}
	switch kind {
	case table.Bool:
		return boolOf(c, i)
	case table.Int, table.Uint:
		return intOf(c, i)
	case table.Float, table.Decimal:
		if v, ok := c.Float(i); ok {
			return v
		}
		return nil
	case table.Date, table.Timestamp:
		if t, ok := c.When(i); ok {
			return t
		}
		return nil
	}
	return c.Text(i)
}

func boolOf(c *table.Column, i int) any {
	c, i = c.At(i)
	if c.Type.Kind == table.Bool {
		return c.Bools[i]
	}
	if v, ok := table.ParseBool(c.Bytes(i)); ok {
		return v
	}
	return nil
}

func intOf(c *table.Column, i int) any {
	c, i = c.At(i)
	switch {
	case c.Type.Kind == table.Uint && c.Ints[i] < 0:
		return wideInt(c.Ints[i])
	case c.Type.Kind == table.Int || c.Type.Kind == table.Uint:
		return int(c.Ints[i])
	}
	if v, ok := table.ParseInt(c.Bytes(i)); ok {
		return int(v)
	}
	return nil
}

// wideInt is a number that has no place among the integers of expressions, which
// have 64 bits and a sign. Operators fail on it, but for comparisons with nil.
type wideInt uint64

var errWideInt = errors.New("a number is greater than 9223372036854775807")

// columns returns what the filter reads.
func (f *Filter) columns() []string {
	names := slices.Clone(f.GroupBy)
	for _, field := range f.fields {
		names = append(names, field.Name)
	}
	return names
}

// key is equal for equal filters.
func (f *Filter) key() string { return f.Where + "\x00" + strings.Join(f.GroupBy, "\x00") }

// evaluator runs a filter over batches. It is not safe for concurrent use.
type evaluator struct {
	filter *Filter
	vm     vm.VM
	env    map[string]any
	failed profile.Examples // rows whose evaluation failed, with the reason
	errors int64
	group  []byte
	vector *vectorRun // of the filter's vector; nil without
}

func newEvaluator(f *Filter) *evaluator {
	e := &evaluator{filter: f, vm: vm.VM{MemoryBudget: whereMemory}, env: map[string]any{}}
	if f.vector != nil {
		e.vector = &vectorRun{vector: f.vector}
	}
	return e
}

// rows returns the rows for which where: holds. A comparison with a null is
// not true, as in SQL, except that == nil asks for it.
func (e *evaluator) rows(b *table.Batch) []int32 {
	rows := make([]int32, 0, b.Rows)
	if e.filter.program == nil {
		for i := range b.Rows {
			rows = append(rows, int32(i))
		}
		return rows
	}
	columns := e.columns(b)
	known, other := e.vectorized(columns, b.Rows)
	for i := range b.Rows {
		if other == nil || !other[i] {
			if known[i] {
				rows = append(rows, int32(i))
			}
			continue
		}
		ok, nulls, err := e.holds(columns, i)
		if err != nil && !nulls {
			e.fail(profile.Place{File: b.File, Row: b.Row(i)}, err)
		}
		if ok {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// columns returns those of the condition's fields, nil for one that b lacks.
func (e *evaluator) columns(b *table.Batch) []*table.Column {
	columns := make([]*table.Column, len(e.filter.fields))
	for j, f := range e.filter.fields {
		columns[j] = b.Column(f.Name)
	}
	return columns
}

// vectorized tells of each row whether the condition is true, except of those
// that other names: holds must be asked. No other row has nulls or errors.
func (e *evaluator) vectorized(columns []*table.Column, rows int) (known, other []bool) {
	if e.vector == nil {
		return nil, slices.Repeat([]bool{true}, rows)
	}
	return e.vector.run(columns, rows)
}

// holds evaluates the condition for one row, and tells whether a column that
// it names is null there. columns are those of the fields.
func (e *evaluator) holds(columns []*table.Column, i int) (ok, nulls bool, err error) {
	wide := false
	for j, f := range e.filter.fields {
		v := value(columns[j], i, f.Type.Kind)
		nulls = nulls || v == nil
		if _, is := v.(wideInt); is {
			wide = true
		}
		e.env[f.Name] = v
	}
	out, err := e.vm.Run(e.filter.program, e.env)
	if err != nil && wide {
		err = errWideInt
	}
	ok, _ = out.(bool)
	return ok && err == nil, nulls, err
}

func (e *evaluator) fail(p profile.Place, err error) {
	e.errors++
	reason := err.Error()
	if at := new(file.Error); errors.As(err, &at) {
		reason = at.Message
	}
	e.failed.Merge(profile.Examples{{Place: p, Value: reason}})
}

// groups splits rows by the values of groupBy. Its keys are made for people
// as well: label=1, lang="en".
func (e *evaluator) groups(b *table.Batch, rows []int32) map[string][]int32 {
	columns := make([]*table.Column, len(e.filter.GroupBy))
	for j, name := range e.filter.GroupBy {
		columns[j] = b.Column(name)
	}
	number := map[string]int{}
	var members [][]int32
	for _, i := range rows {
		e.group = e.group[:0]
		for j, name := range e.filter.GroupBy {
			if j > 0 {
				e.group = append(e.group, ", "...)
			}
			e.group = append(append(e.group, name...), '=')
			if c := columns[j]; c == nil || c.Null(int(i)) {
				e.group = append(e.group, "null"...)
			} else if e.filter.quoted[j] {
				e.group = append(e.group, '"')
				from := len(e.group)
				e.group = c.AppendText(e.group, int(i))
				if text := e.group[from:]; bytes.IndexByte(text, '"') >= 0 {
					// Doubled, so that no two groups have one name.
					e.group = append(e.group[:from], bytes.ReplaceAll(text, []byte(`"`), []byte(`""`))...)
				}
				e.group = append(e.group, '"')
			} else {
				e.group = c.AppendText(e.group, int(i))
			}
		}
		n, ok := number[string(e.group)]
		if !ok {
			if n = len(members); n > maxGroups {
				break // one more than can be kept is enough to say so
			}
			number[string(e.group)] = n
			members = append(members, nil)
		}
		members[n] = append(members[n], i)
	}
	out := make(map[string][]int32, len(members))
	for name, n := range number {
		out[name] = members[n]
	}
	return out
}

// isText tells whether values of a kind are shown in quotes, which keeps the
// text null and the null apart.
func isText(k table.Kind) bool {
	return k == table.Untyped || k == table.String || k == table.Bytes
}

// sortedKeys returns the names of groups in the order in which they are shown.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
