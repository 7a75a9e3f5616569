package delivery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/waybill-dev/waybill/internal/deploy"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// delivery is one artifact in one stage, against one commit of the default
// branch.
type delivery struct {
	w              *workspace.Workspace
	l              *workspace.Ledger
	opts           Options
	name, stage    string
	environment    string
	commit, branch string             // the default branch
	manifest       *manifest.Artifact // as that commit has it, nil where it does not
	version        *ledger.Version
	tenure         *ledger.Tenure // nil in a preview
	via            map[string]string
	result         *Result
}

// branch is the default branch as it is now.
type branch struct {
	policy       *manifest.Project
	commit, name string
}

func readBranch(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger) (b branch, err error) {
	if b.policy, b.commit, err = w.Policy(ctx, l); err == nil {
		_, b.name, err = l.Remote.DefaultCommit(ctx)
	}
	return b, err
}

// manifest is nil where the branch has none of that name: nothing says any more
// where to deploy to.
func (b branch) manifest(w *workspace.Workspace, name string) (*manifest.Artifact, error) {
	a, err := w.ArtifactAt(b.commit, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return a, err
}

func newDelivery(w *workspace.Workspace, l *workspace.Ledger, b branch, m *manifest.Artifact, name, stage string, opts Options) *delivery {
	d := &delivery{w: w, l: l, opts: opts, name: name, stage: stage, environment: stage, commit: b.commit, branch: b.name, manifest: m,
		via: map[string]string{}, result: &Result{Artifact: name, Stage: stage, Files: []File{}}}
	if s, ok := b.policy.Stage(stage); ok && s.Environment != "" {
		d.environment = s.Environment
	}
	d.result.Environment = d.environment
	return d
}

// assigned takes what to deliver from what the ledger says.
func (d *delivery) assigned(t *ledger.Tenure) {
	d.tenure = t
	d.version = d.l.State.Artifacts[d.name].Version(t.Version)
	d.result.Version, d.result.Digest, d.result.Event = t.Version, t.Digest, t.Event
}

// targets are where to write the digest, by file, from the repository's root.
func (d *delivery) targets() (files []string, by map[string][]manifest.DeployTarget) {
	by = map[string][]manifest.DeployTarget{}
	if d.manifest == nil || d.manifest.Model == nil {
		return nil, by
	}
	for _, t := range d.manifest.Model.Deploy[d.stage] {
		file := path.Join(d.manifest.Dir(), t.File)
		if rest, ok := strings.CutPrefix(t.File, "/"); ok {
			file = path.Clean(rest)
		}
		if by[file] == nil {
			files = append(files, file)
		}
		by[file] = append(by[file], t)
	}
	return files, by
}

// look reads the files and says what would change in them.
func (d *delivery) look() error {
	files, by := d.targets()
	for _, file := range files {
		d.via[file] = by[file][0].Via
		f := File{Path: file}
		problem, err := d.edit(&f, by[file])
		if err != nil {
			return err
		}
		switch {
		case problem != nil:
			f.State = Refused
			d.result.Findings = append(d.result.Findings, *problem)
		case len(f.Changes) == 0:
			f.State = Current
		default:
			f.State = Planned
		}
		d.result.Files = append(d.result.Files, f)
	}
	return nil
}

// edit fills in what f is and would be. A problem is about the file or what
// model.yaml says of it, an error about getting at it.
func (d *delivery) edit(f *File, targets []manifest.DeployTarget) (*report.Finding, error) {
	declared := &report.Location{File: d.manifest.Path, Line: targets[0].Pos.Line}
	data, err := d.w.Repo.ReadFile(d.commit, f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return d.problem(declared, "the branch %s has no file %s", d.branch, f.Path).
			hint("add it there, or change deploy: of " + d.manifest.Path), nil
	}
	if err != nil {
		return nil, err
	}
	f.Before, f.After = data, data
	places, err := deploy.Find(f.Path, data, targets, d.name, d.stage)
	if err != nil {
		return d.unwritable(f, declared, err), nil
	}
	for _, p := range places {
		if what := d.unknown(p); what != "" {
			nothing := "sha256: and 64 zeros"
			if p.Digest == "" {
				nothing = `""`
			}
			return d.problem(&report.Location{File: f.Path, Line: p.Line}, "%s names %s, which the ledger does not know: it was edited by hand", report.Visible(p.Path), what).
				hint(fmt.Sprintf("put a version of %s that is registered there, or %s for none, on the branch %s; then run this again", d.name, nothing, d.branch)), nil
		}
	}
	if problem := d.swaps(f, places); problem != nil {
		return problem, nil
	}
	repository, err := d.w.Repository(d.name)
	if err != nil {
		return nil, err
	}
	after, changes, err := deploy.Edit(f.Path, data, targets, deploy.Value{
		Artifact: d.name, Stage: d.stage, Repository: fmt.Sprint(repository), Digest: d.version.Digest, Image: d.version.Image(), Version: d.version.Version,
	})
	if err != nil {
		return d.unwritable(f, declared, err), nil
	}
	f.After, f.Changes = after, changes
	for _, p := range deploy.Check(f.Path, after) {
		w := d.problem(&report.Location{File: f.Path, Line: p.Line}, "KServe would refuse %s: %s", f.Path, report.Visible(p.Message))
		w.Severity, w.Subject = report.Warning, fmt.Sprintf("%s %s line %d", d.stage, f.Path, p.Line)
		d.result.Findings = append(d.result.Findings, *w.Finding)
	}
	return nil, nil
}

// swaps is the finding about a place that names an image and would get the plain
// artifact, since nothing says otherwise: a cluster that mounts the one may not
// mount the other.
func (d *delivery) swaps(f *File, places []deploy.Place) *report.Finding {
	for _, p := range places {
		if p.Part != deploy.PartRef && p.Part != deploy.PartDigest || p.Digest == "" {
			continue
		}
		if v := knownBy(d.l.State.Artifacts[d.name], p.Digest); v != nil && v.Image() == p.Digest {
			word := map[string]string{deploy.PartRef: deploy.PartImage, deploy.PartDigest: deploy.PartImageDigest}[p.Part]
			return d.problem(&report.Location{File: f.Path, Line: p.Line}, "%s names the container image of %s, and the artifact itself would be written there", report.Visible(p.Path), v.Version).
				hint(fmt.Sprintf("say which is meant: value with {%s} in deploy: of %s (or %s in the marker) for the image; or put %s there once for the artifact", word, d.manifest.Path, word, v.Digest))
		}
	}
	return nil
}

// unwritable is at the line of the file that is the reason, or else where the
// file is declared.
func (d *delivery) unwritable(f *File, declared *report.Location, err error) *report.Finding {
	why := err.Error()
	var e *deploy.Error
	if errors.As(err, &e) && e.Line > 0 {
		declared, why = &report.Location{File: f.Path, Line: e.Line}, e.Message
	}
	return d.problem(declared, "%s cannot be written: %s", f.Path, report.Visible(why)).Finding
}

// none is a digest that stands for nothing: how a file begins, before the first
// promotion.
var none = ref.Digest("sha256:" + strings.Repeat("0", 64))

// unknown is what a place names that no version of the artifact has, "" for what
// the ledger knows.
func (d *delivery) unknown(p deploy.Place) string {
	a := d.l.State.Artifacts[d.name]
	if p.Digest != "" && p.Digest != none && knownBy(a, p.Digest) == nil {
		return "sha256:" + p.Digest.Short() + "…"
	}
	if !p.Version.IsZero() && a.Version(p.Version) == nil {
		return "version " + p.Version.String()
	}
	return ""
}

// knownBy is the version that has a digest: of its encoding, content or image.
func knownBy(a *ledger.Artifact, digest ref.Digest) *ledger.Version {
	for i := range a.Versions {
		if v := &a.Versions[i]; v.Digest == digest || v.ContentDigest == digest || v.Image() == digest {
			return v
		}
	}
	return nil
}

// judge says whether the files name what is assigned.
func (d *delivery) judge() {
	d.result.Effective = true
	for _, f := range d.result.Files {
		d.result.Effective = d.result.Effective && (f.State == Current || f.State == Committed)
	}
}

// finding is a FAIL about the deployment files.
type finding struct{ *report.Finding }

func (d *delivery) problem(at *report.Location, format string, args ...any) finding {
	return finding{&report.Finding{
		Check: "promotion.deployed", Rule: "promotion.deployed", Group: report.GroupPromotion, Severity: report.Error, Verdict: report.Fail,
		Artifact: d.name, Subject: d.stage + " " + at.File, Location: at, Message: fmt.Sprintf(format, args...),
	}}
}

func (f finding) hint(s string) *report.Finding {
	f.Hint = s
	return f.Finding
}
