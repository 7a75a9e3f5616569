package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/datadiff"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modeldiff"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// modelDiff is the JSON of "waybill diff" of a model.
type modelDiff struct {
	datadiff.Diff
	Model   *modeldiff.Model `json:"model"`
	Metrics []metricDiff     `json:"metrics"` // as the locks have them
}

// metricDiff is a metric that differs; nil is one that a side does not have.
type metricDiff struct {
	Name string                   `json:"name"`
	Pair modeldiff.Pair[*float64] `json:"value"`
}

func (a *app) diffModel(w *workspace.Workspace, d datadiff.Diff, from, to diffSide) (*modelDiff, []report.Section, error) {
	out := &modelDiff{Diff: d, Metrics: diffMetrics(from.metrics, to.metrics)}
	sections := d.Sections()
	scratch, err := os.MkdirTemp("", "waybill-diff-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(scratch)
	before, err := a.openModel(w, from, to, filepath.Join(scratch, "from"))
	if err != nil {
		return nil, nil, err
	}
	defer before.close()
	after, err := a.openModel(w, to, from, filepath.Join(scratch, "to"))
	if err != nil {
		return nil, nil, err
	}
	defer after.close()
	before.other, after.other = after, before
	var sides [2]modeldiff.Side
	for i, m := range []*modelSide{before, after} {
		if sides[i], err = a.describeModel(m); err != nil {
			return nil, nil, err
		}
	}
	opts := modeldiff.Options{Compatibility: compat.ConfigOf(to.artifact), Workers: runtime.GOMAXPROCS(0)}
	if out.Model, err = modeldiff.Compare(a.ctx, sides[0], sides[1], opts); err != nil {
		return nil, nil, err
	}
	if fetched := before.fetched + after.fetched + before.ranges.Bytes + after.ranges.Bytes; fetched > 0 {
		a.note("fetched %s: the files that differ, and of others the headers", bytesText(fetched))
	}
	sections = append(sections, out.Model.Sections()...)
	var rows [][]string
	for _, m := range out.Metrics {
		rows = append(rows, []string{m.Name, metricText(m.Pair.From), metricText(m.Pair.To)})
	}
	if len(rows) > 0 {
		sections = append(sections, report.TableSection("Metrics", []string{"metric", ">from", ">to"}, rows))
	}
	return out, sections, nil
}

func metricText(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', 6, 64)
}

func diffMetrics(from, to map[string]float64) []metricDiff {
	out := []metricDiff{}
	names := slices.AppendSeq(slices.Collect(maps.Keys(from)), maps.Keys(to))
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		var d metricDiff
		d.Name = n
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

// modelSide opens the files of one side: on disk, pulled because the other
// side does not have them, on the other side's disk, or in the registry.
type modelSide struct {
	diffSide
	root    *os.Root              // nil when nothing is on disk
	on      map[ref.Digest]string // what is on disk, by path in root
	digests map[string]ref.Digest
	remote  func(path string) (io.ReaderAt, int64, error)
	other   *modelSide
	fetched int64
	ranges  *artifact.Ranges
}

func (m *modelSide) close() {
	if m.root != nil {
		m.root.Close()
	}
}

// openModel pulls what other does not have into dir, unless the files are at
// hand.
func (a *app) openModel(w *workspace.Workspace, s, other diffSide, dir string) (*modelSide, error) {
	m := &modelSide{diffSide: s, on: map[ref.Digest]string{}, digests: map[string]ref.Digest{}, ranges: &artifact.Ranges{}}
	has := map[ref.Digest]bool{}
	for _, f := range other.files {
		has[f.Digest] = true
	}
	var missing []manifest.File
	for _, f := range s.files {
		m.digests[f.Path] = f.Digest
		if s.dir != "" {
			m.on[f.Digest] = f.Path
		} else if !has[f.Digest] {
			missing = append(missing, f)
			m.on[f.Digest] = f.Path
			m.fetched += f.Size
		}
	}
	if s.dir == "" {
		repo, err := w.Repository(s.artifact.Name)
		if err != nil {
			return nil, err
		}
		remote, pull, err := a.diffRemote(w, s)
		if err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			if err := pull(dir, datadiff.Has(missing)); err != nil {
				return nil, err
			}
			m.dir = dir
		}
		m.remote = func(path string) (io.ReaderAt, int64, error) {
			i := slices.IndexFunc(remote.Files, func(f manifest.File) bool { return f.Path == path })
			if i < 0 {
				return nil, 0, fmt.Errorf("the registry has no %s of %s", path, s.Reference)
			}
			f := remote.Files[i]
			return artifact.NewBlobReader(a.ctx, repo, ocispec.Descriptor{Digest: digest.Digest(f.Digest), Size: f.Size}, m.ranges), f.Size, nil
		}
	}
	if m.dir != "" {
		var err error
		if m.root, err = os.OpenRoot(m.dir); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// open returns the bytes of a file, from where they are nearest.
func (m *modelSide) open(path string) (io.ReaderAt, int64, error) {
	for _, s := range []*modelSide{m, m.other} {
		if p, ok := s.on[m.digests[path]]; ok && s.root != nil {
			return openRegular(s.root.Open(filepath.FromSlash(p)))
		}
	}
	if m.remote == nil {
		return nil, 0, fmt.Errorf("%s has no file %s", m.Reference, path)
	}
	return m.remote(path)
}

func (a *app) describeModel(m *modelSide) (modeldiff.Side, error) {
	var names []string
	for _, f := range m.files {
		names = append(names, f.Path)
	}
	set, err := modelfile.InspectFiles(a.ctx, names, m.open, modelfile.FilesOptions{})
	if err != nil {
		return modeldiff.Side{}, err
	}
	return modeldiff.Side{Set: set, Files: m.files, Open: m.open,
		Described: compat.Described{File: compat.Of(set, m.files), Manifest: compat.Declared(m.artifact)}}, nil
}
