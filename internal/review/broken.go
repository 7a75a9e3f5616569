package review

import (
	"errors"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// Broken tells of manifests that are invalid, nil where err is about something
// else. It is published too: an older comment would otherwise go on saying that
// all is well.
func Broken(err error, head string) *Story {
	var many manifest.Errors
	var one *manifest.Error
	switch {
	case errors.As(err, &many):
	case errors.As(err, &one):
		many = manifest.Errors{one}
	}
	if len(many) == 0 || !fullHash.MatchString(head) {
		return nil
	}
	var findings []report.Finding
	for _, e := range many {
		findings = append(findings, report.Finding{Check: "manifest.valid", Group: report.GroupState, Severity: report.Error, Verdict: report.Fail,
			Location: e.Pos.Location(), Message: e.Message, Hint: e.Hint})
	}
	r := report.New(findings)
	return &Story{APIVersion: report.APIVersion, Kind: Kind, Head: head, Verdict: r.Verdict, Summary: r.Summary, Findings: r.Findings, Artifacts: []Artifact{}}
}
