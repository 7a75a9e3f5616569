package promotion

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
)

// A pre-release promises nothing (semver 2.0.0, item 9): what follows it is
// held to the release before it.
func TestPromised(t *testing.T) {
	for _, c := range []struct {
		versions string // separated by spaces
		next     string
		want     string // the version that next is held to, "" for none
	}{
		{"", "v0.1.0", ""},
		{"v0.1.0", "v0.1.1", "v0.1.0"},
		{"v0.1.0", "v0.2.0", ""},
		{"v0.9.0", "v1.0.0", ""},
		{"v1.2.0", "v1.3.0", "v1.2.0"},
		{"v1.2.0", "v2.0.0", ""},
		{"v1.2.0", "v2.0.0-rc.1", ""},
		{"v1.2.0 v2.0.0-rc.1", "v2.0.0-rc.2", ""},
		{"v1.2.0 v2.0.0-rc.1", "v2.0.0", ""},
		{"v1.2.0 v1.3.0-rc.1", "v1.3.0", "v1.2.0"},
		{"v1.0.0-rc.1", "v1.0.0", ""},
		{"v1.3.0-rc.1 v1.2.0", "v1.3.0", "v1.2.0"},
	} {
		a := &ledger.Artifact{}
		for _, v := range strings.Fields(c.versions) {
			a.Versions = append(a.Versions, ledger.Version{Version: ref.MustVersion(v)})
		}
		got := ""
		if v := promised(a, ref.MustVersion(c.next)); v != nil {
			got = v.Version.String()
		}
		if got != c.want {
			t.Errorf("%s after %q is held to %q, want %q", c.next, c.versions, got, c.want)
		}
	}
	if promised(nil, ref.MustVersion("v0.1.0")) != nil {
		t.Error("an artifact without versions promises something")
	}
}
