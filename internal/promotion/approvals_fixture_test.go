package promotion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// poll is a ballot with what it asks: a forge, a ledger and a repository that
// answer what a test says. As it begins, mallory's pull request #7 brought the
// lock and was merged by carol, nobody has approved anything, and dave starts
// the run that promotes.
type poll struct {
	t        testing.TB
	gate     *gate
	people   people
	events   []ledger.Event
	data     string // of the lock
	change   gitrepo.Change
	actor    ledger.Actor
	env      forge.Environment
	runs     map[int64]forge.Run
	approved []forge.Approval
	pulls    []forge.PullRequest
	commits  []forge.Commit // of the pull request, after the one on the default branch
	reviews  []forge.Review
	atHead   string           // the lock there
	fail     map[string]error // by what is asked
	asked    []string
}

const (
	squashed = "1111111111111111111111111111111111111111"
	head     = "2222222222222222222222222222222222222222"
	older    = "3333333333333333333333333333333333333333"
)

var (
	alice   = manifest.Person{Login: "alice", ID: 1}
	bob     = manifest.Person{Login: "bob", ID: 2}
	carol   = manifest.Person{Login: "carol", ID: 3}
	dave    = manifest.Person{Login: "dave", ID: 4}
	mallory = manifest.Person{Login: "mallory", ID: 5}
	eve     = manifest.Person{Login: "eve", ID: 6} // not a lead
)

func newPoll(t testing.TB, required int) *poll {
	people := map[string][]manifest.Person{"leads": {alice, bob, carol, dave, mallory}, "others": {eve}}
	directory, err := approval.NewDirectory(people, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := &poll{t: t, people: signatures{directory}, fail: map[string]error{}, runs: map[int64]forge.Run{}}
	data, content := lockOf(t, "content")
	x.data, x.atHead = data, data
	v := ledger.Version{Version: ref.Version{Major: 1}, ContentDigest: content, Digest: ref.Of([]byte("encoding")), Commit: squashed,
		By: ledger.Actor{ID: carol.ID, Login: carol.Login}, Event: 1, Run: "https://github.com/acme/reviews/actions/runs/40/attempts/1"}
	rule := manifest.Approvals{Required: required, From: []string{"leads"}, Exclude: []string{roleAuthor, roleCommitter, roleDispatcher}, MaxAge: 72 * time.Hour}
	x.gate = &gate{
		policy: &manifest.Project{People: people, Digest: ref.Of([]byte("policy"))}, stage: manifest.Stage{Name: "production", Approvals: rule, Rollback: rule},
		a: &ledger.Artifact{Name: "sentiment", Versions: []ledger.Version{v}}, version: &v, now: noon, action: "promote",
		on: Occasion{Forge: x, Repository: "acme/reviews", RunID: 50, Attempt: 1},
	}
	x.record(ledger.Event{Kind: ledger.KindRegister, Version: v.Version})
	x.runs[50] = forge.Run{ID: 50, Attempt: 1, Event: "workflow_dispatch", Actor: accountOf(dave), TriggeringActor: accountOf(dave), Created: noon.Add(-time.Hour)}
	x.runs[40] = forge.Run{ID: 40, Attempt: 1, Event: "push", HeadSHA: squashed, Actor: accountOf(carol), TriggeringActor: accountOf(carol)}
	x.pulls = []forge.PullRequest{{Number: 7, Merged: true, Author: accountOf(mallory), MergeCommit: squashed, Head: forge.Branch{SHA: head}}}
	x.commits = []forge.Commit{{SHA: squashed, Author: accountOf(mallory), Committer: forge.Account{Login: "web-flow", ID: webFlow}},
		{SHA: head, Author: accountOf(mallory), Committer: accountOf(mallory)}}
	x.env = forge.Environment{Name: "Production", Reviewers: []forge.Reviewer{{Kind: "User", ID: 1}}, PreventSelfReview: true, ProtectedBranches: true}
	return x
}

// lockOf is the lock of a model that is one file, with its content digest.
func lockOf(t testing.TB, content string) (string, ref.Digest) {
	files := []manifest.File{{Path: "w.bin", Size: int64(len(content)), Digest: ref.Of([]byte(content))}}
	digest, err := manifest.ContentDigest(files)
	if err != nil {
		t.Fatal(err)
	}
	lock := manifest.Lock{APIVersion: manifest.APIVersion, Kind: manifest.KindModel, Name: "sentiment", ContentDigest: digest, Files: files,
		Encoding: manifest.Encoding{Repository: "ghcr.io/acme/sentiment", Digest: ref.Of([]byte("encoding")), Size: 1}, Total: manifest.Total{Files: 1, Bytes: int64(len(content))}}
	data, err := lock.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.ParseLock("model.lock.json", data); err != nil {
		t.Fatal(err)
	}
	return string(data), digest
}

func accountOf(p manifest.Person) forge.Account { return forge.Account{Login: p.Login, ID: p.ID} }

// record appends an event, without its line.
func (x *poll) record(e ledger.Event) int64 {
	e.APIVersion, e.Seq, e.Artifact = ledger.APIVersion, int64(len(x.events)+1), "sentiment"
	e.Previous, e.Time, e.Actor = strings.Repeat("0", 64), noon.Add(-48*time.Hour), ledger.Actor{Login: "x"}
	if e.Kind == ledger.KindRegister {
		v := x.gate.version
		e.ArtifactKind, e.ContentDigest, e.Digest, e.Commit = "Model", v.ContentDigest, v.Digest, v.Commit
	}
	x.events = append(x.events, e)
	return e.Seq
}

// sign lets a person approve, an hour ago; change makes the approval another.
func (x *poll) sign(p manifest.Person, change func(*ledger.Decision, *approval.Statement)) {
	x.t.Helper()
	first, err := x.events[0].Hash()
	if err != nil {
		x.t.Fatal(err)
	}
	s := (&ballot{gate: x.gate}).statement(first)
	s.At = noon.Add(-time.Hour)
	d := ledger.Decision{Kind: ledger.KindApprove, Stage: s.Stage, Version: s.Version, ContentDigest: s.ContentDigest, PolicyDigest: s.PolicyDigest,
		At: s.At, By: ledger.Actor{Login: p.Login + "@example.com"}}
	if change != nil {
		change(&d, &s)
	}
	if d.Event == 0 {
		d.Event = x.record(ledger.Event{Kind: ledger.KindApprove})
	}
	if d.Signed == nil {
		text, err := canonical.Marshal(s)
		if err != nil {
			x.t.Fatal(err)
		}
		d.Signed = &ledger.Signed{Statement: string(text), Signature: "by " + p.Login}
	}
	x.gate.a.Decisions = append(x.gate.a.Decisions, d)
}

// review lets a person review the pull request's head, two hours ago.
func (x *poll) review(p manifest.Person, state string, change func(*forge.Review)) {
	r := forge.Review{ID: int64(len(x.reviews) + 1), User: accountOf(p), State: state, Commit: head, Submitted: noon.Add(-2 * time.Hour).Add(time.Duration(len(x.reviews)) * time.Second)}
	if change != nil {
		change(&r)
	}
	x.reviews = append(x.reviews, r)
}

// deploy lets a person approve the deployment that the run waits for.
func (x *poll) deploy(p manifest.Person) {
	x.gate.stage.Environment = "production"
	x.approved = append(x.approved, forge.Approval{State: "approved", User: accountOf(p), Environments: []string{"Production"}})
}

func (x *poll) vote() []report.Finding {
	x.t.Helper()
	x.gate.runs, x.gate.counted, x.asked = nil, nil, nil
	rule := x.gate.rule()
	b := &ballot{gate: x.gate, rule: rule, people: x.people, files: x}
	found, err := b.decide(context.Background(), x.gate.stage.Environment != "" && (rule.Required > 0 || x.gate.action == "promote"))
	if err != nil {
		x.t.Fatal(err)
	}
	return found
}

// says holds the condition of approvals to a verdict, and to what its message
// has.
func (x *poll) says(want report.Verdict, has ...string) report.Finding {
	x.t.Helper()
	found := x.vote()
	f := found[0]
	text := fmt.Sprint(f.Message, f.Details, f.Hint)
	for _, part := range has {
		if !strings.Contains(text, part) {
			x.t.Errorf("%q is not in: %s", part, text)
		}
	}
	if f.Check != "promotion.approvals" || f.Verdict != want {
		x.t.Errorf("%s says %s, want %s: %s", f.Check, f.Verdict, want, text)
	}
	if (want == report.Pass) != (len(x.gate.counted) >= x.gate.rule().Required) && want != report.Inconclusive {
		x.t.Errorf("%s, and the event would record %v", want, x.gate.counted)
	}
	return f
}

// guard holds the condition of the environment to a verdict and severity.
func (x *poll) guard(want report.Verdict, severity report.Severity, has ...string) {
	x.t.Helper()
	for _, f := range x.vote() {
		if f.Check != "promotion.environment" {
			continue
		}
		if f.Verdict != want || f.Severity != severity {
			x.t.Errorf("the environment is %s (%s), want %s (%s): %s", f.Verdict, f.Severity, want, severity, f.Message)
		}
		for _, part := range has {
			if text := f.Message + f.Hint; !strings.Contains(text, part) {
				x.t.Errorf("%q is not in: %s", part, text)
			}
		}
		return
	}
	x.t.Error("nothing is said of the environment")
}

// signatures believes a signature that says by whom it is.
type signatures struct{ *approval.Directory }

func (d signatures) Verify(s ledger.Signed, _ time.Time) (approval.Verified, error) {
	var v approval.Verified
	login, ok := strings.CutPrefix(s.Signature, "by ")
	if v.Person, _ = d.Person(login); !ok || v.Person.ID == 0 {
		return v, errors.New("the signature does not hold")
	}
	return v, json.Unmarshal([]byte(s.Statement), &v.Statement)
}

func (x *poll) ask(what string) error {
	x.asked = append(x.asked, what)
	return x.fail[what]
}

func (x *poll) Repository(context.Context) (forge.Repository, error) {
	return forge.Repository{}, x.ask("repository")
}

func (x *poll) Run(_ context.Context, id int64) (forge.Run, error) {
	if err := x.ask(fmt.Sprint("run ", id)); err != nil {
		return forge.Run{}, err
	}
	r, ok := x.runs[id]
	if !ok {
		return r, &forge.NotFound{What: "run"}
	}
	return r, nil
}

func (x *poll) Approvals(context.Context, int64) ([]forge.Approval, error) {
	return x.approved, x.ask("approvals")
}

func (x *poll) Environment(context.Context, string) (forge.Environment, error) {
	return x.env, x.ask("environment")
}

func (x *poll) BranchProtected(context.Context, string) (bool, error) {
	return true, x.ask("protected")
}

func (x *poll) Commits(_ context.Context, _, _ string, n int) ([]forge.Commit, error) {
	return x.commits[:min(1, n)], x.ask("commits")
}

func (x *poll) PullRequestsOfCommit(context.Context, string) ([]forge.PullRequest, error) {
	return x.pulls, x.ask("pulls")
}

func (x *poll) PullRequestCommits(context.Context, int) ([]forge.Commit, error) {
	return x.commits[1:], x.ask("pull commits")
}

func (x *poll) Reviews(context.Context, int) ([]forge.Review, error) {
	return x.reviews, x.ask("reviews")
}

func (x *poll) Contents(_ context.Context, path, _ string, _ int64) ([]byte, error) {
	if x.atHead == "" {
		return nil, &forge.NotFound{What: path}
	}
	return []byte(x.atHead), x.ask("contents")
}

func (x *poll) Lock(context.Context) (string, []byte, error) {
	return "m/model.lock.json", []byte(x.data), x.fail["lock"]
}

func (x *poll) LastChange(context.Context, string) (gitrepo.Change, error) {
	return x.change, x.fail["change"]
}

func (x *poll) Actor() (ledger.Actor, error) { return x.actor, x.fail["actor"] }

func (x *poll) Events() ([]ledger.Event, error) { return x.events, nil }
