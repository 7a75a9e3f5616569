package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/delivery"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

// text is what people read: what was done, in which files.
func (r *rollback) text() string {
	var b strings.Builder
	for _, o := range r.outcomes {
		b.WriteString(o.Message + "\n")
		if len(o.Tags) > 0 {
			b.WriteString("tags: " + strings.Join(o.Tags, " ") + "\n")
		}
	}
	if r.delivery == nil {
		if len(r.outcomes) == 0 {
			b.WriteString("nothing to try: no stage holds a version\n")
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
	for _, f := range r.delivery.Files {
		switch f.State {
		case delivery.Current:
			fmt.Fprintf(&b, "%s: names it already\n", f.Path)
		case delivery.Committed:
			fmt.Fprintf(&b, "%s: committed, %.12s\n", f.Path, f.Commit)
		case delivery.Proposed:
			fmt.Fprintf(&b, "%s: in the pull request %s\n", f.Path, f.PullRequest)
		case delivery.Written:
			fmt.Fprintf(&b, "%s: written\n", f.Path)
		case delivery.Planned:
			fmt.Fprintf(&b, "%s: would change\n%s", f.Path, changedLines(f.Before, f.After))
		}
	}
	switch {
	case r.opts.DryRun:
	case r.effective():
		b.WriteString("it is effective\n")
	default:
		w := r.waiting()
		fmt.Fprintf(&b, "%s\n%s\n", w.Message, w.Hint)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// changedLines are the lines of a deployment file that differ, of which it has
// as many before as after: a scalar is written on its line.
func changedLines(before, after []byte) string {
	const most = 20
	var b strings.Builder
	was, is := bytes.Split(before, []byte("\n")), bytes.Split(after, []byte("\n"))
	n := 0
	for i := range min(len(was), len(is)) {
		if bytes.Equal(was[i], is[i]) {
			continue
		}
		if n++; n > most {
			b.WriteString("  …\n")
			break
		}
		fmt.Fprintf(&b, "  %d - %s\n  %d + %s\n", i+1, clipLine(was[i]), i+1, clipLine(is[i]))
	}
	return b.String()
}

func clipLine(line []byte) string {
	const most = 300
	s := report.Visible(strings.ToValidUTF8(strings.TrimSuffix(string(line), "\r"), "\ufffd"))
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// showRollback prints what became of r; its verdict is the exit code.
func (a *app) showRollback(r *rollback) error {
	all := r.report()
	a.verdict(all)
	tried := r.drill || r.opts.DryRun
	switch a.format {
	case "json":
		return a.result(map[string]any{"apiVersion": report.APIVersion, "verdict": all.Verdict, "outcomes": r.outcomes, "delivery": r.delivery})
	case "text", "markdown":
		if err := render.Sections(a.out, a.format, []report.Section{report.TextSection("", r.text())}, a.options()); err != nil {
			return err
		}
		done := len(r.outcomes) == 1 && r.outcomes[0].Done
		if !a.verbose && !tried && (done || all.Verdict == report.Pass) && (r.delivery == nil || len(r.delivery.Findings) == 0) {
			return nil
		}
	default:
		all.Sections = append(all.Sections, report.TextSection("", r.text()))
	}
	o := a.options()
	o.Verbose = o.Verbose || r.opts.DryRun
	return render.Report(a.out, a.format, all, o)
}
