package latency

import (
	"fmt"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/stats"
)

// Defaults of a Gate.
const (
	DefaultConfidence = 0.95
	DefaultResamples  = 2000
	DefaultSeed       = 1
)

// Gate says what is asked of a recording. A gate with neither Max nor Margin
// asks nothing; Judge then only measures.
type Gate struct {
	// Percentiles decide, as shares above 0 and below 1. nil stands for the
	// median. The median and the 90th and 99th percentile are always shown.
	Percentiles []float64
	// Max is the most seconds that these percentiles may take.
	Max *float64
	// Margin is by how much they may be slower than the baseline's, as a share:
	// 0.05 allows a ratio of 1.05.
	Margin *float64
	// Confidence is one-sided: how sure PASS and FAIL are, each. The intervals
	// shown are bounded by it on both sides. 0 stands for 0.95.
	Confidence float64
	Seed       uint64 // of the bootstrap, 0 for DefaultSeed
	Resamples  int    // 0 for DefaultResamples
}

// Check says what is wrong with a gate.
func (g Gate) Check() error {
	for _, q := range g.Percentiles {
		if !(q >= 0.001 && q <= 0.9999) {
			return fmt.Errorf("percentile %v: expected 0.1 to 99.99", 100*q)
		}
	}
	switch {
	case len(g.Percentiles) > 20:
		return fmt.Errorf("%d percentiles: at most 20", len(g.Percentiles))
	case g.Max != nil && !(*g.Max > 0 && *g.Max <= MaxSeconds):
		return fmt.Errorf("max %v s: expected a time above 0 and up to %v s", *g.Max, MaxSeconds)
	case g.Margin != nil && !(*g.Margin >= 0 && *g.Margin <= 100):
		return fmt.Errorf("margin %v: expected a share from 0 to 100; 0.05 allows 5 %% more", *g.Margin)
	case g.Confidence != 0 && !(g.Confidence >= 0.75 && g.Confidence <= 0.9999):
		return fmt.Errorf("confidence %v: expected 0.75 to 0.9999", g.Confidence)
	case g.Resamples != 0 && (g.Resamples < 200 || g.Resamples > 100_000):
		return fmt.Errorf("%d resamples: expected 200 to 100,000", g.Resamples)
	}
	return nil
}

func (g Gate) withDefaults() Gate {
	if len(g.Percentiles) == 0 {
		g.Percentiles = []float64{0.5}
	}
	if g.Confidence == 0 {
		g.Confidence = DefaultConfidence
	}
	if g.Seed == 0 {
		g.Seed = DefaultSeed
	}
	if g.Resamples == 0 {
		g.Resamples = DefaultResamples
	}
	return g
}

// twoSided is the confidence of an interval of which either bound alone has
// the gate's.
func (g Gate) twoSided() float64 { return float64(2*g.Confidence) - 1 }

// Judge answers a gate, which Check has found good, from a recording.
//
// Max: the interval of a percentile is that of order statistics, which assumes
// nothing about the distribution (H. A. David and H. N. Nagaraja, "Order
// Statistics", 3rd ed., section 7.1). PASS if its upper bound is at most Max,
// FAIL if its lower bound is above, else INCONCLUSIVE.
//
// Margin: PASS if the upper bound of the ratio is below 1 + Margin, FAIL if the
// lower bound is above, else INCONCLUSIVE. For the median the ratio is the
// median of the rounds' ratios, with order statistics; for others it is the
// ratio of the two percentiles, with the percentile bootstrap over rounds. When
// the baseline differs from itself by more than the margin, the verdict must
// also hold for the interval widened by that difference.
//
// A command that failed in some runs decides nothing: failures are often fast.
func Judge(s *Samples, g Gate) *Result {
	g = g.withDefaults()
	c, b, a := s.of(Candidate), s.of(Baseline), s.of(Again)
	r := &Result{APIVersion: report.APIVersion, Confidence: g.Confidence, IntervalConfidence: report.Rounded(g.twoSided()),
		Seed: g.Seed, Resamples: g.Resamples, Percentiles: []Percentile{}, Decisions: []Decision{}, Runs: []Runs{},
		candidate: sorted(c.seconds), baseline: sorted(b.seconds)}
	for _, x := range []struct {
		name string
		series
	}{{Candidate, c}, {Baseline, b}, {Again, a}} {
		if n := int64(len(x.seconds)); n+x.failed > 0 || x.name == Candidate {
			r.Runs = append(r.Runs, Runs{x.name, n, x.failed})
		}
		if x.failed > 0 {
			r.Notes = append(r.Notes, failures(x.name, x.series)+"; they are not timed")
		}
	}
	shown := slices.Clone(g.Percentiles)
	for _, q := range []float64{0.5, 0.9, 0.99} {
		if !slices.Contains(shown, q) {
			shown = append(shown, q)
		}
	}
	slices.Sort(shown)
	shown = slices.Compact(shown)
	pairs := match(c, b, a)
	r.Rounds = int64(len(pairs.candidate))
	g.Resamples = g.affordable(r.Rounds)
	r.Resamples = g.Resamples
	ratios, noises := pairs.ratios(shown, g)
	for i, q := range shown {
		p := Percentile{Percentile: hundred(q), Candidate: percentile(r.candidate, q, g), Baseline: percentile(r.baseline, q, g), Ratio: ratios[i], Noise: noises[i]}
		r.Percentiles = append(r.Percentiles, p)
		if !slices.Contains(g.Percentiles, q) {
			continue
		}
		if g.Max != nil {
			r.Decisions = append(r.Decisions, r.decideMax(p.Candidate, q, g, c))
		}
		if g.Margin != nil {
			r.Decisions = append(r.Decisions, r.decideRatio(p, q, g, c, b, a))
		}
	}
	if len(r.baseline) > 0 && len(a.seconds) == 0 {
		r.Notes = append(r.Notes, "the baseline ran once a round: how much it differs from itself on this machine is not known")
	}
	r.Verdict = overall(r.Decisions)
	return r
}

// overall needs every condition to hold. No correction for their number is
// due: a false PASS takes a false PASS of each condition that does not hold (an
// intersection-union test, R. L. Berger, 1982).
func overall(decisions []Decision) report.Verdict {
	if len(decisions) == 0 {
		return ""
	}
	out := report.Pass
	for _, d := range decisions {
		switch {
		case d.Verdict == report.Fail:
			return report.Fail
		case d.Verdict != report.Pass:
			out = report.Inconclusive
		}
	}
	return out
}

func (r *Result) decideMax(e *Estimate, q float64, g Gate, c series) Decision {
	limit := *g.Max
	d := Decision{Percentile: hundred(q), Of: "max", Limit: limit, Verdict: report.Inconclusive}
	name := Name(q)
	switch {
	case c.failed > 0:
		d.Message = failures(Candidate, c) + "; see why before it is timed"
		return d
	case e == nil:
		d.Message = "the candidate has no runs"
		return d
	case e.Lower != nil && *e.Lower > limit:
		d.Verdict = report.Fail
		d.Message = fmt.Sprintf("%s of the candidate is %s, at least %s: above the limit of %s", name, Seconds(e.Value), Seconds(*e.Lower), Seconds(limit))
		return d
	case e.Upper != nil && *e.Upper <= limit:
		d.Verdict = report.Pass
		d.Message = fmt.Sprintf("%s of the candidate is %s, at most %s: within the limit of %s", name, Seconds(e.Value), Seconds(*e.Upper), Seconds(limit))
		return d
	}
	n := int64(len(r.candidate))
	slow := n - int64(countUpTo(r.candidate, limit))
	d.Required = enough(n, slow, q, g.Confidence)
	if e.Lower == nil || e.Upper == nil {
		d.Message = fmt.Sprintf("%s of the candidate: %s", name, e.Reason)
		if slow == 0 {
			return d
		}
	} else {
		d.Message = fmt.Sprintf("%s of the candidate cannot be told from the limit of %s", name, Seconds(limit))
	}
	d.Message += fmt.Sprintf("; %s of %s took longer", report.Thousands(slow), runs(n))
	if d.Required != nil {
		d.Message += fmt.Sprintf(", about %s would decide if they were like these", report.Thousands(*d.Required))
	}
	return d
}

// enough is about how many runs would put a percentile on one side of a limit
// that slow of n runs exceeded: as many as MLPerf's early stopping asks for if
// none of the others is slow (LoadGen, early_stopping.cc), and more when slow
// runs stay as frequent as they are. nil when they are as frequent as the
// percentile allows, or so nearly that no run of a benchmark tells.
func enough(n, slow int64, q, confidence float64) *int64 {
	if n <= 0 {
		return nil
	}
	need := max(Needed(q, confidence), n+1)
	share, allowed := float64(slow)/float64(n), 1-q
	if share <= allowed {
		fast, ok := stats.EarlyStopping(slow, q, 0, confidence)
		if !ok {
			return nil
		}
		need = max(need, fast+slow)
	}
	if slow > 0 { // the interval of a share, by the normal distribution
		z := math.Sqrt2 * math.Erfinv(float64(2*confidence)-1)
		more := math.Ceil(z * z * q * allowed / math.Pow(share-allowed, 2))
		if !(more <= 100*MaxSamples) {
			return nil
		}
		need = max(need, int64(more))
	}
	return &need
}

// Needed is the smallest number of runs from which both bounds of a
// percentile's interval exist: 5 for the median, 29 for p90, 299 for p99 at
// confidence 0.95. Fewer are all below it, or all above, too often.
func Needed(q, confidence float64) int64 {
	return int64(math.Ceil(math.Log(1-confidence)/math.Log(max(q, 1-q)) - 1e-9))
}

func failures(command string, s series) string {
	n := int64(len(s.seconds)) + s.failed
	return fmt.Sprintf("%s of %s of the %s failed (exit code %d)", report.Thousands(s.failed), runs(n), command, s.exit)
}
