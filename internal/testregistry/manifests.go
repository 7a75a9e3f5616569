package testregistry

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	maxManifest = 4 << 20
	maxPage     = 1000
)

type manifest struct {
	mediaType string
	data      []byte
	content   document
}

// document is what the registry looks at in image manifests and indexes.
type document struct {
	ArtifactType string               `json:"artifactType"`
	Config       *ocispec.Descriptor  `json:"config"`
	Layers       []ocispec.Descriptor `json:"layers"`
	Manifests    []ocispec.Descriptor `json:"manifests"`
	Subject      *ocispec.Descriptor  `json:"subject"`
	Annotations  map[string]string    `json:"annotations"`
}

func (r *Registry) serveManifest(w http.ResponseWriter, req *http.Request, name, reference string) {
	switch req.Method {
	case http.MethodGet, http.MethodHead:
		r.getManifest(w, req, name, reference)
	case http.MethodPut:
		r.putManifest(w, req, name, reference)
	case http.MethodDelete:
		r.deleteManifest(w, name, reference)
	default:
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
	}
}

func (r *Registry) getManifest(w http.ResponseWriter, req *http.Request, name, reference string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo := r.repository(name, false)
	if repo == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
		return
	}
	digest := reference
	if !isDigest(reference) {
		digest = repo.tags[reference]
	}
	m, ok := repo.manifests[digest]
	if !ok {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Content-Type", m.mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(m.data)))
	if !r.options.profile.NoDigestHeader {
		w.Header().Set("Docker-Content-Digest", digest)
	}
	if req.Method == http.MethodGet {
		data := r.served(digest, m.data)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data)
	}
}

// served returns a manifest as it goes out, a wrong one when that was asked
// for. r.mu is held.
func (r *Registry) served(digest string, data []byte) []byte {
	b := blob{size: int64(len(data)), data: data}
	c, _ := b.open(r.faults.damaged[digest]) // nothing to open
	out := make([]byte, c.size)
	c.ReadAt(out, 0)
	return out
}

func (r *Registry) putManifest(w http.ResponseWriter, req *http.Request, name, reference string) {
	data, err := io.ReadAll(io.LimitReader(req.Body, maxManifest+1))
	if err != nil {
		return
	}
	if len(data) > maxManifest {
		refuse(w, http.StatusRequestEntityTooLarge, "MANIFEST_INVALID", "the manifest is larger than 4 MiB")
		return
	}
	m := manifest{mediaType: req.Header.Get("Content-Type"), data: data}
	if err := json.Unmarshal(data, &m.content); err != nil {
		refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is not JSON")
		return
	}
	digest := digestOf(data)
	if isDigest(reference) && reference != digest {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
		return
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	repo := r.repository(name, true)
	if missing := repo.missing(m.content); missing != "" {
		refuse(w, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry: "+missing)
		return
	}
	if held := repo.tags[reference]; r.options.profile.TagImmutable && held != "" && held != digest {
		refuse(w, http.StatusBadRequest, "TAG_INVALID", "the tag exists and is immutable")
		return
	}
	repo.manifests[digest] = m
	if !isDigest(reference) {
		repo.tags[reference] = digest
	}
	if m.content.Subject != nil && r.options.profile.Referrers {
		w.Header().Set("OCI-Subject", m.content.Subject.Digest.String())
	}
	w.Header().Set("Location", "/v2/"+name+"/manifests/"+digest)
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
}

// missing returns a digest that the manifest names and nobody pushed.
func (repo *repository) missing(c document) string {
	blobs := c.Layers
	if c.Config != nil {
		blobs = append([]ocispec.Descriptor{*c.Config}, blobs...)
	}
	for _, desc := range blobs {
		if _, ok := repo.blobs[desc.Digest.String()]; !ok {
			return desc.Digest.String()
		}
	}
	for _, desc := range c.Manifests {
		if _, ok := repo.manifests[desc.Digest.String()]; !ok {
			return desc.Digest.String()
		}
	}
	return ""
}

func (r *Registry) deleteManifest(w http.ResponseWriter, name, reference string) {
	if !isDigest(reference) && r.options.refuseTagDelete {
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	repo := r.repository(name, false)
	found := false
	switch {
	case repo == nil:
	case isDigest(reference):
		_, found = repo.manifests[reference]
		delete(repo.manifests, reference)
		for tag, digest := range repo.tags {
			if digest == reference {
				delete(repo.tags, tag)
			}
		}
	default:
		_, found = repo.tags[reference]
		delete(repo.tags, reference)
	}
	if !found {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (r *Registry) serveTags(w http.ResponseWriter, req *http.Request, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	repo := r.repository(name, false)
	if repo == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
		return
	}
	last := req.URL.Query().Get("last")
	tags := []string{}
	for tag := range repo.tags {
		if tag > last {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	page := maxPage
	if r.options.pageSize > 0 {
		page = r.options.pageSize
	}
	if n, err := strconv.Atoi(req.URL.Query().Get("n")); err == nil && n >= 0 {
		page = min(page, n)
	}
	if len(tags) > page {
		tags = tags[:page]
		if page > 0 {
			w.Header().Set("Link", `</v2/`+name+`/tags/list?last=`+tags[page-1]+`>; rel="next"`)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"name": name, "tags": tags})
}

func (r *Registry) serveReferrers(w http.ResponseWriter, req *http.Request, name, subject string) {
	wanted := req.URL.Query().Get("artifactType")
	list := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	list.SchemaVersion = 2
	r.mu.Lock()
	defer r.mu.Unlock()
	if repo := r.repository(name, false); repo != nil {
		for digest, m := range repo.manifests {
			if m.content.Subject == nil || m.content.Subject.Digest.String() != subject {
				continue
			}
			desc := m.describe(digest)
			if wanted == "" || wanted == desc.ArtifactType {
				list.Manifests = append(list.Manifests, desc)
			}
		}
	}
	slices.SortFunc(list.Manifests, func(a, b ocispec.Descriptor) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	if wanted != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
	json.NewEncoder(w).Encode(list)
}

func (m manifest) describe(d string) ocispec.Descriptor {
	desc := ocispec.Descriptor{
		MediaType: m.mediaType, Digest: digest.Digest(d), Size: int64(len(m.data)),
		ArtifactType: m.content.ArtifactType, Annotations: m.content.Annotations,
	}
	if desc.ArtifactType == "" && m.content.Config != nil {
		desc.ArtifactType = m.content.Config.MediaType
	}
	return desc
}

func isDigest(reference string) bool { return strings.Contains(reference, ":") }

// Tags returns the tags of a repository as the registry has them, sorted.
func (r *Registry) Tags(repository string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var tags []string
	if repo := r.repository(repository, false); repo != nil {
		for tag := range repo.tags {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}
