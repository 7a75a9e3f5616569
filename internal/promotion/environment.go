package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// environment reads back what guards the stage's environment, and whether the
// guard was passed in this run. A workflow that names an environment which does
// not exist creates one that nothing protects (GitHub docs, "Managing
// environments for deployment"), and unless told otherwise administrators can
// start a job that waits for a review. suffices tells that signatures alone are
// enough: then what is wrong here is a warning.
func (b *ballot) environment(ctx context.Context, suffices bool) report.Finding {
	f := b.gate.finding("promotion.environment")
	name := report.Visible(b.stage.Environment)
	if suffices {
		f.Severity = report.Warning
	}
	if b.on.Forge == nil || b.on.RunID == 0 {
		f.Message = fmt.Sprintf("the environment %s is not asked: signed approvals alone suffice", name)
		if !suffices {
			f.Verdict = report.Fail
			f.Message = fmt.Sprintf("the environment %s is reviewed only in a run of a workflow, and signed approvals alone do not suffice", name)
			f.Hint = fmt.Sprintf("promote in a workflow's job with \"environment: %s\", or have it approved with: waybill approve %s@%s --to %s", name, b.a.Name, b.version.Version, b.stage.Name)
		}
		return f
	}
	env, err := b.on.Forge.Environment(ctx, b.stage.Environment)
	switch {
	case errors.Is(err, forge.ErrNotFound), errors.Is(err, forge.ErrNotAllowed):
		// Refused, and not decided: GitHub answers 404 also to a token that may
		// not look.
		b.doubt(fmt.Sprintf("the forge for environment %s", name), err)
		f.Verdict = report.Inconclusive
		f.Message = fmt.Sprintf("the protection of environment %s cannot be read: %s", name, report.Visible(err.Error()))
		f.Hint = fmt.Sprintf("create it (an administrator, %s), and give the token \"actions: read\" under permissions: in the workflow", settings(""))
		return f
	case err != nil:
		b.doubt(fmt.Sprintf("the forge for environment %s", name), err)
		severity := f.Severity
		f = b.unanswered(f, fmt.Sprintf("the forge for environment %s", name), err)
		f.Severity = severity
		return f
	}
	if weak := weaknesses(env); len(weak) > 0 {
		f.Verdict = report.Fail
		f.Message = fmt.Sprintf("environment %s is not protected as it must be: %s", name, strings.Join(names(weak), "; "))
		f.Hint = fmt.Sprintf("an administrator has to set, %s: %s", settings(name), strings.Join(switches(weak), "; "))
		return f
	}
	return b.reviewed(ctx, f)
}

// reviewed looks for the review of the environment in this run.
func (b *ballot) reviewed(ctx context.Context, f report.Finding) report.Finding {
	name, severity := report.Visible(b.stage.Environment), f.Severity
	run, err := b.run(ctx)
	var approvals []forge.Approval
	if err == nil {
		approvals, err = b.on.Forge.Approvals(ctx, run.ID)
	}
	if err != nil {
		what := fmt.Sprintf("the forge who reviewed run %d", b.on.RunID)
		b.doubt(what, err)
		f = b.unanswered(f, what, err)
		f.Severity = severity
		return f
	}
	approvals = slices.DeleteFunc(slices.Clone(approvals), func(a forge.Approval) bool {
		return !slices.ContainsFunc(a.Environments, func(e string) bool { return strings.EqualFold(e, b.stage.Environment) })
	})
	spent, err := b.spentReview(run.ID)
	if err != nil {
		return b.unanswered(f, "the ledger what this run promoted", err)
	}
	// The list has no times: where one job of the run was approved and another
	// was rejected, which came last is not known.
	rejected := slices.ContainsFunc(approvals, func(a forge.Approval) bool { return a.State == "rejected" })
	f.Message = fmt.Sprintf("environment %s asks for a review, and this run has one", name)
	found := false
	for _, a := range approvals {
		c := consent{person: manifest.Person{Login: a.User.Login, ID: a.User.ID}, via: viaEnvironment, at: run.Created, where: fmt.Sprintf("run %d", run.ID)}
		switch {
		case a.State != "approved":
			b.not = append(b.not, discounted{c, "it is " + report.Visible(a.State)})
		case run.Attempt != 1 || b.on.Attempt != 1:
			// The answer does not say which attempt was approved (REST docs, "Get
			// the review history for a workflow run").
			b.not = append(b.not, discounted{c, fmt.Sprintf("this is attempt %d, and it may have been given to an earlier one", max(run.Attempt, b.on.Attempt))})
		case rejected:
			b.not = append(b.not, discounted{c, "the environment was rejected in this run too"})
		case spent > 0:
			b.not = append(b.not, discounted{c, fmt.Sprintf("it was spent by event %d: one review lets one version pass", spent)})
		default:
			found = true
			b.consents = append(b.consents, c)
		}
	}
	if !found {
		f.Verdict = report.Fail
		f.Message = fmt.Sprintf("no review of environment %s let this run pass: nobody reviewed it yet, an administrator started it anyway, or its job does not name the environment", name)
		f.Hint = fmt.Sprintf("promote in a job with \"environment: %s\" of a new run, and have its deployment reviewed on the run's page", name)
		switch {
		case rejected:
			f.Message = fmt.Sprintf("environment %s was rejected in this run", name)
		case spent > 0:
			f.Message = fmt.Sprintf("this run's review of environment %s was spent by event %d: who gave it saw one version", name, spent)
		default:
			f.Details = map[string]any{"awaited": true}
		}
	}
	return f
}

// spentReview is the event for which this run's review of the environment was
// used, 0 for none. An approval is of a run as a whole (REST docs, "Get the
// review history for a workflow run"), so that its other jobs could let
// anything else pass with it.
func (b *ballot) spentReview(run int64) (int64, error) {
	events, err := b.files.Events()
	if err != nil {
		return 0, err
	}
	for i := range events {
		e := &events[i]
		m := runURL.FindStringSubmatch(e.Run)
		if e.Kind != ledger.KindPromote && e.Kind != ledger.KindRollback || m == nil || m[1] != strconv.FormatInt(run, 10) {
			continue
		}
		stage, ok := b.policy.Stage(e.Stage)
		used := len(e.Approvals) == 0 || slices.ContainsFunc(e.Approvals, func(a ledger.Approval) bool { return a.Via == viaEnvironment })
		if ok && used && strings.EqualFold(stage.Environment, b.stage.Environment) {
			return e.Seq, nil
		}
	}
	return 0, nil
}

// weakness is a switch of the settings that is not where it must be.
type weakness struct{ is, set string }

// weaknesses compares an environment with what a gate needs of it (GitHub docs,
// "Deployments and environments"; the switches are named as on the page of its
// settings).
func weaknesses(e forge.Environment) []weakness {
	var out []weakness
	if len(e.Reviewers) == 0 {
		out = append(out, weakness{"nobody has to review", "\"Required reviewers\", with at least one"})
	}
	if !e.PreventSelfReview {
		out = append(out, weakness{"who started the run may review it", "\"Prevent self-review\""})
	}
	if e.CanAdminsBypass {
		out = append(out, weakness{"administrators can pass it by", "\"Allow administrators to bypass configured protection rules\" off"})
	}
	anybody := func(p forge.Policy) bool { return strings.Trim(p.Name, "*/") == "" && p.Kind != "tag" }
	if !e.ProtectedBranches && (!e.CustomPolicies || slices.ContainsFunc(e.Policies, anybody)) {
		out = append(out, weakness{"any branch may deploy to it", "\"Deployment branches and tags\" to protected branches, or to selected ones"})
	}
	return out
}

func names(weak []weakness) (out []string) {
	for _, w := range weak {
		out = append(out, w.is)
	}
	return out
}

func switches(weak []weakness) (out []string) {
	for _, w := range weak {
		out = append(out, w.set)
	}
	return out
}

// settings is the page of an environment's settings.
func settings(name string) string {
	at := "in the repository's settings under Environments"
	if name != "" {
		at += ", " + name
	}
	return at
}
