package lint_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// step is what the tests of actions look at.
type step struct {
	Uses, Run, Shell string
	Env              map[string]string
}

var (
	pinned  = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	version = regexp.MustCompile(`^# v\d`)
	// mustHappen finds what leaves something undone if its run is dropped.
	mustHappen = regexp.MustCompile(`actions/(register|promote|rollback|push)@|waybill (register|promote|rollback|push|hold)\b|gh release`)
	// unique finds a concurrency group that two events never share.
	unique = regexp.MustCompile(`github\.(sha|run_id)\b|github\.event\.(number|pull_request)`)
)

// problems is what is wrong with one workflow or action, by rules whose
// reasons are beside them. It reads nodes, not structs: a version stands in a
// comment, and a key that is repeated or new is not to be missed.
func problems(text []byte) []string {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) == 0 {
		return []string{fmt.Sprintf("not YAML: %v", err)}
	}
	l := &linter{text: string(text)}
	top := doc.Content[0]
	if get(top, "runs") != nil {
		l.action(top)
	} else {
		l.workflow(top)
	}
	l.everywhere(top)
	return l.found
}

type linter struct {
	text  string
	found []string
}

func (l *linter) say(n *yaml.Node, format string, args ...any) {
	l.found = append(l.found, fmt.Sprintf("line %d: ", n.Line)+fmt.Sprintf(format, args...))
}

// everywhere holds rules that do not depend on where a key stands.
func (l *linter) everywhere(n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			l.pair(n, n.Content[i], n.Content[i+1])
		}
	}
	for _, c := range n.Content {
		l.everywhere(c)
	}
}

func (l *linter) pair(in, key, value *yaml.Node) {
	switch key.Value {
	case "uses":
		// A tag can be moved by whoever steals a token, a commit cannot.
		switch {
		case strings.HasPrefix(value.Value, "./"):
		case !pinned.MatchString(value.Value):
			l.say(value, "%s is not pinned to a commit", value.Value)
		case !version.MatchString(value.LineComment):
			l.say(value, "%s has no comment with its version: # v1.2.3", value.Value)
		}
		// The token would stay in .git/config for all later steps to read.
		if strings.HasPrefix(value.Value, "actions/checkout@") && scalar(get(get(in, "with"), "persist-credentials")) != "false" {
			l.say(value, "checkout without persist-credentials: false")
		}
	case "run", "script":
		// The expression is pasted into the program before a shell reads it.
		if value.Kind == yaml.ScalarNode && strings.Contains(value.Value, "${{") {
			l.say(value, "an expression in %s; map it in env and use the variable", key.Value)
		}
	case "secrets":
		if value.Value == "inherit" {
			l.say(value, "secrets: inherit hands over every secret; name those that are needed")
		}
	case "permissions":
		if value.Kind == yaml.ScalarNode {
			l.say(value, "permissions: %s; name those that are needed", value.Value)
		}
	}
}

// action holds rules for action.yml.
func (l *linter) action(top *yaml.Node) {
	runs := get(top, "runs")
	if scalar(get(runs, "using")) != "composite" {
		l.say(runs, "not composite: nothing else runs on every system without a runtime that ages")
	}
	for _, s := range items(get(runs, "steps")) {
		if get(s, "run") == nil || scalar(get(s, "shell")) != "bash" {
			l.say(s, "a step of an action is a run with shell: bash; what it uses, every user would have to trust")
		}
	}
}

// workflow holds rules for workflows.
func (l *linter) workflow(top *yaml.Node) {
	events := keys(get(top, "on"))
	if slices.Contains(events, "pull_request_target") {
		l.say(top, "pull_request_target runs what strangers wrote with a token that writes; use workflow_run for what needs the token")
	}
	hostile := slices.Contains(events, "workflow_run")
	if hostile && strings.Contains(l.text, "actions/checkout@") {
		l.say(top, "a workflow_run workflow checks something out; it has a token that writes, and the commit may be a stranger's")
	}
	if hostile && (strings.Contains(l.text, "GITHUB_ENV") || strings.Contains(l.text, "GITHUB_PATH")) {
		l.say(top, "a workflow_run workflow writes the environment of later steps")
	}
	l.permissions(top)
	l.concurrency(top, top, events)
	for _, name := range keys(get(top, "jobs")) {
		job := get(get(top, "jobs"), name)
		if get(job, "timeout-minutes") == nil && get(job, "uses") == nil {
			l.say(job, "job %s has no timeout-minutes; the default is six hours", name)
		}
		l.concurrency(top, job, events)
	}
}

// permissions: without them a token may have whatever the repository's
// setting gives. What writes is given to the job that needs it.
func (l *linter) permissions(top *yaml.Node) {
	jobs := get(top, "jobs")
	outer := get(top, "permissions")
	for _, name := range keys(jobs) {
		if outer == nil && get(get(jobs, name), "permissions") == nil {
			l.say(get(jobs, name), "job %s has no permissions, nor has the workflow", name)
		}
	}
	for _, name := range keys(outer) {
		if scalar(get(outer, name)) == "write" && len(keys(jobs)) > 1 {
			l.say(get(outer, name), "%s: write for every job; give it to the job that needs it", name)
		}
	}
}

// concurrency: cancel-in-progress stops a run halfway, and a group keeps one
// run waiting at most, so that a third one drops the second. Neither may
// happen to what has to happen; order is kept by the ledger.
func (l *linter) concurrency(top, at *yaml.Node, events []string) {
	c := get(at, "concurrency")
	if c == nil {
		if at == top && slices.Contains(events, "pull_request") && !anyJob(top, "concurrency") {
			l.say(at, "no concurrency: every push to a pull request would run to its end")
		}
		return
	}
	group, cancel := scalar(c), ""
	if c.Kind == yaml.MappingNode {
		group, cancel = scalar(get(c, "group")), scalar(get(c, "cancel-in-progress"))
	}
	onlyTags := slices.Equal(events, []string{"push"}) && get(get(get(top, "on"), "push"), "tags") != nil && get(get(get(top, "on"), "push"), "branches") == nil
	switch {
	case mustHappen.MatchString(l.text):
		if cancel != "" && cancel != "false" {
			l.say(c, "cancel-in-progress in a workflow whose runs must happen")
		}
		if !unique.MatchString(group) && !(onlyTags && strings.Contains(group, "github.ref")) {
			l.say(c, "a third run drops the second that waits in group %q; put github.sha or github.run_id into it, or leave concurrency out", group)
		}
	case cancel == "true" && !slices.Equal(events, []string{"pull_request"}):
		l.say(c, "cancel-in-progress for more than pull requests; use ${{ github.event_name == 'pull_request' }}")
	}
}

func anyJob(top *yaml.Node, key string) bool {
	jobs := get(top, "jobs")
	return slices.ContainsFunc(keys(jobs), func(name string) bool { return get(get(jobs, name), key) != nil })
}

func get(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// keys are those of a mapping, the items of a list, or the one word.
func keys(n *yaml.Node) []string {
	var out []string
	switch {
	case n == nil:
	case n.Kind == yaml.ScalarNode:
		out = []string{n.Value}
	default:
		for i, c := range n.Content {
			if n.Kind == yaml.SequenceNode || i%2 == 0 {
				out = append(out, c.Value)
			}
		}
	}
	return out
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}
