package render

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
)

func sarifOf(t *testing.T, r *report.Report) sarifRun {
	t.Helper()
	var b bytes.Buffer
	if err := Report(&b, "sarif", r, Options{}); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatalf("version %q, %d runs", log.Version, len(log.Runs))
	}
	return log.Runs[0]
}

// TestSARIFHoldsTogether checks what the schema cannot: every result has a
// rule and a place, and what is left out is counted.
func TestSARIFHoldsTogether(t *testing.T) {
	reports := map[string]*report.Report{"empty": report.New(nil), "failing": report.New(failing()), "hostile": hostile()}
	for _, s := range markupSeeds {
		reports[s] = filled(s, math.NaN())
	}
	for name, r := range reports {
		run := sarifOf(t, r)
		for _, res := range run.Results {
			if rules := run.Tool.Driver.Rules; res.RuleIndex < 0 || res.RuleIndex >= len(rules) || rules[res.RuleIndex].ID != res.RuleID {
				t.Errorf("%q: rule %d is not %q", name, res.RuleIndex, res.RuleID)
			}
			if len(res.Locations) != 1 || res.Locations[0].Physical.Artifact.URI == "" || res.Message.Text == "" {
				t.Errorf("%q: a result without a place or a text: %+v", name, res)
			}
			if strings.ContainsFunc(strings.ReplaceAll(res.Message.Text, "\n", ""), acts) || strings.Contains(strings.ReplaceAll(res.Message.Text, `\]`, ""), "](") {
				t.Errorf("%q: %q acts", name, res.Message.Text)
			}
		}
		for _, rule := range run.Tool.Driver.Rules {
			if rule.HelpURI != "" && !strings.HasPrefix(rule.HelpURI, "http") {
				t.Errorf("%q: a link to %q", name, rule.HelpURI)
			}
		}
	}
}

func TestSARIF(t *testing.T) {
	run := sarifOf(t, report.New(append(failing(), report.Finding{
		Check: "x", Verdict: report.Fail, Severity: report.Info, Message: "see [this](https://evil.example)", Location: &report.Location{File: "/a b:c/ü#?.csv"},
	})))
	var levels, places []string
	for _, res := range run.Results {
		levels = append(levels, res.Level)
		places = append(places, res.Locations[0].Physical.Artifact.URI)
	}
	if got, want := strings.Join(levels, " "), "error error error note"; got != want {
		t.Errorf("levels %s, want %s", got, want)
	}
	if got, want := places[3], "a%20b:c/%C3%BC%23%3F.csv"; got != "./"+want {
		t.Errorf("place %s, want ./%s", got, want)
	}
	if got, want := run.Results[3].Message.Text, `see \[this\](https://evil.example)`; got != want {
		t.Errorf("text %s, want %s", got, want)
	}
	if got := run.Results[2].Message.Text; !strings.HasPrefix(got, "INCONCLUSIVE: ") {
		t.Errorf("the text of what is inconclusive is %s", got)
	}
	// The warning about lineage and the remark on the card have no place.
	if n := run.Invocations[0].Notifications; len(n) != 1 || !strings.HasPrefix(n[0].Message.Text, "2 findings are left out") {
		t.Errorf("notifications %+v", n)
	}
}

func TestSARIFIsCapped(t *testing.T) {
	findings := manyFindings(maxSarif+7, 1, report.Fail)
	for i := range findings {
		findings[i].Location = &report.Location{File: "a.csv", Line: i + 1}
	}
	run := sarifOf(t, report.New(findings))
	if len(run.Results) != maxSarif || !strings.HasPrefix(run.Invocations[0].Notifications[0].Message.Text, "7 findings are left out") {
		t.Errorf("%d results, %+v", len(run.Results), run.Invocations)
	}
}
