package doctor

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

func (s *settings) environment(stage manifest.Stage) {
	name := stage.Environment
	page := fmt.Sprintf("Settings, Environments, %s", name)
	e, err := s.forge.Environment(s.ctx, name)
	var refused *forge.NotAllowed
	switch {
	case errors.Is(err, forge.ErrNotFound) && !errors.As(err, &refused):
		s.add(checkEnvironment, name, report.Error, report.Fail,
			fmt.Sprintf("the stage %s names the environment %s, which is not there: GitHub makes it without any protection when a job first names it", stage.Name, name),
			fmt.Sprintf("gh api -X PUT %s, then %s: required reviewers", quote(s.api("/environments/%s", url.PathEscape(name))), page))
		return
	case err != nil:
		s.unread(checkEnvironment, name, "the environment "+name, err)
		return
	}
	before := len(s.findings)
	if len(e.Reviewers) == 0 {
		severity := report.Warning
		if stage.Approvals.Required > 0 {
			severity = report.Error
		}
		s.add(checkEnvironment, name+" reviewers", severity, report.Fail,
			fmt.Sprintf("the environment %s of the stage %s asks nobody: its review cannot count as an approval", name, stage.Name),
			page+": required reviewers (of private repositories only on GitHub Enterprise)")
	} else if !e.PreventSelfReview {
		s.add(checkEnvironment, name+" self-review", report.Warning, report.Fail,
			fmt.Sprintf("whoever starts a run may approve it in the environment %s", name), page+": prevent self-review")
	}
	if e.CanAdminsBypass {
		s.add(checkEnvironment, name+" bypass", report.Warning, report.Fail,
			fmt.Sprintf("admins may bypass the protection of the environment %s", name), page+": clear \"Allow administrators to bypass configured protection rules\"")
	}
	s.policies(e, page)
	if len(s.findings) == before {
		s.pass(checkEnvironment, name, fmt.Sprintf("the environment %s asks reviewers, and lets only some branches deploy", name))
	}
}

// policies: whoever may push a branch that may deploy decides what the
// workflow there does with the environment's secrets.
func (s *settings) policies(e forge.Environment, page string) {
	branch := s.at.DefaultBranch
	command := fmt.Sprintf("gh api -X POST %s -f name=%s -f type=branch", quote(s.api("/environments/%s/deployment-branch-policies", url.PathEscape(e.Name))), quote(branch))
	switch {
	case e.ProtectedBranches:
	case !e.CustomPolicies:
		s.add(checkEnvironment, e.Name+" branches", report.Warning, report.Fail,
			fmt.Sprintf("workflows of any branch may deploy to the environment %s", e.Name),
			page+": deployment branches and tags: selected; then "+command)
	case !slices.ContainsFunc(e.Policies, func(p forge.Policy) bool { return p.Kind != "tag" && fits(p.Name, branch) }):
		s.add(checkEnvironment, e.Name+" branches", report.Error, report.Fail,
			fmt.Sprintf("the environment %s does not let the branch %s deploy, from which versions are promoted; in its patterns * does not match /", e.Name, branch), command)
	}
}

// fits is Ruby's File.fnmatch with FNM_PATHNAME as far as path.Match knows it;
// what it does not know fits.
func fits(pattern, name string) bool {
	if strings.Contains(pattern, "**") || strings.Contains(pattern, "{") {
		return true
	}
	ok, err := path.Match(pattern, name)
	return ok || err != nil
}
