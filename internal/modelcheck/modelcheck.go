// Package modelcheck is the catalog of checks on the files of a model.
//
// [Run] runs the checks that a manifest asks for under checks:, and those that
// always run, and returns findings for a report. [Catalog] documents them,
// [Schemas] contributes their parameters to the schema of model.yaml.
//
// A check is one file of this package and one line in the catalog.
package modelcheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/schemas"
)

// Rule is one check.
type Rule struct {
	ID    string // as manifests write it
	Doc   string // one sentence: what it holds a model to
	Group string // see report.Group…
	// Params are the draft-07 properties of its parameters; Required are
	// those without a default.
	Params   map[string]any
	Required []string
	// Always says that the check runs on every model, asked for or not;
	// Unasked is its severity then, error if it is not set.
	Always  bool
	Unasked report.Severity

	// run judges the model. spec has nothing but Check where a check runs
	// without being asked for. An error is about the manifest, a file that
	// cannot be read, or the context; what is wrong with a file is a finding.
	run func(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error)
}

// catalog is in the order in which findings are made.
var catalog = []Rule{
	filesReadable,
	filesSize,
	filesParameters,
	filesFormats,
	filesDtypes,
	filesFinite,
	filesDuplicates,
	filesSecrets,
	cardValid,
	cardLicense,
	cardBaseModel,
	cardDatasets,
	cardMetrics,
	cardSections,
	cardVersion,
	cardContact,
	cardSecrets,
	cardParameters,
	licenseKnown,
	licenseAllowed,
	licenseConsistent,
	licenseInherited,
	licenseChanged,
	interfaceDeclared,
	interfaceCompatible,
	securityScan,
}

// docs is where the checks are documented, each under its ID.
const docs = "https://waybill.dev/model-checks#"

// Catalog returns all checks in the order in which they run.
func Catalog() []Rule { return slices.Clone(catalog) }

// Schemas returns what the checks contribute to the schema of model.yaml.
func Schemas() []schemas.Check {
	out := make([]schemas.Check, len(catalog))
	for i, r := range catalog {
		out[i] = schemas.Check{ID: r.ID, Doc: r.Doc, Params: r.Params, Required: r.Required}
	}
	return out
}

// Options are what checks look at besides the model's files. What is not there
// makes the checks that need it INCONCLUSIVE.
type Options struct {
	// Lock says what was measured, and what the model was made from.
	Lock *manifest.Lock
	// ReadFile reads a file of the repository, such as the card, by its path
	// from the root. Its error says why there is none.
	ReadFile func(name string) ([]byte, error)
	// License returns what another artifact of the repository declares as its
	// licence, "" for nothing; ok is false for an unknown artifact.
	License func(name string) (license string, ok bool)
	// Registered returns what the ledger says about this model.
	Registered func(context.Context) (Registered, error)
	// Previous returns another version of this model: the one that a reference
	// names, or for "" the newest that is registered. It is nil when there is
	// none.
	Previous func(ctx context.Context, reference string) (*Previous, error)
	// Now says until when waivers hold. Without it none does.
	Now func() time.Time
	// Baseline is Previous for what callers rely on.
	Baseline func(ctx context.Context, reference string) (*Baseline, error)
}

// Registered is what the ledger says about a model: under which version these
// files are registered, and the newest version of all. Either may be zero.
type Registered struct{ This, Newest ref.Version }

// Previous is an earlier version of a model.
type Previous struct {
	Name    string // for people: "sentiment@v1.2.0"
	License string // as its manifest declares it
	Problem string // why its manifest cannot be read, "" if it can
}

// Run checks the model a, whose files stand in dir under the paths that files
// gives them (dir is the manifest's folder on disk, or wherever a version was
// pulled to). It returns an error when a parameter makes no sense, with its
// position in the manifest, when a file cannot be read, or when ctx ends:
// then nothing is known, and the findings so far are not to be used.
func Run(ctx context.Context, a *manifest.Artifact, dir string, files []manifest.File, opts Options) ([]report.Finding, error) {
	// Symbolic links in dir are followed as far as they stay in it.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", a.Name, err)
	}
	defer root.Close()
	m := &model{artifact: a, root: root, files: files, opts: opts, facts: map[string]inspected{}}
	var findings []report.Finding
	one := func(r Rule, spec manifest.CheckSpec) error {
		found, err := r.run(ctx, m, spec)
		if err != nil {
			return fmt.Errorf("check %s: %s: %w", a.Name, r.ID, err)
		}
		for i := range found {
			f := &found[i]
			f.Check, f.Group, f.Artifact = r.ID, r.Group, a.Name
			if f.Severity == "" {
				f.Severity = spec.Severity
			}
			if f.Location == nil {
				f.Location = m.location(spec)
			}
			if f.Doc == "" {
				f.Doc = docs + r.ID
			}
		}
		findings = append(findings, found...)
		return nil
	}
	for _, r := range catalog {
		asked := false
		for _, spec := range a.Checks {
			if spec.Check == r.ID {
				asked = true
				if err := one(r, spec); err != nil {
					return nil, err
				}
			}
		}
		if r.Always && !asked {
			if err := one(r, manifest.CheckSpec{Check: r.ID, Severity: r.Unasked}); err != nil {
				return nil, err
			}
		}
	}
	for _, spec := range a.Checks {
		if !slices.ContainsFunc(catalog, func(r Rule) bool { return r.ID == spec.Check }) {
			return nil, fmt.Errorf("check %s: %s: unknown check %q", a.Name, spec.Pos, spec.Check)
		}
	}
	return onceReadable(findings), nil
}

// onceReadable leaves out what the security scan says of a file that
// files.readable refuses, where it is the same: that the file breaks its
// format, or that it cannot be read. Nothing passes by it: the error about the
// file stays, and the scan, having found something, says of nothing that it
// is safe.
func onceReadable(findings []report.Finding) []report.Finding {
	refused := map[string]string{} // the rule by path
	for _, f := range findings {
		if f.Check == filesReadable.ID && f.Verdict == report.Fail && (f.Severity == "" || f.Severity == report.Error) {
			name, _ := f.Details["path"].(string)
			refused[name] = f.Rule
		}
	}
	return slices.DeleteFunc(findings, func(f report.Finding) bool {
		name, _ := f.Details["path"].(string)
		rule, both := refused[name]
		return f.Check == securityScan.ID && both && (f.Verdict == report.Fail && f.Rule == rule || f.Verdict == report.Inconclusive)
	})
}

// model is what checks look at.
type model struct {
	artifact *manifest.Artifact
	root     *os.Root
	files    []manifest.File
	opts     Options
	card     *readCard            // once it was asked for
	facts    map[string]inspected // by path, filled by inspect
}

type inspected struct {
	facts *modelfile.Facts
	bad   *modelfile.FormatError
}

// inspect reads the facts of a file once, however many checks ask. Exactly
// one of facts and bad is set unless there is an error, which is then of the
// system.
func (m *model) inspect(ctx context.Context, f manifest.File) (inspected, error) {
	if got, ok := m.facts[f.Path]; ok {
		return got, nil
	}
	file, size, err := m.open(f)
	if err != nil {
		return inspected{}, err
	}
	defer file.Close()
	var got inspected
	got.facts, err = modelfile.InspectReader(ctx, file, size, f.Path)
	if err != nil {
		if got.bad, err = asFormatError(err); err != nil {
			return inspected{}, err
		}
	}
	m.facts[f.Path] = got
	return got, nil
}

// open opens a file of the model.
func (m *model) open(f manifest.File) (*os.File, int64, error) {
	file, err := m.root.Open(filepath.FromSlash(f.Path))
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", f.Path)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// location is where the check was asked for, or else the manifest.
func (m *model) location(spec manifest.CheckSpec) *report.Location {
	if spec.Pos != (manifest.Pos{}) {
		return spec.Pos.Location()
	}
	if m.artifact.Pos != (manifest.Pos{}) {
		return m.artifact.Pos.Location()
	}
	return &report.Location{File: m.artifact.Path}
}

// locationOf is where files: names the file at p.
func (m *model) locationOf(spec manifest.CheckSpec, p string) *report.Location {
	full := m.artifact.Resolve(p)
	for _, set := range m.artifact.Files {
		for _, pattern := range set.Patterns {
			glob := m.artifact.Resolve(pattern.Glob)
			if ok, err := doublestar.Match(glob, full); glob == full || ok && err == nil {
				return pattern.Pos.Location()
			}
		}
	}
	return m.location(spec)
}
