package modeldiff

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Tensors is what differs between the tensors of two models. A tensor is in
// exactly one of the lists or counts, except that one that moved to another
// file may also be reshaped, retyped or changed.
type Tensors struct {
	Added    []Tensor   `json:"added"`
	Removed  []Tensor   `json:"removed"`
	Renamed  []Renamed  `json:"renamed"`  // the same bytes, type and shape under another name
	Reshaped []Reshaped `json:"reshaped"` // another shape, and perhaps another type
	Retyped  []Retyped  `json:"retyped"`  // another type in the same shape
	Moved    []Moved    `json:"moved"`    // into another file
	Changed  []Changed  `json:"changed"`  // other values
	// Unchanged counts those with the same bytes, Unread those whose bytes could
	// not be compared (they are outside of the file, or overlap each other).
	Unchanged int     `json:"unchanged"`
	Unread    int     `json:"unread"`
	Groups    []Group `json:"groups"` // Added, Removed, …, by layers
}

// Tensor is a tensor that is told of.
type Tensor struct {
	Name  string  `json:"name"`
	File  string  `json:"file"`
	Dtype string  `json:"dtype"`
	Shape []int64 `json:"shape"`
	Bytes int64   `json:"bytes"`
}

// Renamed is a tensor under two names.
type Renamed struct {
	Name Pair[string] `json:"name"`
	Tensor
}

// Reshaped is a tensor with another shape.
type Reshaped struct {
	Name  string        `json:"name"`
	Dtype Pair[string]  `json:"dtype"`
	Shape Pair[[]int64] `json:"shape"`
}

// Retyped is a tensor with another type. Norms says what that did to its
// values; it is nil where they cannot be read as numbers.
type Retyped struct {
	Name  string       `json:"name"`
	Dtype Pair[string] `json:"dtype"`
	Shape []int64      `json:"shape"`
	*Norms
}

// Moved is a tensor in another file.
type Moved struct {
	Name string       `json:"name"`
	File Pair[string] `json:"file"`
}

// Changed is a tensor with other bytes. Norms is nil where they cannot be read
// as numbers (quantised blocks, texts).
type Changed struct {
	Tensor
	*Norms
}

// Empty tells whether no tensor differs.
func (t *Tensors) Empty() bool {
	return len(t.Added)+len(t.Removed)+len(t.Renamed)+len(t.Reshaped)+len(t.Retyped)+len(t.Moved)+len(t.Changed) == 0
}

// comparison is one call of Compare.
type comparison struct {
	ctx      context.Context
	from, to Side
	workers  int
	// before and after are the digests of the files, by path.
	before, after map[string]ref.Digest
}

// place is a tensor in its file.
type place struct {
	modelfile.Tensor
	file   string
	format string
}

// id tells places apart: names of tensors and files may hold any character.
type id struct{ file, name string }

// two is a tensor that both sides have.
type two struct {
	from, to place
	norms    *Norms
	outcome  outcome
}

type outcome int

const (
	unread outcome = iota
	equal
	different
)

// tensors fills in t.
func (c *comparison) tensors(t *Tensors) error {
	*t = Tensors{Added: []Tensor{}, Removed: []Tensor{}, Renamed: []Renamed{}, Reshaped: []Reshaped{}, Retyped: []Retyped{}, Moved: []Moved{}, Changed: []Changed{}, Groups: []Group{}}
	pairs, removed, added := matchTensors(places(c.from.Set), places(c.to.Set))
	var compare []*two
	for i := range pairs {
		p := &pairs[i]
		switch {
		case !slices.Equal(p.from.Shape, p.to.Shape):
		case c.same(p.from.file, p.to.file) && p.from.Offset == p.to.Offset && p.from.Dtype == p.to.Dtype:
			p.outcome = equal
		default:
			compare = append(compare, p)
		}
	}
	if err := c.values(compare); err != nil {
		return err
	}
	for i := range pairs {
		t.add(&pairs[i])
	}
	removed, added, err := c.renamed(t, removed, added)
	if err != nil {
		return err
	}
	for _, p := range removed {
		t.Removed = append(t.Removed, p.tensor())
	}
	for _, p := range added {
		t.Added = append(t.Added, p.tensor())
	}
	t.Groups = t.group()
	return nil
}

func (t *Tensors) add(p *two) {
	if p.from.file != p.to.file {
		t.Moved = append(t.Moved, Moved{p.to.Name, Pair[string]{p.from.file, p.to.file}})
	}
	dtype := Pair[string]{p.from.Dtype, p.to.Dtype}
	switch {
	case !slices.Equal(p.from.Shape, p.to.Shape):
		t.Reshaped = append(t.Reshaped, Reshaped{p.to.Name, dtype, Pair[[]int64]{shape(p.from.Shape), shape(p.to.Shape)}})
	case p.from.Dtype != p.to.Dtype:
		t.Retyped = append(t.Retyped, Retyped{p.to.Name, dtype, shape(p.to.Shape), p.norms})
	case p.outcome == different:
		t.Changed = append(t.Changed, Changed{p.to.tensor(), p.norms})
	case p.outcome == equal:
		t.Unchanged++
	default:
		t.Unread++
	}
}

func (p *place) tensor() Tensor {
	return Tensor{p.Name, p.file, p.Dtype, shape(p.Shape), p.Bytes}
}

// shape is never nil: JSON has [] for a scalar.
func shape(s []int64) []int64 {
	if s == nil {
		return []int64{}
	}
	return s
}

// places are the tensors of the weights: of all files of the set's format.
func places(s *modelfile.Set) []place {
	var out []place
	for _, f := range s.Files {
		if f.Facts == nil || f.Facts.Format != s.Format {
			continue
		}
		for _, t := range f.Facts.Tensors {
			out = append(out, place{t, f.Path, f.Facts.Format})
		}
	}
	return out
}

// matchTensors matches by file and name, then what is left by name alone where
// each side has it once.
func matchTensors(from, to []place) (pairs []two, removed, added []place) {
	index := make(map[id]int, len(from))
	for i, p := range from {
		index[id{p.file, p.Name}] = i
	}
	taken := make([]bool, len(from))
	for _, p := range to {
		if i, ok := index[id{p.file, p.Name}]; ok && !taken[i] {
			taken[i] = true
			pairs = append(pairs, two{from: from[i], to: p})
		} else {
			added = append(added, p)
		}
	}
	byName := map[string][]int{}
	for i, p := range from {
		if !taken[i] {
			byName[p.Name] = append(byName[p.Name], i)
		}
	}
	count := map[string]int{}
	for _, p := range added {
		count[p.Name]++
	}
	added = slices.DeleteFunc(added, func(p place) bool {
		is := byName[p.Name]
		if len(is) != 1 || count[p.Name] != 1 {
			return false
		}
		taken[is[0]] = true
		pairs = append(pairs, two{from: from[is[0]], to: p})
		return true
	})
	for i, p := range from {
		if !taken[i] {
			removed = append(removed, p)
		}
	}
	byPlace := func(a, b place) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.file, b.file)) }
	sorting.By(pairs, func(a, b two) int { return byPlace(a.to, b.to) })
	sorting.By(removed, byPlace)
	sorting.By(added, byPlace)
	return pairs, removed, added
}

// renamed takes out what is gone under one name and came under another, by the
// SHA-256 of its bytes. Only tensors that have a possible twin are read.
func (c *comparison) renamed(t *Tensors, removed, added []place) (stillRemoved, stillAdded []place, err error) {
	kind := func(p place) string { return fmt.Sprint(p.Dtype, p.Shape, p.Bytes) }
	possible := map[string]bool{}
	for _, p := range removed {
		possible[kind(p)] = p.Bytes > 0
	}
	twin := map[string]bool{}
	for _, p := range added {
		twin[kind(p)] = possible[kind(p)]
	}
	sum := func(s Side, ps []place) (map[string][]int, error) {
		sums := map[string][]int{}
		r := newReader(s)
		defer r.close()
		for i, p := range ps {
			if !twin[kind(p)] {
				continue
			}
			if err := c.ctx.Err(); err != nil {
				return nil, err
			}
			section, ok, err := r.section(p)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			h := sha256.New()
			if _, err := io.Copy(h, section); err != nil {
				return nil, fmt.Errorf("%s: tensor %q: %w", p.file, p.Name, err)
			}
			key := kind(p) + string(h.Sum(nil))
			sums[key] = append(sums[key], i)
		}
		return sums, nil
	}
	was, err := sum(c.from, removed)
	if err != nil || len(was) == 0 {
		return removed, added, err
	}
	is, err := sum(c.to, added)
	if err != nil {
		return nil, nil, err
	}
	gone, came := map[int]bool{}, map[int]bool{}
	for key, before := range was {
		for k, j := range is[key] {
			if k == len(before) {
				break
			}
			gone[before[k]], came[j] = true, true
			t.Renamed = append(t.Renamed, Renamed{Pair[string]{removed[before[k]].Name, added[j].Name}, added[j].tensor()})
		}
	}
	sorting.By(t.Renamed, func(a, b Renamed) int { return cmp.Compare(a.Name.To, b.Name.To) })
	left := func(ps []place, out map[int]bool) []place {
		var rest []place
		for i, p := range ps {
			if !out[i] {
				rest = append(rest, p)
			}
		}
		return rest
	}
	return left(removed, gone), left(added, came), nil
}
