package github_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
)

const marker = "<!-- waybill -->"

// conversation is the comments of pull request 7.
type conversation struct{ all []object }

func (c *conversation) write(body, login string, id int) object {
	made := object{"id": len(c.all) + 1, "body": body, "user": user(login, id)}
	c.all = append(c.all, made)
	return made
}

func (c *conversation) list(w http.ResponseWriter, _ *http.Request) {
	answer(w, 200, append([]object{}, c.all...))
}

// post writes a comment by github-actions[bot], and then does as after says.
func (c *conversation) post(after http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Body string }
		_ = json.NewDecoder(r.Body).Decode(&sent)
		made := c.write(sent.Body, "github-actions[bot]", 41898282)
		if after == nil {
			answer(w, 201, made)
			return
		}
		after(w, r)
	}
}

func TestLostAnswerMakesNoSecondComment(t *testing.T) {
	const body = marker + "\nPASS"
	for name, lost := range map[string]http.HandlerFunc{"cut off": cutOff, "502": raw(502, "bad gateway")} {
		t.Run(name, func(t *testing.T) {
			var c conversation
			c.write(body, "mallory", 666) // the same text by somebody else is not ours
			a := serve(t, map[string]http.HandlerFunc{
				"POST /issues/7/comments": c.post(lost), "GET /issues/7/comments": c.list, "POST /graphql": viewer("github-actions[bot]", 41898282),
			})
			made, err := a.client().CreateComment(ctx, 7, body)
			if err != nil || made.ID != 2 || len(c.all) != 2 {
				t.Errorf("got %+v, %v; there are %d comments", made, err, len(c.all))
			}
		})
	}
	t.Run("not written", func(t *testing.T) {
		var c conversation
		c.write(body, "mallory", 666)
		a := serve(t, map[string]http.HandlerFunc{
			"POST /issues/7/comments": inTurn(cutOff, c.post(nil)), "GET /issues/7/comments": c.list, "POST /graphql": viewer("github-actions[bot]", 41898282),
		})
		made, err := a.client().CreateComment(ctx, 7, body)
		if err != nil || made.ID != 2 || len(c.all) != 2 {
			t.Errorf("got %+v, %v; there are %d comments", made, err, len(c.all))
		}
	})
	t.Run("another run was faster", func(t *testing.T) {
		var c conversation
		a := serve(t, map[string]http.HandlerFunc{
			"POST /issues/7/comments": func(w http.ResponseWriter, r *http.Request) {
				c.write(marker+"\nFAIL", "github-actions[bot]", 41898282)
				cutOff(w, r)
			},
			"GET /issues/7/comments": c.list, "POST /graphql": viewer("github-actions[bot]", 41898282),
			"PATCH /issues/comments/1": gives(200, object{"id": 1, "body": body}),
		})
		made, err := a.client().CreateComment(ctx, 7, body)
		if err != nil || made.ID != 1 || made.Body != body || len(c.all) != 1 {
			t.Errorf("got %+v, %v; there are %d comments", made, err, len(c.all))
		}
	})
	t.Run("nobody knows who we are", func(t *testing.T) {
		a := serve(t, map[string]http.HandlerFunc{
			"POST /issues/7/comments": cutOff, "POST /graphql": raw(403, "{}"), "GET /user": raw(403, "{}"),
		})
		if _, err := a.client().CreateComment(ctx, 7, body); err == nil || a.count("POST /issues/7/comments") != 1 {
			t.Errorf("got %v after %d writes", err, a.count("POST /issues/7/comments"))
		}
	})
}

func TestSelf(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{"POST /graphql": viewer("github-actions[bot]", 41898282)})
	c := a.client()
	for range 2 {
		self, err := c.Self(ctx)
		if err != nil || self != (forge.Account{Login: "github-actions[bot]", ID: 41898282, Bot: true}) {
			t.Errorf("got %+v, %v", self, err)
		}
	}
	if n := a.count("POST /graphql"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	a = serve(t, map[string]http.HandlerFunc{
		"POST /graphql": gives(200, object{"data": nil, "errors": []object{{"message": "no"}}}), "GET /user": gives(200, user("octocat", 583231)),
	})
	if self, err := a.client().Self(ctx); err != nil || self != (forge.Account{Login: "octocat", ID: 583231}) {
		t.Errorf("got %+v, %v", self, err)
	}
}

// TestSelfUnknown: only what both refuse is not allowed. Most tokens are refused
// by GET /user, which says nothing while GraphQL is down.
func TestSelfUnknown(t *testing.T) {
	down, refused := raw(503, ""), raw(403, `{"message":"Resource not accessible by integration"}`)
	for _, c := range []struct {
		name          string
		graphQL, user http.HandlerFunc
		notAllowed    bool
		want          string
	}{
		{"refused twice", refused, refused, true, "403"},
		{"GraphQL is down", down, refused, false, "503"},
		{"GraphQL is down, and there is no GET /user", down, raw(404, "{}"), false, "503"},
		{"GraphQL does not answer", cutOff, refused, false, "EOF"},
		{"GraphQL's limit is reached", rateLimited, refused, false, "rate limit"},
		{"GET /user is down", refused, down, false, "503"},
		{"all is down", down, down, false, "503"},
		{"there is no GraphQL", raw(410, `{"message":"Gone"}`), refused, true, "410"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := serve(t, map[string]http.HandlerFunc{"POST /graphql": c.graphQL, "GET /user": c.user})
			_, err := a.client().Self(ctx)
			wants(t, err, "read which account the token belongs to", c.want)
			if errors.Is(err, forge.ErrNotAllowed) != c.notAllowed || errors.Is(err, forge.ErrNotFound) {
				t.Errorf("got %v; not allowed should be %t", err, c.notAllowed)
			}
		})
	}
	a := serve(t, map[string]http.HandlerFunc{"POST /graphql": down, "GET /user": gives(200, user("octocat", 583231))})
	if self, err := a.client().Self(ctx); err != nil || self.ID != 583231 {
		t.Errorf("got %+v, %v while only GraphQL is down", self, err)
	}
}

// rateLimited would have us wait longer than we do.
func rateLimited(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "86400")
	answer(w, http.StatusForbidden, object{"message": "You have exceeded a secondary rate limit."})
}

func TestCreatePullRequestOnce(t *testing.T) {
	there := gives(200, []object{pull(3, "acme", "other", shaA), pull(4, "acme", "waybill/lock", shaA)})
	for name, post := range map[string]http.HandlerFunc{
		"lost":          cutOff,
		"exists":        gives(422, object{"message": "Validation Failed", "errors": []object{{"message": "A pull request already exists for acme:waybill/lock."}}}),
		"new":           gives(201, pull(4, "acme", "waybill/lock", shaA)),
		"gateway error": raw(504, ""),
	} {
		a := serve(t, map[string]http.HandlerFunc{"POST /pulls": post, "GET /pulls": there})
		pr, err := a.client().CreatePullRequest(ctx, forge.NewPullRequest{Title: "t", Head: "waybill/lock", Base: "main"})
		if err != nil || pr.Number != 4 || a.count("POST /pulls") != 1 {
			t.Errorf("%s: got %d, %v after %d writes", name, pr.Number, err, a.count("POST /pulls"))
		}
	}
	a := serve(t, map[string]http.HandlerFunc{"POST /pulls": gives(403, object{"message": "GitHub Actions is not permitted to create or approve pull requests."})})
	_, err := a.client().CreatePullRequest(ctx, forge.NewPullRequest{Title: "t", Head: "waybill/lock", Base: "main"})
	wants(t, err, "not permitted", "Settings, Actions, General", "pull-requests: write")
	if !errors.Is(err, forge.ErrNotAllowed) {
		t.Errorf("got %#v", err)
	}
}

// A server that ignores the head, as GitHub does when it cannot read it,
// returns every pull request.
func TestPullRequestsByHead(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{"GET /pulls": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("head") != "Mallory:topic/1" || r.URL.Query().Get("state") != "open" {
			t.Errorf("asked for %s", r.URL.RawQuery)
		}
		closed := pull(4, "mallory", "topic/1", shaA)
		closed["state"] = "closed"
		gone := pull(5, "mallory", "topic/1", shaA)
		gone["head"].(object)["repo"] = nil
		answer(w, 200, []object{pull(1, "acme", "topic/1", shaA), pull(2, "mallory", "topic/2", shaA), pull(3, "mallory", "topic/1", shaA), closed, gone})
	}})
	found, err := a.client().PullRequestsByHead(ctx, "Mallory", "topic/1")
	if err != nil || len(found) != 1 || found[0].Number != 3 || !found[0].Fork {
		t.Errorf("got %+v, %v", found, err)
	}
}

func TestDeleteComment(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{
		"DELETE /issues/comments/1": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"DELETE /issues/comments/2": raw(404, "{}"), "GET /issues/comments/2": raw(404, "{}"),
		"DELETE /issues/comments/3": raw(404, "{}"), "GET /issues/comments/3": gives(200, object{"id": 3}),
	})
	c := a.client()
	if err := errors.Join(c.DeleteComment(ctx, 1), c.DeleteComment(ctx, 2)); err != nil {
		t.Error(err)
	}
	if err := c.DeleteComment(ctx, 3); !errors.Is(err, forge.ErrNotAllowed) {
		t.Errorf("a comment that is there: %v", err)
	}
}

func TestCan(t *testing.T) {
	for status, want := range map[int]bool{422: true, 400: true, 403: false, 404: false} {
		a := serve(t, map[string]http.HandlerFunc{
			"POST /issues/7/comments": raw(status, "{}"), "POST /check-runs": raw(status, "{}"), "POST /git/refs": raw(status, "{}"),
		})
		for _, p := range []forge.Permission{forge.ToComment, forge.ToCheck, forge.ToWriteContents} {
			if can, err := a.client().Can(ctx, p, 7); err != nil || can != want {
				t.Errorf("%s at %d: got %v, %v", p, status, can, err)
			}
		}
	}
	a := serve(t, map[string]http.HandlerFunc{"POST /check-runs": raw(500, "")})
	_, err := a.client().Can(ctx, forge.ToCheck, 0)
	wants(t, err, `find out whether the token has "checks: write"`)
	_, err = a.client().Can(ctx, forge.ToReadActions, 0)
	wants(t, err, "cannot be asked")
}
