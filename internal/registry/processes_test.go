package registry_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

// Tests that need another process run this binary again as one of these.
const childEnv = "WAYBILL_REGISTRY_TEST_CHILD"

var children = map[string]func(t *testing.T, dir string){
	"tag":   childTags,
	"write": childWrites,
	"limit": childFillsDisk,
}

func TestChild(t *testing.T) {
	role, dir, _ := strings.Cut(os.Getenv(childEnv), ":")
	child := children[role]
	if child == nil {
		t.Skip("only as a child process")
	}
	child(t, dir)
}

func childCommand(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+role+":"+dir)
	return cmd
}

const tagsPerChild = 50

func childTags(t *testing.T, dir string) {
	dir, name, _ := strings.Cut(dir, "|")
	repo := openLayout(t, dir)
	for i := range tagsPerChild {
		desc, _ := pushManifest(t, repo, fmt.Sprintf("model %s %d", name, i%5), nil)
		tag(t, repo, desc, fmt.Sprintf("%s-%02d", name, i))
	}
}

// Several processes on one layout, which none of them created: no tag is lost.
func TestProcessesShareLayout(t *testing.T) {
	dir := t.TempDir()
	var running []*exec.Cmd
	var want []string
	for _, name := range []string{"a", "b", "c"} {
		cmd := childCommand(t, "tag", dir+"|"+name)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		must(t, cmd.Start())
		running = append(running, cmd)
		for i := range tagsPerChild {
			want = append(want, fmt.Sprintf("%s-%02d", name, i))
		}
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, cmd.Stdout)
		}
	}
	wantTags(t, openLayout(t, dir), want...)
}

func childWrites(t *testing.T, dir string) {
	repo := openLayout(t, dir)
	for i := range 10_000 {
		desc, _ := pushManifest(t, repo, fmt.Sprintf("model %d %s", i, strings.Repeat("x", 1<<18)), nil)
		tag(t, repo, desc, fmt.Sprintf("v0.0.%d", i))
		fmt.Printf("tagged v0.0.%d %s\n", i, desc.Digest)
	}
}

// Whatever a killed process was doing, the layout is whole, and what it said
// was tagged is.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	for round := range 6 {
		cmd := childCommand(t, "write", dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		tagged := map[string]string{}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var name, digest string
			if n, _ := fmt.Sscanf(lines.Text(), "tagged %s %s", &name, &digest); n == 2 {
				tagged[name] = digest
			}
			if len(tagged) == 3+round {
				cmd.Process.Kill() // what it does between this and the next line is open
			}
		}
		cmd.Wait()
		if len(tagged) < 3 {
			t.Fatalf("the child wrote %d manifests", len(tagged))
		}
		repo := openLayout(t, dir)
		for name, digest := range tagged {
			desc, err := repo.Resolve(t.Context(), name)
			if err != nil || string(desc.Digest) != digest {
				t.Fatalf("round %d: %s = %s, %v; want %s", round, name, desc.Digest, err, digest)
			}
			if _, _, err := repo.Manifest(t.Context(), ref.Digest(digest)); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		desc, _ := pushManifest(t, repo, "after", nil)
		tag(t, repo, desc, "after")
	}
}
