package latency

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/stats"
)

// maxDraws bounds what the bootstrap draws: with very many rounds there are
// fewer resamples, which then differ little anyway.
const maxDraws = 1e8

func (g Gate) affordable(rounds int64) int {
	return min(g.Resamples, max(200, int(maxDraws/float64(max(rounds, 1)))))
}

// rounds are the times of the rounds in which candidate and baseline ran. Of
// again, rounds in which the baseline ran twice.
type rounds struct {
	candidate, baseline []float64
	first, again        []float64
}

// match pairs the runs of a round.
func match(c, b, a series) rounds {
	var out rounds
	base := make(map[int64]float64, len(b.rounds))
	for i, round := range b.rounds {
		base[round] = b.seconds[i]
	}
	join := func(s series, mine, other *[]float64) {
		order := make([]int, len(s.rounds))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(i, j int) int { return cmp.Compare(s.rounds[i], s.rounds[j]) })
		for _, i := range order {
			if v, ok := base[s.rounds[i]]; ok {
				*mine, *other = append(*mine, s.seconds[i]), append(*other, v)
			}
		}
	}
	join(c, &out.candidate, &out.baseline)
	join(a, &out.again, &out.first)
	return out
}

// ratios are, for each of the ascending percentiles, the ratio of candidate to
// baseline and of the baseline to itself; nil where there are no rounds.
func (r *rounds) ratios(percentiles []float64, g Gate) (ratio, noise []*Estimate) {
	return compare(r.candidate, r.baseline, percentiles, g), compare(r.again, r.first, percentiles, g)
}

func compare(x, y, percentiles []float64, g Gate) []*Estimate {
	out := make([]*Estimate, len(percentiles))
	if len(x) == 0 {
		return out
	}
	n := int64(len(x))
	var tails []float64
	for _, q := range percentiles {
		if q != 0.5 && n >= Needed(q, g.Confidence) {
			tails = append(tails, q)
		}
	}
	boot := bootstrap(x, y, tails, g)
	for i, q := range percentiles {
		if q == 0.5 {
			out[i] = median(x, y, g)
			continue
		}
		out[i] = &Estimate{Value: quotient(x, y, q), Method: "bootstrap, percentile"}
		at := slices.Index(tails, q)
		switch {
		case at < 0:
			out[i].Reason = fmt.Sprintf("%s are too few for the ratio of %s, which takes at least %s",
				report.Count(n, "round"), Name(q), report.Thousands(Needed(q, g.Confidence)))
		case !boot[at].OK:
			out[i].Reason = fmt.Sprintf("no interval for the ratio of %s: %s", Name(q), boot[at].Reason)
		default:
			out[i].Lower, out[i].Upper = bound(math.Exp(boot[at].Lower)), bound(math.Exp(boot[at].Upper))
		}
	}
	return out
}

func quotient(x, y []float64, q float64) float64 {
	at := rank(int64(len(x)), q) - 1
	return report.Rounded(sorted(x)[at] / sorted(y)[at])
}

// median is the median of the rounds' ratios, with the interval of order
// statistics: exact for any distribution, and what slowed a whole round falls
// out.
func median(x, y []float64, g Gate) *Estimate {
	logs := make([]float64, len(x))
	for i := range x {
		logs[i] = math.Log(x[i]) - math.Log(y[i])
	}
	slices.Sort(logs)
	n := len(logs)
	e := &Estimate{Value: report.Rounded(math.Exp((logs[(n-1)/2] + logs[n/2]) / 2)), Method: "paired ratios, " + orderStatistics}
	lower, upper, ok := stats.QuantileRanks(int64(n), 0.5, g.twoSided())
	if !ok || lower < 1 || upper > int64(n) {
		e.Reason = fmt.Sprintf("%s are too few for the ratio of p50, which takes at least %s", report.Count(int64(n), "round"), report.Thousands(Needed(0.5, g.Confidence)))
		return e
	}
	e.Lower, e.Upper = bound(math.Exp(logs[lower-1])), bound(math.Exp(logs[upper-1]))
	return e
}

// bootstrap draws whole rounds, so that what the two commands share stays
// shared. Its statistic is the logarithm of the ratio of percentiles. Bounds
// are percentiles of the resamples: the jackknife, which BCa needs, fails for
// quantiles (B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap",
// 1993, section 11.6).
func bootstrap(x, y, percentiles []float64, g Gate) []stats.Bootstrap {
	if len(percentiles) == 0 {
		return nil
	}
	byX, byY := ranked(x), ranked(y)
	k := len(percentiles)
	ys := make([]float64, k)
	return stats.BootstrapRows(stats.Rows{N: len(x)}, func(weight []uint32, out []float64) {
		quantiles(x, byX, weight, percentiles, out)
		quantiles(y, byY, weight, percentiles, ys)
		for i := range out {
			out[i] = math.Log(out[i]) - math.Log(ys[i])
		}
	}, k, stats.Resampling{Seed: g.Seed, Resamples: g.Resamples, Confidence: g.twoSided(), Percentile: true})
}

// ranked are the places of v by ascending value.
func ranked(v []float64) []int32 {
	out := make([]int32, len(v))
	for i := range out {
		out[i] = int32(i)
	}
	slices.SortStableFunc(out, func(a, b int32) int { return cmp.Compare(v[a], v[b]) })
	return out
}

// quantiles are those of v with each value weight times (nil: once), for
// ascending percentiles; order is that of ranked.
func quantiles(v []float64, order []int32, weight []uint32, percentiles, out []float64) {
	total := int64(len(v))
	if weight != nil {
		total = 0
		for _, w := range weight {
			total += int64(w)
		}
	}
	next, seen := 0, int64(0)
	for _, at := range order {
		if weight == nil {
			seen++
		} else {
			seen += int64(weight[at])
		}
		for next < len(percentiles) && seen > 0 && seen >= rank(total, percentiles[next]) {
			out[next] = v[at]
			next++
		}
		if next == len(percentiles) {
			return
		}
	}
	for ; next < len(percentiles); next++ {
		out[next] = math.NaN() // nothing was drawn
	}
}

func (r *Result) decideRatio(p Percentile, q float64, g Gate, c, b, a series) Decision {
	limit := 1 + *g.Margin
	d := Decision{Percentile: p.Percentile, Of: "ratio", Limit: report.Rounded(limit), Verdict: report.Inconclusive}
	name, e := Name(q), p.Ratio
	for _, x := range []struct {
		name string
		series
	}{{Candidate, c}, {Baseline, b}, {Again, a}} {
		if x.failed > 0 {
			d.Message = failures(x.name, x.series) + "; see why before it is timed"
			return d
		}
	}
	switch {
	case e == nil && len(r.baseline) == 0:
		d.Message = "there is no baseline to compare with; record one with --baseline"
		return d
	case e == nil:
		d.Message = "candidate and baseline have no round in common; record them in turns"
		return d
	case e.Lower == nil || e.Upper == nil:
		d.Message = e.Reason
		if need := Needed(q, g.Confidence); r.Rounds < need {
			d.Required = &need
		}
		return d
	}
	noise, why := noisy(p.Noise, len(a.seconds) > 0, limit)
	if why != "" {
		d.Message = fmt.Sprintf("the noise of this machine is not known: %s", why)
		return d
	}
	is := fmt.Sprintf("%s of the candidate is %s times the baseline's (%s to %s)", name, times(e.Value), times(*e.Lower), times(*e.Upper))
	switch {
	case *e.Upper*noise < limit:
		d.Verdict, d.Message = report.Pass, fmt.Sprintf("%s, below the limit of %s", is, times(limit))
	case *e.Lower/noise > limit:
		d.Verdict, d.Message = report.Fail, fmt.Sprintf("%s, above the limit of %s", is, times(limit))
	case noise > 1:
		d.Message = fmt.Sprintf("this machine is too noisy: %s of two series of the same command differ by a factor of %s to %s, and the margin is %s; a quieter machine or more rounds would tell; %s",
			name, times(*p.Noise.Lower), times(*p.Noise.Upper), report.Percent(*g.Margin), is)
	default:
		d.Message = fmt.Sprintf("%s, which cannot be told from the limit of %s", is, times(limit))
		d.Required = moreRounds(e, limit, r.Rounds)
		if d.Required != nil {
			d.Message += fmt.Sprintf("; about %s would decide if they were like these", report.Count(*d.Required, "round"))
		}
	}
	return d
}

// noisy is the factor by which the interval of a ratio is widened: by how much
// the baseline may differ from itself when that is more than the margin, else
// 1. why says that it cannot be told although it was measured.
func noisy(noise *Estimate, measured bool, limit float64) (factor float64, why string) {
	switch {
	case noise == nil && !measured:
		return 1, ""
	case noise == nil:
		return 1, "the two series of the baseline have no round in common"
	case noise.Lower == nil || noise.Upper == nil:
		return 1, noise.Reason
	}
	factor = max(*noise.Upper, 1 / *noise.Lower)
	if factor > limit {
		return factor, ""
	}
	return 1, ""
}

// moreRounds is how many rounds would move the bound on the far side of the
// limit to it: the width of an interval shrinks with the square root of their
// number. nil when the estimate is (almost) the limit itself.
func moreRounds(e *Estimate, limit float64, n int64) *int64 {
	value, edge := math.Log(e.Value), math.Log(limit)
	width := math.Log(*e.Upper) - value
	if value > edge {
		width = value - math.Log(*e.Lower)
	}
	need := math.Ceil(float64(n) * math.Pow(width/(edge-value), 2))
	if !(need >= 0 && need <= 100*MaxSamples) {
		return nil
	}
	out := max(int64(need), n+1)
	return &out
}
