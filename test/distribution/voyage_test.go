// Package distribution holds the tests of waybill against a registry that
// others wrote: distribution v3 or, by way of WAYBILL_TEST_REGISTRY, any.
package distribution

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/test/distribution/server"
)

const (
	tensors    = 12
	tensorSize = 4 << 20
)

// program is the waybill that TestMain built.
var program string

func TestMain(m *testing.M) {
	if job := os.Getenv("WAYBILL_TEST_ATTACH"); job != "" {
		if err := attach(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "waybill-distribution-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = os.Getenv("WAYBILL_TEST_PROGRAM")
	if program == "" {
		program = filepath.Join(dir, "waybill")
		build := exec.Command("go", "build", "-C", "../..", "-o", program, "./cmd/waybill")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build waybill:", err)
			return 1
		}
	}
	return m.Run()
}

// machine is a computer of its own, without credentials or Git settings, from
// which the registry is reached through link.
type machine struct {
	t    *testing.T
	home string
	link *server.Link
}

func (m *machine) run(dir, name string, args ...string) string {
	m.t.Helper()
	out, err := m.try(dir, name, args...)
	if err != nil {
		m.t.Fatalf("%s %s: %v", filepath.Base(name), strings.Join(args, " "), err)
	}
	return out
}

func (m *machine) try(dir, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(m.t.Context(), name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + m.home, "DOCKER_CONFIG=" + m.home, "WAYBILL_CACHE=off", "NO_COLOR=1",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	}
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w\n%s%s", err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

func (m *machine) waybill(dir string, args ...string) string {
	m.t.Helper()
	return m.run(dir, program, args...)
}

// weights is a safetensors file. Tensors with the same seed are equal.
func weights(seeds []uint64) []byte {
	header := map[string]any{}
	for i := range seeds {
		header[fmt.Sprintf("layer.%02d", i)] = map[string]any{
			"dtype": "F32", "shape": []int{tensorSize / 4}, "data_offsets": []int{i * tensorSize, (i + 1) * tensorSize},
		}
	}
	text, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	text = append(text, bytes.Repeat([]byte{' '}, (8-len(text)%8)%8)...)
	out := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	for _, seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 0))
		for range tensorSize / 4 {
			// Numbers between -1 and 1, as weights are.
			out = binary.LittleEndian.AppendUint32(out, random.Uint32()&0x807fffff|0x3f000000)
		}
	}
	return out
}

func seeds(first uint64) []uint64 {
	s := make([]uint64, tensors)
	for i := range s {
		s[i] = first + uint64(i)
	}
	return s
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s has %d other bytes", path, len(got))
	}
}

func size(n int64) string { return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20)) }

// project makes a repository with a model and a dataset, and a clone of it.
func (m *machine) project(t *testing.T, v1 []byte) (work, clone string) {
	t.Helper()
	dir := t.TempDir()
	origin := filepath.Join(dir, "origin.git")
	work, clone = filepath.Join(dir, "work"), filepath.Join(dir, "clone")
	m.run(dir, "git", "init", "-q", "--bare", "-b", "main", origin)
	m.run(dir, "git", "clone", "-q", origin, work)
	m.run(work, "git", "checkout", "-q", "-b", "main")
	m.waybill(work, "init", "--registry", m.link.Addr+"/acme")
	write(t, filepath.Join(work, "models/net/model.yaml"), []byte("apiVersion: waybill.dev/v1\nkind: Model\nname: net\nfiles: [w.safetensors, vocab.json]\n"))
	write(t, filepath.Join(work, "models/net/w.safetensors"), v1)
	write(t, filepath.Join(work, "models/net/vocab.json"), []byte(`{"hello":1}`))
	write(t, filepath.Join(work, "datasets/words/dataset.yaml"), []byte("apiVersion: waybill.dev/v1\nkind: Dataset\nname: words\nfiles: [data/words.csv]\n"))
	write(t, filepath.Join(work, "datasets/words/data/words.csv"), []byte("id,word\n1,hello\n"))
	return work, clone
}

// The story of a model on this registry: pushed, pushed again, pulled, pushed
// over a connection that breaks, pulled when little has changed.
func TestVoyage(t *testing.T) {
	m := newMachine(t, address(t))
	v1 := weights(seeds(1))
	whole := int64(len(v1))
	work, clone := m.project(t, v1)

	m.waybill(work, "push")
	if sent, _ := m.link.Count(); sent < whole || sent > whole+whole/20 {
		t.Errorf("push: sent %s of %s", size(sent), size(whole))
	}
	m.waybill(work, "push")
	if sent, _ := m.link.Count(); sent > 64<<10 {
		t.Errorf("second push: sent %d bytes", sent)
	}
	m.commit(work, "one")
	m.run(filepath.Dir(clone), "git", "clone", "-q", filepath.Join(filepath.Dir(clone), "origin.git"), clone)
	m.link.Count()
	m.waybill(clone, "pull", "net", "words")
	if _, received := m.link.Count(); received > whole+whole/20 {
		t.Errorf("pull: received %s for %s", size(received), size(whole))
	}
	same(t, filepath.Join(clone, "models/net/w.safetensors"), v1)
	same(t, filepath.Join(clone, "datasets/words/data/words.csv"), []byte("id,word\n1,hello\n"))

	t.Run("verify", func(t *testing.T) {
		m := m.in(t)
		m.waybill(work, "verify")
		m.waybill(work, "verify", "--deep")
		lock := filepath.Join(clone, "datasets/words/dataset.lock.json")
		before, err := os.ReadFile(lock)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(clone, "datasets/words/data/words.csv"), []byte("id,word\n1,never pushed\n"))
		m.waybill(clone, "lock", "words")
		if out, err := m.try(clone, program, "verify"); exitCode(err) != 1 {
			t.Errorf("verify of a lock whose bytes were not pushed: %v\n%s", err, out)
		}
		write(t, lock, before)
	})

	most := whole + whole/20
	if !resumes() {
		most = 2 * whole
	}
	t.Run("a connection breaks", func(t *testing.T) {
		m := m.in(t)
		v2 := weights(seeds(1000))
		write(t, filepath.Join(work, "models/net/w.safetensors"), v2)
		m.link.Count()
		m.link.CutAfter(whole*6/10, false)
		m.waybill(work, "push", "net")
		sent, _ := m.link.Count()
		if t.Logf("sent %s of %s", size(sent), size(whole)); sent > most {
			t.Errorf("sent %s, want at most %s", size(sent), size(most))
		}
		out := t.TempDir()
		m.waybill(work, "pull", "net", "--dir", out)
		same(t, filepath.Join(out, "w.safetensors"), v2)
	})

	t.Run("the network goes away and comes back", func(t *testing.T) {
		m := m.in(t)
		v3 := weights(seeds(2000))
		write(t, filepath.Join(work, "models/net/w.safetensors"), v3)
		m.link.Count()
		m.link.CutAfter(whole*6/10, true)
		if out, err := m.try(work, program, "push", "net"); exitCode(err) != 4 {
			t.Fatalf("push without a network: %v\n%s", err, out)
		}
		m.link.Mend()
		m.waybill(work, "push", "net")
		sent, _ := m.link.Count()
		if t.Logf("sent %s of %s in two runs", size(sent), size(whole)); sent > most {
			t.Errorf("sent %s, want at most %s", size(sent), size(most))
		}
	})

	t.Run("one tensor changes", func(t *testing.T) {
		m := m.in(t)
		// The version before is the one that the clone holds.
		write(t, filepath.Join(work, "models/net/w.safetensors"), v1)
		m.waybill(work, "push", "net")
		changed := seeds(1)
		changed[5] = 99
		v4 := weights(changed)
		write(t, filepath.Join(work, "models/net/w.safetensors"), v4)
		m.waybill(work, "push", "net")
		m.commit(work, "four")
		m.run(clone, "git", "checkout", "-q", "--", ".")
		m.run(clone, "git", "pull", "-q")
		m.link.Count()
		m.waybill(clone, "pull", "net", "--force")
		_, received := m.link.Count()
		if t.Logf("received %s of %s", size(received), size(whole)); received > tensorSize*11/10 {
			t.Errorf("received %s for a change of %s", size(received), size(tensorSize))
		}
		same(t, filepath.Join(clone, "models/net/w.safetensors"), v4)
	})
}

// A dataset of many small files is stored in packs; a part of it can be had
// alone.
func TestPackedVoyage(t *testing.T) {
	const n, fileSize = 500, 10 << 10
	m := newMachine(t, address(t))
	work := t.TempDir()
	m.run(work, "git", "init", "-q", "-b", "main")
	m.waybill(work, "init", "--registry", m.link.Addr+"/packed")
	write(t, filepath.Join(work, "dataset.yaml"), []byte("apiVersion: waybill.dev/v1\nkind: Dataset\nname: images\nfiles: [\"data/**\"]\n"))
	image := func(i, version int) []byte {
		data := make([]byte, fileSize)
		rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), byte(version)}).Read(data)
		return data
	}
	path := func(i int) string { return fmt.Sprintf("data/%d/%03d.bin", i%10, i) }
	for i := range n {
		write(t, filepath.Join(work, path(i)), image(i, 1))
	}
	m.waybill(work, "push")
	m.link.Count()
	for i := range 5 {
		write(t, filepath.Join(work, path(100*i)), image(100*i, 2))
	}
	m.waybill(work, "push")
	sent, _ := m.link.Count()
	if t.Logf("sent %s for %s of new files", size(sent), size(5*fileSize)); sent > n*fileSize/10 {
		t.Errorf("sent %s for %s of new files", size(sent), size(5*fileSize))
	}
	m.waybill(work, "verify", "--deep")
	all, part := t.TempDir(), t.TempDir()
	m.waybill(work, "pull", "images", "--dir", all)
	for i := range n {
		version := 1
		if i%100 == 0 {
			version = 2
		}
		same(t, filepath.Join(all, path(i)), image(i, version))
	}
	m.link.Count()
	m.waybill(work, "pull", "images", "--path", "data/7/*", "--dir", part)
	_, received := m.link.Count()
	if t.Logf("received %s for a tenth", size(received)); received > n*fileSize*9/10 {
		t.Errorf("received %s for a tenth of %s", size(received), size(n*fileSize))
	}
	same(t, filepath.Join(part, path(7)), image(7, 1))
	if _, err := os.Stat(filepath.Join(part, path(8))); err == nil {
		t.Errorf("%s was not asked for", path(8))
	}
}

// in returns the machine for a part of the test.
func (m *machine) in(t *testing.T) *machine { return &machine{t: t, home: m.home, link: m.link} }

func (m *machine) commit(dir, message string) {
	m.t.Helper()
	m.run(dir, "git", "add", "-A")
	m.run(dir, "git", "commit", "-q", "-m", message)
	m.run(dir, "git", "push", "-q", "-u", "origin", "main")
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}
