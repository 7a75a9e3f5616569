package evaluate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
)

// show writes sections as a person can read them.
func show(t *testing.T, sections []report.Section) string {
	t.Helper()
	finite(t, sections)
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "# %s\n", s.Title)
		switch {
		case s.Table != nil:
			var titles []string
			for _, c := range s.Table.Columns {
				titles = append(titles, c.Title)
			}
			b.WriteString(strings.Join(titles, " | ") + "\n")
			for _, row := range s.Table.Rows {
				if len(row) != len(titles) {
					t.Errorf("%d cells in a table of %d columns", len(row), len(titles))
				}
				b.WriteString(strings.Join(row, " | ") + "\n")
			}
			if s.Table.Omitted > 0 {
				fmt.Fprintf(&b, "and %d more\n", s.Table.Omitted)
			}
		case s.Intervals != nil:
			for _, i := range s.Intervals.Rows {
				fmt.Fprintf(&b, "%s: %.4f (%.4f to %.4f), limit %.4f, %s\n", i.Label, i.Value, i.Lower, i.Upper, *i.Limit, i.Verdict)
			}
		case s.Matrix != nil:
			fmt.Fprintf(&b, "%s \\ %s: %v %v\n", s.Matrix.Row, s.Matrix.Column, s.Matrix.Labels, s.Matrix.Counts)
		case s.Curves != nil:
			for _, l := range s.Curves.Lines {
				fmt.Fprintf(&b, "%s: %d points\n", l.Label, len(l.X))
			}
		case s.Text != nil:
			b.WriteString(*s.Text + "\n")
		}
	}
	return b.String()
}

func TestSections(t *testing.T) {
	for name, c := range map[string]struct{ labels, answers string }{
		"binary":    {"1 1 1 0 0 0 1 0", "1 1 0 0 0 1 1 0"},
		"classes":   {"cat dog bird cat dog bird", "cat dog bird dog dog cat"},
		"undefined": {"0 0 0", "0 0 0"},
		"problems":  {"1 0", "1 NaN"},
		"unclear":   {"ham spam", "ham ham"},
	} {
		t.Run(name, func(t *testing.T) {
			set := read(t, spec(csv(t, strings.Fields(c.labels), strings.Fields(c.answers))))
			golden(t, "sections/"+name+".txt", show(t, evaluate.Sections(set, 0)))
		})
	}
}

func TestGateSections(t *testing.T) {
	p := sliced([]string{"de", "en", "fr", "it"}, pairOf(1800, 60, 20, 120), pairOf(800, 5, 120, 75), pairOf(400, 20, 22, 58), pairOf(9, 0, 2, 0))
	of := func(p *predictions.Pair, g evaluate.Gate) *evaluate.Answer { return evaluate.JudgePair(p, g) }
	n := estimated(random(2), 400, 50, 40)
	got := show(t, evaluate.GateSections([]*evaluate.Answer{
		of(p, evaluate.Gate{Metric: "accuracy", Against: "#production", Margin: to(0.02), Slices: []string{"lang"}}),
		of(p, evaluate.Gate{Metric: "recall", Against: "#production", Margin: to(0.05)}),
		of(p, evaluate.Gate{Metric: "roc_auc", Against: "#production", Margin: to(0.02)}),
		of(n, evaluate.Gate{Metric: "mae", Against: "#production", Relative: to(0.1)}),
	}))
	golden(t, "sections/gates.txt", got)
	if evaluate.GateSections(nil) != nil {
		t.Error("sections of no gate")
	}
}

func TestCurves(t *testing.T) {
	p := scored(random(4), 500, 1, 2)
	got := show(t, evaluate.CurveSections(p.Candidate, p.Baseline))
	for _, want := range []string{"# ROC curve\ncandidate: ", "\nbaseline: ", "# Precision and recall\n", "# Calibration\ncandidate: 10 points"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
