package contract

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// TestMisspelt shows that the contract can be broken, and that it is noticed.
func TestMisspelt(t *testing.T) {
	// What the fake refuses is not compared, and would show nothing.
	send := func(t *testing.T, method, path, body string, options ...githubtest.Option) string {
		f := newFixture(t, "api.github.com", options...)
		path = strings.NewReplacer("{pr}", fmt.Sprint(f.pr.Number), "{sha}", f.pr.HeadSHA).Replace(path)
		body = strings.ReplaceAll(body, "{sha}", f.pr.HeadSHA)
		req, _ := http.NewRequest(method, f.gh.URL+"/repos/acme/reviews"+path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+githubtest.AdminToken)
		req.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode >= 300 {
			t.Errorf("the fake answered %d", answer.StatusCode)
		}
		return strings.Join(f.v.take(), "\n")
	}
	for _, c := range []struct{ name, method, path, body, want string }{
		{"good", "POST", "/check-runs", `{"name":"w","head_sha":"{sha}","details_url":"https://example.com"}`, ``},
		{"key", "POST", "/check-runs", `{"name":"w","head_sha":"{sha}","detail_url":"https://example.com"}`, `request: key ".detail_url" is not described`},
		{"nested key", "POST", "/check-runs", `{"name":"w","head_sha":"{sha}","output":{"title":"t","summary":"s","txt":""}}`, `key ".output.txt"`},
		{"type", "POST", "/check-runs", `{"name":"w","head_sha":"{sha}","output":{"title":"t","summary":"s","images":{}}}`, `request: request body has an error`},
		{"parameter", "GET", "/commits/{sha}/check-runs?checkname=w", ``, `parameter "checkname" is not described`},
		{"value of a parameter", "GET", "/pulls?state=opened", ``, `request: parameter "state"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, c.method, c.path, c.body)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	spoil := func(old, new string) githubtest.Option {
		return githubtest.WithMiddleware(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				next.ServeHTTP(&spoiler{w, regexp.MustCompile(old), new}, req)
			})
		})
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"answer as it is", `nothing`, ``, ``},
		{"misspelt key that is required", `"html_url":`, `"htmlurl":`, `property "html_url" is missing`},
		{"misspelt key that is optional", `"draft":`, `"draught":`, `answer 200: key ".draught" is not described`},
		{"wrong type", `"number":\d+`, `"number":"1"`, `answer 200`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, "GET", "/pulls/{pr}", "", spoil(c.old, c.new))
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// spoiler changes an answer on its way.
type spoiler struct {
	http.ResponseWriter
	old *regexp.Regexp
	new string
}

func (s *spoiler) WriteHeader(status int) {
	s.Header().Del("Content-Length")
	s.ResponseWriter.WriteHeader(status)
}

func (s *spoiler) Write(data []byte) (int, error) {
	_, err := s.ResponseWriter.Write(s.old.ReplaceAll(data, []byte(s.new)))
	return len(data), err
}
