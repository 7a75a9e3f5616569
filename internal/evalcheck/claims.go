package evalcheck

import (
	"fmt"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/stats"
)

// claim is that a share of some rows, or cases, is at least min.
type claim struct {
	name         string
	hits, n      int64
	min          float64
	lower, upper float64 // Clopper-Pearson, at the confidence of one claim
	verdict      report.Verdict
}

// settle judges claims: that all rows hit by their number, others by their
// bounds. A claim is refuted by the exact binomial test, adjusted after Holm
// for how many claims rest on bounds.
func settle(claims []claim, c confidence) {
	var p []float64
	for i := range claims {
		k := &claims[i]
		k.lower, k.upper = stats.ClopperPearson(k.hits, k.n, c.level())
		if k.n > 0 && k.min < 1 {
			p = append(p, stats.BinomialCDF(k.hits, k.n, k.min))
		}
	}
	adjusted := stats.Holm(p)
	for i := range claims {
		k := &claims[i]
		k.verdict = report.Inconclusive
		switch {
		case k.n == 0:
		case k.min >= 1 && k.hits == k.n:
			k.verdict = report.Pass
		case k.min >= 1:
			k.verdict = report.Fail
		default:
			refuted := adjusted[0] < c.alpha()
			adjusted = adjusted[1:]
			switch {
			case k.lower >= k.min:
				k.verdict = report.Pass
			case refuted && k.upper < k.min:
				k.verdict = report.Fail
			}
		}
	}
}

// worstFirst orders claims by verdict, then by how far they are from min.
func worstFirst(claims []claim) {
	rank := map[report.Verdict]int{report.Fail: 0, report.Inconclusive: 1, report.Pass: 2}
	far := func(k claim) float64 {
		if k.n == 0 {
			return 0
		}
		return float64(k.hits)/float64(k.n) - k.min
	}
	sorting.Stable(claims, func(a, b claim) int {
		if r := rank[a.verdict] - rank[b.verdict]; r != 0 {
			return r
		}
		switch x, y := far(a), far(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

func (k *claim) rate() float64 { return float64(k.hits) / float64(max(k.n, 1)) }

// because says what decided; rows are what is counted.
func (k *claim) because(c confidence, rows string) string {
	asked := "the asked-for " + report.Percent(k.min)
	interval := percent(k.lower, k.min) + " to " + percent(k.upper, k.min)
	switch {
	case k.min >= 1 && k.verdict == report.Pass:
		return "as all must"
	case k.min >= 1:
		return "and all must"
	case k.verdict == report.Pass:
		return fmt.Sprintf("all of the %s interval (%s) keeps %s", c, interval, asked)
	case k.verdict == report.Fail:
		return fmt.Sprintf("all of the %s interval (%s) is below %s", c, interval, asked)
	}
	out := fmt.Sprintf("the %s interval (%s) reaches below %s", c, interval, asked)
	if k.upper < k.min {
		out = fmt.Sprintf("the %s interval (%s) is below %s, but not clearly enough for one of several", c, interval, asked)
	}
	if n := k.required(c); n > 0 {
		out += fmt.Sprintf("; about %s would decide", report.Count(n, rows))
	}
	return out
}

// required is how many rows decide; 0 when that is not known.
func (k *claim) required(c confidence) int64 {
	if k.verdict != report.Inconclusive || k.n == 0 {
		return 0
	}
	return neededShare(newProportion(k.hits, k.n), k.min, c)
}

func (k *claim) details(c confidence) map[string]any {
	d := map[string]any{"n": k.n, "within": k.hits, "min": k.min}
	if k.n > 0 {
		d["share"] = rounded(k.rate())
		d["interval"] = map[string]any{"lower": rounded(k.lower), "upper": rounded(k.upper), "confidence": c.level()}
	}
	if n := k.required(c); n > 0 {
		d["requiredN"] = n
	}
	return d
}
