package render

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// sarifFormat writes SARIF 2.1.0 (OASIS standard, 27 March 2020), which code
// scanning shows at the line that a finding is about. A finding that has no
// place in a file cannot be shown so, nor can sections; both are left out, and
// the document says how many findings.
var sarifFormat = format{name: "sarif", report: sarifReport}

// maxSarif is how many results GitHub takes of one run; with more it refuses
// the whole document.
const maxSarif = 25_000

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID      string `json:"id"`
	HelpURI string `json:"helpUri,omitempty"`
}

type sarifInvocation struct {
	ExecutionSuccessful bool                `json:"executionSuccessful"`
	Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string       `json:"level"`
	Message sarifMessage `json:"message"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifMessage      `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *sarifRegion `json:"region,omitempty"`
	} `json:"physicalLocation"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
}

func sarifReport(b *bytes.Buffer, r *report.Report, _ Options) error {
	run := sarifRun{Invocations: []sarifInvocation{{ExecutionSuccessful: true}}, Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "waybill", InformationURI: "https://waybill.dev", Rules: []sarifRule{}}
	rules := map[string]int{}
	left := 0
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Verdict == report.Pass {
			continue
		}
		if f.Location == nil || f.Location.File == "" || len(run.Results) == maxSarif {
			left++
			continue
		}
		id := visible(ruleName(f))
		at, known := rules[id]
		if !known {
			at = len(rules)
			rules[id] = at
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: id, HelpURI: webAddress(f.Doc)})
		}
		run.Results = append(run.Results, sarifResult{
			RuleID: id, RuleIndex: at, Level: sarifLevel(f.Severity), Message: sarifText(f),
			Locations: []sarifLocation{sarifPlace(f.Location)}, Fingerprints: map[string]string{"waybillFinding/v1": f.ID},
		})
	}
	if left > 0 {
		run.Invocations[0].Notifications = []sarifNotification{{Level: "warning", Message: sarifMessage{
			fmt.Sprintf("%s left out: those without a place in a file, and those after the first %s; --format json has all.", counted(left, "finding is", "findings are"), report.Thousands(maxSarif)),
		}}}
	}
	return writeJSON(b, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifLevel(s report.Severity) string {
	switch s {
	case report.Warning:
		return "warning"
	case report.Info:
		return "note"
	}
	return "error"
}

// sarifText is the finding in lines. SARIF would have INCONCLUSIVE as a kind of
// result whose level is "none" (section 3.27.9), which code scanning does not
// show; so it keeps its level, and the text begins with the word.
func sarifText(f *report.Finding) sarifMessage {
	first := firstNonEmpty(f.Message, checkName(f))
	if f.Verdict != report.Fail {
		first = string(f.Verdict) + ": " + first
	}
	out := []string{visible(first)}
	for _, part := range [][2]string{{"artifact: ", f.Artifact}, {"expected: ", f.Expected}, {"observed: ", f.Observed}, {"→ ", f.Hint}} {
		if part[1] != "" {
			out = append(out, part[0]+visible(part[1]))
		}
	}
	text := strings.Join(out, "\n")
	if strings.Contains(text, "](") { // a link, unless escaped (section 3.11.6)
		text = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(text)
	}
	return sarifMessage{text}
}

// sarifPlace is the location as a URI relative to the repository's root.
func sarifPlace(l *report.Location) sarifLocation {
	var out sarifLocation
	out.Physical.Artifact.URI = (&url.URL{Path: strings.TrimLeft(l.File, "/")}).String()
	if l.Line > 0 {
		out.Physical.Region = &sarifRegion{StartLine: l.Line, StartColumn: max(l.Column, 0)}
	}
	return out
}
