package who

import (
	"fmt"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// assignment says what nobody verified about who assigned a version.
func (q *inquiry) assignment(t ledger.Tenure) {
	did := "promoted"
	if t.Kind == ledger.KindRollback {
		did = "rolled back to"
	}
	q.witness(fmt.Sprintf("%s was %s", t.Version, did), t.By, t.Run)
}

// witness says who vouches for the author of an event: a forge, if it was asked.
func (q *inquiry) witness(what string, by ledger.Actor, run string) {
	switch {
	case run != "":
		q.doubt("%s in a run that no forge was asked about: %s", what, report.Visible(run))
	case by.ID == 0:
		q.doubt("%s outside of a workflow by %s: no forge vouches for that name", what, report.Visible(by.Login))
	default:
		q.doubt("%s outside of a workflow, by somebody who says to be %s (id %d)", what, report.Visible(by.Login), by.ID)
	}
}

// deployment says why it is not known that the assigned version is deployed.
func (q *inquiry) deployment(s *Stage) {
	if s.Deployed != nil {
		q.witness(fmt.Sprintf("that %s is deployed was recorded", s.Deployed.Version), s.Deployed.By, s.Deployed.Run)
		if s.Deployed.IsAssigned {
			return
		}
	}
	m, err := q.w.Artifact(q.name)
	switch {
	case err != nil || m.Model == nil && m.Kind == manifest.KindModel:
		q.doubt("deployed: not recorded for %s, and there is no manifest here that says where", s.Assigned.Version)
	case m.Model == nil:
		q.doubt("deployed: not recorded for %s: a dataset has no deployment file", s.Assigned.Version)
	case len(m.Model.Deploy[s.Stage]) == 0:
		q.doubt("deployed: not recorded for %s: %s names no deploy target for %s", s.Assigned.Version, m.Path, s.Stage)
	default:
		q.doubt("deployed: not recorded for %s: its deployment file has not reached the default branch, or \"waybill promote --deployed\" was not run since", s.Assigned.Version)
	}
}

// about fills in what is known of a version apart from stages.
func (q *inquiry) about(out *About, v *ledger.Version) {
	out.Registered = &Registered{Version: v.Version, At: v.RegisteredAt, By: v.By, Event: v.Event, Commit: v.Commit,
		PolicyDigest: v.PolicyDigest, Run: v.Run, Reason: v.Reason}
	out.Evidence, out.Deprecated = v.Evidence, v.Deprecated
	if q.a.Deprecated != nil {
		out.Deprecated = q.a.Deprecated
	}
	q.witness(fmt.Sprintf("%s was registered", v.Version), v.By, v.Run)
	switch {
	case v.Evidence == nil || v.Evidence.Report == "" && len(v.Evidence.Verdicts) == 0:
		q.doubt("no report of checks was recorded when %s was registered", v.Version)
	default:
		q.doubt("the verdicts are those that the ledger recorded; \"waybill verify %s@%s\" asks the registry for the report", q.name, v.Version)
	}
	q.lineage(out, v)
}

// lineage reads the lock where the version was registered, if this clone has
// that commit, and believes it only when it names the registered content.
func (q *inquiry) lineage(out *About, v *ledger.Version) {
	a, err := q.w.ArtifactAt(v.Commit, q.name)
	var lock *manifest.Lock
	if err == nil {
		lock, err = q.w.LockAt(v.Commit, a)
	}
	switch {
	case err != nil:
		q.doubt("what %s was made from is not shown: this clone cannot read its lock at commit %.12s; fetch the history with: git fetch --unshallow", v.Version, v.Commit)
		return
	case lock.ContentDigest != v.ContentDigest:
		q.doubt("the lock at commit %.12s, where %s was registered, names other content", v.Commit, v.Version)
		return
	case lock.Lineage == nil:
		return
	}
	for _, role := range slices.Sorted(maps.Keys(lock.Lineage.Datasets)) {
		d := lock.Lineage.Datasets[role]
		found := Dataset{Role: role, Name: d.Name, Split: d.Split, ContentDigest: d.ContentDigest, Version: q.version(d.Name, d.ContentDigest)}
		if found.Version.IsZero() {
			q.doubt("%s, its data for %s, is not registered with the content that the lock names", report.Visible(d.Name), report.Visible(role))
		}
		out.TrainedOn = append(out.TrainedOn, found)
	}
}
