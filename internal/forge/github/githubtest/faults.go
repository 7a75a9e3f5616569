package githubtest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is something that goes wrong with a request. The zero value of each
// field leaves that part right.
type Fault struct {
	// Status is answered in place of what was asked, which is not done.
	Status int
	// Message is the error's text; GitHub's usual one when empty.
	Message string
	// RateLimit is "primary" (403, nothing remaining until the reset) or
	// "secondary" (403 with Retry-After).
	RateLimit string
	// RetryAfter is sent as a header, in whole seconds.
	RetryAfter time.Duration
	// LoseAnswer does what was asked and then closes the connection.
	LoseAnswer bool
	// Truncate ends the answer in its middle.
	Truncate bool
	// Slow waits before anything is done.
	Slow time.Duration
	// After is how many matching requests pass first, Times how many then fail
	// (0: all).
	After, Times int
}

type fault struct {
	Fault
	match string
	seen  int
}

// Fail lets requests fail. A match is a method and a path without the API's
// base, in which * stands for one element and a final ** for the rest:
// "POST /repos/*/*/issues/*/comments"; "* /repos/**". The first fault that
// matches counts.
func (s *Server) Fail(match string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{Fault: f, match: match})
}

// Heal forgets all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Request is one that came, with what was answered.
type Request struct {
	Method, Path, Query string // Path without the API's base
	Header              http.Header
	Body                []byte
	Status              int // 0: the answer was lost
	Token               string
}

// Requests returns all requests since the start or the last ResetRequests.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ResetRequests empties the log.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func (s *Server) record(r Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
}

// faultFor returns the fault that this request meets.
func (s *Server) faultFor(method, path string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if !matchRequest(f.match, method, path) {
			continue
		}
		f.seen++
		if f.seen > f.After && (f.Times == 0 || f.seen <= f.After+f.Times) {
			return &f.Fault
		}
	}
	return nil
}

func matchRequest(match, method, urlPath string) bool {
	m, pattern, _ := strings.Cut(match, " ")
	if m != "*" && m != method {
		return false
	}
	if rest, ok := strings.CutSuffix(pattern, "/**"); ok {
		n := strings.Count(rest, "/")
		parts := strings.Split(urlPath, "/")
		if len(parts) <= n+1 {
			return false
		}
		pattern, urlPath = rest, strings.Join(parts[:n+1], "/")
	}
	ok, _ := path.Match(pattern, urlPath)
	return ok
}

// abort closes the connection without an answer.
func abort() { panic(http.ErrAbortHandler) }

// answerFault does what a fault says and tells whether that was all.
func (s *Server) answerFault(w http.ResponseWriter, req *http.Request, f *Fault) (status int, done bool) {
	if f.Slow > 0 {
		select {
		case <-time.After(f.Slow):
		case <-req.Context().Done():
			return 0, true
		}
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	status, message := f.Status, f.Message
	switch f.RateLimit {
	case "primary":
		status = or(status, http.StatusForbidden)
		w.Header().Set("X-RateLimit-Remaining", "0")
		message = or(message, "API rate limit exceeded for installation.")
	case "secondary":
		status = or(status, http.StatusForbidden)
		message = or(message, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")
	}
	if status == 0 {
		return 0, false
	}
	answerError(w, &problem{status: status, message: or(message, http.StatusText(status))})
	return status, true
}

// truncated sends half of an answer that promises the whole.
func truncated(w http.ResponseWriter, r *httptest.ResponseRecorder) {
	body := r.Body.Bytes()
	copyHeader(w.Header(), r.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(r.Code)
	bytes.NewReader(body[:len(body)/2]).WriteTo(w)
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

func or[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}
