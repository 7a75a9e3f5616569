// Package modeldiff tells what differs between two states of a model: its
// tensors, and by how much; parameters, types and sizes; vocabulary,
// configuration, templates and metadata; and what breaks callers.
//
//	d, err := modeldiff.Compare(ctx, from, to, modeldiff.Options{})
//	sections := d.Sections()
//
// Tensors are matched by file and name, then by name alone (moved), then by
// their bytes (renamed). Those that both sides have are compared byte by byte,
// in pieces: none is ever in memory as a whole. Only those that differ are read
// as numbers. A file that both sides have with the same digest is not read.
package modeldiff

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Side is one state of a model.
type Side struct {
	Set   *modelfile.Set
	Files []manifest.File
	// Open returns the bytes of a file that the other side does not have. It is
	// closed when it can be.
	Open func(path string) (io.ReaderAt, int64, error)
	// Described is what callers rely on.
	Described compat.Described
}

// Options say how to compare.
type Options struct {
	Compatibility compat.Config
	Workers       int // how many cores to use; 1 when zero. The numbers do not depend on it
}

// Pair is a value before and after.
type Pair[T any] struct {
	From T `json:"from"`
	To   T `json:"to"`
}

// Model is what differs. Its JSON form is "model" of "waybill diff".
type Model struct {
	Format     Pair[string] `json:"format"`
	Parameters Pair[int64]  `json:"parameters"`
	Bytes      Pair[int64]  `json:"bytes"`
	Dtypes     []Count      `json:"dtypes"` // parameters by type, where they differ
	Tensors    Tensors      `json:"tensors"`
	Facts      []Value      `json:"facts"`    // architecture, labels, licence, …
	Metadata   []Value      `json:"metadata"` // that writers put into the weights
	Vocabulary []Vocabulary `json:"vocabulary"`
	Configs    []Config     `json:"configs"` // other JSON files
	// Interface are the rules that callers rely on and that do not hold.
	Interface []compat.Break `json:"interface"`
	// Problems are files that could not be read.
	Problems []string `json:"problems"`
}

// Count is a number of parameters by type.
type Count struct {
	Name string `json:"name"`
	Pair[int64]
}

// Value is a text before and after, "" where there is none.
type Value struct {
	Path string `json:"path"`
	Pair[string]
}

// Empty tells whether nothing differs.
func (m *Model) Empty() bool {
	return m.Format.From == m.Format.To && m.Parameters.From == m.Parameters.To && m.Bytes.From == m.Bytes.To && m.Tensors.Empty() &&
		len(m.Dtypes)+len(m.Facts)+len(m.Metadata)+len(m.Vocabulary)+len(m.Configs)+len(m.Interface)+len(m.Problems) == 0
}

// Compare compares two states. Errors are those of reading, or of ctx.
func Compare(ctx context.Context, from, to Side, opts Options) (*Model, error) {
	a, b := from.Set, to.Set
	m := &Model{
		Format: Pair[string]{a.Format, b.Format}, Parameters: Pair[int64]{a.Parameters, b.Parameters}, Bytes: Pair[int64]{a.Bytes, b.Bytes},
		Dtypes:    counts(a.Dtypes, b.Dtypes),
		Facts:     facts(&a.Facts, &b.Facts),
		Metadata:  texts("", a.Metadata, b.Metadata),
		Interface: compat.Check(from.Described, to.Described, opts.Compatibility),
		Problems:  []string{}, Vocabulary: []Vocabulary{}, Configs: []Config{},
	}
	if m.Interface == nil {
		m.Interface = []compat.Break{}
	}
	for _, s := range []Side{from, to} {
		for _, p := range s.Set.Problems {
			m.Problems = append(m.Problems, p.Error())
		}
	}
	c := &comparison{ctx: ctx, from: from, to: to, workers: max(opts.Workers, 1), before: digests(from.Files), after: digests(to.Files)}
	if err := c.tensors(&m.Tensors); err != nil {
		return nil, fmt.Errorf("compare tensors: %w", err)
	}
	if err := c.documents(m); err != nil {
		return nil, fmt.Errorf("compare configurations: %w", err)
	}
	return m, nil
}

// digests are those of files, by path.
func digests(files []manifest.File) map[string]ref.Digest {
	out := make(map[string]ref.Digest, len(files))
	for _, f := range files {
		out[f.Path] = f.Digest
	}
	return out
}

// same tells whether two files have the same bytes.
func (c *comparison) same(from, to string) bool {
	a, b := c.before[from], c.after[to]
	return a != "" && a == b
}

func counts(a, b map[string]int64) []Count {
	out := []Count{}
	for _, k := range keys(a, b) {
		if a[k] != b[k] {
			out = append(out, Count{k, Pair[int64]{a[k], b[k]}})
		}
	}
	return out
}

// keys are the keys of both, sorted.
func keys[V any](a, b map[string]V) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}
