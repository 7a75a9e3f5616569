package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// LedgerBranch is the orphan branch at the remote that holds the ledger.
const LedgerBranch = "waybill/ledger"

const (
	ledgerRef = plumbing.ReferenceName("refs/heads/" + LedgerBranch)
	policyRef = plumbing.ReferenceName("refs/waybill/policy")

	maxLedgerDepth = 4
	maxLedgerFiles = 100_000
	pruneSlack     = 300
	pruneGrace     = time.Hour
)

// LedgerStore is the private bare repository that holds the last known commit
// of the ledger, without its history. Its objects are loose; the packs beside
// them belong to [Remote.DefaultCommit].
type LedgerStore struct {
	remote  *Remote
	dir     string
	storage *filesystem.Storage
	objects looseObjects
}

// Ledger opens the store, and makes it if need be. It asks nothing of the
// network: Head and Files give what was known last. A store that was filled from
// another URL forgets what it knew.
func (m *Remote) Ledger(ctx context.Context) (*LedgerStore, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir := m.repo.storeDir()
	if err := m.prepareStore(dir); err != nil {
		return nil, fmt.Errorf("prepare the ledger store %s: %w", dir, err)
	}
	return &LedgerStore{
		remote:  m,
		dir:     dir,
		storage: openStorage(osfs.New(dir)),
		objects: looseObjects(filepath.Join(dir, "objects")),
	}, nil
}

func (m *Remote) prepareStore(dir string) error {
	config := fmt.Sprintf("[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n[remote \"origin\"]\n\turl = \"%s\"\n",
		strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(m.fetch.url))
	if looksBare(dir) {
		have, err := os.ReadFile(filepath.Join(dir, "config"))
		if err == nil && string(have) == config {
			return nil
		}
		if err := openStorage(osfs.New(dir)).RemoveReference(ledgerRef); err != nil {
			return err
		}
		return replaceFile(filepath.Join(dir, "config"), config)
	}
	// Made aside and renamed, so that two processes do not see half a store.
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for _, sub := range []string{"objects/pack", "objects/info", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(tmp, filepath.FromSlash(sub)), 0o755); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"HEAD": "ref: " + ledgerRef.String() + "\n", "config": config} {
		if err := os.WriteFile(filepath.Join(tmp, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil && !looksBare(dir) {
		return err
	}
	return nil
}

func replaceFile(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "tmp-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(text)
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	return err
}

// Head is the last known commit of the ledger, "" for none. It needs no network.
func (l *LedgerStore) Head() string {
	ref, err := l.storage.Reference(ledgerRef)
	if err != nil || ref.Type() != plumbing.HashReference {
		return ""
	}
	return ref.Hash().String()
}

// Dir is where the store is; deleting it loses nothing that the remote has.
func (l *LedgerStore) Dir() string { return l.dir }

// setHead moves the store to a commit whose objects are all there.
func (l *LedgerStore) setHead(commit string) error {
	if err := l.setShallow(ledgerRef, commit); err != nil {
		return err
	}
	return l.storage.SetReference(plumbing.NewHashReference(ledgerRef, plumbing.NewHash(commit)))
}

// setShallow says that the commits of the store have no parents here, so that
// git itself can read it. ref is about to become commit.
func (l *LedgerStore) setShallow(ref plumbing.ReferenceName, commit string) error {
	lines := []string{commit}
	for _, other := range []plumbing.ReferenceName{ledgerRef, policyRef} {
		if r, err := l.storage.Reference(other); err == nil && other != ref && r.Hash().String() != commit {
			lines = append(lines, r.Hash().String())
		}
	}
	sort.Strings(lines)
	return replaceFile(filepath.Join(l.dir, "shallow"), strings.Join(lines, "\n")+"\n")
}

// read finds an object of the ledger. Packs are looked at too, in case somebody
// ran git gc in the store.
func (l *LedgerStore) read(kind, id string) ([]byte, error) {
	if !isHash(id) {
		return nil, fmt.Errorf("%q is not an object name", clip(id))
	}
	data, err := l.objects.read(kind, id, MaxFileBytes)
	if notExist(err) {
		t, _ := plumbing.ParseObjectType(kind)
		o, perr := l.storage.EncodedObject(t, plumbing.NewHash(id))
		if perr == nil && o.Size() <= MaxFileBytes {
			var b bytes.Buffer
			in, rerr := o.Reader()
			if rerr != nil {
				return nil, rerr
			}
			defer in.Close()
			_, err = b.ReadFrom(in)
			data = b.Bytes()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w; the store is only a cache: delete %s and fetch again", err, l.dir)
	}
	return data, nil
}

// files lists path -> blob of a ledger commit; "" has none.
func (l *LedgerStore) files(commit string) (map[string]string, error) {
	out := map[string]string{}
	if commit == "" {
		return out, nil
	}
	return out, l.eachEntry(commit, func(path string, e treeEntry) {
		if e.mode == modeFile {
			out[path] = e.id
		}
	})
}

// eachEntry visits all folders and files of a commit. "" is its root.
func (l *LedgerStore) eachEntry(commit string, visit func(path string, e treeEntry)) error {
	data, err := l.read("commit", commit)
	if err != nil {
		return err
	}
	root, _, err := parseCommit(data)
	if err != nil {
		return err
	}
	count := 0
	var walk func(id, path string, depth int) error
	walk = func(id, path string, depth int) error {
		visit(path, treeEntry{mode: modeDir, id: id})
		if depth > maxLedgerDepth {
			return fmt.Errorf("%s: folders are nested deeper than %d", clip(path), maxLedgerDepth)
		}
		data, err := l.read("tree", id)
		if err != nil {
			return err
		}
		entries, err := parseTree(data)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if count++; count > maxLedgerFiles {
				return fmt.Errorf("more than %d files", maxLedgerFiles)
			}
			sub := strings.TrimPrefix(path+"/"+e.name, "/")
			if e.mode == modeFile {
				visit(sub, e)
			} else if err := walk(e.id, sub, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(root, "", 0)
}

// Files gives the names of the last known ledger's files, sorted, and a way to
// read one. Each file is checked against the name that Git gave its content.
// No ledger yet means no names.
func (l *LedgerStore) Files() (names []string, read func(name string) ([]byte, error), err error) {
	files, err := l.files(l.Head())
	if err != nil {
		return nil, nil, fmt.Errorf("read the ledger: %w", err)
	}
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, func(name string) ([]byte, error) {
		id, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("read %s of the ledger: %w", clip(name), os.ErrNotExist)
		}
		data, err := l.read("blob", id)
		if err != nil {
			return nil, fmt.Errorf("read %s of the ledger: %w", name, err)
		}
		return data, nil
	}, nil
}

// check says what of a commit is not in the store, or no ledger.
func (l *LedgerStore) check(commit string) error {
	var missing error
	err := l.eachEntry(commit, func(path string, e treeEntry) {
		if e.mode == modeFile && !l.objects.has(e.id) && l.storage.HasEncodedObject(plumbing.NewHash(e.id)) != nil {
			missing = fmt.Errorf("the content of %s is missing", path)
		}
	})
	return errors.Join(err, missing)
}

func (l *LedgerStore) complete(commit string) bool { return commit != "" && l.check(commit) == nil }

// Commit writes a commit that replaces or adds the changed files (slash paths)
// on top of parent, which must be in the store; parent == "" starts the ledger.
// Nothing points to the commit until Push has succeeded. Equal arguments give
// equal commits.
func (l *LedgerStore) Commit(parent string, changed map[string][]byte, message string, author Signature, when time.Time) (string, error) {
	commit, err := l.commit(parent, changed, message, author, when)
	if err != nil {
		return "", fmt.Errorf("commit to the ledger: %w", err)
	}
	return commit, nil
}

func (l *LedgerStore) commit(parent string, changed map[string][]byte, message string, author Signature, when time.Time) (string, error) {
	if len(changed) == 0 {
		return "", errors.New("nothing has changed")
	}
	root := ""
	if parent != "" {
		data, err := l.read("commit", parent)
		if err != nil {
			return "", err
		}
		if root, _, err = parseCommit(data); err != nil {
			return "", err
		}
	}
	tree, err := l.rewrite(root, changed, 0)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "tree %s\n", tree)
	if parent != "" {
		fmt.Fprintf(&b, "parent %s\n", parent)
	}
	who := author.line(when)
	fmt.Fprintf(&b, "author %s\ncommitter %s\n\n%s", who, who, cleanMessage(message))
	return l.objects.write("commit", b.Bytes())
}

// rewrite stores the tree that is tree id ("" for none) with the changes. What
// did not change is not read: entries keep their ids.
func (l *LedgerStore) rewrite(id string, changed map[string][]byte, depth int) (string, error) {
	if depth > maxLedgerDepth {
		return "", fmt.Errorf("folders are nested deeper than %d", maxLedgerDepth)
	}
	entries := map[string]treeEntry{}
	if id != "" {
		data, err := l.read("tree", id)
		if err != nil {
			return "", err
		}
		list, err := parseTree(data)
		if err != nil {
			return "", err
		}
		for _, e := range list {
			entries[e.name] = e
		}
	}
	folders := map[string]map[string][]byte{}
	for path, data := range changed {
		name, rest, nested := strings.Cut(path, "/")
		if err := checkFileName(name); err != nil {
			return "", err
		}
		if nested {
			if folders[name] == nil {
				folders[name] = map[string][]byte{}
			}
			folders[name][rest] = data
			continue
		}
		if len(data) > MaxFileBytes {
			return "", fmt.Errorf("%s: %d bytes; at most %d can be read back", path, len(data), MaxFileBytes)
		}
		blob, err := l.objects.write("blob", data)
		if err != nil {
			return "", err
		}
		entries[name] = treeEntry{modeFile, name, blob}
	}
	for name, inside := range folders {
		old := entries[name]
		if old.mode == modeFile {
			return "", fmt.Errorf("%s is a file and a folder", name)
		}
		sub, err := l.rewrite(old.id, inside, depth+1)
		if err != nil {
			return "", err
		}
		entries[name] = treeEntry{modeDir, name, sub}
	}
	list := make([]treeEntry, 0, len(entries))
	for _, e := range entries {
		list = append(list, e)
	}
	data, err := encodeTree(list)
	if err != nil {
		return "", err
	}
	return l.objects.write("tree", data)
}

// tidy drops objects of ledgers that are long past. It may fail silently: it
// only saves space.
func (l *LedgerStore) tidy(commit string) {
	keep := map[string]bool{commit: true}
	if l.eachEntry(commit, func(_ string, e treeEntry) { keep[e.id] = true }) == nil {
		l.objects.prune(keep, pruneSlack)
	}
}

// tidyPacks drops the packs of default branches that are past, with the same
// hour of grace that loose objects have.
func (l *LedgerStore) tidyPacks() {
	dir := filepath.Join(l.dir, "objects", "pack")
	files, _ := os.ReadDir(dir)
	var newest time.Time
	ages := map[string]time.Time{}
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			ages[f.Name()] = info.ModTime()
			if info.ModTime().After(newest) {
				newest = info.ModTime()
			}
		}
	}
	for name, mod := range ages {
		if newest.Sub(mod) > pruneGrace {
			os.Remove(filepath.Join(dir, name))
		}
	}
}
