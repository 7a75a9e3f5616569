package odcs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// version matches the versions whose grammar is known.
var version = regexp.MustCompile(`^v3\.[0-2]\.[0-9]{1,4}$`)

// Parse reads a contract. file is what positions say; it is not opened. Errors
// are manifest.Errors.
func Parse(file string, data []byte) (*Contract, error) {
	d := &document{file: file}
	root := d.read(data)
	if len(d.errs) > 0 {
		return nil, d.errs
	}
	c := &Contract{APIVersion: d.text(root, "apiVersion"), Name: d.text(root, "name")}
	if kind := d.text(root, "kind"); kind != "DataContract" {
		d.fail(d.at(root, "kind"), "a data contract begins with kind: DataContract", "kind is %q, expected DataContract", clip(kind))
	}
	if !version.MatchString(c.APIVersion) {
		d.fail(d.at(root, "apiVersion"), "write apiVersion: v3.1.0", "apiVersion is %q; versions v3.0 to v3.2 of the Open Data Contract Standard can be read", clip(c.APIVersion))
	}
	for _, n := range d.list(root, "schema") {
		c.Objects = append(c.Objects, d.object(n))
	}
	if len(d.errs) == 0 && len(c.Objects) == 0 {
		d.fail(root, "list the tables under schema:", "the contract has no schema")
	}
	if len(d.errs) > 0 {
		return nil, d.errs
	}
	return c, nil
}

func (d *document) object(n *node) Object {
	o := Object{Name: d.name(n), PhysicalName: d.text(n, "physicalName"), Pos: d.pos(n)}
	for _, p := range d.list(n, "properties") {
		o.Properties = append(o.Properties, d.property(p))
	}
	names := make([]string, len(o.Properties))
	seen := make(map[string]bool, len(names))
	for i, p := range o.Properties {
		if names[i] = p.Name; seen[p.Name] {
			d.failAt(p.Pos, "remove one of them", "there are two properties %q", clip(p.Name))
		}
		seen[p.Name] = true
	}
	for _, q := range d.list(n, "quality") {
		rule := d.quality(q, true)
		for _, p := range rule.Properties {
			if !seen[p] && len(d.errs) < maxErrors { // past which nobody reads hints
				hint := ""
				if near := ref.Nearest(p, names); near != "" {
					hint = fmt.Sprintf("did you mean %q?", near)
				}
				d.fail(q, hint, "%s is not a property of %s", clip(p), clip(o.Name))
			}
		}
		o.Quality = append(o.Quality, rule)
	}
	return o
}

// name returns the name that every object and property has.
func (d *document) name(n *node) string {
	name := d.text(n, "name")
	if name == "" {
		d.fail(n, "every object and property has a name:", "missing key %q", "name")
	}
	for _, shown := range []string{name, d.text(n, "physicalName")} {
		if strings.ContainsFunc(shown, unicode.IsControl) {
			d.fail(n, "", "the name %q has a control character", clip(shown))
		}
	}
	return name
}

func (d *document) property(n *node) Property {
	p := Property{
		Name: d.name(n), PhysicalName: d.text(n, "physicalName"), LogicalType: d.text(n, "logicalType"),
		Required: d.truth(n, "required"), Unique: d.truth(n, "unique"), PrimaryKey: d.truth(n, "primaryKey"), Pos: d.pos(n),
		Measure: d.text(n, "semanticType") == "measure",
		Nested:  d.get(n, "properties") != nil || d.get(n, "items") != nil || d.get(n, "map") != nil,
	}
	if v := d.get(n, "primaryKeyPosition"); v != nil {
		position, ok := scalar(v).(int64)
		if !ok {
			d.fail(v, "", "primaryKeyPosition: expected a whole number, got %s", show(v))
		}
		p.KeyPosition = int(min(max(position, -1), manyValues))
	}
	if p.LogicalType != "" && !slices.Contains(LogicalTypes, p.LogicalType) {
		d.fail(d.at(n, "logicalType"), "the logical types are "+strings.Join(LogicalTypes, ", "), "there is no logical type %q", clip(p.LogicalType))
	}
	for _, e := range d.list(n, "enum") {
		v := scalar(d.get(e, "value"))
		if v == nil {
			d.fail(e, "write - value: …", "enum: an entry without a value")
		}
		p.Enum = append(p.Enum, v)
	}
	p.Options = d.options(d.get(n, "logicalTypeOptions"))
	for _, q := range d.list(n, "quality") {
		p.Quality = append(p.Quality, d.quality(q, false))
	}
	return p
}

// options reads logicalTypeOptions. In version 3.0 exclusiveMinimum and
// exclusiveMaximum are true or false and belong to minimum and maximum; since
// 3.1 they are limits themselves.
func (d *document) options(n *node) []Option {
	if n == nil {
		return nil
	}
	if !n.mapping() {
		d.fail(n, "", "logicalTypeOptions: expected keys with values, got %s", show(n))
		return nil
	}
	var out []Option
	excluded := map[string]bool{}
	for key, v := range n.entries() {
		o := Option{Key: key, Value: scalar(v), Pos: d.pos(v)}
		if flag, ok := o.Value.(bool); ok && strings.HasPrefix(key, "exclusive") {
			excluded[strings.ToLower(strings.TrimPrefix(key, "exclusive"))] = flag
			continue
		}
		switch key {
		case "minLength", "maxLength":
			if length, ok := o.Value.(int64); !ok || length < 0 {
				d.fail(v, "", "%s: expected a number of characters, got %s", key, show(v))
			}
		case "pattern", "format":
			if _, ok := o.Value.(string); !ok {
				d.fail(v, "", "%s: expected text, got %s", key, show(v))
			}
		case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
			switch o.Value.(type) {
			case string, int64, float64:
			default:
				d.fail(v, "", "%s: expected a number or a date, got %s", key, show(v))
			}
		}
		out = append(out, o)
	}
	for i, o := range out {
		out[i].Exclusive = excluded[o.Key] || strings.HasPrefix(o.Key, "exclusive")
	}
	return out
}

// quality reads a rule, of an object or else of a property.
func (d *document) quality(n *node, ofObject bool) Quality {
	q := Quality{
		Type: d.text(n, "type"), Name: d.text(n, "name"), Description: d.text(n, "description"), Dimension: d.text(n, "dimension"),
		Severity: d.text(n, "severity"), Engine: d.text(n, "engine"), Metric: d.text(n, "metric"), Unit: d.text(n, "unit"), Pos: d.pos(n),
	}
	if q.Type == "" {
		q.Type = Library
	}
	if q.Metric == "" {
		q.Metric = d.text(n, "rule") // its name in version 3.0
	}
	switch q.Type {
	case Library:
	case SQL, Custom, Text:
		return q
	default:
		d.fail(d.at(n, "type"), "the types are library, sql, custom and text", "there is no type of rule %q", clip(q.Type))
		return q
	}
	d.metric(n, q.Metric, ofObject)
	q.Must = d.conditions(n)
	if len(q.Must) == 0 {
		d.fail(n, "write what must be, for example mustBe: 0", "%s: the rule has no operator", clip(q.Metric))
	}
	switch {
	case q.Unit == "":
		q.Unit = "rows"
	case q.Unit == "percent" && q.Metric == RowCount:
		d.fail(d.at(n, "unit"), "leave unit out", "rowCount is a number of rows, not percent of them")
	case q.Unit != "rows" && q.Unit != "percent":
		d.fail(d.at(n, "unit"), "the units are rows and percent", "%s: there is no unit %q", clip(q.Metric), clip(q.Unit))
	}
	d.arguments(n, &q, ofObject)
	return q
}

// metric holds a rule to the table of metrics in docs/data-quality.md.
func (d *document) metric(n *node, metric string, ofObject bool) {
	switch metric {
	case "":
		d.fail(n, "name one with metric:, for example nullValues", "a library rule has no metric")
	case NullValues, MissingValues, InvalidValues:
		if ofObject {
			d.fail(n, "write it under quality: of a property", "%s is about one property", metric)
		}
	case RowCount:
		if !ofObject {
			d.fail(n, "write it under quality: of the object", "rowCount is about a schema object")
		}
	case DuplicateValues:
	default:
		all := []string{NullValues, MissingValues, InvalidValues, DuplicateValues, RowCount}
		hint := "the metrics are " + strings.Join(all, ", ")
		if near := ref.Nearest(metric, all); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		d.fail(d.at(n, "metric"), hint, "there is no metric %q", clip(metric))
	}
}

// conditions reads the operators. The standard's schema allows one; its text
// spells mustBeBetween with two, so that all given must hold.
func (d *document) conditions(n *node) []Condition {
	var out []Condition
	for _, op := range operators {
		v := d.get(n, op)
		if v == nil {
			continue
		}
		given, want := []*node{v}, 1
		if op == Between || op == NotBetween {
			given, want = v.items(), 2
		}
		c := Condition{Operator: op}
		for _, x := range given {
			if f, ok := number(x); ok {
				c.Values = append(c.Values, f)
			}
		}
		switch {
		case len(given) != want || len(c.Values) != want:
			expected := "a number"
			if want == 2 {
				expected = "two numbers, as in [0, 100]"
			}
			d.fail(v, "", "%s: expected %s, got %s", op, expected, show(v))
			continue
		case want == 2 && c.Values[0] > c.Values[1]:
			d.fail(v, "write the smaller number first", "%s: %v is greater than %v", op, c.Values[0], c.Values[1])
		}
		out = append(out, c)
	}
	return out
}

func (d *document) arguments(n *node, q *Quality, ofObject bool) {
	args := d.get(n, "arguments")
	if args != nil && !args.mapping() && scalar(args) != nil {
		d.fail(args, "", "arguments: expected keys with values, got %s", show(args))
		return
	}
	for key, v := range args.entries() {
		switch {
		case key == "missingValues" && q.Metric == MissingValues:
			q.Missing = d.scalars(v, key)
		case key == "validValues" && q.Metric == InvalidValues:
			q.Valid = d.scalars(v, key)
		case key == "pattern" && q.Metric == InvalidValues:
			q.Pattern, _ = scalar(v).(string)
		case key == "properties" && q.Metric == DuplicateValues && ofObject:
			for _, p := range d.scalars(v, key) {
				name, ok := p.(string)
				if !ok {
					d.fail(v, "", "properties: expected names of properties")
					break
				}
				q.Properties = append(q.Properties, name)
			}
		default:
			q.Unknown = append(q.Unknown, key)
		}
	}
	switch {
	case len(q.Unknown) > 0:
	case q.Metric == MissingValues && q.Missing == nil:
		d.fail(n, "write arguments: {missingValues: [null, '']}", "missingValues needs arguments.missingValues")
	case q.Metric == InvalidValues && q.Valid == nil && q.Pattern == "":
		hint := "write arguments: {validValues: […]} or {pattern: …}"
		if d.get(n, "pattern") != nil || d.get(n, "validValues") != nil {
			hint = "indent them below arguments:"
		}
		d.fail(n, hint, "invalidValues needs arguments.validValues or arguments.pattern")
	case q.Metric == DuplicateValues && ofObject && len(q.Properties) == 0:
		d.fail(n, "write arguments: {properties: […]}", "duplicateValues of an object needs arguments.properties")
	}
}

// scalars reads a list of texts, numbers, truth values and nulls.
func (d *document) scalars(n *node, key string) []any {
	if !n.sequence() {
		d.fail(n, "write a list, as in [a, b]", "%s: expected a list, got %s", key, show(n))
		return nil
	}
	out := []any{}
	for _, x := range n.items() {
		v := scalar(x)
		if v == nil && !x.null() {
			d.fail(x, "", "%s: expected a text, a number, true, false or null, got %s", key, show(x))
		}
		out = append(out, v)
	}
	return out
}

// failAt notes what is wrong at a place.
func (d *document) failAt(p manifest.Pos, hint, format string, args ...any) {
	if len(d.errs) < maxErrors {
		d.errs = append(d.errs, &manifest.Error{Pos: p, Message: fmt.Sprintf(format, args...), Hint: hint})
	}
}
