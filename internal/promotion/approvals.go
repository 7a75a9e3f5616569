package promotion

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// rule is what the stage asks of approvals.
func (g *gate) rule() manifest.Approvals {
	if g.action == "rollback" {
		return g.stage.Rollback
	}
	return g.stage.Approvals
}

// awaited is the condition without asking who approved: what a plan says
// before there is anything to approve.
func (g *gate) awaited() report.Finding {
	f := g.finding("promotion.approvals")
	rule := g.rule()
	f.Message = "it needs no approvals"
	if rule.Required > 0 {
		f.Verdict, f.Expected, f.Observed = report.Fail, amount(rule.Required), "0"
		f.Message = fmt.Sprintf("%s needs %s", g.stage.Name, amount(rule.Required))
		f.Hint = "they are given once it is registered"
		if len(rule.From) > 0 {
			f.Hint = "they have to come from " + strings.Join(rule.From, ", ")
		}
	}
	return f
}

// approvals derives anew, each time, who agreed that this content enters this
// stage: from the signatures in the ledger, the review of this run's
// deployment, and the reviews of the pull request that brought the lock. That a
// job was started proves nothing: whoever administers a repository can start it,
// and one reviewer of six suffices (GitHub docs, "Reviewing deployments").
//
// What cannot be found out makes it INCONCLUSIVE, never PASS and never FAIL.
func (g *gate) approvals(ctx context.Context) ([]report.Finding, error) {
	rule := g.rule()
	guarded := g.stage.Environment != "" && (rule.Required > 0 || g.action == "promote")
	if rule.Required == 0 && !guarded {
		return []report.Finding{g.awaited()}, nil
	}
	b, err := g.ballot(rule)
	if err != nil {
		return nil, err
	}
	return b.decide(ctx, guarded)
}

// ballot is the counting of one decision. What it reads of the repository comes
// through functions, what it asks of the forge through the gate's occasion.
type ballot struct {
	*gate
	rule   manifest.Approvals
	people people
	files  files

	early    bool   // it is an approver who asks, not a gate
	lockPath string // see lock
	lockData []byte

	origin    *origin
	out       excluded
	voters    electorate
	consents  []consent
	copies    map[int64]int64 // see copies
	not       []discounted
	uncertain []string // why more might count
	hints     []string // against that
}

func (b *ballot) decide(ctx context.Context, guarded bool) ([]report.Finding, error) {
	b.out = b.exclude(ctx)
	b.voters = electorate{members: b.people.Members(b.rule.From), excluded: b.out.ids, maxAge: b.rule.MaxAge, now: b.now}
	if err := b.signed(); err != nil {
		return nil, err
	}
	counted, _ := b.voters.count(b.consents)
	// A stage that has an environment and asks for no approvals has its guard
	// for approval: without it, one signature.
	suffices := len(counted) >= max(b.rule.Required, 1) && len(b.out.unknown) == 0
	var findings []report.Finding
	if guarded {
		findings = append(findings, b.environment(ctx, suffices))
	}
	counted, _ = b.voters.count(b.consents)
	if len(counted) < b.rule.Required && b.on.Forge != nil && len(b.out.unknown) == 0 {
		b.reviews(ctx)
	}
	counted, refused := b.voters.count(b.consents)
	b.not = append(b.not, refused...)
	b.counted = recordedApprovals(counted)
	findings = append([]report.Finding{b.tell(counted)}, findings...)
	return append(findings, b.unverified()...), nil
}

// doubt notes that something could not be found out, which might count.
func (b *ballot) doubt(what string, err error) {
	f := b.unanswered(report.Finding{}, what, err)
	b.uncertain, b.hints = append(b.uncertain, f.Message), append(b.hints, f.Hint)
}

// Excluded says why an approval of a version by a person would not count in a
// stage, "" when it would, as far as that can be told without a forge: the gate,
// which can ask one, decides again. addresses are those of a person, in small
// letters, which need not stand in allowed_signers.
func Excluded(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name string, version ref.Version, stage string, person manifest.Person, addresses ...string) (string, error) {
	g, err := newGate(ctx, w, l, name, stage, "promote", Occasion{})
	if err != nil {
		return "", err
	}
	if g.a != nil {
		g.version = g.a.Version(version)
	}
	if g.version == nil {
		return "", workspace.Usage("%s has no version %s", name, version)
	}
	why, err := g.excluded(ctx, person, addresses)
	if err != nil || why == "" || g.stage.Rollback.Required == 0 {
		return why, err
	}
	// What was there before can be gone back to, for which others may be asked.
	in := g.a.Stages[stage]
	if in == nil || !slices.ContainsFunc(in.History, func(t ledger.Tenure) bool { return t.Version == version }) {
		return why, nil
	}
	g.action = "rollback"
	if refused, err := g.excluded(ctx, person, addresses); err != nil || refused == "" {
		return "", err
	}
	return why, nil
}

// excluded is Excluded for what the gate is asked for.
func (g *gate) excluded(ctx context.Context, person manifest.Person, addresses []string) (string, error) {
	rule := g.rule()
	// Who approves is not yet who starts the promotion.
	rule.Exclude = slices.DeleteFunc(slices.Clone(rule.Exclude), func(role string) bool { return role == roleDispatcher })
	b, err := g.ballot(rule)
	if err != nil {
		return "", err
	}
	b.early = true
	out := b.exclude(ctx)
	if why := (electorate{members: b.people.Members(rule.From), excluded: out.ids}).refuse(person.ID); why != "" {
		return why, nil
	}
	for _, address := range out.unverified {
		if slices.Contains(addresses, strings.ToLower(address)) {
			return fmt.Sprintf("they had a part in it as %s, the address of this machine's Git", report.Visible(address)), nil
		}
	}
	return "", nil
}

const maxTold = 5

func (b *ballot) tell(counted []consent) report.Finding {
	f := b.gate.finding("promotion.approvals")
	need := b.rule.Required
	f.Details = map[string]any{"counted": told(counted), "notCounted": told(b.not)}
	if need == 0 {
		f.Message = "it needs no approvals"
		return f
	}
	f.Expected, f.Observed = amount(need), fmt.Sprint(len(counted))
	doubts := slices.Concat(b.out.unknown, b.uncertain)
	switch {
	case len(b.out.unknown) > 0, len(counted) < need && len(doubts) > 0:
		f.Verdict = report.Inconclusive
		f.Message = fmt.Sprintf("%s needs %s; how many count could not be found out: %s", b.stage.Name, amount(need), strings.Join(clipped(doubts), "; "))
		f.Hint = strings.Join(clipped(slices.Compact(slices.Concat(b.out.hints, b.hints))), "; ")
		if len(b.out.unknown) > 0 {
			f.Observed = ""
		}
		return f
	case len(counted) < need:
		f.Verdict = report.Fail
		f.Message = fmt.Sprintf("%s needs %s and has %d", b.stage.Name, amount(need), len(counted))
		f.Hint = b.wayOut(counted)
	default:
		f.Message = fmt.Sprintf("%s of %s", amount(len(counted)), amount(need))
	}
	if len(counted) > 0 {
		f.Message += ": " + strings.Join(clipped(told(counted)), ", ")
	}
	if len(b.not) > 0 && f.Verdict != report.Pass {
		f.Message += "; " + strings.Join(clipped(told(b.not)), "; ")
	}
	return f
}

// wayOut says who could approve, and how.
func (b *ballot) wayOut(counted []consent) string {
	var could []string
	for id, p := range b.voters.members {
		has := slices.ContainsFunc(counted, func(c consent) bool { return c.person.ID == id })
		if !has && b.voters.refuse(id) == "" {
			could = append(could, report.Visible(p.Login))
		}
	}
	slices.Sort(could)
	missing := b.rule.Required - len(counted)
	if len(could) < missing {
		whom := "nobody else may"
		if len(could) > 0 {
			whom = "only " + strings.Join(clipped(could), ", ") + " may"
		}
		return fmt.Sprintf("%s more needed and %s approve: add people to the groups of %s in %s on the default branch, or have somebody else make the change",
			are(missing), whom, b.stage.Name, manifest.ProjectFile)
	}
	hint := fmt.Sprintf("%s more from %s: waybill approve %s@%s --to %s", amount(missing), strings.Join(clipped(could), ", "), b.a.Name, b.version.Version, b.stage.Name)
	if b.stage.Environment != "" && b.on.RunID != 0 && !slices.ContainsFunc(counted, func(c consent) bool { return c.via == viaEnvironment }) {
		hint += "; one of them can be the review of the deployment on the run's page"
	}
	return hint
}

// unverified names those who had a part in it and whom nobody knows: their
// approval would count if they had one of the keys or accounts of people.
func (b *ballot) unverified() []report.Finding {
	if len(b.out.unverified) == 0 {
		return nil
	}
	f := b.gate.finding("promotion.approvals")
	f.Subject += " unverified"
	f.Severity, f.Verdict = report.Warning, report.Inconclusive
	f.Message = "unverified: who had a part in this change as " + report.Visible(strings.Join(clipped(b.out.unverified), ", ")) + " is not known, so nobody is excluded for it"
	f.Hint = "write the address beside its owner's login in allowed_signers on the default branch"
	return []report.Finding{f}
}

func told[T fmt.Stringer](all []T) []string {
	out := make([]string, 0, len(all))
	for _, c := range all[:min(len(all), 2*maxRecorded)] {
		out = append(out, c.String())
	}
	return out
}

// clipped is the first few of all, and how many more there are.
func clipped(all []string) []string {
	if len(all) <= maxTold {
		return all
	}
	return append(slices.Clone(all[:maxTold]), fmt.Sprintf("%d more", len(all)-maxTold))
}

func amount(n int) string {
	if n == 1 {
		return "1 approval"
	}
	return fmt.Sprintf("%d approvals", n)
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}
