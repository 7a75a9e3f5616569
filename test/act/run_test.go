package act

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/forge/github/githubtest"
)

// ownTokens writes a workflow anew, beside the checkout, in which the steps of
// each job have a token with exactly the permissions of that job: act has one
// for all. It returns the file, and the job of each token.
func (l *lab) ownTokens(file, secret string) (string, map[string]string) {
	l.t.Helper()
	data, err := os.ReadFile(file)
	l.check(err)
	var flow map[string]any
	l.check(yaml.Unmarshal(data, &flow))
	if all, ok := flow["permissions"].(map[string]any); !ok || len(all) > 0 {
		l.t.Fatalf("%s gives every job the permissions %v", file, flow["permissions"])
	}
	tokens := map[string]string{}
	for name, value := range flow["jobs"].(map[string]any) {
		job := value.(map[string]any)
		may := map[string]string{}
		for k, level := range job["permissions"].(map[string]any) {
			may[strings.ReplaceAll(k, "-", "_")] = level.(string)
		}
		delete(job, "environment") // act knows none: who waits and who reviews, tests say
		token := secret + "_" + name
		l.gh.AddToken(token, githubtest.Token{Permissions: may})
		tokens[token] = name
		for _, s := range job["steps"].([]any) {
			step := s.(map[string]any)
			if uses, _ := step["uses"].(string); !strings.HasPrefix(uses, "waybill-dev/waybill/") {
				continue
			}
			with, _ := step["with"].(map[string]any)
			if with == nil {
				with = map[string]any{}
			}
			with["token"], step["with"] = "${{ secrets."+secretOf(name)+" }}", with
		}
	}
	text, err := yaml.Marshal(flow)
	l.check(err)
	own := filepath.Join(l.dir, secret, filepath.Base(file))
	l.write(own, string(text))
	return own, tokens
}

func secretOf(job string) string { return "LAB_" + strings.ToUpper(job) }

// args are those of act, but for what is written for one run.
func (l *lab) args(j job, id int64, dir, flow, secret string) []string {
	l.t.Helper()
	args := []string{j.event, "--directory", dir, "--workflows", flow, "--actor", cmp.Or(j.actor, "octocat"),
		"--platform", "ubuntu-latest=-self-hosted", "--platform", "ubuntu-24.04=-self-hosted", "--container-daemon-socket", "-", "--action-offline-mode",
		"--secret", "GITHUB_TOKEN=" + secret, "--env", "GITHUB_API_URL=" + l.gh.URL, "--env", "GITHUB_GRAPHQL_URL=" + l.gh.GraphQLURL,
		"--env", fmt.Sprintf("GITHUB_RUN_ID=%d", id), "--env", "WAYBILL_BINARY=" + os.Getenv("WAYBILL_TEST_BINARY")}
	for _, kv := range l.env {
		if !strings.HasPrefix(kv, "PATH=") {
			args = append(args, "--env", kv)
		}
	}
	for k, v := range j.env {
		args = append(args, "--env", k+"="+v)
	}
	if j.only != "" {
		args = append(args, "--job", j.only)
	}
	return append(args, l.local(flow)...)
}
