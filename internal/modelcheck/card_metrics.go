package modelcheck

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var cardMetrics = Rule{
	ID:    "card.metrics",
	Doc:   "The metrics under model-index of the card are those measured from the predictions, as far as they are rounded.",
	Group: report.GroupCard,
	Params: map[string]any{
		"tolerance":  map[string]any{"type": "number", "minimum": 0, "default": 0, "description": "How far a metric may lie off, besides being rounded."},
		"unmeasured": map[string]any{"enum": []any{"refuse", "allow"}, "default": "refuse", "description": "Whether the card may have metrics that waybill does not measure, or on other data; refused ones are INCONCLUSIVE."},
		"required":   map[string]any{"type": "boolean", "default": false, "description": "Whether the card must have metrics."},
	},
	run: onCard("CARD006", runCardMetrics),
}

func runCardMetrics(_ context.Context, m *model, c *card.Card, spec manifest.CheckSpec) ([]report.Finding, error) {
	if len(c.Metrics) == 0 {
		if !flag(spec.Params["required"], false) {
			return []report.Finding{m.cardFinding("", report.Pass, 0, "the card claims no metrics")}, nil
		}
		f := m.cardFinding("CARD006", report.Fail, 1, "the card has no metrics")
		f.Expected, f.Observed, f.Hint = "metrics under model-index", "none", "add them: https://huggingface.co/docs/hub/model-cards#evaluation-results"
		return []report.Finding{f}, nil
	}
	var findings []report.Finding
	equal := 0
	for i, claim := range c.Metrics {
		f, ok := m.judgeMetric(claim, number(spec.Params["tolerance"], 0))
		switch {
		case ok:
			equal++
			continue
		case f.Verdict == report.Inconclusive && spec.Params["unmeasured"] == "allow":
			continue
		}
		f.Subject = fmt.Sprintf("%s %d", escaped(claim.Type), i+1)
		findings = append(findings, f)
	}
	if findings == nil {
		findings = []report.Finding{m.cardFinding("", report.Pass, c.Metrics[0].Line,
			fmt.Sprintf("%d of %s of the card were measured, and are the same", equal, count(len(c.Metrics), "metric")))}
	}
	return findings, nil
}

// judgeMetric compares what the card claims with what was measured. ok says
// that they are the same; then there is no finding.
func (m *model) judgeMetric(claim card.Metric, tolerance float64) (f report.Finding, ok bool) {
	inconclusive := func(why, hint string) (report.Finding, bool) {
		f := m.cardFinding("CARD006", report.Inconclusive, claim.Line, fmt.Sprintf("the card's %s cannot be held to a measured value: %s", escaped(claim.String()), why))
		f.Observed, f.Hint = escaped(claim.Written), hint
		return f, false
	}
	const allow = "remove it from the card, or write unmeasured: allow"
	if m.opts.Lock == nil || len(m.opts.Lock.Metrics) == 0 {
		return inconclusive("the lock has no metrics", "name the predictions under evaluation:, and run \"waybill lock "+m.artifact.Name+"\"")
	}
	if why := m.otherData(claim); why != "" {
		return inconclusive(why, allow)
	}
	name, measured, known := measuredAs(claim, m.opts.Lock.Metrics)
	if !known {
		return inconclusive("it is not among the metrics that were measured", allow)
	}
	within := func(scale float64) bool {
		unit := claim.Unit / scale
		if unit == 0.5 && math.Abs(measured) <= 1 {
			unit = 0 // nobody rounds a share to 0 or 1
		}
		// A hair more than the unit: 0.5 and 0.45 are not exact in binary.
		return math.Abs(claim.Value/scale-measured) <= unit*(1+1e-9)+tolerance+1e-9*math.Abs(measured)
	}
	// Many cards have percents without the sign. A metric here is at most 1, so
	// that what is well above it can be nothing else.
	if within(1) || !claim.Percent && claim.Value > 1.5 && math.Abs(measured) <= 1 && within(100) {
		return report.Finding{}, true
	}
	value := strconv.FormatFloat(measured, 'g', 6, 64)
	f = m.cardFinding("CARD006", report.Fail, claim.Line, fmt.Sprintf("the card claims %s, measured is %s %s", escaped(claim.String()), name, value))
	f.Expected, f.Observed = fmt.Sprintf("%s (%s)", value, name), escaped(claim.Written)
	f.Hint = "write the measured value into the card, or measure again: \"waybill lock " + m.artifact.Name + "\""
	f.Details = map[string]any{"metric": name, "claimed": claim.Value, "measured": measured, "tolerance": tolerance}
	return f, false
}

// otherData tells why a claim is about other data than the predictions.
func (m *model) otherData(claim card.Metric) string {
	for _, use := range m.artifact.Model.Datasets {
		if use.Role != "evaluate" {
			continue
		}
		if claim.Dataset != "" && !names(claim.Dataset, use.Ref.Name) && !names(claim.Title, use.Ref.Name) {
			return fmt.Sprintf("it is about %s, measured was on %s", quoted(claim.Dataset), use.Ref.Name)
		}
		if claim.Split != "" && use.Ref.Split != "" && claim.Split != use.Ref.Split {
			return fmt.Sprintf("it is about the split %s, measured was on %s", quoted(claim.Split), use.Ref.Split)
		}
	}
	return ""
}

// measuredAs finds the measured metric that a claim is about. The average of one
// over classes stands in its arguments, its type or its name.
func measuredAs(claim card.Metric, measured map[string]float64) (name string, value float64, ok bool) {
	kind := strings.NewReplacer("_", ".", "-", ".", " ", ".").Replace(strings.ToLower(claim.Type))
	if rest, found := strings.CutSuffix(kind, ".score"); found {
		kind = rest
	}
	words := strings.ToLower(claim.Average + " " + claim.Name)
	averaged := false
	for _, average := range []string{"macro", "weighted", "micro"} {
		if rest, found := strings.CutPrefix(kind, average+"."); found {
			kind = rest + "." + average
		}
		if strings.Contains(words, average) && !strings.HasSuffix(kind, "."+average) {
			kind += "." + average
		}
		averaged = averaged || strings.HasSuffix(kind, "."+average)
	}
	value, ok = measured[kind]
	if !ok && averaged {
		// The average over all rows is the accuracy where every row has one label.
		if base, found := strings.CutSuffix(kind, ".micro"); found && (base == "f1" || base == "precision" || base == "recall") {
			value, ok = measured["accuracy"]
			return "accuracy", value, ok
		}
	}
	return kind, value, ok
}
