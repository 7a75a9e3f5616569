package ledger

import (
	"encoding/json"
	"errors"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

// The state of the story, as "waybill show" gives it.
func TestGoldenState(t *testing.T) {
	got, err := json.MarshalIndent(story(t).state.Artifacts["sentiment"], "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/story.state.json", append(got, '\n'))
}

func TestFoldIsPure(t *testing.T) {
	forEachHistory(t, 500, false, func(t *testing.T, h *history) {
		events := h.log().Events()
		before := reflect.ValueOf(events).Len()
		once, err := Fold(events)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Fold(events)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(once, again) || !reflect.DeepEqual(once, h.state) {
			t.Error("folding the same lines gives another state")
		}
		if len(events) != before || !reflect.DeepEqual(events, h.events) {
			t.Error("folding changed the events")
		}
	})
}

// What must hold in any state, whatever happened.
func TestStateInvariants(t *testing.T) {
	forEachHistory(t, 1000, false, func(t *testing.T, h *history) {
		var seqs int
		for name, a := range h.state.Artifacts {
			seqs += len(a.Events)
			if a.Name != name {
				t.Errorf("%s is called %s", name, a.Name)
			}
			seen := map[ref.Version]bool{}
			commits := map[string]bool{}
			for _, v := range a.Versions {
				if seen[v.Version] || commits[v.Commit] {
					t.Errorf("%s@%s: version or commit twice", name, v.Version)
				}
				seen[v.Version], commits[v.Commit] = true, true
			}
			for stage, s := range a.Stages {
				if !s.Until.IsZero() || s.RolledBack {
					t.Errorf("%s#%s: the current version has left", name, stage)
				}
				if s.tagged[len(s.tagged)-1] != s.Version {
					t.Errorf("%s#%s: holds %s, tagged %v", name, stage, s.Version, s.tagged)
				}
				next := s.Tenure
				for i := len(s.History) - 1; i >= 0; i-- {
					past := s.History[i]
					if past.Until != next.Since || past.Since.After(past.Until) || past.Event >= next.Event || past.RolledBack != (next.Kind == KindRollback) {
						t.Errorf("%s#%s: %+v then %+v", name, stage, past, next)
					}
					next = past
				}
				if good, err := LastGood(h.state, name, stage, Healthy{}); err == nil {
					if _, held := a.Holds[good.Version]; held || good.Version == s.Version || good.Deprecated != nil {
						t.Errorf("%s#%s: %s is not good", name, stage, good.Version)
					}
				} else if !errors.Is(err, ErrNoGood) {
					t.Error(err)
				}
			}
		}
		if seqs != len(h.events) {
			t.Errorf("%d events in the artifacts, %d in the ledger", seqs, len(h.events))
		}
	})
}

func TestFoldRefuses(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"), h.register("sentiment", "v0.2.0"), h.register("sentiment", "v0.3.0"))
	h.add(h.promote("sentiment", "v0.2.0", "production"))
	unregistered := h.promote("sentiment", "v0.1.0", "production")
	unregistered.Version = ref.MustVersion("v9.0.0")
	otherContent := h.promote("sentiment", "v0.1.0", "production")
	otherContent.ContentDigest = digestOf("other")
	dataset := h.register("sentiment", "v0.4.0")
	dataset.ArtifactKind = "Dataset"
	decision := Event{Kind: KindReject, Artifact: "unseen", ContentDigest: digestOf("new"), Actor: octocat}
	for name, c := range map[string]struct {
		e    Event
		says string
	}{
		"same version":          {h.register("sentiment", "v0.2.0"), "registered twice, first by event 2"},
		"other kind":            {dataset, "cannot become a Dataset"},
		"promote unregistered":  {unregistered, "not registered"},
		"promote other content": {otherContent, "it was registered with"},
		"promote other name":    {Event{Kind: KindPromote, Artifact: "unseen", Version: ref.MustVersion("v0.1.0"), Stage: "production", ContentDigest: digestOf("x"), Digest: digestOf("x"), Actor: octocat}, "not registered"},
		"rollback not there":    {h.rollback("sentiment", "v0.3.0", "v0.1.0", "production"), "where v0.2.0 is"},
		"rollback to itself":    {h.rollback("sentiment", "v0.2.0", "v0.2.0", "production"), "to itself"},
		"rollback empty stage":  {h.rollback("sentiment", "v0.2.0", "v0.1.0", "staging"), "where nothing is"},
		"deploy empty stage":    {h.deploy("sentiment", "v0.2.0", "staging"), "where nothing is"},
		"deploy never there":    {h.deploy("sentiment", "v0.1.0", "production"), "where it never was"},
		"hold unregistered":     {about(KindHold, "sentiment", "v9.0.0"), "not registered"},
		"release unregistered":  {about(KindReleaseHold, "sentiment", "v9.0.0"), "not registered"},
		"deprecate version":     {about(KindDeprecate, "sentiment", "v9.0.0"), "not registered"},
		"deprecate artifact":    {about(KindDeprecate, "unseen", ""), "no version"},
	} {
		t.Run(name, func(t *testing.T) {
			before := snapshot(t, h.state)
			if _, err := Next(h.state.Head, h.state, h.now, c.e); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("next: %v does not say %q", err, c.says)
			}
			e := c.e
			e.APIVersion, e.Seq, e.Previous, e.Time = APIVersion, h.state.Head.Seq+1, h.state.Head.Hash, day.Add(time.Hour)
			err := h.state.Apply(e)
			if got := asCorrupt(t, err); got.Seq != e.Seq || got.Line != 5 || !strings.Contains(got.Reason, c.says) {
				t.Errorf("apply: %+v does not say %q", got, c.says)
			}
			if after := snapshot(t, h.state); after != before {
				t.Error("a refused event changed the state")
			}
		})
	}
	if _, err := Fold([]Event{h.events[0], h.events[0]}); err == nil {
		t.Error("one seq twice")
	}
	h.add(decision) // of content that has no version yet
}

func snapshot(t *testing.T, s *State) string {
	t.Helper()
	data, err := s.MarshalCache()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDeployAfterNextPromotion(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"), h.register("sentiment", "v0.2.0"))
	h.add(h.promote("sentiment", "v0.1.0", "production"), h.promote("sentiment", "v0.2.0", "production"))
	h.add(h.deploy("sentiment", "v0.1.0", "production"))
	s := h.state.Artifacts["sentiment"].Stages["production"]
	if s.Deployed != nil || s.History[0].Deployed == nil {
		t.Errorf("the deployment of v0.1.0 is at %+v", s)
	}
}

func TestRegistrationRevivesArtifact(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"))
	h.add(about(KindDeprecate, "sentiment", ""))
	if h.state.Artifacts["sentiment"].Deprecated == nil {
		t.Fatal("not deprecated")
	}
	h.add(h.register("sentiment", "v0.2.0"))
	if h.state.Artifacts["sentiment"].Deprecated != nil {
		t.Error("still deprecated")
	}
}

func TestLastGood(t *testing.T) {
	h := newHistory(t)
	good := func(want string) {
		t.Helper()
		v, err := LastGood(h.state, "sentiment", "production", Healthy{})
		if err == nil && v.Version.String() != want || err != nil && (want != "" && !strings.Contains(err.Error(), want) || !errors.Is(err, ErrNoGood)) {
			t.Errorf("got %s, %v, want %s", v.Version, err, want)
		}
	}
	good("not registered")
	for _, v := range []string{"v0.1.0", "v0.2.0", "v0.3.0", "v0.4.0"} {
		h.add(h.register("sentiment", v))
	}
	good("no version was ever there")
	h.add(h.promote("sentiment", "v0.1.0", "production"))
	good("v0.1.0 is the first version there")
	h.add(h.promote("sentiment", "v0.2.0", "production"), h.promote("sentiment", "v0.3.0", "production"), h.promote("sentiment", "v0.4.0", "production"))
	good("v0.3.0")
	h.add(about(KindHold, "sentiment", "v0.3.0"))
	good("v0.2.0")
	h.add(about(KindReleaseHold, "sentiment", "v0.3.0"))
	good("v0.3.0")
	h.add(h.rollback("sentiment", "v0.4.0", "v0.3.0", "production"))
	good("v0.2.0") // v0.4.0 was rolled back
	h.add(h.promote("sentiment", "v0.4.0", "production"), h.promote("sentiment", "v0.3.0", "production"))
	good("v0.4.0") // its newest tenure ended by a promotion
	h.add(about(KindDeprecate, "sentiment", "v0.4.0"), about(KindHold, "sentiment", "v0.2.0"))
	good("v0.1.0")
	h.add(about(KindDeprecate, "sentiment", "v0.1.0"))
	good("v0.4.0 is deprecated, v0.2.0 is on hold, v0.1.0 is deprecated")
}

func TestCanRegister(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"), h.register("sentiment", "v1.2.0"))
	v := h.version("sentiment", "v0.1.0")
	for name, c := range map[string]struct {
		name, version, commit string
		content               ref.Digest
		says                  string
	}{
		"next":             {"sentiment", "v1.2.1", commitOf(9), digestOf("new"), ""},
		"first":            {"reviews", "v0.1.0", v.Commit, digestOf("new"), ""},
		"unchanged":        {"sentiment", "v1.2.1", commitOf(9), v.ContentDigest, "this content is sentiment@v0.1.0"},
		"unchanged, again": {"sentiment", "v0.1.0", v.Commit, v.ContentDigest, "this content is sentiment@v0.1.0"},
		"exists":           {"sentiment", "v0.1.0", commitOf(9), digestOf("new"), "the next is v1.2.1"},
		"not greater":      {"sentiment", "v1.1.9", commitOf(9), digestOf("new"), "not greater than v1.2.0"},
		"pre-release":      {"sentiment", "v1.2.0-rc.1", commitOf(9), digestOf("new"), "not greater than v1.2.0"},
		"only build":       {"sentiment", "v1.2.0+b2", commitOf(9), digestOf("new"), "not greater than v1.2.0"},
		"same commit":      {"sentiment", "v1.3.0", v.Commit, digestOf("new"), "GTO stops at two versions"},
		"bad name":         {"../x", "v1.3.0", v.Commit, digestOf("new"), "artifact name"},
		"no version":       {"sentiment", "", commitOf(9), digestOf("new"), "a version is needed"},
	} {
		version := ref.Version{}
		if c.version != "" {
			version = ref.MustVersion(c.version)
		}
		err := h.state.CanRegister(c.name, version, c.commit, c.content)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v does not say %q", name, err, c.says)
		}
		if errors.Is(err, ErrUnchanged) != strings.HasPrefix(name, "unchanged") {
			t.Errorf("%s: ErrUnchanged in %v", name, err)
		}
	}
}

func TestNext(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"), h.register("sentiment", "v0.2.0"))
	h.now = day.Add(time.Hour + 300*time.Millisecond).In(time.FixedZone("CET", 3600))
	h.add(h.promote("sentiment", "v0.1.0", "production"), h.promote("sentiment", "v0.2.0", "production"))
	before := snapshot(t, h.state)
	events, err := Next(h.state.Head, h.state, h.now, about(KindHold, "sentiment", "v0.2.0"),
		h.rollback("sentiment", "v0.2.0", "v0.1.0", "production"), h.register("reviews", "v0.1.0"))
	if err != nil {
		t.Fatal(err)
	}
	if snapshot(t, h.state) != before {
		t.Error("Next changed the state")
	}
	hour := day.Add(time.Hour)
	for i, want := range []time.Time{hour.Add(4 * time.Second), hour.Add(6 * time.Second), hour} {
		if e := events[i]; e.Seq != int64(5+i) || e.Time != want || e.APIVersion != APIVersion {
			t.Errorf("event %d: seq %d, time %s, want %s", i, e.Seq, e.Time, want)
		}
	}
	h.push(events)
	h.log()

	for name, c := range map[string]struct {
		head Head
		e    Event
		says string
	}{
		"another head":      {Head{Seq: 1, Hash: h.events[0].hash}, about(KindHold, "sentiment", "v0.1.0"), "fold the whole ledger"},
		"a field too many":  {h.state.Head, Event{Kind: KindHold, Artifact: "sentiment", Version: ref.MustVersion("v0.1.0"), Stage: "production", Actor: octocat}, "has no stage"},
		"a field too few":   {h.state.Head, Event{Kind: KindHold, Artifact: "sentiment", Actor: octocat}, "must have version"},
		"nobody":            {h.state.Head, Event{Kind: KindHold, Artifact: "sentiment", Version: ref.MustVersion("v0.1.0")}, "login is empty"},
		"not a kind":        {h.state.Head, Event{Kind: "canary", Artifact: "sentiment", Actor: octocat}, "not known"},
		"a written event":   {h.state.Head, h.events[0], "of its own"},
		"too long a reason": {h.state.Head, Event{Kind: KindHold, Artifact: "sentiment", Version: ref.MustVersion("v0.1.0"), Actor: octocat, Reason: strings.Repeat("a", 5000)}, "reason has 5000 bytes"},
	} {
		if _, err := Next(c.head, h.state, h.now, c.e); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v does not say %q", name, err, c.says)
		}
	}
}

func TestNextClock(t *testing.T) {
	h := newHistory(t)
	h.add(h.register("sentiment", "v0.1.0"), h.register("reviews", "v0.1.0"))
	hold := about(KindHold, "sentiment", "v0.1.0")
	if events, err := Next(h.state.Head, h.state, day.Add(-maxAhead), hold); err != nil || events[0].Time != day.Add(step) {
		t.Errorf("ten minutes: %v, %v", events, err)
	}
	if _, err := Next(h.state.Head, h.state, day.Add(-maxAhead-time.Second), hold); !errors.Is(err, ErrClock) || !strings.Contains(err.Error(), "10m1s ahead") {
		t.Errorf("more than ten minutes: %v", err)
	}
	if _, err := Next(h.state.Head, h.state, day.Add(-24*time.Hour), h.register("unseen", "v0.1.0")); err != nil {
		t.Errorf("another artifact: %v", err)
	}
}

// Two writers decide on the same head; one push wins, the other fetches and
// decides again. However they interleave, the chain holds and no version,
// commit or content is registered twice.
func TestLostPushes(t *testing.T) {
	for seed := range 300 {
		rng := rand.New(rand.NewSource(int64(seed)))
		remote := newHistory(t)
		lost := 0
		for round := range 12 {
			// Both see the same branch and the same content to register.
			content := digestOf("content %d", round)
			decide := func(writer int) ([]Event, error) {
				log := remote.log()
				state, err := Fold(log.Events())
				if err != nil {
					t.Fatal(err)
				}
				version := ref.Version{Minor: 1}
				if a := state.Artifacts["sentiment"]; a != nil {
					version = a.Latest().Version.NextMinor()
				}
				commit := commitOf(round)
				if err := state.CanRegister("sentiment", version, commit, content); err != nil {
					return nil, err
				}
				skew := time.Duration(rng.Intn(240)-120) * time.Second
				return Next(log.Head(), state, day.Add(time.Duration(round)*10*time.Second+skew), Event{Kind: KindRegister, Artifact: "sentiment", ArtifactKind: "Dataset",
					Version: version, Commit: commit, ContentDigest: content, Digest: content, Actor: Actor{ID: int64(writer), Login: "bot"}})
			}
			mine, err := decide(1)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := decide(2)
			if err != nil {
				t.Fatal(err)
			}
			first, second := mine, theirs
			if rng.Intn(2) == 0 {
				first, second = theirs, mine
			}
			remote.push(first)
			if second[0].Previous == remote.state.Head.previous() {
				t.Fatal("the second push was not lost")
			}
			lost++
			if _, err := decide(3); !errors.Is(err, ErrUnchanged) {
				t.Fatalf("decided again: %v", err)
			}
		}
		if a := remote.state.Artifacts["sentiment"]; len(a.Versions) != 12 || lost != 12 {
			t.Errorf("%d versions", len(a.Versions))
		}
		remote.log()
	}
}
