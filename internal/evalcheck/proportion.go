package evalcheck

import (
	"math"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/stats"
)

// power is how likely a sample of the size that is asked for decides.
const power = 0.8

// proportion is hits of n rows. Where rows depend on each other, the effective
// counts are those of as many independent rows as they are worth; else they
// are the same.
type proportion struct {
	hits, n                   int64
	effectiveHits, effectiveN int64
}

func newProportion(hits, n int64) proportion { return proportion{hits, n, hits, n} }

func (p proportion) rate() float64 { return float64(p.hits) / float64(p.n) }

func (p proportion) effectiveRate() float64 { return float64(p.effectiveHits) / float64(p.effectiveN) }

// exact is the interval of Clopper and Pearson.
func (p proportion) exact(c confidence) (lower, upper float64) {
	return stats.ClopperPearson(p.effectiveHits, p.effectiveN, c.level())
}

// clustered counts rows that depend on each other within clusters: counts are
// divided by the design effect, the variance of the ratio of the clusters' sums
// over that of a binomial (J. N. K. Rao and A. J. Scott, "A simple method for
// the analysis of clustered binary data", Biometrics 48, 1992). It is at least
// 1, and where all rows are hits or none is, and the variance unknown, that of
// clusters whose rows are all alike.
func clustered(cluster []int32, counts func(row int32) (counts, hit bool), rows []int32) proportion {
	type sums struct{ hits, n int64 }
	at := map[int32]int{}
	var all []sums // in the order of the rows
	var p proportion
	for _, row := range rows {
		counted, hit := counts(row)
		if !counted {
			continue
		}
		i, ok := at[cluster[row]]
		if !ok {
			i = len(all)
			at[cluster[row]] = i
			all = append(all, sums{})
		}
		all[i].n++
		p.n++
		if hit {
			all[i].hits++
			p.hits++
		}
	}
	if p.n == 0 {
		return p
	}
	rate, n, m := p.rate(), float64(p.n), float64(len(all))
	squares, sizes := 0.0, 0.0
	for _, s := range all {
		r := float64(s.hits) - float64(float64(s.n)*rate)
		squares += float64(r * r)
		sizes += float64(s.n * s.n)
	}
	effect := sizes / n
	if variance := rate * (1 - rate); variance > 0 && m > 1 {
		effect = m / (m - 1) * squares / n / variance
	}
	effect = max(effect, 1)
	p.effectiveN = max(int64(n/effect), 1)
	p.effectiveHits = min(int64(math.Round(float64(p.effectiveN)*rate)), p.effectiveN)
	return p
}

// shareOf counts the rows of a metric that is a share of rows.
func shareOf(s *metric.Sample, m *metric.Metric, rows []int32) proportion {
	counts := func(row int32) (counts, hit bool) {
		return m.Share(s.Positive, s.Label[row], s.Prediction[row])
	}
	return proportionOf(s.Cluster, counts, rows)
}

func proportionOf(cluster []int32, counts func(row int32) (counts, hit bool), rows []int32) proportion {
	if cluster != nil {
		return clustered(cluster, counts, rows)
	}
	var hits, n int64
	for _, row := range rows {
		if counted, hit := counts(row); counted {
			n++
			if hit {
				hits++
			}
		}
	}
	return newProportion(hits, n)
}

// difference is p − q of independent groups with Newcombe's interval.
func difference(p, q proportion, c confidence) (lower, upper float64) {
	_, lower, upper = stats.Newcombe(p.effectiveHits, p.effectiveN, q.effectiveHits, q.effectiveN, c.level())
	return lower, upper
}

// ratio is the interval of p/q of independent groups: MOVER-R, the analogue of
// Newcombe's for ratios, with Wilson's limits (A. Donner and G. Y. Zou,
// "Closed-form confidence intervals for functions of the normal mean and
// standard deviation", Statistical Methods in Medical Research 21, 2012; R. G.
// Newcombe, "MOVER-R confidence intervals for ratios and products of two
// independently estimated quantities", ibid. 25, 2016). Katz's interval of the
// logarithm has no width where both rates are 1, and none at all where one is
// 0; this one has. The upper bound is infinite where q may be 0.
func ratio(p, q proportion, c confidence) (lower, upper float64) {
	x, y := p.effectiveRate(), q.effectiveRate()
	lx, ux := stats.Wilson(p.effectiveHits, p.effectiveN, c.level())
	ly, uy := stats.Wilson(q.effectiveHits, q.effectiveN, c.level())
	// A bound is where the bound of x − θy is 0: it falls as θ grows.
	lower = falls(func(theta float64) float64 {
		return x - float64(theta*y) - math.Hypot(x-lx, theta*(uy-y))
	})
	upper = falls(func(theta float64) float64 {
		return x - float64(theta*y) + math.Hypot(ux-x, theta*(y-ly))
	})
	return lower, upper
}

// falls returns where f, which falls from 0 or above at 0, is 0; infinite when
// it does not get there.
func falls(f func(theta float64) float64) float64 {
	const far = 1e9
	if f(far) > 0 {
		return math.Inf(1)
	}
	low, high := 0.0, 1.0
	for f(high) > 0 {
		low, high = high, 2*high
	}
	for range 100 {
		middle := (low + high) / 2
		if f(middle) > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// needed is how many rows would bring the bound on the far side of the limit
// to it, with the power: the width of an interval shrinks with the square root
// of their number. 0 when no number is known.
func needed(n int64, estimate, lower, upper, limit float64, c confidence) int64 {
	width, distance := upper-estimate, limit-estimate
	if distance < 0 {
		width, distance = estimate-lower, -distance
	}
	z := stats.NormalQuantile(float64(c))
	factor := width / z * (z + stats.NormalQuantile(power)) / distance
	rows := math.Ceil(float64(n) * factor * factor)
	if !(z > 0) || !(distance > 0) || !(rows >= 1 && rows <= 1e15) {
		return 0
	}
	return max(int64(rows), n+1)
}

// neededShare is how many rows tell a share that is truly p from the limit:
// (z₁₋α·√(limit·(1−limit)) + z_power·√(p(1−p)))² / (p − limit)² (J. L. Fleiss,
// B. Levin and M. C. Paik, "Statistical Methods for Rates and Proportions",
// 3rd ed., 2003, section 2.5, without correction for continuity). 0 when that
// is not known, or fewer than there are.
func neededShare(p proportion, limit float64, c confidence) int64 {
	rate := p.rate()
	z := stats.NormalQuantile(float64(c)) * math.Sqrt(limit*(1-limit))
	root := (z + stats.NormalQuantile(power)*math.Sqrt(rate*(1-rate))) / (rate - limit)
	effect := float64(p.n) / float64(p.effectiveN)
	rows := math.Ceil(root * root * effect)
	if !(rows > float64(p.n) && rows <= 1e15) {
		return 0
	}
	return int64(rows)
}
