// Package manifest reads the files that people write, waybill.yaml, model.yaml
// and dataset.yaml, and reads and writes the locks that stand beside them.
//
// Make one Parser and use it for every file; it may be used by several
// goroutines at once:
//
//	p, err := manifest.NewParser(modelcheck.Schemas(), datacheck.Schemas())
//	a, err := p.Artifact("models/sentiment/model.yaml", data)
//
// What Parser returns can be relied on: names, references, globs and dates
// are valid, paths stay where they may be, stages that are named are declared.
// Only what needs two files (an artifact that names a stage of the project) is
// left; Project.Check looks at that.
//
// An error of Parser is of type Errors and holds everything that is wrong with
// the document, in the order in which it stands there.
package manifest

import (
	"encoding/json"
	"fmt"
	"path"
	"sync"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/schemas"
)

// Parser reads projects and artifacts. It is safe for concurrent use.
type Parser struct {
	project, model, dataset lazy
}

// lazy is a schema that is compiled when it is needed first: most runs need few
// of them. They are part of the program, so one that cannot be compiled is a
// mistake in it, and panics; TestSchemas and the tests of the catalogs compile
// all.
type lazy func() *schema

func newLazy(what string, compile func() (*schema, error)) lazy {
	return sync.OnceValue(func() *schema {
		s, err := compile()
		if err != nil {
			panic(fmt.Sprintf("schema of %s: %v", what, err))
		}
		return s
	})
}

// NewParser takes what the check catalogs contribute to the schemas. It fails
// only when a catalog is inconsistent: a check without ID, or two of one ID.
//
// Where a catalog is empty, entries of checks: may name any check with any
// parameters: for callers that never run them.
func NewParser(modelChecks, datasetChecks []schemas.Check) (*Parser, error) {
	for _, catalog := range [][]schemas.Check{modelChecks, datasetChecks} {
		seen := map[string]bool{}
		for _, c := range catalog {
			if c.ID == "" || seen[c.ID] {
				return nil, fmt.Errorf("catalog of checks: the name %q is empty or given twice", c.ID)
			}
			seen[c.ID] = true
		}
	}
	return &Parser{
		project: newLazy(ProjectFile, func() (*schema, error) { return compile(schemas.Project()) }),
		model: newLazy(ModelFile, func() (*schema, error) {
			return compileArtifact(schemas.Model, schemas.ModelCheck, modelChecks)
		}),
		dataset: newLazy(DatasetFile, func() (*schema, error) {
			return compileArtifact(schemas.Dataset, schemas.DatasetCheck, datasetChecks)
		}),
	}, nil
}

// compileArtifact compiles the schema of an artifact and, apart from it and
// each for itself, that of each check. The entries of checks: are held to the
// schema of the check they name, which costs the same however many checks there
// are.
func compileArtifact(base func([]schemas.Check) ([]byte, error), entry func(schemas.Check) map[string]any, checks []schemas.Check) (*schema, error) {
	data, err := base(nil)
	if err != nil {
		return nil, err
	}
	s, err := compile(data)
	if err != nil {
		return nil, err
	}
	for _, c := range checks {
		s.addCheck(c.ID, newLazy("check "+c.ID, func() (*schema, error) {
			data, err := json.Marshal(entry(c))
			if err != nil {
				return nil, err
			}
			return compile(data)
		}))
	}
	return s, nil
}

// Project reads waybill.yaml. file is for positions: slash-separated and
// relative to the repository's root.
func (p *Parser) Project(file string, data []byte) (*Project, error) {
	d := read(file, data)
	if d.root == nil {
		return nil, d.err()
	}
	if !d.checkHead(KindProject) {
		return nil, d.err()
	}
	d.validate(p.project())
	project := d.project()
	if err := d.err(); err != nil {
		return nil, err
	}
	project.Digest = ref.Of(data)
	return project, nil
}

// Artifact reads a model or a dataset, as its kind says. file is its path,
// slash-separated and relative to the repository's root; when it is called
// model.yaml or dataset.yaml, the kind must agree.
func (p *Parser) Artifact(file string, data []byte) (*Artifact, error) {
	d := read(file, data)
	if d.root == nil {
		return nil, d.err()
	}
	want := map[string]Kind{ModelFile: KindModel, DatasetFile: KindDataset}[path.Base(file)]
	if !d.checkHead(want) {
		return nil, d.err()
	}
	kind := want
	if kind == "" {
		kind = Kind(text(d.get(d.root, "kind")))
	}
	if kind == KindModel {
		d.validate(p.model())
	} else {
		d.validate(p.dataset())
	}
	a := d.artifact(kind)
	if err := d.err(); err != nil {
		return nil, err
	}
	a.Digest = ref.Of(data)
	return a, nil
}

// checkHead looks at apiVersion and kind, without which nothing else in the
// document can be judged, and tells whether to go on. want is "" when any
// artifact will do.
func (d *document) checkHead(want Kind) bool {
	version := d.get(d.root, "apiVersion")
	if got := text(version); got != "" && got != APIVersion {
		d.report(version, "", "apiVersion: expected %q, got %q: written for another release of waybill", APIVersion, clip(got))
		return false
	}
	kind := d.get(d.root, "kind")
	got := Kind(text(kind))
	switch {
	case kind == nil && want == "":
		d.missing(d.root, nil, "kind")
	case kind == nil, got == want:
		return true // the schema asks for it, with everything else that is missing
	case want == "" && (got == KindModel || got == KindDataset):
		return true
	case got == KindProject && want != KindProject:
		d.report(kind, "", "kind: a Project stands in %s at the repository's root, not here", ProjectFile)
	case want == "":
		d.report(kind, d.didYouMean(string(got), []string{string(KindModel), string(KindDataset)}), "kind: expected Model or Dataset, got %s", show(kind))
	default:
		d.report(kind, "", "kind: expected %s in a file called %s, got %s", want, path.Base(d.file), show(kind))
	}
	return false
}
