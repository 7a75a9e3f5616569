package datacheck

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var tableDuplicates = Rule{
	ID:     "table.duplicates",
	Doc:    "No row repeats an earlier one, in all columns or in those that columns: names; a null equals a null. Values are compared as text.",
	Params: struct{}{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p struct{}
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		key, subject := profile.Key{Columns: spec.Columns}, strings.Join(spec.Columns, ", ")
		if len(spec.Columns) == 0 {
			key.Columns, subject = schema.Names(), "all columns"
		}
		plan.Subject = subject
		plan.Needs.AddKey(key)
		plan.Judge = func(f Facts) []report.Finding {
			t := tally{
				column: subject, noun: "row", holds: "no row repeats an earlier one", expected: "no row twice",
				hint: "rows that were loaded twice?",
			}
			return []report.Finding{judgeKey(t, "repeats an earlier row", "repeat earlier rows", spec, key, f)}
		}
		return plan, nil
	},
}

// judgeKey judges what was found about a compound key.
func judgeKey(t tally, one, several string, spec manifest.CheckSpec, key profile.Key, f Facts) report.Finding {
	found := f.Profile.Keys[key.ID()]
	t.checked, t.failed, t.nulls = found.Rows, found.Repeated, true
	t.problem = isAre(t.failed, one, several)
	t.examples = repeats(found.RepeatedOf)
	out := t.finding(spec, f)
	if t.checked == 0 && found.Skipped > 0 {
		nulls := "a null"
		if key.Nulls == profile.SkipAllNull {
			nulls = "only nulls"
		}
		out.Message = fmt.Sprintf("%s: there are no rows to check; %s %s %s there", t.column, count(found.Skipped, "row"), isAre(found.Skipped, "has", "have"), nulls)
	}
	return withFirst(out, found.RepeatedOf, f)
}

// repeats are the later rows of duplicates.
func repeats(of []profile.Duplicate) profile.Examples {
	var out profile.Examples
	for _, d := range of {
		out = append(out, profile.Example{Place: d.Again, Value: d.Value})
	}
	return out
}

// withFirst adds to a finding where the rows stand that its examples repeat.
func withFirst(out report.Finding, of []profile.Duplicate, f Facts) report.Finding {
	if len(of) == 0 {
		return out
	}
	out.Message += fmt.Sprintf(" (the first repeats %s row %d)", escape(f.name(of[0].First.File)), of[0].First.Row)
	for i, d := range of {
		row := map[string]any{"file": f.name(d.Again.File), "row": d.Again.Row, "firstFile": f.name(d.First.File), "firstRow": d.First.Row}
		if v, ok := f.sample(d.Value); ok && d.Known {
			row["value"] = v
		}
		out.Details["examples"].([]any)[i] = row
	}
	return out
}
