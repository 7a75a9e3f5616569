package render

import (
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

func (p *page) allSections(sections []report.Section) {
	missing := 0
	for _, s := range sections {
		p.full = false
		if !p.fits(sectionsEnd, func() { p.section(s) }) {
			missing++
		}
	}
	p.full = false
	if p.left.sections += missing; missing > 0 {
		p.WriteString("<p class=\"quiet\">… and " + counted(missing, "more section", "more sections") + "</p>\n")
	}
}

func (p *page) section(s report.Section) {
	p.WriteString("<section>\n")
	if s.Title != "" {
		p.element("h2", s.Title)
		p.WriteByte('\n')
	}
	switch {
	case s.Table != nil:
		p.table(s.Title, s.Table)
	case s.Intervals != nil:
		p.intervals(s.Title, s.Intervals)
	case s.Histogram != nil:
		p.histogram(s.Title, s.Histogram)
	case s.Curves != nil:
		p.curves(s.Title, s.Curves.Clean())
	case s.Matrix != nil:
		p.matrix(s.Title, matrix{s.Matrix})
	case s.Text != nil:
		p.prose(*s.Text)
	}
	p.WriteString("</section>\n")
}

// openTable begins a table that can be moved sideways on a narrow screen, by
// keyboard too.
func (p *page) openTable(title, caption string) {
	p.WriteString(`<div class="scroll" role="region" tabindex="0" aria-label="`)
	p.text(firstNonEmpty(clip(title, 200), "table"))
	p.WriteString("\"><table>\n")
	switch {
	case caption != "":
		p.element("caption", caption)
	case title != "": // it stands above the table
		p.element(`caption class="unseen"`, clip(title, 200))
	}
	p.WriteByte('\n')
}

func (p *page) closeTable() { p.WriteString("</tbody>\n</table></div>\n") }

// rows draws n rows as far as the detail and the limit allow, and says how many
// more there are; omitted were left out before.
func (p *page) rows(n, omitted int, draw func(i int)) (missing int) {
	shown := 0
	for shown < n && shown < p.detail.rows && p.fits(sectionsEnd-htmlRoom, func() { draw(shown) }) {
		shown++
	}
	p.left.rows += n - shown
	return n - shown + omitted
}

func (p *page) more(missing int, one, many string) {
	if missing > 0 {
		p.WriteString("<p class=\"quiet\">… and " + counted(missing, "more "+one, "more "+many) + "</p>\n")
	}
}

func (p *page) table(title string, t *report.Table) {
	if len(t.Rows) == 0 {
		p.WriteString("<p class=\"quiet\">none</p>\n")
		p.more(t.Omitted, "row", "rows")
		return
	}
	columns := len(t.Columns)
	for _, row := range t.Rows {
		columns = max(columns, len(row))
	}
	narrower := max(0, columns-p.detail.rows)
	columns -= narrower
	p.left.columns += narrower
	class := func(i int) string {
		if i < len(t.Columns) && t.Columns[i].Align == report.Right {
			return ` class="num"`
		}
		return ""
	}
	p.openTable(title, "")
	p.WriteString("<thead><tr>")
	for i := range columns {
		name := ""
		if i < len(t.Columns) {
			name = t.Columns[i].Title
		}
		if name == "" {
			p.WriteString("<td></td>") // an empty head would be read as one
			continue
		}
		p.element(`th scope="col"`+class(i), name)
	}
	p.WriteString("</tr></thead>\n<tbody>\n")
	missing := p.rows(len(t.Rows), t.Omitted, func(n int) {
		p.WriteString("<tr>")
		for i := range columns {
			cell := ""
			if i < len(t.Rows[n]) {
				cell = t.Rows[n][i]
			}
			p.element("td"+class(i), cell)
		}
		p.WriteString("</tr>\n")
	})
	p.closeTable()
	p.more(missing, "row", "rows")
	p.more(narrower, "column", "columns")
}

// prose writes lines that begin with a space as they were set, the others as
// paragraphs.
func (p *page) prose(text string) {
	var block []string
	set := false
	end := func() {
		switch {
		case len(block) == 0:
			return
		case set:
			p.WriteString("<pre tabindex=\"0\">" + strings.Join(block, "\n") + "</pre>\n")
		default:
			p.WriteString("<p>" + strings.Join(block, "<br>\n") + "</p>\n")
		}
		block = nil
	}
	all := lines(text)
	shown := min(len(all), p.detail.rows)
	for _, line := range all[:shown] {
		line = strings.TrimRight(line, " ")
		own := strings.HasPrefix(line, " ")
		if line == "" || own != set {
			end()
		}
		if set = own; line != "" {
			block = append(block, escape(line))
		}
	}
	end()
	p.left.rows += len(all) - shown
	p.more(len(all)-shown, "line", "lines")
}

// svg begins a picture with what those who do not see it are told.
func (p *page) svg(wide, high int, title, desc string) {
	p.ids++
	id := strconv.Itoa(p.ids)
	w, h := strconv.Itoa(wide), strconv.Itoa(high)
	p.WriteString(`<svg role="img" width="` + w + `" height="` + h + `" viewBox="0 0 ` + w + ` ` + h + `" aria-labelledby="t` + id + ` d` + id + `">`)
	p.element(`title id="t`+id+`"`, title)
	p.element(`desc id="d`+id+`"`, desc)
}

// tenth writes a length with one decimal: the picture is the same on every
// machine.
func tenth(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// The picture of a histogram, in pixels; more bins than mostBins are drawn
// together.
const (
	histogramWide = 640
	histogramHigh = 180
	plotTop       = 24
	plotBottom    = 156
	mostBins      = 160
)

// histogram writes the picture, every bin as wide as the others, and the same
// numbers as a table.
func (p *page) histogram(title string, h *report.Histogram) {
	if len(h.Counts) == 0 {
		p.WriteString("<p class=\"quiet\">none</p>\n")
		return
	}
	labels := binLabels(h)
	bars := barsOf(h.Counts)
	most, fullest := int64(0), 0
	for i, c := range h.Counts {
		if c > most {
			most, fullest = c, i
		}
	}
	desc := counted(len(h.Counts), "bin", "bins") + " from " + labels[0] + " to " + labels[len(labels)-1] +
		"; most, " + report.Thousands(most) + ", in " + labels[fullest]
	p.svg(histogramWide, histogramHigh, firstNonEmpty(clip(title, 200), "histogram"), desc)
	p.bars(bars)
	p.axis(h, labels, len(bars))
	p.WriteString("</svg>\n")
	p.WriteString("<details class=\"numbers\"><summary>" + counted(len(h.Counts), "bin", "bins") + " in numbers</summary>\n")
	p.openTable(title+" in numbers", "")
	p.WriteString(`<thead><tr><th scope="col" class="num">from, to</th><th scope="col" class="num">count</th></tr></thead>` + "\n<tbody>\n")
	missing := p.rows(len(labels), 0, func(i int) {
		p.WriteString("<tr>")
		p.element(`th scope="row" class="num whole"`, labels[i])
		p.element(`td class="num"`, report.Thousands(h.Counts[i]))
		p.WriteString("</tr>\n")
	})
	p.closeTable()
	p.more(missing, "bin", "bins")
	p.WriteString("</details>\n")
}

// barsOf are the heights to draw: the counts, or sums of as many neighbours as
// make them few enough.
func barsOf(counts []int64) []float64 {
	each := (len(counts) + mostBins - 1) / mostBins
	out := make([]float64, (len(counts)+each-1)/each)
	for i, c := range counts {
		out[i/each] += float64(max(c, 0))
	}
	return out
}

func (p *page) bars(bars []float64) {
	most := 0.0
	for _, v := range bars {
		most = max(most, v)
	}
	slot := float64(histogramWide) / float64(len(bars))
	bar := slot - min(2, float64(slot*0.15))
	p.WriteString(`<path class="shape" d="`)
	for i, v := range bars {
		if v <= 0 {
			continue
		}
		// What is not zero shows at least a sliver.
		high := max(2.5, float64(v/most)*(plotBottom-plotTop))
		p.WriteString("M" + tenth(float64(slot*float64(i))) + " " + strconv.Itoa(plotBottom) + "v-" + tenth(high) + "h" + tenth(bar) + "v" + tenth(high) + "z")
	}
	p.WriteString(`"/>`)
}

// axis writes the line under the bars, where the bins begin, and how high the
// highest bar is.
func (p *page) axis(h *report.Histogram, labels []string, bars int) {
	p.WriteString(`<path class="axis" d="M0 ` + strconv.Itoa(plotBottom) + `H` + strconv.Itoa(histogramWide) + `"/>`)
	most, each := 0.0, (len(h.Counts)+bars-1)/bars
	for _, v := range barsOf(h.Counts) {
		most = max(most, v)
	}
	top := "highest bar: " + report.Thousands(int64(min(most, math.MaxInt64/2)))
	if each > 1 {
		top += " (" + strconv.Itoa(each) + " bins each)"
	}
	p.element(`text x="0" y="15"`, top)
	if len(h.Edges) != len(h.Counts)+1 {
		return
	}
	const marks = 4
	for i := range marks + 1 {
		if len(h.Counts) < marks && i != 0 && i != marks {
			continue
		}
		edge := len(h.Counts) * i / marks
		x := float64(histogramWide) * float64(min(float64(edge)/float64(each*bars), 1))
		anchor := "middle"
		switch i {
		case 0:
			anchor = "start"
		case marks:
			anchor = "end"
		}
		p.element(`text text-anchor="`+anchor+`" x="`+tenth(x)+`" y="174"`, edgeLabel(labels, edge))
	}
}

// edgeLabel is the edge as the labels of the bins write it.
func edgeLabel(labels []string, edge int) string {
	if edge < len(labels) {
		from, _, _ := strings.Cut(strings.TrimPrefix(labels[edge], "["), ", ")
		return from
	}
	_, to, _ := strings.Cut(strings.TrimSuffix(labels[len(labels)-1], "]"), ", ")
	return to
}
