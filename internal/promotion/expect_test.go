package promotion

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

// A name without a version means another one when a newer was registered after
// the plan: that is refused, with both versions by name.
func TestNewerThanPlanned(t *testing.T) {
	x := newWorld(t, openStages)
	planned := x.release("v1.0.0", "one")
	x.release("v1.1.0", "two")
	_, err := Promote(t.Context(), x.w, ref.Reference{Name: "sentiment"}, "staging", Options{Expect: planned.ContentDigest})
	if err == nil || !strings.Contains(err.Error(), "sentiment is v1.1.0 (sha256:") || !strings.Contains(err.Error(), "sentiment@v1.0.0 ("+string(planned.ContentDigest)+") was planned") {
		t.Errorf("%v", err)
	}
	if x.in("staging") != "" || x.ledger().State.Artifacts["sentiment"].Decisions != nil {
		t.Error("something was written")
	}
}
