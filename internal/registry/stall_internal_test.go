package registry

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// HTTP/2 has one connection for all, and closes bodies late: silence is noticed
// there too.
func TestSilenceOverHTTP2(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.ProtoMajor != 2 {
			t.Errorf("spoken to in %s", req.Proto)
		}
		switch req.URL.Path {
		case "/works":
			io.Copy(io.Discard, req.Body)
			time.Sleep(800 * time.Millisecond) // longer than the limit
			w.WriteHeader(http.StatusCreated)
			return
		case "/takes":
			io.CopyN(io.Discard, req.Body, 1<<20)
		case "/gives":
			io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
		}
		<-over
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	defer close(over)

	addr, err := parseAddress(strings.TrimPrefix(server.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Getenv: func(string) string { return "" }, Stall: 500 * time.Millisecond}.withDefaults()
	host := newRemoteHost(addr, profiles[0], opts)
	host.bodies.Transport.(*watchdog).base.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()

	path := filepath.Join(t.TempDir(), "model.bin")
	if err := os.WriteFile(path, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	put := func(where string, wrap func(*os.File) io.ReadCloser) (int, error) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+where, wrap(f))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 32 << 20
		resp, err := host.bodies.Do(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	for name, wrap := range map[string]func(*os.File) io.ReadCloser{
		"file":   func(f *os.File) io.ReadCloser { return f },
		"stream": func(f *os.File) io.ReadCloser { return struct{ io.ReadCloser }{f} },
	} {
		if status, err := put("/works", wrap); err != nil || status != http.StatusCreated {
			t.Errorf("%s: %d, %v", name, status, err)
		}
		if _, err := put("/takes", wrap); !isStalled(err, "nothing sent") {
			t.Errorf("%s: %v", name, err)
		}
	}
	resp, err := host.do(t.Context(), http.MethodGet, server.URL+"/gives")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); !isStalled(err, "nothing received") || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

func isStalled(err error, what string) bool {
	stalled, ok := errors.AsType[*stalledError](err)
	return ok && stalled.what == what
}
