package github_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/forge/github"
)

func TestTokenStaysHome(t *testing.T) {
	seen := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen++
		if got := r.Header.Get("Authorization"); got != "" {
			t.Errorf("another host was sent %q", got)
		}
		_, _ = w.Write([]byte("zip"))
	}))
	defer other.Close()
	to := func(status int, address string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", address)
			w.WriteHeader(status)
		}
	}
	a := serve(t, map[string]http.HandlerFunc{
		"GET /actions/artifacts/5/zip": to(302, other.URL+"/zip?sig=1"),
		"GET /actions/artifacts/6/zip": to(302, "ftp://elsewhere/zip?sig=1"),
		"GET /actions/artifacts/7/zip": to(302, "http://127.0.0.1:1/zip?sig=1"),
		"GET /actions/artifacts/8/zip": gives(410, object{"message": "Artifact has expired"}),
		"GET /actions/artifacts/9/zip": gives(200, object{}),
		"GET /pulls/7":                 to(301, other.URL+"/pulls/7"),
		"PATCH /issues/comments/1":     to(307, other.URL+"/x"),
	})
	c := a.client()
	data, err := c.DownloadArtifact(ctx, 5, 100)
	if err != nil || string(data) != "zip" || seen != 1 {
		t.Errorf("got %q, %v, %d requests", data, err, seen)
	}
	_, err = c.DownloadArtifact(ctx, 5, 2)
	wants(t, err, "download artifact 5 of acme/reviews", "larger than 2 bytes")
	_, err = c.DownloadArtifact(ctx, 6, 100)
	wants(t, err, "cannot be fetched safely")
	_, err = c.DownloadArtifact(ctx, 7, 100)
	wants(t, err, "download artifact 7", "127.0.0.1:1")
	_, err = c.DownloadArtifact(ctx, 8, 100)
	wants(t, err, "Artifact has expired")
	_, err = c.DownloadArtifact(ctx, 9, 100)
	wants(t, err, "does not say where")
	seen = 0
	_, err = c.PullRequest(ctx, 7)
	wants(t, err, "redirects to another host", "the token is not sent there")
	_, err = c.EditComment(ctx, 1, "x")
	wants(t, err, "redirects to another host")
	if seen != 0 {
		t.Errorf("another host was asked %d times", seen)
	}
}

func TestRenamedRepository(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{
		"GET /pulls/7": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/repositories/1/pulls/7", http.StatusMovedPermanently)
		},
		"GET /repositories/1/pulls/7": gives(200, pull(7, "acme", "topic", shaA)),
	})
	if pr, err := a.client().PullRequest(ctx, 7); err != nil || pr.Number != 7 {
		t.Errorf("got %+v, %v", pr, err)
	}
}

func TestOptions(t *testing.T) {
	good := github.Options{Repository: "acme/reviews", HTTP: http.DefaultClient, Now: time.Now}
	for name, change := range map[string]func(*github.Options){
		"OWNER/NAME":           func(o *github.Options) { o.Repository = "acme" },
		`"acme/.."`:            func(o *github.Options) { o.Repository = "acme/.." },
		`"acme/a/b"`:           func(o *github.Options) { o.Repository = "acme/a/b" },
		"are required":         func(o *github.Options) { o.HTTP = nil },
		"only sent over https": func(o *github.Options) { o.BaseURL = "http://ghe.example.com/api/v3" },
		"no plain address":     func(o *github.Options) { o.BaseURL = "https://u:p@ghe.example.com" },
		"line break":           func(o *github.Options) { o.Token = token + "\n" },
	} {
		o := good
		change(&o)
		_, err := github.New(o)
		wants(t, err, name)
	}
	if _, err := github.New(good); err != nil {
		t.Error(err)
	}
}

// Every host is asked where its API really is.
func TestAddresses(t *testing.T) {
	for base, want := range map[string][3]string{
		"":                               {"https://api.github.com/repos/acme/reviews", "https://api.github.com/graphql", "https://uploads.github.com/repos/acme/reviews/releases/1/assets"},
		"https://api.acme.ghe.com":       {"https://api.acme.ghe.com/repos/acme/reviews", "https://api.acme.ghe.com/graphql", "https://uploads.acme.ghe.com/repos/acme/reviews/releases/1/assets"},
		"https://ghe.example.com/api/v3": {"https://ghe.example.com/api/v3/repos/acme/reviews", "https://ghe.example.com/api/graphql", "https://ghe.example.com/api/uploads/repos/acme/reviews/releases/1/assets"},
	} {
		var got []string
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			u := *r.URL
			u.RawQuery = ""
			got = append(got, u.String())
			body := `[]`
			if r.Method == "POST" || strings.HasSuffix(u.Path, "/reviews") {
				body = `{}`
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: reader(body), Request: r}, nil
		})
		c, err := github.New(github.Options{BaseURL: base, Repository: "acme/reviews", Token: token, HTTP: &http.Client{Transport: transport}, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Repository(ctx)
		_, _ = c.Self(ctx)
		_, _ = c.UploadAsset(ctx, 1, "a.txt", "text/plain", []byte("x"), "")
		for _, w := range want {
			if _, err := url.Parse(w); err != nil || !slices.Contains(got, w) {
				t.Errorf("%q: %s is not among %q", base, w, got)
			}
		}
	}
}
