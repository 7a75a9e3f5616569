package testregistry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

type answer struct {
	status int
	header http.Header
	body   string
	err    error // the answer broke off
}

func do(t *testing.T, r *Registry, method, path, body string, headers ...string) answer {
	t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = "http://" + r.URL + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{err: err} // the connection broke
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(data), err}
}

func (a answer) want(t *testing.T, what string, status int, headers ...string) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: status %d, want %d: %s", what, a.status, status, a.body)
	}
	if a.err != nil {
		t.Fatalf("%s: %v", what, a.err)
	}
	for i := 0; i < len(headers); i += 2 {
		if got := a.header.Get(headers[i]); got != headers[i+1] {
			t.Errorf("%s: %s is %q, want %q", what, headers[i], got, headers[i+1])
		}
	}
	return a
}

// A push in chunks whose second chunk is cut goes on where it stopped.
func TestUploadResumes(t *testing.T) {
	r := New(t)
	data := strings.Repeat("0123456789", 1000)
	digest := digestOf([]byte(data))
	at := do(t, r, "POST", "/v2/acme/m/blobs/uploads/", "").want(t, "POST", 202).header.Get("Location")
	do(t, r, "GET", at, "").want(t, "GET, empty", 204, "Range", "0-0")
	at = do(t, r, "PATCH", at, data[:4000], "Content-Range", "0-3999").want(t, "PATCH", 202, "Range", "0-3999").header.Get("Location")

	r.CutNextUpload(1500)
	if got := do(t, r, "PATCH", at, data[4000:8000], "Content-Range", "4000-7999"); got.status != 0 {
		t.Fatalf("cut PATCH: status %d", got.status)
	}
	at = do(t, r, "GET", at, "").want(t, "GET, after the cut", 204, "Range", "0-5499").header.Get("Location")
	do(t, r, "PATCH", at, data[4000:], "Content-Range", "4000-9999").want(t, "PATCH at the wrong place", 416, "Range", "0-5499")
	at = do(t, r, "PATCH", at, data[5500:], "Content-Range", "5500-9999").want(t, "PATCH", 202, "Range", "0-9999").header.Get("Location")
	do(t, r, "PUT", at+"&digest="+digest, "").want(t, "PUT", 201, "Docker-Content-Digest", digest)

	// What was refused for its place has arrived all the same.
	if r.BytesReceived() != 16_000 {
		t.Errorf("received %d bytes, want 16000", r.BytesReceived())
	}
	do(t, r, "GET", at, "").want(t, "GET, finished", 404)
	got := do(t, r, "GET", "/v2/acme/m/blobs/"+digest, "").want(t, "GET blob", 200)
	if got.body != data {
		t.Error("other bytes came back")
	}
	got = do(t, r, "GET", "/v2/acme/m/blobs/"+digest, "", "Range", "bytes=9995-").want(t, "GET range", 206, "Content-Range", "bytes 9995-9999/10000")
	if got.body != "56789" {
		t.Errorf("range is %q", got.body)
	}
}

func TestUploadWays(t *testing.T) {
	r := New(t)
	digest := digestOf([]byte("hello"))
	do(t, r, "POST", "/v2/a/b/blobs/uploads/?digest="+digest, "hello").want(t, "all in one POST", 201)
	do(t, r, "POST", "/v2/c/d/blobs/uploads/?mount="+digest+"&from=a/b", "").want(t, "mount", 201)
	do(t, r, "HEAD", "/v2/c/d/blobs/"+digest, "").want(t, "HEAD", 200, "Content-Length", "5")
	do(t, r, "POST", "/v2/c/d/blobs/uploads/?mount="+digest+"&from=not/there", "").want(t, "mount of nothing", 202)

	at := do(t, r, "POST", "/v2/a/b/blobs/uploads/", "").want(t, "POST", 202).header.Get("Location")
	do(t, r, "PUT", at+"&digest="+digest, "hellO").want(t, "wrong bytes", 400)
	do(t, r, "PUT", "/v2/a/b/blobs/uploads/nope?digest="+digest, "hello").want(t, "unknown upload", 404)
	at = do(t, r, "POST", "/v2/a/b/blobs/uploads/", "").header.Get("Location")
	do(t, r, "PATCH", strings.Replace(at, "/a/b/", "/c/d/", 1), "x").want(t, "upload of another repository", 404)
	do(t, r, "DELETE", at, "").want(t, "DELETE upload", 204)
	do(t, r, "GET", at, "").want(t, "deleted upload", 404)
}

const image = "application/vnd.oci.image.manifest.v1+json"

func TestManifests(t *testing.T) {
	for name, r := range map[string]*Registry{"without referrers": New(t), "with referrers": New(t, WithReferrers())} {
		t.Run(name, func(t *testing.T) {
			config := digestOf([]byte("{}"))
			manifest := func(artifactType, subject string) string {
				m := fmt.Sprintf(`{"schemaVersion":2,"artifactType":%q,"config":{"mediaType":"c","digest":%q,"size":2},"layers":[]`, artifactType, config)
				if subject != "" {
					m += fmt.Sprintf(`,"subject":{"mediaType":"x","digest":%q,"size":1}`, subject)
				}
				return m + "}"
			}
			put := func(reference, data string) answer {
				return do(t, r, "PUT", "/v2/m/manifests/"+reference, data, "Content-Type", image)
			}
			put("v1", manifest("model", "")).want(t, "missing config", 400)
			do(t, r, "POST", "/v2/m/blobs/uploads/?digest="+config, "{}").want(t, "config", 201)
			model := manifest("model", "")
			put("v1", model).want(t, "PUT", 201, "Docker-Content-Digest", digestOf([]byte(model)), "OCI-Subject", "")
			put(config, model).want(t, "wrong digest", 400)
			do(t, r, "GET", "/v2/m/manifests/v1", "").want(t, "GET", 200, "Content-Type", image)

			subject := digestOf([]byte(model))
			report := manifest("report", subject)
			query := "/v2/m/referrers/" + subject + "?artifactType=report"
			if name == "without referrers" {
				put(digestOf([]byte(report)), report).want(t, "PUT report", 201, "OCI-Subject", "")
				do(t, r, "GET", query, "").want(t, "referrers", 404)
				return
			}
			put(digestOf([]byte(report)), report).want(t, "PUT report", 201, "OCI-Subject", subject)
			got := do(t, r, "GET", query, "").want(t, "referrers", 200, "OCI-Filters-Applied", "artifactType")
			if !strings.Contains(got.body, digestOf([]byte(report))) {
				t.Errorf("referrers: %s", got.body)
			}
			if got := do(t, r, "GET", "/v2/m/referrers/"+subject+"?artifactType=x", ""); strings.Contains(got.body, "sha256") {
				t.Errorf("referrers of another type: %s", got.body)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	r, stop := Start()
	defer stop()
	digest := digestOf([]byte("hello"))
	do(t, r, "POST", "/v2/a/b/blobs/uploads/?digest="+digest, "hello").want(t, "POST", 201)

	r.FailNext(2, 503)
	r.RetryAfter("7")
	do(t, r, "GET", "/v2/", "").want(t, "first", 503, "Retry-After", "7")
	do(t, r, "GET", "/v2/", "").want(t, "second", 503)
	do(t, r, "GET", "/v2/", "").want(t, "third", 200)

	r.Corrupt(digest)
	if got := do(t, r, "GET", "/v2/a/b/blobs/"+digest, "").want(t, "corrupt", 200); got.body == "hello" || len(got.body) != 5 {
		t.Errorf("corrupt blob is %q", got.body)
	}
	r.Down(true)
	if got := do(t, r, "GET", "/v2/", ""); got.status != 0 {
		t.Errorf("down, but answers %d", got.status)
	}
	r.Down(false)
	do(t, r, "GET", "/v2/a/b/blobs/"+digest, "").want(t, "up again", 200)
	if got := r.Requests(); got[len(got)-1] != "GET /v2/a/b/blobs/"+digest {
		t.Errorf("requests: %q", got)
	}
}

func TestTokens(t *testing.T) {
	r := New(t, WithBearerAuth("ada", "secret"))
	do(t, r, "GET", "/v2/m/tags/list", "").want(t, "no token", 401,
		"WWW-Authenticate", `Bearer realm="http://`+r.URL+`/token",service="test registry",scope="repository:m:pull"`)
	do(t, r, "GET", "/token?scope=repository:m:pull", "").want(t, "no password", 401)
	got := do(t, r, "GET", "http://ada:secret@"+r.URL+"/token?scope=repository:m:pull", "").want(t, "token", 200)
	_, token, _ := strings.Cut(got.body, `"token":"`)
	token, _, _ = strings.Cut(token, `"`)
	do(t, r, "GET", "/v2/m/tags/list", "", "Authorization", "Bearer "+token).want(t, "read", 404)
	do(t, r, "POST", "/v2/m/blobs/uploads/", "", "Authorization", "Bearer "+token).want(t, "write with a token to read", 401)
	do(t, r, "GET", "/v2/other/tags/list", "", "Authorization", "Bearer "+token).want(t, "another repository", 401)
	r.ExpireTokens()
	do(t, r, "GET", "/v2/m/tags/list", "", "Authorization", "Bearer "+token).want(t, "expired", 401)
}

func TestServedBytesAreNotShared(t *testing.T) {
	r := New(t)
	data := []byte("hello")
	r.Corrupt(digestOf(data))
	if got := r.served(digestOf(data), data); bytes.Equal(got, data) || string(data) != "hello" {
		t.Errorf("served %q, stored %q", got, data)
	}
}
