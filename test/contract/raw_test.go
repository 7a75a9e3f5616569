package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// raw sends what the client has no method for.
func (f *fixture) raw() {
	head := f.repo.Ref("refs/heads/main")
	check := f.repo.CheckRuns(f.pr.HeadSHA)[0]
	comment := f.repo.AddComment(f.pr.Number, "octocat", "hi")
	blob := f.send("POST", "/repos/acme/reviews/git/blobs", 201, map[string]any{"content": "aGk=", "encoding": "base64"})
	tree := f.send("POST", "/repos/acme/reviews/git/trees", 201, map[string]any{"base_tree": head, "tree": []any{
		map[string]any{"path": "x/y", "mode": "100644", "type": "blob", "sha": blob["sha"]}}})
	tag := f.send("POST", "/repos/acme/reviews/git/tags", 201, map[string]any{"tag": "v9", "message": "m", "object": head, "type": "commit"})
	f.send("POST", "/repos/acme/reviews/git/refs", 201, map[string]any{"ref": "refs/tags/v9", "sha": tag["sha"]})
	for _, c := range []struct {
		method, path string
		status       int
		body         any
	}{
		{"GET", "/user", 200, nil},
		{"GET", "/users/octocat", 200, nil},
		{"GET", "/user/583231", 200, nil},
		{"GET", fmt.Sprintf("/issues/comments/%d", comment.ID), 200, nil},
		{"PATCH", fmt.Sprintf("/pulls/%d", f.pr.Number), 200, map[string]any{"title": "Better"}},
		{"GET", "/commits/" + f.pr.HeadSHA + "/pulls", 200, nil},
		{"GET", fmt.Sprintf("/check-runs/%d", check.ID), 200, nil},
		{"GET", fmt.Sprintf("/check-runs/%d/annotations?per_page=2&page=2", check.ID), 200, nil},
		{"GET", "/commits/locks%2Fnew/check-runs", 200, nil},
		{"GET", fmt.Sprintf("/git/blobs/%s", blob["sha"]), 200, nil},
		{"GET", fmt.Sprintf("/git/trees/%s?recursive=1", tree["sha"]), 200, nil},
		{"GET", fmt.Sprintf("/git/tags/%s", tag["sha"]), 200, nil},
		{"GET", "/git/ref/tags/v9", 200, nil},
		{"GET", "/git/matching-refs/heads/", 200, nil},
		{"DELETE", "/git/refs/heads/locks/new", 204, nil},
		{"GET", "/contents/waybill.yaml?ref=main", 200, nil},
		{"GET", "/contents/models/m", 200, nil},
		{"GET", "/commits/main", 200, nil},
		{"GET", "/branches/main", 200, nil},
		{"POST", "/dispatches", 204, map[string]any{"event_type": "promote", "client_payload": map[string]any{"name": "m"}}},
		{"POST", "/actions/workflows/promote.yml/dispatches", 204, map[string]any{"ref": "main", "inputs": map[string]any{"name": "m"}}},
		{"GET", fmt.Sprintf("/actions/runs/%d", f.run.ID), 200, nil},
		{"GET", "/actions/artifacts?name=report", 200, nil},
		{"GET", fmt.Sprintf("/actions/artifacts/%d", f.zip.ID), 200, nil},
		{"GET", "/rulesets?targets=branch,push", 200, nil},
		{"GET", fmt.Sprintf("/rulesets/%d", f.rules), 200, nil},
		// Refusals have their shape too.
		{"GET", "/pulls/999", 404, nil},
		{"POST", fmt.Sprintf("/issues/%d/comments", f.pr.Number), 422, map[string]any{"body": strings.Repeat("x", 65537)}},
		{"POST", "/check-runs", 422, map[string]any{"name": "waybill", "head_sha": strings.Repeat("0", 40)}},
		{"PATCH", "/git/refs/heads/main", 422, map[string]any{"sha": f.base}},
	} {
		path := c.path
		if !strings.HasPrefix(path, "/user") {
			path = "/repos/acme/reviews" + path
		}
		f.send(c.method, path, c.status, c.body)
	}
}

// send makes a request without the client and returns an answer that is an
// object.
func (f *fixture) send(method, path string, want int, body any) map[string]any {
	f.Helper()
	var data []byte
	if body != nil {
		data, _ = json.Marshal(body)
	}
	req, err := http.NewRequest(method, f.gh.URL+path, bytes.NewReader(data))
	if err != nil {
		f.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+githubtest.AdminToken)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		f.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != want {
		f.Errorf("%s %s: %d, want %d: %s", method, path, answer.StatusCode, want, text)
	}
	f.checked(method+" "+path, nil)
	var out map[string]any
	json.Unmarshal(text, &out)
	return out
}
