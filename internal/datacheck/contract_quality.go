package datacheck

import (
	"cmp"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/odcs"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// quality adds the check of a quality rule, about a column or, for "", about
// the whole. What the five metrics count is said in docs/data-quality.md of the
// standard, "Metrics". Where that leaves it open, it is as datacontract-cli
// 1.2.8 has it: a null is always missing and never invalid, and nulls are not
// compared for duplicates. Duplicates are counted in rows, each but the first.
func (t *terms) quality(q *odcs.Quality, column string) {
	name := cmp.Or(q.Name, q.Description)
	subject := column
	switch q.Type {
	case odcs.Text, odcs.SQL, odcs.Custom:
		why := map[string]string{
			odcs.Text: "a rule in words needs people", odcs.SQL: "SQL needs a database",
			odcs.Custom: "the rule is for " + cmp.Or(shownText(q.Engine), "another engine"),
		}[q.Type]
		if name != "" {
			why += ": " + shownText(name)
		}
		t.notRun(q.Type, subject, q.Pos, why, "")
		return
	}
	if len(q.Unknown) > 0 {
		t.notRun(q.Metric, subject, q.Pos, q.Metric+" has arguments that the standard does not have: "+list(q.Unknown, 5), "")
		return
	}
	b := t.bound(q.Metric, q.Pos, severityOf(q.Severity))
	if column != "" {
		b.spec.Columns = []string{column}
	}
	m := metric{Quality: q, subject: column}
	b.plan = t.plan
	b.plan.Needs = profile.Needs{}
	var count func(f Facts) counted
	switch {
	case q.Metric == odcs.RowCount:
		count = func(f Facts) counted { return counted{count: f.Rows} }
	case q.Metric == odcs.NullValues:
		b.plan.Needs.Add(column, 0)
		b.plan.Rows = func() RowCheck { return &valueCount{column: column} }
		count = func(f Facts) counted {
			v := f.Check.(*valueCount)
			return counted{count: v.failed, of: v.checked, problem: isAre(v.failed, "is null", "are null"), examples: v.examples, nulls: true}
		}
	case q.Metric == odcs.MissingValues:
		set := newValueSet(q.Missing)
		b.plan.Needs.Add(column, 0)
		b.plan.Rows = func() RowCheck {
			return &missingCount{valueCount{column: column}, valueCount{column: column, fails: func(c *table.Column, i int) bool { return set.has(c, i) }}}
		}
		count = func(f Facts) counted {
			v := f.Check.(*missingCount)
			first := append(profile.Examples{}, v.nulls.examples...)
			first.Merge(v.tokens.examples)
			n := v.nulls.failed + v.tokens.failed
			return counted{count: n, of: v.nulls.checked, problem: isAre(n, "has a missing value", "have missing values"), examples: first, nulls: true}
		}
	case q.Metric == odcs.InvalidValues:
		fails, why := invalid(q)
		if why != "" {
			t.notRun(q.Metric, subject, q.Pos, why, "the syntax is RE2: it has no look-around and no back-references")
			return
		}
		b.plan.Needs.Add(column, 0)
		b.plan.Rows = func() RowCheck { return &valueCount{column: column, fails: fails} }
		count = func(f Facts) counted {
			v := f.Check.(*valueCount)
			return counted{count: v.failed, of: f.Rows, empty: v.checked == 0, problem: isAre(v.failed, "has an invalid value", "have invalid values"), examples: v.examples}
		}
	case column != "":
		b.plan.Needs.Add(column, profile.Unique)
		count = func(f Facts) counted {
			c := f.Profile.Columns[column]
			if c == nil {
				return counted{empty: true}
			}
			return counted{count: c.Duplicates, of: f.Rows, empty: c.Rows == c.Nulls, problem: isAre(c.Duplicates, "repeats the value of an earlier row", "repeat values of earlier rows"), examples: repeats(c.DuplicateOf)}
		}
	default:
		var columns []string
		for _, p := range q.Properties {
			if t.columns[p] == "" {
				return // said to be missing
			}
			columns = append(columns, t.columns[p])
		}
		key := profile.Key{Columns: columns, Nulls: profile.SkipAnyNull}
		b.plan.Needs.AddKey(key)
		b.spec.Columns, m.subject = columns, strings.Join(columns, ", ")
		count = func(f Facts) counted {
			k := f.Profile.Keys[key.ID()]
			return counted{count: k.Repeated, of: f.Rows, empty: k.Rows == 0, problem: isAre(k.Repeated, "repeats the values of an earlier row", "repeat the values of earlier rows"), examples: repeats(k.RepeatedOf), nulls: true}
		}
	}
	b.plan.Judge = func(f Facts) []report.Finding { return []report.Finding{m.judge(count(f), f)} }
	t.out = append(t.out, b)
}

// severityOf translates a severity, which the standard leaves open: its
// examples are info, warning and error.
func severityOf(s string) report.Severity {
	switch strings.ToLower(s) {
	case "info":
		return report.Info
	case "warning", "warn":
		return report.Warning
	}
	return report.Error
}

// invalid returns what tells invalid values, or why there is nothing.
func invalid(q *odcs.Quality) (fails func(c *table.Column, i int) bool, why string) {
	var matches func([]byte) bool
	if q.Pattern != "" {
		if len(q.Pattern) > maxExpression {
			return nil, fmt.Sprintf("the pattern is longer than %d bytes", maxExpression)
		}
		re, err := regexp.Compile(q.Pattern)
		if err != nil {
			return nil, err.Error()
		}
		matches = newMatcher(q.Pattern, re)
	}
	set := newValueSet(q.Valid)
	return func(c *table.Column, i int) bool {
		switch {
		case q.Valid != nil && !set.has(c, i):
			return true
		case q.Pattern == "":
			return false
		case c.Offsets != nil:
			return !matches(c.Bytes(i))
		}
		return !matches([]byte(c.Text(i)))
	}, ""
}

// missingCount counts nulls, and values that stand for one.
type missingCount struct{ nulls, tokens valueCount }

func (m *missingCount) Observe(b *table.Batch) {
	m.nulls.Observe(b)
	m.tokens.Observe(b)
}

func (m *missingCount) Merge(later RowCheck) {
	o := later.(*missingCount)
	m.nulls.Merge(&o.nulls)
	m.tokens.Merge(&o.tokens)
}

// counted is what a metric came to.
type counted struct {
	count    int64
	of       int64  // rows; 0 for rowCount
	empty    bool   // there are rows, but no values to look at
	problem  string // of the rows counted
	examples profile.Examples
	nulls    bool // the examples have no value
}

// metric is a library metric of a contract.
type metric struct {
	*odcs.Quality
	subject string
}

// judge holds what was counted to the operators of the rule.
func (m metric) judge(c counted, f Facts) report.Finding {
	out := report.Finding{Subject: m.subject, Expected: m.wanted(), Details: map[string]any{"metric": m.Metric, "unit": m.Unit, "rows": f.Rows}}
	for key, v := range map[string]string{"name": m.Name, "dimension": m.Dimension, "description": m.Description} {
		if v != "" {
			out.Details[key] = shownText(v)
		}
	}
	before := strings.TrimPrefix(escape(m.subject)+": ", ": ")
	value := new(big.Rat).SetInt64(c.count)
	if m.Metric == odcs.RowCount {
		out.Message = fmt.Sprintf("there %s %s", isAre(c.count, "is", "are"), count(c.count, "row"))
		out.Observed = count(c.count, "row")
	} else {
		if c.of == 0 || c.empty {
			out.Verdict, out.Observed = report.Inconclusive, "nothing to count"
			out.Message = fmt.Sprintf("%sthere are no values to check in %s", before, count(f.Rows, "row"))
			return out
		}
		share := float64(c.count) / float64(c.of)
		out.Details["count"], out.Details["share"] = c.count, shown(share)
		out.Observed = fmt.Sprintf("%s of %s (%s)", report.Thousands(c.count), count(c.of, "row"), percent(share))
		out.Message = fmt.Sprintf("%s%s %s", before, out.Observed, c.problem)
		if m.Unit == "percent" {
			value.Mul(value, big.NewRat(100, c.of))
		}
	}
	out.Verdict = report.Pass
	for _, must := range m.Must {
		if !holds(must, value) {
			out.Verdict = report.Fail
		}
	}
	out.Message += "; the contract wants " + out.Expected
	if first := f.places(c.examples); first != "" {
		out.Message += "; first: " + first
		out.Details["examples"] = f.examples(c.examples, !c.nulls)
	}
	if said := cmp.Or(m.Description, m.Name); said != "" && out.Verdict != report.Pass {
		out.Message += fmt.Sprintf(" (%q)", shownText(said))
	}
	return out
}

// holds applies an operator, exactly: 7 of 1,000 rows are 0.7 percent, which
// no float is. mustBeBetween includes its ends, as the symbol ∈ that the
// standard gives it says, though its text spells it with mustBeGreaterThan and
// mustBeLessThan.
func holds(c odcs.Condition, v *big.Rat) bool {
	order := make([]int, len(c.Values))
	for i, x := range c.Values {
		limit, ok := new(big.Rat).SetString(strconv.FormatFloat(x, 'g', -1, 64))
		if !ok {
			return false
		}
		order[i] = v.Cmp(limit)
	}
	switch c.Operator {
	case odcs.Be:
		return order[0] == 0
	case odcs.NotBe:
		return order[0] != 0
	case odcs.GreaterThan:
		return order[0] > 0
	case odcs.GreaterOrEqualTo:
		return order[0] >= 0
	case odcs.LessThan:
		return order[0] < 0
	case odcs.LessOrEqualTo:
		return order[0] <= 0
	case odcs.Between:
		return order[0] >= 0 && order[1] <= 0
	case odcs.NotBetween:
		return order[0] < 0 || order[1] > 0
	}
	return false
}

// wanted says what the operators want.
func (m metric) wanted() string {
	unit := " rows"
	switch last := m.Must[len(m.Must)-1]; {
	case m.Unit == "percent":
		unit = " % of the rows"
	case len(last.Values) == 1 && last.Values[0] == 1:
		unit = " row"
	}
	words := map[string]string{
		odcs.Be: "exactly", odcs.NotBe: "not", odcs.GreaterThan: "more than", odcs.GreaterOrEqualTo: "at least",
		odcs.LessThan: "less than", odcs.LessOrEqualTo: "at most", odcs.Between: "between", odcs.NotBetween: "not between",
	}
	var out []string
	for _, c := range m.Must {
		text := words[c.Operator] + " " + number(c.Values[0])
		if len(c.Values) == 2 {
			text += " and " + number(c.Values[1])
		}
		out = append(out, text)
	}
	return strings.Join(out, " and ") + unit
}
