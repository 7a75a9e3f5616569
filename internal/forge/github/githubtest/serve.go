package githubtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object of an answer, list a JSON array.
type (
	object = map[string]any
	list   = []any
)

// maxBody is more than anything waybill sends.
const maxBody = 64 << 20

// ServeHTTP logs the request, lets it meet its fault and answers it.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		return // the client went away
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	entry := Request{
		Method: req.Method, Path: s.apiPath(req.URL.EscapedPath()), Query: req.URL.RawQuery,
		Header: req.Header.Clone(), Body: body, Token: tokenOf(req),
	}
	f := s.faultFor(entry.Method, entry.Path)
	if f != nil {
		s.mu.Lock()
		s.setRateLimit(w.Header(), entry.Token, false)
		s.mu.Unlock()
		status, done := s.answerFault(w, req, f)
		if entry.Status = status; done {
			s.record(entry)
			return
		}
	}
	answer := httptest.NewRecorder()
	if strings.HasPrefix(req.URL.Path, "/_blobs/") {
		s.serveBlob(answer, req)
	} else {
		s.api.ServeHTTP(answer, req)
	}
	entry.Status = answer.Code
	if f != nil && f.LoseAnswer {
		entry.Status = 0
	}
	s.record(entry)
	switch {
	case f != nil && f.LoseAnswer:
		abort()
	case f != nil && f.Truncate:
		truncated(w, answer)
		abort()
	}
	copyHeader(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	if req.Method != http.MethodHead {
		answer.Body.WriteTo(w)
	}
}

func copyHeader(to, from http.Header) { maps.Copy(to, from) }

// apiPath takes the base of the API off a path.
func (s *Server) apiPath(p string) string {
	for _, prefix := range []string{"/api/v3", "/api/uploads", "/api", "/uploads"} {
		if rest, ok := strings.CutPrefix(p, prefix+"/"); ok && (s.enterprise || prefix == "/uploads") {
			return "/" + rest
		}
	}
	return p
}

func tokenOf(req *http.Request) string {
	kind, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "bearer") && !strings.EqualFold(kind, "token") {
		return ""
	}
	return token
}

// problem is an answer that refuses.
type problem struct {
	status  int
	message string
	errors  list
}

func (p *problem) Error() string { return p.message }

func notFound() *problem { return &problem{status: http.StatusNotFound, message: "Not Found"} }

func invalid(message string, errs ...any) *problem {
	return &problem{status: http.StatusUnprocessableEntity, message: message, errors: errs}
}

// invalidField is GitHub's usual 422.
func invalidField(resource, field, code string) *problem {
	return invalid("Validation Failed", object{"resource": resource, "field": field, "code": code})
}

func answerError(w http.ResponseWriter, p *problem) {
	body := object{"message": p.message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(p.status)}
	if p.errors != nil {
		body["errors"] = p.errors
	}
	answerJSON(w, p.status, body)
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("fake GitHub: an answer that is not JSON: %v", err))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	w.Write(data)
}

// call is one request on its way through the API. s.mu is held meanwhile.
type call struct {
	*Server
	w     http.ResponseWriter
	req   *http.Request
	body  []byte
	token *Token // nil: nobody
	user  *User
	repo  *Repository // of /repos/{owner}/{repo}, else nil
}

// handler answers with a status and a body that becomes JSON (nil: none), or a
// *problem.
type handler func(c *call) (status int, body any, err *problem)

// serveAPI answers what middleware sees.
func (s *Server) serveAPI(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	escaped := s.apiPath(req.URL.EscapedPath())
	r, values, ok := match(req.Method, escaped)
	if !ok {
		answerError(w, notFound())
		return
	}
	inner := req.Clone(req.Context())
	inner.URL.Path, inner.URL.RawPath = escaped, ""
	for name, value := range values {
		inner.SetPathValue(name, value)
	}
	s.serve(w, inner, r)
}

// serve runs one endpoint: who asks, may they, what is the answer.
func (s *Server) serve(w http.ResponseWriter, req *http.Request, r route) {
	secret := tokenOf(req)
	s.served++
	header := w.Header()
	header.Set("X-GitHub-Request-Id", fmt.Sprintf("WB:%06d", s.served))
	header.Set("X-GitHub-Media-Type", "github.v3; format=json")
	if s.enterprise {
		header.Set("X-GitHub-Enterprise-Version", "3.17.0")
	}
	if r.needs != "" {
		header.Set("X-Accepted-GitHub-Permissions", acceptedPermissions(r.needs))
	}
	body, _ := io.ReadAll(req.Body)
	c := &call{Server: s, w: w, req: req, body: body}
	if p := c.authorize(secret, r); p != nil {
		s.setRateLimit(header, secret, true)
		answerError(w, p)
		return
	}
	if c.repo != nil {
		c.repo.sync()
	}
	status, answer, p := r.handle(c)
	switch {
	case p != nil:
		s.setRateLimit(header, secret, true)
		answerError(w, p)
	case status == 0: // the handler has answered
	case answer == nil:
		s.setRateLimit(header, secret, true)
		w.WriteHeader(status)
	default:
		c.answer(secret, status, answer)
	}
}

// answer sends JSON, or 304 to who has it already, which costs nothing of the
// rate limit.
func (c *call) answer(secret string, status int, body any) {
	if c.req.Method != http.MethodGet || status != http.StatusOK {
		c.setRateLimit(c.w.Header(), secret, true)
		answerJSON(c.w, status, body)
		return
	}
	data, _ := json.Marshal(body)
	sum := sha256.Sum256(append(data, c.w.Header().Get("Link")...))
	etag := `W/"` + hex.EncodeToString(sum[:]) + `"`
	c.w.Header().Set("ETag", etag)
	c.w.Header().Set("Cache-Control", "private, max-age=60, s-maxage=60")
	if c.req.Header.Get("If-None-Match") == etag {
		c.setRateLimit(c.w.Header(), secret, false)
		c.w.WriteHeader(http.StatusNotModified)
		return
	}
	c.setRateLimit(c.w.Header(), secret, true)
	answerJSON(c.w, status, body)
}

// setRateLimit counts a request and says what remains. GHES has no rate limit
// unless its admin turns it on. s.mu is held.
func (s *Server) setRateLimit(h http.Header, secret string, count bool) {
	if s.enterprise {
		return
	}
	if s.resetAt.IsZero() {
		s.resetAt = s.now().Add(time.Hour)
	}
	if count {
		s.used[secret]++
	}
	used := s.used[secret]
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.rateLimit))
	h.Set("X-RateLimit-Used", strconv.Itoa(min(used, s.rateLimit)))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, s.rateLimit-used)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(s.resetAt.Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}

// decode reads the request's JSON, whose types GitHub checks too.
func (c *call) decode(into any) *problem {
	if len(c.body) == 0 {
		return &problem{status: http.StatusBadRequest, message: "Body should be a JSON object"}
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		if _, wrongType := err.(*json.UnmarshalTypeError); wrongType {
			return invalid("Invalid request.\n\n" + err.Error())
		}
		return &problem{status: http.StatusBadRequest, message: "Problems parsing JSON"}
	}
	return nil
}

// id returns the number that a path element has to be.
func (c *call) id(name string) (int64, *problem) {
	n, err := strconv.ParseInt(c.req.PathValue(name), 10, 64)
	if err != nil || n <= 0 {
		return 0, notFound()
	}
	return n, nil
}
