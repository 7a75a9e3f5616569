package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Scan finds the files that a manifest names and digests them. root is the
// repository's root; progress, if not nil, is told of bytes as they are
// hashed. The result is sorted by path, which is relative to the manifest's
// folder.
//
// A pattern that names a folder means everything below it. Globs do not match
// symbolic links (an error where they would), hidden files unless the pattern
// names the leading dot, nor ever the model card and the documents of waybill
// itself. On Windows no file is executable.
//
// All problems of all patterns are returned together, each with its position;
// one about a file that is not there, or a glob that matches none, is
// fs.ErrNotExist. Before anything is hashed, files over MaxFileSize and more
// than MaxFiles are refused where each would be a layer; see IsPacked.
func Scan(ctx context.Context, root string, a *manifest.Artifact, cache *cas.StatCache, progress func(bytes int64)) ([]manifest.File, error) {
	fail := func(err error) ([]manifest.File, error) { return nil, fmt.Errorf("scan %s: %w", a.Name, err) }
	dir, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(a.Dir())))
	if err != nil {
		return fail(err)
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return fail(err)
	}
	defer folder.Close()
	s := &scan{ctx: ctx, a: a, dir: dir, fsys: folder.FS(), cache: cache, index: map[string]int{}}
	if a.Model != nil && a.Model.Card != "" {
		s.card = path.Clean(a.Model.Card)
	}
	for _, set := range a.Files {
		for _, p := range set.Patterns {
			if err := s.pattern(set.Split, p); err != nil {
				s.fail(p.Pos, err)
			}
		}
	}
	if err := s.check(); err != nil {
		return fail(err)
	}
	if err := s.digest(progress); err != nil {
		return fail(err)
	}
	return s.files(), nil
}

// maxPackedFiles bounds what one dataset may hold in packs.
const maxPackedFiles = 2_000_000

// IsPacked tells whether the files go to the registry in packs, because the
// manifest says so or they are too many for a layer each. Only datasets do.
func IsPacked(a *manifest.Artifact, files []manifest.File) bool { return isPackedLayout(a, len(files)) }

func isPackedLayout(a *manifest.Artifact, files int) bool {
	if a.Dataset == nil {
		return false
	}
	switch a.Dataset.Layout {
	case manifest.LayoutPacked:
		return true
	case manifest.LayoutPlain:
		return false
	}
	return files > MaxFiles
}

// scan collects what the patterns of one manifest match.
type scan struct {
	ctx   context.Context
	a     *manifest.Artifact
	dir   string // the manifest's folder, absolute
	fsys  fs.FS  // the same
	card  string
	cache *cas.StatCache
	found []match
	index map[string]int // in found, by path
	errs  []error
}

// match is a file, and the pattern that found it first.
type match struct {
	manifest.File
	pos   manifest.Pos
	known bool // the stat cache had its digest
}

func (s *scan) fail(pos manifest.Pos, err error) {
	s.errs = append(s.errs, fmt.Errorf("%s: %w", pos, err))
}

// check sorts what was found, and returns everything that is wrong.
func (s *scan) check() error {
	packed := isPackedLayout(s.a, len(s.found))
	sorting.By(s.found, func(a, b match) int { return strings.Compare(a.Path, b.Path) })
	s.index = nil // it is for adding
	if !packed {
		for _, m := range s.found {
			if err := checkSize(m.Path, m.Size); err != nil {
				s.fail(m.pos, err)
			}
		}
	}
	switch {
	case len(s.errs) > 0:
		return errors.Join(s.errs...)
	case len(s.found) == 0:
		return errors.New("files: names no file; an artifact has at least one")
	case !packed && len(s.found) > MaxFiles:
		return s.tooMany()
	}
	return checkPaths(s.files())
}

func (s *scan) tooMany() error {
	if s.a.Dataset != nil {
		return fmt.Errorf("%d files, at most %d in layout \"plain\", where each is a layer; use layout \"auto\" or \"packed\"", len(s.found), MaxFiles)
	}
	return fmt.Errorf("%d files, at most %d in a model, where each is a layer; put them into fewer files", len(s.found), MaxFiles)
}

// digest reads the files that the stat cache does not know.
func (s *scan) digest(progress func(bytes int64)) error {
	var paths []string
	var at []int
	known := int64(0)
	for i, m := range s.found {
		if m.known {
			known += m.Size
			continue
		}
		paths = append(paths, s.path(m.Path))
		at = append(at, i)
	}
	if progress != nil && known > 0 {
		progress(known)
	}
	infos, err := s.cache.DigestAll(s.ctx, paths, runtime.GOMAXPROCS(0), progress)
	if err != nil {
		return err
	}
	for i, info := range infos {
		m := &s.found[at[i]]
		m.Size, m.Digest, m.Executable = info.Size, info.Digest, info.Executable
		if isPackedLayout(s.a, len(s.found)) {
			continue
		}
		if err := checkSize(m.Path, m.Size); err != nil { // it may have grown
			return err
		}
	}
	return nil
}

func (s *scan) path(p string) string {
	return s.dir + string(filepath.Separator) + filepath.FromSlash(p)
}

func (s *scan) files() []manifest.File {
	files := make([]manifest.File, len(s.found))
	for i, m := range s.found {
		files[i] = m.File
	}
	return files
}

// pattern adds the files that p matches.
func (s *scan) pattern(split string, p manifest.Pattern) error {
	glob := path.Clean(p.Glob)
	folder := strings.HasSuffix(p.Glob, "/")
	switch {
	case strings.HasPrefix(glob, "/") || glob == ".." || strings.HasPrefix(glob, "../"):
		return fmt.Errorf("%s: files of an artifact stand in the folder of its manifest or below", p.Glob)
	case !doublestar.ValidatePattern(glob):
		return fmt.Errorf("%s: not a valid glob", p.Glob)
	}
	if !strings.ContainsAny(glob, `*?[{\`) {
		info, err := s.literal(glob)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return s.add(glob, split, p.Pos, info)
		}
		folder = true
	}
	if folder {
		glob = path.Join(glob, "**")
	}
	matched, err := s.glob(glob, split, p.Pos)
	if err != nil {
		return err
	}
	if matched == 0 {
		return fmt.Errorf("%s: %w: no file matches; mend the pattern, or run \"waybill pull\" to fetch the files", p.Glob, fs.ErrNotExist)
	}
	return nil
}

// literal returns what stands at p, which a manifest names without wildcards.
func (s *scan) literal(p string) (fs.FileInfo, error) {
	if p == s.card {
		return nil, fmt.Errorf("%s: the model card is not content, so that it can be mended without a new version; take it out of files", p)
	}
	if why := reserved(p); why != "" {
		return nil, fmt.Errorf("%s: %s", p, why)
	}
	// Every part, because a link on the way would lead elsewhere.
	for i, c := range p + "/" {
		if c != '/' {
			continue
		}
		info, err := fs.Lstat(s.fsys, p[:i])
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s: %w; mend the path, or run \"waybill pull\" to fetch the file", p, fs.ErrNotExist)
		case err != nil:
			return nil, fmt.Errorf("%s: %w", p, err)
		case info.Mode()&fs.ModeSymlink != 0:
			return nil, linkError(p[:i])
		case i == len(p):
			return info, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
}

// glob walks from the part of the pattern that has no wildcard, no deeper than
// the pattern can reach, and adds what matches.
func (s *scan) glob(glob, split string, pos manifest.Pos) (matched int, err error) {
	base, _ := doublestar.SplitPattern(glob)
	depth := strings.Count(glob, "/") + 1
	if strings.Contains(glob, "**") {
		depth = 1 << 10
	}
	if base != "." {
		if _, err := s.literal(base); errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		} else if err != nil {
			return 0, err
		}
	}
	parts := strings.Split(glob, "/")
	err = fs.WalkDir(s.fsys, base, func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = s.ctx.Err()
		}
		if err != nil {
			return err
		}
		if p == "." {
			return nil
		}
		if reserved(p) != "" || !visible(p, parts) {
			return skip(d)
		}
		level := strings.Count(p, "/") + 1
		if d.IsDir() {
			if level >= depth {
				return fs.SkipDir
			}
			return nil
		}
		matches := doublestar.MatchUnvalidated(glob, p)
		if d.Type()&fs.ModeSymlink != 0 {
			// A link to a folder would be walked if it were one.
			if info, err := fs.Stat(s.fsys, p); matches || err == nil && info.IsDir() && level < depth {
				return linkError(p)
			}
			return nil
		}
		if !matches || p == s.card {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		matched++
		return s.add(p, split, pos, info)
	})
	return matched, err
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// visible tells whether each part of p that begins with a dot is matched by a
// part of the pattern that does so, too.
func visible(p string, pattern []string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if strings.HasPrefix(part, ".") && !slices.ContainsFunc(pattern, func(q string) bool {
			return strings.HasPrefix(q, ".") && doublestar.MatchUnvalidated(q, part)
		}) {
			return false
		}
	}
	return true
}

// add notes a file. A second split that matches it is an error: rows would
// count as held out that the model was trained on.
func (s *scan) add(p, split string, pos manifest.Pos, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: is not a regular file", p)
	}
	if i, ok := s.index[p]; ok {
		if old := s.found[i]; old.Split != split {
			return fmt.Errorf("%s: is in split %q already (%s)", p, old.Split, old.pos)
		}
		return nil
	}
	if len(s.found) == maxPackedFiles {
		return fmt.Errorf("more than %d files; put them into archives or several datasets", maxPackedFiles)
	}
	m := match{File: manifest.File{Path: p, Size: info.Size(), Split: split}, pos: pos}
	if got, ok := s.cache.Known(s.path(p), info); ok {
		m.Digest, m.Executable, m.known = got.Digest, got.Executable, true
	}
	s.index[p] = len(s.found)
	s.found = append(s.found, m)
	return nil
}

func linkError(p string) error {
	return fmt.Errorf("%s: is a symbolic link, which other systems cannot restore; name the file it points to", p)
}
