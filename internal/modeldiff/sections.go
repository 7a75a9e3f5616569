package modeldiff

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/report"
)

const (
	maxRows       = 40 // lines of a table
	maxConfigRows = 20 // values told of one file
)

// Sections draws m for people. Texts out of files are made visible.
func (m *Model) Sections() []report.Section {
	if m.Empty() {
		return []report.Section{report.TextSection("Model", "The model's files say the same.")}
	}
	out := []report.Section{report.TextSection("Model", m.summary())}
	add := func(title string, columns []string, rows [][]string) {
		if len(rows) == 0 {
			return
		}
		s := report.TableSection(title, columns, rows[:min(len(rows), maxRows)])
		s.Table.Omitted = len(rows) - len(s.Table.Rows)
		out = append(out, s)
	}
	add("Interface", []string{"rule", "class", "what breaks", "from", "to"}, breakRows(m.Interface))
	var rows [][]string
	for _, g := range m.Tensors.Groups {
		rows = append(rows, []string{g.What, show(g.Pattern), strconv.Itoa(g.Tensors), size(g.Bytes), share(g.MeanRelative), share(g.MaxRelative)})
	}
	add("Tensors by layers", []string{"what", "tensors", ">number", ">bytes", ">mean relative change", ">largest"}, rows)
	add("Tensors that are no longer finite", []string{"tensor", ">NaN before", ">NaN after", ">infinite before", ">infinite after"}, m.Tensors.oddRows())
	rows = nil
	for _, d := range m.Dtypes {
		rows = append(rows, []string{show(d.Name), report.Thousands(d.From), report.Thousands(d.To)})
	}
	add("Parameters by type", []string{"type", ">from", ">to"}, rows)
	add("Facts", []string{"fact", "from", "to"}, valueRows(m.Facts))
	add("Metadata", []string{"key", "from", "to"}, valueRows(m.Metadata))
	for _, v := range m.Vocabulary {
		add("Vocabulary: "+show(v.Path), []string{"what", ">tokens", "first"}, v.rows())
		if v.Note != "" {
			out = append(out, report.TextSection("Vocabulary: "+show(v.Path), show(v.Note)))
		}
	}
	for _, c := range m.Configs {
		if c.Note != "" {
			out = append(out, report.TextSection(show(c.Path), show(c.Note)))
			continue
		}
		shown := c.Values[:min(len(c.Values), maxConfigRows)]
		s := report.TableSection(show(c.Path), []string{"key", "from", "to"}, valueRows(shown))
		s.Table.Omitted = c.Omitted + len(c.Values) - len(shown)
		out = append(out, s)
	}
	for _, p := range m.Problems {
		out = append(out, report.TextSection("Could not be read", show(p)))
	}
	return out
}

func (m *Model) summary() string {
	var parts []string
	t := &m.Tensors
	for _, n := range []struct {
		count int
		what  string
	}{{len(t.Added), "added"}, {len(t.Removed), "removed"}, {len(t.Renamed), "renamed"}, {len(t.Moved), "moved to another file"}, {len(t.Reshaped), "reshaped"},
		{len(t.Retyped), "retyped"}, {len(t.Changed), "changed"}, {t.Unchanged, "unchanged"}, {t.Unread, "not compared"}} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", report.Thousands(n.count), n.what))
		}
	}
	var lines []string
	if len(parts) > 0 {
		lines = append(lines, "Tensors: "+strings.Join(parts, ", ")+".")
	}
	if m.Parameters.From != m.Parameters.To {
		lines = append(lines, fmt.Sprintf("Parameters: %s → %s (%s).", report.Thousands(m.Parameters.From), report.Thousands(m.Parameters.To), delta(m.Parameters)))
	}
	if m.Bytes.From != m.Bytes.To {
		lines = append(lines, fmt.Sprintf("Bytes: %s → %s (%s).", report.Thousands(m.Bytes.From), report.Thousands(m.Bytes.To), delta(m.Bytes)))
	}
	if n := len(compat.Breaking(m.Interface)); n > 0 {
		lines = append(lines, fmt.Sprintf("Callers break: %s.", report.Count(int64(n), "rule of the interface does not hold")))
		if n > 1 {
			lines[len(lines)-1] = fmt.Sprintf("Callers break: %d rules of the interface do not hold.", n)
		}
	}
	return strings.Join(lines, " ")
}

// delta is the difference with its sign, and as a share where that tells more.
func delta(p Pair[int64]) string {
	d, sign := p.To-p.From, "+"
	if d < 0 {
		d, sign = -d, "-"
	}
	s := sign + report.Thousands(d)
	if p.From > 0 {
		s += ", " + sign + strconv.FormatFloat(100*float64(d)/float64(p.From), 'g', 3, 64) + " %"
	}
	return s
}

func (t *Tensors) oddRows() [][]string {
	var rows [][]string
	add := func(name string, n *Norms) {
		if n != nil && (n.NaN.To > n.NaN.From || n.Inf.To > n.Inf.From) {
			rows = append(rows, []string{show(name), report.Thousands(n.NaN.From), report.Thousands(n.NaN.To), report.Thousands(n.Inf.From), report.Thousands(n.Inf.To)})
		}
	}
	for _, x := range t.Retyped {
		add(x.Name, x.Norms)
	}
	for _, x := range t.Changed {
		add(x.Name, x.Norms)
	}
	return rows
}

func breakRows(breaks []compat.Break) [][]string {
	var rows [][]string
	for _, b := range breaks {
		message := show(b.Message)
		if b.Ignored != "" {
			message += " (accepted: " + show(b.Ignored) + ")"
		}
		rows = append(rows, []string{b.Rule, string(b.Class), message, show(b.From), show(b.To)})
	}
	return rows
}

func valueRows(values []Value) [][]string {
	var rows [][]string
	for _, v := range values {
		rows = append(rows, []string{show(v.Path), show(v.From), show(v.To)})
	}
	return rows
}

func (v *Vocabulary) rows() [][]string {
	var rows [][]string
	for _, t := range []struct {
		what string
		Tokens
	}{{"added", v.Added}, {"removed", v.Removed}, {"renumbered", v.Renumbered}} {
		if t.Count == 0 {
			continue
		}
		quoted := make([]string, len(t.First))
		for i, s := range t.First {
			quoted[i] = strconv.Quote(s)
		}
		rows = append(rows, []string{t.what, report.Thousands(t.Count), strings.Join(quoted, " ")})
	}
	return rows
}

// share writes a relative change.
func share(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', 3, 64)
}

// size writes bytes; tensors that were only reshaped or moved have none to tell.
func size(n int64) string {
	if n == 0 {
		return ""
	}
	return report.Thousands(n)
}

// show clips a text that came out of a file and makes it visible.
func show(s string) string { return report.Visible(clip(s)) }
