package datacheck

import (
	"fmt"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/odcs"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// logicalType is a type of the Open Data Contract Standard (docs/schema.md,
// "Applicable to Elements") with what of its format: is a type.
type logicalType struct {
	name  string
	want  table.Type
	loose bool // version 3.0: a date may be any time
	wide  bool // an integer of any size
}

var logicalTypes = map[string]table.Type{
	"string": {Kind: table.String}, "date": {Kind: table.Date}, "timestamp": {Kind: table.Timestamp, Unit: table.Nano, UTC: true}, "time": {Kind: table.Time, Unit: table.Nano},
	"number": {Kind: table.Decimal}, "integer": {Kind: table.Int, Bits: 64}, "boolean": {Kind: table.Bool},
	"object": {Kind: table.Struct}, "map": {Kind: table.Struct}, "array": {Kind: table.List},
}

// integerFormats are the values of format: of integers that columns have as
// types. 128 bits are more than any.
var integerFormats = map[string]string{"i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64", "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64", "i128": "", "u128": ""}

// fits compares the type of a file's column with the logical type.
func (l logicalType) fits(have table.Type) table.Fit {
	switch {
	case have.Kind == table.Untyped:
		return table.ByValue
	case l.name == "number" && have.Kind.Numeric():
		return table.Always
	case l.wide && (have.Kind == table.Int || have.Kind == table.Uint || have.Kind == table.Decimal && have.Scale == 0):
		return table.Always
	case l.name == "date" && l.loose && (have.Kind == table.Timestamp || have.Kind == table.Time):
		return table.Always
	}
	return table.Fits(have, l.want)
}

// fails tells whether a value is not of the type.
func (l logicalType) fails(c *table.Column, i int) bool {
	switch l.fits(c.Type) {
	case table.Always:
		return false
	case table.Never:
		return true
	}
	switch {
	case c.Conforms(i, l.want) && l.name != "time":
		return false
	case l.wide:
		return !c.Conforms(i, table.Type{Kind: table.Uint, Bits: 64})
	case l.name == "date" && l.loose:
		return !c.Conforms(i, logicalTypes["timestamp"])
	case l.name == "time":
		text := string(c.Bytes(i))
		_, err := time.Parse(time.TimeOnly, text) // with fractions of a second, if any
		return err != nil || text[2] != ':'
	}
	return true
}

// each spares looking at the values of columns whose type says it all; see
// valueCount.
func (l logicalType) each(c *table.Column, _ int, _ func(int)) bool {
	return l.fits(c.Type) == table.Always
}

// logicalType holds the column to its logical type.
func (t *terms) logicalType(p *odcs.Property, column string) {
	want, ok := logicalTypes[p.LogicalType]
	if !ok {
		return
	}
	l := logicalType{name: p.LogicalType, want: want, loose: t.loose, wide: p.LogicalType == "integer"}
	for _, o := range p.Options {
		format, _ := o.Value.(string)
		if typ := integerFormats[format]; o.Key == "format" && l.wide && typ != "" {
			l.want, _ = table.ParseType(typ)
			l.wide = false
		}
		if o.Key == "format" && temporal(p) && t.isText(column) {
			return // the format says more
		}
	}
	shown := "logical type " + p.LogicalType
	always := true
	for _, schema := range t.types {
		have := schema[schema.Index(column)].Type
		fit := l.fits(have)
		always = always && fit == table.Always
		if fit == table.Never {
			t.settle("logicalType", p.Pos, report.Error, report.Finding{
				Verdict: report.Fail, Subject: column, Expected: shown, Observed: have.String(),
				Message: fmt.Sprintf("%s: the contract says %s, the data has %s", escape(column), shown, have),
			})
			return
		}
	}
	if always {
		have := t.types[0][t.types[0].Index(column)].Type.String()
		t.settle("logicalType", p.Pos, report.Error, report.Finding{
			Verdict: report.Pass, Subject: column, Expected: shown, Observed: have, Message: fmt.Sprintf("%s: %s is of %s", escape(column), have, shown),
		})
		return
	}
	t.values("logicalType", p.Pos, column, valueTerm{
		fails: l.fails, each: l.each, problem: [2]string{"is not of " + shown, "are not of " + shown}, holds: "all values are of " + shown, expected: shown,
	})
}

// temporal tells whether values of a property are dates or times.
func temporal(p *odcs.Property) bool {
	return p.LogicalType == "date" || p.LogicalType == "timestamp" || p.LogicalType == "time"
}

// isText tells whether a column is stored as text in all splits.
func (t *terms) isText(column string) bool {
	for _, schema := range t.types {
		if k := schema[schema.Index(column)].Type.Kind; k != table.Untyped && k != table.String {
			return false
		}
	}
	return true
}

// valueTerm is a term of a contract about each value of a column.
type valueTerm struct {
	fails    func(c *table.Column, i int) bool
	each     func(c *table.Column, n int, bad func(i int)) bool
	problem  [2]string
	holds    string
	expected string
}

// values adds a check of each value.
func (t *terms) values(rule string, pos manifest.Pos, column string, v valueTerm) {
	b := t.bound(rule, pos, report.Error, column)
	b.plan = t.plan
	b.plan.Needs = profile.Needs{}
	b.plan.Needs.Add(column, 0)
	b.plan.Rows = func() RowCheck { return &valueCount{column: column, fails: v.fails, each: v.each} }
	b.plan.Judge = func(f Facts) []report.Finding {
		found := f.Check.(*valueCount)
		return []report.Finding{tally{
			column: column, checked: found.checked, failed: found.failed, examples: found.examples, noun: "value",
			problem: isAre(found.failed, v.problem[0], v.problem[1]), holds: v.holds, expected: v.expected,
		}.finding(b.spec, f)}
	}
	t.out = append(t.out, b)
}

// option adds the check of a key of logicalTypeOptions.
func (t *terms) option(p *odcs.Property, o odcs.Option, column string) {
	low := o.Key == "minimum" || o.Key == "exclusiveMinimum"
	switch o.Key {
	case "minLength":
		t.check(o.Key, o.Pos, textLength, map[string]any{"min": o.Value}, column)
	case "maxLength":
		t.check(o.Key, o.Pos, textLength, map[string]any{"max": o.Value}, column)
	case "pattern":
		t.check(o.Key, o.Pos, textPattern, map[string]any{"pattern": o.Value}, column)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		switch text, isText := o.Value.(string); {
		case isText:
			t.timeLimit(p, o, text, low, column)
		case low:
			t.check(o.Key, o.Pos, columnRange, map[string]any{"min": o.Value, "exclusiveMin": o.Exclusive}, column)
		default:
			t.check(o.Key, o.Pos, columnRange, map[string]any{"max": o.Value, "exclusiveMax": o.Exclusive}, column)
		}
	case "format":
		t.format(p, o, column)
	default:
		t.notRun(o.Key, column, o.Pos, fmt.Sprintf("the option %s is not one that waybill checks", shownText(o.Key)), "")
	}
}

// timeLimit adds the check that dates and timestamps are not before or after
// another.
func (t *terms) timeLimit(p *odcs.Property, o odcs.Option, text string, low bool, column string) {
	limit, ok := table.ParseTime([]byte(text))
	if !ok || p.LogicalType == "time" {
		t.notRun(o.Key, column, o.Pos, fmt.Sprintf("%s %s is neither a number, nor a date or time as ISO 8601 writes them", o.Key, shownText(text)), "")
		return
	}
	if k := t.have[t.at[column]].Type.Kind; k != table.Date && k != table.Timestamp && !isText(k) {
		t.settle(o.Key, o.Pos, report.Error, report.Finding{
			Verdict: report.Fail, Subject: column, Expected: "dates", Observed: k.String(),
			Message: fmt.Sprintf("%s: the column is of type %s, the contract's %s is about dates", escape(column), k, o.Key),
		})
		return
	}
	wanted := map[[2]bool]string{{true, false}: "at or after ", {true, true}: "after ", {false, false}: "at or before ", {false, true}: "before "}[[2]bool{low, o.Exclusive}] + shownText(text)
	t.values(o.Key, o.Pos, column, valueTerm{
		problem: [2]string{"is not a time " + wanted, "are not times " + wanted}, holds: "all values are " + wanted, expected: wanted,
		fails: func(c *table.Column, i int) bool {
			when, ok := c.When(i)
			order := when.Compare(limit)
			return !ok || order == 0 && o.Exclusive || low && order < 0 || !low && order > 0
		},
	})
}

// format adds the check of format:, which says of text how dates are written.
// Of integers it is part of the type.
func (t *terms) format(p *odcs.Property, o odcs.Option, column string) {
	text, _ := o.Value.(string)
	_, integer := integerFormats[text]
	switch {
	case p.LogicalType == "integer" && integer, p.LogicalType == "number" && text == "f64":
		return
	case temporal(p) && !t.isText(column):
		return // it is stored as what it is, not as text
	case !temporal(p):
		t.notRun(o.Key, column, o.Pos, fmt.Sprintf("the format %s is not one that waybill checks", shownText(text)), "")
		return
	}
	layouts, fixed, ok := javaLayouts(text)
	if !ok {
		t.notRun(o.Key, column, o.Pos, fmt.Sprintf("the format %s has parts that waybill does not read", shownText(text)), "")
		return
	}
	shown := "as " + shownText(text)
	t.values(o.Key, o.Pos, column, valueTerm{
		problem: [2]string{"is not written " + shown, "are not written " + shown}, holds: "all values are written " + shown, expected: "dates and times " + shown,
		fails: func(c *table.Column, i int) bool { return !written(c.Text(i), layouts, fixed) },
	})
}

// written tells whether a text is a time as one of the layouts has it. Package
// time reads 8 for 08 and fractions of seconds that the layout does not have.
func written(text string, layouts []string, fixed bool) bool {
	for _, layout := range layouts {
		if _, err := time.Parse(layout, text); err != nil || fixed && len(text) != len(layout) {
			continue
		}
		if strings.Count(text, ".")+strings.Count(text, ",") == strings.Count(layout, ".")+strings.Count(layout, ",") {
			return true
		}
	}
	return false
}

// javaParts are the parts of java.time.format.DateTimeFormatter patterns that
// package time has as well.
var javaParts = map[string]string{"yyyy": "2006", "uuuu": "2006", "MM": "01", "dd": "02", "HH": "15", "mm": "04", "ss": "05", "T": "T"}

// javaLayouts translates a pattern. fixed tells whether all texts of it have
// the length of the layout. The standard's own examples write T without quotes,
// and Z for what java.time writes XXX, so that Z stands for both.
func javaLayouts(pattern string) (layouts []string, fixed, ok bool) {
	layout, rest, zone := "", strings.ReplaceAll(pattern, "'T'", "T"), ""
	for rest != "" {
		if zone != "" || len(layout) > 100 {
			return nil, false, false // nothing follows a zone
		}
		n := len(rest) - len(strings.TrimLeft(rest, rest[:1])) // of one letter
		part := rest[:n]
		switch {
		case part == "Z" || part == "XXX":
			zone = part
		case part[0] == 'S' && n <= 9 && strings.HasSuffix(layout, "."):
			layout += strings.Repeat("0", n)
		case javaParts[part] != "":
			layout += javaParts[part]
		case n == 1 && strings.Contains("-/.: ", part):
			layout += part
		default:
			return nil, false, false
		}
		rest = rest[n:]
	}
	switch zone {
	case "XXX":
		return []string{layout + "Z07:00"}, false, layout != ""
	case "Z":
		return []string{layout + "Z07:00", layout + "-0700"}, false, layout != ""
	}
	return []string{layout}, true, layout != ""
}
