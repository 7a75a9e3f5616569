package datacheck

import (
	"fmt"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

var splitNearOverlap = Rule{
	ID:     "split.near-overlap",
	Doc:    "No text of the second of two splits is nearly or exactly one of the first, by the Jaccard similarity of their words in a row; nulls and texts without words are not compared.",
	Params: nearParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p nearParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "groupBy"); err != nil {
			return plan, err
		}
		sides, err := sidesOf(spec)
		if err != nil {
			return plan, err
		}
		if plan, err = p.bind(plan, spec, schema, sides); err != nil || plan.Rows == nil {
			return plan, err
		}
		plan.Judge = func(f Facts) []report.Finding {
			n := f.Check.(*nearTexts)
			if n.full() {
				return []report.Finding{n.given(p)}
			}
			first, second := escape(spec.Splits[0]), escape(spec.Splits[1])
			like := fmt.Sprintf("at least %s like one of %s", percent(*p.Similarity), first)
			expected := fmt.Sprintf("no row of %s %s", second, like)
			if n.rows[1] > 0 && n.rows[0] == 0 {
				return []report.Finding{{
					Verdict: report.Inconclusive, Subject: n.column, Expected: expected, Observed: "no rows in " + first,
					Message: fmt.Sprintf("%s: there are no texts in %s to compare with", n.column, first),
				}}
			}
			found := n.find(*p.Similarity)
			rows, same := int64(0), int64(0)
			for _, pair := range found.near {
				rows += pair.text.rows[1]
				if pair.text == pair.like {
					same += pair.text.rows[1]
				}
			}
			t := tally{
				column: n.column, noun: "row", checked: n.rows[1], failed: rows, expected: expected,
				problem: fmt.Sprintf("%sof %s %s %s", n.scheme.orMore(*p.Similarity), second, isAre(rows, "is", "are"), like),
				holds:   fmt.Sprintf("no row of %s was found that is %s", second, like),
				hint:    "drop them from one of the splits: a model that saw nearly the same in training is judged too well",
			}
			out := p.finding(t, found, 1, spec, f)
			if same > 0 {
				out.Details["same"] = same
				out.Message += fmt.Sprintf("; %s of them %s exactly the same", report.Thousands(same), isAre(same, "is", "are"))
			}
			return []report.Finding{out}
		}
		return plan, nil
	},
}

// sidesOf tells for each file whether it belongs to the first (1) or second
// (2) of the two splits of an entry.
func sidesOf(spec manifest.CheckSpec) ([]int8, error) {
	if len(spec.Splits) != 2 || spec.Splits[0] == spec.Splits[1] {
		return nil, mistake(spec, spec.Check+" compares two splits", "name them with between: [train, test]")
	}
	known, _ := spec.Params["files"].(splitFiles)
	sides := make([]int8, len(known.splitOf))
	for file, split := range known.splitOf {
		switch split {
		case spec.Splits[0]:
			sides[file] = 1
		case spec.Splits[1]:
			sides[file] = 2
		}
	}
	return sides, nil
}

// sideOf returns the side of a file, 0 for none.
func sideOf(sides []int8, file int) int8 {
	if file < len(sides) {
		return sides[file]
	}
	return 0
}
