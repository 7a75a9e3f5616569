// Package delivery brings what the ledger decided to where it takes effect: a
// deployment at the forge, and the digest in the files that a stage is deployed
// from.
//
//	done, err := delivery.Deliver(ctx, w, "sentiment", "production", delivery.Options{Forge: gh, Run: url})
//	seen, err := delivery.Deployed(ctx, w, delivery.Options{Forge: gh, Run: url})
//
// The ledger comes first. Deliver reads from it what the stage holds, looks what
// is there already and does the rest, so that it can be run again after a
// failure, and it never decides whether a version may enter. Deployed looks at
// the files on the default branch: where they name what is assigned, the deploy
// event is recorded.
//
// What a file says that the ledger does not know was written by hand: it is a
// finding, and is never written over. A version that is held is written nowhere,
// and a file that names one is a FAIL.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/deploy"
	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
	"github.com/waybill-dev/waybill/internal/writeback"
)

// Forge is what is asked of the forge; *github.Client has it.
type Forge interface {
	BranchHead(ctx context.Context, branch string) (string, error)
	Contents(ctx context.Context, path, ref string, limit int64) ([]byte, error)
	CommitFiles(ctx context.Context, branch, base string, files map[string][]byte, message string) (string, error)
	ReplaceBranch(ctx context.Context, branch string, base forge.Base, files map[string][]byte, message string) (string, error)
	FindPullRequest(ctx context.Context, head, base string) (forge.PullRequest, error)
	CreatePullRequest(ctx context.Context, p forge.NewPullRequest) (forge.PullRequest, error)
	UpdatePullRequest(ctx context.Context, number int, title, body string) error
	ClosePullRequest(ctx context.Context, number int) error
	ChangedFiles(ctx context.Context, number int) ([]forge.File, error)
	DeploymentsOf(ctx context.Context, environment, task string) ([]forge.Deployment, error)
	CreateDeployment(ctx context.Context, d forge.Deployment) (forge.Deployment, error)
	DeploymentStatuses(ctx context.Context, id int64) ([]forge.DeploymentStatus, error)
	CreateDeploymentStatus(ctx context.Context, id int64, s forge.DeploymentStatus) (forge.DeploymentStatus, error)
}

// Options of Deliver and Deployed.
type Options struct {
	Forge Forge  // nil: there is none, and files of the working tree are written
	Run   string // address of the workflow run, for people; "" outside of workflows
	// Straight writes onto the branch where that is allowed, whatever a target
	// says: a rollback does not wait for a merge.
	Straight bool
	// Wrote is the event that this run wrote just now, 0 for none: nothing of it
	// can be at the forge yet, and need not be looked for.
	Wrote int64
}

// Deliver brings what the ledger says that a stage holds into effect: it writes
// the deployment files, records the deploy event where they name it already, and
// tells the forge. Files that somebody edited by hand are findings and stay as
// they are.
//
// With an error, the result says how far it came; the same call again does the
// rest.
func Deliver(ctx context.Context, w *workspace.Workspace, name, stage string, opts Options) (*Result, error) {
	l, err := w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	var r *Result
	const tries = 5 // against others who assign something to the stage, or write into its files
	for range tries {
		r, err = deliver(ctx, w, l, name, stage, opts)
		if changed := errors.Is(err, writeback.ErrConflict); !changed && (err != nil || !r.wrote()) {
			return r, err
		}
		now, failed := w.Ledger(ctx)
		if failed != nil {
			return r, errors.Join(err, failed)
		}
		// What was written for an older assignment must not be the last word.
		if a := assignment(now, name, stage); err == nil && a != nil && a.Event == r.Event && !isHeld(now, name, a.Version) {
			return r, nil
		}
		l, opts.Wrote = now, 0 // something of it may be at the forge by now
	}
	if err != nil {
		return r, err
	}
	return r, fmt.Errorf("deliver %s to %s: the ledger assigned other versions meanwhile, %d times; run it again", name, stage, tries)
}

// assignment is nil where nothing is in the stage.
func assignment(l *workspace.Ledger, name, stage string) *ledger.Assignment {
	if a := l.State.Artifacts[name]; a != nil {
		return a.Stages[stage]
	}
	return nil
}

func isHeld(l *workspace.Ledger, name string, v ref.Version) bool {
	_, held := l.State.Artifacts[name].Holds[v]
	return held
}

func deliver(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name, stage string, opts Options) (*Result, error) {
	there := assignment(l, name, stage)
	if there == nil {
		return nil, workspace.Usage("deliver %s: the ledger says that nothing is in %s", name, stage)
	}
	b, err := readBranch(ctx, w, l)
	var m *manifest.Artifact
	if err == nil {
		m, err = b.manifest(w, name)
	}
	if err != nil {
		return nil, fmt.Errorf("deliver %s to %s: %w", name, stage, err)
	}
	d := newDelivery(w, l, b, m, name, stage, opts)
	d.assigned(&there.Tenure)
	if err := d.look(); err != nil {
		return d.result, fmt.Errorf("deliver %s to %s: %w", name, stage, err)
	}
	if f := d.held(); f != nil {
		d.result.Findings = append(d.result.Findings, *f)
		d.judge()
		return d.result, nil
	}
	wrote := d.write(ctx)
	d.judge()
	if wrote == nil && d.result.Effective && len(d.result.Files) > 0 {
		wrote = d.record(ctx)
	}
	if err := errors.Join(wrote, d.announce(ctx)); err != nil {
		again := "run it again to do the rest"
		if d.tenure.Kind == ledger.KindRollback { // which would go back once more
			again = fmt.Sprintf("to do the rest, run: waybill promote %s@%s --to %s", name, d.version.Version, stage)
		}
		return d.result, fmt.Errorf("the ledger has %s %s in %s, by event %d, and what comes after is not complete: %w; %s",
			name, d.version.Version, stage, d.tenure.Event, err, again)
	}
	return d.result, nil
}

// wrote tells whether files were changed at the forge.
func (r *Result) wrote() bool {
	return slices.ContainsFunc(r.Files, func(f File) bool { return f.State == Proposed || f.State == Committed })
}

// Preview is what Deliver would write if the stage held version v, and what
// would stand in the way. Nothing is written.
func Preview(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, name, stage string, v *ledger.Version) (*Result, error) {
	fail := func(err error) (*Result, error) {
		return nil, fmt.Errorf("look at the deployment files of %s in %s: %w", name, stage, err)
	}
	b, err := readBranch(ctx, w, l)
	if err != nil {
		return fail(err)
	}
	m, err := b.manifest(w, name)
	if err != nil {
		return fail(err)
	}
	d := newDelivery(w, l, b, m, name, stage, Options{})
	d.version = v
	d.result.Version, d.result.Digest = v.Version, v.Digest
	if err := d.look(); err != nil {
		return fail(err)
	}
	d.judge()
	return d.result, nil
}

// File is a deployment file and what became of it.
type File struct {
	Path    string          `json:"path"`
	Changes []deploy.Change `json:"-"`
	// Before and After are its content on the default branch and as it is to be.
	Before, After []byte `json:"-"`
	// State is one of the constants below.
	State       string `json:"state"`
	Commit      string `json:"commit,omitempty"`
	PullRequest string `json:"pullRequest,omitempty"` // address
}

// Values of File.State.
const (
	Current   = "current"      // the default branch has it
	Committed = "committed"    // this run committed it onto the default branch
	Proposed  = "pull-request" // it waits for a merge
	Written   = "written"      // in the working tree: commit and push it
	Refused   = "refused"      // see the findings
	Planned   = "planned"      // nothing was written
)

// Result is what is there now.
type Result struct {
	Artifact string      `json:"artifact"`
	Stage    string      `json:"stage"`
	Version  ref.Version `json:"version"`
	Digest   ref.Digest  `json:"digest"`
	Event    int64       `json:"event"` // by which it is assigned
	// Environment is that of the stage, or one of the stage's name.
	Environment string `json:"-"`
	// Effective: every file on the default branch names it, or there is none to
	// name it.
	Effective  bool              `json:"effective"`
	Files      []File            `json:"files"`
	Deployment *forge.Deployment `json:"-"`
	// Recorded has the deploy event, if it was written now.
	Recorded []ledger.Event `json:"-"`
	// Findings tell what stood in the way.
	Findings []report.Finding `json:"findings,omitempty"`
}
