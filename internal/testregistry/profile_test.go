package testregistry

import (
	"fmt"
	"strings"
	"testing"
)

// begin starts an upload and returns where it goes on.
func begin(t *testing.T, r *Registry, name string) string {
	t.Helper()
	return do(t, r, "POST", "/v2/"+name+"/blobs/uploads/", "").want(t, "POST", 202).header.Get("Location")
}

// push uploads data in one piece and returns its digest.
func push(t *testing.T, r *Registry, name, data string) string {
	t.Helper()
	digest := digestOf([]byte(data))
	do(t, r, "PUT", begin(t, r, name)+"&digest="+digest, data).want(t, "PUT", 201)
	return digest
}

func TestGHCR(t *testing.T) {
	r := New(t, WithProfile(GHCR()))
	at := begin(t, r, "m")
	do(t, r, "PATCH", at, strings.Repeat("x", 4<<20+1)).want(t, "PATCH over 4 MiB", 416)
	do(t, r, "PATCH", at, strings.Repeat("x", 4<<20)).want(t, "PATCH of 4 MiB", 202)
	push(t, r, "m", strings.Repeat("x", 5<<20))
	do(t, r, "GET", "/v2/m/referrers/"+digestOf(nil), "").want(t, "referrers", 404)
}

func TestECR(t *testing.T) {
	r := New(t, WithProfile(ECR()), WithRepositories("m"))
	do(t, r, "POST", "/v2/other/blobs/uploads/", "").want(t, "POST to another repository", 404)
	do(t, r, "PATCH", begin(t, r, "m"), "x").want(t, "PATCH", 201, "Range", "0-0", "Docker-Content-Digest", "")
	push(t, r, "m", "x")
	do(t, r, "GET", "/v2/m/referrers/"+digestOf(nil), "").want(t, "referrers", 200)

	none := New(t, WithProfile(ECR()))
	do(t, none, "POST", "/v2/m/blobs/uploads/", "").want(t, "POST where no repository exists", 404)
}

func TestGAR(t *testing.T) {
	r := New(t, WithProfile(GAR()))
	at := begin(t, r, "m")
	do(t, r, "PATCH", at, "x").want(t, "PATCH", 405)
	do(t, r, "GET", at, "").want(t, "status", 405)
	push(t, r, "m", "x")
}

func TestReadyProfiles(t *testing.T) {
	for name, test := range map[string]struct {
		profile   Profile
		referrers int
	}{"ACR": {ACR(), 200}, "Generic": {Generic(), 200}, "NoReferrers": {NoReferrers(), 404}, "Debian": {Debian(), 404}} {
		r := New(t, WithProfile(test.profile))
		do(t, r, "PATCH", begin(t, r, "m"), "x").want(t, name+": PATCH", 202)
		do(t, r, "GET", "/v2/m/referrers/"+digestOf(nil), "").want(t, name+": referrers", test.referrers)
	}
}

func TestMaxBody(t *testing.T) {
	r := New(t, WithProfile(Profile{MaxBody: 1000}))
	at := begin(t, r, "m")
	do(t, r, "PUT", at+"&digest="+digestOf(nil), strings.Repeat("x", 1001)).want(t, "PUT", 413)
	do(t, r, "PATCH", at, strings.Repeat("x", 1001)).want(t, "PATCH", 413)
	do(t, r, "PATCH", at, strings.Repeat("x", 1000)).want(t, "small PATCH", 202)
	do(t, r, "PUT", "/v2/m/manifests/v1", strings.Repeat(" ", 1001)).want(t, "manifest", 413)
}

func TestForgetBroken(t *testing.T) {
	r := New(t, WithProfile(Debian()))
	at := begin(t, r, "m")
	r.CutNextUpload(2)
	if got := do(t, r, "PATCH", at, "hello"); got.err == nil {
		t.Fatalf("cut PATCH: status %d", got.status)
	}
	got := do(t, r, "GET", at, "").want(t, "status", 404)
	if !strings.Contains(got.body, "BLOB_UPLOAD_INVALID") {
		t.Errorf("status: %s", got.body)
	}
	do(t, r, "PATCH", at, "llo", "Content-Range", "2-4").want(t, "PATCH", 404)
	push(t, r, "m", "hello")
}

func TestAbsoluteLocation(t *testing.T) {
	r := New(t, WithProfile(Profile{AbsoluteLocation: true}))
	if at := begin(t, r, "m"); !strings.HasPrefix(at, "http://"+r.URL+"/v2/m/blobs/uploads/") {
		t.Errorf("Location is %q", at)
	}
	push(t, r, "m", "x")
}

func TestNoMount(t *testing.T) {
	r := New(t, WithProfile(Profile{NoMount: true}))
	digest := push(t, r, "a", "hello")
	do(t, r, "POST", "/v2/b/blobs/uploads/?mount="+digest+"&from=a", "").want(t, "mount", 202)
	if r.Uploads() != 2 {
		t.Errorf("%d uploads were begun, want 2", r.Uploads())
	}
}

func TestNoRange(t *testing.T) {
	r := New(t, WithProfile(Profile{NoRange: true}))
	blob := "/v2/m/blobs/" + push(t, r, "m", "hello")
	got := do(t, r, "GET", blob, "", "Range", "bytes=1-2").want(t, "range", 200, "Content-Range", "", "Accept-Ranges", "")
	if got.body != "hello" {
		t.Errorf("range is %q", got.body)
	}
	do(t, r, "HEAD", blob, "").want(t, "HEAD", 200, "Accept-Ranges", "", "Content-Length", "5")
	do(t, New(t), "HEAD", "/v2/m/blobs/x", "").want(t, "HEAD of nothing", 404)
}

// putManifest stores a manifest whose annotation is text.
func putManifest(t *testing.T, r *Registry, tag, text string) (digest string, _ answer) {
	t.Helper()
	config := push(t, r, "m", "{}")
	data := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"c","digest":%q,"size":2},"layers":[],"annotations":{"x":%q}}`, config, text)
	return digestOf([]byte(data)), do(t, r, "PUT", "/v2/m/manifests/"+tag, data, "Content-Type", image)
}

func TestManifestProfiles(t *testing.T) {
	r := New(t, WithProfile(Profile{NoDigestHeader: true, TagImmutable: true}))
	digest, got := putManifest(t, r, "v1", "one")
	got.want(t, "PUT", 201)
	do(t, r, "HEAD", "/v2/m/manifests/v1", "").want(t, "HEAD", 200, "Docker-Content-Digest", "")
	do(t, r, "GET", "/v2/m/manifests/v1", "").want(t, "GET", 200, "Docker-Content-Digest", "")
	_, got = putManifest(t, r, "v1", "one")
	got.want(t, "the same again", 201)
	_, got = putManifest(t, r, "v1", "two")
	got.want(t, "moved tag", 400)
	do(t, r, "GET", "/v2/m/manifests/"+digest, "").want(t, "GET", 200)
	if got := r.Tags("m"); len(got) != 1 {
		t.Errorf("tags: %q", got)
	}
}
