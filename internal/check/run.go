package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/evalcheck"
	"github.com/waybill-dev/waybill/internal/imagecheck"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Run checks targets and returns one report. An error means that the outcome
// is unknown.
func Run(ctx context.Context, w *workspace.Workspace, targets ...Target) (*report.Report, error) {
	var findings []report.Finding
	var sections []report.Section
	for _, t := range targets {
		f, s, err := one(ctx, w, t)
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", t.Artifact.Name, err)
		}
		findings, sections = append(findings, f...), append(sections, s...)
	}
	return report.New(findings, sections...), nil
}

func one(ctx context.Context, w *workspace.Workspace, t Target) ([]report.Finding, []report.Section, error) {
	if t.Artifact.Dataset != nil {
		return data(ctx, w, t)
	}
	of := *t.Artifact // what is not about its evaluation
	_, of.Checks = evalcheck.Divide(t.Artifact)
	findings, err := modelcheck.Run(ctx, &of, t.Dir, t.Files, surroundings(w, t))
	if err != nil {
		return nil, nil, err
	}
	findings = append(findings, lineage(w, t)...)
	more, sections, err := evaluateModel(ctx, w, t)
	return append(findings, more...), sections, err
}

// data runs the checks of images, and those of rows on what is left: the
// tables. A dataset without tables (images, text) and without checks on columns
// has nothing for them to read.
func data(ctx context.Context, w *workspace.Workspace, t Target) ([]report.Finding, []report.Section, error) {
	a := t.Artifact
	images, rest, read := imagecheck.Divide(a, t.Files)
	if len(images) > 0 {
		findings, err := imagecheck.Run(ctx, a, t.Dir, t.Files, imagecheck.Options{Samples: w.Project.Samples})
		if err != nil || len(read) == 0 && len(rest) == 0 && len(a.Dataset.Columns) == 0 {
			return findings, nil, err
		}
		of := *a // the rest
		of.Checks, t.Artifact, t.Files = rest, &of, read
		more, sections, err := data(ctx, w, t)
		return append(findings, more...), sections, err
	}
	tables := slices.ContainsFunc(t.Files, func(f manifest.File) bool { return table.Format(f.Path) != "" })
	if !tables && len(a.Checks) == 0 && len(a.Dataset.Columns) == 0 {
		return []report.Finding{{Check: "files.present", Group: report.GroupData, Verdict: report.Pass, Artifact: a.Name, Location: a.Pos.Location(),
			Message: fmt.Sprintf("%d files are there; none is a table, so there are no rows to check", len(t.Files))}}, nil, nil
	}
	b := &baselines{w: w, t: t, scratch: &scratch{}}
	findings, sections, err := datacheck.Run(ctx, a, t.tables(), datacheck.Options{Samples: w.Project.Samples, Now: w.Now, Baselines: b, ReadFile: t.named(w)})
	return findings, sections, errors.Join(err, b.scratch.remove())
}

// maxNamed is how large a file may be that a check names.
const maxNamed = 4 << 20

// named reads files of the repository that checks name, such as contracts: of
// the commit that a version was registered with, or of the working tree.
func (t Target) named(w *workspace.Workspace) func(string) ([]byte, error) {
	if t.Commit == "" {
		return named(w.Root())
	}
	return func(name string) ([]byte, error) {
		data, err := w.Repo.ReadFile(t.Commit, name)
		if err == nil && len(data) > maxNamed {
			err = fmt.Errorf("it has %d bytes, at most %d are read", len(data), maxNamed)
		}
		return data, err
	}
}

// named reads files of the working tree at dir. Symbolic links do not lead out
// of it.
func named(dir string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		info, err := root.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, errors.New("there is no such file in the working tree")
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, errors.New("it is no regular file")
		case info.Size() > maxNamed:
			return nil, fmt.Errorf("it has %d bytes, at most %d are read", info.Size(), maxNamed)
		}
		f, err := root.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, maxNamed))
	}
}

// lineage says whether datasets have moved on since the model was made.
func lineage(w *workspace.Workspace, t Target) []report.Finding {
	if t.Lock == nil || t.Lock.Lineage == nil {
		return nil
	}
	a := t.Artifact
	f := report.Finding{Check: "lineage.stale", Group: report.GroupLineage, Severity: report.Warning, Artifact: a.Name, Location: a.Pos.Location()}
	var out []report.Finding
	for role, was := range t.Lock.Lineage.Datasets {
		d, err := w.Artifact(was.Name)
		if err != nil {
			continue
		}
		now, err := w.Lock(d)
		if err != nil || now.ContentDigest == was.ContentDigest {
			continue
		}
		g := f
		g.Subject, g.Verdict = role, report.Fail
		g.Message = fmt.Sprintf("%s has changed since this model was made from it (%s)", was.Name, role)
		g.Expected, g.Observed = was.ContentDigest.Short(), now.ContentDigest.Short()
		g.Hint = "train again, or, if it was trained on the new data, run \"waybill lock " + a.Name + " --trained-on " + was.Name + "\""
		out = append(out, g)
	}
	return out
}
