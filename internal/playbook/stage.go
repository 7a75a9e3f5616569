package playbook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/sorting"
)

func (p *page) stage(s manifest.Stage) {
	p.line("## Stage %s\n", render.Code(s.Name))
	p.line("A version enters when all of this holds; `waybill promote NAME@VERSION --to %s --plan` tells what is missing:\n", render.Inert(s.Name))
	for _, c := range conditions(s) {
		p.line("- %s", c)
	}
	p.line("")
	p.approvers(s)
	p.promote(s)
	p.rollback(s)
	p.targets(s)
}

// conditions are those of the gate, in words.
func conditions(s manifest.Stage) []string {
	var out []string
	if len(s.From) > 0 {
		from := make([]string, len(s.From))
		for i, f := range s.From {
			from[i] = render.Code(f)
		}
		c := "It was assigned to " + strings.Join(from, " or ")
		if s.Soak > 0 {
			c += " for at least " + span(s.Soak)
		}
		out = append(out, c+".")
	}
	if len(s.Requires) > 0 {
		out = append(out, "The checks of these groups passed when it was registered: "+render.Inert(strings.Join(s.Requires, ", "))+". Checks of another kind of artifact do not count against it.")
	}
	if s.Environment != "" {
		out = append(out, fmt.Sprintf("In a workflow, the environment %s was reviewed in that run. From a clone, %s signed.", render.Code(s.Environment), are(max(s.Approvals.Required, 1))))
	}
	if n := s.Approvals.Required; n > 0 {
		c := "1 approval of the people below"
		if n > 1 {
			c = fmt.Sprintf("%d approvals of different people below", n)
		}
		if s.Approvals.MaxAge > 0 {
			c += fmt.Sprintf(", none older than %s", span(s.Approvals.MaxAge))
		}
		if s.Environment != "" {
			c += "; the review of the environment is at most one of them"
		}
		out = append(out, c+".")
	} else if s.Environment == "" {
		out = append(out, "No approvals are needed.")
	}
	return append(out,
		"It is not held, not deprecated, and not older than what is there: going back is a rollback.",
		"No freeze covers today.",
		"Where it compares itself with what is there, it passes against that version.",
		"Its tags, its lock and the registry are as when it was registered.")
}

func are(n int) string {
	if n == 1 {
		return "1 approval is"
	}
	return fmt.Sprintf("%d approvals are", n)
}

var excluded = map[string]string{
	"author": "who wrote the change", "committer": "who committed or pushed it", "dispatcher": "who started the run",
}

func (p *page) approvers(s manifest.Stage) {
	if s.Approvals.Required == 0 && s.Environment == "" {
		return
	}
	p.line("### Who may approve for %s\n", render.Code(s.Name))
	p.people(s.Approvals)
	if not := exclusions(s.Approvals); not != "" {
		p.line("Not counted: %s.\n", not)
	}
	p.line("Sign with an SSH key that `allowed_signers` gives you on the default branch, or review the pull request that brought the version%s.\n", orEnvironment(s))
	p.commands(p.each("waybill approve NAME@VERSION --to " + s.Name + ` --reason "…"`)...)
}

func exclusions(a manifest.Approvals) string {
	var not []string
	for _, e := range a.Exclude {
		if words := excluded[e]; words != "" {
			not = append(not, words)
		}
	}
	return strings.Join(not, ", ")
}

func orEnvironment(s manifest.Stage) string {
	if s.Environment == "" {
		return ""
	}
	return fmt.Sprintf(", or review the deployment to %s on the run's page", render.Code(s.Environment))
}

// people lists who may approve, group by group.
func (p *page) people(a manifest.Approvals) {
	groups := slices.Clone(a.From)
	if len(groups) == 0 {
		for g := range p.in.Project.People {
			groups = append(groups, g)
		}
	}
	slices.Sort(groups)
	var rows [][]string
	for _, g := range groups {
		members := slices.Clone(p.in.Project.People[g])
		sorting.By(members, func(x, y manifest.Person) int {
			if c := strings.Compare(strings.ToLower(x.Login), strings.ToLower(y.Login)); c != 0 {
				return c
			}
			return int(min(max(x.ID-y.ID, -1), 1))
		})
		for _, m := range members {
			key := "no: reviews only"
			if p.in.Keys[m.ID] {
				key = "yes"
			}
			rows = append(rows, []string{render.Inert(g), render.Code(m.Login), fmt.Sprint(m.ID), key})
		}
	}
	if len(rows) == 0 {
		p.line("Nobody: waybill.yaml has no `people:`.\n")
		return
	}
	p.table([]string{"group", "login", "id", "has a signing key"}, rows)
}

func (p *page) promote(s manifest.Stage) {
	p.line("### Promote to %s\n", render.Code(s.Name))
	if s.Environment != "" {
		p.line("In a workflow, start a new run each time: what was reviewed for an earlier attempt of a run does not count.\n")
	}
	p.clicks("promote", s.Name)
	p.commands(p.each("waybill promote NAME@VERSION --to " + s.Name + ` --reason "…"`)...)
}

func (p *page) rollback(s manifest.Stage) {
	p.line("### Roll back %s\n", render.Code(s.Name))
	p.clicks("rollback", s.Name)
	p.commands(p.each("waybill rollback NAME --stage " + s.Name + ` --reason "…"` + "\tfirst with --dry-run")...)
	what := "It goes back to the last version that was good there"
	if s.RollbackSoak > 0 {
		what += " for at least " + span(s.RollbackSoak)
	}
	what += ", and holds the one that leaves: nothing promotes it again until the hold is released."
	switch r := s.Rollback; {
	case r.Required == 0:
		what += " No approvals are needed."
	default:
		what += " " + are(r.Required) + " needed"
		if len(r.From) > 0 {
			what += ", of " + render.Inert(strings.Join(r.From, ", "))
		}
		if not := exclusions(r); not != "" {
			what += "; not counted: " + not
		}
		what += "."
	}
	p.line("%s\n", what)
	if s.Rollback.Required > 0 {
		p.line("They approve the version to go back to, which the dry run names:\n")
		p.commands(p.each("waybill approve NAME@VERSION --to " + s.Name + ` --reason "…"`)...)
	}
}

// clicks says how a workflow does it in a stage, "" for any.
func (p *page) clicks(action, stage string) {
	found := false
	for _, w := range p.in.Workflows {
		switch {
		case !slices.Contains(w.Actions, action):
			continue
		case w.Dispatch:
			p.line("On GitHub: *Actions*, %s, *Run workflow*.\n", render.Code(w.File))
		case w.byItself(action, stage):
			p.line("On GitHub: %s does it by itself.\n", render.Code(w.File))
		default:
			continue
		}
		found = true
	}
	if found {
		p.line("Or from a clone:\n")
	}
}

// targets are the files that the digest is written into.
func (p *page) targets(s manifest.Stage) {
	var rows [][]string
	for _, a := range p.in.Artifacts {
		if a.Model == nil {
			continue
		}
		for _, t := range a.Model.Deploy[s.Name] {
			where := "marker comments"
			if t.Key != "" {
				where = render.Code(t.Key)
			}
			via := "pull request: merge it, or nothing changes"
			if t.Via == manifest.ViaCommit {
				via = "commit onto the default branch"
			}
			rows = append(rows, []string{render.Code(a.Name), render.Code(a.Resolve(t.File)), where, via})
		}
	}
	if len(rows) == 0 {
		return
	}
	p.line("It is in effect when these files name its digest on the default branch. `waybill promote --deployed` records that.\n")
	p.table([]string{"name", "file", "value", "written by"}, rows)
}
