package release

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

const (
	maxFiles    = 20       // files that are named one by one
	maxMetrics  = 50       // of the lock; the rest is in there
	maxFindings = 10       // that did not pass and are shown
	maxSection  = 16 << 10 // bytes of one section of the report
	maxNotes    = 90_000   // bytes; GitHub takes 125,000 characters
)

// notes is the text of the release in GitHub's Markdown.
func (s *source) notes() string {
	var b strings.Builder
	v := s.version
	if d := s.artifact.Description; d != "" {
		b.WriteString(inert(render.Clip(d, 500)) + "\n\n")
	}
	fmt.Fprintf(&b, "Registered at commit %s by %s. Content %s.\n\n", render.Code(short(v.Commit)), render.Code(v.By.Login), render.Code(string(v.ContentDigest)))
	if v.Reason != "" {
		b.WriteString("> " + inert(render.Clip(v.Reason, 500)) + "\n\n")
	}
	for _, part := range []string{s.changed(), s.metrics(), s.lineage(), s.checks(), s.excerpt(), s.get()} {
		if b.Len()+len(part) < maxNotes {
			b.WriteString(part)
		}
	}
	// The line by which a ledger that was cut off can be told: a copy of what
	// stood in it, where its branch does not reach.
	fmt.Fprintf(&b, "\nledger: event %d, %s\n", v.Event, s.event)
	return b.String()
}

func short(commit string) string { return commit[:min(12, len(commit))] }

func table(title string, titles []string, rows [][]string) string {
	if len(rows) == 0 {
		return ""
	}
	return render.MarkdownSection(report.TableSection(title, titles, rows)) + "\n"
}

// changed tells what differs from the version before.
func (s *source) changed() string {
	if s.previous == nil {
		return fmt.Sprintf("### First version\n\n%s, %s.\n\n", report.Count(s.lock.Total.Files, "file"), size(s.lock.Total.Bytes))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### Changed since %s\n\n", s.previous.Version)
	if s.before == nil {
		fmt.Fprintf(&b, "What that was made of cannot be told: its lock in commit %s could not be read.\n\n", render.Code(short(s.previous.Commit)))
		return b.String()
	}
	fmt.Fprintf(&b, "%s, %s (before: %s, %s).\n\n", report.Count(s.lock.Total.Files, "file"), size(s.lock.Total.Bytes),
		report.Count(s.before.Total.Files, "file"), size(s.before.Total.Bytes))
	b.WriteString(s.files())
	b.WriteString(s.facts())
	if s.report != nil {
		for i := range s.report.Findings {
			if f := &s.report.Findings[i]; f.Check == "promotion.version" && f.Subject == s.version.Version.String() {
				b.WriteString(inert(render.Clip(f.Message, 1000)) + ".\n\n")
			}
		}
	}
	return b.String()
}

// files compares the lists of the locks, which name up to
// manifest.MaxLockFiles files.
func (s *source) files() string {
	if len(s.lock.Files) == 0 || len(s.before.Files) == 0 {
		return ""
	}
	was := map[string]manifest.File{}
	for _, f := range s.before.Files {
		was[f.Path] = f
	}
	var rows [][]string
	for _, f := range s.lock.Files {
		old, there := was[f.Path]
		delete(was, f.Path)
		switch {
		case !there:
			rows = append(rows, []string{"added", render.Clip(f.Path, 300), size(f.Size)})
		case old.Digest != f.Digest:
			rows = append(rows, []string{"changed", render.Clip(f.Path, 300), size(old.Size) + " → " + size(f.Size)})
		case old.Executable != f.Executable || old.Split != f.Split:
			rows = append(rows, []string{"changed", render.Clip(f.Path, 300), "split or mode"})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(was)) {
		rows = append(rows, []string{"removed", render.Clip(path, 300), size(was[path].Size)})
	}
	if len(rows) > maxFiles {
		rows = append(rows[:maxFiles:maxFiles], []string{"", fmt.Sprintf("and %s more", report.Thousands(len(rows)-maxFiles)), ""})
	}
	return table("", []string{"Change", "File", ">Size"}, rows)
}

// facts compares what the locks say was read from a model's files.
func (s *source) facts() string {
	was, now := s.before.Facts, s.lock.Facts
	if was == nil || now == nil {
		return ""
	}
	var rows [][]string
	add := func(what, old, new string) {
		if old != new {
			rows = append(rows, []string{what, render.Clip(cmp.Or(old, "–"), 300), render.Clip(cmp.Or(new, "–"), 300)})
		}
	}
	add("Format", was.Format, now.Format)
	add("Parameters", report.Thousands(was.Parameters), report.Thousands(now.Parameters))
	var a, b manifest.Interface
	if was.Interface != nil {
		a = *was.Interface
	}
	if now.Interface != nil {
		b = *now.Interface
	}
	add("Inputs", ports(a.Inputs), ports(b.Inputs))
	add("Outputs", ports(a.Outputs), ports(b.Outputs))
	add("Labels", strings.Join(a.Labels, ", "), strings.Join(b.Labels, ", "))
	return table("", []string{"Interface and facts", "Before", "Now"}, rows)
}

func ports(all []manifest.Port) string {
	var out []string
	for _, p := range all {
		out = append(out, fmt.Sprintf("%s %s%v", p.Name, p.Type, p.Shape))
	}
	return strings.Join(out, ", ")
}

// metrics are those of the locks, and what the report has of intervals.
func (s *source) metrics() string {
	var b strings.Builder
	titles, rows := s.metricRows()
	b.WriteString(table("", titles, rows))
	if s.report != nil {
		for _, section := range s.report.Sections {
			// Curves, matrices and rows of slices are for the report itself.
			if section.Intervals == nil && (section.Table == nil || !strings.HasSuffix(section.Title, "Metrics") && !strings.HasSuffix(section.Title, "Gates")) {
				continue
			}
			section.Title = strings.TrimPrefix(section.Title, s.name+": ")
			if text := render.MarkdownSection(section); len(text) <= maxSection {
				b.WriteString(text + "\n")
			}
		}
	}
	return headed("Metrics", b.String())
}

// metricRows compares the metrics of the locks, where there are two.
func (s *source) metricRows() (titles []string, rows [][]string) {
	names := slices.Sorted(maps.Keys(s.lock.Metrics))
	more := max(0, len(names)-maxMetrics)
	for _, name := range names[:len(names)-more] {
		row := []string{render.Clip(name, 100), number(s.lock.Metrics[name])}
		if s.before != nil {
			old, difference := "–", ""
			if was, ok := s.before.Metrics[name]; ok {
				old, difference = number(was), signed(s.lock.Metrics[name]-was)
			}
			row = []string{row[0], old, row[1], difference}
		}
		rows = append(rows, row)
	}
	if more > 0 {
		rows = append(rows, []string{fmt.Sprintf("and %s more", report.Thousands(more))})
	}
	if s.before == nil {
		return []string{"Metric", ">Value"}, rows
	}
	return []string{"Metric", ">Before", ">Now", ">Difference"}, rows
}

func headed(title, text string) string {
	if text == "" {
		return ""
	}
	return "### " + title + "\n\n" + text
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func signed(v float64) string {
	if v > 0 {
		return "+" + number(v)
	}
	return number(v)
}

func (s *source) lineage() string {
	l := s.lock.Lineage
	if l == nil {
		return ""
	}
	var rows [][]string
	for _, role := range slices.Sorted(maps.Keys(l.Datasets)) {
		d := l.Datasets[role]
		name := d.Name
		if d.Split != "" {
			name += ":" + d.Split
		}
		version := cmp.Or(s.datasets[d.ContentDigest], d.Version).String()
		rows = append(rows, []string{role, name, cmp.Or(version, "not registered"), "sha256:" + d.ContentDigest.Short() + "…"})
	}
	if l.Code != "" {
		rows = append(rows, []string{"code", "", "", "sha256:" + l.Code.Short() + "…"})
	}
	for _, file := range slices.Sorted(maps.Keys(l.Lockfiles)) {
		rows = append(rows, []string{"lockfile", file, "", "sha256:" + l.Lockfiles[file].Short() + "…"})
	}
	if l.Image != "" {
		rows = append(rows, []string{"image", render.Clip(l.Image, 300), "", ""})
	}
	return headed("Made from", table("", []string{"What", "Name", "Version", "Content"}, rows))
}

// checks are the verdicts that the ledger records, with what did not pass.
func (s *source) checks() string {
	if s.version.Evidence == nil {
		return ""
	}
	var rows [][]string
	for _, group := range slices.Sorted(maps.Keys(s.version.Evidence.Verdicts)) {
		rows = append(rows, []string{group, s.version.Evidence.Verdicts[group]})
	}
	text := table("", []string{"Group", "Verdict"}, rows)
	if s.unattached != "" {
		text += s.unattached + "\n\n"
	}
	if s.report == nil {
		return headed("Checks", text)
	}
	var found strings.Builder
	n := 0
	for i := range s.report.Findings {
		if f := &s.report.Findings[i]; f.Verdict != report.Pass && f.Check != "promotion.version" {
			if n++; n <= maxFindings {
				found.WriteString(render.MarkdownFinding(f))
			}
		}
	}
	if n > 0 && found.Len() <= maxSection {
		text += render.MarkdownFindingHead + found.String() + "\n"
	}
	if n > maxFindings {
		text += fmt.Sprintf("%d more are in report.json.\n\n", n-maxFindings)
	}
	return headed("Checks", text)
}

// get says how to fetch it: by version with waybill, by digest with others.
func (s *source) get() string {
	reference := s.repository + "@" + string(s.version.Digest)
	rows := [][]string{{"waybill", "waybill pull " + s.name + "@" + s.version.Version.String()}}
	// Files of a dataset may be in packs, which no other tool opens.
	if s.kind == manifest.KindModel && !strings.HasPrefix(s.repository, "oci-layout:") {
		rows = append(rows, []string{"ORAS", "oras pull " + reference})
	}
	rows = append(rows, []string{"Reference", reference})
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "- %s: %s\n", r[0], render.Code(r[1]))
	}
	return headed("Get it", b.String())
}

func size(n int64) string {
	const unit = 1000
	switch {
	case n < unit:
		return fmt.Sprintf("%d B", n)
	case n < unit*unit:
		return fmt.Sprintf("%.1f kB", float64(n)/unit)
	case n < unit*unit*unit:
		return fmt.Sprintf("%.1f MB", float64(n)/unit/unit)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/unit/unit/unit)
}
