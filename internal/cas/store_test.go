package cas

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

func openStore(t *testing.T, limit int64) (*Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	return OpenStore(dir, limit), dir
}

func written(t *testing.T, content string) (string, ref.Digest, int64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, []byte(content), 0o644))
	return path, ref.Of([]byte(content)), int64(len(content))
}

func wantStored(t *testing.T, s *Store, d ref.Digest, want string) {
	t.Helper()
	f, err := s.Get(d, int64(len(want)))
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || string(got) != want {
		t.Errorf("the cache has %q, %v; want %q", got, err, want)
	}
}

func wantAbsent(t *testing.T, s *Store, d ref.Digest, size int64) {
	t.Helper()
	if f, err := s.Get(d, size); !errors.Is(err, fs.ErrNotExist) {
		f.Close()
		t.Errorf("got %v", err)
	}
}

func TestStore(t *testing.T) {
	s, dir := openStore(t, 1000)
	path, d, size := written(t, "content")
	wantAbsent(t, s, d, size)
	s.Drop(d)
	must(t, s.Add(path, d, size))
	must(t, s.Add(path, d, size))
	wantStored(t, s, d, "content")
	file := filepath.Join(dir, "blobs", "sha256", d.Hex()[:2], d.Hex())
	a, err := os.Stat(path)
	must(t, err)
	b, err := os.Stat(file)
	must(t, err)
	if !os.SameFile(a, b) {
		t.Error("it was copied, not linked")
	}
	wantNames(t, filepath.Dir(file), d.Hex())
	for _, folder := range []string{dir, filepath.Join(dir, "blobs"), filepath.Dir(file)} {
		if info, err := os.Stat(folder); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, %v", folder, info.Mode(), err)
		}
	}
	s.Drop(d)
	wantAbsent(t, s, d, size)
	wantFile(t, path, "content")
}

func TestStoreConcurrently(t *testing.T) {
	s, _ := openStore(t, 1000)
	path, d, size := written(t, "content")
	for range 50 {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if err := s.Add(path, d, size); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		wantStored(t, s, d, "content")
		wantNames(t, filepath.Dir(s.blob(d)), d.Hex())
		s.Drop(d)
	}
}

// An entry of another size is another file by now, and forgotten.
func TestStoreOtherSize(t *testing.T) {
	s, _ := openStore(t, 1000)
	path, d, size := written(t, "content")
	must(t, s.Add(path, d, size))
	must(t, os.WriteFile(path, []byte("other content"), 0o644)) // through the link
	wantAbsent(t, s, d, size)
	mended, _, _ := written(t, "content")
	must(t, s.Add(mended, d, size))
	wantStored(t, s, d, "content")

	if err := s.Add(path, d, size); err != nil {
		t.Errorf("an entry that is there: %v", err)
	}
	s.Drop(d)
	if err := s.Add(path, d, size); !errors.Is(err, ErrChanged) {
		t.Errorf("a file of another size: %v", err)
	}
	if err := s.Add(filepath.Join(t.TempDir(), "none"), d, size); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	wantAbsent(t, s, d, size)
}

// Links lead nowhere, neither from the cache nor into it.
func TestStoreRefusesLinks(t *testing.T) {
	s, dir := openStore(t, 1000)
	path, d, size := written(t, "content")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	if err := s.Add(link, d, size); err == nil {
		t.Error("a symbolic link was added")
	}
	file := filepath.Join(dir, "blobs", "sha256", d.Hex()[:2], d.Hex())
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	must(t, os.Symlink(path, file))
	wantAbsent(t, s, d, size)
	must(t, s.Add(path, d, size))
	wantStored(t, s, d, "content")
}

// What cannot be linked is copied only when that is wanted.
func TestStoreCopies(t *testing.T) {
	other := "/dev/shm"
	dir, err := os.MkdirTemp(other, "waybill")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path, d, size := written(t, "content")
	if os.Link(path, filepath.Join(dir, "link")) == nil {
		t.Skip("there is no other file system")
	}
	s := OpenStore(dir, 1000)
	if err := s.Add(path, d, size); err == nil {
		t.Error("it was copied")
	}
	wantAbsent(t, s, d, size)
	wantNames(t, filepath.Join(dir, "blobs", "sha256", d.Hex()[:2]))
	s.Copy = true
	must(t, s.Add(path, d, size))
	wantStored(t, s, d, "content")

	// What is unfinished does not change file systems.
	root, target := openRoot(t)
	p, err := root.Create("x", 0o644)
	must(t, err)
	if err := s.KeepPartial(d, p); err == nil {
		t.Error("kept")
	}
	wantNames(t, target)
}

func TestStoreKeeps(t *testing.T) {
	root, dir := openRoot(t)
	s, _ := openStore(t, 1000)
	d := ref.Of([]byte("content"))
	if _, err := s.Partial(d); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	for _, beginning := range []string{"con", "conte"} {
		p, err := root.Create("x", 0o644)
		must(t, err)
		_, err = p.Write([]byte(beginning))
		must(t, err)
		must(t, s.KeepPartial(d, p))
		p.Abort()
		if err := p.Commit(); err == nil {
			t.Error("committed what was given away")
		}
		f, err := s.Partial(d)
		must(t, err)
		got, err := io.ReadAll(f)
		f.Close()
		if err != nil || string(got) != beginning {
			t.Errorf("%q, %v", got, err)
		}
	}
	s.DropPartial(d)
	if _, err := s.Partial(d); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	p, err := root.Create("y", 0o644)
	must(t, err)
	_, err = p.Write([]byte("content"))
	must(t, err)
	must(t, s.Keep(d, p))
	wantStored(t, s, d, "content")
	wantNames(t, dir)
}

// Trim removes what nobody else has, the oldest first.
func TestStoreTrim(t *testing.T) {
	s, _ := openStore(t, 200)
	must(t, s.Trim()) // of nothing
	type kept struct {
		path, content string
		digest        ref.Digest
	}
	var all []kept
	for i := range 5 {
		content := strings.Repeat(string(rune('a'+i)), 100)
		path, d, size := written(t, content)
		must(t, s.Add(path, d, size))
		all = append(all, kept{path, content, d})
	}
	must(t, s.Trim())
	for _, k := range all {
		if runtime.GOOS != "windows" {
			wantStored(t, s, k.digest, k.content) // they cost nothing
		}
	}
	for _, i := range []int{3, 0, 4, 1} { // the clones go away in this order
		must(t, os.Remove(all[i].path))
		changeTimes(t, s, all[i].digest)
	}
	must(t, s.Trim())
	for i, k := range all {
		switch {
		case runtime.GOOS != "linux":
		case i == 3 || i == 0:
			wantAbsent(t, s, k.digest, 100)
		default:
			wantStored(t, s, k.digest, k.content)
		}
	}
}

// changeTimes waits until the clock of the file system has moved on.
func changeTimes(t *testing.T, s *Store, d ref.Digest) {
	t.Helper()
	before, err := os.Stat(s.blob(d))
	must(t, err)
	probe := filepath.Join(s.dir, "clock")
	for {
		must(t, os.WriteFile(probe, nil, 0o600))
		now, err := os.Stat(probe)
		must(t, err)
		if stampOf(now).ctime > stampOf(before).ctime {
			must(t, os.Remove(probe))
			return
		}
	}
}
