// Package changes tells what differs between two states of an artifact: the
// working tree, the lock of a commit, a registered version.
//
//	from, err := changes.At(ctx, w, "reviews", "origin/main")
//	to, err := changes.Working(ctx, w, "reviews")
//	d, err := changes.Compare(ctx, w, from, to, changes.Options{})
//	sections := d.Sections()
//
// Only files that differ are read, or fetched from the registry.
package changes

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/internal/datadiff"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modeldiff"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Diff is what differs. Its JSON form is that of "waybill diff".
type Diff struct {
	datadiff.Diff
	Model   *modeldiff.Model `json:"model,omitempty"`  // models
	Metrics []Metric         `json:"metrics,omitzero"` // models; as the locks have them
	// Fetched is how many bytes of a model came from the registry.
	Fetched int64 `json:"-"`
}

// Metric is a metric that differs; nil is one that a side does not have.
type Metric struct {
	Name string                   `json:"name"`
	Pair modeldiff.Pair[*float64] `json:"value"`
}

// Options say how to compare.
type Options struct {
	// Key is the columns that together identify a row of a dataset; nil: those
	// that the manifest says are unique.
	Key []string
	// Warn hears of locks that cannot be read; it may be nil.
	Warn func(string)
}

// Compare compares two sides of one artifact. That data could not be read is
// told by Diff.Data.Problem.
func Compare(ctx context.Context, w *workspace.Workspace, from, to Side, o Options) (*Diff, error) {
	if from.Artifact.Kind != to.Artifact.Kind {
		return nil, workspace.Usage("it was a %s and is a %s", from.Artifact.Kind, to.Artifact.Kind)
	}
	d := &Diff{Diff: datadiff.Diff{APIVersion: report.APIVersion, Artifact: to.Artifact.Name, From: from.State, To: to.State,
		Files: datadiff.CompareFiles(from.Files, to.Files), Lineage: []string{}}}
	var err error
	if to.Artifact.Dataset != nil {
		d.Lineage = Dependents(w, d.Artifact, o.Warn)
		d.Data, err = compareData(ctx, w, from, to, o.Key)
		return d, err
	}
	d.Metrics = compareMetrics(from.Metrics, to.Metrics)
	d.Model, d.Fetched, err = compareModel(ctx, w, from, to)
	return d, err
}

// Dependents names the models that are made from a dataset.
func Dependents(w *workspace.Workspace, dataset string, warn func(string)) []string {
	return datadiff.Dependents(dataset, w.Artifacts, func(m *manifest.Artifact) *manifest.Lock {
		lock, err := w.Lock(m)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && warn != nil {
			warn(err.Error())
		}
		return lock
	})
}

func compareMetrics(from, to map[string]float64) []Metric {
	out := []Metric{}
	names := slices.AppendSeq(slices.Collect(maps.Keys(from)), maps.Keys(to))
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		d := Metric{Name: n}
		if v, ok := from[n]; ok {
			d.Pair.From = &v
		}
		if v, ok := to[n]; ok {
			d.Pair.To = &v
		}
		if d.Pair.From == nil || d.Pair.To == nil || *d.Pair.From != *d.Pair.To {
			out = append(out, d)
		}
	}
	return out
}

// Sections draws d for people.
func (d *Diff) Sections() []report.Section {
	out := d.Diff.Sections()
	if d.Model != nil {
		out = append(out, d.Model.Sections()...)
	}
	var rows [][]string
	for _, m := range d.Metrics {
		rows = append(rows, []string{m.Name, metricText(m.Pair.From), metricText(m.Pair.To)})
	}
	if len(rows) > 0 {
		out = append(out, report.TableSection("Metrics", []string{"metric", ">from", ">to"}, rows))
	}
	return out
}

func metricText(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', 6, 64)
}
