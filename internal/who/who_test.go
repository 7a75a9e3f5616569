package who

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

func digest(c string) ref.Digest { return ref.Digest("sha256:" + strings.Repeat(c, 64)) }

var (
	at      = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	version = ref.Version{Minor: 1}
	genesis = strings.Repeat("f", 64)
)

func key(seed byte) ssh.Signer {
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), 32))))
	if err != nil {
		panic(err)
	}
	return s
}

func statement() approval.Statement {
	return approval.Statement{APIVersion: approval.APIVersion, Kind: approval.Kind, Ledger: genesis, Artifact: "sentiment", Version: version, Stage: "production",
		ContentDigest: digest("a"), Digest: digest("b"), PolicyDigest: digest("c"), At: at, Reason: "read it"}
}

// event is the approve event of a statement that by signed.
func event(t *testing.T, s approval.Statement, by ledger.Actor, with ssh.Signer, seq int64) ledger.Decision {
	t.Helper()
	signed, err := approval.Sign(with, s)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Decision{Kind: ledger.KindApprove, Stage: "production", Version: version, ContentDigest: digest("a"), At: s.At, By: by, Signed: &signed, PolicyDigest: s.PolicyDigest, Event: seq}
}

// world knows ada (11), who has key 'a', and bob (12), who has key 'b'.
func world(t *testing.T) *inquiry {
	t.Helper()
	people := map[string][]manifest.Person{"leads": {{Login: "ada", ID: 11}, {Login: "bob", ID: 12}}, "sre": {{Login: "carol", ID: 13}}}
	signers, err := approval.ParseSigners("allowed_signers", []byte(approval.Line("ada", key('a').PublicKey())+"\n"+approval.Line("bob", key('b').PublicKey())+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	directory, err := approval.NewDirectory(people, signers)
	if err != nil {
		t.Fatal(err)
	}
	rule := manifest.Approvals{Required: 1, From: []string{"leads"}}
	return &inquiry{name: "sentiment", first: genesis, people: directory, a: &ledger.Artifact{Name: "sentiment"},
		policy: &manifest.Project{Digest: digest("c"), People: people, Stages: []manifest.Stage{{Name: "production", Approvals: rule}}}}
}

func tenure(approvals ...ledger.Approval) ledger.Tenure {
	return ledger.Tenure{Version: version, ContentDigest: digest("a"), Digest: digest("b"), Since: at, Event: 10, Kind: ledger.KindPromote, PolicyDigest: digest("c"), Approvals: approvals}
}

func by(id int64, login, via string) ledger.Approval {
	return ledger.Approval{ID: id, Login: login, At: at, Via: via}
}

// What an event claims about signatures is looked up and checked: whoever can
// push can append any event.
func TestSignatures(t *testing.T) {
	ada := ledger.Actor{ID: 11, Login: "ada"}
	other := func(change func(*approval.Statement)) approval.Statement {
		s := statement()
		change(&s)
		return s
	}
	for _, c := range []struct {
		name   string
		events []ledger.Decision
		want   string
		doubt  string // "": none
	}{
		{"as it should be", []ledger.Decision{event(t, statement(), ada, key('a'), 5)}, Holds, ""},
		{"nobody signed", nil, Missing, "has no signature of theirs"},
		{"an event without a signature", []ledger.Decision{{Kind: ledger.KindApprove, Stage: "production", ContentDigest: digest("a"), By: ada, At: at, Event: 5}}, Missing, "has no signature"},
		{"signed after the promotion", []ledger.Decision{event(t, statement(), ada, key('a'), 11)}, Missing, "has no signature"},
		{"signed at another time", []ledger.Decision{event(t, other(func(s *approval.Statement) { s.At = at.Add(time.Hour) }), ada, key('a'), 5)}, Missing, "has no signature"},
		{"bob's signature in ada's name", []ledger.Decision{event(t, statement(), ada, key('b'), 5)}, Missing, "has no signature"},
		{"a key of nobody", []ledger.Decision{event(t, statement(), ada, key('x'), 5)}, Fails, "unknown key"},
		{"for another stage", []ledger.Decision{event(t, other(func(s *approval.Statement) { s.Stage = "staging" }), ada, key('a'), 5)}, Fails, "what was signed is another"},
		{"for another policy", []ledger.Decision{event(t, other(func(s *approval.Statement) { s.PolicyDigest = digest("d") }), ada, key('a'), 5)}, Fails, "what was signed is another"},
		{"for another ledger", []ledger.Decision{event(t, other(func(s *approval.Statement) { s.Ledger = strings.Repeat("0", 64) }), ada, key('a'), 5)}, Fails, "what was signed is another"},
		{"a bad one after a good one", []ledger.Decision{event(t, statement(), ada, key('a'), 5), event(t, statement(), ada, key('x'), 6)}, Holds, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := world(t)
			q.a.Decisions = c.events
			got := q.approvals("production", tenure(by(11, "ada", viaSigned)))
			if len(got) != 1 || got[0].Signature != c.want {
				t.Fatalf("%+v, want %s", got, c.want)
			}
			doubts := strings.Join(q.unverified, "\n")
			if c.doubt == "" && doubts != "" || !strings.Contains(doubts, c.doubt) {
				t.Errorf("unverified: %q, want %q", doubts, c.doubt)
			}
			if c.want == Holds && (got[0].Event != 5 || got[0].Reason != "read it" || got[0].Key != ssh.FingerprintSHA256(key('a').PublicKey())) {
				t.Errorf("%+v", got[0])
			}
			if c.want == Fails && !strings.HasPrefix(got[0].Key, "SHA256:") {
				t.Errorf("no fingerprint: %+v", got[0])
			}
		})
	}
}

// Somebody appends thousands of approvals: the work is bounded.
func TestTooManySignatures(t *testing.T) {
	q := world(t)
	e := event(t, statement(), ledger.Actor{ID: 11}, key('x'), 5)
	for range maxVerified + 10 {
		q.a.Decisions = append(q.a.Decisions, e)
	}
	if got := q.approvals("production", tenure(by(11, "ada", viaSigned))); got[0].Signature != Unchecked || q.verified > maxVerified+1 {
		t.Errorf("%+v after %d", got, q.verified)
	}
}

// A promotion that no gate could have written is told from one that it could.
func TestEnough(t *testing.T) {
	for _, c := range []struct {
		name   string
		tenure ledger.Tenure
		change func(*inquiry)
		doubt  string
	}{
		{"enough", tenure(by(11, "ada", "review")), nil, ""},
		{"none", tenure(), nil, "the policy asks for 1 approval, and event 10 records those of 0: no gate of waybill wrote it"},
		{"of nobody who may", tenure(by(13, "carol", "review")), nil, "carol (id 13) is not among the people"},
		{"the same one twice", tenure(by(11, "ada", "review"), by(11, "ada", "environment")), func(q *inquiry) { q.policy.Stages[0].Approvals.Required = 2 }, "those of 1"},
		{"no such stage", tenure(by(11, "ada", "review")), func(q *inquiry) { q.policy.Stages = nil }, "has no stage production"},
		{"another policy", tenure(), func(q *inquiry) { q.policy.Digest = digest("e") }, "event 10 names another waybill.yaml than that of now"},
		{"policy unread", tenure(), func(q *inquiry) { q.policy, q.people, q.policyWhy = nil, nil, "no remote" }, "no remote"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := world(t)
			if c.change != nil {
				c.change(q)
			}
			q.enough("production", c.tenure)
			doubts := strings.Join(q.unverified, "\n")
			if c.doubt == "" && doubts != "" || !strings.Contains(doubts, c.doubt) {
				t.Errorf("unverified: %q, want %q", doubts, c.doubt)
			}
		})
	}
}

func TestRecordedApprovals(t *testing.T) {
	q := world(t)
	got := q.approvals("production", tenure(by(11, "ada", "review"), by(12, "bob", "environment")))
	if len(got) != 2 || got[0].Signature != Unsigned || fmt.Sprint(q.unverified) != "[2 approvals were recorded by the run that promoted, not signed]" {
		t.Errorf("%+v, %v", got, q.unverified)
	}
}

// The newest deploy event counts, whichever tenure it belongs to.
func TestLastDeployed(t *testing.T) {
	all := []ledger.Tenure{
		{Version: ref.Version{Minor: 1}, Deployed: &ledger.Deployment{Event: 9}},
		{Version: ref.Version{Minor: 2}, Deployed: &ledger.Deployment{Event: 4}},
		{Version: ref.Version{Minor: 3}},
	}
	if d := lastDeployed(all); d == nil || d.Version != all[0].Version || d.IsAssigned {
		t.Errorf("%+v", d)
	}
	all[2].Deployed = &ledger.Deployment{Event: 12}
	if d := lastDeployed(all); !d.IsAssigned {
		t.Errorf("%+v", d)
	}
	// Gone back to before the file named anything else.
	back := []ledger.Tenure{{Version: version, Deployed: &ledger.Deployment{Event: 3}}, {Version: ref.Version{Minor: 2}}, {Version: version}}
	if d := lastDeployed(back); d == nil || !d.IsAssigned {
		t.Errorf("%+v", d)
	}
	if lastDeployed(nil) != nil {
		t.Error("nothing is deployed")
	}
}

// Embedded structs must not swallow each other's keys.
func TestJSON(t *testing.T) {
	data, err := json.Marshal(Stage{Deployed: &Deployed{Version: version, Deployment: ledger.Deployment{Commit: "c0"}}, Approvals: []Approval{{Approval: by(11, "ada", viaSigned), Signature: Holds}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"commit":"c0"`, `"isAssigned":false`, `"login":"ada"`, `"signature":"holds"`, `"registered":null`, `"trainedOn":`, `"unverified":`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s lacks %s", data, want)
		}
	}
}
