package modelcheck

import (
	"context"
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var cardParameters = Rule{
	ID:    "card.parameters",
	Doc:   "A number of parameters that the card names is that of the files, as far as it is rounded.",
	Group: report.GroupCard,
	Params: map[string]any{
		"tolerance": map[string]any{"type": "number", "minimum": 0, "maximum": 1, "default": 0.02, "description": "How far the number may lie off, as a share, if rounding does not explain it."},
	},
	run: onCard("CARD011", runCardParameters),
}

func runCardParameters(ctx context.Context, m *model, c *card.Card, spec manifest.CheckSpec) ([]report.Finding, error) {
	if len(c.Parameters) == 0 {
		return []report.Finding{m.cardFinding("", report.Pass, 0, "the card names no number of parameters")}, nil
	}
	first := c.Parameters[0]
	total, counted, unknown, err := m.parameters(ctx)
	if err != nil {
		return nil, err
	}
	if unknown.why != "" || counted == 0 || total == 0 {
		if unknown.why == "" {
			unknown.add("the files have none", convert)
		}
		f := m.cardFinding("CARD011", report.Inconclusive, first.Line, fmt.Sprintf("the card says %s parameters, and those of the files cannot be counted: %s", first.Written, unknown))
		f.Observed, f.Hint = first.Written, unknown.hint
		return []report.Finding{f}, nil
	}
	tolerance := number(spec.Params["tolerance"], 0.02)
	for _, claim := range c.Parameters {
		off := math.Abs(claim.Value - float64(total))
		// A card may speak of other models too: one right number is enough.
		if off <= claim.Unit || off <= tolerance*float64(total) {
			return []report.Finding{m.cardFinding("", report.Pass, claim.Line, fmt.Sprintf("the card says %s parameters, the files have %s", claim.Written, report.Thousands(total)))}, nil
		}
	}
	f := m.cardFinding("CARD011", report.Fail, first.Line, fmt.Sprintf("the card says %s parameters, the files have %s", first.Written, report.Thousands(total)))
	f.Expected, f.Observed = report.Thousands(total), first.Written
	f.Hint = "write the number that the files have"
	f.Details = map[string]any{"claimed": first.Value, "parameters": total}
	return []report.Finding{f}, nil
}
