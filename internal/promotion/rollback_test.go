package promotion

import (
	"context"
	"encoding/json"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

func (x *world) rollback(opts RollbackOptions) *Outcome {
	x.t.Helper()
	o, err := Rollback(context.Background(), x.w, "sentiment", "production", opts)
	x.must(err)
	return o
}

// refusedRollback is the error of a rollback that cannot even be judged.
func (x *world) refusedRollback(opts RollbackOptions, want string) {
	x.t.Helper()
	o, err := Rollback(context.Background(), x.w, "sentiment", "production", opts)
	if err == nil || !strings.Contains(err.Error(), want) {
		x.t.Errorf("got %v, %v, want %s", o, err, want)
	}
}

// noWayBack holds that nothing is good, and why.
func (x *world) noWayBack(want string) {
	x.t.Helper()
	o := x.rollback(RollbackOptions{Reason: "bad"})
	if f := findingOf(x.t, o.Report, "promotion.healthy"); o.Done || f.Verdict != report.Fail || !strings.Contains(f.Message, want) {
		x.t.Errorf("%+v does not say %s", o, want)
	}
}

// forget lets the registry lose the encoding of a version.
func (x *world) forget(version string) {
	x.t.Helper()
	v := x.ledger().State.Artifacts["sentiment"].Version(ref.MustVersion(version))
	file := filepath.Join(x.top, "registry", "index.json")
	data, err := os.ReadFile(file)
	x.must(err)
	var index map[string]any
	x.must(json.Unmarshal(data, &index))
	kept := slices.DeleteFunc(index["manifests"].([]any), func(m any) bool { return m.(map[string]any)["digest"] == string(v.Digest) })
	if index["manifests"] = kept; len(kept) == 0 {
		x.t.Fatal("the index has nothing else")
	}
	data, err = json.Marshal(index)
	x.must(err)
	x.must(os.WriteFile(file, data, 0o644))
}

// withVersions is a world with so many versions that were in production one
// after the other, an hour each.
func withVersions(t testing.TB, stages string, versions ...string) *world {
	x := newWorld(t, stages)
	for _, v := range versions {
		x.release(v, "weights "+v)
		x.append(x.event(ledger.KindPromote, v, "production"))
		x.later(time.Hour)
	}
	return x
}

func TestRollbackTwice(t *testing.T) {
	x := withVersions(t, "  production: {}\n", "v0.1.0", "v0.2.0", "v0.3.0")
	events := x.ledger().State.Head.Seq
	o := x.rollback(RollbackOptions{Reason: "try", DryRun: true})
	if o.Done || o.Version.String() != "v0.2.0" || o.Report.Verdict != report.Pass || x.ledger().State.Head.Seq != events {
		t.Errorf("a dry run: %+v", o)
	}
	if o = x.rollback(RollbackOptions{Reason: "bad"}); !o.Done || o.From.String() != "v0.3.0" || x.in("production") != "v0.2.0" {
		t.Fatalf("%+v", o)
	}
	if h, ok := x.ledger().State.Artifacts["sentiment"].Holds[o.From]; !ok || h.Reason != "bad" || x.ledger().State.Head.Seq != events+2 {
		t.Errorf("the hold is %+v", h)
	}
	if o = x.rollback(RollbackOptions{Reason: "bad too"}); x.in("production") != "v0.1.0" {
		t.Errorf("%+v", o)
	}
	x.noWayBack("v0.2.0 was rolled back, v0.3.0 was rolled back")
}

// What was rolled back stays out of every stage until somebody lifts the hold.
func TestRollbackStays(t *testing.T) {
	x := withVersions(t, "  staging: {}\n  production: {}\n", "v0.1.0", "v0.2.0")
	x.rollback(RollbackOptions{Reason: "bad"})
	for _, stage := range []string{"staging", "production"} {
		for range 2 {
			o := x.promote("sentiment@v0.2.0", stage, Options{Reason: "again"})
			if f := findingOf(t, o.Report, "promotion.hold"); o.Done || f.Verdict != report.Fail || !strings.Contains(f.Hint, "--release") {
				t.Errorf("%s: %+v", stage, o)
			}
		}
	}
	r := ref.Reference{Name: "sentiment", Version: ref.MustVersion("v0.2.0")}
	if _, err := Hold(context.Background(), x.w, r, true, "it was the labels"); err != nil {
		t.Fatal(err)
	}
	if o := x.promote("sentiment@v0.2.0", "production", Options{}); !o.Done {
		t.Errorf("%+v", o)
	}
}

// A hold does not take a version out of where it is, and says so.
func TestHoldOfWhatIsThere(t *testing.T) {
	x := withVersions(t, "  staging: {}\n  production: {}\n", "v0.1.0", "v0.2.0")
	for v, want := range map[string]string{
		"v0.1.0": "sentiment@v0.1.0 is held out of every stage",
		"v0.2.0": "sentiment@v0.2.0 is held; it stays in production until that is rolled back: waybill rollback sentiment --stage production --reason TEXT",
	} {
		o, err := Hold(context.Background(), x.w, ref.Reference{Name: "sentiment", Version: ref.MustVersion(v)}, false, "bad")
		if err != nil || o.Message != want {
			t.Errorf("%s: %+v, %v", v, o, err)
		}
	}
}

func TestRollbackTo(t *testing.T) {
	x := withVersions(t, "  production: {rollback: {soak: 2h}}\n", "v0.1.0", "v0.2.0", "v0.3.0")
	x.release("v0.4.0", "never there")
	x.noWayBack("v0.2.0 stayed for")
	to := func(v string) RollbackOptions { return RollbackOptions{To: ref.MustVersion(v), DryRun: true} }
	x.refusedRollback(to("v0.4.0"), "v0.4.0 was never in production, and a rollback goes back to what was: it had v0.2.0, v0.1.0")
	x.refusedRollback(to("v0.3.0"), "v0.3.0 is what production has now")
	x.refusedRollback(to("v9.0.0"), "sentiment@v9.0.0 is not registered")
	o := x.rollback(to("v0.1.0"))
	if f := findingOf(t, o.Report, "promotion.healthy"); o.Report.Verdict != report.Pass || f.Severity != report.Warning || !strings.Contains(f.Message, "less than 2h") {
		t.Errorf("%+v", o.Report)
	}
	x.append(x.event(ledger.KindHold, "v0.1.0", ""))
	o = x.rollback(RollbackOptions{To: ref.MustVersion("v0.1.0"), Reason: "whatever"})
	if f := findingOf(t, o.Report, "promotion.hold"); o.Done || f.Verdict != report.Fail {
		t.Errorf("a held version was named: %+v", o)
	}
}

const withTarget = "apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [w.bin]\ndeploy:\n  production: [{file: /prod.yaml, key: image}]\n"

// Where the digest is written into a file, what was only assigned was never
// served.
func TestRollbackDeployed(t *testing.T) {
	x := withVersions(t, "  production: {}\n", "v0.1.0", "v0.2.0", "v0.3.0")
	x.write("m/model.yaml", withTarget)
	commit := x.push("deploy")
	x.open()
	x.noWayBack("v0.2.0 was never recorded as deployed there, v0.1.0 was never")
	e := x.event(ledger.KindDeploy, "v0.1.0", "production")
	e.Commit = commit
	x.append(e)
	o := x.rollback(RollbackOptions{DryRun: true})
	if f := findingOf(t, o.Report, "promotion.healthy"); o.Version.String() != "v0.1.0" || !strings.Contains(f.Message, "v0.2.0 was never recorded as deployed") {
		t.Errorf("%+v", o)
	}
}

// A version without a container image is not gone back to where the file takes
// one: nothing could be deployed, and nothing is held for it.
func TestRollbackWithoutImage(t *testing.T) {
	marked := "image: a@sha256:" + strings.Repeat("0", 64) + " # {\"$waybill\": \"sentiment:production:PART\"}\n"
	for name, c := range map[string]struct {
		target, file string
		line         int // of the finding, 0 for none
	}{
		"template":          {`{file: /prod.yaml, key: image, value: "{image}"}`, "image: a\n", 6},
		"digest":            {`{file: /prod.yaml, key: image, value: "a@{image-digest}"}`, "image: a\n", 6},
		"marker":            {"{file: /prod.yaml}", "# one\n" + strings.Replace(marked, "PART", "image", 1), 2},
		"the artifact":      {`{file: /prod.yaml, key: image, value: "{ref}"}`, "image: a\n", 0},
		"marked as such":    {"{file: /prod.yaml}", strings.Replace(marked, "PART", "ref", 1), 0},
		"no file":           {"{file: /gone.yaml}", "", 0},
		"a file of nothing": {"{file: /prod.yaml}", "][", 0},
	} {
		t.Run(name, func(t *testing.T) {
			x := withVersions(t, "  production: {}\n", "v0.1.0", "v0.2.0")
			x.write("m/model.yaml", strings.Replace(withTarget, "{file: /prod.yaml, key: image}", c.target, 1))
			x.write("prod.yaml", c.file)
			e := x.event(ledger.KindDeploy, "v0.1.0", "production")
			e.Commit = x.push("deploy")
			x.open()
			x.append(e)
			for _, opts := range []RollbackOptions{{DryRun: true}, {Reason: "bad", AcceptBreak: true}} {
				o := x.rollback(opts)
				if c.line == 0 {
					if o.Report.Verdict != report.Pass {
						t.Errorf("%+v", o.Report)
					}
					continue
				}
				f := findingOf(t, o.Report, "promotion.deployed")
				if f.Verdict != report.Fail || f.Location.Line != c.line || !strings.Contains(f.Message, "prod.yaml takes the container image, and the ledger records none for v0.1.0") {
					t.Errorf("%+v", f)
				}
				if o.Done || x.in("production") != "v0.2.0" || len(x.ledger().State.Artifacts["sentiment"].Holds) > 0 {
					t.Errorf("%+v", o)
				}
			}
		})
	}
}

// Asked again before it took effect, a rollback does not go back further and
// hold the good version; whoever names the version means it.
func TestRollbackUnderway(t *testing.T) {
	x := withVersions(t, "  production: {}\n")
	x.write("m/model.yaml", withTarget)
	commit := x.push("deploy")
	x.open()
	deployed := func(v string) {
		e := x.event(ledger.KindDeploy, v, "production")
		e.Commit = commit
		x.append(e)
		x.later(time.Hour)
	}
	for _, v := range []string{"v0.1.0", "v0.2.0", "v0.3.0"} {
		x.release(v, "weights "+v)
		x.append(x.event(ledger.KindPromote, v, "production"))
		deployed(v)
	}
	x.rollback(RollbackOptions{Reason: "bad"})
	for _, dry := range []bool{false, true} {
		again := x.rollback(RollbackOptions{Reason: "still there", DryRun: dry})
		if again.Event != x.ledger().State.Artifacts["sentiment"].Stages["production"].Event {
			t.Errorf("event %d", again.Event)
		}
		if again.Done || again.Report != nil || x.in("production") != "v0.2.0" || again.Version.String() != "v0.2.0" || again.From.String() != "v0.3.0" || !strings.HasPrefix(again.Message, "no further back: event ") {
			t.Errorf("%+v", again)
		}
	}
	if outs, err := Drill(context.Background(), x.w, "", "", Occasion{}); err != nil || len(outs) != 1 || outs[0].Version.String() != "v0.1.0" {
		t.Errorf("the drill: %+v, %v", outs, err)
	}
	if o := x.rollback(RollbackOptions{To: ref.MustVersion("v0.1.0"), DryRun: true}); o.Report.Verdict != report.Pass {
		t.Errorf("named: %+v", o.Report)
	}
	deployed("v0.2.0")
	if o := x.rollback(RollbackOptions{Reason: "bad too"}); !o.Done || x.in("production") != "v0.1.0" {
		t.Errorf("after it took effect: %+v", o)
	}
}

// A rollback is tried before it is written: what the registry lost cannot be
// gone back to, and nothing is held then.
func TestRollbackPreflight(t *testing.T) {
	x := withVersions(t, "  production: {}\n", "v0.1.0", "v0.2.0")
	x.forget("v0.1.0")
	o, err := Rollback(context.Background(), x.w, "sentiment", "production", RollbackOptions{Reason: "bad"})
	if err != nil {
		t.Fatal(err)
	}
	if f := findingOf(t, o.Report, "promotion.content"); o.Done || f.Verdict != report.Fail || x.in("production") != "v0.2.0" || len(x.ledger().State.Artifacts["sentiment"].Holds) > 0 {
		t.Errorf("%+v", o)
	}
	outs, err := Drill(context.Background(), x.w, "", "", Occasion{})
	if err != nil || len(outs) != 1 || outs[0].Report.Verdict != report.Fail || !strings.Contains(outs[0].Message, "would be refused") {
		t.Errorf("the drill: %+v, %v", outs, err)
	}
}

func TestDrill(t *testing.T) {
	x := withVersions(t, "  staging: {}\n  production: {approvals: {required: 1}}\n", "v0.1.0")
	drill := func(name, stage string) []*Outcome {
		t.Helper()
		outs, err := Drill(context.Background(), x.w, name, stage, Occasion{})
		x.must(err)
		return outs
	}
	outs := drill("", "")
	if len(outs) != 1 || outs[0].Report.Verdict != report.Pass || outs[0].Report.Summary.Warning != 1 || !strings.Contains(outs[0].Report.Findings[0].Message, "v0.1.0 is the first version there") {
		t.Errorf("nothing to go back to yet: %+v", outs)
	}
	if outs := drill("sentiment", "production"); len(outs) != 1 || outs[0].Report.Verdict != report.Fail {
		t.Errorf("nothing to go back to, where that was asked: %+v", outs)
	}
	x.release("v0.2.0", "weights 2")
	x.append(x.event(ledger.KindPromote, "v0.2.0", "production"), x.event(ledger.KindPromote, "v0.2.0", "staging"))
	events := x.ledger().State.Head.Seq
	outs = drill("sentiment", "")
	if len(outs) != 2 || outs[0].Stage != "staging" || outs[0].Report.Summary.Warning != 1 || outs[1].Report.Verdict != report.Pass || outs[1].Version.String() != "v0.1.0" {
		t.Errorf("%+v, %+v", outs[0], outs[1])
	}
	if o := x.rollback(RollbackOptions{Reason: "without approval"}); o.Done || findingOf(t, o.Report, "promotion.approvals").Verdict != report.Fail {
		t.Errorf("what a drill leaves out counts: %+v", o)
	}
	if x.ledger().State.Head.Seq != events {
		t.Error("a drill wrote")
	}
	if _, err := Drill(context.Background(), x.w, "unseen", "", Occasion{}); err == nil {
		t.Error("a drill of nothing passes")
	}
}

// The job that failed after the ledger was written is run again: it does not go
// back once more.
func TestRollbackRunAgain(t *testing.T) {
	x := withVersions(t, "  production: {}\n", "v0.1.0", "v0.2.0", "v0.3.0")
	x.env = map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/reviews",
		"GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_ACTOR": "ada", "GITHUB_ACTOR_ID": "41"}
	x.rollback(RollbackOptions{Reason: "bad"})
	x.env["GITHUB_RUN_ATTEMPT"] = "2"
	if o := x.rollback(RollbackOptions{Reason: "bad"}); o.Done || o.Report != nil || x.in("production") != "v0.2.0" || o.Version.String() != "v0.2.0" || o.From.String() != "v0.3.0" {
		t.Errorf("the second attempt: %+v", o)
	}
	x.env["GITHUB_RUN_ID"] = "78"
	if x.rollback(RollbackOptions{Reason: "bad too"}); x.in("production") != "v0.1.0" {
		t.Error("another run does not go back further")
	}
}

func TestRollbackDuringFreeze(t *testing.T) {
	const freezes = "  production: {}\nfreezes: [{from: 2026-03-01, to: 2026-03-31, allow: [%]}]\n"
	for allow, want := range map[string]report.Verdict{"rollback": report.Pass, "promote": report.Fail} {
		x := withVersions(t, strings.Replace(freezes, "%", allow, 1), "v0.1.0", "v0.2.0")
		o := x.rollback(RollbackOptions{Reason: "bad"})
		if f := findingOf(t, o.Report, "promotion.freeze"); f.Verdict != want || o.Done != (want == report.Pass) {
			t.Errorf("%s: %+v", allow, o)
		}
	}
}

// Whatever two people do, what was rolled back enters nothing before its hold
// was lifted, and a rollback goes to what was there before.
func TestRollbackProperty(t *testing.T) {
	x := withVersions(t, "  staging: {}\n  production: {}\n", "v0.1.0", "v0.2.0", "v0.3.0", "v0.4.0")
	rng := rand.New(rand.NewSource(7))
	held := map[string]bool{}
	for range 40 {
		v := []string{"v0.1.0", "v0.2.0", "v0.3.0", "v0.4.0"}[rng.Intn(4)]
		r := ref.Reference{Name: "sentiment", Version: ref.MustVersion(v)}
		x.later(time.Minute)
		switch rng.Intn(5) {
		case 0, 1:
			stage := []string{"staging", "production"}[rng.Intn(2)]
			if o := x.promote("sentiment@"+v, stage, Options{}); o.Done && held[v] {
				t.Fatalf("%s is held and entered %s", v, stage)
			}
		case 2:
			if x.in("production") == "" {
				continue
			}
			o := x.rollback(RollbackOptions{Reason: "bad"})
			if o.Version.IsZero() {
				continue
			}
			if !o.Done || held[o.Version.String()] {
				t.Fatalf("%+v", o)
			}
			held[o.From.String()] = true
		case 3:
			_, err := Hold(context.Background(), x.w, r, true, "good after all")
			x.must(err)
			delete(held, v)
		case 4:
			if rng.Intn(3) == 0 {
				_, err := Hold(context.Background(), x.w, r, false, "bad")
				x.must(err)
				held[v] = true
			}
		}
	}
}

// Callers may have come to rely on what an older version does not have: then
// somebody has to accept that they break.
func TestRollbackInterface(t *testing.T) {
	const model = "apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [w.bin]\ninterface:\n  inputs: [{name: text, type: string, shape: [-1]}]\n  outputs: [{name: score, type: float32, shape: [-1]}%]\n"
	x := newWorld(t, "  production: {}\n")
	for _, r := range []struct{ version, outputs string }{{"v0.1.0", ""}, {"v0.2.0", ", {name: reason, type: string, shape: [-1]}"}} {
		x.write("m/model.yaml", strings.Replace(model, "%", r.outputs, 1))
		x.release(r.version, "weights "+r.version)
		x.append(x.event(ledger.KindPromote, r.version, "production"))
	}
	o := x.rollback(RollbackOptions{Reason: "bad"})
	f := findingOf(t, o.Report, "promotion.interface")
	if o.Done || f.Verdict != report.Fail || f.Severity != report.Error || !strings.Contains(f.Message, `reason`) || !strings.Contains(f.Hint, "--accept-break") {
		t.Errorf("%+v", f)
	}
	if len(x.ledger().State.Artifacts["sentiment"].Holds) > 0 {
		t.Error("a refused rollback holds")
	}
	o = x.rollback(RollbackOptions{Reason: "bad", AcceptBreak: true})
	if f = findingOf(t, o.Report, "promotion.interface"); !o.Done || f.Severity != report.Warning || x.in("production") != "v0.1.0" {
		t.Errorf("%+v", o)
	}
}

// What leaves may be unreadable, perhaps for the reason for which it leaves.
func TestRollbackFromUnreadable(t *testing.T) {
	x := withVersions(t, "  production: {}\n", "v0.1.0", "v0.2.0", "v0.3.0")
	x.forget("v0.3.0")
	o := x.rollback(RollbackOptions{Reason: "bad"})
	if f := findingOf(t, o.Report, "promotion.interface"); !o.Done || f.Verdict != report.Inconclusive || f.Severity != report.Warning {
		t.Errorf("%+v", o)
	}
}
