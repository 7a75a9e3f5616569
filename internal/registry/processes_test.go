package registry_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// Tests that need another process run this binary again as one of these.
const childEnv = "WAYBILL_REGISTRY_TEST_CHILD"

var children = map[string]func(t *testing.T, dir string){
	"tag":   childTags,
	"write": childWrites,
	"limit": childFillsDisk,
	"churn": childChurns,
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

// childChurns pushes, tags and deletes, and sweeps as well; what it says at the
// end it left.
func childChurns(t *testing.T, dir string) {
	dir, name, _ := strings.Cut(dir, "|")
	reg := open(t, "oci-layout:layout", dir)
	repo := repository(t, reg, "model-"+name)
	for i := range 30 {
		// Every second content is the other processes' as well.
		content := fmt.Sprintf("model %d", i/2%3)
		if i%2 == 0 {
			content = fmt.Sprintf("model %s %d", name, i)
		}
		var desc, report ocispec.Descriptor
		for {
			desc, _ = pushManifest(t, repo, content, nil)
			report, _ = pushManifest(t, repo, "report of "+name, &desc)
			err := repo.Tag(t.Context(), desc, fmt.Sprintf("v%d", i))
			if err == nil {
				break
			}
			if !errors.Is(err, registry.ErrNotFound) { // another deleted the same
				t.Fatal(err)
			}
		}
		if found, err := repo.Referrers(t.Context(), desc, ""); err != nil || len(found) == 0 {
			t.Fatalf("referrers: %v, %v", found, err)
		}
		if i%3 != 0 {
			must(t, repo.Delete(t.Context(), report))
			must(t, repo.Delete(t.Context(), desc))
		}
		if i%10 == 9 {
			if _, err := reg.Sweep(t.Context(), time.Hour, true); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Eight processes push, tag, delete and sweep: each has what it kept, whole.
func TestProcessesChurn(t *testing.T) {
	dir := t.TempDir()
	var running []*exec.Cmd
	for i := range 8 {
		cmd := childCommand(t, "churn", fmt.Sprintf("%s|%d", dir, i))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		must(t, cmd.Start())
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, cmd.Stdout)
		}
	}
	if t.Failed() {
		return
	}
	reg := open(t, "oci-layout:layout", dir)
	aged(t, dir, 2*time.Hour)
	if _, err := reg.Sweep(t.Context(), time.Hour, true); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		repo := repository(t, reg, fmt.Sprintf("model-%d", i))
		for n := 0; n < 30; n += 3 {
			desc, err := repo.Resolve(t.Context(), fmt.Sprintf("v%d", n))
			must(t, err)
			_, data, err := repo.Manifest(t.Context(), ref.Digest(desc.Digest))
			must(t, err)
			var m ocispec.Manifest
			must(t, json.Unmarshal(data, &m))
			for _, blob := range append(m.Layers, m.Config) {
				if has, err := repo.HasBlob(t.Context(), blob); err != nil || !has {
					t.Errorf("model-%d v%d: %s is gone (%v)", i, n, blob.Digest, err)
				}
			}
		}
		tags, err := repo.Tags(t.Context())
		if err != nil || len(tags) != 10 {
			t.Errorf("model-%d has the tags %v, %v", i, tags, err)
		}
	}
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
