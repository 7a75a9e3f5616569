// Package promotion moves versions: it registers content as a version, assigns
// versions to stages, rolls stages back and holds versions out. Every decision
// is made on the ledger as it is at the moment of writing, and made again when
// another writer was faster.
package promotion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// FirstVersion is what is registered first when no version is asked for.
var FirstVersion = ref.MustVersion("v0.1.0")

// RegisterOptions say which version to register. Version wins over Bump; the
// zero value is the next patch.
type RegisterOptions struct {
	Bump    Bump
	Version ref.Version
	Reason  string
}

// Outcome is what became of one request.
type Outcome struct {
	Artifact string      `json:"artifact"`
	Stage    string      `json:"stage,omitempty"`
	Version  ref.Version `json:"version,omitzero"`
	From     ref.Version `json:"from,omitzero"` // what was there before
	// ContentDigest and Digest are what was registered or assigned.
	ContentDigest ref.Digest `json:"contentDigest,omitempty"`
	Digest        ref.Digest `json:"digest,omitempty"`
	// Done tells that the ledger was written; neither Done nor a refusal in
	// Report means that nothing had to be done.
	Done    bool     `json:"done"`
	Message string   `json:"message"`
	Tags    []string `json:"tags"`
	// Event is the number of the event that was written, or that shows that
	// nothing had to be done; 0 for none.
	Event int64 `json:"event,omitempty"`
	// Approvals are those that counted, Commit the one of the default branch whose
	// policy, with PolicyDigest, decided.
	Approvals    []ledger.Approval `json:"approvals,omitempty"`
	Commit       string            `json:"commit,omitempty"`
	PolicyDigest ref.Digest        `json:"policyDigest,omitempty"`
	// Report is the gate, or the checks of a registration.
	Report *report.Report `json:"report,omitempty"`
}

// refused tells whether the report forbids it.
func (o *Outcome) refused() bool { return o.Report != nil && o.Report.Verdict != report.Pass }

// Register makes the committed lock of a the next version. It runs the check
// groups again over the bytes that the registry holds under the lock's digest
// (or the working tree's, when they are the same), stores the report beside
// the bytes, and records both in the ledger. Content that is registered
// already is no new version.
func Register(ctx context.Context, w *workspace.Workspace, a *manifest.Artifact, opts RegisterOptions) (*Outcome, error) {
	l, err := w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	r := &registering{w: w, a: a, opts: opts}
	if r.commit, err = w.ReleaseCommit(ctx, l); err != nil {
		return nil, fmt.Errorf("register %s: %w", a.Name, err)
	}
	r.lock, err = w.Lock(a)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, workspace.Usage("register %s: it has no lock; run \"waybill push %s\", commit and push the lock", a.Name, a.Name)
	case err != nil:
		return nil, err
	case !r.lock.Pushed():
		return nil, workspace.NotPushed(a.Name)
	}
	r.out = &Outcome{Artifact: a.Name, ContentDigest: r.lock.ContentDigest, Digest: r.lock.Encoding.Digest, Tags: []string{}}
	if v := registered(l.State, a.Name, r.lock.ContentDigest); v != nil {
		return r.out.unchanged(v), nil
	}
	if err := w.CommittedAt(r.commit, a); err != nil {
		return nil, fmt.Errorf("register %s: %w", a.Name, err)
	}
	if err := r.gather(ctx, l); err != nil || r.out.refused() {
		return r.outcome(), err
	}
	done, err := w.Append(ctx, r.decide)
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", a.Name, err)
	}
	if len(done.Events) == 0 {
		return r.out, nil
	}
	r.out.wrote(done)
	r.out.Message = fmt.Sprintf("registered %s %s", a.Name, r.out.Version)
	for _, suffix := range slices.Sorted(maps.Keys(r.tagged)) {
		if err := tagOCI(ctx, w, a.Name, r.out.Version.OCITag()+suffix, r.tagged[suffix]); err != nil {
			return r.out, err
		}
	}
	return r.out, nil
}

// registering is one registration on its way.
type registering struct {
	w      *workspace.Workspace
	a      *manifest.Artifact
	opts   RegisterOptions
	commit string
	lock   *manifest.Lock
	out    *Outcome

	policy *manifest.Project
	after  *successor
	// version follows judged, the greatest one when it was chosen.
	version, judged ref.Version
	evidence        *ledger.Evidence
	actor           ledger.Actor
	// tagged is what the version's tags in the registry will name, by suffix.
	tagged map[string]ref.Digest
}

// outcome is what was refused; nil where nothing is known.
func (r *registering) outcome() *Outcome {
	if r.out.Report == nil {
		return nil
	}
	return r.out
}

// gather runs the checks, chooses the version, and stores the report unless it
// refuses.
func (r *registering) gather(ctx context.Context, l *workspace.Ledger) error {
	var err error
	if r.policy, _, err = r.w.Policy(ctx, l); err != nil {
		return err
	}
	found, image, after, err := checks(ctx, r.w, l, r.a, r.lock, r.commit)
	if err != nil {
		return err
	}
	r.after, r.judged = after, newest(l.State.Artifacts[r.a.Name])
	version, about, err := after.choose(ctx, r.w, l, r.opts)
	if err != nil {
		return err
	}
	if r.version = version; about != nil {
		found.Findings = append(found.Findings, *about)
	}
	announced(found.Findings, version)
	found.Findings = append(found.Findings, freeze(r.policy, r.w.Now(), r.a.Name, "register"))
	found.Finish()
	if found.Verdict != report.Pass {
		r.out.Report, r.out.Message = found, "not registered: the checks say "+string(found.Verdict)
		return nil
	}
	r.tagged = map[string]ref.Digest{"": r.lock.Encoding.Digest}
	if image != "" {
		r.tagged[artifact.ImageTag("")] = image
	}
	if r.evidence, err = attach(ctx, r.w, r.a, r.lock, image, found); err != nil {
		return err
	}
	if r.actor, err = r.w.Actor(); err != nil {
		return err
	}
	r.out.Report = found
	return nil
}

// decide looks at the ledger as it is now; see workspace.Append.
func (r *registering) decide(ctx context.Context, now *workspace.Ledger) (workspace.Decision, error) {
	name, none := r.a.Name, workspace.Decision{}
	r.out.Version = ref.Version{}
	if v := registered(now.State, name, r.lock.ContentDigest); v != nil {
		r.out.unchanged(v)
		return none, nil
	}
	if n := newest(now.State.Artifacts[name]); n != r.judged { // somebody registered one meanwhile
		version, about, err := r.after.choose(ctx, r.w, now, r.opts)
		if err != nil {
			return none, err
		}
		if r.version, r.judged = version, n; about != nil && about.Verdict == report.Fail {
			r.refuse(*about)
			return none, nil
		}
	}
	if err := now.State.CanRegister(name, r.version, r.commit, r.lock.ContentDigest); err != nil {
		return none, workspace.Usage("register %s: %w", name, err)
	}
	for _, suffix := range slices.Sorted(maps.Keys(r.tagged)) {
		tag, err := freeTag(ctx, r.w, name, r.version.OCITag()+suffix, r.tagged[suffix])
		if err != nil {
			return none, err
		}
		if tag.Verdict != report.Pass {
			r.refuse(tag)
			return none, nil
		}
	}
	r.out.Version = r.version
	return workspace.Decision{Message: fmt.Sprintf("register %s %s", name, r.version), Events: []ledger.Event{{
		Kind: ledger.KindRegister, Artifact: name, ArtifactKind: string(r.a.Kind), Version: r.version,
		ContentDigest: r.lock.ContentDigest, Digest: r.lock.Encoding.Digest, Commit: r.commit, Actor: r.actor,
		Evidence: r.evidence, PolicyDigest: r.policy.Digest, Run: r.w.Run(), Reason: r.opts.Reason,
	}}}, nil
}

// refuse is for what was found after the checks.
func (r *registering) refuse(f report.Finding) {
	r.out.Report.Findings = append(r.out.Report.Findings, f)
	r.out.Report.Finish()
	r.out.Message = "not registered: " + f.Message
}

func (o *Outcome) unchanged(v *ledger.Version) *Outcome {
	o.Version, o.Report, o.Event = v.Version, nil, v.Event
	o.Message = fmt.Sprintf("nothing changed: this content is %s %s already", o.Artifact, v.Version)
	return o
}

// wrote fills in what was written. Of several events, the last is what was asked
// for: a rollback comes after its hold.
func (o *Outcome) wrote(a *workspace.Appended) {
	o.Done, o.Tags = true, []string{}
	if n := len(a.Events); n > 0 {
		o.Event = a.Events[n-1].Seq
	}
	for _, t := range a.Tags {
		o.Tags = append(o.Tags, t.Name)
	}
}

func registered(s *ledger.State, name string, content ref.Digest) *ledger.Version {
	if a := s.Artifacts[name]; a != nil {
		return a.ByContent(content)
	}
	return nil
}

func next(a *ledger.Artifact, opts RegisterOptions) ref.Version {
	switch {
	case !opts.Version.IsZero():
		return opts.Version
	case a == nil || a.Latest() == nil:
		return FirstVersion
	}
	latest := a.Latest().Version
	switch opts.Bump {
	case Major:
		return latest.NextMajor()
	case Minor:
		return latest.NextMinor()
	}
	return latest.NextPatch()
}

// checks runs the check groups over the bytes of the lock, and refuses
// training data that nobody registered. What the manifest names, contracts for
// example, is read from commit. It also returns the digest of the image, ""
// when there should be none, and what the version is judged by.
func checks(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, a *manifest.Artifact, lock *manifest.Lock, commit string) (r *report.Report, image ref.Digest, after *successor, err error) {
	target, err := check.Working(ctx, w, a)
	// The working tree serves only where it is what was locked, predictions and
	// results included: others, however good, are not evidence about this version.
	if err != nil || !target.IsLocked(lock) {
		dir, err := os.MkdirTemp("", "waybill-register-")
		if err != nil {
			return nil, "", nil, err
		}
		defer os.RemoveAll(dir)
		if target, err = check.Fetched(ctx, w, a, lock, filepath.Join(dir, "files")); err != nil {
			return nil, "", nil, err
		}
	}
	target.Commit = commit
	if r, err = check.Run(ctx, w, target); err != nil {
		return nil, "", nil, err
	}
	r.Title = "register " + a.Name
	if after, err = newSuccessor(ctx, target, lock.Encoding.Digest); err != nil {
		return nil, "", nil, err
	}
	held, err := encoding(ctx, w, a.Name, lock.ContentDigest, lock.Encoding.Digest)
	if err != nil {
		return nil, "", nil, err
	}
	r.Findings = append(r.Findings, held)
	if a.Model != nil && a.Model.Kubernetes {
		var found report.Finding
		if image, found, err = findImage(ctx, w, target); err != nil {
			return nil, "", nil, err
		}
		r.Findings = append(r.Findings, found)
	}
	if lock.Lineage != nil {
		for role, d := range lock.Lineage.Datasets {
			f := finding(a.Name, "promotion.lineage", role)
			f.Message = fmt.Sprintf("the data it comes from (%s: %s) is registered", role, d.Name)
			if registered(l.State, d.Name, d.ContentDigest) == nil {
				f.Verdict, f.Message = report.Fail, fmt.Sprintf("%s, its dataset for %s, is not registered with this content", d.Name, role)
				f.Observed, f.Hint = "sha256:"+d.ContentDigest.Short()+"…", "run \"waybill register "+d.Name+"\" first"
			}
			r.Findings = append(r.Findings, f)
		}
	}
	r.Finish()
	return r, image, after, nil
}

// finding is a PASS of the promotion group to begin with.
func finding(artifact, id, subject string) report.Finding {
	return report.Finding{Check: id, Group: report.GroupPromotion, Artifact: artifact, Subject: subject, Verdict: report.Pass, Severity: report.Error}
}

// Sort puts datasets before models, as registration needs them.
func Sort(as []*manifest.Artifact) {
	slices.SortStableFunc(as, func(a, b *manifest.Artifact) int {
		if a.Kind == b.Kind {
			return 0
		}
		if a.Kind == manifest.KindDataset {
			return -1
		}
		return 1
	})
}
