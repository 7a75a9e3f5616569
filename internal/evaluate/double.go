package evaluate

import (
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/stats"
)

// pairs are counts of rows by which of two models was right.
type pairs = stats.Pairs

// tFrom is from how many rows on the mean of differences has a t interval;
// fewer are bootstrapped.
const tFrom = 30

// inferDifference returns the bounds of candidate − baseline on the same rows,
// given both values.
//
//	shares of the same rows     Newcombe (1998), method 10, and Tango (1998): the wider; McNemar's test
//	areas under a ROC curve     DeLong et al. (1988), with Student's t of the rarer class, and the spread at the bound
//	means of a number by row    paired t; below 30 rows BCa bootstrap, Wilcoxon's test
//	of the confusion matrix     bootstrap of the table of label and both predictions
//	all others, and clusters    bootstrap of rows, or of whole clusters
//
// Two models that answer every row alike have bounds by the rule of three: see
// alike.
func inferDifference(c, b *metric.Sample, m *metric.Metric, difference, level float64, r Resampling) inference {
	switch {
	case m.NoInterval != "":
		return noBounds(int64(c.N), difference, "%s", m.NoInterval)
	case c.Cluster != nil:
		return differenceOfRows(c, b, m, difference, level, r)
	case m.Share != nil || m.Count != nil:
		t, few := kindsOf(c.Label, c.Prediction, b.Prediction, len(c.Classes))
		if !few {
			return differenceOfRows(c, b, m, difference, level, r)
		}
		if m.Share != nil {
			if p, same := t.pairs(m, c.Positive); same {
				return differenceOfShares(p, int64(c.N), level)
			}
		}
		return differenceOfCells(t, c, b, m, difference, level, r)
	case m.Area != nil:
		return differenceOfAreas(c, b, m, difference, level)
	case m.Loss != nil:
		return differenceOfLosses(c, b, m, difference, level, r)
	}
	return differenceOfRows(c, b, m, difference, level, r)
}

func differenceOfShares(p pairs, rows int64, level float64) inference {
	n := p.N()
	if n == 0 {
		return noBounds(0, 0, "no row counts")
	}
	i := inference{n: n, unit: unitOf(n, rows), value: p.Difference(), method: "Newcombe paired"}
	i.at = func(confidence float64) (float64, float64) {
		lower, upper, _ := pairedBounds(p, confidence)
		return lower, upper
	}
	var both bool
	if i.lower, i.upper, both = pairedBounds(p, level); both {
		i.method = "Newcombe and Tango paired"
	}
	if discordant := p.First + p.Second; discordant < 25 {
		i.p = stats.McNemarExact(p)
	} else {
		i.p = stats.McNemarMidP(p)
	}
	i.plan = func(assumed, distance, alpha float64) (int64, bool) {
		discordance := float64(p.First+p.Second) / float64(n)
		if discordance == 0 {
			discordance = -math.Log(alpha) / float64(n) // the rule of three
		}
		assumed = math.Abs(assumed)
		return stats.PairsNeeded(discordance, -assumed, distance+assumed, alpha, power)
	}
	return i
}

// pairedBounds are on each side the wider of Newcombe's method 10 and Tango's
// score interval; both tells that it is not Newcombe's on both sides. Where few
// rows are answered differently and nearly all of them against the candidate,
// Newcombe's alone passes one that is worse by the margin in up to 1 of 8 cases
// rather than 1 of 20.
func pairedBounds(p pairs, confidence float64) (lower, upper float64, both bool) {
	_, lower, upper = stats.NewcombePaired(p, confidence)
	_, low, high := stats.TangoPaired(p, confidence)
	return min(lower, low), max(upper, high), low < lower || high > upper
}

func differenceOfCells(t *kinds, c, b *metric.Sample, m *metric.Metric, difference, level float64, r Resampling) inference {
	if !slices.ContainsFunc(t.kind, func(k kind) bool { return k.candidate != k.baseline }) {
		if lower, upper, ok := t.flipped(m, c.Classes, c.Positive, int64(math.Ceil(ruleOfThree(level)))); ok {
			return alike(int64(c.N), "row", lower, upper)
		}
	}
	rests := min(scarce(c, m, int64(c.N)), scarce(b, m, int64(c.N)))
	if why := tooFew(rests); why != "" {
		return noBounds(int64(c.N), difference, "%s", why)
	}
	e := t.evaluator(c.Classes, c.Positive)
	draw := r.of(len(t.kind), cellsResamples, expanded(level, rests))
	drawn := stats.BootstrapCells(t.count, func(counts []int64, out []float64) { out[0] = e.difference(m, counts) }, 1, draw)
	return bootstrapped(drawn[0], draw, int64(c.N), "row", difference)
}

func differenceOfAreas(c, b *metric.Sample, m *metric.Metric, difference, level float64) inference {
	rows := int64(c.N)
	x, err := m.Area(c)
	if err != nil {
		return noBounds(rows, difference, "%v", err)
	}
	y, err := m.Area(b)
	if err != nil {
		return noBounds(rows, difference, "%v", err)
	}
	areas, ok := stats.DeLong(x.Positive, x.Score, y.Score)
	switch {
	case !ok:
		return noBounds(rows, difference, "a class has no rows")
	case areas.Cov == nil:
		return noBounds(rows, difference, "a class has one row, so the spread is not known")
	}
	i := inference{n: rows, unit: "row", value: difference, method: "DeLong"}
	_, se, _, _, _, p := areas.Difference(0, 1, level)
	i.p = p
	rests := min(areas.Positives, areas.Negatives)
	if se == 0 { // the bounds are those of pairs that are all ordered alike
		i.method, i.p, rests = "Clopper-Pearson of pairs", math.NaN(), math.MaxInt64
	}
	if why := tooFew(rests); why != "" {
		return noBounds(rows, difference, "%s", why)
	}
	i.at = func(confidence float64) (float64, float64) {
		_, _, lower, upper, _, _ := areas.Difference(0, 1, expanded(confidence, rests))
		if se == 0 {
			return lower, upper
		}
		return skewed(areas.Value[0], areas.Value[1], lower, upper)
	}
	i.lower, i.upper = i.at(level)
	return i
}

func differenceOfLosses(c, b *metric.Sample, m *metric.Metric, difference, level float64, r Resampling) inference {
	x, err := m.Loss(c)
	if err != nil {
		return noBounds(int64(c.N), difference, "%v", err)
	}
	y, err := m.Loss(b)
	if err != nil {
		return noBounds(int64(c.N), difference, "%v", err)
	}
	n := int64(len(x.Each))
	if len(x.Each) != len(y.Each) || !slices.Equal(x.Unit, y.Unit) {
		return noBounds(n, difference, "the metric is defined for other %s of one model than of the other", several(unitOfLoss(x)))
	}
	switch {
	case x.Binary && y.Binary && x.Finish == nil:
		i := differenceOfShares(pairsOf(x.Each, y.Each), n, level)
		i.unit = unitOfLoss(x)
		return i
	case slices.Equal(x.Each, y.Each):
		return alikeLosses(x, m, level)
	case x.Finish != nil:
		return differenceOfRows(c, b, m, difference, level, r)
	}
	d := make([]float64, n)
	for j := range d {
		d[j] = x.Each[j] - y.Each[j]
	}
	if n < tFrom {
		i := differenceOfRows(c, b, m, difference, level, r)
		if i.why == "" {
			_, i.p, _ = stats.WilcoxonSigned(d, 0)
		}
		return i
	}
	mean, _, p := stats.PairedT(d, 0, level)
	if !(mean.SE > 0) {
		return noBounds(n, difference, "the difference is the same in every %s, so its spread is not known", unitOfLoss(x))
	}
	i := inference{n: n, unit: unitOfLoss(x), value: mean.Mean, lower: mean.Lower, upper: mean.Upper, method: "paired t", p: p}
	i.at = func(confidence float64) (float64, float64) {
		q := float64(stats.StudentQuantile((1+confidence)/2, mean.DF) * mean.SE)
		return mean.Mean - q, mean.Mean + q
	}
	i.plan = func(_, distance, alpha float64) (int64, bool) {
		return stats.MeansNeeded(mean.SE*math.Sqrt(float64(n)), 0, distance, alpha, power)
	}
	return i
}

// pairsOf counts elements that are 0 or 1.
func pairsOf(x, y []float64) (p pairs) {
	for i := range x {
		switch {
		case x[i] == 1 && y[i] == 1:
			p.Both++
		case x[i] == 1:
			p.First++
		case y[i] == 1:
			p.Second++
		default:
			p.Neither++
		}
	}
	return p
}

// differenceOfRows bootstraps both models on the same resamples.
func differenceOfRows(c, b *metric.Sample, m *metric.Metric, difference, level float64, r Resampling) inference {
	x, err := weigh(c, m)
	if err != nil {
		return noBounds(int64(c.N), difference, "%v", err)
	}
	y, err := weigh(b, m)
	if err != nil {
		return noBounds(int64(c.N), difference, "%v", err)
	}
	if x.n != y.n || !slices.Equal(x.query, y.query) {
		return noBounds(int64(x.n), difference, "the metric is defined for other %s of one model than of the other", several(x.unit))
	}
	rests := min(scarce(c, m, x.units()), scarce(b, m, x.units()))
	if why := tooFew(rests); why != "" && rests < x.units() {
		return noBounds(int64(x.n), difference, "%s", why)
	}
	draw := r.of(x.n, rowsResamples, expanded(level, rests))
	out := stats.BootstrapRows(stats.Rows{N: x.n, Cluster: x.cluster}, func(weight []uint32, out []float64) {
		out[0] = x.value(weight) - y.value(weight)
	}, 1, draw)
	i := bootstrapped(out[0], draw, int64(x.n), x.unit, difference)
	if i.why != "" && difference == 0 && x.cluster == nil && sameAnswers(c, b) {
		if reach := m.High - m.Low; !math.IsInf(reach, 0) && !math.IsNaN(reach) {
			width := min(reach, ruleOfThree(level)*reach/float64(smallestClass(c)))
			return alike(int64(x.n), x.unit, -width, width)
		}
	}
	if x.cluster != nil && i.method != "" {
		i.method = "cluster " + i.method
	}
	return i
}
