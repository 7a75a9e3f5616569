package ledger

import (
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

// day is where histories begin.
var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var octocat = Actor{ID: 583231, Login: "octocat"}

func digestOf(format string, args ...any) ref.Digest {
	return ref.Of(fmt.Appendf(nil, format, args...))
}

func commitOf(n int) string { return digestOf("commit %d", n).Hex()[:40] }

// history is a ledger being written, as a repository sees it.
type history struct {
	t      testing.TB
	now    time.Time
	state  *State
	events []Event
	files  map[string][]byte
	commit int // of the default branch
}

func newHistory(t testing.TB) *history {
	return &history{t: t, now: day, state: new(State), files: map[string][]byte{}}
}

func (h *history) read(name string) ([]byte, error) {
	data, ok := h.files[name]
	if !ok {
		return nil, fmt.Errorf("no file %s", name)
	}
	return data, nil
}

// add writes drafts the way promotion does.
func (h *history) add(drafts ...Event) []Event {
	h.t.Helper()
	events, err := Next(h.state.Head, h.state, h.now, drafts...)
	if err != nil {
		h.t.Fatalf("next: %v", err)
	}
	h.push(events)
	return events
}

func (h *history) push(events []Event) {
	h.t.Helper()
	var lines [][]byte
	for _, e := range events {
		line, err := e.Line()
		if err != nil {
			h.t.Fatal(err)
		}
		lines = append(lines, line)
	}
	changed, err := Append(h.read, h.state.Head, lines)
	if err != nil {
		h.t.Fatalf("append: %v", err)
	}
	for name, data := range changed {
		h.files[name] = data
	}
	for _, e := range events {
		if err := h.state.Apply(e); err != nil {
			h.t.Fatalf("apply: %v", err)
		}
	}
	h.events = append(h.events, events...)
}

func (h *history) log() *Log {
	h.t.Helper()
	log, err := readFiles(h.files)
	if err != nil {
		h.t.Fatalf("read: %v", err)
	}
	return log
}

func readFiles(files map[string][]byte) (*Log, error) {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	return Read(names, func(name string) ([]byte, error) { return files[name], nil })
}

func (h *history) version(name, version string) *Version {
	h.t.Helper()
	v := h.state.Artifacts[name].Version(ref.MustVersion(version))
	if v == nil {
		h.t.Fatalf("%s@%s is not registered", name, version)
	}
	return v
}

// The drafts of the tests.

func (h *history) register(name, version string) Event {
	h.commit++
	return Event{Kind: KindRegister, Artifact: name, ArtifactKind: "Model", Version: ref.MustVersion(version), Commit: commitOf(h.commit),
		ContentDigest: digestOf("content %s %s", name, version), Digest: digestOf("encoding %s %s", name, version), Actor: octocat,
		Evidence: &Evidence{Report: digestOf("report"), Verdicts: map[string]string{"data": "PASS", "evaluation": "PASS"},
			Others: map[string]ref.Digest{"predictions": digestOf("predictions")}},
		PolicyDigest: digestOf("policy"), Run: "https://github.com/acme/reviews/actions/runs/7/attempts/1"}
}

func (h *history) enters(kind Kind, name, version, stage string) Event {
	v := h.version(name, version)
	return Event{Kind: kind, Artifact: name, Version: v.Version, Stage: stage, ContentDigest: v.ContentDigest, Digest: v.Digest, Actor: octocat,
		Approvals: []Approval{{ID: 480938, Login: "hubot", At: day, Via: "review"}}}
}

func (h *history) promote(name, version, stage string) Event {
	return h.enters(KindPromote, name, version, stage)
}

func (h *history) rollback(name, from, version, stage string) Event {
	e := h.enters(KindRollback, name, version, stage)
	e.From, e.Reason = ref.MustVersion(from), "error rate at 12 %"
	return e
}

func (h *history) deploy(name, version, stage string) Event {
	e := h.enters(KindDeploy, name, version, stage)
	e.Approvals, e.Commit = nil, commitOf(1000+len(h.events))
	return e
}

func about(kind Kind, name, version string) Event {
	e := Event{Kind: kind, Artifact: name, Actor: octocat, Reason: "mislabelled rows"}
	if version != "" {
		e.Version = ref.MustVersion(version)
	}
	return e
}

func (h *history) decision(kind Kind, name, version, stage string) Event {
	e := h.enters(kind, name, version, stage)
	e.Digest, e.Approvals = "", nil
	return e
}

// approve is a decision that somebody signed; the ledger does not ask who.
func (h *history) approve(name, version, stage string) Event {
	e := h.decision(KindApprove, name, version, stage)
	e.PolicyDigest = digestOf("policy")
	e.Signed = &Signed{Statement: `{"artifact":"` + name + `","reason":"<ok> \\ \n \u2028 é"}`, Signature: "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"}
	return e
}

// random appends about n events. With monotone times every event is later
// than all before it; without, clocks jump and several events share a second.
func (h *history) random(rng *rand.Rand, n int, monotone bool) *history {
	names := []string{"sentiment", "reviews", "x1"}
	stages := []string{"staging", "production", "eu"}
	for clock := h.now; len(h.events) < n; {
		if monotone {
			clock = clock.Add(time.Duration(10+rng.Intn(100)) * time.Second)
			h.now = clock
		} else {
			clock = clock.Add(time.Duration(rng.Intn(5)) * time.Second)
			h.now = clock.Add(time.Duration(rng.Intn(60)-30) * time.Second)
		}
		name, stage := names[rng.Intn(len(names))], stages[rng.Intn(len(stages))]
		if drafts := h.randomDrafts(rng, name, stage); len(drafts) > 0 {
			h.add(drafts...)
		}
	}
	return h
}

func (h *history) randomDrafts(rng *rand.Rand, name, stage string) []Event {
	a := h.state.Artifacts[name]
	if a == nil || len(a.Versions) == 0 || rng.Intn(6) == 0 {
		version := ref.Version{Minor: 1}
		if a != nil && a.Latest() != nil {
			version = []ref.Version{a.Latest().Version.NextPatch(), a.Latest().Version.NextMinor(), a.Latest().Version.NextMajor()}[rng.Intn(3)]
		}
		if rng.Intn(4) == 0 {
			version.Pre = fmt.Sprintf("rc.%d", rng.Intn(12))
		}
		e := h.register(name, version.String())
		if h.state.CanRegister(name, version, e.Commit, e.ContentDigest) != nil {
			return nil
		}
		return []Event{e}
	}
	v := a.Versions[rng.Intn(len(a.Versions))].Version.String()
	current := a.Stages[stage]
	switch rng.Intn(12) {
	case 0:
		return []Event{about(KindHold, name, v)}
	case 1:
		return []Event{about(KindReleaseHold, name, v)}
	case 2:
		return []Event{about(KindDeprecate, name, []string{v, ""}[rng.Intn(2)])}
	case 3:
		return []Event{h.approve(name, v, stage)}
	case 4:
		return []Event{h.decision(KindReject, name, v, stage)}
	case 5, 6, 7:
		if current == nil {
			return nil
		}
		from := current.Version.String()
		if good, err := LastGood(h.state, name, stage, Healthy{}); err == nil {
			return []Event{about(KindHold, name, from), h.rollback(name, from, good.Version.String(), stage)}
		}
		if from == v {
			return []Event{h.deploy(name, v, stage)}
		}
		return []Event{h.rollback(name, from, v, stage)}
	case 8:
		if current == nil {
			return nil
		}
		return []Event{h.deploy(name, current.Version.String(), stage)}
	}
	return []Event{h.promote(name, v, stage)}
}

// story is a history that a person can follow; the golden files show it.
func story(t testing.TB) *history {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"))
	h.now = h.now.Add(time.Hour)
	h.add(h.decision(KindApprove, "sentiment", "v0.1.0", "production"))
	h.add(h.promote("sentiment", "v0.1.0", "production")) // within the same second
	h.add(h.deploy("sentiment", "v0.1.0", "production"))
	h.now = h.now.Add(24 * time.Hour)
	h.add(h.register("sentiment", "v0.2.0-rc.1+b2"))
	h.add(h.decision(KindReject, "sentiment", "v0.2.0-rc.1+b2", "production"))
	h.add(h.promote("sentiment", "v0.2.0-rc.1+b2", "staging"))
	h.add(h.promote("sentiment", "v0.2.0-rc.1+b2", "production"))
	h.now = h.now.Add(time.Hour)
	h.add(about(KindHold, "sentiment", "v0.2.0-rc.1+b2"), h.rollback("sentiment", "v0.2.0-rc.1+b2", "v0.1.0", "production"))
	h.now = h.now.Add(time.Hour)
	h.add(about(KindReleaseHold, "sentiment", "v0.2.0-rc.1+b2"))
	h.add(about(KindDeprecate, "sentiment", "v0.2.0-rc.1+b2"))
	odd := about(KindDeprecate, "sentiment", "")
	odd.Actor, odd.Reason = Actor{Login: "Zoë <zoë@example.org>"}, "licence\nwaybill-event: forged\u2028\U0001f600 \"quoted\" \\ <b>&amp;\x01"
	h.add(odd)
	return h
}

// seeded has the histories that were made already: most of a property's time
// would go into making them.
var seeded = map[bool][]*history{}

// forEachHistory runs a property over random histories of 1 to 100 events,
// which it must not change.
func forEachHistory(t *testing.T, seeds int, monotone bool, property func(t *testing.T, h *history)) {
	t.Helper()
	if testing.Short() {
		seeds = seeds/10 + 1
	}
	for seed := range seeds {
		if seed == len(seeded[monotone]) {
			rng := rand.New(rand.NewSource(int64(seed)))
			seeded[monotone] = append(seeded[monotone], newHistory(t).random(rng, 1+rng.Intn(100), monotone))
		}
		h := seeded[monotone][seed]
		h.t = t
		property(t, h)
		if t.Failed() {
			t.Fatalf("seed %d, monotone %v", seed, monotone)
		}
	}
}

// asCorrupt returns the CorruptError that err must be.
func asCorrupt(t *testing.T, err error) *CorruptError {
	t.Helper()
	var c *CorruptError
	if !errors.As(err, &c) {
		t.Fatalf("got %v, want a CorruptError", err)
	}
	if !strings.Contains(err.Error(), "nothing was changed") || !strings.Contains(err.Error(), c.File) {
		t.Errorf("the message does not say where and what to do: %v", err)
	}
	return c
}

func lines(data []byte) []string {
	return slices.Collect(strings.Lines(string(data)))
}
