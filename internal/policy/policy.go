// Package policy tells what a change of manifests loosens: stages, people,
// checks and gates that asked for more before than they do after. It compares
// documents alone and judges nothing else; a rule that was made stricter, or is
// new, is no finding.
//
//	findings := policy.Compare(base, head)
//
// Rules are matched by what they are about (a check's name, columns and splits;
// a gate's metric and what it compares with), so that reordering is no change
// and a rule that is about something else now counts as removed.
package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// Rules of the findings.
const (
	Weakened = "policy.weakened" // asks for less than before
	Changed  = "policy.changed"  // asks for something else; which is more cannot be told
)

// Side is the policy of one commit. A nil Project is a commit without one.
type Side struct {
	Project   *manifest.Project
	Artifacts []*manifest.Artifact
}

// Compare returns what head loosens, in the order of the documents. They are
// warnings: whether a looser rule is meant is for reviewers to say.
func Compare(base, head Side) []report.Finding {
	c := &comparison{}
	if base.Project != nil && head.Project != nil {
		c.project(base.Project, head.Project)
	}
	for _, was := range base.Artifacts {
		is := successor(was, base.Artifacts, head.Artifacts)
		switch {
		case is == nil: // one that is gone has no rules, and no versions to come
		case is.Kind != was.Kind:
			c.name, c.at = is.Name, is.Pos.Location()
			c.weaker("kind", string(was.Kind), string(is.Kind), "it was a %s and is a %s: the rules that it had are gone", was.Kind, is.Kind)
		default:
			c.artifact(was, is)
		}
	}
	return c.findings
}

// successor is what became of an artifact: the one of its name, or of another
// name that is new in the same file; nil when it is gone.
func successor(was *manifest.Artifact, base, head []*manifest.Artifact) *manifest.Artifact {
	named := func(name string) func(*manifest.Artifact) bool {
		return func(a *manifest.Artifact) bool { return a.Name == name }
	}
	if i := slices.IndexFunc(head, named(was.Name)); i >= 0 {
		return head[i]
	}
	i := slices.IndexFunc(head, func(a *manifest.Artifact) bool { return a.Path == was.Path })
	if i < 0 || slices.ContainsFunc(base, named(head[i].Name)) {
		return nil
	}
	return head[i]
}

// comparison gathers findings. artifact and at say what they are about.
type comparison struct {
	name     string
	at       *report.Location
	findings []report.Finding
}

// weaker reports that what asked for was asks for is now. subject tells it from
// other findings of the artifact.
func (c *comparison) weaker(subject, was, is, format string, args ...any) {
	c.add(Weakened, report.Warning, subject, was, is, fmt.Sprintf(format, args...))
}

func (c *comparison) changed(subject, was, is, format string, args ...any) {
	c.add(Changed, report.Info, subject, was, is, fmt.Sprintf(format, args...))
}

func (c *comparison) add(rule string, severity report.Severity, subject, was, is, message string) {
	c.findings = append(c.findings, report.Finding{
		Check: rule, Group: report.GroupPolicy, Severity: severity, Verdict: report.Fail, Artifact: c.name, Location: c.at,
		Subject: report.Visible(subject), Message: report.Visible(message), Expected: report.Visible(was), Observed: report.Visible(is),
	})
}

// missing are the elements of was that is lacks.
func missing[T comparable](was, is []T) []T {
	return slices.DeleteFunc(slices.Clone(was), func(x T) bool { return slices.Contains(is, x) })
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
