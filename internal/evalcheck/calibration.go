package evalcheck

import (
	"context"
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/stats"
)

// The calibration error that is seen is greater than the true one, since noise
// moves every bin away from the diagonal and distances do not cancel: J. Bröcker,
// "Estimating reliability and resolution of probability forecasts through
// decomposition of the empirical score" (Climate Dynamics 39, 2012); R. Roelofs,
// N. Cain, J. Shlens and M. C. Mozer, "Mitigating Bias in Calibration Error
// Estimation" (2022). A bootstrap adds the same noise once more, so that its
// percentiles would fail models that are calibrated. Bounds are therefore made of
// its standard error, and the lower one first gives back what noise alone adds
// at most (see noise). By the triangle inequality the error seen is above the
// true one by that on average, and by Jensen's not below.
var calibration = Rule{
	ID:  "evaluation.calibration",
	Doc: "The probabilities that the model gives come true as often as they say, up to a calibration error of max.",
	Params: map[string]any{
		"max":            someShare("The largest calibration error."),
		"bins":           integer(2, metric.MaxBins, "Bins of equal width. Default: 10."),
		"norm":           choice("ece is the mean gap between probability and frequency over the rows, mce the greatest of any bin.", "ece", "mce"),
		"confidence":     confidenceParam,
		"onInconclusive": onInconclusive,
	},
	Required: []string{"max"},
	bind: func(p *params) judge {
		p.needs("max", "max: 0.05")
		c := &calibrated{max: p.orElse("max", 0, 1, 0), bins: int(p.whole("bins", 2, metric.MaxBins, 10)), norm: p.oneOf("norm", "ece", "mce"), sure: p.sure()}
		if c.max == 0 {
			p.mistakef("as in: max: 0.05", "a max of 0 is never known to hold")
		}
		return c.judge
	},
}

// calibrated is an entry.
type calibrated struct {
	max  float64
	bins int
	norm string
	sure confidence
}

func (c *calibrated) judge(ctx context.Context, env *Env) ([]report.Finding, []report.Section, error) {
	set, err := env.predicted()
	if err != nil {
		return nil, nil, err
	}
	s := set.Sample
	m, err := metric.Find(fmt.Sprintf("%s@%d", c.norm, c.bins), s.Task)
	if err != nil {
		return nil, nil, cannot("leave the check out", "there is no calibration error of the task %s, which has no probabilities of classes", s.Task)
	}
	value, err := m.Value(s)
	if err != nil {
		return nil, nil, cannot("name the column of probabilities under evaluation: as score:, or scores:", "the calibration error is undefined: %s", text(err.Error()))
	}
	bins := metric.Calibration(s, c.bins)
	f := report.Finding{Subject: fmt.Sprintf("%s %d", c.norm, c.bins), Expected: fmt.Sprintf("%s ≤ %s", c.norm, bound(c.max)), Verdict: report.Inconclusive}
	found, why := c.measure(s, m, value, bins)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if why != "" {
		f.Observed = decimal(value, c.max)
		f.Message, f.Hint = fmt.Sprintf("the %s is %s; how sure that is cannot be said: %s", c.norm, decimal(value, c.max), why), "predict more rows"
		f.Details = map[string]any{"value": rounded(value), "limit": c.max, "n": s.N}
		return []report.Finding{f}, c.sections(s, bins), nil
	}
	c.decide(&f, s, found)
	return []report.Finding{f}, c.sections(s, bins), nil
}

// gap is a calibration error.
type gap struct {
	value, noise, se, lower, upper float64
	method                         string
	seed                           uint64
	resamples                      int
}

// measure estimates the error of the error, or says why it cannot.
func (c *calibrated) measure(s *metric.Sample, m *metric.Metric, value float64, bins []metric.Bin) (*gap, string) {
	const least, usual, work = 200, 1000, 200_000_000
	if s.N < 30 {
		return nil, fmt.Sprintf("%s are too few", report.Count(int64(s.N), "row"))
	}
	w, err := m.Whole(s)
	if err != nil {
		return nil, text(err.Error())
	}
	draw := stats.Resampling{Seed: 1, Resamples: max(least, min(usual, work/s.N)), Confidence: c.sure.level(), Percentile: true}
	b := stats.BootstrapRows(stats.Rows{N: s.N, Cluster: s.Cluster}, func(weight []uint32, out []float64) { out[0] = w.Value(weight) }, 1, draw)[0]
	switch {
	case !b.OK:
		return nil, b.Reason
	case !(b.SE > 0) || math.IsInf(b.SE, 1):
		return nil, "every resample of the rows gives the same"
	}
	g := &gap{value: value, noise: c.noise(bins, int64(s.N)), se: b.SE, seed: draw.Seed, resamples: draw.Resamples}
	z := stats.NormalQuantile(float64(c.sure))
	g.lower, g.upper = max(value-g.noise-float64(z*g.se), 0), min(value+float64(z*g.se), 1)
	g.method = fmt.Sprintf("standard error of the bootstrap, %s, seed %d", report.Count(int64(draw.Resamples), "resample"), draw.Seed)
	return g, ""
}

// noise is what a perfectly calibrated model would show on as many rows: the
// mean distance of a binomial rate from its probability p, √(2/π)·√(p(1−p)/n)
// by the normal distribution, for ece the mean over the rows; for mce at most
// the greatest standard error times √(2·ln 2k) for k bins.
func (c *calibrated) noise(bins []metric.Bin, n int64) float64 {
	total, greatest := 0.0, 0.0
	for _, b := range bins {
		se := math.Sqrt(max(b.Mean*(1-b.Mean), 0) / float64(b.N))
		total += float64(se * float64(b.N) / float64(n))
		greatest = max(greatest, se)
	}
	if c.norm == "mce" {
		return greatest * math.Sqrt(2*math.Log(2*float64(len(bins))))
	}
	return math.Sqrt(2/math.Pi) * total
}

func (c *calibrated) decide(f *report.Finding, s *metric.Sample, g *gap) {
	value := decimal(g.value, c.max)
	interval := decimal(g.lower, c.max) + " to " + decimal(g.upper, c.max)
	f.Observed = fmt.Sprintf("%s (%s interval %s)", value, c.sure, interval)
	says := fmt.Sprintf("the %s of %s in %d bins is %s, of which noise alone makes up to %s", c.norm, report.Count(int64(s.N), "row"), c.bins, value, decimal(g.noise, -1))
	limit := "the allowed " + bound(c.max)
	f.Details = map[string]any{
		"value": rounded(g.value), "noise": rounded(g.noise), "limit": c.max, "n": s.N, "bins": c.bins, "method": g.method, "seed": g.seed, "resamples": g.resamples,
		"interval": map[string]any{"lower": rounded(g.lower), "upper": rounded(g.upper), "confidence": c.sure.level()},
	}
	switch {
	case g.upper <= c.max:
		f.Verdict, f.Message = report.Pass, fmt.Sprintf("%s; all of the %s interval (%s) is within %s", says, c.sure, interval, limit)
	case g.lower > c.max:
		f.Verdict, f.Message = report.Fail, fmt.Sprintf("%s; all of the %s interval (%s) is above %s", says, c.sure, interval, limit)
		f.Hint = "calibrate the scores on held-out rows (Platt scaling, isotonic regression, temperature)"
	default:
		f.Message, f.Hint = fmt.Sprintf("%s; the %s interval (%s) reaches above %s", says, c.sure, interval, limit), "predict more rows, or use fewer bins"
		if n := c.required(g, int64(s.N)); n > 0 {
			f.Message += fmt.Sprintf("; about %s would decide", report.Count(n, "row"))
			f.Details["requiredN"] = n
		}
	}
}

// required is how many rows would decide if the true error were what is seen
// less the noise: both noise and standard error shrink with the square root of
// their number. 0 when that is not known.
func (c *calibrated) required(g *gap, n int64) int64 {
	truth := max(g.value-g.noise, 0)
	spread := (stats.NormalQuantile(float64(c.sure)) + stats.NormalQuantile(power)) * g.se
	if truth < c.max {
		spread += g.noise
	}
	factor := spread / (truth - c.max)
	rows := math.Ceil(float64(n) * factor * factor)
	if !(rows > float64(n) && rows <= 1e15) {
		return 0
	}
	return int64(rows)
}

// sections are the bins and the reliability diagram.
func (c *calibrated) sections(s *metric.Sample, bins []metric.Bin) []report.Section {
	const most = 50
	var rows [][]string
	line := report.Line{Label: "candidate", Points: true}
	for _, b := range bins {
		hits := int64(math.Round(b.Rate * float64(b.N)))
		lower, upper := stats.ClopperPearson(hits, b.N, c.sure.level())
		rows = append(rows, []string{
			bound(b.Lower) + " to " + bound(b.Upper), report.Thousands(b.N), decimal(b.Mean, -1), decimal(b.Rate, -1),
			decimal(lower, -1) + " to " + decimal(upper, -1), decimal(math.Abs(b.Mean-b.Rate), -1),
		})
		line.X, line.Y = append(line.X, rounded(b.Mean)), append(line.Y, rounded(b.Rate))
		line.Lower, line.Upper = append(line.Lower, rounded(lower)), append(line.Upper, rounded(upper))
	}
	of := "Came true"
	if s.Task == metric.Multiclass {
		of = "Right"
	}
	table := report.TableSection("Calibration by bin", []string{"Probability", ">n", ">Mean", ">" + of, ">" + c.sure.String() + " interval", ">Gap"}, rows[:min(len(rows), most)])
	table.Table.Omitted = len(rows) - len(table.Table.Rows)
	share := func(label string) report.Axis { return report.Axis{Label: label, Low: 0, High: 1} }
	return []report.Section{table, {Title: "Reliability", Curves: &report.Curves{X: share("Mean probability"), Y: share(of), Diagonal: true, Lines: []report.Line{line}}}}
}
