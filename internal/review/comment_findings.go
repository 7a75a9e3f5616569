package review

import (
	"strings"

	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

// findings adds a table for each class of findings, so that the classes can be
// dropped one by one. Tables that follow each other are shown as one. Remarks,
// which are of severity info, are told too where they are not folded away
// elsewhere: that a rule is another one now is what a reviewer came for.
func (c *comment) findings(title string, all []report.Finding, remarks bool) {
	classes := []block{{level: levelFailed, noun: "failed check"}, {level: levelMoreFailed, noun: "failed check"},
		{level: levelInconclusive, noun: "inconclusive check"}, {level: levelWarnings, noun: "warning"}, {level: levelWarnings, noun: "remark"}}
	for i := range all {
		class := classOf(&all[i])
		if class == 3 && (!remarks || all[i].Verdict == report.Pass) {
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
	if says(f.Message, f.Expected) {
		g.Expected = ""
	}
	if says(f.Message, f.Observed) {
		g.Observed = ""
	}
	g.Artifact = "" // the heading says it
	if f.Artifact != "" && (f.Group == report.GroupPromotion || f.Group == report.GroupPolicy) {
		g.Artifact = f.Artifact
	}
	return render.MarkdownFinding(&g)
}

// says tells whether a message has the words of a fact, so that a reader would
// read them twice.
func says(message, fact string) bool {
	if fact == "" || len(message) > maxMessage { // which is cut
		return false
	}
	for before, rest, found := strings.Cut(" "+message, fact); found; before, rest, found = strings.Cut(rest, fact) {
		after := strings.TrimLeft(rest, ",.;:)")
		if strings.HasSuffix(before, " ") && (after == "" || after[0] == ' ') {
			return true
		}
	}
	return false
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
