package promotion

import (
	"slices"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

func TestPlan(t *testing.T) {
	version := func(s string) ref.Version {
		v, err := ref.ParseVersion(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	now := time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)
	policy := &manifest.Project{Stages: []manifest.Stage{{Name: "staging"},
		{Name: "production", From: []string{"staging"}, Soak: time.Hour, Requires: []string{"data", "files"}}}}
	old := ledger.Version{Version: version("v1.0.0"), ContentDigest: "sha256:old", Evidence: &ledger.Evidence{Verdicts: map[string]string{"data": "PASS", "files": "PASS"}}}
	state := &ledger.State{Artifacts: map[string]*ledger.Artifact{"reviews": {Name: "reviews", Versions: []ledger.Version{old}, Holds: map[ref.Version]ledger.Hold{},
		Stages: map[string]*ledger.Assignment{"staging": {Tenure: ledger.Tenure{Version: old.Version, Since: now.Add(-2 * time.Hour)}}}}}}
	verdicts := map[string]report.Verdict{"data": report.Fail}
	for _, c := range []struct {
		name       string
		content    ref.Digest
		would      string
		production report.Verdict
		why        []string
	}{
		{"reviews", "sha256:old", "v1.0.0", report.Pass, nil},
		{"reviews", "sha256:new", "v1.0.1", report.Fail, []string{"the data checks fail", "v1.0.1 was never in staging", "reviews has no files checks"}},
		{"nobody", "sha256:new", FirstVersion.String(), report.Fail, []string{"the data checks fail", FirstVersion.String() + " was never in staging", "nobody has no files checks"}},
	} {
		plans := Plan(policy, state, now, Content{Name: c.name, Digest: c.content, Verdicts: verdicts})
		if len(plans) != 2 || plans[0].Stage != "staging" || plans[0].Report.Verdict != report.Pass || plans[0].Now.IsZero() != (c.name == "nobody") {
			t.Errorf("%s: %+v", c.name, plans)
			continue
		}
		p := plans[1]
		var why []string
		for _, f := range p.Report.Findings {
			if f.Verdict != report.Pass {
				why = append(why, f.Message)
			}
		}
		slices.Sort(why)
		slices.Sort(c.why)
		if p.Would.String() != c.would || p.Report.Verdict != c.production || !slices.Equal(why, c.why) {
			t.Errorf("%s %s: %s would enter, %s %q", c.name, c.content, p.Would, p.Report.Verdict, why)
		}
	}
}
