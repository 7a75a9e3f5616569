// Package imagecheck is the catalog of checks on the images of a dataset:
//
//	findings, err := imagecheck.Run(ctx, artifact, dir, files, imagecheck.Options{})
//
// An image is a file whose extension says so. A check is one value in the
// catalog: a Rule, which is bound to an entry of checks: and so becomes a
// plan. The plan says how deep images must be looked into (not at all, their
// header, all of them); Run looks into each image once, as deep as the deepest
// plan wants, and hands every plan its images to judge. To add a check, add a
// file with its Rule and a line to catalog.
//
// What is wrong with an image is a finding. What is wrong with the manifest is
// an error of type manifest.Errors; any other error means that the outcome is
// unknown.
package imagecheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/schemas"
)

// catalog is in the order of the documentation.
var catalog = []Rule{
	imageDecodable,
	imageFormat,
	imageSize,
	imageAspect,
	imageDuplicates,
	imageNearDuplicates,
	imageClasses,
	imageLabels,
}

const (
	prefix = "image."
	docs   = "https://waybill.dev/checks#"
)

// Rule is one check.
type Rule struct {
	ID     string         // as manifests write it
	Doc    string         // one sentence
	Params map[string]any // draft-07 properties of its parameters

	// bind makes a plan of an entry. What the entry has wrong is noted in
	// params and becomes an error with its position.
	bind func(p *params) plan
}

// plan is what a check needs, and how it judges.
type plan struct {
	depth     depth
	maxPixels int64 // 0: maxPixels
	// judge gets the images of the entry's splits in the order of their paths.
	// Of its findings, Run fills in what all findings of a check share.
	judge func(ctx context.Context, d *dataset) ([]report.Finding, error)
}

// dataset is what a plan judges.
type dataset struct {
	artifact *manifest.Artifact
	samples  manifest.Samples
	dir      string
	spec     manifest.CheckSpec
	images   []*picture
	files    []manifest.File // all of the dataset
}

// name is how a file is called in what people read: relative to the root of
// the repository.
func (d *dataset) name(file string) string { return path.Join(d.artifact.Dir(), file) }

// Catalog returns all checks that manifests can ask for.
func Catalog() []Rule { return slices.Clone(catalog) }

// Schemas returns what the catalog contributes to the schema of dataset.yaml.
func Schemas() []schemas.Check {
	out := make([]schemas.Check, len(catalog))
	for i, r := range catalog {
		out[i] = schemas.Check{ID: r.ID, Doc: r.Doc, Params: r.Params}
	}
	return out
}

// Divide says which entries of checks: are about images, and what is left for
// the checks of rows. With such entries, images and their label files are not
// taken for tables.
func Divide(a *manifest.Artifact, files []manifest.File) (images []manifest.CheckSpec, rest []manifest.CheckSpec, tables []manifest.File) {
	sidecar := ""
	for _, s := range a.Checks {
		if !strings.HasPrefix(s.Check, prefix) {
			rest = append(rest, s)
			continue
		}
		images = append(images, s)
		if s.Check == imageLabels.ID {
			sidecar, _ = s.Params["labels"].(string)
		}
	}
	if len(images) == 0 {
		return nil, rest, files
	}
	for _, f := range files {
		if table.Format(f.Path) != "" && (sidecar == "" || extension(f.Path) != sidecar) {
			tables = append(tables, f)
		}
	}
	return images, rest, tables
}

// Options of a run. The zero value shows no values of tables.
type Options struct {
	Samples manifest.Samples
}

// Run runs the checks of a that are about images; dir is where files stand.
// The findings do not depend on the number of processors.
func Run(ctx context.Context, a *manifest.Artifact, dir string, files []manifest.File, opts Options) ([]report.Finding, error) {
	specs, _, _ := Divide(a, nil)
	files = slices.Clone(files)
	sorting.By(files, func(x, y manifest.File) int { return cmp.Compare(x.Path, y.Path) })
	splits := splitsOf(files)
	var pictures []*picture
	for _, f := range files {
		if IsImage(f.Path) {
			pictures = append(pictures, &picture{File: f, name: path.Join(a.Dir(), f.Path)})
		}
	}
	var plans []plan
	var mistakes manifest.Errors
	limit := int64(0)
	for _, spec := range specs {
		p, err := bind(spec, splits)
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		plans = append(plans, p)
		limit = max(limit, cmp.Or(p.maxPixels, maxPixels))
		for _, im := range pictures {
			if chosen(spec.Splits, im.Split) {
				im.depth = max(im.depth, p.depth)
			}
		}
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", a.Name, err)
	}
	defer root.Close()
	if err := lookInto(ctx, root, pictures, limit); err != nil {
		return nil, fmt.Errorf("check %s: %w", a.Name, err)
	}
	var out []report.Finding
	seen := map[[2]string]int{}
	for i, p := range plans {
		d := &dataset{artifact: a, samples: opts.Samples, dir: dir, spec: specs[i], files: files}
		for _, im := range pictures {
			if chosen(specs[i].Splits, im.Split) {
				d.images = append(d.images, im)
			}
		}
		found, err := p.judge(ctx, d)
		if errors.As(err, &mistakes) {
			return nil, mistakes
		}
		if err != nil {
			return nil, fmt.Errorf("check %s: %s: %w", a.Name, specs[i].Check, err)
		}
		for _, f := range found {
			f = complete(f, a, specs[i])
			// Two entries may ask the same; their findings must have different
			// IDs all the same.
			key := [2]string{f.Check, f.Subject}
			if seen[key]++; seen[key] > 1 {
				f.Subject = strings.TrimSpace(fmt.Sprintf("%s (%d)", f.Subject, seen[key]))
			}
			out = append(out, f)
		}
	}
	return out, nil
}

func splitsOf(files []manifest.File) []string {
	var out []string
	for _, f := range files {
		if !slices.Contains(out, f.Split) {
			out = append(out, f.Split)
		}
	}
	return out
}

func chosen(splits []string, split string) bool {
	return len(splits) == 0 || slices.Contains(splits, split)
}

// bind makes a plan of an entry, or says what is wrong with it.
func bind(spec manifest.CheckSpec, splits []string) (plan, *manifest.Error) {
	p := &params{spec: spec}
	i := slices.IndexFunc(catalog, func(r Rule) bool { return r.ID == spec.Check })
	if i < 0 {
		ids := make([]string, len(catalog))
		for i, r := range catalog {
			ids[i] = r.ID
		}
		hint := ""
		if near := ref.Nearest(spec.Check, ids); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return plan{}, &manifest.Error{Pos: spec.Pos, Message: fmt.Sprintf("there is no check %q", spec.Check), Hint: hint}
	}
	for _, s := range spec.Splits {
		if !slices.Contains(splits, s) {
			p.mistake(fmt.Sprintf("there is no split %q", s), "the splits are "+strings.Join(splits, ", "))
		}
	}
	p.refuse("where", spec.Where != "")
	p.refuse("groupBy", len(spec.GroupBy) > 0)
	p.refuse("column", len(spec.Columns) > 0)
	out := catalog[i].bind(p)
	return out, p.err
}

// complete fills in what all findings of a check share.
func complete(f report.Finding, a *manifest.Artifact, spec manifest.CheckSpec) report.Finding {
	f.Check, f.Rule, f.Group, f.Artifact, f.Doc = spec.Check, spec.Check, report.GroupData, a.Name, docs+spec.Check
	f.Severity = cmp.Or(spec.Severity, report.Error)
	f.Location = spec.Pos.Location()
	if len(spec.Splits) > 0 {
		f.Subject = strings.TrimSpace(f.Subject + " in " + strings.Join(spec.Splits, ", "))
		f.Message = strings.Join(spec.Splits, ", ") + ": " + f.Message
	}
	return f
}

// asDataError returns what is wrong with the contents of a table, or else the
// error.
func asDataError(err error) (*table.DataError, error) {
	data := new(table.DataError)
	if errors.As(err, &data) {
		return data, nil
	}
	return nil, err
}
