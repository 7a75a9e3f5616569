package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/delivery"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// summary is the page of the run: what an approver reads before approving, and
// what everybody reads after a refusal.
func (p *promoteStep) summary(w *workspace.Workspace, done *promoted) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### promote %s@%s to %s\n\n%s\n\n", done.Artifact, done.Version, done.Stage, p.headline(done))
	state := &ledger.State{}
	if l, err := w.Ledger(p.a.ctx); err == nil {
		state = l.State
	}
	b.WriteString(render.MarkdownSection(changeSection(state, done)))
	if p.mode == modePlan {
		for _, s := range measured(p.a, w, done.Artifact, versionOf(state, done)) {
			b.WriteString("\n" + render.MarkdownSection(s))
		}
	}
	if done.Report != nil && !done.Done {
		b.WriteString("\n" + render.MarkdownSection(conditions(done)))
	}
	if d := done.delivery; d != nil {
		if text := strings.TrimSpace(deliveryText(d)); text != "" {
			b.WriteString("\n#### Deployment files\n\n")
			for line := range strings.SplitSeq(text, "\n") {
				b.WriteString("- " + inertLine(line, d.Files) + "\n")
			}
		}
		if done.Report == nil || done.Done {
			for i := range d.Findings {
				fmt.Fprintf(&b, "\n%s: %s\n", render.Inert(d.Findings[i].Message), render.Inert(d.Findings[i].Hint))
			}
		}
	}
	return b.String()
}

// inertLine keeps the addresses of pull requests, which the forge gave, as links.
// All others are of the files: what stands in one may look like an address.
func inertLine(line string, files []delivery.File) string {
	words := strings.Split(line, " ")
	for i, word := range words {
		at := strings.TrimRight(word, ",;.")
		if at == "" || !slices.ContainsFunc(files, func(f delivery.File) bool { return f.PullRequest == at }) {
			words[i] = render.Inert(word)
			continue
		}
		words[i] = "<" + at + ">" + word[len(at):]
	}
	return strings.Join(words, " ")
}

func (p *promoteStep) headline(done *promoted) string {
	switch {
	case p.mode == modePlan && done.Report == nil, done.Done:
		return "**" + render.Inert(done.Message) + "**"
	case p.mode == modePlan && done.Report.Verdict == report.Pass:
		return "**Every condition holds.** Approve exactly this: " + render.Code(string(done.ContentDigest))
	case p.mode == modePlan && done.verdict() == report.Pass:
		return "**It waits for approvals only.** Approve exactly this: " + render.Code(string(done.ContentDigest))
	case p.mode == modePlan:
		return fmt.Sprintf("**It could not be promoted: %s.** What does not hold, and what would make it hold, stands below.", done.verdict())
	case done.Report != nil:
		return fmt.Sprintf("**Not promoted: %s.** The stage is as it was. What does not hold, and what would make it hold, stands below.", done.verdict())
	}
	return "**" + render.Inert(done.Message) + "**"
}

// changeSection is what the stage has, and what it would have.
func changeSection(state *ledger.State, done *promoted) report.Section {
	before, after := []string{"nothing", "", ""}, []string{done.Version.String(), string(done.ContentDigest), string(done.Digest)}
	if a := state.Artifacts[done.Artifact]; a != nil && !done.From.IsZero() {
		if v := a.Version(done.From); v != nil {
			before = []string{v.Version.String(), string(v.ContentDigest), string(v.Digest)}
		}
	}
	var rows [][]string
	for i, what := range []string{"version", "content digest", "digest in the registry"} {
		rows = append(rows, []string{what, before[i], after[i]})
	}
	if done.From.IsZero() && done.Report == nil { // it is there already
		for i := range rows {
			rows[i][1] = rows[i][2]
		}
	}
	return report.TableSection("What changes in "+done.Stage, []string{"", "from", "to"}, rows)
}

// conditions is a line for each condition of the gate: what does not hold comes
// first, with what would make it hold. To a plan some are open that to the job
// that applies do not hold.
func conditions(p *promoted) report.Section {
	var rows [][]string
	for i := range p.Report.Findings {
		f := &p.Report.Findings[i]
		word, message, hint := "holds", f.Message, f.Hint
		switch {
		case f.Verdict == report.Pass:
		case f.Severity != report.Error:
			word = "warning"
		case p.awaited(f):
			word = "open"
			if f.Check == "promotion.environment" {
				message, hint = "its environment has to be reviewed", "the job that applies waits for that; review its deployment on the run's page"
			}
		case f.Verdict == report.Inconclusive:
			word = "not known"
		default:
			word = "does not hold"
		}
		if f.Verdict == report.Pass {
			hint = ""
		}
		rows = append(rows, []string{word, message, hint})
	}
	return report.TableSection("Conditions", []string{"", "Condition", "What to do"}, rows)
}

// mostMeasured bounds what is read of a stored report.
const mostMeasured = 4 << 20

// measured are the metrics with their intervals, out of the report that was
// stored when the version was registered. They inform, so that a registry that
// does not answer costs a line, not the plan.
func measured(a *app, w *workspace.Workspace, name string, v *ledger.Version) []report.Section {
	if v == nil || v.Evidence == nil || v.Evidence.Report == "" {
		return nil
	}
	r, err := storedReport(a, w, name, v)
	if err != nil {
		return []report.Section{report.TextSection("Metrics", "the report of its registration could not be read: "+visible(err.Error()))}
	}
	var out []report.Section
	for _, s := range r.Sections {
		numbers := s.Table != nil && (strings.HasSuffix(s.Title, "Metrics") || strings.HasSuffix(s.Title, "Gates"))
		if (numbers || s.Intervals != nil) && len(out) < 4 {
			out = append(out, s)
		}
	}
	return out
}

func storedReport(a *app, w *workspace.Workspace, name string, v *ledger.Version) (*report.Report, error) {
	repo, err := w.Repository(name)
	if err != nil {
		return nil, err
	}
	subject, err := repo.Resolve(a.ctx, string(v.Digest))
	if err != nil {
		return nil, err
	}
	all, err := evidence.List(a.ctx, repo, subject, evidence.Report)
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if ref.Digest(f.Layer.Digest) != v.Evidence.Report {
			continue
		}
		in, err := evidence.Fetch(a.ctx, repo, f, mostMeasured)
		if err != nil {
			return nil, err
		}
		defer in.Close()
		var r report.Report
		return &r, json.NewDecoder(io.LimitReader(in, mostMeasured)).Decode(&r)
	}
	return nil, fmt.Errorf("%s has no report %s", repo, v.Evidence.Report)
}

func deployedSummary(r *report.Report) string {
	text := "### deployed\n\n"
	if len(r.Findings) > 0 {
		text += render.MarkdownFindingHead
		for i := range r.Findings {
			text += render.MarkdownFinding(&r.Findings[i])
		}
	}
	for _, s := range r.Sections {
		text += "\n" + render.MarkdownSection(s)
	}
	return text
}
