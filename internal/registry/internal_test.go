package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/waybill-dev/waybill/internal/ref"
)

func TestRetryPolicy(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	policy := retryPolicy{wait: 100 * time.Millisecond, now: func() time.Time { return now }}
	dial := func(err error) error { return &net.OpError{Op: "dial", Err: err} }
	answer := func(status int, after string) *http.Response {
		return &http.Response{
			StatusCode: status, Header: http.Header{"Retry-After": {after}}, Body: http.NoBody,
			Request: &http.Request{Method: http.MethodGet, URL: &url.URL{Host: "registry.example"}},
		}
	}
	timeout := &net.DNSError{IsTimeout: true}
	for name, test := range map[string]struct {
		resp *http.Response
		err  error
		want []time.Duration // of the retries, before jitter
	}{
		"refused":            {nil, dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), []time.Duration{100, 200}},
		"no such host":       {nil, dial(&net.DNSError{IsNotFound: true}), nil},
		"name server":        {nil, dial(timeout), []time.Duration{100, 200}},
		"timeout":            {nil, dial(os.ErrDeadlineExceeded), []time.Duration{100}},
		"unreachable":        {nil, dial(syscall.EHOSTUNREACH), []time.Duration{100, 200}},
		"reset":              {nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, []time.Duration{100, 200, 400}},
		"reset, seen late":   {nil, &net.OpError{Op: "write", Err: net.ErrClosed}, []time.Duration{100, 200, 400}},
		"cut":                {nil, io.ErrUnexpectedEOF, []time.Duration{100, 200, 400}},
		"canceled":           {nil, &url.Error{Err: context.Canceled}, nil},
		"certificate":        {nil, errors.New("x509: unknown authority"), nil},
		"200":                {answer(200, ""), nil, nil},
		"404":                {answer(404, ""), nil, nil},
		"501":                {answer(501, ""), nil, nil},
		"503":                {answer(503, ""), nil, []time.Duration{100, 200, 400, 800}},
		"429 in 1 s":         {answer(429, "1"), nil, []time.Duration{1000, 1000, 1000, 1000}},
		"429 in an hour":     {answer(429, "3600"), nil, nil},
		"503 at a date":      {answer(503, now.Add(2*time.Second).Format(http.TimeFormat)), nil, []time.Duration{2000, 2000, 2000, 2000}},
		"503 at a past date": {answer(503, now.Add(-time.Hour).Format(http.TimeFormat)), nil, []time.Duration{100, 200, 400, 800}},
		"503 at nonsense":    {answer(503, "soon"), nil, []time.Duration{100, 200, 400, 800}},
	} {
		for attempt := range 6 {
			got, err := policy.Retry(attempt, test.resp, test.err)
			if name == "429 in an hour" && attempt < maxStatusRetries {
				if later, ok := errors.AsType[*laterError](err); !ok || later.asked != time.Hour {
					t.Errorf("%s: attempt %d: %v, want an error that says one hour", name, attempt, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if attempt >= len(test.want) {
				if got >= 0 {
					t.Errorf("%s: attempt %d is retried after %v", name, attempt, got)
				}
				continue
			}
			want := test.want[attempt] * time.Millisecond
			if got < want*9/10 || got > want*11/10 {
				t.Errorf("%s: attempt %d waits %v, want about %v", name, attempt, got, want)
			}
		}
	}
}

// With the default pause a host that refuses connections is given up within
// a second.
func TestRefusalIsReportedSoon(t *testing.T) {
	policy := retryPolicy{wait: Options{}.withDefaults().RetryWait, now: time.Now}
	var total time.Duration
	for attempt := 0; ; attempt++ {
		pause, _ := policy.Retry(attempt, nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
		if pause < 0 {
			break
		}
		total += pause
	}
	if total > time.Second {
		t.Errorf("pauses add up to %v", total)
	}
}

func TestWorkflowCredentials(t *testing.T) {
	stored := t.TempDir()
	config := `{"auths":{"ghcr.io":{"auth":"YWRhOnNlY3JldA=="}}}` // ada:secret
	if err := os.WriteFile(filepath.Join(stored, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		env  map[string]string
		host string
		want auth.Credential
	}{
		"nothing":           {nil, "ghcr.io", auth.EmptyCredential},
		"token":             {map[string]string{"GITHUB_TOKEN": "t"}, "ghcr.io", auth.Credential{Username: "x-access-token", Password: "t"}},
		"token and actor":   {map[string]string{"GITHUB_TOKEN": "t", "GITHUB_ACTOR": "octocat"}, "ghcr.io", auth.Credential{Username: "octocat", Password: "t"}},
		"another host":      {map[string]string{"GITHUB_TOKEN": "t"}, "evil.example", auth.EmptyCredential},
		"similar host":      {map[string]string{"GITHUB_TOKEN": "t"}, "ghcr.io:8443", auth.EmptyCredential},
		"login wins":        {map[string]string{"GITHUB_TOKEN": "t", "DOCKER_CONFIG": stored}, "ghcr.io", auth.Credential{Username: "ada", Password: "secret"}},
		"login of the host": {map[string]string{"DOCKER_CONFIG": stored}, "quay.io", auth.EmptyCredential},
	} {
		got, err := newKeychain(func(key string) string { return test.env[key] }).credential(t.Context(), test.host)
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, test.want)
		}
	}
}

func TestDiskFullIsFound(t *testing.T) {
	err := operation{repository: "oci-layout:x/y", name: "push"}.fail(&os.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some disk space") {
		t.Errorf("%v", err)
	}
}

func TestNoSuchHost(t *testing.T) {
	err := operation{repository: "nowhere.invalid/x", host: "nowhere.invalid", name: "ping"}.fail(
		&url.Error{Op: "Get", URL: "https://nowhere.invalid/v2/", Err: &net.OpError{Op: "dial", Err: &net.DNSError{Name: "nowhere.invalid", IsNotFound: true}}})
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "no such host: nowhere.invalid; check") {
		t.Errorf("%v", err)
	}
}

// The last byte of wrong content is never passed on, however it is read.
func TestVerifiedReader(t *testing.T) {
	content := []byte("hello, world")
	desc := descriptorOf("x", content)
	wrong := bytes.Clone(content)
	wrong[3] ^= 1
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"plain": func(r io.Reader) io.Reader { return r }, "one byte": iotest.OneByteReader,
		"half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
	} {
		for kind, data := range map[string][]byte{"right": content, "wrong": wrong, "short": content[:5], "long": append(bytes.Clone(content), '!')} {
			got, err := io.ReadAll(verified(io.NopCloser(wrap(bytes.NewReader(data))), desc))
			if kind == "right" {
				if err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: %q, %v", name, got, err)
				}
			} else if err == nil || len(got) >= len(content) {
				t.Errorf("%s, %s: passed on %q, %v", name, kind, got, err)
			}
		}
	}
}

func entry(content, name string) ocispec.Descriptor {
	desc := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(ref.Of([]byte(content))), Size: 1}
	if name != "" {
		desc.Annotations = map[string]string{ocispec.AnnotationRefName: name}
	}
	return desc
}

// Against a map as the model: any series of changes keeps every manifest
// once or once a tag, every tag on its manifest, and reads back the same.
func TestIndexAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	x := newIndex()
	tags, manifests := map[string]string{}, map[string]bool{}
	for step := range 3000 {
		content, name := strconv.Itoa(random.IntN(12)), "n_"+strconv.Itoa(random.IntN(8))
		desc := entry(content, "")
		switch random.IntN(3) {
		case 0:
			if x.add(desc) == manifests[content] {
				t.Fatalf("step %d: add does not tell what is new", step)
			}
			manifests[content] = true
		case 1:
			if listed, ok := x.manifest(string(desc.Digest)); ok {
				if x.setTag(listed, name) == (tags[name] == content) {
					t.Fatalf("step %d: setTag does not tell what changed", step)
				}
				tags[name] = content
			}
		case 2:
			_, had := tags[name]
			if x.dropTag(name) != had {
				t.Fatalf("step %d: dropTag does not tell what changed", step)
			}
			delete(tags, name)
		}
		data, err := x.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseIndex(data)
		if err != nil {
			t.Fatal(err)
		}
		reencoded, err := again.encode()
		if err != nil || !bytes.Equal(data, reencoded) {
			t.Fatalf("step %d: not stable: %v", step, err)
		}
		x = again

		for name, content := range tags {
			if desc, ok := x.tagged(name); !ok || desc.Digest != entry(content, "").Digest {
				t.Fatalf("step %d: tag %s is %s", step, name, desc.Digest)
			}
		}
		untagged := map[string]bool{}
		for content := range manifests {
			untagged[string(entry(content, "").Digest)] = true
		}
		for _, content := range tags {
			delete(untagged, string(entry(content, "").Digest))
		}
		if len(x.Manifests) != len(tags)+len(untagged) {
			t.Fatalf("step %d: %d entries for %d tags and %d untagged manifests", step, len(x.Manifests), len(tags), len(untagged))
		}
	}
}

func TestIndexDoesNotOutgrowItsReader(t *testing.T) {
	x := newIndex()
	for i := range 60_000 {
		x.Manifests = append(x.Manifests, entry(strconv.Itoa(i), "sentiment_v"+strings.Repeat("1", 100)+strconv.Itoa(i)))
	}
	if _, err := x.encode(); err == nil || !strings.Contains(err.Error(), "the layout is full") {
		t.Errorf("encode: %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	good, err := (&index{Index: ocispec.Index{Manifests: []ocispec.Descriptor{entry("a", "x_v1"), entry("a", "x_v2"), entry("b", "")}}}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Replace(good, []byte(`"schemaVersion":0`), []byte(`"schemaVersion":2`), 1))
	for _, seed := range []string{
		`{"schemaVersion":2}`, `{"schemaVersion":2,"manifests":null}`, `{"schemaVersion":2,"manifests":[{}]}`,
		`{"schemaVersion":2,"manifests":[{"digest":"sha256:../../x","size":9223372036854775807}]}`,
		`{"schemaVersion":2,"manifests":[{"digest":"sha512:aa","size":-1,"annotations":{"org.opencontainers.image.ref.name":"a_b"}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseIndex(data)
		if err != nil {
			return
		}
		for _, desc := range x.Manifests {
			if checkDescriptor(desc) != nil {
				continue // never looked up
			}
			if path := blobPath(desc); !filepath.IsLocal(path) || filepath.Dir(filepath.FromSlash(path)) != filepath.FromSlash(blobsDir) {
				t.Fatalf("digest %q is file %q", desc.Digest, path)
			}
		}
		x.add(entry("new", ""))
		added, _ := x.manifest(string(entry("new", "").Digest))
		x.setTag(added, "fuzz_v1")
		out, err := x.encode()
		if err != nil {
			return
		}
		again, err := parseIndex(out)
		if err != nil {
			t.Fatalf("cannot read what was written: %v\n%s", err, out)
		}
		if desc, ok := again.tagged("fuzz_v1"); !ok || desc.Digest != added.Digest {
			t.Fatalf("lost the tag: %s", out)
		}
		if !json.Valid(out) || !slices.ContainsFunc(again.Manifests, func(d ocispec.Descriptor) bool { return d.Digest == added.Digest }) {
			t.Fatalf("lost the manifest: %s", out)
		}
	})
}

// Lookups agree with a walk over all entries, whatever was changed before.
func TestIndexLookups(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	x := newIndex()
	for step := range 2000 {
		content, tag := strconv.Itoa(random.IntN(20)), "a_"+strconv.Itoa(random.IntN(10))
		if random.IntN(2) == 0 {
			tag = "b" + tag[1:]
		}
		switch random.IntN(6) {
		case 0:
			x.add(entry(content, ""))
		case 1:
			x.dropTag(tag)
		case 2:
			x.drop(string(entry(content, "").Digest), "a_")
		case 3:
			if _, err := x.encode(); err != nil {
				t.Fatal(err)
			}
		case 4:
			x = x.clone()
		default:
			if desc, ok := x.manifest(string(entry(content, "").Digest)); ok {
				x.setTag(desc, tag)
			}
		}
		walked := newIndex()
		walked.Manifests = x.Manifests
		walked.locate()
		if !maps.Equal(walked.byName, x.byName) || len(walked.byDigest) != len(x.byDigest) {
			t.Fatalf("step %d: %v, %v; want %v, %v", step, x.byName, x.byDigest, walked.byName, walked.byDigest)
		}
		for digest, i := range x.byDigest {
			if string(x.Manifests[i].Digest) != digest {
				t.Fatalf("step %d: %s is said to be at %d", step, digest, i)
			}
		}
	}
}

// A file that the layout can share blocks with is not copied, but what was
// stored is verified all the same.
func TestIngestClone(t *testing.T) {
	defer func(was func(dst, src *os.File) bool) { clone = was }(clone)
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	l := &layout{now: time.Now}
	for name, test := range map[string]struct {
		clone func(dst, src *os.File) bool
		want  string
	}{
		"shared":      {func(dst, _ *os.File) bool { return must1(dst.WriteAt([]byte("weights"), 0)) == 7 }, ""},
		"not shared":  {func(dst, src *os.File) bool { return false }, ""},
		"other bytes": {func(dst, _ *os.File) bool { return must1(dst.WriteAt([]byte("WEIGHTS"), 0)) == 7 }, "it changed since it was described"},
		"too long":    {func(dst, _ *os.File) bool { return must1(dst.WriteAt([]byte("weights!"), 0)) == 8 }, "more than 7 bytes"},
		"too short":   {func(dst, _ *os.File) bool { return must1(dst.WriteAt([]byte("w"), 0)) == 1 }, "1 bytes instead of 7"},
	} {
		t.Run(name, func(t *testing.T) {
			clone = test.clone
			file := filepath.Join(dir, "weights.bin")
			if err := os.WriteFile(file, []byte("weights"), 0o600); err != nil {
				t.Fatal(err)
			}
			source, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			desc := descriptorOf("x/y", []byte("weights"))
			err = l.storeBlob(t.Context(), root, desc, source)
			got, readErr := root.ReadFile(blobPath(desc))
			if test.want == "" && (err != nil || string(got) != "weights") {
				t.Errorf("stored %q, %v, %v", got, err, readErr)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || readErr == nil) {
				t.Errorf("%v; stored %q", err, got)
			}
			root.Remove(blobPath(desc))
			if left, err := fs.ReadDir(root.FS(), ingestDir); err != nil || len(left) != 0 {
				t.Errorf("left in ingest: %v, %v", left, err)
			}
		})
	}
}

func must1(n int, err error) int {
	if err != nil {
		panic(err)
	}
	return n
}
