package promotion

import (
	"context"
	"testing"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// The event of an outcome is the one that decided: of a rollback not the hold
// that is written with it, and of nothing to do the one that shows it.
func TestEventOfOutcome(t *testing.T) {
	x := withVersions(t, "  production: {}\n", "v0.1.0", "v0.2.0", "v0.3.0")
	is := func(o *Outcome, kind ledger.Kind) {
		t.Helper()
		log, err := x.ledger().Log()
		x.must(err)
		if all := log.Events(); o.Event < 1 || o.Event > int64(len(all)) {
			t.Errorf("event %d of %d: %+v", o.Event, len(all), o)
		} else if e := all[o.Event-1]; e.Kind != kind || e.Version != o.Version {
			t.Errorf("event %d is %s of %s, want %s of %s", o.Event, e.Kind, e.Version, kind, o.Version)
		}
	}
	is(x.rollback(RollbackOptions{Reason: "bad"}), ledger.KindRollback)
	// What leaves is held already: one event.
	r := ref.Reference{Name: "sentiment", Version: ref.MustVersion("v0.2.0")}
	for range 2 {
		o, err := Hold(context.Background(), x.w, r, false, "bad too")
		x.must(err)
		is(o, ledger.KindHold)
	}
	is(x.rollback(RollbackOptions{Reason: "bad too"}), ledger.KindRollback)
	o, err := Hold(context.Background(), x.w, r, true, "")
	x.must(err)
	is(o, ledger.KindReleaseHold)
	for range 2 {
		is(x.promote("sentiment@v0.2.0", "production", Options{}), ledger.KindPromote)
	}
}

// The image that deployment files are made to name is the one that was made anew
// from what was checked: a lock's word for it is dropped.
func TestImageInEvidence(t *testing.T) {
	x := newWorld(t, openStages)
	x.lock("v0.1.0", "one")
	a := x.w.Artifacts[0]
	lock, err := x.w.Lock(a)
	x.must(err)
	forged, made, other := ref.Of([]byte("forged")), ref.Of([]byte("made")), ref.Of([]byte("other"))
	lock.Evidence = map[string]manifest.EvidenceRef{ledger.Image: {Digest: forged}, "predictions": {Digest: other}}
	for _, image := range []ref.Digest{"", made} {
		e, err := attach(context.Background(), x.w, a, lock, image, report.New(nil))
		x.must(err)
		v := ledger.Version{Evidence: e}
		if v.Image() != image || e.Others["predictions"] != other {
			t.Errorf("%q: %+v", image, e)
		}
	}
}
