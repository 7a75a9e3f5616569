package testregistry

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

type repository struct {
	blobs     map[string]*blob
	manifests map[string]manifest
	tags      map[string]string // tag -> digest
}

// repository returns the repository, which a write makes exist. r.mu is held.
func (r *Registry) repository(name string, create bool) *repository {
	repo := r.repos[name]
	if repo == nil && create {
		repo = &repository{blobs: map[string]*blob{}, manifests: map[string]manifest{}, tags: map[string]string{}}
		r.repos[name] = repo
	}
	return repo
}

func (r *Registry) serveBlob(w http.ResponseWriter, req *http.Request, name, digest string) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
		return
	}
	r.mu.Lock()
	var b *blob
	if repo := r.repository(name, false); repo != nil {
		b = repo.blobs[digest]
	}
	how := r.faults.damaged[digest]
	r.mu.Unlock()
	if b == nil || b.gone && req.Method == http.MethodGet {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", digest)
	if req.Method == http.MethodHead {
		w.Header().Set("Content-Length", strconv.FormatInt(b.size, 10))
		if !r.options.profile.NoRange {
			w.Header().Set("Accept-Ranges", "bytes")
		}
		return
	}
	data, err := b.open(how)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	defer data.Close()
	r.sendBlob(w, req, data, how)
}

func (r *Registry) sendBlob(w http.ResponseWriter, req *http.Request, data content, how damage) {
	r.mu.Lock()
	out := &leaving{ResponseWriter: w, registry: r, req: req, cut: next(&r.faults.cutDownloads),
		unsized: how == truncated || how == oversize}
	wrongRange := r.faults.wrongRange
	asked := req.Header.Get("Range")
	if asked != "" {
		r.ranges = append(r.ranges, asked)
	}
	r.mu.Unlock()

	if r.options.profile.NoRange {
		req.Header.Del("Range")
	} else if asked != "" && wrongRange != "" && lieAbout(out, req, wrongRange, data, data.size) {
		return
	}
	http.ServeContent(out, req, "", time.Time{}, io.NewSectionReader(data, 0, data.size))
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
	if _, lost := up.progress(); lost {
		r.drain(req)
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_INVALID", "blob upload invalid")
		return
	}
	profile := r.options.profile
	switch {
	case profile.NoPatch && (req.Method == http.MethodGet || req.Method == http.MethodPatch):
		r.drain(req)
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
	case req.Method == http.MethodGet:
		r.progress(w, req, id, up, http.StatusNoContent)
	case req.Method == http.MethodPatch:
		if profile.MaxPatch > 0 && req.ContentLength > profile.MaxPatch {
			r.drain(req)
			refuse(w, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "the chunk is too large")
			return
		}
		status := http.StatusAccepted
		if profile.Patch201 {
			status = http.StatusCreated
		}
		if r.receive(w, req, up) {
			r.progress(w, req, id, up, status)
		}
	case req.Method == http.MethodPut:
		if r.receive(w, req, up) {
			r.finish(w, req, id, up)
		}
	case req.Method == http.MethodDelete:
		r.forget(id)
		up.discard(false)
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
	}
}

func (r *Registry) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.uploads, id)
}

func (r *Registry) beginUpload(w http.ResponseWriter, req *http.Request, name string) {
	query := req.URL.Query()
	if digest := query.Get("mount"); digest != "" && !r.options.profile.NoMount && r.mount(name, query.Get("from"), digest) {
		r.created(w, req, name, digest)
		return
	}
	r.mu.Lock()
	id := r.nextNumber()
	up, err := r.options.newUpload(name, id)
	if err == nil {
		r.repository(name, true)
		r.uploads[id] = up
		r.begun++
	}
	wrong := r.faults.location
	r.faults.location = ""
	r.mu.Unlock()

	switch {
	case err != nil:
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
	case query.Get("digest") != "": // all in one POST
		if r.receive(w, req, up) {
			r.finish(w, req, id, up)
		}
	case wrong != "":
		w.Header().Set("Location", wrong)
		w.WriteHeader(http.StatusAccepted)
	default:
		r.progress(w, req, id, up, http.StatusAccepted)
	}
}

func (r *Registry) mount(name, from, digest string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	source := r.repository(from, false)
	if source == nil || source.blobs[digest] == nil {
		return false
	}
	r.repository(name, true).blobs[digest] = source.blobs[digest]
	return true
}

// progress tells how much arrived. An empty upload says 0-0, as distribution
// does, for want of a way to write an empty range.
func (r *Registry) progress(w http.ResponseWriter, req *http.Request, id string, up *upload, status int) {
	size, _ := up.progress()
	w.Header().Set("Location", r.location(req, fmt.Sprintf("/v2/%s/blobs/uploads/%s?state=%d", up.repository, id, size)))
	w.Header().Set("Docker-Upload-UUID", id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, size-1)))
	w.WriteHeader(status)
}

func (r *Registry) location(req *http.Request, path string) string {
	if r.options.profile.AbsoluteLocation {
		return "http://" + req.Host + path
	}
	return path
}

// receive appends the body, which must begin where the upload ends. It
// returns false when it has answered, or broken the connection.
func (r *Registry) receive(w http.ResponseWriter, req *http.Request, up *upload) bool {
	up.receiving.Lock()
	defer up.receiving.Unlock()
	if !r.follows(w, req, up) {
		return false
	}
	if req.ContentLength == 0 {
		return true
	}
	r.mu.Lock()
	cut, expire := next(&r.faults.cutUploads), r.faults.expireToken
	r.faults.expireToken = false
	r.bodies++
	r.peakBodies = max(r.peakBodies, r.bodies)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.bodies--
		r.mu.Unlock()
	}()

	if expire {
		r.drain(req)
		r.ExpireTokens()
		if r.authorize(w, req, up.repository) {
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "the token has expired")
		}
		return false
	}
	body := io.Reader(arriving{r, req})
	if cut >= 0 {
		body = io.LimitReader(body, cut)
	}
	_, err := io.CopyBuffer(onlyWriter{up}, body, make([]byte, 128<<10))
	if err == nil && cut < 0 {
		return true
	}
	if r.options.profile.ForgetBroken {
		up.discard(true)
	}
	reset(w)
	return false
}

type onlyWriter struct{ io.Writer }

// follows tells whether the body is the next part of the upload, or answers
// that it is not.
func (r *Registry) follows(w http.ResponseWriter, req *http.Request, up *upload) bool {
	contentRange := req.Header.Get("Content-Range")
	if contentRange == "" {
		return true
	}
	size, _ := up.progress()
	var first, last int64
	n, err := fmt.Sscanf(contentRange, "%d-%d", &first, &last)
	switch {
	case n == 2 && err == nil && first == size && (req.ContentLength < 0 || last-first+1 == req.ContentLength):
		return true
	case n == 2 && first == size:
		r.drain(req)
		refuse(w, http.StatusBadRequest, "SIZE_INVALID", "Content-Range and Content-Length differ")
	default:
		r.drain(req)
		w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, size-1)))
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", "blob upload invalid")
	}
	return false
}

func (r *Registry) finish(w http.ResponseWriter, req *http.Request, id string, up *upload) {
	want := req.URL.Query().Get("digest")
	r.forget(id)
	if up.digest() != want {
		up.discard(false)
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
		return
	}
	b, err := up.store(want)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", err.Error())
		return
	}
	r.mu.Lock()
	r.repository(up.repository, true).blobs[want] = b
	r.mu.Unlock()
	r.created(w, req, up.repository, want)
}

func (r *Registry) created(w http.ResponseWriter, req *http.Request, name, digest string) {
	w.Header().Set("Location", r.location(req, "/v2/"+name+"/blobs/"+digest))
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
}
