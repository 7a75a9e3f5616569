package delivery

import (
	"context"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

func imageOf(version string) ref.Digest { return ref.Of([]byte("image of " + version)) }

// withImage asks for the image in the file, and registers a version that has one.
func (x *world) withImage(version string) {
	x.t.Helper()
	x.write("models/sentiment/model.yaml", strings.Replace(model, "oci://{ref}", "oci+native://{image}", 1))
	commit := x.push("images")
	x.append(ledger.Event{Kind: ledger.KindRegister, ArtifactKind: "Model", Artifact: "sentiment", Version: ref.MustVersion(version),
		ContentDigest: ref.Of([]byte(version)), Digest: digestOf(version), Commit: commit, Actor: ledger.Actor{ID: 1, Login: "ada"},
		Evidence: &ledger.Evidence{Others: map[string]ref.Digest{ledger.Image: imageOf(version)}}})
}

// The image of a version is written and read back as that version; where it has
// none, nothing is written.
func TestImage(t *testing.T) {
	x := newWorld(t)
	x.withImage("v0.3.0")
	o := x.options()
	o.Straight = true
	x.promote("v0.3.0", "production")
	r := x.deliver("production", o)
	if !r.Effective || len(r.Recorded) != 1 || !strings.Contains(x.onMain(file), `"oci+native://`+x.repository()+"@"+string(imageOf("v0.3.0"))+`"`) {
		t.Fatalf("%+v; the file has\n%s", r, x.onMain(file))
	}
	if seen := x.deployed(); seen.Report.Verdict != report.Pass || len(seen.Report.Findings) != 1 {
		t.Errorf("%+v", seen.Report)
	}
	// Registered before images were recorded.
	before := x.onMain(file)
	x.promote("v0.1.0", "production")
	r = x.deliver("production", o)
	if len(r.Findings) != 1 || r.Effective || r.Files[0].State != Refused || x.onMain(file) != before {
		t.Fatalf("%+v", r)
	}
	if f := r.Findings[0]; f.Location.Line != 8 || !strings.Contains(f.Message, "records none for sentiment v0.1.0") || !strings.Contains(f.Message, "kubernetes: true in its model.yaml, push, and register a new version") {
		t.Errorf("%+v", f)
	}
	x.git("pull", "-q", "origin", "main")
	// Edited by hand: the image of a version that is known, but not assigned.
	x.withImage("v0.4.0")
	x.promote("v0.4.0", "production")
	if r = x.deliver("production", o); !r.Effective {
		t.Fatalf("%+v", r)
	}
	x.git("pull", "-q", "origin", "main")
	x.write(file, before)
	x.push("by hand")
	if f := x.deployed().Report.Findings[0]; f.Verdict != report.Fail || f.Observed != "v0.3.0" || f.Expected != "v0.4.0" || !strings.Contains(f.Message, "edited afterwards") {
		t.Errorf("%+v", f)
	}
}

// An image is not renewed as the plain artifact, which many clusters do not mount.
func TestImageIsNotSwapped(t *testing.T) {
	x := newWorld(t)
	x.withImage("v0.3.0")
	x.promote("v0.3.0", "production")
	x.write(file, strings.Replace(service, "sha256:"+strings.Repeat("0", 64), string(imageOf("v0.3.0")), 1))
	for value, refused := range map[string]bool{``: true, `, value: "oci://{ref}"`: false, `, value: "oci://{image}"`: false} {
		x.write("models/sentiment/model.yaml", strings.Replace(model, `, value: "oci://{ref}"`, value, 1))
		x.push("target" + value)
		l, err := x.w.Ledger(context.Background())
		x.must(err)
		r, err := Preview(context.Background(), x.w, l, "sentiment", "production", l.State.Artifacts["sentiment"].Version(ref.MustVersion("v0.3.0")))
		x.must(err)
		if got := len(r.Findings) > 0; got != refused {
			t.Errorf("%q: %+v", value, r.Findings)
		}
		if refused && (!strings.Contains(r.Findings[0].Message, "names the container image of v0.3.0") || !strings.Contains(r.Findings[0].Hint, "{image}")) {
			t.Errorf("%+v", r.Findings[0])
		}
	}
}
