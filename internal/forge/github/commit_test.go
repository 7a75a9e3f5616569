package github_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
)

// store is Git data in which branch main is at head.
type store struct {
	head   string
	tree   []map[string]any // entries of the last tree sent
	commit map[string]any
}

func (s *store) routes(t *testing.T) map[string]http.HandlerFunc {
	ref := func() object {
		return object{"ref": "refs/heads/lock/main", "object": object{"sha": s.head, "type": "commit"}}
	}
	return map[string]http.HandlerFunc{
		"GET /git/ref/heads/lock/main": func(w http.ResponseWriter, _ *http.Request) {
			if s.head == "" {
				answer(w, 404, object{"message": "Not Found"})
				return
			}
			answer(w, 200, ref())
		},
		"GET /git/commits/" + shaA: gives(200, object{"sha": shaA, "tree": object{"sha": shaB}}),
		"POST /git/blobs":          gives(201, object{"sha": strings.Repeat("d", 40)}),
		"POST /git/trees": func(w http.ResponseWriter, r *http.Request) {
			var sent struct {
				Base string           `json:"base_tree"`
				Tree []map[string]any `json:"tree"`
			}
			if err := json.NewDecoder(r.Body).Decode(&sent); err != nil || sent.Base != shaB {
				t.Errorf("tree on %q: %v", sent.Base, err)
			}
			s.tree = sent.Tree
			answer(w, 201, object{"sha": strings.Repeat("e", 40)})
		},
		"POST /git/commits": func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewDecoder(r.Body).Decode(&s.commit)
			answer(w, 201, object{"sha": shaC})
		},
		"PATCH /git/refs/heads/lock/main": func(w http.ResponseWriter, r *http.Request) {
			var sent map[string]any
			_ = json.NewDecoder(r.Body).Decode(&sent)
			if sent["force"] != false {
				t.Error("the branch would be moved by force")
			}
			if s.head != shaA && s.head != sent["sha"] {
				answer(w, 422, object{"message": "Update is not a fast forward"})
				return
			}
			s.head, _ = sent["sha"].(string)
			answer(w, 200, ref())
		},
		"POST /git/refs": func(w http.ResponseWriter, r *http.Request) {
			if s.head != "" {
				answer(w, 422, object{"message": "Reference already exists"})
				return
			}
			s.head = shaC
			answer(w, 201, ref())
		},
	}
}

var lockFiles = map[string][]byte{"models/s/model.lock.json": []byte("{}"), "old.txt": nil, "weights.bin": {0, 1, 2}, "empty": {}}

func TestCommitFiles(t *testing.T) {
	s := &store{head: shaA}
	a := serve(t, s.routes(t))
	sha, err := a.client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock")
	if err != nil || sha != shaC || s.head != shaC {
		t.Fatalf("got %s, %v; the branch is at %s", sha, err, s.head)
	}
	byPath := map[string]map[string]any{}
	for _, e := range s.tree {
		byPath[e["path"].(string)] = e
	}
	if e := byPath["models/s/model.lock.json"]; e["content"] != "{}" || e["mode"] != "100644" {
		t.Errorf("text was sent as %v", e)
	}
	if sha, there := byPath["old.txt"]["sha"]; sha != nil || !there {
		t.Errorf("removal was sent as %v", byPath["old.txt"])
	}
	if e := byPath["weights.bin"]; e["sha"] != strings.Repeat("d", 40) {
		t.Errorf("a binary file was sent as %v", e)
	}
	if a.count("POST /git/blobs") != 2 {
		t.Errorf("%d blobs", a.count("POST /git/blobs"))
	}
	// GitHub signs only commits without author and committer.
	if s.commit["author"] != nil || s.commit["committer"] != nil || s.commit["message"] != "Lock" {
		t.Errorf("committed %v", s.commit)
	}
}

func TestCommitToNewBranch(t *testing.T) {
	s := &store{}
	a := serve(t, s.routes(t))
	if sha, err := a.client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock"); err != nil || sha != shaC || s.head != shaC {
		t.Errorf("got %s, %v; the branch is at %s", sha, err, s.head)
	}
}

func TestCommitOfNothing(t *testing.T) {
	s := &store{head: shaA}
	routes := s.routes(t)
	routes["POST /git/trees"] = gives(201, object{"sha": shaB})
	a := serve(t, routes)
	sha, err := a.client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock")
	if err != nil || sha != shaA || a.count("POST /git/commits") != 0 {
		t.Errorf("got %s, %v", sha, err)
	}
}

func TestBranchMoved(t *testing.T) {
	s := &store{head: shaB}
	a := serve(t, s.routes(t))
	_, err := a.client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock")
	wants(t, err, "commit 4 files to lock/main of acme/reviews", "fetch it and try again")
	if !errors.Is(err, forge.ErrMoved) || a.count("POST /git/trees") != 0 {
		t.Errorf("got %v", err)
	}
	// Somebody is faster between the look and the push.
	s = &store{head: shaA}
	routes := s.routes(t)
	commit := routes["POST /git/commits"]
	routes["POST /git/commits"] = func(w http.ResponseWriter, r *http.Request) { s.head = shaB; commit(w, r) }
	a = serve(t, routes)
	_, err = a.client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock")
	wants(t, err, "not a fast forward")
	if !errors.Is(err, forge.ErrMoved) || s.head != shaB {
		t.Errorf("got %v; the branch is at %s", err, s.head)
	}
	// The same when it is a new branch.
	s = &store{}
	routes = s.routes(t)
	commit = routes["POST /git/commits"]
	routes["POST /git/commits"] = func(w http.ResponseWriter, r *http.Request) { s.head = shaB; commit(w, r) }
	if _, err = serve(t, routes).client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock"); !errors.Is(err, forge.ErrMoved) {
		t.Errorf("got %v", err)
	}
}

func TestLostAnswerOfAPush(t *testing.T) {
	for _, head := range []string{shaA, ""} {
		s := &store{head: head}
		routes := s.routes(t)
		for _, name := range []string{"PATCH /git/refs/heads/lock/main", "POST /git/refs"} {
			done := routes[name]
			routes[name] = inTurn(func(w http.ResponseWriter, r *http.Request) {
				done(discard{}, r)
				cutOff(w, r)
			}, done)
		}
		if sha, err := serve(t, routes).client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock"); err != nil || sha != shaC {
			t.Errorf("from %q: got %s, %v", head, sha, err)
		}
	}
}

func TestRulesRefuseACommit(t *testing.T) {
	s := &store{head: shaA}
	routes := s.routes(t)
	routes["PATCH /git/refs/heads/lock/main"] = gives(422, object{"message": "Repository rule violations found: Changes must be made through a pull request."})
	_, err := serve(t, routes).client().CommitFiles(ctx, "lock/main", shaA, lockFiles, "Lock")
	wants(t, err, "Changes must be made through a pull request")
	if errors.Is(err, forge.ErrMoved) {
		t.Error("a rule is taken for a branch that moved")
	}
}

func TestContents(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{"GET /contents/models/my%20model.yaml": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("ref") != "a&b" || r.Header.Get("Accept") != "application/vnd.github.raw+json" {
			t.Errorf("asked for %s as %s", r.URL.RawQuery, r.Header.Get("Accept"))
		}
		_, _ = w.Write([]byte("kind: Model"))
	}})
	data, err := a.client().Contents(ctx, "models/my model.yaml", "a&b", 11)
	if err != nil || string(data) != "kind: Model" {
		t.Errorf("got %q, %v", data, err)
	}
	_, err = a.client().Contents(ctx, "models/my model.yaml", "a&b", 10)
	wants(t, err, "read models/my model.yaml", "larger than 10 bytes")
}

// discard is a ResponseWriter for an answer that is lost.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
