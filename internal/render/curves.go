package render

import (
	"strconv"

	"github.com/waybill-dev/waybill/internal/report"
)

// The picture of curves, in pixels, and how much of them is drawn: what is
// closer than half a pixel cannot be seen.
const (
	curvesWide  = 560
	curvesHigh  = 400
	curvesLeft  = 56
	curvesRight = 540
	curvesTop   = 34
	curvesFloor = 352

	mostLines   = 8
	mostPoints  = 500
	mostStrokes = 4 // colours, and shapes of marks; the second time around they pair otherwise
)

// plane maps points to pixels; what lies outside of the axes stands at their
// ends.
type plane struct{ x, y report.Axis }

func (c plane) across(v float64) float64 {
	return curvesLeft + within((v-c.x.Low)/(c.x.High-c.x.Low))*(curvesRight-curvesLeft)
}

func (c plane) down(v float64) float64 {
	return curvesFloor - within((v-c.y.Low)/(c.y.High-c.y.Low))*(curvesFloor-curvesTop)
}

func within(share float64) float64 { return float64(min(max(share, 0), 1)) }

func (c plane) point(x, y float64) string { return tenth(c.across(x)) + " " + tenth(c.down(y)) }

// curves writes the picture, its legend, and the same as numbers. The lines are
// clean.
func (p *page) curves(title string, c report.Curves) {
	shown := min(len(c.Lines), mostLines)
	if !drawable(c.Lines[:shown]) {
		p.WriteString("<p class=\"quiet\">none</p>\n")
		p.more(len(c.Lines)-shown, "line", "lines")
		return
	}
	in := plane{c.X, c.Y}
	p.WriteString("<figure>\n")
	p.svg(curvesWide, curvesHigh, firstNonEmpty(clip(title, 200), "curves"), curvesDesc(c))
	p.curvesAxes(in)
	if c.Diagonal {
		p.WriteString(`<path class="limit" d="M` + strconv.Itoa(curvesLeft) + ` ` + strconv.Itoa(curvesFloor) + `L` + strconv.Itoa(curvesRight) + ` ` + strconv.Itoa(curvesTop) + `"/>`)
	}
	for i, l := range c.Lines[:shown] {
		p.line(in, thinned(in, l), i)
	}
	p.WriteString("</svg>\n<figcaption><ul class=\"legend\">\n")
	for i, l := range c.Lines[:shown] {
		p.WriteString("<li>" + key(l, i) + " ")
		p.text(lineName(l, i))
		p.WriteString("</li>\n")
	}
	if c.Diagonal {
		p.WriteString(`<li><svg aria-hidden="true" width="28" height="12" viewBox="0 0 28 12"><path class="limit" d="M0 6H28"/></svg> diagonal</li>` + "\n")
	}
	p.WriteString("</ul></figcaption>\n</figure>\n")
	p.more(len(c.Lines)-shown, "line", "lines")
	p.WriteString("<details class=\"numbers\"><summary>In numbers</summary>\n")
	for _, t := range keyPoints(c) {
		p.table(t.says, t.Table)
	}
	p.WriteString("</details>\n")
}

func drawable(lines []report.Line) bool {
	for _, l := range lines {
		if len(l.X) > 0 {
			return true
		}
	}
	return false
}

func lineName(l report.Line, i int) string {
	return firstNonEmpty(clip(l.Label, longestLabel), "line "+strconv.Itoa(i+1))
}

func curvesDesc(c report.Curves) string {
	x, y := axisScale(c.X), axisScale(c.Y)
	return counted(len(c.Lines), "line", "lines") + "; " + firstNonEmpty(clip(c.Y.Label, longestLabel), "y") + " from " + y.number(c.Y.Low) + " to " + y.number(c.Y.High) +
		" over " + firstNonEmpty(clip(c.X.Label, longestLabel), "x") + " from " + x.number(c.X.Low) + " to " + x.number(c.X.High) + "; the numbers follow as a table"
}

// curvesAxes writes the grid, the numbers at it and the names of the axes.
func (p *page) curvesAxes(in plane) {
	number := func(v float64, decimals int) string { return scale{decimals: decimals}.number(v) }
	left, right, top, floor := strconv.Itoa(curvesLeft), strconv.Itoa(curvesRight), strconv.Itoa(curvesTop), strconv.Itoa(curvesFloor)
	marks, decimals := ticks(in.x.Low, in.x.High, 5)
	for _, v := range marks {
		x := tenth(in.across(v))
		p.WriteString(`<path class="lattice" d="M` + x + ` ` + top + `V` + floor + `"/>`)
		p.element(`text text-anchor="middle" x="`+x+`" y="`+strconv.Itoa(curvesFloor+20)+`"`, number(v, decimals))
	}
	marks, decimals = ticks(in.y.Low, in.y.High, 5)
	for _, v := range marks {
		y := in.down(v)
		p.WriteString(`<path class="lattice" d="M` + left + ` ` + tenth(y) + `H` + right + `"/>`)
		p.element(`text text-anchor="end" x="`+strconv.Itoa(curvesLeft-6)+`" y="`+tenth(y+4)+`"`, number(v, decimals))
	}
	p.WriteString(`<path class="axis" d="M` + left + ` ` + top + `V` + floor + `H` + right + `"/>`)
	p.element(`text x="4" y="16"`, clip(in.y.Label, longestLabel))
	p.element(`text text-anchor="end" x="`+right+`" y="`+strconv.Itoa(curvesFloor+40)+`"`, clip(in.x.Label, longestLabel))
}

// thinned leaves out points that lie on the last one drawn, and if that is not
// enough all but every n-th.
func thinned(in plane, l report.Line) report.Line {
	bounded := len(l.Lower) > 0
	var keep []int
	x, y := 0.0, 0.0
	for i := range l.X {
		px, py := in.across(l.X[i]), in.down(l.Y[i])
		if i == 0 || i == len(l.X)-1 || px-x >= 0.5 || x-px >= 0.5 || py-y >= 0.5 || y-py >= 0.5 {
			keep, x, y = append(keep, i), px, py
		}
	}
	out := report.Line{Label: l.Label, Points: l.Points}
	each := (len(keep) + mostPoints - 1) / mostPoints
	for n, i := range keep {
		if n%each != 0 && n != len(keep)-1 {
			continue
		}
		out.X, out.Y = append(out.X, l.X[i]), append(out.Y, l.Y[i])
		if bounded {
			out.Lower, out.Upper = append(out.Lower, l.Lower[i]), append(out.Upper, l.Upper[i])
		}
	}
	return out
}

// line draws a line with its band, or marks with their bars.
func (p *page) line(in plane, l report.Line, n int) {
	if len(l.X) == 0 {
		return
	}
	class := stroke(n)
	if l.Points {
		if len(l.Lower) > 0 {
			p.WriteString(`<path class="bars ` + class + `" d="`)
			for i, x := range l.X {
				at := tenth(in.across(x))
				p.WriteString("M" + at + " " + tenth(in.down(l.Lower[i])) + "V" + tenth(in.down(l.Upper[i])))
			}
			p.WriteString(`"/>`)
		}
		p.WriteString(`<path class="marks ` + class + `" d="`)
		for i, x := range l.X {
			p.WriteString(markAt(in.across(x), in.down(l.Y[i]), n))
		}
		p.WriteString(`"/>`)
		return
	}
	if len(l.Lower) > 0 {
		p.WriteString(`<path class="band ` + class + `" d="`)
		for i, x := range l.X {
			p.WriteString(pathStep(i) + in.point(x, l.Upper[i]))
		}
		for i := len(l.X) - 1; i >= 0; i-- {
			p.WriteString("L" + in.point(l.X[i], l.Lower[i]))
		}
		p.WriteString(`z"/>`)
	}
	p.WriteString(`<path class="line ` + class + `" d="`)
	for i, x := range l.X {
		p.WriteString(pathStep(i) + in.point(x, l.Y[i]))
	}
	p.WriteString(`"/>`)
}

// stroke is the class of line n: its colour, and the pattern that tells it
// apart without colour.
func stroke(n int) string {
	return "k" + strconv.Itoa(n%mostStrokes) + " d" + strconv.Itoa((n+n/mostStrokes)%mostStrokes)
}

func pathStep(i int) string {
	if i == 0 {
		return "M"
	}
	return "L"
}

// markAt is the path of one mark: a square, a diamond, a triangle or its
// reverse, so that two lines of marks differ without colour.
func markAt(x, y float64, n int) string {
	switch (n + n/mostStrokes) % mostStrokes {
	case 0:
		return "M" + tenth(x-4) + " " + tenth(y-4) + "h8v8h-8z"
	case 1:
		return "M" + tenth(x) + " " + tenth(y-6) + "l6 6l-6 6l-6 -6z"
	case 2:
		return "M" + tenth(x) + " " + tenth(y-5) + "l5.5 9.5h-11z"
	}
	return "M" + tenth(x) + " " + tenth(y+5) + "l5.5 -9.5h-11z"
}

// key is a line in the legend.
func key(l report.Line, n int) string {
	shape := `<path class="line ` + stroke(n) + `" d="M0 6H28"/>`
	if l.Points {
		shape = `<path class="marks ` + stroke(n) + `" d="` + markAt(14, 6, n) + `"/>`
	}
	return `<svg aria-hidden="true" width="28" height="12" viewBox="0 0 28 12">` + shape + `</svg>`
}
