package promotion

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// successor is a model that is to become the next version.
type successor struct {
	artifact *manifest.Artifact
	config   compat.Config
	now      compat.Described
	problem  string // why now is not known
}

// newSuccessor reads what callers rely on while the files are at hand; nil for
// datasets, and where no version is asked of a break.
func newSuccessor(ctx context.Context, t check.Target) (*successor, error) {
	if t.Artifact.Model == nil {
		return nil, nil
	}
	s := &successor{artifact: t.Artifact, config: compat.ConfigOf(t.Artifact)}
	if !s.config.EnforcesVersion() {
		return nil, nil
	}
	var err error
	s.now, s.problem, err = t.Interface(ctx)
	return s, err
}

// judge says whether version may follow the newest release: one that breaks
// callers may not look compatible. It is nil when nothing is to be said: there
// is no release yet, or version promises nothing.
func (s *successor) judge(ctx context.Context, w *workspace.Workspace, a *ledger.Artifact, version ref.Version) (*report.Finding, error) {
	if s == nil {
		return nil, nil
	}
	latest := promised(a, version)
	if latest == nil {
		return nil, nil
	}
	f := finding(s.artifact.Name, "promotion.version", version.String())
	f.Rule, f.Location = compat.MinSemverBump, s.artifact.Pos.Location()
	was, err := check.BaselineInterface(ctx, w, workspace.Resolved{
		Name: s.artifact.Name, Version: latest.Version, ContentDigest: latest.ContentDigest, Digest: latest.Digest, Commit: latest.Commit,
	})
	if err != nil {
		return nil, err
	}
	flag := "--major"
	if latest.Version.Major == 0 {
		flag = "--minor"
	}
	if was.Problem != "" || s.problem != "" {
		// What the files tell is checked by files.readable; here nothing is
		// known about a break, which is said and does not stop a release.
		f.Severity, f.Verdict = report.Warning, report.Inconclusive
		f.Message = fmt.Sprintf("whether callers of %s break is not known: %s", was.Name, report.Visible(cmp.Or(was.Problem, s.problem)))
		f.Hint = fmt.Sprintf("if they do, run \"waybill register %s %s\"", s.artifact.Name, flag)
		return &f, nil
	}
	breaks := compat.Breaking(compat.Check(was.Described, s.now, s.config))
	if len(breaks) == 0 {
		return nil, nil
	}
	const most = 3
	var told []string
	for _, b := range breaks[:min(len(breaks), most)] {
		told = append(told, fmt.Sprintf("%s (%s)", b.Rule, report.Visible(b.Message)))
	}
	if n := len(breaks) - most; n > 0 {
		told = append(told, fmt.Sprintf("%d more", n))
	}
	f.Verdict = report.Fail
	f.Message = fmt.Sprintf("%s breaks callers of %s and does not say so: %s", version, was.Name, strings.Join(told, ", "))
	f.Expected, f.Observed = "at least "+breaking(latest.Version).String(), version.String()
	f.Hint = fmt.Sprintf("run \"waybill register %s %s\", or accept the break under compatibility: ignore: in %s", s.artifact.Name, flag, s.artifact.Path)
	return &f, nil
}

// promised is the newest release of a, if callers of it may rely on next; else
// nil. A pre-release promises nothing (semver 2.0.0, item 9), so that what
// follows it is held to the release before it.
func promised(a *ledger.Artifact, next ref.Version) *ledger.Version {
	if a == nil {
		return nil
	}
	var newest *ledger.Version
	for i := range a.Versions {
		if v := &a.Versions[i]; v.Version.Pre == "" && (newest == nil || v.Version.Compare(newest.Version) > 0) {
			newest = v
		}
	}
	if newest == nil || mayBreak(newest.Version, next) {
		return nil
	}
	return newest
}

// breaking is the first version after v that may break callers (semver 2.0.0,
// items 4 and 8).
func breaking(v ref.Version) ref.Version {
	if v.Major == 0 {
		return v.NextMinor()
	}
	return v.NextMajor()
}

// mayBreak tells whether next promises nothing to callers of v.
func mayBreak(v, next ref.Version) bool {
	return next.Major > v.Major || v.Major == 0 && next.Major == 0 && next.Minor > v.Minor
}

// newest is the greatest version, zero when there is none.
func newest(a *ledger.Artifact) ref.Version {
	if a == nil || a.Latest() == nil {
		return ref.Version{}
	}
	return a.Latest().Version
}

// announced makes warnings of the breaks that version announces: the check
// interface.compatible does not know which version is to be registered.
func announced(findings []report.Finding, version ref.Version) {
	for i := range findings {
		f := &findings[i]
		name, _ := f.Details["baseline"].(string)
		was, err := ref.Parse(name)
		if f.Check == "interface.compatible" && f.Verdict == report.Fail && err == nil && !was.Version.IsZero() && mayBreak(was.Version, version) {
			f.Severity = report.Warning
			f.Message += fmt.Sprintf(", which %s announces", version)
		}
	}
}
