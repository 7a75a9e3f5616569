// Package modelscan finds what makes a model file unsafe to load: code that a
// pickle would run, archives that hide what they hold, configurations that
// load classes from anywhere, operators that touch files, templates that leave
// their sandbox.
//
// [File] scans one file, [Dir] a folder. The content decides what a file is,
// never its name; archives are looked into, and what is in them is scanned like
// a file, as "model.pt!archive/data.pkl". Nothing is executed, and of the weights
// nothing is read.
//
// Every [Finding] is of a rule of the [Catalog]. What could not be looked into
// to its end (an encrypted member, an unknown compression, a limit) is a finding
// with Unread set: the answer is then "not known".
package modelscan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelarchive"
)

// Severity says what a finding does.
type Severity string

// A Fail makes a file unsafe to load by itself; a Warning is for a person to look at.
const (
	Fail    Severity = "FAIL"
	Warning Severity = "WARNING"
)

// Finding is one thing that a scan says about one place of one file.
type Finding struct {
	Rule     string // of Catalog
	Path     string // of the file, "!" and a member's name for each archive around it
	Offset   int64  // byte of what Path names, -1 for none
	Severity Severity
	// Unread says that something could not be looked into.
	Unread  bool
	Message string // what was found; text from files is quoted and clipped
	Hint    string // what to do next, where the rule's own advice is not enough
	Details map[string]any
}

// Limits bound a scan. The zero value has the defaults.
type Limits struct {
	// Depth is how many archives may be around one another; default 8.
	Depth int
	// Unpacked is how many bytes are decompressed for one file; default 1 GiB.
	Unpacked int64
	// Copied is how many decompressed bytes of one member are held in a
	// temporary file, for formats that cannot be read from front to back;
	// default 512 MiB. Up to 1 MiB is held in memory.
	Copied int64
	// Document is how long a JSON text or a template may be; default 256 MiB
	// for JSON, which streams.
	Document int64
	// Searched is how much of an HDF5 file is searched for its configuration;
	// default 4 GiB.
	Searched int64
	// Findings is how many are kept of one file; default 1,000.
	Findings int
}

func (l Limits) withDefaults() Limits {
	set := func(p *int64, v int64) {
		if *p <= 0 {
			*p = v
		}
	}
	if l.Depth <= 0 {
		l.Depth = 8
	}
	if l.Findings <= 0 {
		l.Findings = 1000
	}
	set(&l.Unpacked, 1<<30)
	set(&l.Copied, 512<<20)
	set(&l.Document, 256<<20)
	set(&l.Searched, 4<<30)
	return l
}

// Options say how to scan. The zero value scans one file by itself.
type Options struct {
	Limits Limits
	// Stat gives the size of a file beside the scanned one, whose name is
	// relative to it and stays in its folder; external data are held to it.
	// An error wrapping fs.ErrNotExist says that there is none. Nil: not known.
	Stat func(name string) (int64, error)
	// Seen is told the path of every file and member that is looked into, so that
	// a scan without findings can say what it has seen. Raw weights are not.
	Seen func(path string)
	// TempDir is where members are copied to; "" is the system's.
	TempDir string
}

// File scans size bytes of r, which the path names. The error is one of reading
// r, of TempDir or of ctx; whatever is wrong with the content is a finding.
func File(ctx context.Context, r io.ReaderAt, size int64, path string, opts Options) ([]Finding, error) {
	s := &scan{ctx: ctx, opts: opts, limits: opts.Limits.withDefaults(), root: path}
	s.budget = s.limits.Unpacked
	defer s.clean()
	in := &input{path: path, name: filepath.Base(path), r: &source{r: r}, size: size, hinted: true}
	if err := s.content(in); err != nil {
		return nil, fmt.Errorf("scan %s: %w", path, err)
	}
	return s.findings, nil
}

// Path scans a file, or a folder as Dir does.
func Path(ctx context.Context, path string, opts Options) ([]Finding, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	if info.IsDir() {
		return Dir(ctx, path, opts)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("scan %s: is not a file or folder", path)
	}
	return local(ctx, path, opts)
}

// Dir scans all files below dir, in the order of their names, except those of
// Git itself. Symbolic links are not followed; for one that leaves the folder
// the answer is "not known".
func Dir(ctx context.Context, dir string, opts Options) ([]Finding, error) {
	var all []Finding
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir():
			if d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			if !staysIn(dir, path) {
				all = append(all, Finding{Rule: modelarchive.RulePath, Path: path, Offset: -1, Severity: Fail, Unread: true,
					Message: "is a symbolic link out of the folder, which was not followed", Hint: "scan the file that it leads to"})
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		found, err := local(ctx, path, opts)
		all = append(all, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	return all, nil
}

func staysIn(dir, link string) bool {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	to, err := filepath.EvalSymlinks(link)
	if err != nil {
		return false
	}
	rel, err := filepath.Rel(root, to)
	return err == nil && filepath.IsLocal(rel)
}

func local(ctx context.Context, path string, opts Options) ([]Finding, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	if opts.Stat == nil {
		opts.Stat = statBeside(filepath.Dir(path))
	}
	return File(ctx, f, info.Size(), path, opts)
}

// statBeside looks at files of a folder without following links out of it.
func statBeside(dir string) func(string) (int64, error) {
	return func(name string) (int64, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return 0, err
		}
		defer root.Close()
		info, err := root.Stat(filepath.FromSlash(name))
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
}

// scan is the scan of one file.
type scan struct {
	ctx      context.Context
	opts     Options
	limits   Limits
	root     string
	budget   int64 // of Limits.Unpacked, what is left
	findings []Finding
	dropped  bool
	failed   map[string]bool // rules that the file fails for
	temps    []*os.File
}

func (s *scan) clean() {
	for _, f := range s.temps {
		f.Close()
		os.Remove(f.Name())
	}
}

// find adds a finding. One of a rule and a message is enough for a path.
func (s *scan) find(f Finding) *Finding {
	same := func(g Finding) bool { return g.Rule == f.Rule && g.Path == f.Path && g.Message == f.Message }
	if i := slices.IndexFunc(s.findings[max(0, len(s.findings)-64):], same); i >= 0 {
		return &s.findings[max(0, len(s.findings)-64)+i]
	}
	if len(s.findings) >= s.limits.Findings && !s.first(f) {
		if !s.dropped {
			s.dropped = true
			s.findings = append(s.findings, Finding{Rule: modelarchive.RuleLimit, Path: s.root, Offset: -1, Severity: Fail, Unread: true,
				Message: fmt.Sprintf("there are more than %d findings; the others are not shown", s.limits.Findings)})
		}
		return &f
	}
	if f.Severity == Fail && !f.Unread {
		if s.failed == nil {
			s.failed = map[string]bool{}
		}
		s.failed[f.Rule] = true
	}
	s.findings = append(s.findings, f)
	return &s.findings[len(s.findings)-1]
}

// first tells whether f is what a file fails for and the first of its rule: such
// a finding is kept whatever the limit, so that many warnings do not hide it.
func (s *scan) first(f Finding) bool {
	return f.Severity == Fail && !f.Unread && !s.failed[f.Rule]
}

func (s *scan) fail(in *input, rule string, at int64, format string, args ...any) *Finding {
	return s.find(Finding{Rule: rule, Path: in.path, Offset: at, Severity: Fail, Message: fmt.Sprintf(format, args...)})
}

func (s *scan) warn(in *input, rule string, at int64, format string, args ...any) *Finding {
	return s.find(Finding{Rule: rule, Path: in.path, Offset: at, Severity: Warning, Message: fmt.Sprintf(format, args...)})
}

func (s *scan) unread(in *input, rule string, at int64, format string, args ...any) *Finding {
	return s.find(Finding{Rule: rule, Path: in.path, Offset: at, Severity: Fail, Unread: true, Message: fmt.Sprintf(format, args...)})
}

// problem is a finding about an archive.
func (s *scan) problem(in *input, p *modelarchive.Problem) {
	f := Finding{Rule: p.Rule, Path: in.path, Offset: p.Offset, Severity: Fail, Unread: p.Unread, Message: p.Message}
	if p.Minor {
		f.Severity = Warning
	}
	s.find(f)
}

// source marks what reading the scanned file itself gives, to tell it from
// errors that its content causes.
type source struct{ r io.ReaderAt }

type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

func (r *source) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.r.ReadAt(p, at)
	if err != nil && err != io.EOF {
		err = sourceError{err}
	}
	return n, err
}

// ours tells errors of reading and of the context from those of the content.
func (s *scan) ours(err error) bool {
	var e sourceError
	return errors.As(err, &e) || s.ctx.Err() != nil
}

// quote shows text from a file.
func quote(text string) string {
	const most = 120
	if len(text) > most {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(text[:most], ""))
	}
	return fmt.Sprintf("%q", text)
}
