package render

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// gap stands between the columns of a table.
const gap = "  "

// section writes one section, its content indented under its title.
func (p *printer) section(s report.Section) {
	if s.Curves != nil {
		p.curves(s.Title, s.Curves.Clean())
		return
	}
	if s.Title != "" {
		p.WriteString(p.styled(visible(s.Title), bold) + "\n")
		inner := *p
		inner.indent = "  "
		inner.width -= len(inner.indent)
		inner.table = max(0, inner.table-len(inner.indent))
		p = &inner
	}
	switch {
	case s.Table != nil:
		p.tableSection(s.Table)
	case s.Intervals != nil:
		p.intervals(s.Intervals)
	case s.Histogram != nil:
		p.histogram(s.Histogram)
	case s.Matrix != nil:
		p.matrix(matrix{s.Matrix})
	case s.Text != nil:
		p.prose(*s.Text)
	}
}

// curves names them in one line: what letters could draw of a curve says less
// than its area does, and takes a page. The lines are clean.
func (p *printer) curves(title string, c report.Curves) {
	p.WriteString(p.indent + p.styled(firstNonEmpty(visible(title), "Curves"), bold))
	if !drawable(c.Lines) {
		p.WriteString(": none\n")
		return
	}
	p.WriteString(": " + counted(len(c.Lines), "line", "lines") + "; the HTML report draws it\n")
}

// prose writes text line by line. Lines that begin with a space are set by
// their author and stay; others are sentences and are wrapped.
func (p *printer) prose(text string) {
	for _, line := range lines(text) {
		line = strings.TrimRight(line, " ")
		if strings.HasPrefix(line, " ") {
			p.line(visible(line), plain)
			continue
		}
		for _, l := range wrap(visible(line), p.width, false) {
			p.line(l, plain)
		}
	}
}

// line writes one line of a section, without trailing spaces.
func (p *printer) line(s string, st style) {
	if s = strings.TrimRight(s, " "); s != "" {
		p.WriteString(p.indent + p.styled(s, st))
	}
	p.WriteByte('\n')
}

// grid is a table whose cells are visible and which has one width a column.
type grid struct {
	head   []string
	rows   [][]string
	right  []bool
	widths []int
}

func newGrid(t *report.Table) grid {
	g := grid{}
	for _, c := range t.Columns {
		g.head = append(g.head, visible(c.Title))
		g.right = append(g.right, c.Align == report.Right)
		g.widths = append(g.widths, 0)
	}
	// A row longer than its head still shows all it has.
	for _, row := range t.Rows {
		for len(g.widths) < len(row) {
			g.head, g.right, g.widths = append(g.head, ""), append(g.right, false), append(g.widths, 0)
		}
	}
	for _, row := range t.Rows {
		cells := make([]string, len(g.widths))
		for i, c := range row {
			cells[i] = visible(c)
		}
		g.rows = append(g.rows, cells)
	}
	for _, row := range append([][]string{g.head}, g.rows...) {
		for i, c := range row {
			g.widths[i] = max(g.widths[i], width(c))
		}
	}
	return g
}

// total is how many columns the widest line takes.
func (g *grid) total() int {
	total := len(gap) * (len(g.widths) - 1)
	for _, w := range g.widths {
		total += w
	}
	return total
}

func gridWidth(t *report.Table) int {
	g := newGrid(t)
	return g.total()
}

// narrow takes columns from the widest until the table fits n columns, or
// until no column has more than eight.
func (g *grid) narrow(n int) {
	total := g.total()
	for total > n {
		widest, next := 0, 0
		for i, w := range g.widths {
			switch {
			case w > g.widths[widest]:
				widest, next = i, g.widths[widest]
			case i != widest && w > next:
				next = w
			}
		}
		floor := max(8, min(next, g.widths[widest]-1))
		take := min(g.widths[widest]-floor, total-n)
		if take <= 0 {
			return
		}
		g.widths[widest] -= take
		total -= take
	}
}

func (p *printer) tableSection(t *report.Table) {
	g := newGrid(t)
	if p.table > 0 {
		g.narrow(p.table)
	}
	if strings.Join(g.head, "") != "" {
		p.row(g, g.head, dim)
	}
	for _, row := range g.rows {
		p.row(g, row, plain)
	}
	if len(g.rows) == 0 {
		p.line("none", dim)
	}
	if t.Omitted > 0 {
		p.line("… and "+report.Thousands(int64(t.Omitted))+" more", dim)
	}
}

// row writes one row, on as many lines as its tallest cell needs.
func (p *printer) row(g grid, cells []string, st style) {
	wrapped := make([][]string, len(cells))
	tall := 1
	for i, c := range cells {
		wrapped[i] = wrap(c, max(g.widths[i], 1), true)
		tall = max(tall, len(wrapped[i]))
	}
	for n := range tall {
		var line strings.Builder
		for i := range cells {
			cell := ""
			if n < len(wrapped[i]) {
				cell = wrapped[i][n]
			}
			if i > 0 {
				line.WriteString(gap)
			}
			line.WriteString(pad(cell, g.widths[i], g.right[i]))
		}
		p.line(line.String(), st)
	}
}

// longestLabel is where labels of bars are cut, so that the bars stay in view;
// narrowestBar is what they have at least.
const (
	longestLabel = 40
	narrowestBar = 16
)

// intervals writes one line a row: verdict, label, value, interval, limit, bar.
// Labels are cut where the bar would not fit the line, but not below a third
// of their length; see clipLabels.
func (p *printer) intervals(in *report.Intervals) {
	s, drawable := intervalScale(in.Rows)
	longest := longestLabel
	t := intervalTable(s, in, longest)
	for drawable && longest > longestLabel/3 && gridWidth(t)+len(gap)+narrowestBar > p.width {
		longest = max(longestLabel/3, longest-8)
		t = intervalTable(s, in, longest)
	}
	if drawable {
		s.columns = p.room(t, 40)
		t.Columns = append(t.Columns, report.Column{Title: s.axis()})
		for i, r := range in.Rows {
			t.Rows[i] = append(t.Rows[i], s.bar(r))
		}
	}
	if limit := sharedLimit(in.Rows); limit != nil && drawable {
		p.line("│ is the limit, "+s.number(*limit), dim)
	}
	p.unwrapped(t)
}

// intervalTable is the numbers of intervals, their labels cut to longest.
func intervalTable(s scale, in *report.Intervals, longest int) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{}, {Title: firstNonEmpty(clip(in.Unit, longest), "value"), Align: report.Right}, {Title: "interval"},
	}}
	limits := sharedLimit(in.Rows) == nil && slices.ContainsFunc(in.Rows, func(r report.Interval) bool { return r.Limit != nil })
	if limits {
		t.Columns = append(t.Columns, report.Column{Title: "limit", Align: report.Right})
	}
	judged := slices.ContainsFunc(in.Rows, func(r report.Interval) bool { return r.Verdict != "" })
	labels := clipLabels(in.Rows, longest)
	for i, r := range in.Rows {
		label := labels[i]
		if judged {
			symbol := " "
			if r.Verdict != "" {
				symbol, _, _ = mark(&report.Finding{Verdict: r.Verdict})
			}
			label = symbol + " " + label
		}
		row := []string{label, s.number(r.Value), "[" + s.number(r.Lower) + ", " + s.number(r.Upper) + "]"}
		switch {
		case !limits:
		case r.Limit != nil:
			row = append(row, s.number(*r.Limit))
		default:
			row = append(row, "")
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// clipLabels shortens the labels of rows to n characters: at their ends, or, where
// different labels would then look the same ("accuracy, product=book" and
// "accuracy, product=film"), at their beginnings.
func clipLabels(rows []report.Interval, n int) []string {
	labels, first := make([]string, len(rows)), map[string]string{}
	alike := map[string]bool{}
	for i, r := range rows {
		labels[i] = clip(r.Label, n)
		if was, ok := first[labels[i]]; ok && was != r.Label {
			alike[labels[i]] = true
		} else {
			first[labels[i]] = r.Label
		}
	}
	for i, r := range rows {
		if all := []rune(r.Label); alike[labels[i]] && len(all) > n {
			labels[i] = "…" + string(all[len(all)-n+1:])
		}
	}
	return labels
}

func (p *printer) histogram(h *report.Histogram) {
	var most int64
	for _, c := range h.Counts {
		most = max(most, c)
	}
	t := &report.Table{Columns: []report.Column{{Align: report.Right}, {Align: report.Right}}}
	for i, label := range binLabels(h) {
		t.Rows = append(t.Rows, []string{label, report.Thousands(h.Counts[i])})
	}
	columns := p.room(t, 40)
	for i := range t.Rows {
		t.Rows[i] = append(t.Rows[i], block(h.Counts[i], most, columns))
	}
	p.unwrapped(t)
}

// room is how many columns are left for a bar to the right of t, from 16 to
// most.
func (p *printer) room(t *report.Table, most int) int {
	used := gridWidth(t) + len(gap)
	return max(narrowestBar, min(most, p.width-used))
}

// unwrapped writes t with every row on one line, whatever the terminal's width: a
// bar that is wrapped says nothing.
func (p *printer) unwrapped(t *report.Table) {
	wide := *p
	wide.table = 0
	wide.tableSection(t)
}
