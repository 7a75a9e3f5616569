package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// The checks of the forge's settings.
const (
	checkLedgerRules  = "forge.ledger"
	checkTagRules     = "forge.tags"
	checkEnvironment  = "forge.environment"
	checkPeople       = "forge.people"
	checkWorkflows    = "forge.workflows"
	checkPackages     = "forge.packages"
	checkRequiredJobs = "forge.required"
)

// Forge is where an admin sets what waybill relies on; *github.Client has it.
type Forge interface {
	Repository(ctx context.Context) (forge.Repository, error)
	BranchRules(ctx context.Context, branch string) ([]forge.Rule, error)
	TagRulesets(ctx context.Context) ([]forge.Ruleset, error)
	Environment(ctx context.Context, name string) (forge.Environment, error)
	Account(ctx context.Context, login string) (forge.Account, error)
	WorkflowPermissions(ctx context.Context) (forge.WorkflowPermissions, error)
}

// settings looks at one repository.
type settings struct {
	ctx      context.Context
	forge    Forge
	project  *manifest.Project
	at       forge.Repository
	ledger   string
	findings []report.Finding
}

// Settings compares what is set at the forge with what the project relies on:
// rules for the ledger's branch and for tags, environments of stages, people.
// What it may not read it says so, as a remark that decides nothing; only the
// repository itself must be readable.
func Settings(ctx context.Context, f Forge, p *manifest.Project, ledgerBranch string) (*report.Report, error) {
	at, err := f.Repository(ctx)
	if err != nil {
		return nil, err
	}
	s := &settings{ctx: ctx, forge: f, project: p, at: at, ledger: ledgerBranch}
	s.ledgerRules()
	s.tagRules()
	s.required()
	for _, stage := range p.Stages {
		if stage.Environment != "" {
			s.environment(stage)
		}
	}
	s.people()
	s.workflows()
	s.packages()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return report.New(s.findings), nil
}

// add is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (s *settings) add(check, subject string, severity report.Severity, verdict report.Verdict, message, hint string) {
	s.findings = append(s.findings, report.Finding{Check: check, Rule: check, Group: report.GroupState, Severity: severity, Verdict: verdict,
		Subject: subject, Message: message, Hint: hint})
}

func (s *settings) pass(check, subject, message string) {
	s.add(check, subject, report.Error, report.Pass, message, "")
}

// unread says that nothing is known, which is neither good nor bad.
func (s *settings) unread(check, subject, what string, err error) {
	s.add(check, subject, report.Info, report.Inconclusive, fmt.Sprintf("%s could not be read: %v", what, err),
		"run it with a token of an admin: GITHUB_TOKEN=$(gh auth token) waybill doctor --github")
}

// api is a path of this repository for gh.
func (s *settings) api(format string, args ...any) string {
	return "repos/" + s.at.Owner + "/" + s.at.Name + fmt.Sprintf(format, args...)
}

func rulesetCommand(api, name, target, include, rules string) string {
	return fmt.Sprintf(`gh api -X POST %s --input - <<<'{"name":"%s","target":"%s","enforcement":"active","conditions":{"ref_name":{"include":[%s],"exclude":[]}},"rules":[%s]}'`,
		api, name, target, include, rules)
}

func (s *settings) ledgerRules() {
	rules, err := s.forge.BranchRules(s.ctx, s.ledger)
	if err != nil {
		s.unread(checkLedgerRules, s.ledger, "the rules for the branch "+s.ledger, err)
		return
	}
	var missing []string
	for _, r := range [][2]string{{"deletion", "deleted"}, {"non_fast_forward", "rewritten"}} {
		if !slices.ContainsFunc(rules, func(have forge.Rule) bool { return have.Type == r[0] }) {
			missing = append(missing, r[1])
		}
	}
	if missing == nil {
		s.pass(checkLedgerRules, s.ledger, "nobody may delete or rewrite the branch "+s.ledger)
		return
	}
	s.add(checkLedgerRules, s.ledger, report.Error, report.Fail,
		fmt.Sprintf("the branch %s can be %s by everybody who may push: the record of who approved what is only as safe as that", s.ledger, strings.Join(missing, " and ")),
		rulesetCommand(s.api("/rulesets"), "waybill ledger", "branch", `"refs/heads/`+s.ledger+`"`, `{"type":"deletion"},{"type":"non_fast_forward"}`))
}

// The tags of the ledger, as rulesets name them; names of artifacts and stages
// have no slash, which `*` would not match.
const versionTags, stageTags = "refs/tags/*@v*", "refs/tags/*#*"

func (s *settings) tagRules() {
	sets, err := s.forge.TagRulesets(s.ctx)
	if err != nil {
		s.unread(checkTagRules, "", "the rulesets for tags", err)
		return
	}
	var open []string
	for _, pattern := range []string{versionTags, stageTags} {
		if !tagsKept(sets, pattern, "deletion") || !tagsKept(sets, pattern, "update", "non_fast_forward") {
			open = append(open, strings.TrimPrefix(pattern, "refs/tags/"))
		}
	}
	if open == nil {
		s.pass(checkTagRules, "", "nobody may move or delete the tags of versions and stages")
		return
	}
	s.add(checkTagRules, "", report.Warning, report.Fail,
		fmt.Sprintf("tags %s can be moved or deleted by everybody who may push; the ledger tells, but readers of the tags are misled until \"waybill doctor --fix\"", strings.Join(open, " and ")),
		rulesetCommand(s.api("/rulesets"), "waybill tags", "tag", `"`+versionTags+`","`+stageTags+`"`, `{"type":"deletion"},{"type":"update"}`))
}

// tagsKept tells whether a ruleset surely holds for all tags of a pattern and
// has one of the rules: it names the same pattern, or everything.
func tagsKept(sets []forge.Ruleset, pattern string, rules ...string) bool {
	return slices.ContainsFunc(sets, func(r forge.Ruleset) bool {
		all := slices.ContainsFunc(r.Include, func(p string) bool {
			return p == "~ALL" || p == pattern || p == "refs/tags/**" || p == "refs/tags/**/*" || p == "refs/tags/*"
		})
		return all && len(r.Exclude) == 0 && slices.ContainsFunc(r.Rules, func(have forge.Rule) bool { return slices.Contains(rules, have.Type) })
	})
}

func (s *settings) required() {
	branch := s.at.DefaultBranch
	rules, err := s.forge.BranchRules(s.ctx, branch)
	if err != nil {
		s.unread(checkRequiredJobs, branch, "the rules for the branch "+branch, err)
		return
	}
	has := func(kind string) bool {
		return slices.ContainsFunc(rules, func(r forge.Rule) bool { return r.Type == kind })
	}
	if has("required_status_checks") || has("workflows") {
		s.pass(checkRequiredJobs, branch, "the branch "+branch+" requires status checks; see that the job of actions/check is among them")
		return
	}
	s.add(checkRequiredJobs, branch, report.Warning, report.Fail,
		fmt.Sprintf("no ruleset requires a status check on the branch %s: a FAIL there stops nobody (older branch protection is not looked at)", branch),
		"Settings, Rules, Rulesets: require the job of actions/check (\"check\" in what waybill init --github writes)")
}

// people: approvals count by id. A login that was given up can be taken by
// somebody else.
func (s *settings) people() {
	asked := map[manifest.Person]bool{}
	for _, group := range slices.Sorted(maps.Keys(s.project.People)) {
		for _, p := range s.project.People[group] {
			if asked[p] {
				continue
			}
			asked[p] = true
			now, err := s.forge.Account(s.ctx, p.Login)
			switch {
			case errors.Is(err, forge.ErrNotFound):
				s.add(checkPeople, p.Login, report.Warning, report.Fail, fmt.Sprintf("nobody has the login %s of people.%s: renamed, or gone", p.Login, group),
					fmt.Sprintf("gh api user/%d shows who has the id now; mend %s", p.ID, manifest.ProjectFile))
			case err != nil:
				s.unread(checkPeople, p.Login, "the account "+p.Login, err)
			case now.ID != p.ID:
				s.add(checkPeople, p.Login, report.Error, report.Fail,
					fmt.Sprintf("people.%s gives %s the id %d, but that login has the id %d: the approvals of one of the two do not count", group, p.Login, p.ID, now.ID),
					fmt.Sprintf("find out who is meant, and mend %s", manifest.ProjectFile))
			default:
				s.pass(checkPeople, p.Login, fmt.Sprintf("%s of people.%s has the id %d", p.Login, group, p.ID))
			}
		}
	}
}

func (s *settings) workflows() {
	p, err := s.forge.WorkflowPermissions(s.ctx)
	if err != nil {
		s.unread(checkWorkflows, "", "the permissions of workflows", err)
		return
	}
	if p.Write {
		s.add(checkWorkflows, "default", report.Warning, report.Fail, "workflows that do not say what they need get a token that may write",
			"gh api -X PUT "+s.api("/actions/permissions/workflow")+" -f default_workflow_permissions=read")
	} else {
		s.pass(checkWorkflows, "default", "workflows that do not say what they need get a token that may only read")
	}
	if !p.MayOpenPulls {
		s.add(checkWorkflows, "pull requests", report.Info, report.Fail, "workflows may not open pull requests, which actions/push with commit: pull-request does",
			"Settings, Actions, General: \"Allow GitHub Actions to create and approve pull requests\", or give the action the token of an app")
	}
}

// packages: GHCR does not tell a workflow's token who may read a package.
func (s *settings) packages() {
	if !strings.HasPrefix(s.project.Registry, "ghcr.io/") {
		return
	}
	s.add(checkPackages, "", report.Info, report.Inconclusive,
		"new packages on ghcr.io are private, whatever the repository is, and this cannot read who may see them",
		"on the page of each package, Package settings: link the repository and let it inherit access; or change the visibility")
}

// quote makes s one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
