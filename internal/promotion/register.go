// Package promotion moves versions: it registers content as a version, assigns
// versions to stages, rolls stages back and holds versions out. Every decision
// is made on the ledger as it is at the moment of writing, and made again when
// another writer was faster.
package promotion

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Bump says how the next version follows the greatest one.
type Bump string

const (
	Patch Bump = "patch"
	Minor Bump = "minor"
	Major Bump = "major"
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
	commit, err := w.ReleaseCommit(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", a.Name, err)
	}
	lock, err := w.Lock(a)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, workspace.Usage("register %s: it has no lock; run \"waybill push %s\", commit and push the lock", a.Name, a.Name)
	}
	if err != nil {
		return nil, err
	}
	if !lock.Pushed() {
		return nil, workspace.NotPushed(a.Name)
	}
	out := &Outcome{Artifact: a.Name, ContentDigest: lock.ContentDigest, Digest: lock.Encoding.Digest, Tags: []string{}}
	if v := registered(l.State, a.Name, lock.ContentDigest); v != nil {
		return out.unchanged(v), nil
	}
	if err := w.CommittedAt(commit, a); err != nil {
		return nil, fmt.Errorf("register %s: %w", a.Name, err)
	}
	policy, _, err := w.Policy(ctx, l)
	if err != nil {
		return nil, err
	}
	r, image, after, err := checks(ctx, w, l, a, lock, commit)
	if err != nil {
		return nil, err
	}
	judged := newest(l.State.Artifacts[a.Name])
	found, err := after.judge(ctx, w, l.State.Artifacts[a.Name], next(l.State.Artifacts[a.Name], opts))
	if err != nil {
		return nil, err
	}
	if found != nil {
		r.Findings = append(r.Findings, *found)
	}
	announced(r.Findings, next(l.State.Artifacts[a.Name], opts))
	r.Findings = append(r.Findings, freeze(policy, w.Now(), a.Name, "register"))
	r.Finish()
	if out.Report = r; out.refused() {
		out.Message = "not registered: the checks say " + string(r.Verdict)
		return out, nil
	}
	ev, err := attach(ctx, w, a, lock, r)
	if err != nil {
		return nil, err
	}
	actor, err := w.Actor()
	if err != nil {
		return nil, err
	}
	tagged := map[string]ref.Digest{"": lock.Encoding.Digest} // what the version's tags will name, by suffix
	if image != "" {
		tagged[artifact.ImageTag("")] = image
	}
	done, err := w.Append(ctx, func(ctx context.Context, now *workspace.Ledger) (workspace.Decision, error) {
		if v := registered(now.State, a.Name, lock.ContentDigest); v != nil {
			out = out.unchanged(v)
			return workspace.Decision{}, nil
		}
		version := next(now.State.Artifacts[a.Name], opts)
		if err := now.State.CanRegister(a.Name, version, commit, lock.ContentDigest); err != nil {
			return workspace.Decision{}, workspace.Usage("register %s: %w", a.Name, err)
		}
		if n := newest(now.State.Artifacts[a.Name]); n != judged { // somebody registered one meanwhile
			found, err := after.judge(ctx, w, now.State.Artifacts[a.Name], version)
			if err != nil {
				return workspace.Decision{}, err
			}
			if judged = n; found != nil && found.Verdict == report.Fail {
				r.Findings = append(r.Findings, *found)
				r.Finish()
				out.Message = "not registered: " + found.Message
				return workspace.Decision{}, nil
			}
		}
		for _, suffix := range slices.Sorted(maps.Keys(tagged)) {
			tag, err := freeTag(ctx, w, a.Name, version.OCITag()+suffix, tagged[suffix])
			if err != nil {
				return workspace.Decision{}, err
			}
			if tag.Verdict != report.Pass {
				r.Findings = append(r.Findings, tag)
				r.Finish()
				out.Message = "not registered: " + tag.Message
				return workspace.Decision{}, nil
			}
		}
		out.Version = version
		return workspace.Decision{Message: fmt.Sprintf("register %s %s", a.Name, version), Events: []ledger.Event{{
			Kind: ledger.KindRegister, Artifact: a.Name, ArtifactKind: string(a.Kind), Version: version,
			ContentDigest: lock.ContentDigest, Digest: lock.Encoding.Digest, Commit: commit, Actor: actor,
			Evidence: ev, PolicyDigest: policy.Digest, Run: w.Run(), Reason: opts.Reason,
		}}}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", a.Name, err)
	}
	if len(done.Events) == 0 {
		return out, nil
	}
	out.wrote(done)
	out.Message = fmt.Sprintf("registered %s %s", a.Name, out.Version)
	for _, suffix := range slices.Sorted(maps.Keys(tagged)) {
		if err := tagOCI(ctx, w, a.Name, out.Version.OCITag()+suffix, tagged[suffix]); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (o *Outcome) unchanged(v *ledger.Version) *Outcome {
	o.Version, o.Report = v.Version, nil
	o.Message = fmt.Sprintf("nothing changed: this content is %s %s already", o.Artifact, v.Version)
	return o
}

func (o *Outcome) wrote(a *workspace.Appended) {
	o.Done, o.Tags = true, []string{}
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
	if after, err = newSuccessor(ctx, target); err != nil {
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

// encoding checks that the registry has what digest names and that it holds
// the content: the thing released is the thing that was tested.
func encoding(ctx context.Context, w *workspace.Workspace, name string, content, digest ref.Digest) (report.Finding, error) {
	f := finding(name, "promotion.content", "")
	repo, err := w.Repository(name)
	if err != nil {
		return f, err
	}
	remote, err := artifact.Read(ctx, repo, digest)
	if isNotFound(err) {
		f.Verdict, f.Message = report.Fail, fmt.Sprintf("%s does not have %s", repo, digest)
		f.Hint = "run \"waybill push " + name + "\" where its files are"
		return f, nil
	}
	if err != nil {
		return f, err
	}
	f.Message = "the registry holds exactly this content"
	if remote.ContentDigest != content {
		f.Verdict, f.Message = report.Fail, "the registry's manifest holds other content"
		f.Expected, f.Observed = string(content), string(remote.ContentDigest)
	}
	return f, nil
}

// findImage checks that the registry has the image of a model that wants one,
// and returns its digest. The image is made anew from what was checked, since
// anybody who may push can attach one that holds something else.
func findImage(ctx context.Context, w *workspace.Workspace, t check.Target) (ref.Digest, report.Finding, error) {
	f := finding(t.Artifact.Name, "promotion.image", "")
	repo, err := w.Repository(t.Artifact.Name)
	if err != nil {
		return "", f, err
	}
	enc, err := artifact.Encode(t.Artifact.Kind, t.Files)
	if err != nil {
		return "", f, err
	}
	image, err := artifact.BuildImage(ctx, enc, t.Files, artifact.Files(t.Dir), nil)
	if err != nil {
		return "", f, err
	}
	digest := ref.Digest(image.Desc.Digest)
	_, err = repo.Resolve(ctx, string(digest))
	if isNotFound(err) {
		f.Verdict, f.Message, f.Expected = report.Fail, fmt.Sprintf("%s does not have its image, which kubernetes: true asks for", repo), string(digest)
		f.Hint = "run \"waybill push " + t.Artifact.Name + "\" where its files are"
		return "", f, nil
	}
	f.Message = "the registry has the image of this content"
	return digest, f, err
}

// freeTag checks that the registry has no tag of the version yet, unless it is
// this content's. A tag that names something else was set by somebody who
// numbers versions in the same place, and moving it would change what they have.
func freeTag(ctx context.Context, w *workspace.Workspace, name, tag string, digest ref.Digest) (report.Finding, error) {
	f := finding(name, "promotion.tag", tag)
	repo, err := w.Repository(name)
	if err != nil {
		return f, err
	}
	desc, err := repo.Resolve(ctx, tag)
	if isNotFound(err) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	if string(desc.Digest) != string(digest) {
		f.Verdict, f.Expected, f.Observed = report.Fail, string(digest), string(desc.Digest)
		f.Message = fmt.Sprintf("the registry's tag %s names sha256:%s… already; is another repository using %s?", tag, f.Observed[7:19], repo)
		f.Hint = "use a registry of its own for each repository, or another version: waybill register " + name + " --version vX.Y.Z"
	}
	return f, nil
}

// attach stores the report beside the bytes and returns what the event says
// of it.
func attach(ctx context.Context, w *workspace.Workspace, a *manifest.Artifact, lock *manifest.Lock, r *report.Report) (*ledger.Evidence, error) {
	repo, err := w.Repository(a.Name)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	subject, err := repo.Resolve(ctx, string(lock.Encoding.Digest))
	if err != nil {
		return nil, err
	}
	ev := &ledger.Evidence{Report: ref.Of(data), Verdicts: map[string]string{}}
	if _, err := evidence.Attach(ctx, repo, subject, evidence.Item{
		Kind: evidence.Report, Name: "report.json", MediaType: "application/json", Digest: ev.Report, Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}); err != nil {
		return nil, err
	}
	for g, v := range r.ByGroup() {
		ev.Verdicts[g] = string(v)
	}
	for kind, e := range lock.Evidence {
		if ev.Others == nil {
			ev.Others = map[string]ref.Digest{}
		}
		ev.Others[kind] = e.Digest
	}
	return ev, nil
}

// tagOCI names what was registered after its version. The ledger has it by now:
// should this fail, "waybill doctor --fix" does it.
func tagOCI(ctx context.Context, w *workspace.Workspace, name, tag string, digest ref.Digest) error {
	repo, err := w.Repository(name)
	if err == nil {
		desc, errResolve := repo.Resolve(ctx, string(digest))
		if err = errResolve; err == nil {
			err = repo.Tag(ctx, desc, tag)
		}
	}
	if err != nil {
		return fmt.Errorf("%s is registered, but its OCI tag %s could not be set: %w; run \"waybill doctor --fix\"", name, tag, err)
	}
	return nil
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
