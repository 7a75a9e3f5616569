package delivery

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// The whole life of a deployment: proposed, merged, seen, and what came before
// made inactive.
func TestDeliver(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	o := x.options()
	o.Wrote = 3
	var r *Result
	asked := x.requests(func() { r = x.deliver("production", o) })
	if r.Effective || len(r.Files) != 1 || r.Files[0].State != Proposed || r.Files[0].PullRequest == "" || len(r.Recorded) > 0 {
		t.Fatalf("%+v", r)
	}
	if len(asked) > 7 {
		t.Errorf("%d requests: %q", len(asked), asked)
	}
	if got := x.deployments("live"); !slices.Equal(got, []string{"v0.1.0 in_progress"}) {
		t.Errorf("deployments: %v", got)
	}
	pr := x.repo.PullRequests()[0]
	want := strings.Replace(service, "old.example/sentiment@sha256:"+strings.Repeat("0", 64), x.repository()+"@"+string(digestOf("v0.1.0")), 1)
	if got, _ := x.repo.File(pr.HeadSHA, file); got != want {
		t.Errorf("the pull request has\n%s", got)
	}
	if pr.Title != "Deploy sentiment v0.1.0 to production" || pr.Head[:len("waybill/deploy-sentiment-production-")] != "waybill/deploy-sentiment-production-" || !strings.Contains(pr.Body, string(digestOf("v0.1.0"))) {
		t.Errorf("%+v", pr)
	}
	if message := x.git("--git-dir", x.bare, "log", "-1", "--format=%(trailers:only,unfold)", pr.HeadSHA); message !=
		"Waybill-Artifact: sentiment\nWaybill-Version: v0.1.0\nWaybill-Digest: "+string(digestOf("v0.1.0"))+"\nWaybill-Event: 3" {
		t.Errorf("trailers:\n%s", message)
	}

	// Not merged yet.
	seen := x.deployed()
	if len(seen.Recorded) > 0 || seen.Report.Verdict != report.Pass || !strings.Contains(seen.Report.Findings[0].Message, "not merged yet") {
		t.Errorf("%+v", seen.Report)
	}
	merged := x.merge(pr.Number)
	seen = x.deployed()
	if len(seen.Recorded) != 1 || seen.Recorded[0].Kind != ledger.KindDeploy || seen.Recorded[0].Commit != merged || seen.Report.Verdict != report.Pass {
		t.Errorf("%+v", seen)
	}
	if got := x.deployments("live"); !slices.Equal(got, []string{"v0.1.0 success"}) {
		t.Errorf("deployments: %v", got)
	}
	if again := x.deployed(); len(again.Recorded) > 0 {
		t.Errorf("recorded twice: %+v", again.Recorded)
	}

	// The next version: updated, not duplicated, and the first made inactive.
	x.promote("v0.2.0", "production")
	x.deliver("production", o)
	x.merge(2)
	x.deployed()
	if got := x.deployments("live"); !slices.Equal(got, []string{"v0.2.0 success", "v0.1.0 inactive"}) {
		t.Errorf("deployments: %v", got)
	}
}

// A pull request that nobody merged is brought up to date, and withdrawn when
// the stage goes back to what the file says.
func TestPullRequestIsUpdatedNotDuplicated(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	x.deliver("production", x.options())
	x.merge(1)
	x.deployed()
	x.promote("v0.2.0", "production")
	first := x.deliver("production", x.options())
	asked := x.requests(func() { x.deliver("production", x.options()) })
	for _, a := range asked {
		if !strings.HasPrefix(a, "GET") {
			t.Errorf("again with nothing to do: %s", a)
		}
	}
	// main moves on, and the file with it.
	x.git("pull", "-q", "origin", "main")
	now := x.onMain(file)
	x.write(file, "# moved on\n"+now+"\n")
	x.push("a comment")
	second := x.deliver("production", x.options())
	if first.Files[0].PullRequest != second.Files[0].PullRequest || len(x.repo.PullRequests()) != 2 {
		t.Errorf("%v and %v of %d", first.Files[0].PullRequest, second.Files[0].PullRequest, len(x.repo.PullRequests()))
	}
	pr := x.repo.PullRequests()[1]
	if got, _ := x.repo.File(pr.HeadSHA, file); !strings.HasPrefix(got, "# moved on\n") || !strings.Contains(got, digestOf("v0.2.0").Hex()) || pr.State != "open" {
		t.Errorf("%s has\n%s", pr.State, got)
	}
	if n := x.git("--git-dir", x.bare, "rev-list", "--count", "main.."+pr.HeadSHA); n != "1" {
		t.Errorf("%s commits on the branch", n)
	}
	x.append(ledger.Event{Kind: ledger.KindRollback, Artifact: "sentiment", Version: ref.MustVersion("v0.1.0"), From: ref.MustVersion("v0.2.0"),
		Stage: "production", ContentDigest: ref.Of([]byte("v0.1.0")), Digest: digestOf("v0.1.0"), Actor: ledger.Actor{ID: 1, Login: "ada"}})
	r := x.deliver("production", x.options())
	if !r.Effective || x.repo.PullRequests()[1].State != "closed" {
		t.Errorf("%+v; the pull request is %s", r, x.repo.PullRequests()[1].State)
	}
	if got := x.deployments("live"); !slices.Equal(got, []string{"v0.1.0 success", "v0.2.0 inactive", "v0.1.0 inactive"}) {
		t.Errorf("deployments: %v", got)
	}
}

// Without files there is nothing to wait for, and at most four requests.
func TestWithoutFiles(t *testing.T) {
	x := newWorld(t)
	for i, v := range []string{"v0.1.0", "v0.2.0"} {
		x.promote(v, "staging")
		o := x.options()
		o.Wrote = int64(3 + i)
		var r *Result
		asked := x.requests(func() { r = x.deliver("staging", o) })
		if !r.Effective || len(r.Recorded) > 0 || len(asked) != 3+i {
			t.Errorf("%+v after %q", r, asked)
		}
	}
	if got := x.deployments("staging"); !slices.Equal(got, []string{"v0.2.0 success", "v0.1.0 inactive"}) {
		t.Errorf("deployments: %v", got)
	}
	if all, _ := x.client.Deployments(context.Background(), "staging", ""); all[0].Task != "waybill:sentiment" || !strings.Contains(string(all[0].Payload), `"event":4`) {
		t.Errorf("%+v", all[0])
	}
	x.deliver("staging", x.options())
	if got := x.deployments("staging"); len(got) != 2 {
		t.Errorf("again: %v", got)
	}
}

// Another artifact's deployment to the same environment stays.
func TestOthersStay(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "staging")
	x.deliver("staging", x.options())
	o := x.options()
	d, err := x.client.CreateDeployment(context.Background(), deploymentOf(x, "waybill:other", "staging"))
	x.must(err)
	_, err = x.client.CreateDeploymentStatus(context.Background(), d.ID, statusOf(success))
	x.must(err)
	x.promote("v0.2.0", "staging")
	x.deliver("staging", o)
	if got := x.deployments("staging"); !slices.Equal(got, []string{"v0.2.0 success", "theirs success", "v0.1.0 inactive"}) {
		t.Errorf("deployments: %v", got)
	}
}

// Straight onto the branch, recorded at once; where a rule forbids it, a pull
// request.
func TestStraight(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	o := x.options()
	o.Straight = true
	r := x.deliver("production", o)
	if !r.Effective || r.Files[0].State != Committed || len(r.Recorded) != 1 || r.Recorded[0].Commit != r.Files[0].Commit || !strings.Contains(x.onMain(file), digestOf("v0.1.0").Hex()) {
		t.Errorf("%+v", r)
	}
	if got := x.deployments("live"); !slices.Equal(got, []string{"v0.1.0 success"}) {
		t.Errorf("deployments: %v", got)
	}
	x.repo.AddRuleset(githubtest.Ruleset{Name: "main", Target: "branch", Include: []string{"~DEFAULT_BRANCH"}, Rules: []map[string]any{{"type": "update"}}})
	x.promote("v0.2.0", "production")
	r = x.deliver("production", o)
	if r.Effective || r.Files[0].State != Proposed || len(r.Findings) != 1 || r.Findings[0].Severity != report.Warning || !strings.Contains(r.Findings[0].Message, "rule") {
		t.Errorf("%+v", r)
	}
}

// What the ledger does not know was written by hand, and is not written over.
func TestDrift(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	x.write(file, strings.Replace(service, "sha256:0000", "sha256:beef", 1))
	x.push("by hand")
	r := x.deliver("production", x.options())
	if r.Effective || r.Files[0].State != Refused || len(r.Findings) != 1 || len(x.repo.PullRequests()) != 0 {
		t.Fatalf("%+v", r)
	}
	f := r.Findings[0]
	if f.Verdict != report.Fail || f.Location.File != file || f.Location.Line != 8 || !strings.Contains(f.Message, "edited by hand") {
		t.Errorf("%+v at %+v", f, f.Location)
	}
	if seen := x.deployed(); seen.Report.Verdict != report.Fail || len(seen.Recorded) > 0 {
		t.Errorf("%+v", seen.Report)
	}
	// A version that is known, but not assigned, after it was deployed.
	x.write(file, strings.Replace(service, "sha256:"+strings.Repeat("0", 64), string(digestOf("v0.1.0")), 1))
	x.push("as assigned")
	x.deliver("production", x.options())
	x.merge(1)
	x.deployed()
	x.git("pull", "-q", "origin", "main")
	x.write(file, strings.Replace(x.onMain(file), digestOf("v0.1.0").Hex(), digestOf("v0.2.0").Hex(), 1))
	x.push("by hand")
	seen := x.deployed()
	if f := seen.Report.Findings[0]; f.Verdict != report.Fail || f.Severity != report.Error || f.Observed != "v0.2.0" || f.Expected != "v0.1.0" || !strings.Contains(f.Message, "edited afterwards") {
		t.Errorf("%+v", f)
	}
}

// On a laptop the file of the working tree is written, unless it was changed
// there.
func TestHere(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	path := filepath.Join(x.dir, filepath.FromSlash(file))
	x.write(file, service+"# mine\n")
	if r := x.deliver("production", Options{}); r.Files[0].State != Refused || len(r.Findings) != 1 {
		t.Errorf("%+v", r)
	}
	if data, _ := os.ReadFile(path); string(data) != service+"# mine\n" {
		t.Errorf("written over:\n%s", data)
	}
	outside := filepath.Join(t.TempDir(), "outside.yaml")
	x.must(os.WriteFile(outside, []byte(service), 0o644))
	x.must(os.Remove(path))
	x.must(os.Symlink(outside, path))
	if r := x.deliver("production", Options{}); r.Files[0].State != Refused {
		t.Errorf("through a link: %+v", r)
	}
	x.must(os.Remove(path))
	x.write(file, service)
	for range 2 {
		r := x.deliver("production", Options{})
		if r.Effective || r.Files[0].State != Written || len(r.Recorded) > 0 {
			t.Errorf("%+v", r)
		}
	}
	data, _ := os.ReadFile(path)
	if !strings.Contains(string(data), digestOf("v0.1.0").Hex()) {
		t.Errorf("the file has\n%s", data)
	}
	x.push("deploy")
	if seen, err := Deployed(context.Background(), x.w, Options{}); err != nil || len(seen.Recorded) != 1 {
		t.Errorf("%+v, %v", seen, err)
	}
}

// A failure after the ledger says what is left, and the next call does it.
func TestAgainAfterFailure(t *testing.T) {
	for _, broken := range []string{"git/trees", "git/refs", "pulls", "deployments"} {
		t.Run(broken, func(t *testing.T) {
			x := newWorld(t)
			x.promote("v0.1.0", "production")
			x.gh.Fail("POST /repos/acme/reviews/"+broken, githubtest.Fault{Status: 403})
			r, err := Deliver(context.Background(), x.w, "sentiment", "production", x.options())
			if err == nil || !strings.Contains(err.Error(), "run it again") || r == nil {
				t.Errorf("%+v, %v", r, err)
			}
			x.gh.Heal()
			x.deliver("production", x.options())
			if got := x.deployments("live"); !slices.Equal(got, []string{"v0.1.0 in_progress"}) || len(x.repo.PullRequests()) != 1 {
				t.Errorf("deployments %v, %d pull requests", got, len(x.repo.PullRequests()))
			}
		})
	}
}

// What model.yaml asks for and the branch does not have is said at its line.
func TestMissingFile(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	x.git("rm", "-q", file)
	x.push("gone")
	r := x.deliver("production", x.options())
	if f := r.Findings[0]; f.Location.File != "models/sentiment/model.yaml" || f.Location.Line != 6 || !strings.Contains(f.Message, "no file") {
		t.Errorf("%+v at %+v", f, f.Location)
	}
}

func TestPreview(t *testing.T) {
	x := newWorld(t)
	l, err := x.w.Ledger(context.Background())
	x.must(err)
	r, err := Preview(context.Background(), x.w, l, "sentiment", "production", l.State.Artifacts["sentiment"].Version(ref.MustVersion("v0.2.0")))
	x.must(err)
	if r.Effective || len(r.Files) != 1 || r.Files[0].State != Planned || len(r.Files[0].Changes) != 1 || !strings.Contains(string(r.Files[0].After), digestOf("v0.2.0").Hex()) {
		t.Errorf("%+v", r)
	}
}

// Texts of a file are shown, and do nothing, in a pull request.
func TestBodyIsInert(t *testing.T) {
	for _, s := range []string{"a`b`c", "x\ny", "\x1b[31m", "", strings.Repeat("é", 5000)} {
		got := code(s)
		if strings.Count(got, "`") != 2 || strings.ContainsAny(got, "\n\r\x1b") || len(got) > 1000 {
			t.Errorf("%q becomes %q", s, got)
		}
	}
}

// racing is a forge on which somebody else promotes while this run writes.
type racing struct {
	Forge
	meanwhile func()
}

func (r *racing) CreatePullRequest(ctx context.Context, p forge.NewPullRequest) (forge.PullRequest, error) {
	if r.meanwhile != nil {
		r.meanwhile()
		r.meanwhile = nil
	}
	return r.Forge.CreatePullRequest(ctx, p)
}

// What was written for an older assignment is not the last word.
func TestRace(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	o := x.options()
	o.Wrote = 3
	o.Forge = &racing{x.client, func() { x.promote("v0.2.0", "production") }}
	r := x.deliver("production", o)
	pr := x.repo.PullRequests()[0]
	if got, _ := x.repo.File(pr.HeadSHA, file); r.Event != 4 || !strings.Contains(got, digestOf("v0.2.0").Hex()) || pr.Title != "Deploy sentiment v0.2.0 to production" || len(x.repo.PullRequests()) != 1 {
		t.Errorf("%+v, %s has\n%s", r, pr.Title, got)
	}
	x.merge(1)
	x.deployed()
	if got := x.deployments("live"); !slices.Equal(got, []string{"v0.2.0 success", "v0.1.0 inactive"}) {
		t.Errorf("deployments: %v", got)
	}
}

// Nothing is recorded of what the stage does not hold any more, nor twice.
func TestRecord(t *testing.T) {
	x := newWorld(t)
	ctx := context.Background()
	stale := func() *delivery {
		l, err := x.w.Ledger(ctx)
		x.must(err)
		b, err := readBranch(ctx, x.w, l)
		x.must(err)
		d := newDelivery(x.w, l, b, nil, "sentiment", "production", Options{})
		d.assigned(&l.State.Artifacts["sentiment"].Stages["production"].Tenure)
		return d
	}
	x.promote("v0.1.0", "production")
	one, two, late := stale(), stale(), stale()
	for i, d := range []*delivery{one, two} {
		x.must(d.record(ctx))
		if len(d.result.Recorded) != 1-i {
			t.Errorf("%d: recorded %+v", i, d.result.Recorded)
		}
	}
	x.promote("v0.2.0", "production")
	x.must(late.record(ctx))
	if len(late.result.Recorded) != 0 {
		t.Errorf("recorded %+v", late.result.Recorded)
	}
}

// What a reader of the file would refuse is a warning; what cannot be written is
// said at its line.
func TestFileIsWrong(t *testing.T) {
	x := newWorld(t)
	x.promote("v0.1.0", "production")
	x.write(file, strings.Replace(service, "    model:", "    canaryTrafficPercent: 200\n    model:", 1))
	x.push("more than all")
	r := x.deliver("production", x.options())
	if len(r.Findings) != 1 || r.Files[0].State != Proposed || r.Findings[0].Severity != report.Warning || r.Findings[0].Location.Line != 6 {
		t.Errorf("%+v", r)
	}
	x.write(file, strings.Replace(service, `storageUri: "oci`, `storageUri: &here "oci`, 1))
	x.push("an anchor")
	r = x.deliver("production", x.options())
	if len(r.Findings) != 1 || r.Files[0].State != Refused || r.Findings[0].Location.File != file || r.Findings[0].Location.Line != 8 {
		t.Errorf("%+v, %+v", r.Findings, r.Findings[0].Location)
	}
}
