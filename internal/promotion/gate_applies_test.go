package promotion

import (
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// One list under requires: serves models and datasets; what is about the other
// kind does not keep a version out, and what nobody knows does.
func TestRequiresOfKinds(t *testing.T) {
	stage := manifest.Stage{Name: "production", Requires: []string{report.GroupData, report.GroupFiles, report.GroupEvaluation, "taste"}}
	policy := &manifest.Project{Stages: []manifest.Stage{stage}}
	for _, c := range []struct {
		kind     manifest.Kind
		verdicts map[string]report.Verdict
		want     map[string]report.Verdict // by group
	}{
		{manifest.KindDataset, map[string]report.Verdict{report.GroupData: report.Pass},
			map[string]report.Verdict{report.GroupData: report.Pass, report.GroupFiles: report.Pass, report.GroupEvaluation: report.Pass, "taste": report.Inconclusive}},
		{manifest.KindModel, map[string]report.Verdict{report.GroupFiles: report.Pass},
			map[string]report.Verdict{report.GroupData: report.Pass, report.GroupFiles: report.Pass, report.GroupEvaluation: report.Inconclusive, "taste": report.Inconclusive}},
		{"", nil, map[string]report.Verdict{report.GroupData: report.Inconclusive, report.GroupFiles: report.Inconclusive,
			report.GroupEvaluation: report.Inconclusive, "taste": report.Inconclusive}},
	} {
		planned := Plan(policy, &ledger.State{}, time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC), Content{Name: "x", Kind: c.kind, Verdicts: c.verdicts})
		for group, want := range c.want {
			found := false
			for _, f := range planned[0].Report.Findings {
				if f.Subject == "production "+group {
					found = true
					if f.Verdict != want {
						t.Errorf("%s of a %s: %s (%s), want %s", group, c.kind, f.Verdict, f.Message, want)
					}
				}
			}
			if !found {
				t.Errorf("%s of a %s is not judged", group, c.kind)
			}
		}
	}
}
