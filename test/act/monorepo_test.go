package act

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestMonorepo: of 200 artifacts one changed. The others are not checked, not
// fetched, and cost the API nothing.
func TestMonorepo(t *testing.T) {
	l := newLab(t)
	l.waybill("init", "--registry", l.registry)
	l.waybill("init", "--github")
	for i := range 199 {
		name := fmt.Sprintf("set-%03d", i)
		dir := filepath.Join("teams", fmt.Sprintf("team-%02d", i%20), name)
		l.put(filepath.Join(dir, "dataset.yaml"), fmt.Sprintf("apiVersion: waybill.dev/v1\nkind: Dataset\nname: %s\nlicense: CC0-1.0\nfiles: [data/a.csv]\n", name))
		l.put(filepath.Join(dir, "data", "a.csv"), fmt.Sprintf("id\n%d\n", i))
	}
	l.put("models/sentiment/model.yaml", modelText)
	l.put("datasets/reviews/dataset.yaml", manifestText)
	l.data(200, "fine")
	l.model(1)
	l.waybill("lock")
	l.waybill("push", "reviews", "sentiment") // what the others are is in no registry
	l.push("main", "Start")
	l.model(2)
	l.waybill("push", "sentiment")
	l.push("retrain", "Retrain")
	pr := l.open("retrain", owner)
	j := l.pullRequest(pr, "opened")
	d := l.act(j)
	l.want(d, true)
	l.atMost(d, 25)
	l.contains(l.comment(pr).Body, "200 other artifacts did not change")
	l.golden("monorepo", l.comment(pr).Body)

	// What it costs beyond the checks, warm: the second run of each, by hand.
	// Nothing is asserted of it: go test -v prints the figures.
	dir := l.checkout(j.sha)
	l.hand(dir, "check", "sentiment")
	checks := l.hand(dir, "check", "sentiment")
	l.step(dir, j)
	whole := l.step(dir, j)
	t.Logf("checking alone %v, the action %v, beyond the checks %v, %d requests", checks, whole, whole-checks, len(d.asked))
}

// hand runs waybill and returns its processor time.
func (l *lab) hand(dir string, args ...string) time.Duration {
	l.t.Helper()
	cmd := exec.Command(os.Getenv("WAYBILL_TEST_BINARY"), args...)
	cmd.Dir, cmd.Env = dir, l.env
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("waybill %v: %v\n%s", args, err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
