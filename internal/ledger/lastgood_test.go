package ledger

import (
	"errors"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

// good checks what production can be rolled back to, or what the refusal says.
func good(t *testing.T, h *history, healthy Healthy, want string) {
	t.Helper()
	v, err := LastGood(h.state, "sentiment", "production", healthy)
	switch {
	case err == nil && v.Version.String() != want:
		t.Errorf("got %s, want %s", v.Version, want)
	case err != nil && (!errors.Is(err, ErrNoGood) || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %s", err, want)
	}
}

func inProduction(t *testing.T, versions ...string) *history {
	h := newHistory(t)
	for _, v := range versions {
		h.add(h.register("sentiment", v))
	}
	for _, v := range versions {
		h.add(h.promote("sentiment", v, "production"))
	}
	return h
}

// Rolling back twice goes further back, never forward.
func TestLastGoodTwice(t *testing.T) {
	h := inProduction(t, "v0.1.0", "v0.2.0", "v0.3.0")
	back := func(from, to string) {
		h.add(about(KindHold, "sentiment", from), h.rollback("sentiment", from, to, "production"))
	}
	back("v0.3.0", "v0.2.0")
	good(t, h, Healthy{}, "v0.1.0")
	back("v0.2.0", "v0.1.0")
	good(t, h, Healthy{}, "v0.2.0 was rolled back, v0.3.0 was rolled back")
	// A hold that is released lets a version be promoted, not gone back to.
	h.add(about(KindReleaseHold, "sentiment", "v0.2.0"), about(KindReleaseHold, "sentiment", "v0.3.0"))
	good(t, h, Healthy{}, "v0.2.0 was rolled back")
	h.add(h.promote("sentiment", "v0.2.0", "production"), h.promote("sentiment", "v0.3.0", "production"))
	good(t, h, Healthy{}, "v0.2.0") // its newest tenure ended by a promotion
}

// Who names a version passes over those that came after it.
func TestLastGoodPassedOver(t *testing.T) {
	h := inProduction(t, "v0.1.0", "v0.2.0", "v0.3.0", "v0.4.0")
	h.add(h.rollback("sentiment", "v0.4.0", "v0.2.0", "production"))
	good(t, h, Healthy{}, "v0.1.0")
	h.add(h.rollback("sentiment", "v0.2.0", "v0.1.0", "production"))
	good(t, h, Healthy{}, "v0.2.0 was rolled back, v0.4.0 was rolled back, v0.3.0 was passed over by the rollback to v0.1.0")
	h.add(h.register("sentiment", "v0.5.0"))
	h.add(h.promote("sentiment", "v0.5.0", "production"))
	good(t, h, Healthy{}, "v0.1.0")
	h.add(about(KindHold, "sentiment", "v0.1.0"))
	good(t, h, Healthy{}, "v0.1.0 is on hold, v0.2.0 was rolled back")
}

func TestLastGoodDeployed(t *testing.T) {
	h := inProduction(t, "v0.1.0", "v0.2.0", "v0.3.0")
	good(t, h, Healthy{Deployed: true}, "v0.2.0 was never recorded as deployed there, v0.1.0 was never recorded as deployed there")
	h.add(h.deploy("sentiment", "v0.1.0", "production"))
	good(t, h, Healthy{Deployed: true}, "v0.1.0")
	good(t, h, Healthy{}, "v0.2.0")
	// It came there after it had left, and so stayed for no time at all.
	good(t, h, Healthy{Deployed: true, Soak: time.Second}, "v0.1.0 stayed for 0s, less than 1s")
}

func TestLastGoodSoak(t *testing.T) {
	h := newHistory(t)
	for _, v := range []string{"v0.1.0", "v0.2.0", "v0.3.0"} {
		h.add(h.register("sentiment", v))
	}
	h.add(h.promote("sentiment", "v0.1.0", "production"))
	h.now = h.now.Add(2 * time.Hour)
	h.add(h.promote("sentiment", "v0.2.0", "production"))
	h.now = h.now.Add(10 * time.Minute)
	h.add(h.deploy("sentiment", "v0.2.0", "production"))
	h.now = h.now.Add(10 * time.Minute)
	h.add(h.promote("sentiment", "v0.3.0", "production"))
	good(t, h, Healthy{Soak: 20 * time.Minute}, "v0.2.0")
	good(t, h, Healthy{Soak: 11 * time.Minute, Deployed: true}, "v0.2.0 stayed for 10m0s, less than 11m0s")
	good(t, h, Healthy{Soak: 21 * time.Minute}, "v0.1.0")
	good(t, h, Healthy{Soak: 24 * time.Hour}, "v0.2.0 stayed for 20m0s, less than 24h0m0s, v0.1.0 stayed for 1h59m54s")
	// Back for a short time: that it was healthy before still counts.
	h.add(h.rollback("sentiment", "v0.3.0", "v0.1.0", "production"))
	h.add(h.register("sentiment", "v0.4.0"))
	h.add(h.promote("sentiment", "v0.4.0", "production"))
	good(t, h, Healthy{Soak: time.Hour}, "v0.1.0")
}

// What a rollback ended shows nothing, however long it was there.
func TestUnhealthy(t *testing.T) {
	h := inProduction(t, "v0.1.0", "v0.2.0")
	h.now = h.now.Add(5 * time.Hour)
	h.add(h.rollback("sentiment", "v0.2.0", "v0.1.0", "production"))
	says := func(version, want string) {
		t.Helper()
		s := h.state.Artifacts["sentiment"].Stages["production"]
		if got := s.Unhealthy(ref.MustVersion(version), Healthy{Soak: time.Hour}); got != want {
			t.Errorf("%s: %q, want %q", version, got, want)
		}
	}
	says("v0.2.0", "was rolled back")
	says("v0.3.0", "was never there before")
	h.add(h.register("sentiment", "v0.3.0"))
	h.add(h.promote("sentiment", "v0.2.0", "production"), h.promote("sentiment", "v0.3.0", "production"))
	says("v0.2.0", "stayed for 2s, less than 1h0m0s")
	good(t, h, Healthy{Soak: time.Hour}, "v0.2.0 stayed for 2s, less than 1h0m0s")
	good(t, h, Healthy{}, "v0.2.0")
}

// Whatever came before: rolling back again and again goes to each version at
// most once, to none that is held, and ends.
func TestLastGoodEnds(t *testing.T) {
	for seed := range 200 {
		rng := rand.New(rand.NewSource(int64(seed)))
		h := newHistory(t)
		for _, v := range []string{"v0.1.0", "v0.2.0", "v0.3.0", "v0.4.0", "v0.5.0"} {
			h.add(h.register("sentiment", v))
		}
		for range 40 {
			if drafts := h.randomDrafts(rng, "sentiment", "production"); len(drafts) > 0 {
				h.add(drafts...)
			}
		}
		a := h.state.Artifacts["sentiment"]
		if a.Stages["production"] == nil {
			continue
		}
		left := map[ref.Version]bool{}
		for {
			from := a.Stages["production"].Version
			v, err := LastGood(h.state, "sentiment", "production", Healthy{})
			if err != nil {
				break
			}
			left[from] = true
			if _, held := a.Holds[v.Version]; held || left[v.Version] {
				t.Fatalf("seed %d: from %s forward to %s", seed, from, v.Version)
			}
			h.add(about(KindHold, "sentiment", from.String()), h.rollback("sentiment", from.String(), v.Version.String(), "production"))
			if rng.Intn(2) == 0 { // a hold alone is not what keeps it out
				h.add(about(KindReleaseHold, "sentiment", from.String()))
			}
		}
	}
}
