package testregistry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type repository struct {
	blobs     map[string][]byte
	manifests map[string]manifest
	tags      map[string]string // tag -> digest
}

type upload struct {
	repository string
	data       []byte
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// repository returns the repository, which a write makes exist. r.mu is held.
func (r *Registry) repository(name string, create bool) *repository {
	repo := r.repos[name]
	if repo == nil && create {
		repo = &repository{blobs: map[string][]byte{}, manifests: map[string]manifest{}, tags: map[string]string{}}
		r.repos[name] = repo
	}
	return repo
}

// served returns the bytes that go out, wrong ones when that was asked for.
// r.mu is held.
func (r *Registry) served(digest string, data []byte) []byte {
	if !r.faults.corrupt[digest] || len(data) == 0 {
		return data
	}
	wrong := bytes.Clone(data)
	wrong[len(wrong)/2] ^= 0xff
	return wrong
}

func (r *Registry) serveBlob(w http.ResponseWriter, req *http.Request, name, digest string) {
	r.mu.Lock()
	var data []byte
	ok := false
	if repo := r.repository(name, false); repo != nil {
		data, ok = repo.blobs[digest]
	}
	data = r.served(digest, data)
	r.mu.Unlock()
	switch {
	case req.Method != http.MethodGet && req.Method != http.MethodHead:
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
	case !ok:
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Docker-Content-Digest", digest)
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(data)) // with ranges
	}
}

func (r *Registry) serveUpload(w http.ResponseWriter, req *http.Request, name, id string) {
	if req.Method == http.MethodPost && id == "" {
		r.beginUpload(w, req, name)
		return
	}
	r.mu.Lock()
	up := r.uploads[id]
	r.mu.Unlock()
	if up == nil || up.repository != name {
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
		return
	}
	switch req.Method {
	case http.MethodGet:
		r.progress(w, id, up, http.StatusNoContent)
	case http.MethodPatch:
		if r.receive(w, req, up) {
			r.progress(w, id, up, http.StatusAccepted)
		}
	case http.MethodPut:
		if r.receive(w, req, up) {
			r.finish(w, req, id, up)
		}
	case http.MethodDelete:
		r.mu.Lock()
		delete(r.uploads, id)
		r.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
	}
}

func (r *Registry) beginUpload(w http.ResponseWriter, req *http.Request, name string) {
	r.mu.Lock()
	repo := r.repository(name, true)
	if digest := req.URL.Query().Get("mount"); digest != "" {
		if from := r.repository(req.URL.Query().Get("from"), false); from != nil && from.blobs[digest] != nil {
			repo.blobs[digest] = from.blobs[digest]
			r.mu.Unlock()
			created(w, name, digest)
			return
		}
	}
	id := r.next()
	up := &upload{repository: name, data: []byte{}}
	r.uploads[id] = up
	r.mu.Unlock()

	if req.URL.Query().Get("digest") != "" { // all in one POST
		if r.receive(w, req, up) {
			r.finish(w, req, id, up)
		}
		return
	}
	r.progress(w, id, up, http.StatusAccepted)
}

// progress tells how much arrived. An empty upload says 0-0, as distribution
// does, for want of a way to write an empty range.
func (r *Registry) progress(w http.ResponseWriter, id string, up *upload, status int) {
	r.mu.Lock()
	size := len(up.data)
	r.mu.Unlock()
	w.Header().Set("Location", fmt.Sprintf("/v2/%s/blobs/uploads/%s?state=%d", up.repository, id, size))
	w.Header().Set("Docker-Upload-UUID", id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, size-1)))
	w.WriteHeader(status)
}

// receive appends the body, which must begin where the upload ends. It
// returns false when it has answered, or broken the connection.
func (r *Registry) receive(w http.ResponseWriter, req *http.Request, up *upload) bool {
	r.mu.Lock()
	size, cut := int64(len(up.data)), r.faults.cutUpload
	if req.ContentLength != 0 {
		r.faults.cutUpload = -1
	} else {
		cut = -1
	}
	r.mu.Unlock()

	if contentRange := req.Header.Get("Content-Range"); contentRange != "" {
		first, _, _ := strings.Cut(contentRange, "-")
		if start, err := strconv.ParseInt(first, 10, 64); err != nil || start != size {
			w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, size-1)))
			refuse(w, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "blob upload invalid")
			return false
		}
	}
	body := io.Reader(req.Body)
	if cut >= 0 {
		body = io.LimitReader(body, cut)
	}
	data, err := io.ReadAll(body)
	r.mu.Lock()
	up.data = append(up.data, data...)
	r.received += int64(len(data))
	r.mu.Unlock()
	if cut >= 0 {
		reset(w)
		return false
	}
	return err == nil
}

// reset breaks the connection as a crashed proxy would.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

func (r *Registry) finish(w http.ResponseWriter, req *http.Request, id string, up *upload) {
	want := req.URL.Query().Get("digest")
	r.mu.Lock()
	delete(r.uploads, id)
	got := digestOf(up.data)
	if got == want {
		r.repository(up.repository, true).blobs[want] = up.data
	}
	r.mu.Unlock()
	if got != want {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
		return
	}
	created(w, up.repository, want)
}

func created(w http.ResponseWriter, name, digest string) {
	w.Header().Set("Location", "/v2/"+name+"/blobs/"+digest)
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
}
