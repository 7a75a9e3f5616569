// Package doctor compares what should say the same: manifests, working tree,
// locks, registry, ledger, and the Git tags that follow from the ledger.
//
//	states, err := doctor.Status(ctx, w, l, w.Artifacts)    // where everything stands, and the next step
//	rep, mended, err := doctor.Examine(ctx, w, l, fix)      // what contradicts what
//	rep, err := doctor.Verify(ctx, w, refs, opts)           // is in the registry what locks and versions name
//	g, err := doctor.CollectGarbage(ctx, w, l, opts)        // what nothing names any more
//
// The ledger is the truth. Fixing changes only what follows from it: Git tags,
// OCI tags, and the list of evidence; it deletes nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// The checks, as findings name them.
const (
	checkTag      = "state.tag"
	checkOCITag   = "state.oci-tag"
	checkEncoding = "state.encoding"
	checkLock     = "state.lock"
	checkEvidence = "state.evidence"
	checkLedger   = "state.ledger"
	checkRegistry = "state.registry"
)

const hintFix = "waybill doctor --fix"

type examiner struct {
	w        *workspace.Workspace
	l        *workspace.Ledger
	fix      bool
	reg      asker
	findings []report.Finding
	mended   []string
}

// Examine compares everything that is recorded about all artifacts of the
// working tree and of the ledger. With fix it mends what it can and returns, one
// sentence each, what it mended; those findings are PASS. A registry or remote
// that does not answer makes findings INCONCLUSIVE.
func Examine(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, fix bool) (*report.Report, []string, error) {
	e := &examiner{w: w, l: l, fix: fix, reg: asker{w: w}}
	if err := e.tags(ctx); err != nil {
		return nil, nil, err
	}
	for _, name := range e.names() {
		if known := l.State.Artifacts[name]; known != nil {
			e.versions(ctx, known)
			e.stages(known)
		}
	}
	for _, a := range w.Artifacts {
		if lock := e.lock(ctx, a); lock != nil {
			e.evidence(ctx, a, lock)
		}
	}
	for _, u := range l.State.Unknown {
		e.add(report.Finding{Check: checkLedger, Severity: report.Warning, Verdict: report.Inconclusive,
			Subject: fmt.Sprintf("event %d", u.Seq), Hint: "upgrade waybill",
			Message: fmt.Sprintf("event %d is of kind %q, which only a newer waybill understands", u.Seq, u.Kind)})
	}
	// What was not looked at any more must not pass for healthy.
	if err := ctx.Err(); err != nil {
		return nil, e.mended, err
	}
	return report.New(e.findings), e.mended, nil
}

// names are the artifacts of the working tree and those that only the ledger
// knows, sorted.
func (e *examiner) names() []string {
	names := append(e.w.Names(), slices.Collect(maps.Keys(e.l.State.Artifacts))...)
	slices.Sort(names)
	return slices.Compact(names)
}

// add is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (e *examiner) add(f report.Finding) {
	f.Group, f.Rule = report.GroupState, f.Check
	if f.Severity == "" {
		f.Severity = report.Error
	}
	e.findings = append(e.findings, f)
}

// passUnless adds a PASS when nothing was found since there were n findings.
func (e *examiner) passUnless(n int, check, name, message string) {
	if len(e.findings) == n {
		e.add(report.Finding{Check: check, Artifact: name, Verdict: report.Pass, Message: message})
	}
}

func (e *examiner) fixed(check, name, subject, message string) {
	e.mended = append(e.mended, message)
	e.add(report.Finding{Check: check, Artifact: name, Subject: subject, Verdict: report.Pass, Message: "mended: " + message})
}

// noAnswer says once for each artifact that the registry could not be asked.
func (e *examiner) noAnswer(name string, err error) {
	for _, f := range e.findings {
		if f.Check == checkRegistry && f.Artifact == name {
			return
		}
	}
	e.add(report.Finding{Check: checkRegistry, Artifact: name, Verdict: report.Inconclusive,
		Message: fmt.Sprintf("%s: the registry could not be asked: %v", name, err), Hint: "try again when the registry answers"})
}

// stages looks for held versions that are still in a stage: worth knowing, but
// not wrong, since a rollback of production leaves staging as it is.
func (e *examiner) stages(known *ledger.Artifact) {
	n := len(e.findings)
	for _, stage := range slices.Sorted(maps.Keys(known.Stages)) {
		now := known.Stages[stage]
		hold, held := known.Holds[now.Version]
		if !held {
			continue
		}
		e.add(report.Finding{Check: checkLedger, Artifact: known.Name, Subject: stage, Severity: report.Warning, Verdict: report.Fail,
			Message: fmt.Sprintf("%s %s is in %s and held since %s by %s", known.Name, now.Version, stage, hold.Since.Format("2006-01-02"), hold.By.Login),
			Hint:    fmt.Sprintf("waybill rollback %s --stage %s --reason \"…\"", known.Name, stage)})
	}
	e.passUnless(n, checkLedger, known.Name, known.Name+": no held version is in a stage")
}

// lock compares lock and working tree, and returns the lock if it can be read.
func (e *examiner) lock(ctx context.Context, a *manifest.Artifact) *manifest.Lock {
	n := len(e.findings)
	problem := func(severity report.Severity, message, hint string) {
		e.add(report.Finding{Check: checkLock, Artifact: a.Name, Severity: severity, Verdict: report.Fail, Message: message, Hint: hint,
			Location: &report.Location{File: a.LockPath()}})
	}
	lock, word, err := readLock(e.w, a)
	switch word {
	case "missing":
		problem(report.Warning, a.Name+" has no lock yet", "waybill lock "+a.Name)
		return nil
	case "conflicted":
		problem(report.Error, a.LockPath()+": has a merge conflict", "waybill lock --ours "+a.Name+" or --theirs")
		return nil
	case "invalid":
		problem(report.Error, err.Error(), "waybill lock "+a.Name)
		return nil
	}
	tree, err := treeDigest(ctx, e.w, a)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		problem(report.Warning, fmt.Sprintf("%s: files are missing: %v", a.Name, err), "waybill pull "+a.Name)
	case err != nil:
		problem(report.Warning, fmt.Sprintf("%s: the files cannot be compared with the lock: %v", a.Name, err), "")
	case tree != lock.ContentDigest:
		e.add(report.Finding{Check: checkLock, Artifact: a.Name, Severity: report.Warning, Verdict: report.Fail,
			Message:  a.Name + ": the files changed since they were locked",
			Expected: string(lock.ContentDigest), Observed: string(tree),
			Hint: "waybill lock " + a.Name, Location: &report.Location{File: a.LockPath()}})
	}
	e.passUnless(n, checkLock, a.Name, a.Name+": the lock is that of the files")
	return lock
}
