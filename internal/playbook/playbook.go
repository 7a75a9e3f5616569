// Package playbook writes PLAYBOOK.md: who to call, who may approve, how to
// promote and roll back, and what to do when something is wrong, for the person
// on call at night.
//
//	in, err := playbook.Load(w)        // the working tree
//	in.Keep, err = playbook.Kept(old)  // what people wrote into the file themselves
//	page := playbook.Render(in)
//
// The page says nothing that the ledger says: with every promotion and hold it
// would be stale. It names the command that knows instead.
package playbook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

// File is where the playbook stands, relative to the repository's root.
const File = "PLAYBOOK.md"

// A file that does not begin with headBegin was written by somebody.
const (
	headBegin = `<!-- Made by "waybill playbook"`
	head      = headBegin + ` of waybill.yaml, the manifests, allowed_signers and the workflows: edit those and run it again. -->`
)

// Input is all that a playbook depends on.
type Input struct {
	Project   *manifest.Project
	Artifacts []*manifest.Artifact
	// Keys are the ids of people who have a key in allowed_signers.
	Keys map[int64]bool
	// Workflows use the actions of waybill, sorted by file.
	Workflows []Workflow
	// Keep is what stands between the markers; see Kept.
	Keep string
}

// Workflow is a file of .github/workflows that uses actions of waybill.
type Workflow struct {
	File     string   // its base name
	Actions  []string // "promote", "rollback", …
	Dispatch bool     // it can be started by hand
	To       []string // the stages that a "to:" names; anyStage for an expression
	Drill    bool     // its rollback is a drill, where nobody starts it
}

// anyStage begins an expression, which can name any stage.
const anyStage = "${{"

// byItself tells whether the workflow, which nobody starts, does action in the
// stage, "" for any: one that only records what was deployed promotes nothing,
// and a drill rolls nothing back.
func (w *Workflow) byItself(action, stage string) bool {
	if action == "rollback" {
		return !w.Drill
	}
	return slices.Contains(w.To, anyStage) || slices.Contains(w.To, stage)
}

// Render writes the page. The same input gives the same bytes. What people
// wrote (contacts, environments, file names) shows and does nothing: no markup,
// HTML, link or mention comes of it.
func Render(in Input) []byte {
	p := &page{in: in}
	p.line("%s", head)
	p.line("# Playbook\n")
	p.line("For whoever is on call. Commands are run in a clone of this repository; `waybill VERB --help` explains each.\n")
	p.contacts()
	p.wrong()
	p.look()
	p.artifacts()
	for _, s := range in.Project.Stages {
		p.stage(s)
	}
	p.freezes()
	p.troubles()
	p.line("## Notes\n")
	p.line("What stands between the two markers is the team's own: `waybill playbook` keeps it.\n")
	p.line("%s", keepBegin)
	p.b.WriteString(in.Keep)
	p.line("%s", keepEnd)
	return []byte(p.b.String())
}

type page struct {
	in Input
	b  strings.Builder
}

// line writes a line. Arguments that people wrote go through render.Inert or
// render.Code first.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

// commands writes a block to copy from; what follows a tab is a comment. Nothing
// ends the block but a line of its own, which render.Visible cannot make.
func (p *page) commands(lines ...string) {
	widest := 0
	for _, l := range lines {
		command, _, _ := strings.Cut(l, "\t")
		widest = max(widest, utf8.RuneCountInString(command))
	}
	p.line("```")
	for _, l := range lines {
		command, comment, ok := strings.Cut(l, "\t")
		if ok {
			command += strings.Repeat(" ", widest-utf8.RuneCountInString(command)) + "  # " + comment
		}
		p.line("%s", render.Visible(command))
	}
	p.line("```\n")
}

// each is a command for each artifact, in whose place it has NAME.
func (p *page) each(command string) (lines []string) {
	for _, n := range p.names() {
		lines = append(lines, strings.Replace(command, "NAME", n, 1))
	}
	return lines
}

func (p *page) table(titles []string, rows [][]string) {
	p.line("| %s |", strings.Join(titles, " | "))
	p.line("|%s", strings.Repeat("--|", len(titles)))
	for _, r := range rows {
		p.line("| %s |", strings.Join(r, " | "))
	}
	p.line("")
}

func (p *page) contacts() {
	p.line("## Who to call\n")
	if len(p.in.Project.Contacts) == 0 {
		p.line("waybill.yaml names nobody: add `contacts:`.\n")
		return
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(p.in.Project.Contacts)) {
		rows = append(rows, []string{render.Inert(name), render.Code(p.in.Project.Contacts[name])})
	}
	p.table([]string{"for", "reach them"}, rows)
}

func (p *page) look() {
	p.line("## Look first\n")
	lines := p.each("waybill show NAME\twhat is in each stage now, and what is held")
	for _, s := range p.last() {
		lines = append(lines, p.each("waybill who NAME#"+s+"\twho let it in, on what evidence")...)
	}
	p.commands(append(lines, "waybill doctor\twhether ledger, tags and locks agree")...)
}

// maxNamed is how many artifacts commands are written out for.
const maxNamed = 8

// names are those of the artifacts, or a word in their place.
func (p *page) names() []string {
	var out []string
	for _, a := range p.in.Artifacts {
		out = append(out, a.Name)
	}
	if len(out) == 0 || len(out) > maxNamed {
		return []string{"NAME"}
	}
	return out
}

// last are the stages that no other comes from.
func (p *page) last() []string {
	var out []string
	for _, s := range p.in.Project.Stages {
		if !slices.ContainsFunc(p.in.Project.Stages, func(o manifest.Stage) bool { return slices.Contains(o.From, s.Name) }) {
			out = append(out, s.Name)
		}
	}
	return out
}

func (p *page) artifacts() {
	if len(p.in.Artifacts) == 0 {
		return
	}
	var rows [][]string
	for _, a := range p.in.Artifacts {
		reach := []string{}
		for _, k := range append([]string{a.Name}, a.Owners...) {
			if c := p.in.Project.Contacts[k]; c != "" && !slices.Contains(reach, render.Code(c)) {
				reach = append(reach, render.Code(c))
			}
		}
		owners := make([]string, len(a.Owners))
		for i, o := range a.Owners {
			owners[i] = render.Inert(o)
		}
		rows = append(rows, []string{render.Code(a.Name), strings.ToLower(string(a.Kind)), render.Inert(a.Description), strings.Join(owners, ", "), strings.Join(reach, ", "), render.Code(a.Path)})
	}
	p.line("## What this repository ships\n")
	p.table([]string{"name", "kind", "what it is", "owners", "reach them", "manifest"}, rows)
}

func (p *page) freezes() {
	p.line("## Freezes\n")
	if len(p.in.Project.Freezes) == 0 {
		p.line("None are planned.\n")
		return
	}
	var rows [][]string
	for _, f := range p.in.Project.Freezes {
		allowed := "nothing"
		if len(f.Allow) > 0 {
			allowed = render.Inert(strings.Join(f.Allow, ", "))
		}
		rows = append(rows, []string{f.From.Format(time.DateOnly), f.To.Format(time.DateOnly), allowed})
	}
	p.line("Days are those of UTC; the last one is part of the freeze.\n")
	p.table([]string{"from", "to", "still allowed"}, rows)
}

// span writes a duration as people say it.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		noun string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= u.unit && d%u.unit == 0 {
			return report.Count(int64(d/u.unit), u.noun)
		}
	}
	return d.String()
}
