package stats

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// What the package comment promises of every architecture can be seen in the
// code for arm64: nothing there multiplies and adds in one step. metric
// promises the same.
func TestNothingIsFused(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for another architecture")
	}
	fused := regexp.MustCompile(`\(\S*?(\w+\.go:\d+)\)\s+(FN?M(?:ADD|SUB)[SD])\s`)
	for _, folder := range []string{".", "../metric"} {
		build := exec.Command("go", "build", "-gcflags=-S", folder)
		build.Env = append(os.Environ(), "GOARCH=arm64", "GOOS=linux", "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		if err != nil || len(out) < 10_000 {
			t.Fatalf("compile %s for arm64: %v, %d bytes\n%.2000s", folder, err, len(out), out)
		}
		for _, m := range fused.FindAllSubmatch(out, -1) {
			t.Errorf("%s: %s; round the product with float64(…)", m[1], m[2])
		}
	}
}
