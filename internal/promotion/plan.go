package promotion

import (
	"fmt"
	"time"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// Content is what a plan is about.
type Content struct {
	Name   string
	Kind   manifest.Kind
	Digest ref.Digest
	// Verdicts are those of the check groups as they are now. Content that has
	// a version is judged by what was recorded with it.
	Verdicts map[string]report.Verdict
}

// Planned is what a promotion would meet in one stage.
type Planned struct {
	Stage string
	Now   ref.Version // what is there, zero for nothing
	Would ref.Version // what would enter: the content's version, or the next one
	// Report has the conditions of the gate that the ledger and the policy can
	// answer. Those that ask the registry, and comparisons with what the stage
	// holds, are decided when it is promoted.
	Report *report.Report
}

// Plan judges, without writing, what the gates of all stages would say of a
// content: now, if it has a version, and else as if it were registered.
func Plan(policy *manifest.Project, state *ledger.State, now time.Time, c Content) []Planned {
	a := state.Artifacts[c.Name]
	if a == nil {
		a = &ledger.Artifact{Name: c.Name, Kind: string(c.Kind)}
	}
	version := a.ByContent(c.Digest)
	registered := version != nil
	if !registered {
		version = &ledger.Version{Version: next(a, RegisterOptions{}), ContentDigest: c.Digest}
	}
	var out []Planned
	for _, s := range policy.Stages {
		g := &gate{policy: policy, stage: s, a: a, version: version, now: now, action: "promote"}
		p := Planned{Stage: s.Name, Would: version.Version}
		if there := a.Stages[s.Name]; there != nil {
			p.Now = there.Version
		}
		findings := []report.Finding{g.hold(), g.deprecated(), freeze(policy, now, a.Name, g.action), g.awaited(), g.from(), g.older()}
		if registered {
			findings = append(findings, g.requires()...)
		} else {
			findings = append(findings, g.wouldRequire(c.Verdicts)...)
		}
		p.Report = report.New(findings)
		out = append(out, p)
	}
	return out
}

// wouldRequire is requires for what is not registered yet, by the verdicts of
// now.
func (g *gate) wouldRequire(verdicts map[string]report.Verdict) []report.Finding {
	var out []report.Finding
	for _, group := range g.stage.Requires {
		f := g.finding("promotion.requires")
		f.Subject, f.Expected, f.Observed = g.stage.Name+" "+group, string(report.Pass), string(verdicts[group])
		if !applies(g.a.Kind, group) {
			out = append(out, notAbout(f, g.a.Kind, group))
			continue
		}
		switch verdicts[group] {
		case report.Pass:
			f.Message = fmt.Sprintf("the %s checks pass", group)
		case report.Fail:
			f.Verdict, f.Message = report.Fail, fmt.Sprintf("the %s checks fail", group)
		case report.Inconclusive:
			f.Verdict, f.Message = report.Inconclusive, fmt.Sprintf("the %s checks are inconclusive", group)
		default:
			f.Verdict, f.Observed = report.Inconclusive, "none"
			f.Message = fmt.Sprintf("%s has no %s checks", g.a.Name, group)
			f.Hint = "declare checks of this group in its manifest, or take the group out of requires: on the default branch"
		}
		out = append(out, f)
	}
	return out
}
