package promotion

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
	"github.com/waybill-dev/waybill/internal/report"
)

func (h *hub) attempt(id int64, n int) string {
	return fmt.Sprintf("%s/acme/reviews/actions/runs/%d/attempts/%d", h.ServerURL, id, n)
}

// T10: the event says that a run registered the version; GitHub says another
// thing about that run.
func TestT10ForkRegistration(t *testing.T) {
	for name, run := range map[string]githubtest.Run{
		"fork":                {HeadOwner: "mallory"},
		"pull_request":        {Event: "pull_request"},
		"pull_request_target": {Event: "pull_request_target"},
		"branch":              {Event: "push", HeadBranch: "mine"},
		"commit":              {Event: "push", HeadSHA: "before"},
		"actor":               {Event: "push", Actor: "mallory"},
		"attempt":             {Event: "push"},
	} {
		t.Run(name, func(t *testing.T) {
			y := newWorld(t, openStages)
			e := y.lock("v1.0.0", "one")
			h := y.github()
			h.repo.Fork("mallory")
			h.AddUser(githubtest.User{Login: "mallory", ID: 66})
			y.git("push", "-q", "origin", "HEAD:refs/heads/mine")
			if run.HeadSHA != "" {
				run.HeadSHA = y.git("rev-parse", "HEAD~1")
			}
			e.Run = h.attempt(h.run(y, run).ID, map[bool]int{true: 2, false: 1}[name == "attempt"])
			y.append(e)
			f := y.refusedBy("promotion.registration", "staging", h.within(y, h.run(y, githubtest.Run{})))
			if !strings.Contains(f.Hint, "waybill hold sentiment@v1.0.0") {
				t.Errorf("%+v", f)
			}
		})
	}
}

// A run that GitHub confirms vouches for what was recorded.
func TestRegistrationVerified(t *testing.T) {
	x := newWorld(t, openStages)
	e := x.lock("v1.0.0", "one")
	h := x.github()
	e.Run = h.attempt(h.run(x, githubtest.Run{Event: "push"}).ID, 1)
	x.append(e)
	o := x.mustPromote("production", h.within(x, h.run(x, githubtest.Run{})))
	f := findingOf(t, o.Report, "promotion.registration")
	if f.Verdict != report.Pass || findingOf(t, o.Report, "promotion.requires").Message != "the files checks passed when it was registered" {
		t.Errorf("%+v", o.Report)
	}
	runs := 0
	for _, r := range h.Requests() {
		if strings.Contains(r.Path, "/actions/runs/") {
			runs++
		}
	}
	if runs != 2 {
		t.Errorf("%d requests about two runs", runs)
	}
}

// The evidence of a registration that nobody can vouch for any more is not
// believed: the checks run again, over the bytes in the registry.
func TestRegistrationUnverified(t *testing.T) {
	for name, run := range map[string]string{"laptop": "", "gone": "https://github.com/acme/reviews/actions/runs/4711/attempts/1", "nonsense": "javascript:alert(1)"} {
		t.Run(name, func(t *testing.T) {
			x := newWorld(t, openStages)
			e := x.lock("v1.0.0", "one")
			e.Run = run
			e.Evidence.Verdicts[report.GroupFiles] = "FAIL"
			x.append(e)
			h := x.github()
			o := x.mustPromote("production", h.within(x, h.run(x, githubtest.Run{})))
			f := findingOf(t, o.Report, "promotion.registration")
			if f.Severity != report.Warning || !strings.Contains(f.Message, "unverified") || !strings.Contains(f.Message, "checked again") {
				t.Errorf("%+v", f)
			}
		})
	}
}

// What was recorded as PASS does not help when the checks fail now.
func TestForgedEvidence(t *testing.T) {
	x := newWorld(t, openStages)
	x.write("m/model.yaml", "apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [w.bin]\nchecks:\n  - {check: files.size, max: 1B}\n")
	x.release("v1.0.0", "one")
	x.mustPromote("staging", Occasion{}) // requires nothing
	h := x.github()
	o := x.promote("sentiment", "production", Options{On: h.within(x, h.run(x, githubtest.Run{}))})
	f := findingOf(t, o.Report, "promotion.requires")
	if o.Done || f.Verdict != report.Fail || !strings.Contains(f.Message, "now") {
		t.Errorf("%+v", o.Report)
	}
}

// T8: an event that names the content of somebody else's choosing: the lock in
// the commit it names tells.
func TestT8ForgedRegistration(t *testing.T) {
	x := newWorld(t, openStages)
	one := x.lock("v1.0.0", "one")
	two := x.lock("v2.0.0", "two")
	two.Commit = one.Commit
	x.append(two)
	f := x.refusedBy("promotion.registration", "staging", Occasion{})
	if !strings.Contains(f.Message, "other content") {
		t.Errorf("%+v", f)
	}
}

// T10: a commit that was never merged.
func TestT10CommitOffTheDefaultBranch(t *testing.T) {
	x := newWorld(t, openStages)
	x.git("checkout", "-q", "-b", "mine")
	e := x.lock("v1.0.0", "one")
	x.git("push", "-q", "origin", "HEAD:refs/heads/mine")
	x.bareGit("update-ref", "refs/heads/main", "main~1")
	x.append(e)
	f := x.refusedBy("promotion.registration", "staging", Occasion{})
	if !strings.Contains(f.Message, "is not on the branch main") {
		t.Errorf("%+v", f)
	}
}

// What the forge does not answer about the registration decides nothing.
func TestRegistrationNotAnswered(t *testing.T) {
	x := newWorld(t, openStages)
	e := x.lock("v1.0.0", "one")
	h := x.github()
	first := h.run(x, githubtest.Run{Event: "push"})
	e.Run = h.attempt(first.ID, 1)
	x.append(e)
	h.Fail(fmt.Sprintf("GET /repos/*/*/actions/runs/%d", first.ID), githubtest.Fault{Status: http.StatusInternalServerError, Times: 100})
	o := x.promote("sentiment", "staging", Options{On: h.within(x, h.run(x, githubtest.Run{}))})
	if f := findingOf(t, o.Report, "promotion.registration"); o.Report.Verdict != report.Inconclusive || f.Verdict != report.Inconclusive || x.in("staging") != "" {
		t.Errorf("%+v", o.Report)
	}
}

// Bytes that are gone cannot be checked again: that is told, not an error.
func TestRegistrationOfLostBytes(t *testing.T) {
	x := newWorld(t, openStages)
	x.release("v1.0.0", "one")
	x.must(os.RemoveAll(filepath.Join(x.top, "registry")))
	h := x.github()
	o := x.promote("sentiment", "production", Options{On: h.within(x, h.run(x, githubtest.Run{}))})
	if o.Report.Verdict != report.Fail || findingOf(t, o.Report, "promotion.content").Verdict != report.Fail || findingOf(t, o.Report, "promotion.requires").Verdict != report.Inconclusive {
		t.Errorf("%+v", o.Report)
	}
}
