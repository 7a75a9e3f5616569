package promotion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// registration asks again what the register event says. Whoever may push can
// append an event: that one stands in the ledger proves when it was written, not
// by whom. What it claims is compared with the commit, and with the run of the
// workflow that wrote it where there is a forge to ask. Where that cannot be
// done any more, its evidence is not believed but computed anew, if the registry
// holds the content.
func (g *gate) registration(ctx context.Context, held bool) ([]report.Finding, error) {
	f := g.finding("promotion.registration")
	a, lock, problem, err := g.committed(ctx)
	if err != nil {
		return []report.Finding{g.unanswered(f, "the remote for the commit of "+g.version.Version.String(), err)}, nil
	}
	if problem != "" {
		f.Verdict, f.Message = report.Fail, problem
		f.Hint = fmt.Sprintf("find out who wrote event %d of the ledger; then keep this version out: waybill hold %s@%s --reason \"…\"", g.version.Event, g.a.Name, g.version.Version)
		return []report.Finding{f}, nil
	}
	if g.on.Forge == nil {
		f.Message = fmt.Sprintf("its lock stands so in commit %.12s", g.version.Commit)
		return []report.Finding{f}, nil
	}
	if g.registeredBy(ctx, &f) {
		return []report.Finding{f}, nil
	}
	f.Severity, f.Verdict = report.Warning, report.Inconclusive
	f.Message = "unverified: " + f.Message
	if len(g.stage.Requires) == 0 {
		return []report.Finding{f}, nil
	}
	g.again = map[string]string{}
	if !held {
		return []report.Finding{f}, nil
	}
	f.Message += "; checked again"
	found, err := g.checkAgain(ctx, a, lock)
	return append([]report.Finding{f}, found...), err
}

// committed reads manifest and lock at the commit that the version was
// registered at, and says what they contradict.
func (g *gate) committed(ctx context.Context) (a *manifest.Artifact, lock *manifest.Lock, problem string, err error) {
	v := g.version
	if g.l.Refs == nil || g.l.Remote == nil {
		return nil, nil, "", errors.New("the remote did not answer")
	}
	on, err := g.w.Repo.Contains(ctx, g.l.Refs, v.Commit)
	if err != nil {
		return nil, nil, "", err
	}
	if !on {
		return nil, nil, fmt.Sprintf("commit %.12s, at which it was registered, is not on the branch %s", v.Commit, report.Visible(g.defaultBranch())), nil
	}
	if err := g.l.Remote.FetchCommit(ctx, v.Commit, g.defaultBranch()); err != nil {
		return nil, nil, "", err
	}
	a, err = g.w.ArtifactAt(v.Commit, g.a.Name)
	if err == nil {
		lock, err = g.w.LockAt(v.Commit, a)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Sprintf("commit %.12s, at which it was registered, has no lock of %s", v.Commit, g.a.Name), nil
	case err != nil:
		return nil, nil, "", err
	case lock.ContentDigest != v.ContentDigest || lock.Encoding.Digest != v.Digest:
		return nil, nil, fmt.Sprintf("the lock in commit %.12s names other content (sha256:%s…) than the ledger (sha256:%s…)", v.Commit, lock.ContentDigest.Short(), v.ContentDigest.Short()), nil
	}
	return a, lock, "", nil
}

// runURL is what workspace.Run writes into events.
var runURL = regexp.MustCompile(`^https?://[^/\s]+/[^/\s]+/[^/\s]+/actions/runs/([0-9]{1,18})/attempts/([0-9]{1,9})$`)

// registeredBy compares the register event with the run that it names, and
// writes into f what comes of it. It is false when there is no such run, or not
// any more.
func (g *gate) registeredBy(ctx context.Context, f *report.Finding) bool {
	v := g.version
	m := runURL.FindStringSubmatch(v.Run)
	if m == nil {
		f.Message = "no run of a workflow is recorded that registered it"
		f.Hint = "register in a workflow, with actions/register, so that the forge can be asked who did"
		return false
	}
	id, _ := strconv.ParseInt(m[1], 10, 64) // the pattern holds both in range
	attempt, _ := strconv.ParseInt(m[2], 10, 64)
	run, err := g.runOf(ctx, id)
	switch {
	case errors.Is(err, forge.ErrNotFound):
		f.Message = fmt.Sprintf("the forge has no run %d any more, which registered it", id)
		f.Hint = "nothing has to be done: a forge keeps runs for a while only, and checks that the stage requires are run again"
		return false
	case err != nil:
		*f = g.unanswered(*f, fmt.Sprintf("the forge about run %d, which registered it,", id), err)
		return true
	}
	if why := g.contradicts(run, attempt); why != "" {
		f.Verdict = report.Fail
		f.Message = fmt.Sprintf("the ledger says that run %d registered it, and %s", id, why)
		f.Hint = fmt.Sprintf("find out who wrote event %d of the ledger; then keep this version out: waybill hold %s@%s --reason \"…\"", v.Event, g.a.Name, v.Version)
		return true
	}
	f.Message = fmt.Sprintf("run %d registered it on %s, at commit %.12s", id, report.Visible(run.HeadBranch), v.Commit)
	return true
}

// contradicts says how a run differs from what the register event needs.
func (g *gate) contradicts(run forge.Run, attempt int64) string {
	v, seen := g.version, report.Visible
	switch {
	case fromOutside(run):
		return fmt.Sprintf("that run was about a pull request or a fork (%s of %s)", seen(run.Event), seen(orDeleted(run.HeadRepository)))
	case g.on.Repository != "" && !strings.EqualFold(run.Repository, g.on.Repository):
		return "that run was one of " + seen(run.Repository)
	case run.HeadBranch != g.defaultBranch():
		return fmt.Sprintf("that run was on %s, not on %s", seen(run.HeadBranch), seen(g.defaultBranch()))
	case run.HeadSHA != v.Commit:
		return fmt.Sprintf("that run was at commit %.12s, not at %.12s", seen(run.HeadSHA), v.Commit)
	case run.Attempt < attempt:
		return fmt.Sprintf("that run never had an attempt %d", attempt)
	case run.Actor.ID != v.By.ID:
		return fmt.Sprintf("that run was started by %s (id %d), not by %s (id %d)", seen(run.Actor.Login), run.Actor.ID, seen(v.By.Login), v.By.ID)
	}
	return ""
}

// checkAgain runs the check groups over the bytes in the registry, as the
// manifest of the registered commit has them. Their verdicts take the place of
// those that were recorded; the findings say why a group does not pass.
func (g *gate) checkAgain(ctx context.Context, a *manifest.Artifact, lock *manifest.Lock) ([]report.Finding, error) {
	dir, err := os.MkdirTemp("", "waybill-promote-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	target, err := check.Fetched(ctx, g.w, a, lock, filepath.Join(dir, "files"))
	if err != nil {
		return nil, err
	}
	target.Commit = g.version.Commit
	r, err := check.Run(ctx, g.w, target)
	if err != nil {
		return nil, err
	}
	for group, verdict := range r.ByGroup() {
		g.again[group] = string(verdict)
	}
	var out []report.Finding
	for _, found := range r.Findings {
		if found.Verdict != report.Pass && found.Severity != report.Info {
			found.Severity = report.Warning
			out = append(out, found)
		}
	}
	return out, nil
}

// recorded is the verdict of a check group, and when it was found.
func (g *gate) recorded(group string) (verdict, when string) {
	if g.again != nil {
		return g.again[group], "when checked again now"
	}
	if g.version.Evidence != nil {
		verdict = g.version.Evidence.Verdicts[group]
	}
	return verdict, "when it was registered"
}
