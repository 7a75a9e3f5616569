package datacheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type foreignKeyParams struct {
	References   *Against `param:"references,required" doc:"The dataset that the columns refer to: NAME in the working tree, NAME@VERSION, NAME#STAGE; with :SPLIT, that split of it."`
	To           []string `param:"to" doc:"The columns there, in the order of columns:. Default: those of the same names."`
	Max          *float64 `param:"max" doc:"Largest share of the rows that may have no partner. Default 0."`
	FirstRelease string   `param:"firstRelease" enum:"allow" doc:"allow passes while there is no such version yet."`
}

var tableForeignKey = Rule{
	ID:     "table.foreign-key",
	Doc:    "The values of the columns, together, occur in a row of another dataset. Values are compared as text, exactly; rows with a null in one of the columns are not looked at, as in SQL.",
	Params: foreignKeyParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p foreignKeyParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if len(spec.Columns) == 0 {
			return plan, mistake(spec, "table.foreign-key needs the columns that refer", "name them with columns:")
		}
		if err := checkShare(spec, "max", p.Max); err != nil {
			return plan, err
		}
		to := spec.Columns
		if len(p.To) > 0 {
			to = p.To
		}
		if len(to) != len(spec.Columns) {
			return plan, mistake(spec, fmt.Sprintf("table.foreign-key: %s in to:, %d in columns:", count(int64(len(to)), "column"), len(spec.Columns)), "they belong together one by one")
		}
		key := profile.Key{Columns: spec.Columns, Nulls: profile.SkipAnyNull, Across: true}
		their := profile.Key{Columns: to, Nulls: profile.SkipAnyNull, Across: true}
		plan.Needs.AddKey(key)
		plan.Compare = &Comparison{
			With: *p.References, FirstRelease: p.FirstRelease, Whole: true,
			Bind: func(other table.Schema) (Plan, error) {
				var theirs Plan
				if i := slices.IndexFunc(to, func(n string) bool { return other.Index(n) < 0 }); i >= 0 {
					return theirs, fmt.Errorf("it has no column %s; its columns are %s", escape(to[i]), list(other.Names(), 20))
				}
				theirs.Needs.AddKey(their)
				return theirs, nil
			},
			Join: func(f Facts) (any, error) {
				return profile.CompareKeys(f.Profile.Keys[key.ID()], f.Baseline.Profile.Keys[their.ID()], nil)
			},
		}
		plan.Judge = func(f Facts) []report.Finding {
			return []report.Finding{p.judge(spec, f, f.Profile.Keys[key.ID()].Skipped)}
		}
		return plan, nil
	},
}

func (p foreignKeyParams) judge(spec manifest.CheckSpec, f Facts, skipped int64) report.Finding {
	found := f.Joined.(profile.KeyMatches)
	there := f.Baseline.Name
	t := tally{
		column: strings.Join(spec.Columns, ", "), checked: found.Rows + found.Missing, failed: found.Missing, examples: found.First, noun: "row",
		problem: isAre(found.Missing, "has", "have") + " no partner in " + there, holds: "every row has its partner in " + there,
		expected: "values that " + there + " has", nulls: true, most: p.Max,
		hint: fmt.Sprintf("add what is missing to %s, or drop these rows", there),
	}
	if len(p.To) > 0 {
		t.expected += " in " + list(p.To, 10)
	}
	if p.Max != nil && *p.Max > 0 {
		t.expected += ", but for at most " + percent(*p.Max)
	}
	out := t.finding(spec, f)
	if t.checked == 0 && skipped > 0 {
		out.Message = fmt.Sprintf("%s: there are no rows to check; %s %s a null there", t.column, count(skipped, "row"), isAre(skipped, "has", "have"))
	}
	if out.Details != nil {
		out.Details["nulls"] = skipped
	}
	return out
}
