package review

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

const (
	maxTableRows = 15 // past them a table is folded away
	maxCell      = 300
	maxProse     = 2000
	maxSection   = 8000 // bytes that one section may take
)

// evaluationParts divides what the checks showed: tables and intervals of a model
// are read first, curves, matrices and the profile of a dataset are folded away.
func evaluationParts(a *Artifact) (shown, folded []report.Section) {
	for _, s := range a.Evaluation {
		if a.Kind == "Model" && (s.Intervals != nil || s.Table != nil && len(s.Table.Rows) <= maxTableRows) {
			shown = append(shown, s)
			continue
		}
		folded = append(folded, s)
	}
	return shown, folded
}

// diffParts divides what differs: long tables and sample rows are folded away.
func diffParts(a *Artifact) (shown, folded []report.Section) {
	for _, s := range a.Diff {
		if s.Table != nil && (len(s.Table.Rows) > maxTableRows || strings.HasSuffix(s.Title, "first rows")) {
			folded = append(folded, s)
			continue
		}
		shown = append(shown, s)
	}
	return shown, folded
}

// section draws one, without the artifact's name, which the heading says.
func section(s report.Section, name string) string {
	s.Title = render.Clip(strings.TrimPrefix(s.Title, name+": "), maxHeadline)
	out, title := "", render.Inert(s.Title)
	switch {
	case s.Histogram != nil:
		out = "**" + title + "** " + spark(s.Histogram) + "\n"
	case s.Text != nil && s.Title != "" && oneLine(*s.Text):
		out = "**" + title + "**: " + inert(*s.Text, maxProse) + "\n"
	default:
		out = render.MarkdownSection(bounded(s))
		if s.Title != "" {
			out = strings.Replace(out, "#### "+title+"\n", "**"+title+"**\n", 1)
		}
	}
	if len(out) > maxSection {
		return "\n**" + title + "**: too long to be shown here\n"
	}
	return "\n" + out
}

// oneLine tells whether a text is a sentence rather than set in lines.
func oneLine(s string) bool {
	return s != "" && !strings.HasPrefix(s, " ") && !strings.Contains(strings.TrimRight(s, "\n"), "\n")
}

// bounded bounds what a section may hold before it is drawn.
func bounded(s report.Section) report.Section {
	const most = 60
	switch {
	case s.Table != nil:
		t := *s.Table
		t.Columns = t.Columns[:min(len(t.Columns), 12)]
		if over := len(t.Rows) - most; over > 0 {
			t.Rows, t.Omitted = t.Rows[:most], t.Omitted+over
		}
		rows := make([][]string, len(t.Rows))
		for i, r := range t.Rows {
			for _, cell := range r[:min(len(r), len(t.Columns))] {
				rows[i] = append(rows[i], render.Clip(cell, maxCell))
			}
		}
		t.Rows = rows
		s.Table = &t
	case s.Intervals != nil:
		v := *s.Intervals
		v.Rows = v.Rows[:min(len(v.Rows), most)]
		s.Intervals = &v
	case s.Text != nil:
		text := render.Clip(*s.Text, maxProse)
		s.Text = &text
	}
	return s
}

// spark draws a histogram as one line of blocks between its ends.
func spark(h *report.Histogram) string {
	const most = 40
	n := min(len(h.Counts), most)
	if n == 0 {
		return ""
	}
	sums := make([]int64, n)
	for i, c := range h.Counts[:min(len(h.Counts), 1<<20)] {
		sums[i*n/len(h.Counts)] += max(c, 0)
	}
	highest := int64(1)
	for _, c := range sums {
		highest = max(highest, c)
	}
	var b strings.Builder
	for _, c := range sums {
		if c == 0 {
			b.WriteRune('·')
			continue
		}
		b.WriteRune([]rune("▁▂▃▄▅▆▇█")[int(math.Round(float64(c)/float64(highest)*7))])
	}
	if len(h.Edges) < 2 {
		return "`" + b.String() + "`"
	}
	return fmt.Sprintf("%s `%s` %s", number(h.Edges[0]), b.String(), number(h.Edges[len(h.Edges)-1]))
}

func number(v float64) string { return render.Inert(strconv.FormatFloat(v, 'g', 4, 64)) }
