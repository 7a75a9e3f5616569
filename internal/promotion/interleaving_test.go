package promotion

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// writers are two people with keys, in two clones of one remote, whose pushes
// get lost now and then.
type writers struct {
	*world
	both     [2]*world
	keys     [2]ssh.Signer
	rand     *rand.Rand
	clock    time.Time
	between  func() // what the other one does while this one decides
	versions []string

	log    string // as it was after the last step
	raced  int
	broken bool // the remote refuses what is pushed in this step
}

const guarded = "  staging:\n  production: {from: [staging], approvals: {required: 2, from: [leads]}}\npeople:\n  leads: [{login: ada, id: 41}, {login: bob, id: 42}]\n"

func newWriters(t *testing.T, seed uint64) *writers {
	x := newWorld(t, guarded)
	w := &writers{world: x, rand: rand.New(rand.NewPCG(seed, 1)), clock: noon}
	var signers strings.Builder
	for i, login := range []string{"ada", "bob"} {
		secret := make([]byte, ed25519.SeedSize)
		binary.LittleEndian.PutUint64(secret, seed+uint64(i))
		key, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(secret))
		x.must(err)
		w.keys[i] = key
		signers.WriteString(approval.Line(login, key.PublicKey()) + "\n")
	}
	x.write(approval.SignersFile, signers.String())
	x.push("keys")
	x.now = func() time.Time {
		if other := w.between; other != nil {
			w.between = nil
			other()
		}
		return w.clock
	}
	w.both = [2]*world{x, x.clone("bob", "bob@example.com")}
	// The remote refuses a push, or takes it and dies before it says so.
	for name, script := range map[string]string{
		"pre-receive":           `if [ -e refuse ]; then echo "closed" >&2; exit 1; fi`,
		"reference-transaction": `if [ "$1" = committed ] && [ -e lose ]; then rm lose; kill -9 $PPID; fi`,
	} {
		x.must(os.WriteFile(filepath.Join(x.bare, "hooks", name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	return w
}

// flag switches a fault of the remote on, or off.
func (w *writers) flag(name string, on bool) {
	p := filepath.Join(w.bare, name)
	if on {
		w.must(os.WriteFile(p, nil, 0o644))
	} else if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
}

// act is one random thing that one of them does.
func (w *writers) act(by int) error {
	me, ctx := w.both[by], context.Background()
	r := ref.Reference{Name: "sentiment", Version: ref.MustVersion(w.versions[w.rand.IntN(len(w.versions))])}
	if w.rand.IntN(2) == 0 {
		r.Version = ref.MustVersion(w.versions[len(w.versions)-1])
	}
	stage := []string{"staging", "production"}[w.rand.IntN(2)]
	var err error
	switch n := w.rand.IntN(100); {
	case n < 40:
		_, err = Approve(ctx, me.w, r, "production", ApproveOptions{Key: approval.KeyOf(w.keys[by])})
	case n < 80:
		_, err = Promote(ctx, me.w, r, stage, Options{})
	case n < 86:
		_, err = Rollback(ctx, me.w, "sentiment", stage, RollbackOptions{Reason: "bad"})
	case n < 90:
		_, err = Hold(ctx, me.w, r, false, "look at it")
	case n < 96:
		_, err = Hold(ctx, me.w, r, true, "looked")
	default: // what a gate in a workflow would write
		_, err = me.w.Append(ctx, func(ctx context.Context, l *workspace.Ledger) (workspace.Decision, error) {
			v := l.State.Artifacts["sentiment"].Version(r.Version)
			return workspace.Decision{Message: "reject", Events: []ledger.Event{{Kind: ledger.KindReject, Artifact: "sentiment", Version: v.Version, Stage: stage,
				ContentDigest: v.ContentDigest, Actor: ledger.Actor{ID: 43, Login: "bot"}, Run: "r", Reason: "no"}}}, nil
		})
	}
	return err
}

// step is one act, with whatever goes wrong.
func (w *writers) step() {
	w.clock = w.clock.Add(10 * time.Second)
	by := w.rand.IntN(2)
	if len(w.versions) < 3 || len(w.versions) < 8 && w.rand.IntN(15) == 0 {
		v := fmt.Sprintf("v%d.0.0", len(w.versions)+1)
		w.world.release(v, v)
		w.versions = append(w.versions, v)
		return
	}
	switch w.rand.IntN(6) {
	case 0, 1:
		w.between = func() { w.tolerate(w.act(1 - by)); w.raced++ }
	case 2:
		w.flag("lose", true)
	case 3:
		w.broken = true
		w.flag("refuse", true)
	}
	err := w.act(by)
	w.between = nil
	w.flag("lose", false)
	w.flag("refuse", false)
	w.tolerate(err)
	w.broken = false
}

// tolerate accepts what a person can mend, and what the remote broke.
func (w *writers) tolerate(err error) {
	w.t.Helper()
	if err != nil && !errors.Is(err, workspace.ErrUsage) && !(w.broken && errors.Is(err, gitrepo.ErrRefused)) {
		w.t.Errorf("%v", err)
	}
}

// unchanged holds that the ledger's files begin with what they held before.
func (w *writers) unchanged() {
	w.t.Helper()
	var now strings.Builder
	for _, name := range strings.Fields(w.bareGit("ls-tree", "-r", "--name-only", "waybill/ledger", "events/")) {
		now.WriteString(w.bareGit("show", "waybill/ledger:"+name) + "\n")
	}
	if !strings.HasPrefix(now.String(), w.log) {
		w.t.Fatalf("the ledger's past has changed:\n%s\n%s", w.log, now.String())
	}
	w.log = now.String()
}

// check holds what must be so after every step.
func (w *writers) check() {
	w.t.Helper()
	l := w.ledger()
	log, err := l.Log()
	w.must(err)
	tags, err := ledger.Projection(log.Events())
	w.must(err)
	for _, tag := range tags {
		if l.Refs.Tags[tag.Name] != workspace.TagID(tag) {
			w.t.Fatalf("tag %s is at %q", tag.Name, l.Refs.Tags[tag.Name])
		}
	}
	for name, s := range l.State.Artifacts["sentiment"].Stages {
		if got := assigned(l, name); got != s.Version.String() {
			w.t.Fatalf("%s: the tags say %q, the ledger %s", name, got, s.Version)
		}
	}
	w.consented(log.Events())
}

// assigned is the version in a stage as GTO reads the tags: of all whose newest
// tag there assigns them, the greatest. Each version has a commit of its own here.
func assigned(l *workspace.Ledger, stage string) string {
	newest := map[ref.Version]ledger.TagName{}
	for name := range l.Refs.Tags {
		t, err := ledger.ParseTag(name)
		if err != nil || t.Stage != stage {
			continue
		}
		for _, v := range l.State.Artifacts["sentiment"].Versions {
			if v.Commit == l.Refs.Peeled[name] && newest[v.Version].Counter < t.Counter {
				newest[v.Version] = t
			}
		}
	}
	var best ref.Version
	for v, t := range newest {
		if !t.Removed && (best.IsZero() || v.Compare(best) > 0) {
			best = v
		}
	}
	return best.String()
}

// consented replays the ledger: whatever entered production had the approvals
// of two people of its own content, was not held, and was in staging before.
func (w *writers) consented(events []ledger.Event) {
	w.t.Helper()
	state := new(ledger.State)
	given := map[string]map[int64]bool{}
	for _, e := range events {
		key := string(e.ContentDigest) + e.Stage
		switch a := state.Artifacts["sentiment"]; e.Kind {
		case ledger.KindApprove:
			if given[key] == nil {
				given[key] = map[int64]bool{}
			}
			given[key][e.Actor.ID] = true
		case ledger.KindPromote:
			if _, held := a.Holds[e.Version]; held {
				w.t.Fatalf("event %d promotes what is held", e.Seq)
			}
			if s := a.Stages[e.Stage]; s != nil && e.Version.Compare(s.Version) <= 0 {
				w.t.Fatalf("event %d promotes %s over %s", e.Seq, e.Version, s.Version)
			}
			if e.Stage != "production" {
				break
			}
			people := map[int64]bool{}
			for _, c := range e.Approvals {
				people[c.ID] = given[key][c.ID]
			}
			if !people[41] || !people[42] || len(people) != 2 {
				w.t.Fatalf("event %d rests on %+v, given were %v", e.Seq, e.Approvals, given[key])
			}
			delete(given, key) // they are used up
		}
		w.must(state.Apply(e))
	}
}

// Two writers over one remote, whose pushes race, are refused or lose their
// answer: whatever the order, a stage has one version, nothing enters without
// its approvals, and the past stays as it was written.
func TestInterleavings(t *testing.T) {
	steps := 200
	if testing.Short() {
		steps = 60
	}
	w := newWriters(t, 8)
	for i := range steps {
		w.step()
		w.check()
		if i%5 == 4 {
			w.unchanged()
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	kinds := map[ledger.Kind]int{}
	log, err := w.ledger().Log()
	w.must(err)
	for _, e := range log.Events() {
		kinds[e.Kind]++
		if e.Kind == ledger.KindPromote && e.Stage == "production" {
			kinds["production"]++
		}
	}
	t.Logf("%v, %d races", kinds, w.raced)
	if !testing.Short() && (kinds["production"] < 3 || kinds[ledger.KindRollback] < 2 || kinds[ledger.KindHold] < 2 || w.raced < 20) {
		t.Errorf("too little happened: %v, %d races", kinds, w.raced)
	}
}
