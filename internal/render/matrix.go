package render

import (
	"cmp"
	"math"
	"strconv"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// A matrix of more labels than a reader can take in is shown as the cells off
// the diagonal that have most. mostShares is how many labels leave room for
// the shares beside the counts.
const (
	mostLabels     = 30
	mostTextLabels = 12
	mostShares     = 8
	mostConfused   = 20
)

// matrix is a report.Matrix with rows as long as they come.
type matrix struct{ *report.Matrix }

func (m matrix) size() int {
	n := max(len(m.Labels), len(m.Counts))
	for _, row := range m.Counts {
		n = max(n, len(row))
	}
	return n
}

// label is the name of row and column i.
func (m matrix) label(i int) string {
	if i < len(m.Labels) && m.Labels[i] != "" {
		return clip(m.Labels[i], longestLabel)
	}
	return "label " + strconv.Itoa(i+1)
}

func (m matrix) corner() string {
	return firstNonEmpty(clip(m.Row, longestLabel), "row") + " ↓ " + firstNonEmpty(clip(m.Column, longestLabel), "column") + " →"
}

// at is the count in a cell; ok is false where there is none.
func (m matrix) at(i, j int) (n int64, ok bool) {
	if i >= len(m.Counts) || j >= len(m.Counts[i]) {
		return 0, false
	}
	return m.Counts[i][j], true
}

// total is the sum of row i, negative counts left out, as far as an int64
// reaches.
func (m matrix) total(i int) int64 {
	if i >= len(m.Counts) {
		return 0
	}
	sum := int64(0)
	for _, n := range m.Counts[i] {
		if n = max(n, 0); n > math.MaxInt64-sum {
			return math.MaxInt64
		}
		sum += max(n, 0)
	}
	return sum
}

// share is what part of its row a cell has, from 0 to 1.
func share(n, total int64) float64 {
	if n <= 0 || total <= 0 {
		return 0
	}
	return min(1, float64(n)/float64(total))
}

// percent writes a share with one decimal, so that cells line up, and claims
// neither 0 % nor 100 % of what is only close to it.
func percent(share float64) string {
	switch p := 100 * share; {
	case p > 0 && p < 0.05:
		return "<0.1 %"
	case p >= 99.95 && p < 100:
		return ">99.9 %"
	default:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
}

// grid is the whole matrix as a table, the totals of the rows last.
func (m matrix) grid(cell func(i, j int, n int64) string) *report.Table {
	size := m.size()
	t := &report.Table{Columns: []report.Column{{Title: m.corner()}}}
	for i := range size {
		t.Columns = append(t.Columns, report.Column{Title: m.label(i), Align: report.Right})
		row := []string{m.label(i)}
		for j := range size {
			text := ""
			if n, ok := m.at(i, j); ok {
				text = cell(i, j, n)
			}
			row = append(row, text)
		}
		t.Rows = append(t.Rows, append(row, report.Thousands(m.total(i))))
	}
	t.Columns = append(t.Columns, report.Column{Title: "all", Align: report.Right})
	return t
}

// confused lists the fullest cells off the diagonal. Ties stand in the order of
// the matrix.
func (m matrix) confused() *report.Table {
	type cell struct {
		i, j int
		n    int64
	}
	var cells []cell
	for i, row := range m.Counts {
		for j, n := range row {
			if i != j && n > 0 {
				cells = append(cells, cell{i, j, n})
			}
		}
	}
	sorting.Stable(cells, func(a, b cell) int { return cmp.Compare(b.n, a.n) })
	t := &report.Table{Columns: []report.Column{{Title: firstNonEmpty(m.Row, "row")}, {Title: firstNonEmpty(m.Column, "column")},
		{Title: "count", Align: report.Right}, {Title: "of the row", Align: report.Right}}}
	t.Omitted = max(0, len(cells)-mostConfused)
	for _, c := range cells[:len(cells)-t.Omitted] {
		t.Rows = append(t.Rows, []string{m.label(c.i), m.label(c.j), report.Thousands(c.n), report.Percent(share(c.n, m.total(c.i)))})
	}
	return t
}

// confusedSays introduces what confused lists.
func (m matrix) confusedSays() string {
	return counted(m.size(), "label", "labels") + "; the most frequent cells off the diagonal:"
}

// matrix writes the table with every cell shaded by its share of the row, the
// diagonal and the rest in different hues.
func (p *page) matrix(title string, m matrix) {
	size := m.size()
	switch {
	case size == 0:
		p.WriteString("<p class=\"quiet\">none</p>\n")
		return
	case size > mostLabels:
		p.element("p", m.confusedSays())
		p.WriteByte('\n')
		p.table(title, m.confused())
		return
	}
	p.WriteString(`<div class="matrix">`)
	p.openTable(title, "Rows: "+firstNonEmpty(clip(m.Row, 200), "row")+". Columns: "+firstNonEmpty(clip(m.Column, 200), "column")+
		". The shade is the share of the row; the diagonal is framed.")
	p.WriteString("<thead><tr>")
	p.element(`th scope="col"`, m.corner())
	for i := range size {
		p.element(`th scope="col" class="num"`, m.label(i))
	}
	p.WriteString(`<th scope="col" class="num">all</th>`)
	p.WriteString("</tr></thead>\n<tbody>\n")
	missing := p.rows(size, 0, func(i int) { p.matrixRow(m, i, size) })
	p.closeTable()
	p.WriteString("</div>\n")
	p.more(missing, "row", "rows")
}

func (p *page) matrixRow(m matrix, i, size int) {
	total := m.total(i)
	p.WriteString("<tr>")
	p.element(`th scope="row"`, m.label(i))
	for j := range size {
		n, ok := m.at(i, j)
		if !ok {
			p.WriteString("<td></td>")
			continue
		}
		class := "num s" + strconv.Itoa(int(math.Round(share(n, total)*10)))
		if i == j {
			class += " same"
		}
		says := report.Percent(share(n, total)) + " of " + m.label(i)
		if total == 0 {
			says = "no " + m.label(i)
		}
		p.WriteString(`<td class="` + class + `" title="`)
		p.text(says)
		p.WriteString(`">`)
		p.text(report.Thousands(n))
		if size <= mostShares && total > 0 {
			p.element("span", percent(share(n, total)))
		}
		p.WriteString("</td>")
	}
	p.element(`td class="num quiet"`, report.Thousands(total))
	p.WriteString("</tr>\n")
}

// matrix writes the counts, for many labels the cells that matter.
func (p *printer) matrix(m matrix) {
	switch size := m.size(); {
	case size == 0:
		p.line("none", dim)
	case size > mostTextLabels:
		p.prose(m.confusedSays())
		p.tableSection(m.confused())
	default:
		p.tableSection(m.grid(func(_, _ int, n int64) string { return report.Thousands(n) }))
	}
}

// matrix writes the same, the diagonal strong.
func (m markdown) matrix(x matrix) {
	switch size := x.size(); {
	case size == 0:
		m.WriteString("none\n")
	case size > mostTextLabels:
		m.WriteString(inertLine(x.confusedSays()) + "\n\n")
		m.table(x.confused())
	default:
		m.cells(x.grid(func(_, _ int, n int64) string { return report.Thousands(n) }), func(i, j int, cell string) string {
			if i+1 == j {
				return strong(cell)
			}
			return inert(cell)
		})
	}
}
