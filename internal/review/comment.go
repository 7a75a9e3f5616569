package review

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

// CommentLimit is how many bytes, and so at most how many characters, a comment
// may have. GitHub's API documents 65,536 characters.
const CommentLimit = 60_000

// CommentOptions say what surrounds the story in a comment.
type CommentOptions struct {
	// Marker names this comment among those of other workflows: letters, digits
	// and -; "" is "check".
	Marker string
	// RunURL is where the whole report is.
	RunURL string
	// Note is a sentence under the verdict, such as "reported by the fork's run,
	// not verified".
	Note string
}

var (
	markerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	webAddress = regexp.MustCompile(`^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/?=&%#-]*)?$`)
)

// Mark is the first line of a comment, by which it is found again. Nothing else
// in a comment can look like it: text from outside cannot open an HTML comment.
func (o CommentOptions) Mark() string {
	name := o.Marker
	if !markerName.MatchString(name) {
		name = "check"
	}
	return "<!-- waybill:" + name + " -->"
}

// report is a link to the whole report, or the words for it.
func (o CommentOptions) report() string {
	if len(o.RunURL) > 500 || !webAddress.MatchString(o.RunURL) {
		return "the report"
	}
	return "[the report](" + o.RunURL + ")"
}

// Comment draws the story as GitHub-flavoured markdown of at most limit bytes. A
// story that is too long loses detail in the order of the levels; what is left
// out is counted, and the report linked.
func (s *Story) Comment(limit int, o CommentOptions) string {
	c := &comment{story: s, link: o.report()}
	head := o.Mark() + "\n" + c.head(o)
	c.changes()
	c.loosened()
	for i := range s.Artifacts {
		c.artifact(&s.Artifacts[i])
	}
	c.chart()
	return fit(head, c.blocks, limit, c.link)
}

// comment is the blocks of a comment in the order in which they are shown.
type comment struct {
	story  *Story
	link   string
	blocks []block
}

func (c *comment) add(b block) {
	if len(b.rows) > 0 {
		c.blocks = append(c.blocks, b)
	}
}

func symbol(v report.Verdict) string {
	switch v {
	case report.Pass:
		return "✅"
	case report.Fail:
		return "❌"
	}
	return "❔"
}

// word is a verdict as text. What is none of the three decides nothing.
func word(v report.Verdict) string {
	if v != report.Pass && v != report.Fail {
		v = report.Inconclusive
	}
	return symbol(v) + " " + string(v)
}

// inert is how every string of a story becomes markdown.
func inert(s string, most int) string { return render.Inert(render.Clip(s, most)) }

func strong(s string) string { return "**" + inert(s, maxName) + "**" }

const (
	maxName     = 100
	maxHeadline = 300
	maxMessage  = 600
)

func (c *comment) head(o CommentOptions) string {
	s := c.story
	b := &strings.Builder{}
	switch {
	case len(s.Artifacts) == 0 && len(s.Findings) == 0 && s.Verdict == report.Pass:
		b.WriteString("### ✅ waybill: no model or dataset changed\n")
	default:
		b.WriteString("### " + symbol(s.Verdict) + " waybill: " + strings.TrimPrefix(word(s.Verdict), symbol(s.Verdict)+" ") + ": " + counts(s.Summary) + "\n")
	}
	if o.Note != "" {
		b.WriteString("\n> ⚠️ " + inert(o.Note, maxMessage) + "\n")
	}
	if s.Omitted > 0 {
		b.WriteString("\n" + report.Count(int64(s.Omitted), "detail") + " of it, such as findings, had to be left out of what was handed on.\n")
	}
	if s.Bootstrap {
		b.WriteString("\nThis introduces waybill: the base has no waybill.yaml whose rules could hold yet, so everything is reported and nothing blocks.\n")
	}
	if n := s.Total; n > 0 {
		told := 0
		for _, a := range s.Artifacts {
			if a.Change != Removed {
				told++
			}
		}
		noun := "other artifact"
		if told == 0 {
			noun = "artifact"
		}
		if rest := n - told; rest > 0 {
			b.WriteString("\n" + report.Count(int64(rest), noun) + " did not change and " + were(rest) + " not checked.\n")
		}
	}
	return b.String()
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// counts is a summary in words.
func counts(s report.Summary) string {
	var parts []string
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, report.Thousands(n)+" "+many)
		}
	}
	add(s.Fail, "failed", "failed")
	add(s.Inconclusive, "inconclusive", "inconclusive")
	add(s.Warning, "warning", "warnings")
	add(s.Pass, "passed", "passed")
	if len(parts) == 0 {
		return "nothing was checked"
	}
	return strings.Join(parts, ", ")
}

// changes is the table of what changed.
func (c *comment) changes() {
	b := block{level: levelChanges, noun: "artifact", head: "\n| Artifact | Change | Verdict | |\n|:--|:--|:--|:--|\n"}
	if p := c.story.Project; p != "" {
		b.rows = append(b.rows, "| **waybill.yaml** | "+inert(string(p), maxName)+" | | the project: stages, people, policy |\n")
	}
	for i := range c.story.Artifacts {
		a := &c.story.Artifacts[i]
		verdict := word(a.Verdict) + ": " + counts(a.Summary)
		if a.Change == Removed || a.Verdict == report.Pass && a.Summary == (report.Summary{}) {
			verdict = "" // a tick would say that something was checked
		}
		line := inert(a.Headline, maxHeadline)
		if len(a.Dependents) > 0 && a.Change != Dependent {
			if line != "" {
				line += "<br>"
			}
			line += "used by " + inert(some(a.Dependents, 5), maxHeadline)
		}
		b.rows = append(b.rows, "| "+strong(a.Name)+" ("+inert(strings.ToLower(a.Kind), 20)+") | "+inert(what(a), maxHeadline)+" | "+verdict+" | "+line+" |\n")
	}
	c.add(b)
}

// what changed of an artifact.
func what(a *Artifact) string {
	switch {
	case a.Change == Dependent:
		return "because " + some(a.Because, 3) + " changed"
	case a.Change == Changed && len(a.Parts) > 0:
		return some(a.partWords(), 6)
	}
	return string(a.Change)
}

// loosened is the table of findings about the rules themselves.
func (c *comment) loosened() {
	c.findings("Rules and surroundings", c.story.Findings, true)
}

// maxEdges bounds the chart.
const maxEdges = 30

// chart is the lineage of what changed, as a mermaid flowchart. Nothing is said
// by it alone.
func (c *comment) chart() {
	ids, lines := map[string]int{}, []string{}
	node := func(name string) string {
		if _, ok := ids[name]; !ok {
			ids[name] = len(ids)
		}
		return "n" + strconv.Itoa(ids[name]) + "[\"" + name + "\"]"
	}
	for _, a := range c.story.Artifacts {
		for _, d := range a.Dependents {
			if a.Change != Dependent && ref.CheckName(a.Name) == nil && ref.CheckName(d) == nil && len(lines) < maxEdges {
				lines = append(lines, "  "+node(a.Name)+" --> "+node(d)+"\n")
			}
		}
	}
	if len(lines) == 0 {
		return
	}
	c.add(block{level: levelChart, noun: "chart", rows: []string{"\n<details><summary>What is made from what</summary>\n\n```mermaid\nflowchart LR\n" +
		strings.Join(lines, "") + "```\n\n</details>\n"}})
}

// partWords names what changed as a reader thinks of it: a lock of other content
// is other data, or other weights; the files that match are the same again.
func (a *Artifact) partWords() []string {
	if a.From == "" || a.To == "" || a.From == a.To {
		return a.Parts
	}
	content := "weights"
	if a.Kind == string(manifest.KindDataset) {
		content = "data"
	}
	out := []string{content}
	for _, p := range a.Parts {
		if p != PartLock && p != PartFiles {
			out = append(out, p)
		}
	}
	return out
}
