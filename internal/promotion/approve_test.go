package promotion

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
)

const approvedStages = "  staging: {}\n  production: {approvals: {required: 2, from: [leads], maxAge: 24h}}\n" +
	"people:\n  leads: [{login: bob, id: 52}, {login: cy, id: 53}]\n"

// approvals is a world whose bob and cy may approve, with one version.
func approvals(t *testing.T) (x *world, bob, cy approval.Key) {
	x = newWorld(t, approvedStages)
	bob, cy = approval.KeyOf(keyOf(t, "bob")), approval.KeyOf(keyOf(t, "cy"))
	x.write(approval.SignersFile, approval.Line("bob", bob.Public)+"\n"+approval.Line("cy", cy.Public)+"\n")
	x.push("keys")
	x.open()
	x.release("v0.1.0", "one")
	return x, bob, cy
}

func (x *world) give(reference, stage string, opts ApproveOptions) *Outcome {
	x.t.Helper()
	r, err := ref.Parse(reference)
	x.must(err)
	o, err := Approve(context.Background(), x.w, r, stage, opts)
	x.must(err)
	return o
}

func TestApprove(t *testing.T) {
	x, bob, _ := approvals(t)
	o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: bob, Reason: "read it"})
	if !o.Done || o.Report != nil {
		t.Fatalf("%+v", o)
	}
	d := x.ledger().State.Artifacts["sentiment"].Decisions[0]
	if d.By != (ledger.Actor{ID: 52, Login: "bob"}) || d.Signed == nil || d.PolicyDigest == "" || d.Reason != "read it" || len(d.Approvals) != 0 {
		t.Errorf("%+v", d)
	}
	if again := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: bob}); again.Done || !strings.Contains(again.Message, "nothing to do: bob approved") {
		t.Errorf("%+v", again)
	}
	// One that is too old, or for another policy, is given anew.
	x.later(25 * time.Hour)
	if o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: bob}); !o.Done {
		t.Errorf("after maxAge: %+v", o)
	}
	x.write("waybill.yaml", strings.Replace(read(t, x, "waybill.yaml"), "24h", "48h", 1))
	x.push("policy")
	x.open()
	if o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: bob}); !o.Done {
		t.Errorf("after a change of policy: %+v", o)
	}
}

// What somebody else does meanwhile makes the decision anew, not the
// signature: a person would be asked for their passphrase again. A change of
// the policy does, because they would have agreed to another one.
func TestApproveLosesTheRace(t *testing.T) {
	for _, c := range []struct {
		name  string
		other func(x, y *world)
		signs int
	}{
		{"another approval", func(_, y *world) {
			y.give("sentiment@v0.1.0", "production", ApproveOptions{Key: approval.KeyOf(keyOf(y.t, "cy"))})
		}, 1},
		{"a change of policy", func(x, y *world) {
			y.write("waybill.yaml", strings.Replace(read(y.t, y, "waybill.yaml"), "24h", "48h", 1))
			y.push("policy")
			y.open()
			y.append(y.event(ledger.KindHold, "v0.1.0", ""), y.event(ledger.KindReleaseHold, "v0.1.0", ""))
		}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, bob, _ := approvals(t)
			y := x.clone("cy", "cy@example.com")
			signs := 0
			slow := bob
			slow.Sign = func(statement []byte) ([]byte, error) {
				if signs++; signs == 1 {
					c.other(x, y)
				}
				return bob.Sign(statement)
			}
			if o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: slow}); !o.Done || signs != c.signs {
				t.Errorf("signed %d times, want %d: %+v", signs, c.signs, o)
			}
			if o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: bob}); o.Done {
				t.Errorf("what was written does not count: %+v", o)
			}
		})
	}
}

// T13: a signature for one thing cannot be brought for another.
func TestApproveReplay(t *testing.T) {
	x, bob, _ := approvals(t)
	x.release("v0.2.0", "two")
	r, err := ref.Parse("sentiment@v0.1.0")
	x.must(err)
	good, err := Statement(context.Background(), x.w, r, "production", "")
	x.must(err)
	for _, c := range []struct {
		name   string
		change func(*approval.Statement)
		says   string
	}{
		{"the same", func(*approval.Statement) {}, ""},
		{"another ledger", func(s *approval.Statement) { s.Ledger = strings.Repeat("0", 64) }, "names another ledger"},
		{"another stage", func(s *approval.Statement) { s.Stage = "staging" }, "names another stage"},
		{"another version", func(s *approval.Statement) { s.Version = ref.MustVersion("v0.2.0") }, "names another version"},
		{"another content", func(s *approval.Statement) { s.ContentDigest = ref.Of(nil) }, "names another content"},
		{"another encoding", func(s *approval.Statement) { s.Digest = ref.Of(nil) }, "names another encoding"},
		{"another policy", func(s *approval.Statement) { s.PolicyDigest = ref.Of(nil) }, "names another policy"},
		{"too old", func(s *approval.Statement) { s.At = s.At.Add(-25 * time.Hour) }, "it was given more than 24h"},
		{"yet to come", func(s *approval.Statement) { s.At = s.At.Add(time.Hour) }, "yet to come"},
	} {
		s := good
		c.change(&s)
		signed, err := bob.Approve(s)
		x.must(err)
		o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Signed: &signed})
		switch {
		case c.says == "" && !o.Done:
			t.Errorf("%s: %+v", c.name, o)
		case c.says != "" && (o.Done || !strings.Contains(o.Message, c.says) || !o.refused()):
			t.Errorf("%s: %q does not say %q", c.name, o.Message, c.says)
		}
	}
}

func TestApproveRefuses(t *testing.T) {
	x, bob, _ := approvals(t)
	r, err := ref.Parse("sentiment@v0.1.0")
	x.must(err)
	ctx := context.Background()
	if o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: approval.KeyOf(keyOf(t, "mallory"))}); o.Done || !strings.Contains(o.Message, "unknown key") {
		t.Errorf("%+v", o)
	}
	if _, err := Approve(ctx, x.w, r, "staging", ApproveOptions{Key: bob}); err == nil || !strings.Contains(err.Error(), "asks for no approvals") {
		t.Error(err)
	}
	// A key that signs something else than it was given is caught before it is written.
	other := bob
	other.Sign = func([]byte) ([]byte, error) { return bob.Sign([]byte("something else")) }
	if _, err := Approve(ctx, x.w, r, "production", ApproveOptions{Key: other}); err == nil || !strings.Contains(err.Error(), "the signature does not hold") {
		t.Error(err)
	}
	// allowed_signers that cannot be read lets nobody in, and says where.
	x.write(approval.SignersFile, "* "+approval.Line("bob", bob.Public)+"\n")
	x.push("damaged")
	if _, err := Approve(ctx, x.w, r, "production", ApproveOptions{Key: bob}); err == nil || !strings.Contains(err.Error(), "allowed_signers:1: ") {
		t.Error(err)
	}
	if n := len(x.ledger().State.Artifacts["sentiment"].Decisions); n != 0 {
		t.Errorf("%d approvals were written", n)
	}
}

func read(t testing.TB, x *world, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(x.dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// T1: whose address nobody wrote down approves no change of their own on the
// machine where they made it.
func TestT1OwnAddress(t *testing.T) {
	x := newWorld(t, strings.Replace(approvedStages, "from: [leads]", "from: [leads], exclude: [author]", 1))
	bob, cy := approval.KeyOf(keyOf(t, "bob")), approval.KeyOf(keyOf(t, "cy"))
	x.write(approval.SignersFile, approval.Line("bob", bob.Public)+"\n"+approval.Line("cy", cy.Public)+"\n")
	x.push("keys")
	x.identify("Bob", "Bob@home.example")
	x.open()
	x.release("v0.1.0", "one")
	o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: bob})
	if o.Done || !o.refused() || !strings.Contains(o.Message, "they had a part in it as Bob@home.example") {
		t.Errorf("%+v", o)
	}
	y := x.clone("Cy", "cy@home.example")
	if o := y.give("sentiment@v0.1.0", "production", ApproveOptions{Key: cy}); !o.Done {
		t.Errorf("%+v", o)
	}
}

// Who merged the pull request started the run that registered it. That alone is
// no part in the change, and a gate can ask the forge which it was; an approver
// cannot.
func TestApproveAsWhoMerged(t *testing.T) {
	x := newWorld(t, strings.Replace(approvedStages, "from: [leads]", "from: [leads], exclude: [author, committer]", 1))
	bob := approval.KeyOf(keyOf(t, "bob"))
	x.write(approval.SignersFile, approval.Line("bob", bob.Public)+"\n")
	x.push("keys")
	x.open()
	for _, registered := range []struct{ version, run, refused string }{
		{"v0.1.0", "", "they registered it"},
		{"v0.2.0", "https://github.com/acme/reviews/actions/runs/40/attempts/1", ""},
	} {
		e := x.lock(registered.version, registered.version)
		e.Actor, e.Run = ledger.Actor{ID: 52, Login: "bob"}, registered.run
		x.append(e)
		y := x.clone("Bob-"+registered.version, "bob@home.example")
		o := y.give("sentiment@"+registered.version, "production", ApproveOptions{Key: bob})
		if o.Done != (registered.refused == "") || !strings.Contains(o.Message, registered.refused) {
			t.Errorf("%s: %+v", registered.version, o)
		}
	}
}

// Who may agree to a rollback alone can sign for what was there before, and for
// nothing else.
func TestApproveRollback(t *testing.T) {
	x, bob, cy := approvals(t)
	x.write("waybill.yaml", strings.NewReplacer("maxAge: 24h}", "maxAge: 24h}, rollback: {approvals: {required: 1, from: [sre]}}",
		"  leads: [{login: bob, id: 52}, {login: cy, id: 53}]", "  leads: [{login: bob, id: 52}]\n  sre: [{login: cy, id: 53}]", "required: 2", "required: 1").Replace(read(t, x, "waybill.yaml")))
	x.push("sre")
	x.open()
	x.release("v0.2.0", "two")
	x.append(x.event(ledger.KindPromote, "v0.1.0", "production"))
	x.later(time.Hour)
	x.append(x.event(ledger.KindPromote, "v0.2.0", "production"))
	x.later(time.Hour)
	for _, version := range []string{"v0.2.0", "v0.3.0"} { // there now, and never
		if version == "v0.3.0" {
			x.release(version, "three")
		}
		if o := x.give("sentiment@"+version, "production", ApproveOptions{Key: cy}); o.Done || o.Report == nil || !strings.Contains(o.Message, "would not count") {
			t.Errorf("%s: %+v", version, o)
		}
	}
	if o := x.rollback(RollbackOptions{Reason: "bad"}); o.Done {
		t.Fatalf("without an approval: %+v", o)
	}
	if o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: bob}); !o.Done {
		t.Fatalf("%+v", o)
	}
	if o := x.rollback(RollbackOptions{Reason: "bad"}); o.Done {
		t.Fatalf("bob may not agree to a rollback: %+v", o)
	}
	if o := x.give("sentiment@v0.1.0", "production", ApproveOptions{Key: cy}); !o.Done {
		t.Fatalf("%+v", o)
	}
	if o := x.rollback(RollbackOptions{Reason: "bad"}); !o.Done || x.in("production") != "v0.1.0" {
		t.Errorf("%+v, %+v", o, o.Report)
	}
}
