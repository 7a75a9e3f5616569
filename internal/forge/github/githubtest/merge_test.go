package githubtest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// list reads an answer that is a list of objects.
func (a answer) list(t *testing.T) []map[string]any {
	t.Helper()
	var out []map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return out
}

// shas are the commits of a list, in its order.
func shas(t *testing.T, a answer) []string {
	t.Helper()
	var out []string
	for _, o := range a.list(t) {
		out = append(out, o["sha"].(string))
	}
	return out
}

func numbers(t *testing.T, a answer) string {
	t.Helper()
	out := ""
	for _, o := range a.list(t) {
		out += fmt.Sprint(o["number"], " ")
	}
	return strings.TrimSpace(out)
}

// TestMerge: what GitHub tells of a merged pull request by each method.
func TestMerge(t *testing.T) {
	for _, method := range []string{"merge", "squash", "rebase"} {
		t.Run(method, func(t *testing.T) {
			gh, repo := start(t)
			gh.AddUser(githubtest.User{Login: "lin", ID: 42})
			pr := repo.PullRequests()[0]
			first := pr.HeadSHA
			second := repo.Commit("better", "more", map[string]string{"a.txt": "d\n"})
			base := repo.Commit("main", "meanwhile", map[string]string{"z.txt": "z\n"})
			if numbers(t, send(t, gh, 200, "", "GET", api+"/commits/"+first+"/pulls", "")) != "1" {
				t.Error("a commit of an open pull request is not its")
			}
			tip, err := repo.Merge(pr.Number, method, "lin")
			if err != nil || repo.Ref("refs/heads/main") != tip {
				t.Fatalf("%s, %v; main is at %s", tip, err, repo.Ref("refs/heads/main"))
			}
			for path, want := range map[string]string{"a.txt": "d\n", "x/y.txt": "y\n", "z.txt": "z\n"} {
				if got, _ := repo.File(tip, path); got != want {
					t.Errorf("%s is %q, want %q", path, got, want)
				}
			}
			if got, _ := repo.File(first, "z.txt"); got != "" {
				t.Error("the head has what came to main meanwhile")
			}
			full := send(t, gh, 200, "", "GET", api+"/pulls/1", "").object(t)
			if full["merged"] != true || full["state"] != "closed" || full["merge_commit_sha"] != tip || full["merged_by"].(map[string]any)["id"] != 42.0 {
				t.Errorf("merged pull request: %v", full)
			}
			if got := shas(t, send(t, gh, 200, "", "GET", api+"/pulls/1/commits", "")); fmt.Sprint(got) != fmt.Sprint([]string{first, second}) {
				t.Errorf("commits: %v, want %s and %s", got, first, second)
			}
			if got := numbers(t, send(t, gh, 200, "", "GET", api+"/commits/"+tip+"/pulls", "")); got != "1" {
				t.Errorf("pull requests of what it became: %s", got)
			}
			if got := numbers(t, send(t, gh, 200, "", "GET", api+"/commits/"+base+"/pulls", "")); got != "" {
				t.Errorf("pull requests of another commit: %s", got)
			}
			if got := numbers(t, send(t, gh, 200, "", "GET", api+"/commits/"+first+"/pulls", "")); got != "1" {
				t.Errorf("pull requests of the first commit: %s", got)
			}
			changed := shas(t, send(t, gh, 200, "", "GET", api+"/commits?sha=main&path=a.txt", ""))
			want := map[string]string{"merge": second, "squash": tip, "rebase": tip}[method]
			if changed[0] != want {
				t.Errorf("a.txt was changed by %v, want %s first", changed, want)
			}
			one := send(t, gh, 200, "", "GET", api+"/commits/"+tip, "").object(t)
			committer := one["committer"].(map[string]any)
			if id := map[bool]float64{true: 42, false: 19864447}[method == "rebase"]; committer["id"] != id {
				t.Errorf("committed by %v, want %v", committer["login"], id)
			}
			if _, err := repo.Merge(pr.Number, method, "lin"); err == nil {
				t.Error("it was merged twice")
			}
		})
	}
	_, repo := start(t)
	repo.Commit("main", "other", map[string]string{"a.txt": "other\n"})
	if _, err := repo.Merge(1, "squash", "lin"); err == nil || !strings.Contains(err.Error(), "conflict in a.txt") {
		t.Errorf("a conflict: %v", err)
	}
}

// TestReviews: what was said of which head, and by whom.
func TestReviews(t *testing.T) {
	gh, repo := start(t)
	repo.Private = true
	gh.AddToken("reads", githubtest.Token{Permissions: map[string]string{"pull_requests": "read"}})
	gh.AddToken("blind", githubtest.Token{Permissions: map[string]string{"contents": "read"}})
	first := repo.PullRequests()[0].HeadSHA
	repo.Review(1, "lin", "APPROVED")
	second := repo.Commit("better", "more", map[string]string{"a.txt": "d\n"})
	late := repo.Review(1, "ada", "APPROVED")
	repo.Review(1, "lin", "COMMENTED", first)
	repo.UpdateReview(late.ID, func(v *githubtest.Review) { v.State = "DISMISSED" })
	all := send(t, gh, 200, "reads", "GET", api+"/pulls/1/reviews", "").list(t)
	got := ""
	for _, o := range all {
		got += fmt.Sprint(o["user"].(map[string]any)["login"], " ", o["state"], " ", o["commit_id"], "\n")
	}
	if want := "lin APPROVED " + first + "\nada DISMISSED " + second + "\nlin COMMENTED " + first + "\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	send(t, gh, 403, "blind", "GET", api+"/pulls/1/reviews", "")
	send(t, gh, 403, "blind", "GET", api+"/pulls/1/commits", "")
	send(t, gh, 403, "reads", "GET", api+"/commits", "")
	send(t, gh, 403, "reads", "GET", api+"/branches/main", "")
	send(t, gh, 403, "reads", "GET", api+"/actions/runs/1", "")
}

// TestAddresses: a commit is of the account that has its address, or nobody's.
func TestAddresses(t *testing.T) {
	gh, repo := start(t)
	gh.AddUser(githubtest.User{Login: "octocat", Emails: []string{"Octo@Example.com"}})
	head := repo.Ref("refs/heads/main")
	tree := send(t, gh, 200, "", "GET", api+"/git/commits/"+head, "").object(t)["tree"].(map[string]any)["sha"]
	for email, want := range map[string]any{
		"octo@example.com": 583231.0, "583231+old-name@users.noreply.github.com": 583231.0, "octocat@users.noreply.github.com": 583231.0,
		"noreply@github.com": 19864447.0, "nobody@example.com": nil, "nobody@users.noreply.github.com": nil,
	} {
		made := send(t, gh, 201, githubtest.AdminToken, "POST", api+"/git/commits",
			fmt.Sprintf(`{"message":"m","tree":%q,"parents":[%q],"author":{"name":"octocat","email":%q}}`, tree, head, email)).object(t)
		got := send(t, gh, 200, "", "GET", api+"/commits/"+made["sha"].(string), "").object(t)["author"]
		if o, ok := got.(map[string]any); ok {
			got = o["id"]
		}
		if got != want {
			t.Errorf("%s is of %v, want %v", email, got, want)
		}
	}
}
