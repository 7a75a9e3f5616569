package promotion

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// ApproveOptions say how an approval is signed: with Key, or elsewhere, over a
// statement that Statement returned.
type ApproveOptions struct {
	Reason string
	Key    approval.Key
	Signed *ledger.Signed // then neither Key nor Reason is used
}

// Statement is what somebody has to sign now for the version that r means to
// enter a stage.
func Statement(ctx context.Context, w *workspace.Workspace, r ref.Reference, stage, reason string) (approval.Statement, error) {
	l, err := w.Ledger(ctx)
	if err != nil {
		return approval.Statement{}, err
	}
	q, err := newRequest(ctx, w, l, r, stage, reason)
	if err != nil {
		return approval.Statement{}, fmt.Errorf("approve %s for %s: %w", r, stage, err)
	}
	return q.statement, nil
}

// Approve writes into the ledger that a person of people agrees to a version
// entering a stage, as their signature proves. What would not count is refused:
// a key that the default branch gives to nobody, somebody outside the groups of
// the stage, an author where the policy excludes them. An approval of theirs
// that still counts is not repeated.
func Approve(ctx context.Context, w *workspace.Workspace, r ref.Reference, stage string, opts ApproveOptions) (*Outcome, error) {
	out := &Outcome{}
	var signed *ledger.Signed // kept from round to round, or a lost race would ask for the passphrase again
	done, err := w.Append(ctx, func(ctx context.Context, l *workspace.Ledger) (workspace.Decision, error) {
		*out = Outcome{Artifact: r.Name, Stage: stage, Tags: []string{}}
		q, err := newRequest(ctx, w, l, r, stage, opts.Reason)
		if err != nil {
			return workspace.Decision{}, err
		}
		v := q.g.version
		out.take(workspace.Resolved{Version: v.Version, ContentDigest: v.ContentDigest, Digest: v.Digest})
		if opts.Signed != nil {
			signed = opts.Signed
		}
		person, refusal, err := q.who(ctx, opts)
		if err != nil {
			return workspace.Decision{}, err
		}
		if refusal != nil {
			out.refuse(q.g, *refusal)
			return workspace.Decision{}, nil
		}
		if at, err := q.given(person); err != nil || at != "" {
			out.Message = fmt.Sprintf("nothing to do: %s approved %s@%s for %s already, by %s", person.Login, r.Name, v.Version, stage, at)
			return workspace.Decision{}, err
		}
		if signed == nil || opts.Signed == nil && !q.same(*signed) {
			fresh, err := opts.Key.Approve(q.statement)
			if err != nil {
				return workspace.Decision{}, err
			}
			signed = &fresh
		}
		return q.event(person, *signed)
	})
	if err != nil {
		return nil, fmt.Errorf("approve %s for %s: %w", r, stage, err)
	}
	if len(done.Events) > 0 {
		e := done.Events[0]
		out.wrote(done)
		out.Message = fmt.Sprintf("%s approved %s@%s for %s: event %d", e.Actor.Login, e.Artifact, e.Version, e.Stage, e.Seq)
	}
	return out, nil
}

// refuse ends it with what has to be different.
func (o *Outcome) refuse(g *gate, f report.Finding) {
	o.Report = report.New([]report.Finding{f})
	o.Report.Title = fmt.Sprintf("approve %s@%s for %s", g.a.Name, g.version.Version, g.stage.Name)
	o.Message = "not approved: " + f.Message
}

// request is one approval that is asked for.
type request struct {
	w         *workspace.Workspace
	g         *gate
	rule      manifest.Approvals
	people    *approval.Directory
	first     string // hash of the ledger's first event
	statement approval.Statement
}

func newRequest(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, r ref.Reference, stage, reason string) (*request, error) {
	what, err := w.Resolve(ctx, l, r)
	if err != nil {
		return nil, err
	}
	if what.Version.IsZero() {
		return nil, workspace.Usage("%s is not registered; run \"waybill register %s\"", r, r.Name)
	}
	g, err := newGate(ctx, w, l, r.Name, stage, "promote", Occasion{})
	if err != nil {
		return nil, err
	}
	g.version = g.a.Version(what.Version)
	q := &request{w: w, g: g, rule: g.stage.Approvals}
	if q.rule.Required == 0 {
		q.rule = g.stage.Rollback
	}
	if q.rule.Required == 0 && g.stage.Environment == "" {
		return nil, workspace.Usage("%s asks for no approvals; promote it: waybill promote %s@%s --to %s", stage, r.Name, what.Version, stage)
	}
	if q.people, err = directory(w, g.policy, g.commit); err != nil {
		return nil, workspace.Usage("the default branch's people and keys: %w; correct it there first", err)
	}
	log, err := l.Log()
	if err != nil {
		return nil, err
	}
	if q.first, err = log.Events()[0].Hash(); err != nil {
		return nil, err
	}
	q.statement = (&ballot{gate: g}).statement(q.first)
	q.statement.At, q.statement.Reason = g.now, reason
	return q, nil
}

// who finds whose approval it is, and why it would not count.
func (q *request) who(ctx context.Context, opts ApproveOptions) (manifest.Person, *report.Finding, error) {
	key, at := opts.Key.Public, q.statement.At
	var err error
	if opts.Signed != nil {
		if key, err = approval.SigningKey(*opts.Signed); err != nil {
			return manifest.Person{}, nil, workspace.Usage("%w", err)
		}
		s, err := approval.ParseStatement([]byte(opts.Signed.Statement))
		if err != nil {
			return manifest.Person{}, nil, workspace.Usage("%w", err)
		}
		if f := q.outdated(s); f != nil {
			return manifest.Person{}, f, nil
		}
		at = s.At
	}
	f := q.g.finding("promotion.approver")
	f.Verdict = report.Fail
	if err := approval.CheckKey(key); err != nil {
		return manifest.Person{}, nil, workspace.Usage("key: %w", err)
	}
	person, err := q.people.Owner(key, at)
	if err != nil {
		f.Message = report.Visible(err.Error())
		f.Hint = "sign with another key (--key FILE), or have the line of this one corrected on the default branch"
		if errors.Is(err, approval.ErrUnknownKey) {
			f.Hint = fmt.Sprintf("have the line of this key, with your login, merged into %s on the default branch, and yourself into people of %s",
				approval.SignersFile, manifest.ProjectFile)
			f.Details = map[string]any{"line": approval.Line("LOGIN", key)}
		}
		return person, &f, nil
	}
	why, err := Excluded(ctx, q.w, q.g.l, q.g.a.Name, q.g.version.Version, q.g.stage.Name, person, q.own(opts)...)
	if err != nil {
		return person, nil, err
	}
	if why != "" {
		f.Message = fmt.Sprintf("an approval of %s for %s would not count: %s", report.Visible(person.Login), q.g.stage.Name, why)
		f.Hint = "somebody else has to approve it"
		if len(q.rule.From) > 0 {
			f.Hint += ", out of " + strings.Join(q.rule.From, ", ")
		}
		return person, &f, nil
	}
	return person, nil, nil
}

// own is the address that Git has on the machine where the approval is signed:
// who approves their own change under an address that nobody wrote down does so
// unawares. A statement that was signed elsewhere is somebody else's.
func (q *request) own(opts ApproveOptions) []string {
	if opts.Signed != nil {
		return nil
	}
	actor, err := q.w.Actor()
	if err != nil || actor.ID > 0 { // in a run of a workflow it is whose run it is
		return nil
	}
	return []string{strings.ToLower(actor.Login)}
}

// outdated tells why a statement that was signed elsewhere is not worth writing
// down.
func (q *request) outdated(s approval.Statement) *report.Finding {
	f := q.g.finding("promotion.approver")
	f.Verdict = report.Fail
	f.Hint = fmt.Sprintf("write it anew and sign that: waybill approve %s@%s --to %s --statement FILE", q.g.a.Name, q.g.version.Version, q.g.stage.Name)
	now := q.statement
	for _, part := range []struct{ what, signed, wanted string }{
		{"ledger", s.Ledger, now.Ledger}, {"artifact", s.Artifact, now.Artifact}, {"version", s.Version.String(), now.Version.String()},
		{"stage", s.Stage, now.Stage}, {"content", string(s.ContentDigest), string(now.ContentDigest)},
		{"encoding", string(s.Digest), string(now.Digest)}, {"policy", string(s.PolicyDigest), string(now.PolicyDigest)},
	} {
		if part.signed != part.wanted {
			f.Message = "what was signed names another " + part.what
			f.Expected, f.Observed = part.wanted, part.signed
			return &f
		}
	}
	why := electorate{members: map[int64]manifest.Person{1: {ID: 1}}, maxAge: q.rule.MaxAge, now: q.g.now}.refuseConsent(consent{person: manifest.Person{ID: 1}, at: s.At})
	if why == "" {
		return nil
	}
	f.Message = "what was signed does not count now: " + why
	return &f
}

// given finds an approval of the person that counts now, "" if there is none.
func (q *request) given(person manifest.Person) (event string, err error) {
	b := &ballot{gate: q.g, people: q.people, copies: copies(q.g.a.Decisions)}
	voters := electorate{members: map[int64]manifest.Person{person.ID: person}, maxAge: q.rule.MaxAge, now: q.g.now}
	log, err := q.g.l.Log()
	if err != nil {
		return "", err
	}
	spent := spentBy(q.g.a, log.Events(), q.g.stage.Name, q.g.version)
	for _, d := range q.g.a.Decisions {
		if d.Kind != ledger.KindApprove || d.Stage != q.g.stage.Name || d.By.ID != person.ID {
			continue
		}
		if c, why := b.signature(d, q.first, spent); why == "" && c.person.ID == person.ID && voters.refuseConsent(c) == "" {
			return c.where, nil
		}
	}
	return "", nil
}

// same tells whether something signed in a round before is what is asked now.
func (q *request) same(signed ledger.Signed) bool {
	s, err := approval.ParseStatement([]byte(signed.Statement))
	return err == nil && s.Same(q.statement)
}

// event is what is written, after it was checked as every reader will check it.
func (q *request) event(person manifest.Person, signed ledger.Signed) (workspace.Decision, error) {
	verified, err := q.people.Verify(signed, q.g.now)
	if err != nil {
		return workspace.Decision{}, workspace.Usage("the signature does not hold: %w", err)
	}
	if verified.Person.ID != person.ID || !verified.Statement.Same(q.statement) {
		return workspace.Decision{}, workspace.Usage("the signature is %s's, over another statement than was asked for", report.Visible(verified.Person.Login))
	}
	v := q.g.version
	return workspace.Decision{Message: fmt.Sprintf("approve %s@%s for %s", q.g.a.Name, v.Version, q.g.stage.Name), Events: []ledger.Event{{
		Kind: ledger.KindApprove, Artifact: q.g.a.Name, Version: v.Version, Stage: q.g.stage.Name, ContentDigest: v.ContentDigest, Digest: v.Digest,
		Commit: v.Commit, Actor: ledger.Actor{ID: person.ID, Login: person.Login}, Signed: &signed, PolicyDigest: q.g.policy.Digest,
		Run: q.w.Run(), Reason: verified.Statement.Reason,
	}}}, nil
}
