// Package datadiff tells what differs between two states of an artifact: its
// files, by their digests alone, and for datasets the rows and columns of the
// files that differ.
//
//	files := datadiff.CompareFiles(before, after)
//	reading := datadiff.Differing(before, after) // what to have at hand
//	data, err := datadiff.CompareData(ctx, from, to, datadiff.Options{Key: []string{"id"}})
//
// Rows are compared exactly. Each is known by 128 bits of the SHA-256 of its
// cells, and of its key; both sides are sorted by these, on disk when memory
// is used up, and merged. Two different rows share such a hash by chance once
// in 2^128 pairs.
//
// Files that both sides have in the same split cancel out and are never read:
// what is said of rows and columns is said of the files that differ.
package datadiff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

// Diff is what differs between two states of an artifact. Its JSON form is
// that of "waybill diff".
type Diff struct {
	APIVersion string   `json:"apiVersion"`
	Artifact   string   `json:"artifact"`
	From       State    `json:"from"`
	To         State    `json:"to"`
	Files      Files    `json:"files"`
	Data       *Data    `json:"data,omitempty"` // datasets
	Lineage    []string `json:"lineage"`        // models that depend on the dataset
}

// State is one side of a comparison.
type State struct {
	Reference     string     `json:"reference"` // as a person names it
	ContentDigest ref.Digest `json:"contentDigest"`
}

// Pair is a value before and after.
type Pair[T any] struct {
	From T `json:"from"`
	To   T `json:"to"`
}

// Files is what differs between two lists of files.
type Files struct {
	Added     []File   `json:"added"`
	Removed   []File   `json:"removed"`
	Changed   []Change `json:"changed"`
	Moved     []Move   `json:"moved"`
	Unchanged int      `json:"unchanged"`
}

// File is a file that only one side has.
type File struct {
	Path  string `json:"path"`
	Split string `json:"split,omitempty"`
	Size  int64  `json:"size"`
}

// Change is a file of both sides with other bytes, or another mode.
type Change struct {
	Path       string        `json:"path"`
	Split      *Pair[string] `json:"split,omitempty"` // when it moved as well
	Size       Pair[int64]   `json:"size"`
	Executable *Pair[bool]   `json:"executable,omitempty"` // when it differs
}

// Move is a file whose bytes both sides have, at another path or in another
// split.
type Move struct {
	Path  Pair[string] `json:"path"`
	Split Pair[string] `json:"split"`
	Size  int64        `json:"size"`
}

// CompareFiles compares two lists of files by path, digest, mode and split.
func CompareFiles(from, to []manifest.File) Files {
	out := Files{Added: []File{}, Removed: []File{}, Changed: []Change{}, Moved: []Move{}}
	before := make(map[string]manifest.File, len(from))
	for _, f := range from {
		before[f.Path] = f
	}
	var added []manifest.File
	for _, f := range to {
		was, ok := before[f.Path]
		delete(before, f.Path)
		switch {
		case !ok:
			added = append(added, f)
		case was.Digest != f.Digest || was.Executable != f.Executable:
			c := Change{Path: f.Path, Size: Pair[int64]{was.Size, f.Size}}
			if was.Split != f.Split {
				c.Split = &Pair[string]{was.Split, f.Split}
			}
			if was.Executable != f.Executable {
				c.Executable = &Pair[bool]{was.Executable, f.Executable}
			}
			out.Changed = append(out.Changed, c)
		case was.Split != f.Split:
			out.Moved = append(out.Moved, move(was, f))
		default:
			out.Unchanged++
		}
	}
	// What is left of before is gone, unless the same bytes came in elsewhere.
	gone := map[ref.Digest][]manifest.File{}
	for _, f := range from {
		if _, left := before[f.Path]; left {
			gone[f.Digest] = append(gone[f.Digest], f)
		}
	}
	for _, f := range added {
		if g := gone[f.Digest]; len(g) > 0 {
			out.Moved = append(out.Moved, move(g[0], f))
			gone[f.Digest] = g[1:]
			continue
		}
		out.Added = append(out.Added, File{f.Path, f.Split, f.Size})
	}
	for _, g := range gone {
		for _, f := range g {
			out.Removed = append(out.Removed, File{f.Path, f.Split, f.Size})
		}
	}
	byPath := func(a, b File) int { return strings.Compare(a.Path, b.Path) }
	sorting.By(out.Added, byPath)
	sorting.By(out.Removed, byPath)
	sorting.By(out.Changed, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	sorting.By(out.Moved, func(a, b Move) int {
		return cmp.Or(strings.Compare(a.Path.To, b.Path.To), strings.Compare(a.Path.From, b.Path.From))
	})
	return out
}

func move(was, is manifest.File) Move {
	return Move{Pair[string]{was.Path, is.Path}, Pair[string]{was.Split, is.Split}, is.Size}
}

// Empty tells whether no file differs.
func (f *Files) Empty() bool {
	return len(f.Added)+len(f.Removed)+len(f.Changed)+len(f.Moved) == 0
}

// Reading is which files must be read to compare the rows.
type Reading struct {
	From, To []manifest.File
	Reused   map[string]int // by split: files that cancel out
	Other    int            // files that differ and are no tables
}

// Differing tells which files are to be read: those whose bytes the other
// side does not have in the same split.
func Differing(from, to []manifest.File) Reading {
	type id struct {
		split  string
		digest ref.Digest
	}
	have := map[id]int{}
	for _, f := range from {
		have[id{f.Split, f.Digest}]++
	}
	r := Reading{Reused: map[string]int{}}
	shared := map[id]int{}
	for _, f := range to {
		k := id{f.Split, f.Digest}
		switch {
		case have[k] > shared[k]:
			shared[k]++
			r.Reused[f.Split]++
		case table.Format(f.Path) == "":
			r.Other++
		default:
			r.To = append(r.To, f)
		}
	}
	for _, f := range from {
		k := id{f.Split, f.Digest}
		switch {
		case shared[k] > 0:
			shared[k]--
		case table.Format(f.Path) == "":
			r.Other++
		default:
			r.From = append(r.From, f)
		}
	}
	return r
}

// Has tells whether f is among files, for who fetches only these.
func Has(files []manifest.File) func(manifest.File) bool {
	paths := make(map[string]bool, len(files))
	for _, f := range files {
		paths[f.Path] = true
	}
	return func(f manifest.File) bool { return paths[f.Path] }
}

// Dependents names the models that are made from the dataset called name, as
// their manifests or the lineage in their locks say; lock may return nil for
// a model without one.
func Dependents(name string, artifacts []*manifest.Artifact, lock func(*manifest.Artifact) *manifest.Lock) []string {
	out := []string{}
	for _, a := range artifacts {
		if a.Model == nil {
			continue
		}
		uses := slices.ContainsFunc(a.Model.Datasets, func(d manifest.DatasetUse) bool { return d.Ref.Name == name })
		if l := lock(a); !uses && l != nil && l.Lineage != nil {
			for _, d := range l.Lineage.Datasets {
				uses = uses || d.Name == name
			}
		}
		if uses {
			out = append(out, a.Name)
		}
	}
	slices.Sort(out)
	return out
}
