// Package workspace is what every verb begins with: the repository, its
// project and manifests, the registry they name, and the ledger. It turns
// references into digests and appends to the ledger, and decides nothing.
package workspace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// ErrUsage is in the chain of errors that a person mends by changing the
// command or a manifest: exit code 2.
var ErrUsage = errors.New("")

// Usage makes an error that is ErrUsage.
func Usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

type usageError struct{ error }

func (usageError) Is(target error) bool { return target == ErrUsage }
func (u usageError) Unwrap() error      { return u.error }

// Options are what a workspace needs from outside.
type Options struct {
	Parser   *manifest.Parser
	Now      func() time.Time
	Getenv   func(string) string
	Registry registry.Options
	// Warn hears what does not stop a command: a ledger read offline, events
	// of a newer waybill. It may be nil.
	Warn func(string)
}

// Workspace is an open repository of a user. It is not safe for concurrent
// use.
type Workspace struct {
	Repo      *gitrepo.Repo
	Project   *manifest.Project    // of the working tree
	Artifacts []*manifest.Artifact // of the working tree, sorted by name

	opts  Options
	stats *cas.StatCache
	reg   *registry.Registry
}

// Open finds the repository that holds dir and reads its project and all its
// manifests. Errors in manifests come together as manifest.Errors.
func Open(ctx context.Context, dir string, opts Options) (*Workspace, error) {
	repo, err := gitrepo.Open(dir)
	if err != nil {
		return nil, usageError{err}
	}
	w := &Workspace{Repo: repo, opts: opts}
	data, err := readCapped(filepath.Join(repo.Root(), manifest.ProjectFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Usage("%s: no %s at the repository's root; run \"waybill init\"", repo.Root(), manifest.ProjectFile)
	}
	if err != nil {
		return nil, err
	}
	if w.Project, err = opts.Parser.Project(manifest.ProjectFile, data); err != nil {
		return nil, err
	}
	if err := w.readManifests(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// Root is the absolute path of the working tree.
func (w *Workspace) Root() string { return w.Repo.Root() }

// Now is the time, as the options tell it, in whole UTC seconds.
func (w *Workspace) Now() time.Time { return w.opts.Now().UTC().Truncate(time.Second) }

// Path turns a path relative to the root, with slashes, into one to open.
func (w *Workspace) Path(p string) string { return filepath.Join(w.Root(), filepath.FromSlash(p)) }

// Dir is the absolute path of an artifact's folder.
func (w *Workspace) Dir(a *manifest.Artifact) string { return w.Path(a.Dir()) }

// Names lists the artifacts.
func (w *Workspace) Names() []string {
	names := make([]string, len(w.Artifacts))
	for i, a := range w.Artifacts {
		names[i] = a.Name
	}
	return names
}

// Artifact returns the manifest of the artifact name.
func (w *Workspace) Artifact(name string) (*manifest.Artifact, error) {
	for _, a := range w.Artifacts {
		if a.Name == name {
			return a, nil
		}
	}
	hint := "run \"waybill add\" to make one"
	if near := ref.Nearest(name, w.Names()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return nil, Usage("%s: no model.yaml or dataset.yaml has this name; %s", name, hint)
}

// Select returns the artifacts called names, all of them when there are none,
// datasets before models.
func (w *Workspace) Select(names []string) ([]*manifest.Artifact, error) {
	var out []*manifest.Artifact
	if len(names) == 0 {
		out = slices.Clone(w.Artifacts)
	}
	for _, n := range names {
		a, err := w.Artifact(n)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b *manifest.Artifact) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	return out, nil
}

// Lock reads the lock of a in the working tree; fs.ErrNotExist when it has
// none yet.
func (w *Workspace) Lock(a *manifest.Artifact) (*manifest.Lock, error) {
	data, err := readCapped(w.Path(a.LockPath()))
	if err != nil {
		return nil, err
	}
	return w.parseLock(a, data)
}

// LockAt reads the lock of a as it stands in a commit.
func (w *Workspace) LockAt(commit string, a *manifest.Artifact) (*manifest.Lock, error) {
	data, err := w.Repo.ReadFile(commit, a.LockPath())
	if err != nil {
		return nil, err
	}
	return w.parseLock(a, data)
}

func (w *Workspace) parseLock(a *manifest.Artifact, data []byte) (*manifest.Lock, error) {
	l, err := manifest.ParseLock(a.LockPath(), data)
	if err != nil {
		return nil, usageError{err}
	}
	if l.Name != a.Name || l.Kind != a.Kind {
		return nil, Usage("%s: is the lock of %s %s, but %s is %s %s; run \"waybill lock %s\"", a.LockPath(), l.Kind, l.Name, a.Path, a.Kind, a.Name, a.Name)
	}
	return l, nil
}

// Registry is the registry that the project names.
func (w *Workspace) Registry() (*registry.Registry, error) {
	if w.reg == nil {
		opts := w.opts.Registry
		opts.SessionDir = filepath.Join(w.privateDir(), "uploads")
		r, err := registry.Open(w.Project.Registry, w.Root(), opts)
		if err != nil {
			return nil, Usage("%s: registry: %w", manifest.ProjectFile, err)
		}
		w.reg = r
	}
	return w.reg, nil
}

// Repository is where the bytes of the artifact name are.
func (w *Workspace) Repository(name string) (registry.Repository, error) {
	r, err := w.Registry()
	if err != nil {
		return nil, err
	}
	return r.Repository(name)
}

// Stats is the cache of file digests, kept in the Git folder. Call SaveStats
// when done.
func (w *Workspace) Stats() *cas.StatCache {
	if w.stats == nil {
		c, err := cas.OpenStatCache(filepath.Join(w.privateDir(), "stat"))
		if err != nil {
			w.warn(err.Error())
			c, _ = cas.OpenStatCache("")
		}
		w.stats = c
	}
	return w.stats
}

// SaveStats keeps the digests for the next run. Losing them costs only time,
// so a failure is a warning.
func (w *Workspace) SaveStats() {
	if w.stats != nil {
		if err := w.stats.Save(); err != nil {
			w.warn(err.Error())
		}
	}
}

// maxCache bounds what the cache holds that no clone has any more, in bytes.
const maxCache = 10_000_000_000

// Cache is the content cache that the clones on this machine share: in the
// folder that WAYBILL_CACHE names, or in the user's cache folder. It is nil when
// WAYBILL_CACHE is "off", and for a registry that is a folder of this machine.
func (w *Workspace) Cache() *cas.Store {
	dir := w.opts.Getenv("WAYBILL_CACHE")
	if reg, err := w.Registry(); dir == "off" || err != nil || reg.IsLayout() {
		return nil
	}
	named := dir != ""
	if !named {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil
		}
		dir = filepath.Join(user, "waybill")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(w.Root(), dir)
	}
	store := cas.OpenStore(dir, maxCache)
	store.Copy = named // somebody wants it there, on another file system too
	return store
}

// Held is the digest of the encoding whose files were pushed from or pulled into
// the working tree last, "" when that is not known.
func (w *Workspace) Held(name string) ref.Digest { return w.recall("held", name) }

// SetHeld remembers what Held returns.
func (w *Workspace) SetHeld(name string, d ref.Digest) { w.remember("held", name, d) }

// Image is the digest of the image that was built here of an encoding, "" when
// that is not known.
func (w *Workspace) Image(encoding ref.Digest) ref.Digest { return w.recall("images", encoding.Hex()) }

// SetImage remembers what Image returns.
func (w *Workspace) SetImage(encoding, image ref.Digest) { w.remember("images", encoding.Hex(), image) }

func (w *Workspace) recall(kind, name string) ref.Digest {
	data, err := readCapped(filepath.Join(w.privateDir(), kind, name))
	if err != nil {
		return ""
	}
	d, err := ref.ParseDigest(strings.TrimSpace(string(data)))
	if err != nil {
		return ""
	}
	return d
}

// remember keeps a digest for recall. Losing it costs only time, so a failure is
// a warning.
func (w *Workspace) remember(kind, name string, d ref.Digest) {
	if w.recall(kind, name) == d {
		return
	}
	dir := filepath.Join(w.privateDir(), kind)
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = cas.WriteFile(filepath.Join(dir, name), []byte(string(d)+"\n"), 0o644)
	}
	if err != nil {
		w.warn(err.Error())
	}
}

// Actor is who runs the command: in a workflow the account that GitHub names,
// elsewhere the Git identity, which no forge vouches for (id 0).
func (w *Workspace) Actor() (ledger.Actor, error) {
	if w.opts.Getenv("GITHUB_ACTIONS") == "true" {
		id, err := strconv.ParseInt(w.opts.Getenv("GITHUB_ACTOR_ID"), 10, 64)
		if login := w.opts.Getenv("GITHUB_ACTOR"); err == nil && login != "" {
			return ledger.Actor{ID: id, Login: login}, nil
		}
	}
	name, email := w.Repo.Identity()
	if email == "" {
		email = name
	}
	if email == "" {
		return ledger.Actor{}, Usage("who are you? Git has no identity here; run: git config user.email you@example.com")
	}
	return ledger.Actor{Login: email}, nil
}

// Run is the URL of the workflow run's attempt, "" outside workflows.
func (w *Workspace) Run() string {
	if w.opts.Getenv("GITHUB_ACTIONS") != "true" || w.opts.Getenv("GITHUB_RUN_ID") == "" {
		return ""
	}
	return fmt.Sprintf("%s/%s/actions/runs/%s/attempts/%s", w.opts.Getenv("GITHUB_SERVER_URL"),
		w.opts.Getenv("GITHUB_REPOSITORY"), w.opts.Getenv("GITHUB_RUN_ID"), w.opts.Getenv("GITHUB_RUN_ATTEMPT"))
}

func (w *Workspace) warn(s string) {
	if w.opts.Warn != nil {
		w.opts.Warn(s)
	}
}

// ProfileDir is where profiles of files are kept from run to run.
func (w *Workspace) ProfileDir() string { return filepath.Join(w.privateDir(), "profiles") }

func (w *Workspace) privateDir() string { return filepath.Join(w.Repo.GitDir(), "waybill") }

// maxManifests bounds the walk of a hostile tree.
const maxManifests = 100_000

func (w *Workspace) readManifests(ctx context.Context) error {
	var errs manifest.Errors
	byName := map[string]*manifest.Artifact{}
	err := filepath.WalkDir(w.Root(), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if d.IsDir() {
			if p != w.Root() && (d.Name() == ".git" || d.Name() == ".waybill" || isRepository(p)) {
				return fs.SkipDir
			}
			return nil
		}
		if (d.Name() != manifest.ModelFile && d.Name() != manifest.DatasetFile) || !d.Type().IsRegular() {
			return nil
		}
		if len(byName) > maxManifests {
			return Usage("more than %d manifests", maxManifests)
		}
		rel, err := filepath.Rel(w.Root(), p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		data, err := readCapped(p)
		if err != nil {
			return err
		}
		a, err := w.opts.Parser.Artifact(rel, data)
		if err == nil {
			err = w.Project.Check(a)
		}
		if more := (manifest.Errors)(nil); errors.As(err, &more) {
			errs = append(errs, more...)
			return nil
		} else if err != nil {
			return err
		}
		if other := byName[a.Name]; other != nil {
			errs = append(errs, &manifest.Error{Pos: a.Pos, Message: fmt.Sprintf("the name %q is taken by %s", a.Name, other.Path), Hint: "names are unique in a repository"})
			return nil
		}
		byName[a.Name] = a
		w.Artifacts = append(w.Artifacts, a)
		return nil
	})
	if err != nil {
		return err
	}
	if len(errs) > 0 {
		return errs
	}
	slices.SortFunc(w.Artifacts, func(a, b *manifest.Artifact) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// isRepository keeps submodules and nested clones out: they have a waybill.yaml
// and a ledger of their own.
func isRepository(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, ".git"))
	return err == nil
}

// readCapped reads a document of waybill; the parsers have lower limits.
func readCapped(p string) ([]byte, error) {
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const limit = 8 << 20
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && len(data) > limit {
		err = Usage("%s: larger than %d bytes", path.Base(p), limit)
	}
	return data, err
}

// ErrNotFound is in the chain of errors about what a registry does not have.
var ErrNotFound = registry.ErrNotFound
