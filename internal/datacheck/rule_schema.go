package datacheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type schemaParams struct {
	Extra string `param:"extra" enum:"allow,refuse" doc:"Whether the data may have columns that columns: does not declare. Default: allow."`
	Order bool   `param:"order" doc:"The declared columns must stand in the data in the same order."`
}

// declaredColumns is what Run adds to the parameters of this rule, under the
// key "declared", which no manifest can have.
type declaredColumns struct {
	columns []manifest.Column
	absent  map[string]string // columns that one split lacks, with its name
}

var schemaRule = Rule{
	ID:     "schema",
	Doc:    "The data has the columns that columns: declares, with fitting types. Runs by itself when columns: declares any; write it to refuse other columns or to hold their order.",
	Params: schemaParams{},
	Bind: func(spec manifest.CheckSpec, have table.Schema) (Plan, error) {
		var p schemaParams
		plan, err := newPlan(spec, have, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly", "where", "groupBy", "column"); err != nil {
			return plan, err
		}
		declared, _ := spec.Params["declared"].(declaredColumns)
		if len(declared.columns) == 0 {
			return plan, mistake(spec, "schema: no columns are declared", "declare them under columns:")
		}
		for _, c := range declared.columns {
			if t, err := table.ParseType(c.Type); err == nil && have.Index(c.Name) >= 0 {
				plan.Needs.AddType(c.Name, t)
			}
		}
		plan.Rows = func() RowCheck { return &unknownKeys{} }
		plan.Judge = func(f Facts) []report.Finding { return judgeSchema(p, declared, have, f) }
		return plan, nil
	},
}

// unknownKeys counts values of JSON lines that came too late for the schema.
type unknownKeys struct{ keys map[string]int64 }

func (u *unknownKeys) Observe(b *table.Batch) { u.add(b.Unknown) }

func (u *unknownKeys) Merge(later RowCheck) { u.add(later.(*unknownKeys).keys) }

func (u *unknownKeys) add(keys map[string]int64) {
	for k, n := range keys {
		if u.keys == nil {
			u.keys = map[string]int64{}
		}
		u.keys[k] += n
	}
}

func judgeSchema(p schemaParams, declared declaredColumns, have table.Schema, f Facts) []report.Finding {
	var out []report.Finding
	var names []string
	for _, c := range declared.columns {
		names = append(names, c.Name)
		if finding, bad := judgeColumn(c, declared, have, f); bad {
			finding.Location = c.Pos.Location()
			out = append(out, finding)
		}
	}
	if p.Order {
		if finding, bad := judgeOrder(names, have); bad {
			out = append(out, finding)
		}
	}
	extra := slices.DeleteFunc(have.Names(), func(n string) bool { return slices.Contains(names, n) })
	late := sortedKeys(f.Check.(*unknownKeys).keys)
	if extra = append(extra, late...); p.Extra == "refuse" && len(extra) > 0 {
		out = append(out, report.Finding{
			Verdict: report.Fail, Rule: "schema.extra", Subject: "extra columns", Expected: "only the declared columns", Observed: list(extra, 10),
			Message: fmt.Sprintf("the data has %s not declared: %s", isAre(int64(len(extra)), "a column", "columns"), list(extra, 10)),
			Hint:    "declare them under columns:, or drop them from the data",
			Details: map[string]any{"columns": extra[:min(len(extra), 1000)]},
		})
	}
	if len(out) > 0 {
		return out
	}
	return []report.Finding{{
		Verdict:  report.Pass,
		Message:  fmt.Sprintf("the data has %s as declared, with fitting types", count(int64(len(names)), "column")),
		Expected: count(int64(len(names)), "declared column"), Observed: count(int64(len(have)), "column"),
	}}
}

func judgeColumn(c manifest.Column, declared declaredColumns, have table.Schema, f Facts) (report.Finding, bool) {
	at := have.Index(c.Name)
	if split, absent := declared.absent[c.Name]; at < 0 || absent {
		finding := missingColumn(c.Name, split, have)
		finding.Rule = "schema.column"
		return finding, true
	}
	want, err := table.ParseType(c.Type)
	if err != nil {
		return report.Finding{}, false // no type is declared
	}
	out := report.Finding{Verdict: report.Fail, Rule: "schema.type", Subject: c.Name, Expected: c.Type, Observed: have[at].Type.String()}
	if table.Fits(have[at].Type, want) == table.Never {
		out.Message = fmt.Sprintf("%s: declared as %s, the data has %s", c.Name, c.Type, have[at].Type)
		out.Hint = "convert the column, or declare what it is now"
		return out, true
	}
	found := f.Profile.Columns[c.Name]
	if found == nil || found.Misfits == 0 {
		return out, false
	}
	t := tally{
		column: c.Name, checked: found.Rows - found.Nulls, failed: found.Misfits, examples: found.MisfitExamples, noun: "value",
		problem: isAre(found.Misfits, "is", "are") + " not of type " + c.Type, expected: c.Type,
	}
	finding := t.finding(manifest.CheckSpec{}, f)
	finding.Rule = out.Rule
	return finding, true
}

func judgeOrder(names []string, have table.Schema) (report.Finding, bool) {
	want := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return have.Index(n) < 0 })
	got := slices.DeleteFunc(have.Names(), func(n string) bool { return !slices.Contains(want, n) })
	if slices.Equal(want, got) {
		return report.Finding{}, false
	}
	return report.Finding{
		Verdict: report.Fail, Rule: "schema.order", Subject: "order of columns", Expected: list(want, 10), Observed: list(got, 10),
		Message: "the declared columns stand in another order in the data",
	}, true
}

// missingColumn is what is said of a column that the data, or one split,
// lacks.
func missingColumn(name, split string, have table.Schema) report.Finding {
	out := report.Finding{
		Verdict: report.Fail, Subject: name, Expected: "a column called " + name, Observed: "no such column",
		Message: fmt.Sprintf("column %s is not in the data; the columns are %s", escape(name), list(have.Names(), 20)),
		Details: map[string]any{"columns": have.Names()[:min(len(have), 1000)]},
	}
	if split != "" {
		out.Message = fmt.Sprintf("column %s is not in the split %s", escape(name), split)
	}
	if near := ref.Nearest(name, have.Names()); near != "" && near != name {
		out.Hint = fmt.Sprintf("did you mean %s?", escape(near))
	}
	return out
}

// list joins names for people, at most n of them.
func list(names []string, n int) string {
	var out []string
	for _, name := range names[:min(len(names), n)] {
		out = append(out, escape(name))
	}
	text := strings.Join(out, ", ")
	if len(names) > n {
		text += fmt.Sprintf(" and %d more", len(names)-n)
	}
	return text
}
