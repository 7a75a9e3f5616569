package evalcheck

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/schemas"
)

// Churn is the share of rows that two models answer differently, whether right
// or wrong: M. Milani Fard, Q. Cormier, K. Canini and M. Gupta, "Launch and
// Iterate: Reducing Prediction Churn" (2016), equation 1.
var churn = Rule{
	ID:  "evaluation.churn",
	Doc: "At most a share max of the rows gets another answer than from another version.",
	Params: map[string]any{
		"against":        map[string]any{"type": "string", "format": schemas.FormatReference, "description": "The version to compare with, such as \"#production\"."},
		"max":            someShare("The largest share of rows that may get another answer."),
		"confidence":     confidenceParam,
		"onInconclusive": onInconclusive,
		"firstRelease":   choice("What holds while there is no such version: it is INCONCLUSIVE, or passes.", "refuse", "allow"),
	},
	Required: []string{"against", "max"},
	bind: func(p *params) judge {
		p.needs("against", "against: \"#production\"")
		p.needs("max", "max: 0.05")
		c := &churned{against: p.text("against"), max: p.orElse("max", 0, 1, 0), sure: p.sure(), allowFirst: p.oneOf("firstRelease", "refuse", "allow") == "allow"}
		if c.max == 0 {
			p.mistakef("as in: max: 0.05", "a max of 0 is never known to hold")
		}
		return c.judge
	},
}

// churned is an entry.
type churned struct {
	against    string
	max        float64
	sure       confidence
	allowFirst bool
}

// flips are the rows that two models answer differently.
type flips struct {
	share                     proportion
	rows                      []int32 // the first of them
	worse, better, wrongTwice int64   // right→wrong, wrong→right, wrong→wrong
	moved                     float64 // mean |difference| of scores
	scored                    bool
}

const flipExamples = 5

func (c *churned) judge(ctx context.Context, env *Env) ([]report.Finding, []report.Section, error) {
	if _, err := env.predicted(); err != nil {
		return nil, nil, err
	}
	if env.Pair == nil {
		return nil, nil, cannot("run \"waybill check\" in the repository", "other versions are not known here")
	}
	other, err := env.Pair(ctx, c.against)
	if err != nil {
		return nil, nil, err
	}
	f := report.Finding{Subject: "against " + name(c.against), Verdict: report.Pass, Expected: "≤ " + report.Percent(c.max) + " of the rows"}
	one := func() ([]report.Finding, []report.Section, error) { return []report.Finding{f}, nil, nil }
	switch {
	case other == nil:
		return nil, nil, cannot("evaluate that version on the same rows", "there is nothing known of %s", name(c.against))
	case other.First && c.allowFirst:
		f.Message = fmt.Sprintf("there is no %s yet, and the check allows a first release", name(c.against))
		return one()
	case other.First:
		f.Verdict, f.Message = report.Inconclusive, fmt.Sprintf("there is no %s to compare with", name(c.against))
		f.Hint = "a first release needs \"firstRelease: allow\" in the check"
		return one()
	case other.Itself:
		f.Message = fmt.Sprintf("this is %s itself", name(other.Name))
		return one()
	case other.Pair == nil:
		return nil, nil, cannot("evaluate that version on the same rows", "the predictions of %s are not at hand", name(other.Name))
	case len(other.Pair.Problems) > 0:
		return nil, nil, cannot("evaluate that version on the same rows", "%s cannot be compared with: %s", name(other.Name), text(other.Pair.Problems[0]))
	}
	found, why := flipped(other.Pair.Candidate, other.Pair.Baseline)
	if why != "" {
		return nil, nil, cannot("name the column of predictions under evaluation:", "answers that flip cannot be counted: %s", why)
	}
	c.decide(&f, found, name(other.Name))
	c.examples(&f, env, other.Pair, found)
	return []report.Finding{f}, found.sections(name(other.Name)), nil
}

// flipped counts the rows that two models answer differently, or says why they
// cannot be counted.
func flipped(c, b *metric.Sample) (*flips, string) {
	var differs, wasRight, isRight func(i int32) bool
	switch {
	case c.N == 0 || c.N != b.N:
		return nil, "there are no rows that both answer"
	case c.Prediction != nil && b.Prediction != nil && c.Label != nil:
		differs = func(i int32) bool { return c.Prediction[i] != b.Prediction[i] }
		wasRight = func(i int32) bool { return b.Prediction[i] == c.Label[i] }
		isRight = func(i int32) bool { return c.Prediction[i] == c.Label[i] }
	case c.PredictionSet != nil && b.PredictionSet != nil && c.LabelSet != nil:
		differs = func(i int32) bool { return !slices.Equal(c.PredictionSet[i], b.PredictionSet[i]) }
		wasRight = func(i int32) bool { return slices.Equal(b.PredictionSet[i], c.LabelSet[i]) }
		isRight = func(i int32) bool { return slices.Equal(c.PredictionSet[i], c.LabelSet[i]) }
	case c.Answer != nil && b.Answer != nil && c.Reference != nil:
		differs = func(i int32) bool { return c.Answer[i] != b.Answer[i] }
		wasRight = func(i int32) bool { return b.Answer[i] == c.Reference[i] }
		isRight = func(i int32) bool { return c.Answer[i] == c.Reference[i] }
	case c.Task == metric.Regression || c.Task == metric.Ranking:
		return nil, fmt.Sprintf("the task is %s, whose answers are numbers that nearly always differ", c.Task)
	default:
		return nil, "one of the two has scores and no predicted label"
	}
	f := &flips{}
	all := make([]int32, c.N)
	for i := range all {
		row := int32(i)
		all[i] = row
		if !differs(row) {
			continue
		}
		if len(f.rows) < flipExamples {
			f.rows = append(f.rows, row)
		}
		switch was, is := wasRight(row), isRight(row); {
		case was:
			f.worse++
		case is:
			f.better++
		default:
			f.wrongTwice++
		}
	}
	f.share = proportionOf(c.Cluster, func(row int32) (counts, hit bool) { return true, differs(row) }, all)
	if c.Score != nil && b.Score != nil {
		total := 0.0
		for i, v := range c.Score {
			total += math.Abs(v-b.Score[i]) / float64(c.N)
		}
		if !math.IsInf(total, 0) && !math.IsNaN(total) {
			f.moved, f.scored = total, true
		}
	}
	return f, ""
}

// decide fills in the verdict of the interval.
func (c *churned) decide(f *report.Finding, found *flips, other string) {
	p := found.share
	lower, upper := p.exact(c.sure)
	rate := p.rate()
	says := fmt.Sprintf("%s of %s got another answer than from %s (%s): %s right before, %s right now", report.Thousands(p.hits),
		report.Count(p.n, "row"), other, percent(rate, c.max), report.Thousands(found.worse), report.Thousands(found.better))
	interval := percent(lower, c.max) + " to " + percent(upper, c.max)
	f.Observed = fmt.Sprintf("%s (%s interval %s)", percent(rate, c.max), c.sure, interval)
	limit := "the allowed " + report.Percent(c.max)
	f.Details = map[string]any{
		"rows": p.n, "flips": p.hits, "rightToWrong": found.worse, "wrongToRight": found.better, "wrongToWrong": found.wrongTwice, "limit": c.max,
		"share": rounded(rate), "interval": map[string]any{"lower": rounded(lower), "upper": rounded(upper), "confidence": c.sure.level()},
	}
	if found.scored {
		f.Details["meanScoreDifference"] = rounded(found.moved)
	}
	switch {
	case upper <= c.max:
		f.Verdict, f.Message = report.Pass, fmt.Sprintf("%s; all of the %s interval (%s) is within %s", says, c.sure, interval, limit)
	case lower > c.max:
		f.Verdict, f.Message = report.Fail, fmt.Sprintf("%s; all of the %s interval (%s) is above %s", says, c.sure, interval, limit)
		f.Hint = "look at the answers that changed from right to wrong; if the change is meant, raise max"
	default:
		f.Verdict, f.Message = report.Inconclusive, fmt.Sprintf("%s; the %s interval (%s) reaches above %s", says, c.sure, interval, limit)
		f.Hint = "evaluate both versions on more rows"
		if n := neededShare(p, c.max, c.sure); n > 0 {
			f.Message += fmt.Sprintf("; about %s would decide", report.Count(n, "row"))
			f.Details["requiredN"] = n
		}
	}
}

// examples names a few of the rows that flipped.
func (c *churned) examples(f *report.Finding, env *Env, p *predictions.Pair, found *flips) {
	var out []any
	for _, row := range found.rows {
		example := map[string]any{"row": int64(row) + 1}
		label, now, was := answers(p.Candidate, p.Baseline, row)
		for key, value := range map[string]string{"label": label, "candidate": now, "baseline": was} {
			if s := env.sample(value); s != "" {
				example[key] = s
			}
		}
		out = append(out, example)
	}
	if len(out) > 0 {
		f.Details["examples"] = out
	}
}

// answers are what stands in a row: the truth, the answer and that of before.
func answers(c, b *metric.Sample, row int32) (label, now, was string) {
	switch {
	case c.Prediction != nil:
		return c.Classes[c.Label[row]], c.Classes[c.Prediction[row]], c.Classes[b.Prediction[row]]
	case c.PredictionSet != nil:
		names := func(set []int32) string {
			var out []string
			for _, class := range set {
				out = append(out, c.Classes[class])
			}
			return fmt.Sprint(out)
		}
		return names(c.LabelSet[row]), names(c.PredictionSet[row]), names(b.PredictionSet[row])
	}
	return c.Reference[row], c.Answer[row], b.Answer[row]
}

func (found *flips) sections(other string) []report.Section {
	n := found.share.n
	line := func(what string, rows int64) []string {
		return []string{what, report.Thousands(rows), report.Percent(float64(rows) / float64(n))}
	}
	rows := [][]string{
		line("same answer", n-found.share.hits), line("right before, wrong now", found.worse),
		line("wrong before, right now", found.better), line("wrong in another way", found.wrongTwice),
	}
	if found.scored {
		rows = append(rows, []string{"mean change of the score", decimal(found.moved, -1), ""})
	}
	return []report.Section{report.TableSection("Answers compared with "+other, []string{"", ">Rows", ">Share"}, rows)}
}
