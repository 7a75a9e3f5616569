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

type tableColumnsParams struct {
	Names []string `param:"names,required" doc:"The names expected."`
	Match string   `param:"match" enum:"exact,contains,within" doc:"exact: the data has these columns and no others. contains: it has all of them. within: it has no others. Default: exact."`
	Order bool     `param:"order" doc:"The columns must stand in the order of names."`
}

// splitSchema is what Run adds to the parameters of this rule for each split,
// under the key "schemas", which no manifest can have.
type splitSchema struct {
	split string // "" where files: has no splits, or findings name it already
	names []string
}

var tableColumns = Rule{
	ID:     "table.columns",
	Doc:    "The data has the columns named, in every split. Types are what columns: and the check schema are for.",
	Params: tableColumnsParams{},
	Bind: func(spec manifest.CheckSpec, have table.Schema) (Plan, error) {
		var p tableColumnsParams
		plan, err := newPlan(spec, have, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly", "where", "groupBy", "column"); err != nil {
			return plan, err
		}
		schemas, _ := spec.Params["schemas"].([]splitSchema)
		plan.Rows = func() RowCheck { return &unknownKeys{} }
		plan.Judge = func(f Facts) []report.Finding {
			late := sortedKeys(f.Check.(*unknownKeys).keys)
			var out []report.Finding
			for _, s := range schemas {
				if len(spec.Splits) == 1 {
					s.split = "" // findings name it already
				}
				if finding, bad := p.judge(s, late); bad {
					out = append(out, finding)
				}
			}
			if len(out) > 0 || len(schemas) == 0 {
				return out
			}
			names := schemas[0].names
			return []report.Finding{{
				Verdict: report.Pass, Expected: p.String(), Observed: list(names, 10),
				Message: fmt.Sprintf("the columns are as expected (%s)", count(int64(len(names)), "column")),
			}}
		}
		return plan, nil
	},
}

// judge compares the columns of one split. late are those of JSON lines that
// came too late for the schema.
func (p tableColumnsParams) judge(s splitSchema, late []string) (report.Finding, bool) {
	var lacks, extra, wrong []string
	has := func(names []string) func(string) bool {
		return func(n string) bool { return slices.Contains(names, n) }
	}
	if p.Match != "within" {
		lacks = slices.DeleteFunc(slices.Clone(p.Names), has(s.names))
	}
	if p.Match != "contains" {
		extra = slices.DeleteFunc(append(slices.Clone(s.names), late...), has(p.Names))
	}
	if len(lacks) > 0 {
		wrong = append(wrong, "lacks "+list(lacks, 10))
	}
	if len(extra) > 0 {
		wrong = append(wrong, "has "+list(extra, 10)+" besides")
	}
	want := slices.DeleteFunc(slices.Clone(p.Names), func(n string) bool { return !slices.Contains(s.names, n) })
	got := slices.DeleteFunc(slices.Clone(s.names), func(n string) bool { return !slices.Contains(p.Names, n) })
	if p.Order && !slices.Equal(want, got) {
		wrong = append(wrong, "has "+list(got, 10)+" in this order")
	}
	if len(wrong) == 0 {
		return report.Finding{}, false
	}
	what := "the data"
	if s.split != "" {
		what = "the split " + s.split
	}
	out := report.Finding{
		Verdict: report.Fail, Subject: s.split, Expected: p.String(), Observed: list(s.names, 10),
		Message: fmt.Sprintf("%s %s", what, strings.Join(wrong, ", and ")),
		Details: map[string]any{"columns": s.names[:min(len(s.names), 1000)]},
	}
	if len(extra) > 0 {
		out.Details["extra"] = extra[:min(len(extra), 1000)]
	}
	if len(lacks) > 0 {
		out.Details["lacks"] = lacks
		if near := ref.Nearest(lacks[0], s.names); near != "" && near != lacks[0] {
			out.Hint = fmt.Sprintf("%s may now be called %s", escape(lacks[0]), escape(near))
		}
	}
	return out, true
}

func (p tableColumnsParams) String() string {
	text := map[string]string{"contains": "among others ", "within": "only columns of "}[p.Match] + list(p.Names, 10)
	if p.Order {
		text += " in this order"
	}
	return text
}
