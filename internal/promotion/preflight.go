package promotion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/deploy"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// wasHealthy says why this is the version to go back to, and why newer ones are
// not. Whoever named it knows better than the record: there it is a warning.
func (g *gate) wasHealthy(to ref.Version, h ledger.Healthy) report.Finding {
	f := g.finding("promotion.healthy")
	current := g.a.Stages[g.stage.Name]
	if why := current.Unhealthy(g.version.Version, h); !to.IsZero() && why != "" {
		f.Severity, f.Verdict = report.Warning, report.Fail
		f.Message = fmt.Sprintf("nothing shows that %s was healthy in %s: it %s", g.version.Version, g.stage.Name, why)
		f.Hint = "it was named, so it is taken; without a name it would not be"
		return f
	}
	f.Message = fmt.Sprintf("%s was healthy in %s", g.version.Version, g.stage.Name)
	var out []string
	for _, c := range g.a.Candidates(g.stage.Name, h) {
		if c.Version == g.version.Version {
			break
		}
		out = append(out, strings.TrimSpace(c.Version.String()+" "+c.Why))
	}
	const shown = 5
	if n := len(out) - shown; n > 0 {
		out = append(out[:shown], fmt.Sprintf("%d more", n))
	}
	switch {
	case len(out) == 0:
	case to.IsZero():
		f.Message += "; of those that came later " + strings.Join(out, ", ")
	default:
		f.Message += "; it was named, and passes over " + strings.Join(out, ", ")
	}
	return f
}

// served asks whether callers of what is in the stage now can call what it goes
// back to. An older version may lack what they have come to rely on; that they
// would break is for somebody to accept.
func (g *gate) served(ctx context.Context, bad *ledger.Version, accept bool) ([]report.Finding, error) {
	config, ok, err := g.compatibility(bad)
	if err != nil || !ok {
		return nil, err
	}
	f := g.finding("promotion.interface")
	described := func(v *ledger.Version) (compat.Described, string, error) {
		if _, err := g.w.ArtifactAt(v.Commit, g.a.Name); err != nil {
			// A shallow clone, as jobs have them, lacks the commit. Should it not
			// come, what is read below says so.
			if err := g.l.Remote.FetchCommit(ctx, v.Commit, g.defaultBranch()); err != nil && ctx.Err() != nil {
				return compat.Described{}, "", ctx.Err()
			}
		}
		was, err := check.BaselineInterface(ctx, g.w, workspace.Resolved{
			Name: g.a.Name, Version: v.Version, ContentDigest: v.ContentDigest, Digest: v.Digest, Commit: v.Commit,
		})
		if err != nil {
			return compat.Described{}, "", err
		}
		return was.Described, was.Problem, nil
	}
	now, unknown, err := described(bad)
	if err != nil {
		return nil, err
	}
	then, problem, err := described(g.version)
	if err != nil {
		return nil, err
	}
	f.Expected = "callers of " + bad.Version.String() + " can call it"
	if accept {
		f.Severity = report.Warning
	}
	if unknown != "" || problem != "" {
		f.Verdict = report.Inconclusive
		f.Message = fmt.Sprintf("whether callers of %s can call %s is not known: %s", bad.Version, g.version.Version, report.Visible(cmp.Or(problem, unknown)))
		f.Hint = acceptHint
		if problem == "" {
			// What leaves cannot be read, perhaps for the reason for which it
			// leaves: that must not keep it in.
			f.Severity = report.Warning
		}
		return []report.Finding{f}, nil
	}
	breaks := compat.Breaking(compat.Check(now, then, config))
	if len(breaks) == 0 {
		f.Message = fmt.Sprintf("callers of %s can call %s", bad.Version, g.version.Version)
		return []report.Finding{f}, nil
	}
	const most = 3
	var told []string
	for _, b := range breaks[:min(len(breaks), most)] {
		told = append(told, fmt.Sprintf("%s (%s)", b.Rule, report.Visible(b.Message)))
	}
	if n := len(breaks) - most; n > 0 {
		told = append(told, fmt.Sprintf("%d more", n))
	}
	f.Verdict, f.Observed = report.Fail, fmt.Sprintf("%d breaks", len(breaks))
	if len(breaks) == 1 {
		f.Observed = "1 break"
	}
	f.Message = fmt.Sprintf("callers of %s break with %s: %s", bad.Version, g.version.Version, strings.Join(told, ", "))
	f.Hint = acceptHint
	return []report.Finding{f}, nil
}

const acceptHint = "name another version with --to, or go back all the same with --accept-break"

// imaged says whether a version without a container image goes where a deployment
// file takes one: the ledger would say what nobody can write into that file.
func (g *gate) imaged() ([]report.Finding, error) {
	a, err := g.w.ArtifactAt(g.commit, g.a.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || a.Model == nil || g.version.Image() != "" {
		return nil, err
	}
	for _, t := range a.Model.Deploy[g.stage.Name] {
		file := a.Resolve(t.File)
		takes := strings.Contains(t.Value, "{"+deploy.PartImage+"}") || strings.Contains(t.Value, "{"+deploy.PartImageDigest+"}")
		at := &report.Location{File: a.Path, Line: t.Pos.Line}
		if t.Key == "" { // comments of the file say it; one that cannot be read is told when it is written
			data, err := g.w.Repo.ReadFile(g.commit, file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			places, _ := deploy.Find(file, data, []manifest.DeployTarget{t}, g.a.Name, g.stage.Name)
			i := slices.IndexFunc(places, func(p deploy.Place) bool { return p.Part == deploy.PartImage || p.Part == deploy.PartImageDigest })
			if i >= 0 {
				takes, at = true, &report.Location{File: file, Line: places[i].Line}
			}
		}
		if takes {
			f := g.finding("promotion.deployed")
			f.Verdict, f.Location = report.Fail, at
			f.Message = fmt.Sprintf("%s takes the container image, and the ledger records none for %s: it could not be deployed", file, g.version.Version)
			f.Hint = "name a version that has one with --to, or let deploy: and the file on the default branch take the artifact itself"
			return []report.Finding{f}, nil
		}
	}
	return nil, nil
}

// compatibility is which breaks count, as the default branch says, or the
// version that is served when the branch has the model no more. There is none
// for datasets.
func (g *gate) compatibility(bad *ledger.Version) (compat.Config, bool, error) {
	a, err := g.w.ArtifactAt(g.commit, g.a.Name)
	if errors.Is(err, fs.ErrNotExist) {
		if a, err = g.w.ArtifactAt(bad.Commit, g.a.Name); err != nil {
			return compat.Config{}, g.a.Kind == string(manifest.KindModel), nil
		}
	}
	if err != nil || a.Model == nil {
		return compat.Config{}, false, err
	}
	return compat.ConfigOf(a), true, nil
}
