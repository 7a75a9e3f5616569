package cas

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openRoot(t *testing.T) (*Root, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a", "b") // made by OpenRoot
	root, err := OpenRoot(dir)
	must(t, err)
	t.Cleanup(func() { root.Close() })
	return root, dir
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

// wantNames fails when there is anything but names in dir, such as .part files.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lock.json")
	for _, data := range []string{"one", "", strings.Repeat("x", 1<<20), "two"} {
		must(t, WriteFile(path, []byte(data), 0o644))
		wantFile(t, path, data)
	}
	wantNames(t, dir, "lock.json")
	long := filepath.Join(dir, strings.Repeat("n", 250))
	must(t, WriteFile(long, []byte("x"), 0o600))
	if info, err := os.Stat(long); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestWriteFileLeavesTheOldOne(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFile(filepath.Join(dir, "none", "x"), nil, 0o644); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	occupied := filepath.Join(dir, "occupied")
	must(t, os.MkdirAll(filepath.Join(occupied, "child"), 0o755))
	if err := WriteFile(occupied, []byte("x"), 0o644); err == nil {
		t.Error("replaced a folder")
	}
	wantNames(t, dir, "occupied")
	wantNames(t, occupied, "child")
}

func TestWriteFileReplacesLink(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "target"), []byte("keep"), 0o644))
	if err := os.Symlink("target", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	must(t, WriteFile(filepath.Join(dir, "link"), []byte("new"), 0o644))
	wantFile(t, filepath.Join(dir, "target"), "keep")
	wantFile(t, filepath.Join(dir, "link"), "new")
}

func TestWriteFileConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	must(t, WriteFile(path, bytes.Repeat([]byte{'z'}, 10_000), 0o644))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 20 {
				if err := WriteFile(path, bytes.Repeat([]byte{byte('a' + i)}, 10_000), 0o644); err != nil {
					t.Error(err)
				}
				data, err := os.ReadFile(path)
				if err != nil || len(data) != 10_000 || bytes.Count(data, data[:1]) != 10_000 {
					t.Errorf("read a mixture of %d bytes, %v", len(data), err)
				}
			}
		})
	}
	group.Wait()
	wantNames(t, filepath.Dir(path), "x")
}

func TestPending(t *testing.T) {
	root, dir := openRoot(t)
	p, err := root.Create("data/train/part-1.parquet", 0o644)
	must(t, err)
	defer p.Abort()
	_, err = p.Write([]byte("hello, "))
	must(t, err)
	_, err = p.Write([]byte("world"))
	must(t, err)
	file := filepath.Join(dir, "data", "train", "part-1.parquet")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("visible before Commit: %v", err)
	}
	must(t, p.Commit())
	wantFile(t, file, "hello, world")
	p.Abort()
	wantFile(t, file, "hello, world")
	wantNames(t, filepath.Dir(file), "part-1.parquet")
	if err := p.Commit(); err == nil {
		t.Error("committed twice")
	}
	if _, err := p.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write after Commit: %v", err)
	}
}

// Some file systems refuse names that are not UTF-8, so that a long name is not
// cut amid a character.
func TestPartNames(t *testing.T) {
	for _, base := range []string{strings.Repeat("語", 80), "a" + strings.Repeat("語", 80), "ab" + strings.Repeat("語", 80), strings.Repeat("é", 120), strings.Repeat("a", 250), "short"} {
		name := filepath.Base(partName(filepath.Join("folder", base)))
		beginning, _, ok := strings.Cut(name, partInfix)
		if !ok || !utf8.ValidString(name) || len(name) > 240 || !strings.HasPrefix(base, beginning) || len(beginning) < min(len(base), 190) {
			t.Errorf("%q: %q", base, name)
		}
	}
}

func TestAbort(t *testing.T) {
	root, dir := openRoot(t)
	must(t, os.WriteFile(filepath.Join(dir, "x"), []byte("old"), 0o644))
	p, err := root.Create("x", 0o644)
	must(t, err)
	p.Write([]byte("new"))
	p.Abort()
	p.Abort()
	wantFile(t, filepath.Join(dir, "x"), "old")
	wantNames(t, dir, "x")
	if err := p.Commit(); err == nil {
		t.Error("committed after Abort")
	}
}

func TestPendingMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no x bit")
	}
	root, dir := openRoot(t)
	for name, perm := range map[string]fs.FileMode{"run": 0o755, "data": 0o644} {
		p, err := root.Create(name, perm)
		must(t, err)
		must(t, p.Commit())
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if (info.Mode()&0o100 != 0) != (perm == 0o755) {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestCreateRefusesPaths(t *testing.T) {
	root, dir := openRoot(t)
	for _, bad := range []string{
		"", ".", "..", "/etc/passwd", "../x", "a/../../x", "a/../x", "a//b", "./a", "a/", "a/.", `..\x`, `a\b`, "a\x00b",
	} {
		if p, err := root.Create(bad, 0o644); err == nil {
			p.Abort()
			t.Errorf("%q: accepted", bad)
		}
	}
	wantNames(t, dir)
	wantNames(t, filepath.Dir(dir), "b")
}

func TestCreateRefusesLinksAndFolders(t *testing.T) {
	root, dir := openRoot(t)
	outside := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("keep"), 0o644))
	for name, target := range map[string]string{"out": outside, "in": "real", "gone": "nowhere", "tofile": "file", "up": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	for path, want := range map[string]string{
		"out/x":    "a symbolic link",
		"in/x":     "a symbolic link",
		"in/y/z":   "a symbolic link",
		"gone/x":   "a symbolic link",
		"gone":     "a symbolic link",
		"tofile":   "a symbolic link",
		"up/b/x":   "a symbolic link",
		"real":     "a folder",
		"file/x":   "a file",
		"file/x/y": "a file",
	} {
		p, err := root.Create(path, 0o644)
		if err == nil {
			p.Abort()
			t.Errorf("%s: accepted", path)
		} else if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "create "+path+" in ") {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	wantNames(t, outside)
	wantNames(t, filepath.Join(dir, "real"))
	wantFile(t, filepath.Join(dir, "file"), "keep")
}

// What appears while the file is written is respected as well.
func TestCommitChecksAgain(t *testing.T) {
	root, dir := openRoot(t)
	p, err := root.Create("sub/x", 0o644)
	must(t, err)
	must(t, os.Mkdir(filepath.Join(dir, "sub", "x"), 0o755))
	if err := p.Commit(); err == nil || !strings.Contains(err.Error(), "a folder") {
		t.Errorf("over a folder: %v", err)
	}
	wantNames(t, filepath.Join(dir, "sub"), "x")
	if runtime.GOOS == "windows" {
		return
	}

	// The folder is swapped for a link out of the root.
	outside := t.TempDir()
	p, err = root.Create("dir/x", 0o644)
	must(t, err)
	must(t, os.Rename(filepath.Join(dir, "dir"), filepath.Join(dir, "moved")))
	must(t, os.Symlink(outside, filepath.Join(dir, "dir")))
	if err := p.Commit(); err == nil {
		t.Error("committed through a link")
	}
	wantNames(t, outside)
}

func TestPendingConcurrently(t *testing.T) {
	root, dir := openRoot(t)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for _, path := range []string{"deep/er/same", fmt.Sprintf("deep/er/own-%02d", i)} {
				p, err := root.Create(path, 0o644)
				if err != nil {
					t.Error(err)
					return
				}
				defer p.Abort()
				for range 100 {
					p.Write([]byte{byte('a' + i)})
				}
				if err := p.Commit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	data, err := os.ReadFile(filepath.Join(dir, "deep", "er", "same"))
	if err != nil || len(data) != 100 || bytes.Count(data, data[:1]) != 100 {
		t.Errorf("a mixture: %q, %v", data, err)
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "deep", "er")); len(entries) != 17 {
		t.Errorf("%d files, want 17", len(entries))
	}
}
