package review

import (
	"errors"
	"io/fs"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/policy"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// signers tells what a change of the keys that approve loosens: whose they are
// is as much policy as who may approve.
func (s *sides) signers(w *workspace.Workspace, base, head string) ([]report.Finding, error) {
	if base == "" || !s.isChanged[approval.SignersFile] {
		return nil, nil
	}
	var files [2][]approval.Signer
	for i, commit := range []string{base, head} {
		data, err := w.Repo.ReadFile(commit, approval.SignersFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if files[i], err = approval.ParseSigners(approval.SignersFile, data); err == nil {
			continue
		}
		if i == 0 { // nobody could approve with what cannot be read
			s.problem(approval.SignersFile, err)
			continue
		}
		f := finding("policy.signers", "", &report.Location{File: approval.SignersFile, Line: 1})
		f.Group, f.Verdict = report.GroupPolicy, report.Fail
		f.Message, f.Hint = "no signature will count: "+report.Visible(err.Error()), "correct the line"
		return []report.Finding{f}, nil
	}
	var out []report.Finding
	for _, l := range approval.Loosen(files[0], files[1]) {
		f := finding(policy.Weakened, "", &report.Location{File: approval.SignersFile, Line: max(l.Line, 1)})
		f.Group, f.Severity, f.Verdict = report.GroupPolicy, report.Warning, report.Fail
		f.Subject, f.Message = report.Visible("signer "+l.Who), report.Visible(l.What)
		f.Expected, f.Observed = report.Visible(l.Was), report.Visible(l.Is)
		out = append(out, f)
	}
	return out, nil
}
