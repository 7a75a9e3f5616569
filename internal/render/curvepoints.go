package render

import (
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/report"
)

// A comment shows curves as the points by which a reader compares
// them: marks and short lines point by point, long lines where the ticks of the
// axis are.
const (
	mostMarks = 20 // of one line
	mostTicks = 10
	mostDots  = 12 // of a line that is short, or goes back and forth
)

// pointTable is key points with what they are.
type pointTable struct {
	says string
	*report.Table
}

// keyPoints are up to two tables: of the lines, a column each, and of the
// marks, a row each. The lines are clean.
func keyPoints(c report.Curves) []pointTable {
	var tables []pointTable
	x, y := firstNonEmpty(clip(c.X.Label, longestLabel), "x"), firstNonEmpty(clip(c.Y.Label, longestLabel), "y")
	var lines []namedLine
	dots := &report.Table{}
	for i, l := range c.Lines[:min(len(c.Lines), mostLines)] {
		n := namedLine{l, lineName(l, i)}
		switch up, ok := ascending(l); {
		case len(l.X) == 0:
		case !l.Points && ok && len(l.X) > mostDots:
			n.Line = up
			lines = append(lines, n)
		case l.Points:
			n.rows(dots, c, mostMarks)
		default:
			n.rows(dots, c, mostDots)
		}
	}
	if len(lines) > 0 {
		tables = append(tables, pointTable{"Each line: " + y + " by " + x, lineTable(c, lines)})
	}
	if len(dots.Rows) > 0 {
		dots.Columns = []report.Column{{Title: "line"}, {Title: x, Align: report.Right}, {Title: y, Align: report.Right}}
		if slices.ContainsFunc(dots.Rows, func(row []string) bool { return len(row) > 3 }) {
			dots.Columns = append(dots.Columns, report.Column{Title: "interval"})
		}
		tables = append(tables, pointTable{counted(len(dots.Rows), "point", "points"), dots})
	}
	return tables
}

type namedLine struct {
	report.Line
	name string
}

// rows adds the points of a line, evenly chosen if there are more than most.
func (l namedLine) rows(t *report.Table, c report.Curves, most int) {
	x, y := axisScale(c.X), axisScale(c.Y)
	n := len(l.X)
	shown := min(n, most)
	for k := range shown {
		i := k
		if shown < n {
			i = k * (n - 1) / (shown - 1)
		}
		row := []string{l.name, x.number(l.X[i]), y.number(l.Y[i])}
		if len(l.Lower) > 0 {
			row = append(row, "["+y.number(l.Lower[i])+", "+y.number(l.Upper[i])+"]")
		}
		t.Rows = append(t.Rows, row)
	}
	t.Omitted += n - shown
}

// lineTable is what every line has at the ticks of the axis.
func lineTable(c report.Curves, lines []namedLine) *report.Table {
	y := axisScale(c.Y)
	t := &report.Table{Columns: []report.Column{{Title: firstNonEmpty(c.X.Label, "x"), Align: report.Right}}}
	for _, l := range lines {
		t.Columns = append(t.Columns, report.Column{Title: l.name, Align: report.Right})
	}
	marks, decimals := ticks(c.X.Low, c.X.High, mostTicks)
	for _, at := range marks {
		row := []string{scale{decimals: decimals}.number(at)}
		for _, l := range lines {
			text := ""
			if v, ok := valueAt(l.Line, at); ok {
				text = y.number(v)
			}
			row = append(row, text)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// axisScale writes numbers so that a thousandth of the axis can be told apart.
func axisScale(a report.Axis) scale {
	d := decimalsFor((a.High-a.Low)/10, max(math.Abs(a.Low), math.Abs(a.High)))
	return scale{low: a.Low, high: a.High, decimals: d}
}

// ascending is the line from left to right; ok is false when it goes back and
// forth.
func ascending(l report.Line) (up report.Line, ok bool) {
	switch {
	case slices.IsSorted(l.X):
		return l, true
	case !slices.IsSortedFunc(l.X, func(a, b float64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	}):
		return l, false
	}
	up = report.Line{X: slices.Clone(l.X), Y: slices.Clone(l.Y)}
	slices.Reverse(up.X)
	slices.Reverse(up.Y)
	return up, true
}

// valueAt is the height of an ascending line at x: between two points on the
// line between them, at a step its far end. ok is false outside of the line.
func valueAt(l report.Line, x float64) (y float64, ok bool) {
	after, _ := slices.BinarySearchFunc(l.X, x, func(v, x float64) int {
		if v <= x {
			return -1
		}
		return 1
	})
	switch {
	case len(l.X) == 0 || after == 0:
		return 0, false
	case l.X[after-1] == x:
		return l.Y[after-1], true
	case after == len(l.X):
		return 0, false
	}
	x0, x1, y0, y1 := l.X[after-1], l.X[after], l.Y[after-1], l.Y[after]
	share := (x - x0) / (x1 - x0)
	v := float64(y0*(1-share)) + float64(y1*share)
	return v, finite(v)
}

// curves writes the tables of key points, long ones folded away.
func (m markdown) curves(c report.Curves) {
	tables := keyPoints(c)
	if len(tables) == 0 {
		m.WriteString("none\n")
	}
	for i, t := range tables {
		if i > 0 {
			m.WriteByte('\n')
		}
		if len(t.Rows) > mostDots {
			m.WriteString("<details><summary>" + inert(t.says) + "</summary>\n\n")
			m.table(t.Table)
			m.WriteString("\n</details>\n")
			continue
		}
		m.WriteString(inertLine(t.says) + "\n\n")
		m.table(t.Table)
	}
	if n := len(c.Lines) - mostLines; n > 0 {
		m.WriteString("\n… and " + counted(n, "more line", "more lines") + "\n")
	}
}
