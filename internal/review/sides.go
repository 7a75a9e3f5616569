package review

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// sides is what stood at the base, and which paths differ from it.
type sides struct {
	changed   []string                      // sorted
	isChanged map[string]bool               // the same
	project   *manifest.Project             // of the base, nil when it has none
	now       *manifest.Project             // of the head
	artifacts []*manifest.Artifact          // of the base
	byName    map[string]*manifest.Artifact // the same
	problems  []report.Finding
	// unreadable: the base has a project whose policy is not known.
	unreadable bool
}

// readSides reads the manifests of the base that differ; all others are those of
// the head, which keeps a repository of many artifacts cheap.
func readSides(w *workspace.Workspace, base, head string) (*sides, error) {
	s := &sides{now: w.Project, isChanged: map[string]bool{}, byName: map[string]*manifest.Artifact{}}
	if base == "" {
		return s, nil
	}
	var err error
	if s.changed, err = w.Repo.Changed(base, head, nil); err != nil {
		return nil, err
	}
	for _, p := range s.changed {
		s.isChanged[p] = true
	}
	s.project = w.Project
	var parser *manifest.Parser
	if slices.ContainsFunc(s.changed, isDocument) {
		if parser, err = check.Parser(); err != nil {
			return nil, err
		}
	}
	if s.isChanged[manifest.ProjectFile] {
		if s.project, err = s.readProject(w, parser, base); err != nil {
			return nil, err
		}
	}
	for _, a := range w.Artifacts {
		if !s.isChanged[a.Path] {
			s.add(a)
		}
	}
	for _, p := range s.changed {
		if p == manifest.ProjectFile || !isDocument(p) {
			continue
		}
		data, err := w.Repo.ReadFile(base, p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		a, err := parser.Artifact(p, data)
		if err != nil {
			s.problem(p, err)
			continue
		}
		s.add(a)
	}
	return s, nil
}

func isDocument(p string) bool {
	b := path.Base(p)
	return p == manifest.ProjectFile || b == manifest.ModelFile || b == manifest.DatasetFile
}

func (s *sides) add(a *manifest.Artifact) {
	if s.byName[a.Name] == nil {
		s.byName[a.Name] = a
		s.artifacts = append(s.artifacts, a)
	}
}

// problem reports a document of the base that this release cannot read: which
// rules it had is then not known.
func (s *sides) problem(p string, err error) {
	f := finding("review.base", "", &report.Location{File: p})
	f.Subject, f.Severity, f.Verdict = p, report.Warning, report.Inconclusive
	f.Message = "what it said before cannot be read, so what changed in it is not known: " + err.Error()
	s.problems = append(s.problems, f)
}

// readProject returns nil when the base has no project yet. One that cannot be
// read is one that exists: it must not switch the blocking off.
func (s *sides) readProject(w *workspace.Workspace, parser *manifest.Parser, base string) (*manifest.Project, error) {
	data, err := w.Repo.ReadFile(base, manifest.ProjectFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := parser.Project(manifest.ProjectFile, data)
	if err != nil {
		s.problem(manifest.ProjectFile, err)
		s.unreadable = true
		return w.Project, nil
	}
	return p, nil
}

func (s *sides) projectChange() Change {
	switch {
	case s.project == nil:
		return Added
	case s.isChanged[manifest.ProjectFile]:
		return Changed
	}
	return ""
}

// subject is an artifact to tell of.
type subject struct {
	base, head *manifest.Artifact // nil where a side has none
	change     Change
	parts      []string
	because    []string
}

func (s subject) any() *manifest.Artifact {
	if s.head != nil {
		return s.head
	}
	return s.base
}

func (s subject) name() string { return s.any().Name }

// subjects are the artifacts that changed and the models that depend on them;
// datasets come first.
func (s *sides) subjects(w *workspace.Workspace, names []string) []subject {
	wanted := func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	var out []subject
	moved := map[string]bool{} // datasets whose content may have changed
	here := map[string]bool{}
	for _, a := range w.Artifacts {
		here[a.Name] = true
		base := s.byName[a.Name]
		sub := subject{base: base, head: a, change: Changed, parts: s.parts(a, base)}
		if base == nil {
			sub.change = Added
		} else if len(sub.parts) == 0 {
			continue
		}
		moved[a.Name] = a.Dataset != nil && (base == nil || slices.Contains(sub.parts, PartLock) || slices.Contains(sub.parts, PartFiles))
		if wanted(a.Name) {
			out = append(out, sub)
		}
	}
	for _, a := range s.artifacts {
		if here[a.Name] {
			continue
		}
		moved[a.Name] = a.Dataset != nil
		if wanted(a.Name) {
			out = append(out, subject{base: a, change: Removed, parts: []string{PartManifest}})
		}
	}
	for _, d := range s.dependents(w, out, moved) {
		if wanted(d.name()) || slices.ContainsFunc(d.because, wanted) {
			out = append(out, d)
		}
	}
	sorting.Stable(out, func(a, b subject) int {
		if (a.any().Dataset == nil) != (b.any().Dataset == nil) {
			if a.any().Dataset != nil {
				return -1
			}
			return 1
		}
		return 0
	})
	return out
}

// parts says what of an artifact differs.
func (s *sides) parts(a, base *manifest.Artifact) []string {
	var out []string
	add := func(part string, differs bool) {
		if differs && !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	add(PartManifest, s.isChanged[a.Path] || base != nil && base.Path != a.Path)
	add(PartLock, s.isChanged[a.LockPath()])
	for _, set := range a.Files {
		for _, p := range set.Patterns {
			add(PartFiles, s.matches(path.Join(a.Dir(), p.Glob)))
		}
	}
	if m := a.Model; m != nil {
		add(PartCard, m.Card != "" && s.isChanged[a.Resolve(m.Card)])
		for _, p := range m.Code {
			add(PartCode, s.matches(a.Resolve(p)))
		}
		if m.Evaluation != nil {
			add(PartPredictions, s.isChanged[a.Resolve(m.Evaluation.Predictions)])
		}
	}
	return out
}

// matches tells whether a changed path is meant by a glob.
func (s *sides) matches(glob string) bool {
	return slices.ContainsFunc(s.changed, func(p string) bool {
		ok, _ := doublestar.Match(glob, p)
		return ok
	})
}

// dependents are the models that did not change and are made from, or evaluated
// on, a dataset that did: as their manifest says, unless it names a version, or
// as the lineage in their lock says.
func (s *sides) dependents(w *workspace.Workspace, changed []subject, moved map[string]bool) []subject {
	if !slices.Contains(slices.Collect(maps.Values(moved)), true) {
		return nil
	}
	told := map[string]bool{}
	for _, c := range changed {
		told[c.name()] = true
	}
	var out []subject
	for _, a := range w.Artifacts {
		if a.Model == nil || told[a.Name] {
			continue
		}
		var because []string
		add := func(name string) {
			if moved[name] && !slices.Contains(because, name) {
				because = append(because, name)
			}
		}
		for _, d := range a.Model.Datasets {
			if isBare(d.Ref) {
				add(d.Ref.Name)
			}
		}
		if lock, err := w.Lock(a); err == nil && lock.Lineage != nil {
			for _, d := range lock.Lineage.Datasets {
				add(d.Name)
			}
		}
		if len(because) > 0 {
			slices.Sort(because)
			out = append(out, subject{base: a, head: a, change: Dependent, because: because})
		}
	}
	return out
}

// isBare tells whether a reference means the working tree, whichever split.
func isBare(r ref.Reference) bool { return r.Stage == "" && r.Version.IsZero() && r.Digest == "" }
