package promotion

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/compat"
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
	// Auto is what the change asks for (semver 2.0.0, items 4 and 6 to 8): what
	// breaks callers of a model or readers of a dataset the next major version,
	// the next minor one below 1.0.0; what only adds to what they get the next
	// minor one; all else the next patch.
	Auto Bump = "auto"
)

// ParseBump reads a Bump; "" is Patch.
func ParseBump(s string) (Bump, error) {
	switch b := Bump(s); b {
	case "":
		return Patch, nil
	case Patch, Minor, Major, Auto:
		return b, nil
	}
	return "", fmt.Errorf("%.100q is neither auto, patch, minor nor major", s)
}

// change is what differs from a release for those who use it. Problem says why
// that is not known.
type change struct {
	breaks, adds []string
	compared     bool // something could be compared
	problem      string
}

// choose is the version to register, and what there is to say of it: nil for
// nothing.
func (s *successor) choose(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, opts RegisterOptions) (ref.Version, *report.Finding, error) {
	a := l.State.Artifacts[s.artifact.Name]
	if opts.Bump != Auto || !opts.Version.IsZero() {
		v := next(a, opts)
		found, err := s.judge(ctx, w, l, v)
		return v, found, err
	}
	was := released(a)
	if was == nil {
		return next(a, opts), nil, nil // a pre-release promises nothing
	}
	c, err := s.change(ctx, w, l, was)
	if err != nil {
		return ref.Version{}, nil, err
	}
	v := c.after(was.Version, a.Latest().Version)
	return v, s.explain(c, was.Version, v), nil
}

// after is the version that the change asks for after the release was. A
// pre-release latest is followed by what it announced, unless that is too little.
func (c change) after(was, latest ref.Version) ref.Version {
	v := was.NextPatch()
	switch {
	case len(c.breaks) > 0:
		v = breaking(was)
	case len(c.adds) > 0:
		v = was.NextMinor()
	}
	if least := latest.NextPatch(); v.Compare(least) < 0 {
		return least
	}
	return v
}

// explain says why it is v.
func (s *successor) explain(c change, was, v ref.Version) *report.Finding {
	f := finding(s.artifact.Name, "promotion.version", v.String())
	f.Location = s.artifact.Pos.Location()
	switch {
	case c.problem != "":
		s.unknown(&f, s.artifact.Name+"@"+was.String(), c.problem)
	case len(c.breaks) > 0:
		f.Message = fmt.Sprintf("%s breaks those who use %s, and says so: %s", v, was, some(c.breaks))
	case len(c.adds) > 0:
		f.Message = fmt.Sprintf("%s adds to %s and breaks nobody: %s", v, was, some(c.adds))
	case c.compared:
		f.Message = fmt.Sprintf("%s breaks nobody who uses %s", v, was)
	default:
		return nil
	}
	return &f
}

// some lists the first of many.
func some(list []string) string {
	const most = 3
	told := slices.Clone(list[:min(len(list), most)])
	for i := range told {
		told[i] = report.Visible(told[i])
	}
	if n := len(list) - most; n > 0 {
		told = append(told, fmt.Sprintf("%d more", n))
	}
	return strings.Join(told, ", ")
}

func (s *successor) change(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, was *ledger.Version) (change, error) {
	if s.artifact.Model == nil {
		return s.dataChange(ctx, w, l, was)
	}
	if !s.enforced {
		return change{}, nil // the manifest says that no version is asked of a break
	}
	before, problem, err := baseline(ctx, w, l, s.artifact.Name, was)
	if err != nil {
		return change{}, err
	}
	if p := cmp.Or(problem, s.problem); p != "" {
		return change{problem: p}, nil
	}
	c := change{compared: true}
	for _, b := range compat.Breaking(compat.Check(before, s.now, s.config)) {
		c.breaks = append(c.breaks, fmt.Sprintf("%s (%s)", b.Rule, b.Message))
	}
	for _, pair := range [][2]compat.Interface{{before.File, s.now.File}, {before.Manifest, s.now.Manifest}} {
		for _, added := range additions(pair[0], pair[1]) {
			if !slices.Contains(c.adds, added) {
				c.adds = append(c.adds, added)
			}
		}
	}
	return c, nil
}

// additions are what callers get or may send and did not before. Whether one
// of them breaks callers is for the rules of package compat.
func additions(was, now compat.Interface) []string {
	var out []string
	ports := func(what string, was, now []compat.Port, counts func(compat.Port) bool) {
		if was == nil { // the source did not tell
			return
		}
		for _, p := range now {
			if counts(p) && !slices.ContainsFunc(was, func(o compat.Port) bool { return o.Name == p.Name }) {
				out = append(out, fmt.Sprintf("the %s %s is new", what, p.Name))
			}
		}
	}
	ports("output", was.Outputs, now.Outputs, func(compat.Port) bool { return true })
	ports("optional input", was.Inputs, now.Inputs, func(p compat.Port) bool { return p.Optional })
	if was.Labels != nil {
		for _, label := range now.Labels {
			if !slices.Contains(was.Labels, label) {
				out = append(out, fmt.Sprintf("the label %s is new", label))
			}
		}
	}
	return out
}

// schema is the type of each column by split; the type is "" where the files
// give it none.
type schema map[string]map[string]string

// dataChange compares columns: those of the profiles that were attached when
// the two were pushed, so that nothing is read again, or, where one has none,
// those that both manifests declare. A profile can come from whoever may push:
// it decides the number of a version here, never whether there may be one.
func (s *successor) dataChange(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, was *ledger.Version) (change, error) {
	before, err := profiled(ctx, w, s.artifact.Name, was.Digest)
	if err != nil {
		return change{problem: err.Error()}, ctx.Err()
	}
	after, err := profiled(ctx, w, s.artifact.Name, s.encoding)
	if err != nil {
		return change{problem: err.Error()}, ctx.Err()
	}
	if before == nil || after == nil {
		before = nil
		if l.Remote != nil && l.Refs != nil {
			if err := l.Remote.FetchCommit(ctx, was.Commit, l.Refs.DefaultBranch); err != nil && ctx.Err() != nil {
				return change{}, err
			}
		}
		if a, err := w.ArtifactAt(was.Commit, s.artifact.Name); err == nil {
			before, after = declared(a), declared(s.artifact)
		}
	}
	if before == nil || after == nil {
		return change{}, nil // no tables, or nobody said what is in them
	}
	return compareSchemas(before, after), nil
}

func declared(a *manifest.Artifact) schema {
	if a.Dataset == nil || len(a.Dataset.Columns) == 0 {
		return nil
	}
	columns := map[string]string{}
	for _, c := range a.Dataset.Columns {
		columns[c.Name] = c.Type
	}
	return schema{"": columns}
}

// profiled is the schema that profiles tell, nil when there are none.
func profiled(ctx context.Context, w *workspace.Workspace, name string, encoding ref.Digest) (schema, error) {
	repo, err := w.Repository(name)
	if err != nil {
		return nil, err
	}
	set, err := check.Profiles(ctx, repo, encoding)
	if err != nil || set == nil || len(set.Entries) == 0 {
		return nil, err
	}
	out := schema{}
	for _, e := range set.Entries {
		if out[e.Split] != nil {
			continue
		}
		d, err := set.Document(ctx, []string{e.Split})
		if err != nil {
			return nil, err
		}
		out[e.Split] = map[string]string{}
		for i := range d.Columns {
			t, typed, ok := d.Columns[i].FileType(d.Rows)
			if !typed || !ok {
				t = ""
			}
			out[e.Split][d.Columns[i].Name] = t
		}
	}
	return out, nil
}

func compareSchemas(before, after schema) change {
	c := change{compared: true}
	for _, split := range slices.Sorted(maps.Keys(before)) {
		of := ""
		if split != "" {
			of = " of " + split
		}
		now, there := after[split]
		if !there {
			c.breaks = append(c.breaks, "there are no tables"+of+" any more")
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(before[split])) {
			was, is := before[split][name], now[name]
			if _, there := now[name]; !there {
				c.breaks = append(c.breaks, fmt.Sprintf("the column %s%s is gone", name, of))
			} else if was != "" && is != "" && was != is {
				c.breaks = append(c.breaks, fmt.Sprintf("the column %s%s was %s and is %s", name, of, was, is))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(now)) {
			if _, there := before[split][name]; !there {
				c.adds = append(c.adds, fmt.Sprintf("the column %s%s is new", name, of))
			}
		}
	}
	for _, split := range slices.Sorted(maps.Keys(after)) {
		if _, there := before[split]; !there {
			c.adds = append(c.adds, "the tables of "+cmp.Or(split, "the dataset")+" are new")
		}
	}
	return c
}
