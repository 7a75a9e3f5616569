package registry_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/registry"
)

// silent is a registry that says nothing any more: hang does not return before
// the test ends.
func silent(t *testing.T, handler func(w http.ResponseWriter, req *http.Request, hang func())) registry.Repository {
	t.Helper()
	over := make(chan struct{})
	opts := options()
	opts.Stall = 500 * time.Millisecond
	repo := hostileWith(t, opts, func(w http.ResponseWriter, req *http.Request) {
		handler(w, req, func() {
			<-over
			panic(http.ErrAbortHandler)
		})
	})
	t.Cleanup(func() { close(over) }) // before the server waits for its handlers
	return repo
}

// An upload that the registry takes no more of goes on with another connection.
func TestSilenceDuringUpload(t *testing.T) {
	t.Parallel()
	f := newFile(t, 64*mib) // more than the buffers between the two hold
	for name, open := range map[string]func() (io.ReadCloser, error){
		"file": f.open,
		"stream": func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(f.data)), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got atomic.Int64
			repo := silent(t, func(w http.ResponseWriter, req *http.Request, hang func()) {
				switch req.Method {
				case http.MethodPost:
					accept(w, "")
				case http.MethodGet:
					ranged(204, fmt.Sprintf("0-%d", mib-1))(w)
				case http.MethodPatch:
					n, _ := io.Copy(io.Discard, req.Body)
					got.Store(mib + n)
					accept(w, fmt.Sprintf("0-%d", f.desc.Size-1))
				case http.MethodPut:
					if req.ContentLength > 0 {
						io.CopyN(io.Discard, req.Body, mib)
						hang()
					}
					w.WriteHeader(http.StatusCreated)
				}
			})
			if err := repo.PushBlob(t.Context(), f.desc, open); err != nil {
				t.Fatal(err)
			}
			if got.Load() != f.desc.Size {
				t.Errorf("the registry has %d bytes of %d", got.Load(), f.desc.Size)
			}
		})
	}
}

func TestSilenceDuringDownload(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("0123456789"), 100)
	repo := silent(t, func(w http.ResponseWriter, req *http.Request, hang func()) {
		if req.Method == http.MethodHead {
			hang()
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		if req.Header.Get("Range") != "" {
			w.Header().Set("Content-Length", "20")
			w.Header().Set("Content-Range", "bytes 10-29/1000")
			w.WriteHeader(http.StatusPartialContent)
		}
		w.Write(data[:10])
		w.(http.Flusher).Flush()
		hang()
	})
	blob, err := repo.Blob(t.Context(), describe(data))
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	got, err := io.ReadAll(blob)
	wantError(t, err, registry.ErrUnreachable, "read blob", "nothing received for 500ms", "try again")
	if len(got) != 10 {
		t.Errorf("received %d bytes, want 10", len(got))
	}
	part, _, err := repo.BlobRange(t.Context(), describe(data), 10, 20)
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	_, err = io.ReadAll(part)
	wantError(t, err, registry.ErrUnreachable, "read 20 bytes from 10", "nothing received for 500ms", "try again")
	_, err = repo.HasBlob(t.Context(), describe(data))
	wantError(t, err, registry.ErrUnreachable, "look for blob", "no answer for 500ms", "try again")
}

// Whoever reads slowly is not the registry's fault, and an upload is waited for
// as long as the registry works on it.
func TestSlownessIsNoSilence(t *testing.T) {
	t.Parallel()
	f := newFile(t, mib)
	repo := silent(t, func(w http.ResponseWriter, req *http.Request, _ func()) {
		io.Copy(io.Discard, req.Body)
		switch req.Method {
		case http.MethodPost:
			accept(w, "")
		case http.MethodPut:
			time.Sleep(1200 * time.Millisecond)
			w.WriteHeader(http.StatusCreated)
		case http.MethodGet:
			http.ServeFile(w, req, f.path)
		}
	})
	if err := repo.PushBlob(t.Context(), f.desc, f.open); err != nil {
		t.Error(err)
	}
	blob, err := repo.Blob(t.Context(), f.desc)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	first := make([]byte, 1000)
	if _, err := io.ReadFull(blob, first); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1200 * time.Millisecond)
	rest, err := io.ReadAll(blob)
	if err != nil || !bytes.Equal(append(first, rest...), f.data) {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
}

// Errors do not cost a connection each.
func TestConnectionsAreUsedAgain(t *testing.T) {
	seen := map[string]bool{}
	repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
		seen[req.RemoteAddr] = true
		body := `{"errors":[{"code":"BLOB_UNKNOWN"}]}` + strings.Repeat(" ", 1000)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, body)
	})
	for range 10 {
		if _, err := repo.Blob(t.Context(), describe([]byte("x"))); !errors.Is(err, registry.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d connections for 10 requests", len(seen))
	}
}

// Storage behind a registry is asked with signed URLs: they are no business of
// whoever reads the log.
func TestSignedURLsAreNotShown(t *testing.T) {
	repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
		if !strings.HasPrefix(req.URL.Path, "/storage") {
			http.Redirect(w, req, "/storage/blob?X-Signature=secret&b=2", http.StatusTemporaryRedirect)
			return
		}
		io.WriteString(w, "too short")
	})
	_, err := repo.Blob(t.Context(), describe([]byte("hello, world")))
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "/storage/blob?…") {
		t.Error(err)
	}
}

// A registry that lost an upload is not one without the repository.
func TestAdviceForLostUpload(t *testing.T) {
	f := newFile(t, 1000)
	repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		if req.Method == http.MethodPost {
			accept(w, "")
			return
		}
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
	})
	err := repo.PushBlob(t.Context(), f.desc, f.open)
	wantError(t, err, registry.ErrNotFound, "the registry lost the upload")
	if strings.Contains(err.Error(), "created before") {
		t.Error(err)
	}
}

// What the registry says with a pause that is too long is passed on.
func TestWordsWithALongPause(t *testing.T) {
	f := newFile(t, 1000)
	repo := scripted(t, func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		if req.Method == http.MethodPost {
			accept(w, "")
			return
		}
		w.Header().Set("Retry-After", "90")
		refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS")
	})
	err := repo.PushBlob(t.Context(), f.desc, f.open)
	wantError(t, err, registry.ErrUnreachable, "429 toomanyrequests: no", "1m30s")
}

// A layout whose oci-layout file was lost keeps its tags.
func TestLostLayoutFile(t *testing.T) {
	dir := t.TempDir()
	repo := openLayout(t, dir)
	desc, _ := pushManifest(t, repo, "first", nil)
	tag(t, repo, desc, "v1")
	must(t, os.Remove(filepath.Join(dir, "layout", "oci-layout")))
	second, _ := pushManifest(t, openLayout(t, dir), "second", nil)
	tag(t, repo, second, "v2")
	wantTags(t, openLayout(t, dir), "v1", "v2")
}
