package github_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/forge/github"
)

// The answers are those of GitHub's OpenAPI description, shortened.
func TestGates(t *testing.T) {
	reviewers := `[{"type":"User","reviewer":{"id":583231,"login":"octocat"}},{"type":"Team","reviewer":{"id":7,"slug":"ml-leads"}}]`
	environment := `{"id":1,"name":"prod/eu","can_admins_bypass":false,"protection_rules":[
		{"id":1,"type":"wait_timer","wait_timer":30},{"id":2,"type":"required_reviewers","prevent_self_review":true,"reviewers":` + reviewers + `},
		{"id":3,"type":"branch_policy"},{"id":4,"type":"a later one","new":{}}],
		"deployment_branch_policy":{"protected_branches":false,"custom_branch_policies":true}}`
	a := serve(t, map[string]http.HandlerFunc{
		"GET /actions/runs/5/approvals":                          raw(200, `[{"state":"approved","comment":"ship it","user":{"id":583231,"login":"octocat"},"environments":[{"id":1,"name":"production"}]}]`),
		"GET /actions/runs/5/pending_deployments":                raw(200, `[{"environment":{"id":1,"name":"production"},"wait_timer":3,"current_user_can_approve":true,"reviewers":`+reviewers+`}]`),
		"GET /environments/prod%2Feu":                            raw(200, environment),
		"GET /environments/prod%2Feu/deployment-branch-policies": raw(200, `{"total_count":1,"branch_policies":[{"id":3,"name":"v*","type":"tag"}]}`),
		"GET /environments":                                      raw(200, `{"total_count":2,"environments":[`+environment+`,{"id":2,"name":"staging"}]}`),
		"GET /rules/branches/waybill%2Fledger":                   raw(200, `[{"type":"deletion","ruleset_id":9,"ruleset_source":"acme/reviews"},{"type":"copilot_code_review","parameters":{"x":[1]}},{"type":"unheard_of"}]`),
	})
	c := a.client()
	octocat := forge.Account{Login: "octocat", ID: 583231}
	people := []forge.Reviewer{{Kind: "User", ID: 583231, Name: "octocat"}, {Kind: "Team", ID: 7, Name: "ml-leads"}}
	prod := forge.Environment{Name: "prod/eu", ID: 1, Reviewers: people, PreventSelfReview: true, WaitTimer: 30, CustomPolicies: true}
	with := prod
	with.Policies = []forge.Policy{{ID: 3, Name: "v*", Kind: "tag"}}
	same(t, "approvals")(c.Approvals(ctx, 5))([]forge.Approval{{State: "approved", Comment: "ship it", User: octocat, Environments: []string{"production"}}})
	same(t, "pending")(c.PendingDeployments(ctx, 5))([]forge.PendingDeployment{{Environment: "production", EnvironmentID: 1, WaitTimer: 3, CanApprove: true, Reviewers: people}})
	same(t, "environment")(c.Environment(ctx, "prod/eu"))(with)
	same(t, "environments")(c.Environments(ctx))([]forge.Environment{prod, {Name: "staging", ID: 2, CanAdminsBypass: true}})
	same(t, "rules")(c.BranchRules(ctx, "waybill/ledger"))([]forge.Rule{
		{Type: "deletion", RulesetID: 9, Source: "acme/reviews"}, {Type: "copilot_code_review", Parameters: []byte(`{"x":[1]}`)}, {Type: "unheard_of"},
	})
}

// same compares what a method returns.
func same(t *testing.T, what string) func(any, error) func(any) {
	return func(got any, err error) func(any) {
		return func(want any) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", what, err)
				return
			}
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			if string(g) != string(w) {
				t.Errorf("%s: got\n%s\nwant\n%s", what, g, w)
			}
		}
	}
}

func TestDeployments(t *testing.T) {
	var made []object
	post := func(after http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var sent object
			_ = json.NewDecoder(r.Body).Decode(&sent)
			if sent["auto_merge"] != false || len(sent["required_contexts"].([]any)) != 0 {
				t.Errorf("sent %v", sent)
			}
			sent["id"], sent["sha"] = len(made)+1, sent["ref"]
			made = append(made, sent)
			after(w, r)
		}
	}
	var statuses []object
	a := serve(t, map[string]http.HandlerFunc{
		"POST /deployments": post(cutOff),
		"GET /deployments":  func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, made) },
		"POST /deployments/1/statuses": func(w http.ResponseWriter, r *http.Request) {
			var sent object
			_ = json.NewDecoder(r.Body).Decode(&sent)
			sent["id"] = 1
			statuses = append(statuses, sent)
			cutOff(w, r)
		},
		"GET /deployments/1/statuses": func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, statuses) },
	})
	d, err := a.client().CreateDeployment(ctx, forge.Deployment{SHA: shaA, Environment: "production", Task: "waybill:000012", Payload: []byte(`{"version":"v1.2.0"}`)})
	if err != nil || d.ID != 1 || string(d.Payload) != `{"version":"v1.2.0"}` || len(made) != 1 {
		t.Errorf("got %+v, %v; there are %d", d, err, len(made))
	}
	s, err := a.client().CreateDeploymentStatus(ctx, 1, forge.DeploymentStatus{State: "success", Description: "done"})
	if err != nil || s.State != "success" || len(statuses) != 1 {
		t.Errorf("got %+v, %v; there are %d", s, err, len(statuses))
	}
}

func TestReleases(t *testing.T) {
	var assets []object
	state := object{"id": 1, "tag_name": "sentiment@v1.2.0", "draft": true}
	a := serve(t, map[string]http.HandlerFunc{
		"POST /releases": func(w http.ResponseWriter, r *http.Request) {
			var sent object
			_ = json.NewDecoder(r.Body).Decode(&sent)
			if sent["draft"] != true || sent["tag_name"] != "sentiment@v1.2.0" {
				t.Errorf("sent %v", sent)
			}
			cutOff(w, r)
		},
		"GET /releases": func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, []object{{"id": 2, "tag_name": "sentiment@v1.1.0", "immutable": true}, state})
		},
		"PATCH /releases/1": func(w http.ResponseWriter, r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			if !strings.Contains(string(data), `"make_latest":"false"`) || !strings.Contains(string(data), `"draft":false`) {
				t.Errorf("sent %s", data)
			}
			state["draft"], state["immutable"] = false, true
			answer(w, 200, state)
		},
		"GET /releases/1/assets": func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, append([]object{}, assets...)) },
		"POST /releases/1/assets": func(w http.ResponseWriter, r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			if r.URL.Query().Get("name") != "a b.json" || r.Header.Get("Content-Type") != "application/json" || string(data) != "{}" {
				t.Errorf("sent %q as %s, %s", data, r.URL.RawQuery, r.Header.Get("Content-Type"))
			}
			assets = append(assets, object{"id": 8, "name": "a b.json", "size": len(data), "state": "uploaded", "digest": "sha256:" + strings.Repeat("0", 64)})
			cutOff(w, r)
		},
		"DELETE /releases/assets/7": func(w http.ResponseWriter, _ *http.Request) { assets = nil; w.WriteHeader(204) },
	})
	c := a.client()
	r, err := c.CreateRelease(ctx, forge.Release{Tag: "sentiment@v1.2.0"})
	if err != nil || r.ID != 1 || a.count("POST /releases") != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	assets = []object{{"id": 7, "name": "a b.json", "size": 0, "state": "starter"}} // a broken upload
	for range 2 {
		one, err := c.UploadAsset(ctx, 1, "a b.json", "application/json", []byte("{}"), "sha256:"+strings.Repeat("0", 64))
		if err != nil || one.ID != 8 || one.Size != 2 || a.count("POST /releases/1/assets") != 1 {
			t.Errorf("got %+v, %v", one, err)
		}
	}
	_, err = c.UploadAsset(ctx, 1, "a b.json", "application/json", []byte("{}"), "sha256:"+strings.Repeat("1", 64))
	wants(t, err, "there is another file of that name already")
	if r, err = c.PublishRelease(ctx, 1, false); err != nil || r.Draft || !r.Immutable {
		t.Errorf("got %+v, %v", r, err)
	}
	_, err = c.Release(ctx, "sentiment@v9.9.9")
	wants(t, err, "find the release of sentiment@v9.9.9 of acme/reviews: 404")
}

func TestEveryMethodIsDocumented(t *testing.T) {
	text := docText(t)
	typ := reflect.TypeFor[*github.Client]()
	for i := range typ.NumMethod() {
		if name := typ.Method(i).Name; !strings.Contains(text, name) {
			t.Errorf("%s is not among the endpoints in doc.go", name)
		}
	}
}

func docText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRepository(t *testing.T) {
	there := object{"id": 5, "name": "reviews", "owner": user("acme", 1), "default_branch": "main", "visibility": "internal", "permissions": object{"push": true}}
	a := serve(t, map[string]http.HandlerFunc{"GET ": gives(200, there)})
	same(t, "repository")(a.client().Repository(ctx))(forge.Repository{Owner: "acme", Name: "reviews", ID: 5, DefaultBranch: "main", Visibility: "internal", Push: true})
	there["default_branch"] = "../x"
	_, err := a.client().Repository(ctx)
	wants(t, err, "read repository acme/reviews", "not what GitHub's API describes")
}

func TestChangedFilesAndArtifacts(t *testing.T) {
	a := serve(t, map[string]http.HandlerFunc{
		"GET /pulls/7/files":            raw(200, `[{"filename":"a","status":"renamed","previous_filename":"b","sha":"x"}]`),
		"GET /actions/runs/5/artifacts": raw(200, `{"total_count":1,"artifacts":[{"id":3,"name":"waybill","size_in_bytes":10,"expired":false,"workflow_run":{"id":5},"digest":"sha256:zz"}]}`),
	})
	c := a.client()
	same(t, "files")(c.ChangedFiles(ctx, 7))([]forge.File{{Path: "a", Previous: "b", Status: "renamed"}})
	same(t, "artifacts")(c.RunArtifacts(ctx, 5))([]forge.Artifact{{ID: 3, Name: "waybill", Size: 10, RunID: 5}})
}
