package review

import (
	"strings"

	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

// artifact adds what there is to say of one artifact, what fails first.
func (c *comment) artifact(a *Artifact) {
	title := strong(a.Name)
	if a.Change != Removed {
		title = symbol(a.Verdict) + " " + title
	}
	before := len(c.blocks)
	c.findings(title, a.Findings, false)
	if len(c.blocks) == before && len(a.Evaluation)+len(a.Diff)+len(a.Stages)+len(a.Findings) > 0 {
		c.add(block{level: levelChanges, rows: []string{"\n#### " + title + "\n"}})
	}
	shown, folded := evaluationParts(a)
	c.sections(levelMetrics, a, shown)
	shown, more := diffParts(a)
	c.sections(levelDiff, a, shown)
	c.stages(a)
	c.folded(a, append(more, folded...))
}

func (c *comment) sections(l level, a *Artifact, list []report.Section) {
	b := block{level: l, noun: "section"}
	for _, s := range list {
		b.rows = append(b.rows, section(s, a.Name))
	}
	c.add(b)
}

// stages is what a promotion would meet.
func (c *comment) stages(a *Artifact) {
	b := block{level: levelStages, noun: "stage", head: "\n**After the merge**\n\n| Stage | Now | Would enter | Gate | |\n|:--|:--|:--|:--|:--|\n"}
	for _, s := range a.Stages {
		gate, why := enters(s.Verdict), []string{}
		for _, k := range s.Conditions {
			if k.Verdict != report.Pass || s.Would == "" {
				why = append(why, inert(k.Message, maxMessage))
			}
		}
		if s.Would == "" {
			gate = ""
		}
		if len(why) > 6 {
			why = append(why[:6], report.Count(int64(len(why)-6), "more condition"))
		}
		b.rows = append(b.rows, "| "+inert(s.Name, maxName)+" | "+inert(orNothing(s.Now), maxName)+" | "+inert(s.Would, maxName)+" | "+gate+" | "+strings.Join(why, "<br>")+" |\n")
	}
	c.add(b)
}

// enters says what the gate of a stage would say. A version that is not there
// yet has not failed: it was not in an earlier stage, say, or too short a time.
func enters(v report.Verdict) string {
	if v == report.Pass {
		return word(v)
	}
	return "⏳ not yet"
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// folded is what few readers need: the rest of the sections, and what passed.
func (c *comment) folded(a *Artifact, sections []report.Section) {
	b := block{level: levelFolded, noun: "section", head: "\n<details><summary>More about " + inert(a.Name, maxName) + "</summary>\n", tail: "\n</details>\n"}
	for _, s := range sections {
		b.rows = append(b.rows, section(s, a.Name))
	}
	c.add(b)
	b = block{level: levelPassed, noun: "passed check", tail: "\n</details>\n"}
	passed, informed := 0, 0
	for i := range a.Findings {
		f := &a.Findings[i]
		switch {
		case classOf(f) < 3:
			continue
		case f.Verdict == report.Pass:
			passed++
		default:
			informed++
		}
		if len(b.rows) == maxRows {
			b.more++
			continue
		}
		mark := symbol(f.Verdict)
		if f.Verdict != report.Pass {
			mark = "ℹ️"
		}
		b.rows = append(b.rows, "- "+mark+" "+render.Code(render.Clip(f.Check, maxName))+" "+inert(f.Message, maxMessage)+"\n")
	}
	summary := report.Count(int64(passed), "check") + " passed"
	if informed > 0 {
		summary += ", " + report.Count(int64(informed), "remark")
	}
	b.head = "\n<details><summary>" + summary + "</summary>\n\n"
	c.add(b)
}
