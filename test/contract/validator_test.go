package contract

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// validator stands before the fake and compares every request and answer with
// the description.
type validator struct {
	doc *openapi3.T

	mu       sync.Mutex
	problems []string
	answered map[string]bool // "METHOD PATH" that were answered well
}

func load(t *testing.T, name string) *openapi3.T {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	// Not validated itself: that fails on what GitHub wrote.
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return doc
}

func newValidator(t *testing.T, name string) *validator {
	return &validator{doc: load(t, name), answered: map[string]bool{}}
}

func (v *validator) problem(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// take returns the problems so far and forgets them.
func (v *validator) take() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.problems
	v.problems = nil
	return out
}

// wrap is the middleware.
func (v *validator) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, req)
		v.compare(req, body, answer)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		answer.Body.WriteTo(w)
	})
}

func (v *validator) compare(req *http.Request, body []byte, answer *httptest.ResponseRecorder) {
	path := req.URL.EscapedPath()
	for _, base := range []string{"/api/v3", "/api/uploads", "/uploads", "/api"} {
		if rest, ok := strings.CutPrefix(path, base+"/"); ok {
			path = "/" + rest
			break
		}
	}
	if path == "/graphql" {
		return // has a description of its own
	}
	route, params := v.find(req.Method, path)
	if route == nil {
		v.problem("%s %s: not in the description", req.Method, path)
		return
	}
	name := req.Method + " " + route.Path
	// What was refused may have been wrong on purpose.
	if answer.Code < 400 {
		if answer.Code < 300 || answer.Code == http.StatusFound {
			v.mu.Lock()
			v.answered[name] = true
			v.mu.Unlock()
		}
		v.compareQuery(name, route, req.URL.Query())
		v.compareKeys(name+": request", body, bodySchema(route))
	}
	in := v.compareRequest(name, route, params, req, body, answer.Code)
	v.compareAnswer(name, route, in, answer)
}

// find is the router: in the descriptions the last parameter of some paths
// spans several elements (x-multi-segment), which routers do not know.
func (v *validator) find(method, path string) (*routers.Route, map[string]string) {
	parts := strings.Split(path, "/")
	var best *routers.Route
	var values map[string]string
	literals := -1
	for pattern, item := range v.doc.Paths.Map() {
		operation := item.GetOperation(method)
		if operation == nil {
			continue
		}
		got, ok := match(strings.Split(pattern, "/"), parts)
		// The path with the most literal elements wins.
		if n := strings.Count(pattern, "/") - strings.Count(pattern, "{"); ok && n > literals {
			literals = n
			best = &routers.Route{Spec: v.doc, Path: pattern, PathItem: item, Method: method, Operation: operation, Server: &openapi3.Server{URL: "/"}}
			values = got
		}
	}
	return best, values
}

func match(pattern, parts []string) (map[string]string, bool) {
	values := map[string]string{}
	for i, p := range pattern {
		if i >= len(parts) {
			return nil, false
		}
		name, isParam := strings.CutPrefix(p, "{")
		if !isParam {
			if p != parts[i] {
				return nil, false
			}
			continue
		}
		name = strings.TrimSuffix(name, "}")
		raw, rest := parts[i], i == len(pattern)-1 && (name == "ref" || name == "path")
		if rest {
			raw = strings.Join(parts[i:], "/")
		}
		values[name], _ = url.PathUnescape(raw)
		if rest {
			return values, true
		}
	}
	return values, len(pattern) == len(parts)
}

func (v *validator) compareRequest(name string, route *routers.Route, params map[string]string, req *http.Request, body []byte, status int) *openapi3filter.RequestValidationInput {
	again := req.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	in := &openapi3filter.RequestValidationInput{
		Request: again, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true,
			// An asset is whatever it is.
			ExcludeRequestBody: strings.HasSuffix(route.Path, "/releases/{release_id}/assets"),
		},
	}
	if status >= 400 {
		return in
	}
	if len(body) == 0 && route.Operation.RequestBody != nil && route.Operation.RequestBody.Value.Required {
		v.problem("%s: request without the body that is required", name)
	}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
		v.problem("%s: request: %v", name, brief(err))
	}
	return in
}

// compareQuery refuses parameters that are not described: GitHub ignores them.
func (v *validator) compareQuery(name string, route *routers.Route, query url.Values) {
	known := map[string]bool{}
	for _, p := range slices.Concat(route.Operation.Parameters, route.PathItem.Parameters) {
		known[p.Value.Name] = true
	}
	for key := range query {
		if !known[key] {
			v.problem("%s: parameter %q is not described", name, key)
		}
	}
}

func bodySchema(route *routers.Route) *openapi3.SchemaRef {
	if route.Operation.RequestBody == nil {
		return nil
	}
	if media := route.Operation.RequestBody.Value.Content.Get("application/json"); media != nil {
		return media.Schema
	}
	return nil
}

// refusals are statuses that GitHub answers without saying so for each endpoint.
var refusals = []int{400, 401, 403, 404, 409, 410, 422, 429}

func (v *validator) compareAnswer(name string, route *routers.Route, in *openapi3filter.RequestValidationInput, answer *httptest.ResponseRecorder) {
	body := answer.Body.Bytes()
	described := route.Operation.Responses.Status(answer.Code)
	isJSON := strings.HasPrefix(answer.Header().Get("Content-Type"), "application/json")
	switch {
	case described == nil && slices.Contains(refusals, answer.Code):
		described = &openapi3.ResponseRef{Value: openapi3.NewResponse().WithJSONSchema(refusal)}
		if err := validateJSON(refusal, body); err != nil {
			v.problem("%s: answer %d: %v", name, answer.Code, brief(err))
		}
	case answer.Code == http.StatusNotModified:
		if len(body) > 0 {
			v.problem("%s: answer 304 with a body", name)
		}
		return
	default:
		options := *in.Options
		options.ExcludeResponseBody = !isJSON || len(body) == 0
		err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: in, Status: answer.Code, Header: answer.Header(), Body: io.NopCloser(bytes.NewReader(body)), Options: &options,
		})
		if err != nil {
			v.problem("%s: answer %d: %v", name, answer.Code, brief(err))
		}
	}
	if described == nil || !isJSON {
		return
	}
	if media := described.Value.Content.Get("application/json"); media != nil {
		schemas := []*openapi3.SchemaRef{media.Schema}
		if answer.Code >= 400 { // some descriptions of errors leave "status" out
			schemas = append(schemas, refusal.NewRef())
		}
		v.compareKeys(fmt.Sprintf("%s: answer %d", name, answer.Code), body, schemas...)
	}
}

// refusal is the shape of GitHub's errors.
var refusal = func() *openapi3.Schema {
	s := openapi3.NewObjectSchema().WithProperty("message", openapi3.NewStringSchema()).
		WithProperty("documentation_url", openapi3.NewStringSchema()).WithProperty("status", openapi3.NewStringSchema()).
		WithProperty("errors", openapi3.NewArraySchema().WithItems(openapi3.NewSchema()))
	s.Required = []string{"message", "documentation_url"}
	return s
}()

func validateJSON(schema *openapi3.Schema, body []byte) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	return schema.VisitJSON(value)
}

// brief is an error's first line: the rest repeats schema and value.
func brief(err error) string {
	text := err.Error()
	if i := strings.Index(text, "\nSchema:"); i > 0 {
		text = text[:i]
	}
	return text[:min(len(text), 600)]
}
