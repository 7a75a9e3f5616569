package promotion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// gate is one decision: may version enter stage?
type gate struct {
	w       *workspace.Workspace
	l       *workspace.Ledger
	policy  *manifest.Project
	commit  string // of the default branch, where the policy was read
	on      Occasion
	stage   manifest.Stage
	a       *ledger.Artifact
	version *ledger.Version
	now     time.Time
	action  string // "promote" or "rollback"
	// counted is the consent that approvals let in, for the event to record.
	counted []ledger.Approval

	runs    map[int64]answered // see runOf
	read    *ledger.Log        // see log
	implied *implied           // see projection
	again   map[string]string  // verdicts of check groups that were computed now; nil: those recorded count
}

// judge evaluates every condition, so that a refusal names them all at once.
func (g *gate) judge(ctx context.Context) (*report.Report, error) {
	findings := []report.Finding{g.hold(), g.deprecated(), freeze(g.policy, g.now, g.a.Name, g.action)}
	approvals, err := g.approvals(ctx)
	if err != nil {
		return nil, err
	}
	findings = append(findings, approvals...)
	content, err := encoding(ctx, g.w, g.a.Name, g.version.ContentDigest, g.version.Digest)
	if err != nil {
		return nil, err
	}
	if g.action == "promote" {
		findings = append(findings, g.from(), g.older())
		registration, err := g.registration(ctx, content.Verdict == report.Pass)
		if err != nil {
			return nil, err
		}
		findings = append(findings, registration...)
		findings = append(findings, g.requires()...)
		compared, err := g.compared(ctx)
		if err != nil {
			return nil, err
		}
		findings = append(findings, compared...)
	}
	findings = append(findings, g.byWhom(ctx)...)
	anchors, err := g.anchors(ctx)
	if err != nil {
		return nil, err
	}
	findings = append(findings, anchors...)
	oci, err := g.ociTag(ctx)
	if err != nil {
		return nil, err
	}
	tag, err := g.gitTag()
	if err != nil {
		return nil, err
	}
	r := report.New(append(findings, content, oci, tag))
	r.Title = fmt.Sprintf("%s %s@%s to %s", g.action, g.a.Name, g.version.Version, g.stage.Name)
	return r, nil
}

// finding is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (g *gate) finding(id string) report.Finding {
	f := finding(g.a.Name, id, g.stage.Name)
	f.Location = g.stage.Pos.Location()
	return f
}

func (g *gate) hold() report.Finding {
	f := g.finding("promotion.hold")
	f.Message = "no hold keeps it out"
	h, ok := g.a.Holds[g.version.Version]
	for held, other := range g.a.Holds { // the same content under another number is no other thing
		if v := g.a.Version(held); !ok && v != nil && v.ContentDigest == g.version.ContentDigest {
			h, ok = other, true
		}
	}
	if ok {
		f.Verdict = report.Fail
		f.Message = fmt.Sprintf("%s is held since %s by %s: %s", h.Version, h.Since.Format(time.RFC3339), h.By.Login, orNone(h.Reason))
		f.Hint = fmt.Sprintf("lift it with: waybill hold %s@%s --release --reason \"…\"", g.a.Name, h.Version)
	}
	return f
}

func (g *gate) deprecated() report.Finding {
	f := g.finding("promotion.deprecated")
	f.Message = "it is not deprecated"
	if g.a.Deprecated != nil || g.version.Deprecated != nil {
		f.Verdict, f.Message = report.Fail, "it is deprecated"
	}
	return f
}

func freeze(p *manifest.Project, now time.Time, artifact, action string) report.Finding {
	f := finding(artifact, "promotion.freeze", action)
	f.Message = "no freeze forbids it today"
	for _, z := range p.Freezes {
		if !now.Before(z.From) && now.Before(z.To.AddDate(0, 0, 1)) && !slices.Contains(z.Allow, action) {
			f.Verdict, f.Location = report.Fail, z.Pos.Location()
			f.Message = fmt.Sprintf("there is a freeze from %s to %s", z.From.Format(time.DateOnly), z.To.Format(time.DateOnly))
			if len(z.Allow) > 0 {
				f.Message += ", which allows only " + strings.Join(z.Allow, ", ")
			}
		}
	}
	return f
}

// from holds the order of stages: the version was in one of them, long
// enough, and was not rolled back out of it.
func (g *gate) from() report.Finding {
	f := g.finding("promotion.from")
	if len(g.stage.From) == 0 {
		f.Message = "versions may enter it directly"
		return f
	}
	f.Expected = fmt.Sprintf("was in %s", strings.Join(g.stage.From, " or "))
	if g.stage.Soak > 0 {
		f.Expected += fmt.Sprintf(" for at least %s", g.stage.Soak)
	}
	best, seen := time.Duration(-1), ""
	for _, name := range g.stage.From {
		s := g.a.Stages[name]
		if s == nil {
			continue
		}
		for _, t := range append(slices.Clone(s.History), s.Tenure) {
			if t.Version != g.version.Version || t.RolledBack {
				continue
			}
			until := t.Until
			if until.IsZero() {
				until = g.now
			}
			if d := max(0, until.Sub(t.Since)); d > best {
				best, seen = d, name
			}
		}
	}
	switch {
	case best < 0:
		f.Verdict, f.Message = report.Fail, fmt.Sprintf("%s was never in %s", g.version.Version, strings.Join(g.stage.From, " or "))
		f.Hint = fmt.Sprintf("run: waybill promote %s@%s --to %s", g.a.Name, g.version.Version, g.stage.From[0])
	case best < g.stage.Soak:
		f.Verdict, f.Message = report.Fail, fmt.Sprintf("%s has been in %s for %s, %s more are needed", g.version.Version, seen, best, g.stage.Soak-best)
		f.Observed = best.String()
	default:
		f.Message = fmt.Sprintf("%s was in %s for %s", g.version.Version, seen, best)
	}
	return f
}

func (g *gate) older() report.Finding {
	f := g.finding("promotion.older")
	f.Message = "it is not older than what is there"
	if s := g.a.Stages[g.stage.Name]; s != nil && g.version.Version.Compare(s.Version) < 0 {
		f.Verdict = report.Fail
		f.Message = fmt.Sprintf("%s has %s, which is newer", g.stage.Name, s.Version)
		f.Hint = fmt.Sprintf("to go back, run: waybill rollback %s --stage %s --reason \"…\"", g.a.Name, g.stage.Name)
	}
	return f
}

// requires compares with what the registration recorded about this digest.
func (g *gate) requires() []report.Finding {
	var out []report.Finding
	for _, group := range g.stage.Requires {
		f := g.finding("promotion.requires")
		f.Subject, f.Expected = g.stage.Name+" "+group, "PASS"
		if !applies(g.a.Kind, group) {
			out = append(out, notAbout(f, g.a.Kind, group))
			continue
		}
		verdict, when := g.recorded(group)
		f.Observed = verdict
		switch verdict {
		case string(report.Pass):
			f.Message = fmt.Sprintf("the %s checks passed %s", group, when)
		case string(report.Fail):
			f.Verdict, f.Message = report.Fail, fmt.Sprintf("the %s checks failed %s", group, when)
		default:
			f.Verdict, f.Observed = report.Inconclusive, "none"
			f.Message = fmt.Sprintf("no verdict of the %s checks was recorded %s", group, when)
			f.Hint = "declare checks of this group in its manifest, or take the group out of requires: on the default branch"
		}
		out = append(out, f)
	}
	return out
}

// ofModels are the check groups that say something of models alone; those of
// data say something of datasets alone. One list under requires: serves both
// kinds.
var ofModels = []string{report.GroupFiles, report.GroupSecurity, report.GroupInterface, report.GroupCard, report.GroupLicense, report.GroupEvaluation, report.GroupLineage}

// applies tells whether checks of a group are about artifacts of a kind. Of an
// unknown kind or group all are: what nobody judged does not pass.
func applies(kind, group string) bool {
	switch manifest.Kind(kind) {
	case manifest.KindDataset:
		return !slices.Contains(ofModels, group)
	case manifest.KindModel:
		return group != report.GroupData
	}
	return true
}

func notAbout(f report.Finding, kind, group string) report.Finding {
	f.Expected, f.Message = "", fmt.Sprintf("the %s checks are not about a %s", group, strings.ToLower(kind))
	return f
}

// compared decides again, against what the stages hold now, the gates of a model
// that compare it with other versions: since it was registered, another version
// may have come there. Only a stage that requires the evaluation asks.
func (g *gate) compared(ctx context.Context) ([]report.Finding, error) {
	if !slices.Contains(g.stage.Requires, report.GroupEvaluation) {
		return nil, nil
	}
	return check.Compared(ctx, g.w, workspace.Resolved{
		Name: g.a.Name, Version: g.version.Version, ContentDigest: g.version.ContentDigest, Digest: g.version.Digest, Commit: g.version.Commit,
	})
}

func (g *gate) ociTag(ctx context.Context) (report.Finding, error) {
	f := g.finding("promotion.oci-tag")
	repo, err := g.w.Repository(g.a.Name)
	if err != nil {
		return f, err
	}
	tag := g.version.Version.OCITag()
	desc, err := repo.Resolve(ctx, tag)
	switch {
	case isNotFound(err):
		f.Severity, f.Verdict, f.Message = report.Warning, report.Fail, fmt.Sprintf("%s has no tag %s", repo, tag)
		f.Hint = "run \"waybill doctor --fix\""
		return f, nil
	case err != nil:
		return f, err
	case string(desc.Digest) != string(g.version.Digest):
		f.Verdict, f.Message = report.Fail, fmt.Sprintf("the OCI tag %s was moved since it was registered", tag)
		f.Expected, f.Observed, f.Hint = string(g.version.Digest), string(desc.Digest), "find out who moved it; then run \"waybill doctor --fix\""
		return f, nil
	}
	f.Message = "the OCI tag names it"
	return f, nil
}

func (g *gate) gitTag() (report.Finding, error) {
	f := g.finding("promotion.tag")
	f.Message = "the Git tag names it"
	name := g.a.Name + "@" + g.version.Version.String()
	at, ok := "", false
	if g.l.Refs != nil {
		at, ok = g.l.Refs.Tags[name]
	}
	if !ok {
		f.Severity, f.Verdict, f.Message, f.Hint = report.Warning, report.Fail, "the remote has no tag "+name, "run \"waybill doctor --fix\""
		return f, nil
	}
	implied, err := g.projection()
	if err != nil {
		return f, err
	}
	if want, ok := implied.tags[name]; ok && want != at {
		f.Verdict, f.Message = report.Fail, fmt.Sprintf("the Git tag %s was moved by hand", name)
		f.Expected, f.Observed, f.Hint = want, at, "find out who moved it; then run \"waybill doctor --fix\""
	}
	return f, nil
}

func orNone(s string) string {
	if s == "" {
		return "no reason given"
	}
	return s
}

func isNotFound(err error) bool {
	return errors.Is(err, workspace.ErrNotFound) || errors.Is(err, fs.ErrNotExist)
}
