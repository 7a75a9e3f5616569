package evaluate

import (
	"math"
	"strings"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/stats"
)

// How sure one is of a metric of classes depends on the rarest of them: 1,000
// rows with 12 positives say of recall or F1 what 12 rows do. With so few, a
// bootstrap and DeLong's variance are too narrow: a candidate worse by the
// margin passes in 12 of 100 cases rather than 5.

// fewest is from how many rows of the rarest class on there are bounds. It is
// what the bootstrap asks of rows.
const fewest = 10

// scarce is the number of rows that bounds rest on: of the rarest class where
// there are two, or all classes count alike, and else all elements. What is
// divided by the rows that are predicted so rests on those, too.
func scarce(s *metric.Sample, m *metric.Metric, elements int64) int64 {
	if s.Label == nil || s.Task != metric.Binary && !strings.HasSuffix(m.Name, ".macro") && m.Name != "balanced_accuracy" {
		return elements
	}
	least := min(elements, rarest(s.Label, len(s.Classes), elements))
	if m.Count != nil && (strings.HasPrefix(m.Name, "precision") || m.Name == "npv") {
		least = min(least, rarest(s.Prediction, len(s.Classes), elements))
	}
	return least
}

// rarest is how many rows the rarest class that occurs has; none without rows.
func rarest(class []int32, classes int, none int64) int64 {
	counts := make([]int64, classes)
	for _, c := range class {
		counts[c]++
	}
	least := none
	for _, n := range counts {
		if n > 0 {
			least = min(least, n)
		}
	}
	return least
}

// skewed widens the bounds of a difference of areas near 1, whose spread grows
// as they fall: each bound has the spread of the areas at that bound, as
// Wilson's interval has for a share. The spread of an area is taken to go with
// a·(1−a).
func skewed(c, b, lower, upper float64) (float64, float64) {
	d := c - b
	of := func(x, y float64) float64 { return float64(x*(1-x)) + float64(y*(1-y)) }
	grown := func(x, y, by float64) float64 {
		if usual := of(x, y); usual > 0 {
			return math.Sqrt(max(1, of(max(x-by, 0.5), y)/usual))
		}
		return 1
	}
	lower = d - float64((d-lower)*grown(c, b, d-lower))
	upper = d + float64((upper-d)*grown(b, c, upper-d))
	return max(lower, -1), min(upper, 1)
}

// expanded is the level to ask for so that an interval by the normal
// distribution, or by quantiles of resamples, is as wide as Student's: T. C.
// Hesterberg, "What Teachers Should Know About the Bootstrap" (The American
// Statistician 69, 2015), section 4.3.3: z becomes t·√(n/(n−1)).
func expanded(level float64, n int64) float64 {
	if n < 2 || n > 1e6 {
		return level
	}
	df := float64(n - 1)
	t := -stats.StudentQuantile((1-level)/2, df) * math.Sqrt(float64(n)/df)
	return 1 - 2*stats.NormalCDF(-t)
}

// tooFew says why n rows of the rarest class have no bounds, "" when they do.
func tooFew(n int64) string {
	if n >= fewest {
		return ""
	}
	return "the rarest class has " + plural(n, "row") + ", and it takes 10"
}
