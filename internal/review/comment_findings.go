package review

import (
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

// findings adds a table for each class of findings, so that the classes can be
// dropped one by one. Tables that follow each other are shown as one.
func (c *comment) findings(title string, all []report.Finding) {
	classes := []block{{level: levelFailed, noun: "failed check"}, {level: levelMoreFailed, noun: "failed check"},
		{level: levelInconclusive, noun: "inconclusive check"}, {level: levelWarnings, noun: "warning"}}
	for i := range all {
		class := classOf(&all[i])
		if class == 3 {
			continue
		}
		if class > 0 || len(classes[0].rows) == maxFirst {
			class++
		}
		b := &classes[class]
		if len(b.rows) == maxRows {
			b.more++
			continue
		}
		b.rows = append(b.rows, findingRow(&all[i]))
	}
	heading, joins := "\n#### "+title+"\n", false
	for _, b := range classes {
		if len(b.rows) > 0 {
			b.head, b.joins = heading+"\n"+render.MarkdownFindingHead, joins
			heading, joins = "", true
			c.add(b)
		}
	}
}

// maxFirst is how many failures of an artifact are the last findings to go.
const maxFirst = 3

// maxRows is how many findings of a class are shown of one artifact.
const maxRows = 100

// findingRow shortens what a table cannot hold.
func findingRow(f *report.Finding) string {
	g := *f
	g.Message, g.Hint = render.Clip(g.Message, maxMessage), render.Clip(g.Hint, maxMessage)
	g.Expected, g.Observed = render.Clip(g.Expected, maxHeadline), render.Clip(g.Observed, maxHeadline)
	g.Artifact = "" // the heading says it
	if f.Artifact != "" && f.Group == report.GroupPromotion {
		g.Artifact = f.Artifact
	}
	return render.MarkdownFinding(&g)
}

// classOf is 0 for what fails, 1 for INCONCLUSIVE, 2 for warnings, 3 for the rest.
func classOf(f *report.Finding) int {
	switch {
	case f.Verdict == report.Pass || f.Severity == report.Info:
		return 3
	case f.Severity == report.Warning:
		return 2
	case f.Verdict == report.Inconclusive:
		return 1
	}
	return 0
}
