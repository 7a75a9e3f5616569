package doctor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

func (x *world) verify(deep bool, refs ...string) string {
	x.t.Helper()
	x.open()
	var parsed []ref.Reference
	for _, s := range refs {
		r, err := ref.Parse(s)
		if err != nil {
			x.t.Fatal(err)
		}
		parsed = append(parsed, r)
	}
	r, err := Verify(context.Background(), x.w, parsed, VerifyOptions{Deep: deep})
	if err != nil {
		return "error: " + err.Error()
	}
	lines := []string{string(r.Verdict)}
	for _, f := range r.Findings {
		if f.Verdict != report.Pass {
			lines = append(lines, f.Check+" "+f.Message+" → "+f.Hint)
		}
	}
	return strings.Join(lines, "\n")
}

// blobFile is where the layout keeps what has this content.
func (x *world) blobFile(content string) string {
	return filepath.Join(x.dir, ".waybill", "registry", "blobs", "sha256", ref.Of([]byte(content)).Hex())
}

func TestVerifyLayout(t *testing.T) {
	x := newWorld(t)
	if got := x.verify(false); got != "FAIL\nverify.evidence sentiment: the registry does not list its predictions → run: waybill push sentiment" {
		t.Errorf("evidence that was never attached: %s", got)
	}
	x.examine(true)
	for _, deep := range []bool{false, true} {
		if got := x.verify(deep); got != "PASS" {
			t.Errorf("deep %v: %s", deep, got)
		}
		if got := x.verify(deep, "sentiment@v1.0.0", "sentiment#staging", "sentiment"); got != "PASS" {
			t.Errorf("deep %v: %s", deep, got)
		}
	}
	weights := x.blobFile("weights")
	if err := os.Chmod(weights, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(weights, []byte("WEIGHTS"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := x.verify(false); got != "PASS" {
		t.Errorf("sizes alone: %s", got)
	}
	contains(t, x.verify(true), "FAIL\nverify.content sentiment: w.bin: its bytes are other than they were: they are sha256:")
	contains(t, x.verify(true, "sentiment@v1.0.0"), "verify.content sentiment v1.0.0: w.bin", "in a working tree of commit "+x.commit[:12])
	if err := os.Truncate(weights, 3); err != nil {
		t.Fatal(err)
	}
	contains(t, x.verify(false), "verify.blob sentiment: the registry does not have w.bin of 7 bytes")
	if err := os.Remove(x.blobFile("{}")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.Remove(x.blobFile("id,label\n1,x\n")); err != nil {
		t.Fatal(err)
	}
	contains(t, x.verify(true), "verify.evidence sentiment: the registry does not have predictions of 13 bytes", "does not have w.bin")
	// A damaged manifest in a folder that is there is a finding, not an outage.
	file := filepath.Join(x.dir, ".waybill", "registry", "index.json")
	if err := os.WriteFile(file, []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	contains(t, x.verify(false), "FAIL\nverify.manifest sentiment: oci-layout:.waybill/registry/sentiment does not have its manifest")
}

func TestVerifyLocks(t *testing.T) {
	x := newWorld(t)
	x.examine(true)
	file := filepath.Join(x.dir, "m", "model.lock.json")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lock map[string]any
	edit := func(change func()) {
		t.Helper()
		lock = nil
		if err := json.Unmarshal(good, &lock); err != nil {
			t.Fatal(err)
		}
		change()
		data, err := json.Marshal(lock)
		if err != nil {
			t.Fatal(err)
		}
		x.write("m/model.lock.json", string(data))
	}
	edit(func() {
		e := lock["encoding"].(map[string]any)
		e["size"] = e["size"].(float64) + 1
	})
	contains(t, x.verify(false), "FAIL\nverify.manifest sentiment: the manifest has ")
	edit(func() {
		// Predictions of other weights are recorded, but not attached.
		p := lock["evidence"].(map[string]any)["predictions"].(map[string]any)
		p["model"], p["digest"] = "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	})
	if got := x.verify(false); got != "PASS" {
		t.Errorf("predictions of other weights: %s", got)
	}
	if _, bad, _ := x.examine(true); bad != "" {
		t.Errorf("doctor: %s", bad)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	contains(t, x.verify(false), "error: verify: no artifact has a lock")
	contains(t, x.verify(false, "sentiment"), "error: verify sentiment: it has no lock")
	if got := x.verify(false, "sentiment@v1.0.0"); got != "PASS" {
		t.Errorf("a version needs no lock: %s", got)
	}
}

func TestVerifyRemote(t *testing.T) {
	x, r := remoteWorld(t)
	contains(t, x.verify(false), "FAIL\nverify.manifest sentiment: "+r.URL+"/acme/sentiment does not have its manifest")
	x.push("weights")
	x.examine(true)
	if got := x.verify(true); got != "PASS" {
		t.Fatal(got)
	}
	weights := string(ref.Of([]byte("weights")))
	r.Corrupt(weights)
	contains(t, x.verify(true), "FAIL\nverify.content sentiment: w.bin: its bytes are other")
	if got := x.verify(false); got != "PASS" {
		t.Fatal(got)
	}
	r.Down(true)
	contains(t, x.verify(false), "error: verify sentiment: "+r.URL)
	r.Down(false)
	// The registry's list lost the evidence, and the file is gone: what the
	// registry still holds is attached again.
	repo, err := x.w.Repository("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(x.dir, "m", "p.csv")); err != nil {
		t.Fatal(err)
	}
	lock, err := x.w.Lock(x.w.Artifacts[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	desc, _, err := repo.Manifest(ctx, lock.Encoding.Digest)
	if err != nil {
		t.Fatal(err)
	}
	list, err := repo.Resolve(ctx, strings.Replace(string(desc.Digest), ":", "-", 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.Delete(ctx, list); err != nil {
		t.Fatal(err)
	}
	contains(t, x.verify(false), "verify.evidence sentiment: the registry does not list its predictions")
	_, _, mended := x.examine(true)
	if len(mended) == 0 || !strings.Contains(strings.Join(mended, "\n"), "predictions attached again") {
		t.Errorf("mended %q", mended)
	}
	if got := x.verify(true, "sentiment"); strings.Contains(got, "verify.evidence") {
		t.Error(got)
	}
}

// Chunks that the index claims are compared with what the pack holds.
func TestRehash(t *testing.T) {
	content := []byte("aaaabbbbccccdddd")
	sum := func(from, to int) [sha256.Size]byte { return sha256.Sum256(content[from:to]) }
	for name, test := range map[string]struct {
		chunks []chunk
		want   string
	}{
		"none":                    {nil, ""},
		"all":                     {[]chunk{{0, 4, sum(0, 4), "a"}, {4, 16, sum(4, 16), "b"}}, ""},
		"a hole":                  {[]chunk{{1, 3, sum(1, 3), "a"}, {15, 16, sum(15, 16), "b"}}, ""},
		"shared":                  {[]chunk{{4, 8, sum(4, 8), "a"}, {4, 8, sum(4, 8), "b"}, {8, 9, sum(8, 9), "c"}}, ""},
		"wrong":                   {[]chunk{{0, 4, sum(0, 4), "a"}, {4, 8, sum(0, 4), "b"}}, "chunks of b,"},
		"shared, one wrong":       {[]chunk{{4, 8, sum(4, 8), "a"}, {4, 8, sum(0, 8), "b"}}, "chunks of b,"},
		"shared, other length":    {[]chunk{{4, 8, sum(4, 8), "a"}, {4, 9, sum(4, 9), "b"}}, "chunks of b,"},
		"past the end":            {[]chunk{{12, 17, sum(12, 16), "a"}}, "chunks of a,"},
		"far past the end":        {[]chunk{{1 << 40, 1<<40 + 1, sum(0, 1), "a"}}, "chunks of a,"},
		"overlapping, hostile":    {[]chunk{{0, 8, sum(0, 8), "a"}, {4, 12, sum(4, 12), "b"}}, "chunks of b,"},
		"inside another, hostile": {[]chunk{{0, 8, sum(0, 8), "a"}, {4, 6, sum(4, 6), "b"}, {9, 10, sum(9, 10), "c"}}, "chunks of b,"},
		"several, sorted, thrice": {[]chunk{{0, 1, sum(1, 2), "z"}, {1, 2, sum(4, 5), "y"}, {2, 3, sum(4, 5), "x"}, {3, 4, sum(4, 5), "w"}},
			"chunks of w, x, y,"},
	} {
		for _, size := range []int{1, 3, 16} {
			t.Run(fmt.Sprintf("%s by %d", name, size), func(t *testing.T) {
				b := blob{desc: ocispec.Descriptor{Digest: digest.FromBytes(content), Size: int64(len(content))}}
				err := rehash(context.Background(), io.NopCloser(&slowReader{content, size}), b, test.chunks, func(int64) {})
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error()+",", test.want)) {
					t.Errorf("%v, want %q", err, test.want)
				}
			})
		}
	}
	for name, wrong := range map[string][]byte{"short": content[:15], "long": append(bytes.Clone(content), 'x'), "other": bytes.ToUpper(content)} {
		b := blob{desc: ocispec.Descriptor{Digest: digest.FromBytes(content), Size: int64(len(content))}}
		if err := rehash(context.Background(), io.NopCloser(bytes.NewReader(wrong)), b, nil, func(int64) {}); err == nil {
			t.Errorf("%s: passed", name)
		}
	}
}

// slowReader gives at most n bytes at a time.
type slowReader struct {
	left []byte
	n    int
}

func (s *slowReader) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.n)], s.left)
	s.left = s.left[n:]
	return n, nil
}
