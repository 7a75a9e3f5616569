package render

import (
	"math"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/internal/report"
)

// The picture of one interval, in pixels: as high as a row with one line of
// text, so that the lines of neighbours meet.
const (
	intervalWide = 320
	intervalHigh = 34
	intervalSide = 9 // kept free at both ends, for marks and arrows
)

// forest is a forest plot (Lewis and Clarke, "Forest plots: trying to see the
// wood and the trees", BMJ 2001;322:1479): a table in which every row has its
// interval on the scale of all rows, above it the axis, and the numbers beside.
type forest struct {
	scale
	drawable, judged bool
	limited          bool    // rows have limits of their own
	limit            *string // the limit that all rows share
}

func forestOf(rows []report.Interval) forest {
	var f forest
	f.scale, f.drawable = intervalScale(rows)
	f.judged = slices.ContainsFunc(rows, func(r report.Interval) bool { return r.Verdict != "" })
	if limit := sharedLimit(rows); limit != nil {
		text := f.number(*limit)
		f.limit = &text
	} else {
		f.limited = slices.ContainsFunc(rows, func(r report.Interval) bool { return r.Limit != nil })
	}
	return f
}

// sharedLimit is the limit of all rows, nil when they have different ones.
func sharedLimit(rows []report.Interval) *float64 {
	var limit *float64
	for _, r := range rows {
		if r.Limit == nil || !finite(*r.Limit) || limit != nil && *r.Limit != *limit {
			return nil
		}
		limit = r.Limit
	}
	return limit
}

// intervals writes the forest plot.
func (p *page) intervals(title string, in *report.Intervals) {
	if len(in.Rows) == 0 {
		p.WriteString("<p class=\"quiet\">none</p>\n")
		return
	}
	f := forestOf(in.Rows)
	p.WriteString(`<div class="forest">`)
	p.openTable(title, f.caption(in.Rows))
	p.WriteString(`<thead><tr><th scope="col">of</th>`)
	if f.judged {
		p.WriteString(`<th scope="col">verdict</th>`)
	}
	if f.drawable {
		p.WriteString(`<th scope="col" class="bar">`)
		p.forestAxis(f)
		p.WriteString(`</th>`)
	}
	p.element(`th scope="col" class="num"`, firstNonEmpty(in.Unit, "value"))
	p.WriteString(`<th scope="col" class="num">interval</th>`)
	if f.limited {
		p.WriteString(`<th scope="col" class="num">limit</th>`)
	}
	p.WriteString("</tr></thead>\n<tbody>\n")
	missing := p.rows(len(in.Rows), 0, func(i int) { p.interval(f, in.Rows[i]) })
	p.closeTable()
	p.WriteString("</div>\n")
	p.more(missing, "row", "rows")
}

// caption says how to read the picture, and only what is in it.
func (f forest) caption(rows []report.Interval) string {
	if !f.drawable {
		return "Nothing here has a number to draw."
	}
	says := "The line is the interval, the mark the value"
	if f.judged {
		says += " (● PASS, ◆ FAIL, ○ INCONCLUSIVE)"
	}
	switch {
	case f.limit != nil:
		says += ", the dashed line the limit, " + *f.limit
	case f.limited:
		says += ", the dashed line the limit"
	}
	if slices.ContainsFunc(rows, f.cut) {
		says += "; an arrow means that the interval goes on"
	}
	return says + "."
}

// cut tells whether the interval of r goes on past an end of the scale.
func (f forest) cut(r report.Interval) bool {
	return interval(r) && (r.Lower < f.low || r.Upper > f.high)
}

// interval tells whether r has bounds that can be drawn.
func interval(r report.Interval) bool {
	return finite(r.Lower) && finite(r.Upper) && r.Lower <= r.Upper
}

// at is where v stands in the picture.
func (s scale) at(v float64) float64 {
	x := float64((v-s.low)/(s.high-s.low)) * (intervalWide - 2*intervalSide)
	return intervalSide + min(max(x, 0), intervalWide-2*intervalSide)
}

// forestAxis writes the head of the column of pictures: ticks and numbers.
func (p *page) forestAxis(f forest) {
	p.svg(intervalWide, 24, "scale", "from "+f.number(f.low)+" to "+f.number(f.high))
	marks, decimals := ticks(f.low, f.high, 5)
	for _, v := range marks {
		x, text, anchor := f.at(v), scale{decimals: decimals}.number(v), "middle"
		switch half := 3.5 * float64(len(text)); {
		case x < half:
			anchor = "start"
		case x > intervalWide-half:
			anchor = "end"
		}
		p.WriteString(`<path class="axis" d="M` + tenth(x) + ` 19v5"/>`)
		p.element(`text text-anchor="`+anchor+`" x="`+tenth(x)+`" y="14"`, text)
	}
	p.WriteString("</svg>")
}

func (p *page) interval(f forest, r report.Interval) {
	limit := ""
	if r.Limit != nil {
		limit = f.number(*r.Limit)
	}
	between := "[" + f.number(r.Lower) + ", " + f.number(r.Upper) + "]"
	class := "info"
	p.WriteString("<tr>")
	p.element(`th scope="row"`, r.Label)
	if f.judged {
		p.WriteString(`<td class="verdict">`)
		if r.Verdict != "" {
			var symbol string
			symbol, class = htmlMark(&report.Finding{Verdict: r.Verdict})
			p.mark(symbol, string(r.Verdict), class)
		}
		p.WriteString("</td>")
	}
	if f.drawable {
		says := f.number(r.Value) + ", interval " + between
		if limit != "" {
			says += ", limit " + limit
		}
		p.WriteString(`<td class="bar ` + class + `">`)
		p.svg(intervalWide, intervalHigh, firstNonEmpty(clip(r.Label, longestLabel), "interval"), says)
		p.intervalShape(f, r)
		p.WriteString("</svg></td>")
	}
	p.element(`td class="num"`, f.number(r.Value))
	p.element(`td class="num whole"`, between)
	if f.limited {
		p.element(`td class="num limited"`, limit)
	}
	p.WriteString("</tr>\n")
}

func (p *page) intervalShape(f forest, r report.Interval) {
	high := strconv.Itoa(intervalHigh)
	if f.low < 0 && f.high > 0 {
		p.WriteString(`<path class="zero" d="M` + tenth(f.at(0)) + ` 0V` + high + `"/>`)
	}
	if r.Limit != nil && finite(*r.Limit) {
		p.WriteString(`<path class="limit" d="M` + tenth(f.at(*r.Limit)) + ` 0V` + high + `"/>`)
	}
	if interval(r) {
		p.WriteString(`<path class="stroke" d="` + f.whiskers(r) + `"/>`)
	}
	if finite(r.Value) {
		p.forestMark(f.at(r.Value), r.Verdict)
	}
}

// whiskers is the path of an interval: an upright at each end, or an arrow
// where the interval goes on.
func (f forest) whiskers(r report.Interval) string {
	const middle = intervalHigh / 2
	end := func(x float64, goesOn bool, tip string) string {
		if goesOn {
			return "M" + tenth(x) + " " + strconv.Itoa(middle-5) + tip
		}
		return "M" + tenth(x) + " " + strconv.Itoa(middle-5) + "v10"
	}
	from, to := f.at(r.Lower), f.at(r.Upper)
	left, right := end(from, r.Lower < f.low, "l-6 5l6 5"), end(to, r.Upper > f.high, "l6 5l-6 5")
	return left + "M" + tenth(from) + " " + strconv.Itoa(middle) + "H" + tenth(to) + right
}

// forestMark draws the value: the shape says the verdict to those who do not
// see the colour.
func (p *page) forestMark(x float64, v report.Verdict) {
	const middle = intervalHigh / 2
	switch v {
	case report.Pass, "":
		p.WriteString(`<circle class="dot" cx="` + tenth(x) + `" cy="` + strconv.Itoa(middle) + `" r="5"/>`)
	case report.Fail:
		p.WriteString(`<path class="dot" d="M` + tenth(x) + ` ` + strconv.Itoa(middle-7) + `l7 7l-7 7l-7 -7z"/>`)
	default:
		p.WriteString(`<circle class="hollow" cx="` + tenth(x) + `" cy="` + strconv.Itoa(middle) + `" r="4.5"/>`)
	}
}

// ticks are at most n+1 round numbers from low to high, multiples of 1, 2 or 5
// times a power of ten, and the decimals that write them.
func ticks(low, high float64, n int) (at []float64, decimals int) {
	span := high - low
	if !(span > 0) || !finite(span) {
		return nil, 0
	}
	power := math.Floor(math.Log10(span / float64(n)))
	step := math.Pow(10, power)
	for _, m := range []float64{1, 2, 5, 10} {
		if step = m * math.Pow(10, power); step*float64(n) >= span {
			break
		}
	}
	first := math.Ceil(low/step - 1e-9)
	if step == 0 || !finite(first) || math.Abs(first) > 1e12 {
		return nil, 0 // the numbers are closer than they can be written
	}
	for i := range n + 2 {
		v := (first + float64(i)) * step
		if v > high+span*1e-9 {
			break
		}
		if v == 0 {
			v = 0 // not -0
		}
		at = append(at, v)
	}
	decimals = max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	if decimals > 6 || max(math.Abs(low), math.Abs(high)) >= 1e6 {
		decimals = -1
	}
	return at, decimals
}

// medianSpan is the middle one of the widths of the intervals, 0 if there are
// fewer than four of them: too few to call one of them unusual.
func medianSpan(rows []report.Interval) float64 {
	var spans []float64
	for _, r := range rows {
		if interval(r) && finite(r.Upper-r.Lower) {
			spans = append(spans, r.Upper-r.Lower)
		}
	}
	if len(spans) < 4 {
		return 0
	}
	slices.Sort(spans)
	return spans[len(spans)/2]
}
