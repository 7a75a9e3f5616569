package who

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/approval"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// maxEarlier is how many tenures before the one that is asked for are told.
const maxEarlier = 5

// inquiry is one question and what was read to answer it.
type inquiry struct {
	w     *workspace.Workspace
	l     *workspace.Ledger
	name  string
	asOf  *time.Time
	state *ledger.State
	a     *ledger.Artifact // nil: the ledger did not know it then

	// Of now, from the default branch. people is nil where keysUnread says why.
	policy     *manifest.Project
	policyWhy  string // why policy is nil
	people     *approval.Directory
	keysUnread string
	first      string // hash of the ledger's first event
	verified   int    // signatures that were checked, see maxVerified
	unverified []string
}

// begin reads the ledger as it stood at asOf, nil for now.
func begin(ctx context.Context, w *workspace.Workspace, name string, asOf *time.Time) (*inquiry, error) {
	l, err := w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	q := &inquiry{w: w, l: l, name: name, asOf: asOf, state: l.State, unverified: []string{}}
	log, err := l.Log()
	if err != nil {
		return nil, err
	}
	if events := log.Events(); len(events) > 0 {
		if q.first, err = events[0].Hash(); err != nil {
			return nil, err
		}
	}
	if asOf != nil {
		if q.state, err = ledger.Fold(log.AsOf(*asOf)); err != nil {
			return nil, err
		}
	}
	if q.a = q.state.Artifacts[name]; q.a == nil && l.State.Artifacts[name] == nil {
		if _, err := w.Artifact(name); err != nil {
			return nil, err
		}
	}
	if n := len(q.state.Unknown); n > 0 {
		q.doubt("the ledger has %s of a newer waybill, which this answer leaves out", report.Count(int64(n), "event"))
	}
	if l.Remote != nil && l.Refs == nil {
		q.doubt("the remote could not be reached: the ledger is as it was known last")
	}
	q.readPolicy(ctx)
	return q, nil
}

// readPolicy reads the policy and the keys of now. An answer is possible
// without them.
func (q *inquiry) readPolicy(ctx context.Context) {
	policy, commit, err := q.w.Policy(ctx, q.l)
	if err != nil {
		q.policyWhy, q.keysUnread = report.Visible(err.Error()), "the policy of the default branch could not be read"
		return
	}
	q.policy = policy
	if q.people, err = directory(q.w, policy, commit); err != nil {
		q.keysUnread = report.Visible(err.Error())
	}
}

// OfStage tells what is in the stage of an artifact, or was at asOf.
func OfStage(ctx context.Context, w *workspace.Workspace, name, stage string, asOf *time.Time) (*Stage, error) {
	q, err := begin(ctx, w, name, asOf)
	if err != nil {
		return nil, err
	}
	if err := q.known(stage); err != nil {
		return nil, err
	}
	s := &Stage{APIVersion: report.APIVersion, Artifact: name, Kind: q.kind(), Stage: stage, AsOf: asOf,
		Approvals: []Approval{}, About: About{TrainedOn: []Dataset{}, Holds: q.holds(nil)}, Earlier: []Tenure{}}
	if q.a != nil && q.a.Stages[stage] != nil {
		q.tell(s, q.a.Stages[stage])
	}
	s.Unverified = q.unverified
	return s, nil
}

func (q *inquiry) tell(s *Stage, in *ledger.Assignment) {
	all := append(slices.Clone(in.History), in.Tenure)
	last := len(all) - 1
	now := q.tenure(s.Stage, all, last)
	s.Assigned, s.Deployed = &now, lastDeployed(all)
	q.assignment(in.Tenure)
	s.Approvals = q.approvals(s.Stage, in.Tenure)
	q.enough(s.Stage, in.Tenure)
	q.deployment(s)
	if v := q.a.Version(now.Version); v != nil {
		q.about(&s.About, v)
	}
	for i := last - 1; i >= 0; i-- {
		if len(s.Earlier) == maxEarlier {
			s.Omitted = i + 1
			break
		}
		s.Earlier = append(s.Earlier, q.tenure(s.Stage, all, i))
	}
}

// OfVersion tells where a version is and was. r names a version or a content
// digest.
func OfVersion(ctx context.Context, w *workspace.Workspace, r ref.Reference, asOf *time.Time) (*Version, error) {
	q, err := begin(ctx, w, r.Name, asOf)
	if err != nil {
		return nil, err
	}
	var v *ledger.Version
	switch {
	case q.a == nil:
	case r.Digest != "":
		v = q.a.ByContent(r.Digest)
	default:
		v = q.a.Version(r.Version)
	}
	if v == nil {
		return nil, q.noVersion(r)
	}
	out := &Version{APIVersion: report.APIVersion, Artifact: r.Name, Kind: q.kind(), Version: v.Version, ContentDigest: v.ContentDigest,
		Digest: v.Digest, AsOf: asOf, Stages: []Tenure{}, About: About{TrainedOn: []Dataset{}, Holds: q.holds(&v.Version)}}
	for _, stage := range slices.Sorted(maps.Keys(q.a.Stages)) {
		in := q.a.Stages[stage]
		all := append(slices.Clone(in.History), in.Tenure)
		for i, t := range all {
			if t.Version == v.Version {
				out.Stages = append(out.Stages, q.tenure(stage, all, i))
				q.assignment(t)
			}
		}
	}
	sorting.By(out.Stages, func(x, y Tenure) int {
		if x.Until.IsZero() != y.Until.IsZero() {
			if x.Until.IsZero() {
				return -1
			}
			return 1
		}
		return int(y.Event - x.Event)
	})
	q.about(&out.About, v)
	out.Unverified = q.unverified
	return out, nil
}

func (q *inquiry) noVersion(r ref.Reference) error {
	then, hint := "", fmt.Sprintf("\"waybill show %s\" lists them", r.Name)
	if q.asOf != nil {
		then, hint = " at "+q.asOf.Format(time.RFC3339), fmt.Sprintf("\"waybill show %s --as-of %s\" lists them", r.Name, q.asOf.Format(time.RFC3339))
	}
	return workspace.Usage("%s: no such version was registered%s; %s", r, then, hint)
}

// known refuses a stage that neither the project nor the ledger has.
func (q *inquiry) known(stage string) error {
	names := q.w.Project.StageNames()
	if q.policy != nil {
		names = append(names, q.policy.StageNames()...)
	}
	if a := q.l.State.Artifacts[q.name]; a != nil {
		names = append(names, slices.Collect(maps.Keys(a.Stages))...)
	}
	if slices.Contains(names, stage) {
		return nil
	}
	slices.Sort(names)
	hint := "stages are " + strings.Join(slices.Compact(names), ", ")
	if near := ref.Nearest(stage, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(names) == 0 {
		hint = manifest.ProjectFile + " declares none"
	}
	return workspace.Usage("%s#%s: there is no stage %q; %s", q.name, stage, stage, hint)
}

func (q *inquiry) kind() string {
	if q.a != nil && q.a.Kind != "" {
		return q.a.Kind
	}
	if m, err := q.w.Artifact(q.name); err == nil {
		return string(m.Kind)
	}
	return ""
}

// tenure is all[i], of which all[i-1] is the one before.
func (q *inquiry) tenure(stage string, all []ledger.Tenure, i int) Tenure {
	t := all[i]
	out := Tenure{Stage: stage, Version: t.Version, ContentDigest: t.ContentDigest, Digest: t.Digest, Since: t.Since, Until: t.Until, By: t.By,
		Event: t.Event, How: t.Kind, RolledBack: t.RolledBack, PolicyDigest: t.PolicyDigest, Run: t.Run, Reason: t.Reason,
		Approvers: []string{}, Deployed: t.Deployed}
	if i > 0 {
		out.From = all[i-1].Version
	}
	if q.policy != nil && t.PolicyDigest != "" {
		same := t.PolicyDigest == q.policy.Digest
		out.PolicyIsNow = &same
	}
	for _, a := range t.Approvals {
		out.Approvers = append(out.Approvers, a.Login)
	}
	return out
}

// lastDeployed is what the newest deploy event of a stage names. A rollback can
// bring back what the file still names from an earlier tenure.
func lastDeployed(all []ledger.Tenure) *Deployed {
	var out *Deployed
	for _, t := range all {
		if t.Deployed != nil && (out == nil || t.Deployed.Event > out.Event) {
			out = &Deployed{Version: t.Version, ContentDigest: t.ContentDigest, Digest: t.Digest, IsAssigned: t.Version == all[len(all)-1].Version, Deployment: *t.Deployed}
		}
	}
	return out
}

// holds are those of one version, or of all.
func (q *inquiry) holds(of *ref.Version) []ledger.Hold {
	out := []ledger.Hold{}
	if q.a == nil {
		return out
	}
	for _, h := range q.a.Holds {
		if of == nil || h.Version == *of {
			out = append(out, h)
		}
	}
	sorting.By(out, func(x, y ledger.Hold) int { return x.Version.Compare(y.Version) })
	return out
}

func (q *inquiry) doubt(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(q.unverified, s) {
		q.unverified = append(q.unverified, s)
	}
}
