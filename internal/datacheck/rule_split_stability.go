package datacheck

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

type splitStabilityParams struct {
	Against      *Against `param:"against,required" doc:"What to compare with: a reference to a version of this dataset (#production) or of another, or {model: REFERENCE, dataset: ROLE} for what a model was made with."`
	Max          *float64 `param:"max" doc:"Largest share of the rows that both have which may be in another split. Default 0."`
	FirstRelease string   `param:"firstRelease" enum:"allow" doc:"allow passes while there is nothing to compare with yet."`
}

var splitStability = Rule{
	ID:     "split.stability",
	Doc:    "Rows that an earlier version has too are in the same split as there. Rows are known by their key, the columns named, compared as text, exactly; those with a null in it are not looked at.",
	Params: splitStabilityParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p splitStabilityParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly", "groupBy"); err != nil {
			return plan, err
		}
		if len(spec.Columns) == 0 {
			return plan, mistake(spec, "split.stability needs the columns of the key", "name them with columns:")
		}
		if len(spec.Splits) > 0 {
			return plan, mistake(spec, "split.stability does not take splits", "it is about all of them")
		}
		if err := checkShare(spec, "max", p.Max); err != nil {
			return plan, err
		}
		key := profile.Key{Columns: spec.Columns, Nulls: profile.SkipAnyNull, Across: true}
		plan.Needs.AddKey(key)
		plan.Compare = &Comparison{
			With: *p.Against, FirstRelease: p.FirstRelease,
			Bind: func(other table.Schema) (Plan, error) {
				theirs := Plan{Filter: plan.Filter}
				if i := slices.IndexFunc(spec.Columns, func(n string) bool { return other.Index(n) < 0 }); i >= 0 {
					return theirs, fmt.Errorf("it has no column %s", escape(spec.Columns[i]))
				}
				theirs.Needs.AddKey(key)
				return theirs, nil
			},
			Join: func(f Facts) (any, error) {
				m := &moves{rows: map[[2]string]int64{}, now: f.splitOf, before: f.Baseline.splitOf}
				found, err := profile.CompareKeys(f.Profile.Keys[key.ID()], f.Baseline.Profile.Keys[key.ID()], m.add)
				m.both = found.Rows
				return m, err
			},
		}
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(spec, f)} }
		return plan, nil
	},
}

// moves are rows that changed their split.
type moves struct {
	now, before []string            // the splits, by the number of the file
	both        int64               // rows that the other version has too
	rows        map[[2]string]int64 // by the splits before and now
	first       profile.Examples
}

// add looks at the rows of one key. One that was in several splits before
// stayed if it is in any of them, and else came from the first.
func (m *moves) add(ours, theirs []profile.KeyRows) {
	for _, f := range ours {
		split := m.now[f.File]
		if slices.ContainsFunc(theirs, func(t profile.KeyRows) bool { return m.before[t.File] == split }) {
			continue
		}
		m.rows[[2]string{m.before[theirs[0].File], split}] += f.Rows
		for _, row := range f.First {
			m.first.Merge(profile.Examples{{Place: profile.Place{File: f.File, Row: row}}})
		}
	}
}

func (p splitStabilityParams) judge(spec manifest.CheckSpec, f Facts) report.Finding {
	m := f.Joined.(*moves)
	there := f.Baseline.Name
	t := tally{
		column: strings.Join(spec.Columns, ", "), checked: m.both, examples: m.first, noun: "row", nulls: true, most: p.Max,
		holds: "every row is in the same split as in " + there, expected: "rows in the same split as in " + there,
		hint: "split by a hash of the key, so that rows stay where they were: what one model was tested on, the next one must not be trained on",
	}
	if p.Max != nil && *p.Max > 0 {
		t.expected += ", but for at most " + percent(*p.Max)
	}
	undecided := func(observed, message string) report.Finding {
		return report.Finding{Verdict: report.Inconclusive, Subject: t.column, Expected: t.expected, Observed: observed, Message: t.column + ": " + message}
	}
	if splits := slices.Compact(slices.Sorted(slices.Values(slices.Concat(m.now, m.before)))); len(splits) < 2 {
		return undecided("one split", "neither the data nor "+there+" has splits")
	}
	if m.both == 0 {
		return undecided("no row in both", "no row of the data is in "+there)
	}
	pairs := []any{}
	var texts []string
	order := slices.Collect(maps.Keys(m.rows))
	sorting.By(order, func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(m.rows[b], m.rows[a]), slices.Compare(a[:], b[:]))
	})
	for _, pair := range order {
		n := m.rows[pair]
		t.failed += n
		pairs = append(pairs, map[string]any{"from": pair[0], "to": pair[1], "rows": n})
		texts = append(texts, fmt.Sprintf("%s from %s to %s", report.Thousands(n), escape(pair[0]), escape(pair[1])))
	}
	t.problem = fmt.Sprintf("%s not in the split of %s: %s", isAre(t.failed, "is", "are"), there, list(texts, 10))
	if t.failed == 0 {
		t.observed = "no row that moved"
	}
	out := t.finding(spec, f)
	out.Details["moved"] = pairs[:min(len(pairs), 1000)]
	return out
}
