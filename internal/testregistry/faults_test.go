package testregistry

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCutUploads(t *testing.T) {
	r := New(t)
	at := begin(t, r, "m")
	r.CutUploads(2, 3)
	r.CutNextUpload(100) // longer than the body: only the answer is lost
	for _, part := range []struct{ data, size string }{{"0123456", "0-2"}, {"3456789", "0-5"}, {"6789", "0-9"}} {
		if got := do(t, r, "PATCH", at, part.data); got.status != 0 {
			t.Fatalf("cut PATCH: status %d", got.status)
		}
		at = do(t, r, "GET", at, "").want(t, "status", 204, "Range", part.size).header.Get("Location")
	}
	do(t, r, "PUT", at+"&digest="+digestOf([]byte("0123456789")), "").want(t, "PUT", 201)
	if r.BytesReceived() != 10 {
		t.Errorf("received %d bytes, want 10", r.BytesReceived())
	}
}

func TestContentRangeMustFit(t *testing.T) {
	r := New(t)
	at := begin(t, r, "m")
	do(t, r, "PATCH", at, "hello", "Content-Range", "0-99").want(t, "other length", 400)
	do(t, r, "PATCH", at, "hello", "Content-Range", "bytes 0-4").want(t, "not a range", 416)
	do(t, r, "PATCH", at, "hello", "Content-Range", "0-4").want(t, "PATCH", 202, "Range", "0-4")
}

func TestCutDownload(t *testing.T) {
	r := New(t)
	data := strings.Repeat("x", 200_000)
	blob := "/v2/m/blobs/" + push(t, r, "m", data)
	r.CutNextDownload(150_000)
	got := do(t, r, "GET", blob, "")
	if got.err != io.ErrUnexpectedEOF || len(got.body) != 150_000 {
		t.Errorf("cut GET: %d bytes, error %v", len(got.body), got.err)
	}
	do(t, r, "GET", blob, "", "Range", "bytes=150000-199999").want(t, "the rest", 206)
	if r.BytesSent() != 200_000 {
		t.Errorf("sent %d bytes, want 200000", r.BytesSent())
	}
	if got := r.Ranges(); !slices.Equal(got, []string{"bytes=150000-199999"}) {
		t.Errorf("ranges: %q", got)
	}
}

func TestTokenExpiresDuringUpload(t *testing.T) {
	r := New(t, WithBearerAuth("ada", "secret"))
	login := func() string {
		got := do(t, r, "GET", "http://ada:secret@"+r.URL+"/token?scope=repository:m:pull,push", "").want(t, "token", 200)
		_, token, _ := strings.Cut(got.body, `"token":"`)
		token, _, _ = strings.Cut(token, `"`)
		return "Bearer " + token
	}
	token := login()
	at := do(t, r, "POST", "/v2/m/blobs/uploads/", "", "Authorization", token).want(t, "POST", 202).header.Get("Location")
	r.ExpireTokenDuringUpload()
	got := do(t, r, "PATCH", at, "hello", "Authorization", token).want(t, "PATCH", 401)
	if !strings.Contains(got.header.Get("WWW-Authenticate"), `scope="repository:m:push"`) {
		t.Errorf("challenge: %q", got.header.Get("WWW-Authenticate"))
	}
	do(t, r, "GET", at, "", "Authorization", token).want(t, "status, old token", 401)
	do(t, r, "GET", at, "", "Authorization", login()).want(t, "status", 204, "Range", "0-0")

	open := New(t)
	at = begin(t, open, "m")
	open.ExpireTokenDuringUpload()
	do(t, open, "PATCH", at, "hello").want(t, "PATCH without authentication", 401)
	do(t, open, "PATCH", at, "hello").want(t, "PATCH after it", 202, "Range", "0-4")
}

func TestSlow(t *testing.T) {
	r := New(t)
	blob := "/v2/m/blobs/" + push(t, r, "m", strings.Repeat("x", 10_000))
	r.Slow(50_000)
	for what, f := range map[string]func(){
		"download": func() { do(t, r, "GET", blob, "").want(t, "GET", 200) },
		"upload":   func() { push(t, r, "m", strings.Repeat("y", 10_000)) },
	} {
		began := time.Now()
		if f(); time.Since(began) < 150*time.Millisecond {
			t.Errorf("%s took %v, less than the speed allows", what, time.Since(began))
		}
	}
}

func TestWrongLocation(t *testing.T) {
	r := New(t)
	r.WrongLocation("https://elsewhere.example/upload?x=1")
	do(t, r, "POST", "/v2/m/blobs/uploads/", "").want(t, "POST", 202, "Location", "https://elsewhere.example/upload?x=1")
	push(t, r, "m", "the next one is right")
}

func TestWrongRange(t *testing.T) {
	r := New(t)
	data := strings.Repeat("0123456789", 1000)
	blob := "/v2/m/blobs/" + push(t, r, "m", data)
	right := data[100:200]
	for kind, want := range map[string]struct {
		status             int
		contentRange, body string
	}{
		"":        {206, "bytes 100-199/10000", right},
		"shifted": {206, "bytes 101-200/10000", right},
		"none":    {206, "", right},
		"short":   {206, "bytes 100-199/10000", right[:50]},
		"long":    {206, "bytes 100-199/10000", data[100:1200]},
		"416":     {416, "bytes */10000", ""},
	} {
		r.WrongRange(kind)
		got := do(t, r, "GET", blob, "", "Range", "bytes=100-199").want(t, kind, want.status, "Content-Range", want.contentRange)
		if want.body != "" && got.body != want.body {
			t.Errorf("%s: the body has %d bytes: %.20q…", kind, len(got.body), got.body)
		}
	}
	r.WrongRange("multipart")
	got := do(t, r, "GET", blob, "", "Range", "bytes=100-199").want(t, "multipart", 206, "Content-Range", "", "Content-Type", "multipart/byteranges; boundary=part")
	if !strings.Contains(got.body, "Content-Range: bytes 100-199/10000\r\n\r\n"+right+"\r\n--part--") {
		t.Errorf("multipart: %q", got.body)
	}
	do(t, r, "GET", blob, "").want(t, "without a range", 200)

	defer func() {
		if recover() == nil {
			t.Error("a misspelt kind passes")
		}
	}()
	r.WrongRange("shiftet")
}

func TestDamage(t *testing.T) {
	for name, opts := range map[string][]Option{"memory": nil, "folder": {WithDir(t.TempDir())}} {
		t.Run(name, func(t *testing.T) {
			r := New(t, opts...)
			data := strings.Repeat("0123456789", 1000)
			digest := push(t, r, "m", data)
			blob := "/v2/m/blobs/" + digest
			for _, test := range []struct {
				damage func(string)
				length string // that the answer says; "" when it does not
				right  func(body string) bool
			}{
				{r.Truncate, "", func(body string) bool { return body == data[:5000] }},
				{r.Oversize, "", func(body string) bool { return len(body) == 10_000+5<<20 && body[:10_000] == data }},
				{r.Corrupt, "10000", func(body string) bool {
					return len(body) == 10_000 && body[:5000] == data[:5000] && body[5000] != data[5000] && body[5001:] == data[5001:]
				}},
			} {
				test.damage(digest)
				if got := do(t, r, "GET", blob, "").want(t, "GET", 200, "Content-Length", test.length); !test.right(got.body) {
					t.Errorf("the body has %d bytes", len(got.body))
				}
				do(t, r, "HEAD", blob, "").want(t, "HEAD", 200, "Content-Length", "10000")
			}
			got := do(t, r, "GET", blob, "", "Range", "bytes=4990-5009").want(t, "range of the corrupt blob", 206)
			if len(got.body) != 20 || got.body[:10] != data[4990:5000] || got.body[10] == data[5000] {
				t.Errorf("range: %q", got.body)
			}
		})
	}

	r := New(t)
	digest, got := putManifest(t, r, "v1", "one")
	size := len(do(t, r, "GET", "/v2/m/manifests/v1", "").want(t, "GET", 200).body)
	got.want(t, "PUT", 201)
	r.Oversize(digest)
	if got := do(t, r, "GET", "/v2/m/manifests/v1", "").want(t, "oversize", 200); len(got.body) != size+5<<20 {
		t.Errorf("oversize manifest has %d bytes", len(got.body))
	}
	r.Truncate(digest)
	if got := do(t, r, "GET", "/v2/m/manifests/v1", "").want(t, "truncated", 200); len(got.body) != size/2 {
		t.Errorf("truncated manifest has %d bytes", len(got.body))
	}
}

func TestFailMatching(t *testing.T) {
	r := New(t)
	r.FailMatching("PUT /v2/m/manifests/", 1, 500)
	r.FailMatching("/uploads/", 2, 429)
	r.RetryAfter("3")
	do(t, r, "GET", "/v2/", "").want(t, "another request", 200)
	for range 2 {
		do(t, r, "POST", "/v2/m/blobs/uploads/", "").want(t, "POST", 429, "Retry-After", "3")
	}
	_, got := putManifest(t, r, "v1", "one")
	got.want(t, "PUT", 500, "Retry-After", "")
	_, got = putManifest(t, r, "v1", "one")
	got.want(t, "PUT again", 201)
	r.FailMatching("/v2/", 9, 500)
	r.FailMatching("/v2/", 0, 500)
	do(t, r, "GET", "/v2/", "").want(t, "taken back", 200)
}

func TestPeakUploads(t *testing.T) {
	r := New(t)
	push(t, r, "m", "x")
	if r.PeakUploads() != 1 {
		t.Errorf("peak %d, want 1", r.PeakUploads())
	}
	// Three bodies that stand still until all three have arrived.
	var bodies sync.WaitGroup
	var pipes []*io.PipeWriter
	for range 3 {
		body, pipe := io.Pipe()
		pipes = append(pipes, pipe)
		at := begin(t, r, "m")
		bodies.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "http://"+r.URL+at, body)
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		})
		pipe.Write(make([]byte, 64<<10)) // more than the client buffers
	}
	for r.receiving() < 3 {
		time.Sleep(time.Millisecond)
	}
	for _, pipe := range pipes {
		pipe.Close()
	}
	bodies.Wait()
	if got := r.PeakUploads(); got != 3 {
		t.Errorf("peak %d, want 3", got)
	}
	if r.Uploads() != 4 {
		t.Errorf("%d uploads, want 4", r.Uploads())
	}
}

func TestWithDir(t *testing.T) {
	dir := t.TempDir()
	r := New(t, WithDir(dir))
	data := strings.Repeat("0123456789", 100_000)
	at := begin(t, r, "m")
	r.CutNextUpload(300_000)
	do(t, r, "PATCH", at, data)
	at = do(t, r, "GET", at, "").want(t, "status", 204, "Range", "0-299999").header.Get("Location")
	do(t, r, "PATCH", at, data[300_000:]).want(t, "PATCH", 202)
	digest := digestOf([]byte(data))
	do(t, r, "PUT", at+"&digest="+digest, "").want(t, "PUT", 201)
	if got := do(t, r, "GET", "/v2/m/blobs/"+digest, ""); got.body != data {
		t.Error("other bytes came back")
	}
	do(t, r, "GET", "/v2/m/blobs/"+digest, "", "Range", "bytes=5-9").want(t, "range", 206, "Content-Length", "5")
	do(t, r, "PUT", begin(t, r, "m")+"&digest="+digest, "wrong").want(t, "wrong digest", 400)
	do(t, r, "DELETE", begin(t, r, "m"), "").want(t, "DELETE", 204)
	push(t, r, "other", data) // the same file once more
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 || filepath.Base(files[0]) != digest[len("sha256:"):] {
		t.Errorf("files: %q, %v", files, err)
	}
	if stored, err := os.ReadFile(files[0]); err != nil || string(stored) != data {
		t.Errorf("the file has %d bytes, %v", len(stored), err)
	}
}

func TestWithDiscard(t *testing.T) {
	r := New(t, WithDiscard())
	large := "/v2/m/blobs/" + push(t, r, "m", strings.Repeat("x", 1<<20+1))
	do(t, r, "HEAD", large, "").want(t, "HEAD", 200, "Content-Length", "1048577")
	do(t, r, "GET", large, "").want(t, "GET", 404)
	small := "/v2/m/blobs/" + push(t, r, "m", strings.Repeat("x", 1<<20))
	do(t, r, "GET", small, "").want(t, "GET of a small one", 200, "Content-Length", "1048576")
	do(t, r, "PUT", begin(t, r, "m")+"&digest="+digestOf(nil), strings.Repeat("x", 2<<20)).want(t, "wrong digest", 400)
}

// receiving returns how many bodies arrive now.
func (r *Registry) receiving() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies
}
