package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/cli"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// place is a clone with a project whose registry is reg.
type place struct {
	t   *testing.T
	dir string
	reg *testregistry.Registry
}

func newPlace(t *testing.T, reg *testregistry.Registry) *place {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	for k, v := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_SYSTEM": os.DevNull, "HOME": t.TempDir(), "XDG_CACHE_HOME": t.TempDir(),
		"GITHUB_ACTIONS": "", "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
	} {
		t.Setenv(k, v)
	}
	p := &place{t, t.TempDir(), reg}
	p.git("init", "-q", "-b", "main")
	p.write("waybill.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Project\nregistry: "+reg.URL+"/acme\n"))
	p.git("commit", "-q", "--allow-empty", "-m", "first")
	return p
}

func (p *place) git(args ...string) {
	p.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = p.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (p *place) write(name string, data []byte) {
	p.t.Helper()
	file := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// run runs waybill and returns its JSON.
func (p *place) run(want int, args ...string) map[string]any {
	p.t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(context.Background(), p.dir, append(args, "--format", "json"), strings.NewReader(""), &out, &errs)
	if code != want {
		p.t.Fatalf("waybill %v: exit code %d, not %d\n%s%s", args, code, want, out.String(), errs.String())
	}
	var v map[string]any
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &v); err != nil {
			p.t.Fatalf("waybill %v: %v\n%s", args, err, out.String())
		}
	}
	return v
}

func random(seed byte, n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	return data
}

// sameFiles compares the data of two folders.
func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	read := func(dir string) map[string]string {
		files := map[string]string{}
		err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				var data []byte
				data, err = os.ReadFile(p)
				rel, _ := filepath.Rel(dir, p)
				files[rel] = string(data)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	x, y := read(a), read(b)
	if len(x) != len(y) {
		t.Errorf("%s has %d files, %s has %d", a, len(x), b, len(y))
	}
	for name, data := range x {
		if y[name] != data {
			t.Errorf("%s differs", name)
		}
	}
}

// A dataset of many small files: few blobs, and a change of 1 % moves about
// 1 %, both ways.
func TestPackedDataset(t *testing.T) {
	reg := testregistry.New(t)
	p := newPlace(t, reg)
	p.write("dataset.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Dataset\nname: images\nfiles: {train: 'data/**', test: 'held/**'}\n"))
	const files, size = 2000, 10 << 10
	name := func(i int) string {
		folder := "data"
		if i%10 == 0 {
			folder = "held"
		}
		return fmt.Sprintf("%s/%02d/%04d.bin", folder, i/100, i)
	}
	data := random(1, files*size)
	for i := range files {
		p.write(name(i), data[i*size:(i+1)*size])
	}
	// Locked without a push it has no encoding, and is nothing to register.
	p.run(0, "lock", "images")
	p.run(2, "pull", "images", "--dir", "nowhere")
	p.run(1, "verify", "images")
	if s := fmt.Sprint(p.run(0, "status", "images")); !strings.Contains(s, "registry:not pushed") || !strings.Contains(s, "next:waybill push images") {
		t.Errorf("status of what was not pushed: %s", s)
	}
	p.run(0, "push", "images")
	if n := reg.Uploads(); n > 6 {
		t.Errorf("%d uploads for %d files", n, files)
	}
	first := p.run(0, "status", "images")
	if s := fmt.Sprint(first); !strings.Contains(s, "registry:ok") || !strings.Contains(s, "lock:ok") {
		t.Errorf("status: %s", s)
	}
	lock := func() string {
		b, err := os.ReadFile(filepath.Join(p.dir, "dataset.lock.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	v1 := lock()

	// Again: nothing is sent, and the lock stays.
	sent := reg.BytesReceived()
	p.run(0, "push", "images")
	if more := reg.BytesReceived() - sent; more != 0 || lock() != v1 {
		t.Errorf("the second push sent %d bytes", more)
	}
	p.run(0, "lock", "images")
	if lock() != v1 {
		t.Error("locking again changed the lock")
	}

	got := filepath.Join(t.TempDir(), "copy")
	p.run(0, "pull", "images", "--dir", got)
	sameFiles(t, filepath.Join(p.dir, "data"), filepath.Join(got, "data"))
	sameFiles(t, filepath.Join(p.dir, "held"), filepath.Join(got, "held"))

	// A split, and a file, alone.
	part := filepath.Join(t.TempDir(), "part")
	served := reg.BytesSent()
	p.run(0, "pull", "images", "--dir", part, "--path", "data/03/0301.bin")
	if n := reg.BytesSent() - served; n > 300_000 {
		t.Errorf("%d bytes for one file of %d", n, size)
	}

	for i := range files / 100 {
		p.write(name(i*97), random(byte(2+i), size))
	}
	sent = reg.BytesReceived()
	p.run(0, "push", "images")
	changed := int64(files / 100 * size)
	if more := reg.BytesReceived() - sent; more > changed+changed/2+200_000 {
		t.Errorf("%d bytes for %d changed ones", more, changed)
	}
	served = reg.BytesSent()
	p.run(0, "pull", "images", "--dir", got)
	if more := reg.BytesSent() - served; more > changed+changed/2+200_000 {
		t.Errorf("%d bytes came for %d changed ones", more, changed)
	}
	sameFiles(t, filepath.Join(p.dir, "data"), filepath.Join(got, "data"))
	sameFiles(t, filepath.Join(p.dir, "held"), filepath.Join(got, "held"))

	split := filepath.Join(t.TempDir(), "split")
	p.run(0, "pull", "images@"+contentDigest(t, lock())+":test", "--dir", split)
	sameFiles(t, filepath.Join(p.dir, "held"), filepath.Join(split, "held"))
	if _, err := os.Stat(filepath.Join(split, "data")); err == nil {
		t.Error("pulling a split brought the others")
	}
}

func contentDigest(t *testing.T, lock string) string {
	t.Helper()
	var l struct{ ContentDigest string }
	if err := json.Unmarshal([]byte(lock), &l); err != nil {
		t.Fatal(err)
	}
	return l.ContentDigest
}

// safetensors writes a file of tensors of a mebibyte each.
func safetensors(note string, tensors ...[]byte) []byte {
	header := map[string]any{"__metadata__": map[string]string{"note": note}}
	offset := 0
	for i, data := range tensors {
		header[fmt.Sprintf("layer.%03d", i)] = map[string]any{"dtype": "U8", "shape": []int{len(data)}, "data_offsets": []int{offset, offset + len(data)}}
		offset += len(data)
	}
	text, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	out = append(out, text...)
	for _, data := range tensors {
		out = append(out, data...)
	}
	return out
}

// Who has the first version of a model pulls of the second what changed.
func TestChangedTensors(t *testing.T) {
	for _, profile := range []testregistry.Profile{testregistry.Generic(), testregistry.GHCR()} {
		reg := testregistry.New(t, testregistry.WithProfile(profile))
		p := newPlace(t, reg)
		p.write("model.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Model\nname: tiny\nfiles: [w.safetensors, vocab.txt]\n"))
		tensors := make([][]byte, 40)
		for i := range tensors {
			tensors[i] = random(byte(i), 1<<20)
		}
		p.write("w.safetensors", safetensors("one", tensors...))
		p.write("vocab.txt", []byte("a\nb\n"))
		p.run(0, "push", "tiny")
		other := filepath.Join(t.TempDir(), "other")
		p.run(0, "pull", "tiny", "--dir", other)

		tensors[7], tensors[31] = random(200, 1<<20), random(201, 1<<20)
		p.write("w.safetensors", safetensors("two, which makes the header longer", tensors...))
		p.run(0, "push", "tiny")
		t.Setenv("WAYBILL_CACHE", "off")
		served := reg.BytesSent()
		p.run(0, "pull", "tiny", "--dir", other)
		if n := reg.BytesSent() - served; n > 2<<20+200_000 {
			t.Errorf("%d bytes for two tensors of a mebibyte", n)
		}
		for _, name := range []string{"w.safetensors", "vocab.txt"} {
			want, err := os.ReadFile(filepath.Join(p.dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(other, name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s differs (%v)", name, err)
			}
		}
	}
}
