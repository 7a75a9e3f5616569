package gitrepo

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// Repo is an open repository with a working tree.
type Repo struct {
	root, prefix string
	gitDir       string // of this worktree: HEAD, index
	commonDir    string // shared by all worktrees: objects, refs, config
	config       config

	mu     sync.Mutex // go-git's storages load their indexes on first use
	stores []*filesystem.Storage
	policy *filesystem.Storage // the private store, opened when something is missing
}

// Open finds the repository whose working tree holds dir: a clone, shallow or
// not, a linked worktree or a submodule. It reads the configuration and nothing
// else. An error that is ErrNoRepository says what was found instead.
func Open(dir string) (*Repo, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the repository at %s: %w", dir, err)
	}
	if info, err := os.Stat(abs); err != nil {
		return nil, fmt.Errorf("open the repository at %s: %w", dir, err)
	} else if !info.IsDir() {
		abs = filepath.Dir(abs)
	}
	root, gitDir, err := discover(abs)
	if errors.Is(err, ErrNoRepository) {
		// A symbolic link into a working tree: git goes by the real folder.
		if real, rerr := filepath.EvalSymlinks(abs); rerr == nil && real != abs {
			if r, g, rerr := discover(real); rerr == nil {
				abs, root, gitDir, err = real, r, g, nil
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the repository at %s: %w", dir, err)
	}
	r := &Repo{root: root, gitDir: gitDir, commonDir: gitDir}
	if rel, err := filepath.Rel(root, abs); err == nil && rel != "." {
		r.prefix = filepath.ToSlash(rel)
	}
	if err := r.open(); err != nil {
		return nil, fmt.Errorf("open the repository at %s: %w", root, err)
	}
	return r, nil
}

// Root is the absolute path of the working tree.
func (r *Repo) Root() string { return r.root }

// GitDir is the absolute path of the Git folder that all worktrees share.
func (r *Repo) GitDir() string { return r.commonDir }

// Prefix is the folder given to Open relative to Root, with slashes; "" for the
// root itself.
func (r *Repo) Prefix() string { return r.prefix }

// discover walks up from dir to the first folder with a .git folder or file.
func discover(dir string) (root, gitDir string, err error) {
	for {
		dot := filepath.Join(dir, ".git")
		info, err := os.Stat(dot)
		switch {
		case err == nil && info.IsDir():
			return dir, dot, nil
		case err == nil:
			gitDir, err := readGitFile(dot)
			return dir, gitDir, err
		case !errors.Is(err, fs.ErrNotExist):
			return "", "", err
		}
		if looksBare(dir) {
			return "", "", fmt.Errorf("%w: %s is a bare repository or a Git folder, without a working tree; clone it and work in the clone", ErrNoRepository, dir)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", "", fmt.Errorf("%w: no .git here or in any folder above; run git init, or use -C DIR", ErrNoRepository)
		}
		dir = parent
	}
}

func looksBare(dir string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() == (name == "HEAD") {
			return false
		}
	}
	return true
}

// readGitFile follows the "gitdir: PATH" that linked worktrees and submodules
// have in place of a .git folder.
func readGitFile(path string) (string, error) {
	target, ok := strings.CutPrefix(readLine(path), "gitdir: ")
	if !ok {
		return "", fmt.Errorf("%w: %s does not begin with \"gitdir: \"", ErrNoRepository, path)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	if info, err := os.Stat(target); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%w: %s points to %s, which is not there; if the main clone was moved run git worktree repair", ErrNoRepository, path, target)
	}
	return filepath.Clean(target), nil
}

// readLine is the first line of a small file, "" when there is none.
func readLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Scan()
	return strings.TrimSpace(s.Text())
}

func (r *Repo) open() error {
	var common billy.Filesystem
	if dir := readLine(filepath.Join(r.gitDir, "commondir")); dir != "" {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(r.gitDir, dir)
		}
		r.commonDir = filepath.Clean(dir)
		common = osfs.New(r.commonDir)
	}
	var err error
	if r.config, err = loadConfig(r.gitDir, r.commonDir, r.branch()); err != nil {
		return err
	}
	if err := r.checkFormat(); err != nil {
		return err
	}
	r.stores = []*filesystem.Storage{openStorage(dotgit.NewRepositoryFilesystem(osfs.New(r.gitDir), common))}
	for _, objects := range alternates(filepath.Join(r.commonDir, "objects"), 0) {
		r.stores = append(r.stores, openStorage(osfs.New(filepath.Dir(objects))))
	}
	return nil
}

func openStorage(fs billy.Filesystem) *filesystem.Storage {
	return filesystem.NewStorage(fs, cache.NewObjectLRU(16*cache.MiByte))
}

// checkFormat refuses what go-git would misread. It is not go-git's own check,
// which also refuses sparse checkouts and partial clones.
func (r *Repo) checkFormat() error {
	if f := r.config.get("extensions", "", "objectformat"); f != "" && !strings.EqualFold(f, "sha1") {
		return fmt.Errorf("%w: its objects are named by %s; only SHA-1 repositories are supported", ErrNoRepository, clip(f))
	}
	if f := r.config.get("extensions", "", "refstorage"); f != "" && !strings.EqualFold(f, "files") {
		return fmt.Errorf("%w: its references are stored as %s; run git refs migrate --ref-format=files", ErrNoRepository, clip(f))
	}
	if v := r.config.get("core", "", "repositoryformatversion"); v != "" && v != "0" && v != "1" {
		return fmt.Errorf("%w: core.repositoryformatversion is %s; 0 and 1 are supported", ErrNoRepository, clip(v))
	}
	if r.gitDir == r.commonDir && r.config.truth("core", "", "bare") {
		return fmt.Errorf("%w: core.bare is true, so it has no working tree; work in a clone or a linked worktree", ErrNoRepository)
	}
	return nil
}

// alternates lists the object folders that objects/info/alternates names
// (git clone --shared, --reference), each once, nearest first. Done here
// because go-git does not leave the repository's own folder for them.
func alternates(objects string, depth int) []string {
	f, err := os.Open(filepath.Join(objects, "info", "alternates"))
	if err != nil || depth > 5 { // five, as git has it
		return nil
	}
	defer f.Close()
	var dirs []string
	for s := bufio.NewScanner(f); s.Scan() && len(dirs) < 100; {
		dir := strings.TrimSpace(s.Text())
		if dir == "" || strings.HasPrefix(dir, "#") {
			continue
		}
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(objects, dir)
		}
		dirs = append(dirs, dir)
		dirs = append(dirs, alternates(dir, depth+1)...)
	}
	return dirs
}

// Commit is where HEAD stands.
type Commit struct {
	Hash   string
	Branch string // short name, "" when HEAD is detached
}

// Head is the checked out commit. In a repository without commits the error is
// ErrNoCommits and Branch is set all the same.
func (r *Repo) Head() (Commit, error) {
	c := Commit{Branch: r.branch()}
	hash, err := r.reference(plumbing.HEAD)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return c, fmt.Errorf("read HEAD of %s: %w; commit something first", r.root, ErrNoCommits)
	}
	if err != nil {
		return c, fmt.Errorf("read HEAD of %s: %w", r.root, err)
	}
	c.Hash = hash
	return c, nil
}

// branch reads HEAD itself: it is needed before the configuration is.
func (r *Repo) branch() string {
	target, ok := strings.CutPrefix(readLine(filepath.Join(r.gitDir, "HEAD")), "ref:")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSpace(target), "refs/heads/")
}

// reference resolves a full reference name, through symbolic references.
func (r *Repo) reference(name plumbing.ReferenceName) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range 10 {
		ref, err := r.stores[0].Reference(name)
		if err != nil {
			return "", err
		}
		if ref.Type() == plumbing.HashReference {
			return ref.Hash().String(), nil
		}
		name = ref.Target()
	}
	return "", fmt.Errorf("reference %s: a chain of symbolic references does not end", name)
}

// Identity is who commits here: GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL, else
// user.name and user.email. Either may be empty.
func (r *Repo) Identity() (name, email string) {
	name, email = os.Getenv("GIT_AUTHOR_NAME"), os.Getenv("GIT_AUTHOR_EMAIL")
	for _, section := range []string{"author", "user"} {
		if name == "" {
			name = r.config.get(section, "", "name")
		}
		if email == "" {
			email = r.config.get(section, "", "email")
		}
	}
	return name, email
}

// clip makes text from outside fit for an error message: one line, no control
// characters, not endless.
func clip(s string) string {
	const limit = 400
	s = strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' {
			return ' '
		}
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == 0xfffd || c >= 0x2028 && c <= 0x202e || c >= 0x2066 && c <= 0x2069 {
			return -1
		}
		return c
	}, strings.TrimSpace(s))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// isHash reports whether s is a full object name as this package writes them.
func isHash(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == ""
}

// storeDir is the private bare repository; see the package comment.
func (r *Repo) storeDir() string { return filepath.Join(r.commonDir, "waybill", "ledger.git") }
