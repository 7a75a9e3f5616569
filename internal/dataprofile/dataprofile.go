// Package dataprofile makes the profiles of datasets, file by file, and keeps
// them: in a folder of the clone, and as evidence about the encoding. A file
// that was profiled before is not read again, here or on another machine:
//
//	set, err := dataprofile.Make(ctx, files, dataprofile.Options{Open: open, Folder: folder, Earlier: earlier})
//	d, err := set.Document(ctx, []string{"train"})
//
// The evidence is an index (JSON), which names each table of the dataset with
// its digest and rows, and the blob that holds its profile. Blobs are named by
// their digests, so those of unchanged files are stored and sent once for all
// versions.
package dataprofile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

// Entry is one table of a dataset.
type Entry struct {
	Path   string     `json:"path"` // relative to the manifest's folder
	Split  string     `json:"split,omitempty"`
	Digest ref.Digest `json:"digest"` // of the file
	Size   int64      `json:"size"`   // of the file, in bytes
	Rows   int64      `json:"rows"`
	// Reader tells files that are equal but are read in different ways apart:
	// how the profile was made of the bytes.
	Reader  string     `json:"reader"`
	Profile ref.Digest `json:"profile"` // of the profile, a JSON document
	Blob    ref.Digest `json:"blob"`    // which holds it, compressed
}

// key is equal where profiles are.
func (e *Entry) key() string { return string(e.Digest) + " " + e.Reader }

// Set is the profiles of a dataset's tables, in the order of their paths.
type Set struct {
	Entries []Entry
	// Skipped are files that look like tables but cannot be read as such, with
	// the reason. They have no profile.
	Skipped []error
	// Made and Reused say which files were read now, and which were not.
	Made, Reused Amount

	documents map[ref.Digest]source        // by Entry.Profile
	stored    map[ref.Digest]evidence.Blob // in the registry, of one profile each
	byKey     map[string]*Entry            // Entries, for taken
}

func newSet() *Set {
	return &Set{documents: map[ref.Digest]source{}, stored: map[ref.Digest]evidence.Blob{}}
}

// Amount is a number of files with their bytes.
type Amount struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

func (a *Amount) add(e *Entry) { a.Files, a.Bytes = a.Files+1, a.Bytes+e.Size }

// source returns a profile as JSON.
type source func(context.Context) ([]byte, error)

// Options of Make.
type Options struct {
	// Open says how a file is read.
	Open func(manifest.File) table.File
	// Folder keeps profiles from run to run; "" keeps none.
	Folder string
	// Earlier returns the profiles of another version, nil when there are
	// none. It is called once, when a file is not in Folder.
	Earlier func(context.Context) *Set
	// Progress, if not nil, hears of each file that was read.
	Progress func(bytes int64)
}

// formatVersion is part of Entry.Reader: a release that profiles differently
// raises it.
const formatVersion = "1"

// Make returns the profiles of the tables among files. Those that are in
// Folder or in Earlier are not read.
func Make(ctx context.Context, files []manifest.File, opts Options) (*Set, error) {
	s := newSet()
	k := keeper{folder: opts.Folder}
	var earlier *Set
	asked := opts.Earlier == nil
	var unknown []pending
	seen := map[string]bool{}
	var twins []Entry // of files among unknown
	for _, f := range files {
		format := table.Format(f.Path)
		if format == "" {
			continue
		}
		t := opts.Open(f)
		e := Entry{Path: f.Path, Split: f.Split, Digest: f.Digest, Size: f.Size, Reader: formatVersion + " " + format}
		if t.Dialect != (table.Dialect{}) {
			e.Reader += fmt.Sprintf(" %+v", t.Dialect)
		}
		if s.kept(k, &e) {
			continue
		}
		if !asked {
			earlier, asked = opts.Earlier(ctx), true
		}
		switch {
		case s.taken(earlier, &e):
		case seen[e.key()]:
			twins = append(twins, e)
		default:
			seen[e.key()] = true
			unknown = append(unknown, pending{entry: e, file: t})
		}
	}
	if err := s.scan(ctx, unknown, k, opts.Progress); err != nil {
		return nil, err
	}
	read := &Set{Entries: slices.Clone(s.Entries), documents: s.documents}
	for i := range twins {
		s.taken(read, &twins[i])
	}
	sorting.By(s.Entries, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	k.trim()
	return s, nil
}

// pending is a file that must be read.
type pending struct {
	entry Entry
	file  table.File
	data  []byte
	bad   error
}

// scan reads files: many side by side, few one after the other with all cores.
func (s *Set) scan(ctx context.Context, files []pending, k keeper, progress func(int64)) error {
	cores := runtime.GOMAXPROCS(0)
	opts, width := profile.ScanOptions{}, 1
	if len(files) >= 2*cores {
		opts.Workers, width = 1, cores
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(width)
	for i := range files {
		p := &files[i]
		g.Go(func() error {
			if err := p.scan(ctx, opts); err != nil {
				return fmt.Errorf("profile %s: %w", p.entry.Path, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if progress != nil {
				progress(p.entry.Size)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range files {
		p := &files[i]
		if p.bad != nil {
			if table.Format(p.entry.Path) != ".json" { // most are no tables
				s.Skipped = append(s.Skipped, p.bad)
			}
			continue
		}
		if err := s.made(k, &p.entry, p.data); err != nil {
			return fmt.Errorf("profile %s: %w", p.entry.Path, err)
		}
	}
	return nil
}

// scan makes the profile of a file as JSON.
func (p *pending) scan(ctx context.Context, opts profile.ScanOptions) error {
	summary, err := profile.Scan(ctx, []table.File{p.file}, opts)
	if bad := new(table.DataError); errors.As(err, &bad) {
		p.bad = err
		return nil
	}
	if err != nil {
		return err
	}
	// The same bytes have the same profile under every name.
	p.data, err = json.Marshal(summary.Document(nil))
	return err
}

func (s *Set) kept(k keeper, e *Entry) bool {
	data, rows, err := k.get(e)
	if err != nil {
		return false
	}
	e.Rows, e.Profile = rows, ref.Of(data)
	s.documents[e.Profile] = func(context.Context) ([]byte, error) {
		data, _, err := k.get(e)
		return data, err
	}
	s.Entries = append(s.Entries, *e)
	s.Reused.add(e)
	return true
}

// taken takes the profile of e from another set.
func (s *Set) taken(from *Set, e *Entry) bool {
	if from == nil {
		return false
	}
	if from.byKey == nil {
		from.byKey = make(map[string]*Entry, len(from.Entries))
		for i := range from.Entries {
			from.byKey[from.Entries[i].key()] = &from.Entries[i]
		}
	}
	was := from.byKey[e.key()]
	if was == nil {
		return false
	}
	e.Rows, e.Profile, e.Blob = was.Rows, was.Profile, was.Blob
	s.documents[e.Profile] = from.documents[was.Profile]
	if b, ok := from.stored[was.Blob]; ok {
		s.stored[was.Blob] = b
	}
	s.Entries = append(s.Entries, *e)
	s.Reused.add(e)
	return true
}

func (s *Set) made(k keeper, e *Entry, data []byte) error {
	var head struct{ Rows int64 }
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	e.Rows, e.Profile = head.Rows, ref.Of(data)
	s.documents[e.Profile] = func(context.Context) ([]byte, error) { return data, nil }
	s.Entries = append(s.Entries, *e)
	s.Made.add(e)
	return k.put(e, data)
}

// Reuse says that nothing was read for the set.
func (s *Set) Reuse() {
	s.Made, s.Reused = Amount{}, Amount{}
	for i := range s.Entries {
		s.Reused.add(&s.Entries[i])
	}
}

// Splits returns the names of the splits with tables.
func (s *Set) Splits() []string {
	var out []string
	for _, e := range s.Entries {
		if !slices.Contains(out, e.Split) {
			out = append(out, e.Split)
		}
	}
	return out
}

// Rows returns the rows of each split.
func (s *Set) Rows() map[string]int64 {
	out := map[string]int64{}
	for _, e := range s.Entries {
		out[e.Split] += e.Rows
	}
	return out
}

// Document merges the profiles of the splits named, nil for all.
func (s *Set) Document(ctx context.Context, splits []string) (*profile.Document, error) {
	m := profile.NewMerger()
	for i := range s.Entries {
		e := &s.Entries[i]
		if splits != nil && !slices.Contains(splits, e.Split) {
			continue
		}
		data, err := s.documents[e.Profile](ctx)
		if err != nil {
			return nil, fmt.Errorf("profile of %s: %w", e.Path, err)
		}
		d, err := profile.Read(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("profile of %s: %w", e.Path, err)
		}
		if d.Rows != e.Rows {
			return nil, fmt.Errorf("profile of %s: it is of %d rows, not %d", e.Path, d.Rows, e.Rows)
		}
		d.Files = []profile.DocumentFile{{Path: e.Path}}
		if err := m.Add(d); err != nil {
			return nil, fmt.Errorf("profile of %s: %w", e.Path, err)
		}
	}
	return m.Document(), nil
}
