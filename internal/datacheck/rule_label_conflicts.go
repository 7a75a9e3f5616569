package datacheck

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type labelConflictsParams struct {
	OneColumn
	On []string `param:"on,required" doc:"The columns of the inputs."`
}

// maxConflictRows is how many rows are kept to count those in conflict. Past
// it, keys that go to disk still tell whether there are any.
const maxConflictRows = 1 << 20

var labelConflicts = Rule{
	ID:     "label.conflicts",
	Doc:    "Rows with equal inputs, the columns that on: names, have the same label. Values are compared as text, a null equals a null; rows without a label, and rows with nulls in all inputs, are not looked at.",
	Params: labelConflictsParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p labelConflictsParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		label := spec.Columns[0]
		if slices.Contains(p.On, label) {
			return plan, mistake(spec, fmt.Sprintf("label.conflicts: %s is the label, it cannot be an input as well", label), "on: names what a model sees")
		}
		if plan, ok := lacking(plan, schema, p.On...); ok {
			return plan, nil
		}
		k := conflictKeys{inputs: profile.Key{Columns: p.On}, pairs: profile.Key{Columns: append(slices.Clone(p.On), label)}}
		plan.Needs.AddKey(k.inputs)
		plan.Needs.AddKey(k.pairs)
		kept := new(atomic.Int64)
		plan.Rows = func() RowCheck {
			return &conflicts{label: label, on: p.On, kept: kept, most: maxConflictRows, inputs: map[[16]byte]*labelled{}, labels: map[string]string{}}
		}
		plan.Judge = func(f Facts) []report.Finding {
			c := f.Check.(*conflicts)
			t := tally{
				column: label, noun: "row", checked: c.rows, nulls: true,
				holds: "rows with equal " + list(p.On, 10) + " have the same label", expected: "one label for equal " + list(p.On, 10),
				hint: "decide on one label, or drop the rows: a model cannot learn both",
			}
			if kept.Load() > c.most {
				return []report.Finding{k.judge(t, c, spec, f)}
			}
			return []report.Finding{c.judge(t, spec, f)}
		}
		return plan, nil
	},
}

// lacking makes a plan that tells which columns, named by other keys than
// column: and columns:, are not in the data.
func lacking(plan Plan, schema table.Schema, names ...string) (Plan, bool) {
	var missing []report.Finding
	for _, n := range names {
		if schema.Index(n) < 0 {
			missing = append(missing, missingColumn(n, "", schema))
		}
	}
	plan.Judge = func(Facts) []report.Finding { return missing }
	return plan, len(missing) > 0
}

// conflictKeys count different inputs, and different pairs of inputs and
// label, however many there are. The difference is how many labels there are
// too many.
type conflictKeys struct{ inputs, pairs profile.Key }

func (k conflictKeys) judge(t tally, c *conflicts, spec manifest.CheckSpec, f Facts) report.Finding {
	different := func(key profile.Key) int64 {
		found := f.Profile.Keys[key.ID()]
		return found.Rows - found.Repeated
	}
	extra := different(k.pairs) - different(k.inputs)
	out := report.Finding{Subject: t.column, Expected: t.expected, Details: map[string]any{"rows": t.checked}}
	switch {
	case c.skipped == 0 && extra == 0:
		return t.finding(spec, f)
	case c.skipped > 0 || spec.Mostly != nil:
		out.Verdict, out.Observed = report.Inconclusive, "more rows"
		out.Message = fmt.Sprintf("%s: there are more than %s, of which those in conflict are not counted where labels or inputs are null, or for mostly", t.column, count(c.most, "row"))
		out.Hint = "leave nulls out with where:, and mostly: away, or look at fewer rows with split:"
	default:
		out.Verdict, out.Hint = report.Fail, t.hint
		out.Observed = fmt.Sprintf("%s too many", count(extra, "label"))
		out.Message = fmt.Sprintf("%s: among %s there %s %s too many for equal %s", t.column, count(t.checked, "row"), isAre(extra, "is", "are"), count(extra, "label"), list(k.inputs.Columns, 10))
		out.Details["extraLabels"] = extra
	}
	return out
}

// conflicts collects rows by their inputs.
type conflicts struct {
	label   string
	on      []string
	kept    *atomic.Int64 // rows, by all shards and groups of the check
	most    int64
	rows    int64                  // with inputs and label
	skipped int64                  // other rows
	inputs  map[[16]byte]*labelled // by the beginning of their SHA-256
	labels  map[string]string      // each one once
	text    []byte
}

// labelled is the rows of some inputs: the first one, and the first one with
// another label.
type labelled struct {
	rows                   int64
	first, other           profile.Place // other.Row is 0 when there is none
	firstLabel, otherLabel string
}

func (c *conflicts) Observe(b *table.Batch) {
	label := b.Column(c.label)
	columns := make([]*table.Column, len(c.on))
	for j, name := range c.on {
		columns[j] = b.Column(name)
	}
	before := c.rows
	for i := range b.Rows {
		if label == nil || label.Null(i) || !c.encode(columns, i) {
			c.skipped++
			continue
		}
		c.rows++
		if c.inputs == nil {
			continue
		}
		sum := sha256.Sum256(c.text)
		c.text = label.AppendText(c.text[:0], i)
		c.add([16]byte(sum[:]), labelled{rows: 1, first: profile.Place{File: b.File, Row: b.Row(i)}, firstLabel: c.intern(c.text)})
	}
	// Every row is counted once, so whether there are too many does not depend
	// on the order in which the shards come.
	if c.kept.Add(c.rows-before) > c.most {
		c.inputs, c.labels = nil, nil
	}
}

// encode writes the inputs of row i to c.text, such that different ones are
// different there; false when all are null.
func (c *conflicts) encode(columns []*table.Column, i int) (some bool) {
	c.text = c.text[:0]
	for _, column := range columns {
		if column == nil || column.Null(i) {
			c.text = append(c.text, 0)
			continue
		}
		// A one, the length, the text.
		some = true
		at := len(c.text)
		c.text = append(c.text, 1, 0, 0, 0, 0)
		c.text = column.AppendText(c.text, i)
		binary.LittleEndian.PutUint32(c.text[at+1:], uint32(len(c.text)-at-5))
	}
	return some
}

// intern returns a label, long ones known by their beginning and hash.
func (c *conflicts) intern(text []byte) string {
	if len(text) > 2*maxSample {
		sum := sha256.Sum256(text)
		text = fmt.Appendf(text[:maxSample:maxSample], "… %x", sum[:16])
	}
	label, ok := c.labels[string(text)]
	if !ok {
		label = string(text)
		c.labels[label] = label
	}
	return label
}

// add adds rows that come later.
func (c *conflicts) add(id [16]byte, l labelled) {
	mine := c.inputs[id]
	if mine == nil {
		c.inputs[id] = &l
		return
	}
	mine.rows += l.rows
	switch {
	case mine.other.Row > 0:
	case l.firstLabel != mine.firstLabel:
		mine.other, mine.otherLabel = l.first, l.firstLabel
	default:
		mine.other, mine.otherLabel = l.other, l.otherLabel
	}
}

func (c *conflicts) Merge(later RowCheck) {
	o := later.(*conflicts)
	c.rows += o.rows
	c.skipped += o.skipped
	if c.kept.Load() > c.most {
		c.inputs, c.labels = nil, nil
		return
	}
	for id, l := range o.inputs {
		c.add(id, *l)
	}
}

func (c *conflicts) judge(t tally, spec manifest.CheckSpec, f Facts) report.Finding {
	groups := int64(0)
	var first []*labelled
	for l := range maps.Values(c.inputs) {
		if l.other.Row == 0 {
			continue
		}
		groups++
		t.failed += l.rows
		i, _ := slices.BinarySearchFunc(first, l, func(a, b *labelled) int { return a.other.Compare(b.other) })
		if i < profile.MaxPlaces {
			first = slices.Insert(first, i, l)
			first = first[:min(len(first), profile.MaxPlaces)]
		}
	}
	t.problem = isAre(t.failed, "has", "have") + " the " + list(c.on, 10) + " of a row with another label"
	for _, l := range first {
		t.examples = append(t.examples, profile.Example{Place: l.other})
	}
	out := t.finding(spec, f)
	if groups == 0 {
		return out
	}
	out.Message += fmt.Sprintf(" (the first contradicts %s row %d); %s in all", escape(f.name(first[0].first.File)), first[0].first.Row, count(groups, "conflict"))
	out.Details["conflicts"] = groups
	for i, l := range first {
		row := out.Details["examples"].([]any)[i].(map[string]any)
		row["firstFile"], row["firstRow"] = f.name(l.first.File), l.first.Row
		one, ok := f.sample(l.firstLabel)
		if other, also := f.sample(l.otherLabel); ok && also {
			row["value"], row["firstValue"] = other, one
		}
	}
	return out
}
