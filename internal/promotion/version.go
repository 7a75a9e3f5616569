package promotion

import (
	"cmp"
	"context"
	"fmt"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// successor is an artifact that is to become the next version.
type successor struct {
	artifact *manifest.Artifact
	encoding ref.Digest
	// enforced tells that a break of callers needs a version that says so; now
	// and problem, why now is not known, are read only then.
	enforced bool
	config   compat.Config
	now      compat.Described
	problem  string
}

// newSuccessor reads what callers of a model rely on while the files are at
// hand.
func newSuccessor(ctx context.Context, t check.Target, encoding ref.Digest) (*successor, error) {
	s := &successor{artifact: t.Artifact, encoding: encoding}
	if t.Artifact.Model == nil {
		return s, nil
	}
	s.config = compat.ConfigOf(t.Artifact)
	if s.enforced = s.config.EnforcesVersion(); !s.enforced {
		return s, nil
	}
	var err error
	s.now, s.problem, err = t.Interface(ctx)
	return s, err
}

// baseline is what callers of a release rely on, or why that is not known. A
// checkout without history, as jobs have it, fetches the commit that declares
// it; where that fails, the problem says what is missing.
func baseline(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name string, v *ledger.Version) (d compat.Described, problem string, err error) {
	if l.Remote != nil && l.Refs != nil {
		if err := l.Remote.FetchCommit(ctx, v.Commit, l.Refs.DefaultBranch); err != nil && ctx.Err() != nil {
			return d, "", err
		}
	}
	b, err := check.BaselineInterface(ctx, w, workspace.Resolved{
		Name: name, Version: v.Version, ContentDigest: v.ContentDigest, Digest: v.Digest, Commit: v.Commit,
	})
	if err != nil {
		return d, "", err
	}
	return b.Described, b.Problem, nil
}

// judge says whether version may follow the newest release: one that breaks
// callers may not look compatible. It is nil when nothing is to be said: there
// is no release yet, or version promises nothing.
func (s *successor) judge(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, version ref.Version) (*report.Finding, error) {
	latest := promised(l.State.Artifacts[s.artifact.Name], version)
	if !s.enforced || latest == nil {
		return nil, nil
	}
	was, problem, err := baseline(ctx, w, l, s.artifact.Name, latest)
	if err != nil {
		return nil, err
	}
	name := s.artifact.Name + "@" + latest.Version.String()
	f := finding(s.artifact.Name, "promotion.version", version.String())
	f.Rule, f.Location = compat.MinSemverBump, s.artifact.Pos.Location()
	if problem := cmp.Or(problem, s.problem); problem != "" {
		s.unknown(&f, name, problem)
		return &f, nil
	}
	var breaks []string
	for _, b := range compat.Breaking(compat.Check(was, s.now, s.config)) {
		breaks = append(breaks, fmt.Sprintf("%s (%s)", b.Rule, b.Message))
	}
	if len(breaks) == 0 {
		return nil, nil
	}
	flag := "--major"
	if latest.Version.Major == 0 {
		flag = "--minor"
	}
	f.Verdict = report.Fail
	f.Message = fmt.Sprintf("%s breaks callers of %s and does not say so: %s", version, name, some(breaks))
	f.Expected, f.Observed = "at least "+breaking(latest.Version).String(), version.String()
	f.Hint = fmt.Sprintf("run \"waybill register %s %s\", or accept the break under compatibility: ignore: in %s", s.artifact.Name, flag, s.artifact.Path)
	return &f, nil
}

// unknown says that nothing is known about a break. What the files tell is
// checked by files.readable; here it does not stop a release.
func (s *successor) unknown(f *report.Finding, was, problem string) {
	f.Severity, f.Verdict = report.Warning, report.Inconclusive
	f.Message = fmt.Sprintf("whether callers of %s break is not known: %s", was, report.Visible(problem))
	f.Hint = fmt.Sprintf("if they do, run \"waybill register %s --bump major\" (minor below v1.0.0)", s.artifact.Name)
}

// promised is the newest release of a, if callers of it may rely on next; else
// nil. A pre-release promises nothing (semver 2.0.0, item 9), so that what
// follows it is held to the release before it.
func promised(a *ledger.Artifact, next ref.Version) *ledger.Version {
	newest := released(a)
	if newest == nil || mayBreak(newest.Version, next) {
		return nil
	}
	return newest
}

// released is the greatest version that is no pre-release, nil when there is
// none.
func released(a *ledger.Artifact) *ledger.Version {
	if a == nil {
		return nil
	}
	var newest *ledger.Version
	for i := range a.Versions {
		if v := &a.Versions[i]; v.Version.Pre == "" && (newest == nil || v.Version.Compare(newest.Version) > 0) {
			newest = v
		}
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
