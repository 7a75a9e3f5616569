package evalcheck

import (
	"fmt"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
)

// question is what is asked of a pair of groups.
type question bool

const (
	byDifference question = false
	byRatio      question = true
)

// pair is two groups and one rate of theirs, high not below low.
type pair struct {
	of        question
	metric    *metric.Metric
	high, low *group
	rate      int // place in rates
	// value is high − low with its interval, or low / high.
	value, lower, upper float64
	limit               float64
	verdict             report.Verdict
	sure                confidence // of the bounds
}

// pair judges two groups.
func (f *fair) pair(of question, limit float64, m *metric.Metric, rate int, x, y *group, claims int) pair {
	if x.rates[rate].rate() < y.rates[rate].rate() {
		x, y = y, x
	}
	p := pair{of: of, metric: m, high: x, low: y, rate: rate, limit: limit}
	p.at(f.sure)
	if p.within() {
		p.verdict = report.Pass
		return p
	}
	p.verdict = report.Inconclusive
	if !p.beyond() {
		return p
	}
	// The interval that is shown is the one that decides.
	p.at(f.sure.among(claims))
	if p.beyond() {
		p.verdict = report.Fail
	}
	return p
}

// at computes the bounds of a confidence.
func (p *pair) at(c confidence) {
	high, low := p.high.rates[p.rate], p.low.rates[p.rate]
	p.sure = c
	if p.of == byDifference {
		p.value = high.rate() - low.rate()
		p.lower, p.upper = difference(high, low, c)
		return
	}
	p.value = 1
	if high.hits > 0 {
		p.value = low.rate() / high.rate()
	}
	p.lower, p.upper = ratio(low, high, c)
}

// within tells whether the whole interval keeps the limit, whichever of the
// groups has the greater rate in truth.
func (p *pair) within() bool {
	if p.of == byDifference {
		return p.upper <= p.limit && -p.lower <= p.limit
	}
	return p.lower >= p.limit && p.upper <= 1/p.limit
}

func (p *pair) beyond() bool {
	if p.of == byDifference {
		return p.lower > p.limit
	}
	return p.upper < p.limit
}

// reach is how far the interval goes the wrong way.
func (p *pair) reach() float64 {
	if p.of == byDifference {
		return max(p.upper, -p.lower)
	}
	return -min(p.lower, 1/p.upper)
}

// compare puts what failed first, the worst of it, then what reaches furthest.
func (p *pair) compare(q *pair) int {
	rank := func(x *pair) int {
		return slices.Index([]report.Verdict{report.Fail, report.Inconclusive, report.Pass}, x.verdict)
	}
	far := func(x *pair) float64 {
		if x.verdict != report.Fail {
			return x.reach()
		}
		if x.of == byRatio {
			return -x.value
		}
		return x.value
	}
	if r, s := rank(p), rank(q); r != s {
		return r - s
	}
	switch x, y := far(p), far(q); {
	case x > y:
		return -1
	case x < y:
		return 1
	}
	return 0
}

// required is how many rows of the two groups would decide.
func (p *pair) required() int64 {
	n := int64(len(p.high.rows) + len(p.low.rows))
	if p.verdict != report.Inconclusive {
		return 0
	}
	value, lower, upper, limit := p.value, p.lower, p.upper, p.limit
	if p.of == byRatio {
		if !(lower > 0) || math.IsInf(upper, 1) || !(value > 0) {
			return 0
		}
		// As differences of logarithms, more being worse.
		value, lower, upper, limit = -math.Log(value), -math.Log(upper), -math.Log(lower), -math.Log(limit)
	}
	if upper <= limit { // it is the other group that may have the greater rate
		value, lower, upper = -value, -upper, -lower
	}
	return needed(n, value, lower, upper, limit, p.sure)
}

// interval writes the bounds.
func (p *pair) interval() string {
	if math.IsInf(p.upper, 1) {
		return decimal(p.lower, p.limit) + " and above"
	}
	sign := ""
	if p.lower < 0 {
		sign = "−"
	}
	return sign + decimal(p.lower, p.limit) + " to " + decimal(p.upper, p.limit)
}

// says tells how the rates of the pair relate.
func (p *pair) says() string {
	high, low := p.high.rates[p.rate].rate(), p.low.rates[p.rate].rate()
	rates := fmt.Sprintf("%s of %s is %s, of %s %s", shown(p.metric.Name), p.high.name, decimal(high, low), p.low.name, decimal(low, high))
	switch {
	case p.of == byDifference:
		return fmt.Sprintf("the %s: a difference of %s", rates, decimal(p.value, p.limit))
	case p.high.rates[p.rate].hits == 0:
		return fmt.Sprintf("the %s: their ratio is 0/0", rates)
	}
	return fmt.Sprintf("the %s: a ratio of %s", rates, decimal(p.value, p.limit))
}
