package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
)

// The transport closes the content when the registry answers early; what a
// read says after that is not the content's failure.
func TestClosedContentIsNotBlamed(t *testing.T) {
	failing := func() (io.ReadCloser, error) { return io.NopCloser(iotest.ErrReader(errors.New("closed"))), nil }
	for _, closed := range []bool{false, true} {
		src := &blobSource{desc: descriptorOf("x", []byte("hello")), open: failing}
		body, err := src.body(0, 5)
		if err != nil {
			t.Fatal(err)
		}
		if closed {
			body.Close()
		}
		body.Read(make([]byte, 10))
		if got := src.failure(); (got == nil) != closed {
			t.Errorf("closed %v: failure %v", closed, got)
		}
	}
}

// Any part of the content is what it should be, and the last bytes of content
// that is too long are kept back, however it is read.
func TestParts(t *testing.T) {
	content := []byte("hello, world")
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"plain": func(r io.Reader) io.Reader { return r }, "one byte": iotest.OneByteReader,
		"half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	} {
		source := func(data []byte) *blobSource {
			return &blobSource{desc: descriptorOf("x", content), open: func() (io.ReadCloser, error) {
				return io.NopCloser(wrap(bytes.NewReader(data))), nil
			}}
		}
		for from := range int64(len(content)) {
			for to := from + 1; to <= int64(len(content)); to++ {
				body, err := source(content).body(from, to-from)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(body); err != nil || string(got) != string(content[from:to]) {
					t.Errorf("%s: %d to %d is %q, %v", name, from, to, got, err)
				}
			}
		}
		for kind, data := range map[string][]byte{"short": content[:7], "long": []byte("hello, world!")} {
			src := source(data)
			body, err := src.body(5, 7)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(body); err == nil || len(got) >= 7 || src.failure() == nil {
				t.Errorf("%s, %s: passed on %q, %v", name, kind, got, err)
			}
		}
		if _, err := source(content[:3]).body(5, 7); err == nil || !strings.Contains(err.Error(), "has only 3 bytes") {
			t.Errorf("%s: content that ends before its part: %v", name, err)
		}
	}
}

// The system can only send what is a file to net/http, too.
func TestFilesAreLeftToTheSystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.bin")
	content := []byte("hello, world")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	src := &blobSource{desc: descriptorOf("x", content), open: func() (io.ReadCloser, error) { return os.Open(path) }}
	for _, test := range []struct {
		offset, n int64
		isFile    bool
	}{{0, 12, true}, {5, 7, true}, {5, 3, false}} {
		body, err := src.body(test.offset, test.n)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := body.(*os.File); ok != test.isFile {
			t.Errorf("%d bytes from %d are a %T", test.n, test.offset, body)
		}
		got, err := io.ReadAll(body)
		if want := content[test.offset : test.offset+test.n]; err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes from %d are %q, %v", test.n, test.offset, got, err)
		}
		body.Close()
	}
}

func TestPodmanCredentials(t *testing.T) {
	dir := t.TempDir()
	write := func(name, login string) string {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(`{"auths":{"quay.io":{"auth":"`+login+`"}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	docker := filepath.Dir(write("docker/config.json", "YWRhOmRvY2tlcg==")) // ada:docker
	file := write("file.json", "YWRhOmZpbGU=")                              // ada:file
	write("run/containers/auth.json", "YWRhOnBvZG1hbg==")                   // ada:podman
	empty := filepath.Join(dir, "empty")
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"docker first":        {map[string]string{"DOCKER_CONFIG": docker, "REGISTRY_AUTH_FILE": file, "XDG_RUNTIME_DIR": dir + "/run"}, "docker"},
		"then the file":       {map[string]string{"DOCKER_CONFIG": empty, "REGISTRY_AUTH_FILE": file, "XDG_RUNTIME_DIR": dir + "/run"}, "file"},
		"then podman's login": {map[string]string{"HOME": empty, "XDG_RUNTIME_DIR": dir + "/run"}, "podman"},
		"none":                {map[string]string{"HOME": empty, "XDG_RUNTIME_DIR": empty}, ""},
		"one that is broken": {map[string]string{"REGISTRY_AUTH_FILE": filepath.Join(docker, "config.json", "x"),
			"XDG_RUNTIME_DIR": dir + "/run"}, "podman"},
	} {
		got, err := newKeychain(func(key string) string { return test.env[key] }).credential(t.Context(), "quay.io")
		want := auth.Credential{Username: "ada", Password: test.want}
		if test.want == "" {
			want = auth.EmptyCredential
		}
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	for _, seed := range []string{"bytes 0-9/10", "bytes 5-5/*", "BYTES 1-2/3", "bytes 9-0/10", "bytes */10", "bytes 0-9223372036854775807/*", "bytes 0-1/-1", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		first, last, size, ok := parseContentRange(header)
		if !ok {
			return
		}
		if first < 0 || last < first || size != -1 && size <= last {
			t.Fatalf("%q is %d to %d of %d", header, first, last, size)
		}
		total := "*"
		if size >= 0 {
			total = fmt.Sprint(size)
		}
		if f, l, s, ok := parseContentRange(fmt.Sprintf("bytes %d-%d/%s", first, last, total)); !ok || f != first || l != last || s != size {
			t.Fatalf("%q does not read back", header)
		}
	})
}

func FuzzReceived(f *testing.F) {
	for _, seed := range []string{"0-0", "0-99", "bytes=0-99", "1-2", "0-", "-1", "0-4611686018427387904", "0-18446744073709551615", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if n, ok := received(header); ok && n <= 0 {
			t.Fatalf("%q is %d bytes", header, n)
		}
	})
}

func FuzzSession(f *testing.F) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{
		`{"location":"https://registry.example/upload?state=a%2Fb","time":"2026-03-01T11:00:00Z"}`,
		`{"location":"/upload","time":"2026-03-01T11:00:00Z"}`, `{"location":"https://a b/","time":"2026-03-01T11:00:00Z"}`,
		`{"location":"https://x/","time":"never"}`, `{"time":"2026-02-01T11:00:00Z"}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "session")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := &session{path: path, now: func() time.Time { return now }}
		location := s.location()
		if location == nil {
			return
		}
		if !location.IsAbs() {
			t.Fatalf("%q is a location", location)
		}
		s.remember("registry.example/x", descriptorOf("x", data), location)
		if again := s.location(); again == nil || again.String() != location.String() {
			t.Fatalf("%q reads back as %v", location, again)
		}
	})
}

// However often a session changes hands, it has one owner.
func TestSessionHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	desc := descriptorOf("x", []byte("hello"))
	desc.Size = minSession
	var owners, most, had atomic.Int64
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 2000 {
				s := openSession(dir, time.Now, "registry.example/x", desc)
				if s == nil {
					continue
				}
				had.Add(1)
				if n := owners.Add(1); n > 1 {
					most.Store(n)
				}
				runtime.Gosched()
				owners.Add(-1)
				s.close()
			}
		})
	}
	running.Wait()
	if most.Load() > 1 || had.Load() == 0 {
		t.Errorf("%d owners at once, %d in all", most.Load(), had.Load())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// What nobody went on with holds secrets, and is removed; the rest of the
// folder is left alone.
func TestOldSessionsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	ours := strings.Repeat("0a", 32)
	for name, age := range map[string]time.Duration{ours: 8, ours + ".lock": 8, ours + ".123": 8, "f" + ours[1:]: 6, "notes.txt": 100} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := now.Add(-age * 24 * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	desc := descriptorOf("x", []byte("hello"))
	desc.Size = minSession
	openSession(dir, func() time.Time { return now }, "registry.example/x", desc).close()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != "f"+ours[1:] || left[1].Name() != "notes.txt" {
		t.Errorf("left: %v, %v", left, err)
	}
}
