package github

import (
	"bytes"
	"io"
	"net/http"
)

const (
	maxCached      = 1 << 20 // bytes of an answer that is kept
	maxCachedTotal = 8 << 20
)

// cache holds answers with their ETag for the life of the process. The token
// never changes in it, so an address and a media type say all.
type cache struct {
	entries map[string]*cached
	size    int
}

type cached struct {
	etag   string
	header http.Header
	body   []byte
}

func cacheKey(req *http.Request) string {
	return req.Header.Get("Accept") + " " + req.URL.String()
}

// offer asks only for what is newer than what is known, and returns that.
func (w *wire) offer(req *http.Request) *cached {
	if req.Method != http.MethodGet {
		return nil
	}
	w.mu.Lock()
	known := w.cache.entries[cacheKey(req)]
	w.mu.Unlock()
	if known != nil {
		req.Header.Set("If-None-Match", known.etag)
	}
	return known
}

// keep remembers an answer. When there is no more room it forgets all: a
// client lives for one command.
func (w *wire) keep(req *http.Request, resp *http.Response, body []byte) {
	etag := resp.Header.Get("ETag")
	if req.Method != http.MethodGet || resp.StatusCode != http.StatusOK || etag == "" || len(etag) > 200 || len(body) > maxCached {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cache.entries == nil || w.cache.size+len(body) > maxCachedTotal {
		w.cache = cache{entries: map[string]*cached{}}
	}
	key := cacheKey(req)
	if old := w.cache.entries[key]; old != nil {
		w.cache.size -= len(old.body)
	}
	w.cache.entries[key] = &cached{etag: etag, header: http.Header{"Link": resp.Header.Values("Link")}, body: body}
	w.cache.size += len(body)
}

func (c *cached) response(req *http.Request) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.header.Clone(), Body: io.NopCloser(bytes.NewReader(c.body)), ContentLength: int64(len(c.body)), Request: req,
	}
}
