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

// splitFiles is what Run adds to the parameters of this rule, under the key
// "files", which no manifest can have.
type splitFiles struct {
	splitOf []string          // by the number of the file
	absent  map[string]string // columns that one of the splits lacks
}

var splitOverlap = Rule{
	ID:     "split.overlap",
	Doc:    "No row of the second of two splits occurs in the first one, in all columns that both have or in those that columns: names. Values are compared as text; rows that are null in all of the columns are not compared.",
	Params: struct{}{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p struct{}
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "groupBy"); err != nil {
			return plan, err
		}
		if len(spec.Splits) != 2 || spec.Splits[0] == spec.Splits[1] {
			return plan, mistake(spec, "split.overlap compares two splits", "name them with between: [train, test]")
		}
		known, _ := spec.Params["files"].(splitFiles)
		key, subject := profile.Key{Columns: spec.Columns, Nulls: profile.SkipAllNull}, strings.Join(spec.Columns, ", ")
		if len(spec.Columns) == 0 {
			absent := known.absent
			key.Columns = slices.DeleteFunc(schema.Names(), func(n string) bool { return absent[n] != "" })
			subject = "all columns"
			if len(absent) > 0 {
				subject = "all columns of both"
			}
		}
		if len(key.Columns) == 0 {
			plan.Judge = func(Facts) []report.Finding {
				return []report.Finding{{
					Verdict: report.Inconclusive, Subject: subject, Observed: "no such column",
					Message: "the splits have no column in common", Expected: "columns that both splits have",
				}}
			}
			return plan, nil
		}
		key.Sides = make([]int8, len(known.splitOf))
		for file, split := range known.splitOf {
			switch split {
			case spec.Splits[0]:
				key.Sides[file] = 1
			case spec.Splits[1]:
				key.Sides[file] = 2
			}
		}
		plan.Subject = subject
		plan.Needs.AddKey(key)
		plan.Judge = func(f Facts) []report.Finding {
			first, second := escape(spec.Splits[0]), escape(spec.Splits[1])
			t := tally{
				column: subject, noun: "row", holds: fmt.Sprintf("no row of %s is in %s", second, first),
				expected: fmt.Sprintf("no row of %s in %s", second, first), hint: "drop them from one of the splits: a model that saw them in training is judged too well",
			}
			if found := f.Profile.Keys[key.ID()]; found.Rows > 0 && found.Against == 0 {
				return []report.Finding{{
					Verdict: report.Inconclusive, Subject: subject, Expected: t.expected, Observed: "no rows in " + first,
					Message: fmt.Sprintf("%s: there are no rows in %s to compare with", subject, first),
				}}
			}
			return []report.Finding{judgeKey(t, fmt.Sprintf("of %s is in %s as well", second, first), fmt.Sprintf("of %s are in %s as well", second, first), spec, key, f)}
		}
		return plan, nil
	},
}
