package evalcheck

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/latency"
	"github.com/waybill-dev/waybill/internal/report"
)

var latencies = Rule{
	ID:  "evaluation.latency",
	Doc: "An answer takes no longer than max, or than ratio times what the baseline takes, as recorded by waybill bench.",
	Params: map[string]any{
		"file":           file("The recording of waybill bench, or a table with the times of one command."),
		"percentile":     map[string]any{"type": "number", "minimum": 0.1, "maximum": 99.99, "default": 99, "description": "The percentile of the times that is judged."},
		"max":            map[string]any{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?(us|µs|ms|s|m)$`, "description": "The longest that it may take, such as 50ms."},
		"ratio":          number(1, 100, "How many times as long as the baseline it may take: 1.1 is 10 % more."),
		"unit":           choice("The unit of a table of times without a header that names it.", "s", "ms", "us"),
		"confidence":     number(0.75, 0.9999, "How sure PASS and FAIL are, each. Default: 0.95."),
		"onInconclusive": onInconclusive,
	},
	Required: []string{"file"},
	files:    []string{"file"},
	bind: func(p *params) judge {
		p.needs("file", "file: eval/latency.csv")
		t := &timed{file: p.text("file"), unit: p.oneOf("unit", "s", "ms", "us"), percentile: p.orElse("percentile", 0.1, 99.99, 99)}
		t.gate = latency.Gate{Percentiles: []float64{math.Round(t.percentile*1e6) / 1e8}, Confidence: p.orElse("confidence", 0.75, 0.9999, 0.95)}
		if text := p.text("max"); text != "" {
			d, err := time.ParseDuration(text)
			if err != nil || d <= 0 {
				p.mistakef("as in: max: 50ms", "%s is not a value for max", quoted(text))
			}
			seconds := d.Seconds()
			t.gate.Max = &seconds
		}
		if ratio := p.number("ratio", 1, 100); ratio != nil {
			margin := math.Round((*ratio-1)*1e12) / 1e12
			t.gate.Margin = &margin
		}
		if t.gate.Max == nil && t.gate.Margin == nil {
			p.mistakef("as in: max: 50ms, or ratio: 1.1", "needs max or ratio")
		}
		if err := t.gate.Check(); err != nil {
			p.mistakef("", "%v", err)
		}
		return t.judge
	},
}

// timed is an entry.
type timed struct {
	file, unit string
	percentile float64 // 99 for p99
	gate       latency.Gate
}

func (t *timed) judge(ctx context.Context, env *Env) ([]report.Finding, []report.Section, error) {
	opened, err := env.open(t.file)
	if err != nil {
		return nil, nil, err
	}
	samples, err := latency.Read(ctx, opened, t.unit)
	const hint = "record it again: waybill bench"
	if err != nil {
		return nil, nil, unreadable(err, hint)
	}
	r := latency.Judge(samples, t.gate)
	decided := slices.DeleteFunc(slices.Clone(r.Decisions), func(d latency.Decision) bool { return math.Abs(d.Percentile-t.percentile) > 1e-6 })
	if len(decided) == 0 {
		return nil, nil, cannot(hint, "the recording decides nothing about the %sth percentile", strconv.FormatFloat(t.percentile, 'g', -1, 64))
	}
	var findings []report.Finding
	for _, d := range decided {
		f := report.Finding{
			Verdict: d.Verdict, Subject: strings.Join([]string{name(t.file), latency.Name(t.percentile / 100), d.Of}, " "),
			Message: text(d.Message), Expected: t.expected(d), Details: map[string]any{"percentile": t.percentile, "of": d.Of, "limit": rounded(d.Limit), "seed": r.Seed, "resamples": r.Resamples},
		}
		if d.Required != nil {
			f.Details["requiredN"] = *d.Required
		}
		switch d.Verdict {
		case report.Pass:
		case report.Fail:
			f.Hint = "profile an answer; if the time is needed, raise the limit"
		default:
			f.Verdict, f.Hint = report.Inconclusive, "record more runs on a quiet machine: waybill bench"
		}
		findings = append(findings, f)
	}
	return findings, t.sections(r), nil
}

func (t *timed) expected(d latency.Decision) string {
	if d.Of == "max" {
		return fmt.Sprintf("%s ≤ %s", latency.Name(t.percentile/100), latency.Seconds(d.Limit))
	}
	return fmt.Sprintf("%s ≤ %s times the baseline's", latency.Name(t.percentile/100), strconv.FormatFloat(d.Limit, 'g', 6, 64))
}

// sections leave out the one that repeats the findings.
func (t *timed) sections(r *latency.Result) []report.Section {
	return slices.DeleteFunc(latency.Sections(r), func(s report.Section) bool { return strings.HasPrefix(s.Title, "Latency:") })
}
