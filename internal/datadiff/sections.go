package datadiff

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

const (
	maxFileRows   = 30 // lines of the table of files
	maxColumnRows = 50
	maxListed     = 8 // categories in a cell
)

// Sections draws d for people.
func (d *Diff) Sections() []report.Section {
	title := fmt.Sprintf("%s: %s → %s", d.Artifact, escape(d.From.Reference), escape(d.To.Reference))
	out := []report.Section{report.TextSection(title, d.summary())}
	if !d.Files.Empty() {
		out = append(out, d.Files.section())
	}
	if d.Data != nil {
		for _, name := range slices.Sorted(maps.Keys(d.Data.Splits)) {
			out = append(out, d.Data.Splits[name].sections(name)...)
		}
		var rows [][]string
		for _, m := range d.Data.Moved {
			rows = append(rows, []string{m.From, m.To, report.Thousands(m.Rows)})
		}
		if len(rows) > 0 {
			out = append(out, report.TableSection("Rows that changed the split", []string{"from", "to", ">rows"}, rows))
		}
	}
	return out
}

func (d *Diff) summary() string {
	f := &d.Files
	if f.Empty() {
		return fmt.Sprintf("No file differs (%s).", d.To.ContentDigest.Short())
	}
	var parts []string
	for _, n := range []struct {
		count int
		what  string
	}{{len(f.Added), "added"}, {len(f.Removed), "removed"}, {len(f.Changed), "changed"}, {len(f.Moved), "moved"}, {f.Unchanged, "unchanged"}} {
		if n.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	s := fmt.Sprintf("Files: %s (%s → %s).", strings.Join(parts, ", "), d.From.ContentDigest.Short(), d.To.ContentDigest.Short())
	if d.Data != nil && d.Data.Reused > 0 {
		verb := "were"
		if d.Data.Reused == 1 {
			verb = "was"
		}
		s += fmt.Sprintf(" Rows and columns are those of the files that differ; %s %s not read.", plural(int64(d.Data.Reused), "unchanged file"), verb)
	}
	if d.Data != nil && d.Data.Other > 0 {
		s += fmt.Sprintf(" Of the files that differ, %d hold no rows.", d.Data.Other)
	}
	if len(d.Lineage) > 0 {
		s += fmt.Sprintf(" Models made from it: %s.", strings.Join(d.Lineage, ", "))
	}
	return s
}

func (f *Files) section() report.Section {
	var rows [][]string
	for _, x := range f.Added {
		rows = append(rows, []string{"added", inSplit(x.Path, x.Split), "", size(x.Size)})
	}
	for _, x := range f.Removed {
		rows = append(rows, []string{"removed", inSplit(x.Path, x.Split), size(x.Size), ""})
	}
	for _, x := range f.Changed {
		name := escape(x.Path)
		if x.Split != nil {
			name += fmt.Sprintf(" (%s → %s)", x.Split.From, x.Split.To)
		}
		if x.Executable != nil {
			name += map[bool]string{true: " (now executable)", false: " (no longer executable)"}[x.Executable.To]
		}
		rows = append(rows, []string{"changed", name, size(x.Size.From), size(x.Size.To)})
	}
	for _, x := range f.Moved {
		name := inSplit(x.Path.From, x.Split.From) + " → " + inSplit(x.Path.To, x.Split.To)
		if x.Path.From == x.Path.To {
			name = fmt.Sprintf("%s (%s → %s)", escape(x.Path.To), x.Split.From, x.Split.To)
		}
		rows = append(rows, []string{"moved", name, size(x.Size), size(x.Size)})
	}
	return cut(report.TableSection("Files", []string{"", "file", ">before", ">after"}, rows), maxFileRows)
}

func inSplit(path, split string) string {
	if split == "" {
		return escape(path)
	}
	return escape(path) + " (" + split + ")"
}

// cut shortens a table.
func cut(s report.Section, most int) report.Section {
	if over := len(s.Table.Rows) - most; over > 0 {
		s.Table.Rows, s.Table.Omitted = s.Table.Rows[:most], over
	}
	return s
}

func (s *Split) sections(name string) []report.Section {
	title := func(what string) string {
		if name == "" {
			return strings.ToUpper(what[:1]) + what[1:]
		}
		return name + ": " + what
	}
	if s.Problem != "" {
		return []report.Section{report.TextSection(title("rows"), "Could not be compared: "+s.Problem)}
	}
	out := []report.Section{report.TextSection(title("rows"), s.rows())}
	if rows := s.Schema.rows(); len(rows) > 0 {
		out = append(out, cut(report.TableSection(title("schema"), []string{"", "column", "before", "after"}, rows), maxColumnRows))
	}
	var rows [][]string
	for _, c := range s.Columns {
		if c.differs() {
			rows = append(rows, c.row())
		}
	}
	if len(rows) > 0 {
		out = append(out, cut(report.TableSection(title("columns"),
			[]string{"column", ">nulls", ">min", ">mean", ">max", "new values", "vanished values"}, rows), maxColumnRows))
	}
	if rows := s.Samples.rows(); len(rows) > 0 {
		out = append(out, report.TableSection(title("first rows"), []string{"", "row", "values"}, rows))
	}
	return out
}

func (s *Split) rows() string {
	r := s.Rows
	out := fmt.Sprintf("%s → %s", plural(r.From, "row"), report.Thousands(r.To))
	switch {
	case r.Added+r.Removed+r.Changed == 0:
		out += ": the same rows"
	case len(s.Key) > 0:
		out += fmt.Sprintf(": %s added, %s removed, %s changed", report.Thousands(r.Added), report.Thousands(r.Removed), report.Thousands(r.Changed))
	default:
		out += fmt.Sprintf(": %s added, %s removed", report.Thousands(r.Added), report.Thousands(r.Removed))
	}
	if len(s.Key) > 0 {
		out += fmt.Sprintf(" (by %s)", escape(strings.Join(s.Key, ", ")))
	} else {
		out += " (whole rows compared)"
	}
	if len(s.Schema.Added)+len(s.Schema.Removed) > 0 {
		out += ", on the columns that both sides have"
	}
	out += "."
	if s.Note != "" {
		out += " " + escapeLong(s.Note) + "."
	}
	return out
}

func (s *Schema) rows() [][]string {
	var rows [][]string
	for _, f := range s.Added {
		rows = append(rows, []string{"added", escape(f.Name), "", f.Type})
	}
	for _, f := range s.Removed {
		rows = append(rows, []string{"removed", escape(f.Name), f.Type, ""})
	}
	for _, f := range s.Changed {
		rows = append(rows, []string{"type", escape(f.Name), f.From, f.To})
	}
	if s.Reordered {
		rows = append(rows, []string{"order", "the columns stand in another order", "", ""})
	}
	return rows
}

func (c *Column) differs() bool {
	changed := func(p *Pair[any]) bool { return p != nil && p.From != p.To }
	mean := c.Mean != nil && decimal(c.Mean.From) != decimal(c.Mean.To)
	return c.Nulls.From != c.Nulls.To || changed(c.Min) || changed(c.Max) || mean || c.NewCount+c.VanishedCount > 0
}

func (c *Column) row() []string {
	mean := ""
	if c.Mean != nil {
		mean = means(c.Mean)
	}
	return []string{escape(c.Name), arrow(report.Thousands(c.Nulls.From), report.Thousands(c.Nulls.To)), extreme(c.Min), mean, extreme(c.Max),
		listed(c.NewValues, c.NewCount), listed(c.VanishedValues, c.VanishedCount)}
}

// means shows two means with four digits, or as many as tell them apart and as
// their whole parts have.
func means(p *Pair[*float64]) string {
	for digits := 4; digits < 9; digits++ {
		from, to := significant(p.From, digits), significant(p.To, digits)
		if from != to {
			return arrow(from, to)
		}
	}
	return arrow(decimal(p.From), decimal(p.To))
}

func significant(v *float64, digits int) string {
	if v == nil {
		return decimal(nil)
	}
	if a := math.Abs(*v); a >= 1 {
		digits = max(digits, 1+int(math.Log10(a)))
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(*v, 'g', digits, 64), 64)
	if err != nil {
		return decimal(v)
	}
	return decimal(&short)
}

func extreme(p *Pair[any]) string {
	if p == nil {
		return ""
	}
	text := func(v any) string {
		switch v := v.(type) {
		case float64:
			return decimal(&v)
		case string:
			return escape(v)
		}
		return "–"
	}
	return arrow(text(p.From), text(p.To))
}

func arrow(from, to string) string {
	if from == to {
		return from
	}
	return from + " → " + to
}

// decimal shows a number that round9 made.
func decimal(v *float64) string {
	if v == nil {
		return "–"
	}
	if a := math.Abs(*v); a == 0 || a >= 1e-6 && a < 1e15 {
		return strconv.FormatFloat(*v, 'f', -1, 64)
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

func listed(values []string, n int) string {
	shown := make([]string, 0, maxListed)
	for _, v := range values[:min(len(values), maxListed)] {
		if v == "" {
			v = `""`
		}
		shown = append(shown, escape(v))
	}
	s := strings.Join(shown, ", ")
	if more := n - len(shown); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

func (s *Samples) rows() [][]string {
	if s == nil {
		return nil
	}
	var rows [][]string
	for _, r := range s.Added {
		rows = append(rows, []string{"added", at(r.File, r.Row), cells(r.Cells)})
	}
	for _, r := range s.Removed {
		rows = append(rows, []string{"removed", at(r.File, r.Row), cells(r.Cells)})
	}
	for _, r := range s.Changed {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(r.Columns)) {
			p := r.Columns[name]
			parts = append(parts, escape(name)+": "+cell(p.From)+" → "+cell(p.To))
		}
		rows = append(rows, []string{"changed", at(r.File.To, r.Row.To), cells(r.Key) + ": " + strings.Join(parts, ", ")})
	}
	return rows
}

func at(file string, row int64) string { return escape(file) + " row " + strconv.FormatInt(row, 10) }

func cells(m map[string]*string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, escape(name)+"="+cell(m[name]))
	}
	return strings.Join(parts, ", ")
}

// cell shows a value; null is ∅.
func cell(v *string) string {
	if v == nil {
		return "∅"
	}
	if *v == "" {
		return `""`
	}
	return *v
}

// escapeLong is escape for sentences of ours that hold names from data.
func escapeLong(s string) string {
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

func size(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return report.Thousands(n) + " " + noun + "s"
}
