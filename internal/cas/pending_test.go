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
	"time"
)

// descriptors returns how many files this process has open, where that can be
// told.
func descriptors() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

func TestCommitTogether(t *testing.T) {
	for _, n := range []int{3, 300} { // synced one by one, and all at once
		root, dir := openRoot(t)
		must(t, os.WriteFile(filepath.Join(dir, "000"), []byte("old"), 0o644))
		before := descriptors()
		var files []*Pending
		var want []string
		for i := range n {
			name := fmt.Sprintf("%03d", i)
			p, err := root.Create(name, 0o644)
			must(t, err)
			_, err = p.Write([]byte(name))
			must(t, err)
			must(t, p.Seal())
			must(t, p.Seal())
			files, want = append(files, p), append(want, name)
		}
		if open := descriptors() - before; open > 0 {
			t.Errorf("%d descriptors are open for %d sealed files", open, n)
		}
		wantFile(t, filepath.Join(dir, "000"), "old")
		_, err := files[1].WriteAt([]byte("001"), 0) // opens it again
		must(t, err)
		if placed, err := root.Commit(files); placed != n || err != nil {
			t.Fatalf("%d of %d, %v", placed, n, err)
		}
		if open := descriptors() - before; open > 0 {
			t.Errorf("%d descriptors are open after the commit", open)
		}
		for _, name := range want {
			wantFile(t, filepath.Join(dir, name), name)
		}
		wantNames(t, dir, want...)
		if placed, err := root.Commit(files); placed != 0 || !errors.Is(err, fs.ErrClosed) {
			t.Errorf("again: %d, %v", placed, err)
		}
		wantNames(t, dir, want...)
	}
}

// One that cannot appear stops those behind it, and leaves no remains.
func TestCommitTogetherFails(t *testing.T) {
	root, dir := openRoot(t)
	var files []*Pending
	for _, name := range []string{"a", "b", "c"} {
		p, err := root.Create(name, 0o644)
		must(t, err)
		files = append(files, p)
	}
	must(t, os.Mkdir(filepath.Join(dir, "b"), 0o755))
	placed, err := root.Commit(files)
	if placed != 1 || err == nil || !strings.Contains(err.Error(), "commit b in ") {
		t.Errorf("%d, %v", placed, err)
	}
	wantNames(t, dir, "a", "b")
}

func TestWriteAtInAnyOrder(t *testing.T) {
	root, dir := openRoot(t)
	p, err := root.Create("x", 0o644)
	must(t, err)
	want := make([]byte, 64<<10)
	var group sync.WaitGroup
	for i := range 16 {
		piece := want[i<<12 : (i+1)<<12]
		for j := range piece {
			piece[j] = byte(i)
		}
		group.Go(func() {
			if _, err := p.WriteAt(piece, int64(15-i)<<12); err != nil { // once at a wrong place
				t.Error(err)
			}
		})
		group.Go(func() {
			if err := p.Seal(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i := range 16 {
		_, err := p.WriteAt(want[i<<12:(i+1)<<12], int64(i)<<12)
		must(t, err)
	}
	got := make([]byte, len(want))
	if _, err := p.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read back something else (%v)", err)
	}
	must(t, p.Seal())
	must(t, p.Commit())
	wantFile(t, filepath.Join(dir, "x"), string(want))
	if _, err := p.WriteAt(want, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write after Commit: %v", err)
	}
	if _, err := p.ReadAt(want, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after Commit: %v", err)
	}
}

func TestReset(t *testing.T) {
	root, dir := openRoot(t)
	p, err := root.Create("x", 0o644)
	must(t, err)
	_, err = p.Write([]byte("a first try"))
	must(t, err)
	must(t, p.Reset())
	_, err = p.Write([]byte("second"))
	must(t, err)
	must(t, p.Commit())
	wantFile(t, filepath.Join(dir, "x"), "second")
}

func TestStatAndOpen(t *testing.T) {
	root, dir := openRoot(t)
	must(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "a", "b", "x"), []byte("yes"), 0o644))
	for name, target := range map[string]string{"link": "a/b/x", "folder": "a", "out": t.TempDir()} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	f, err := root.Open("a/b/x")
	must(t, err)
	defer f.Close()
	if info, err := root.Stat("a/b/x"); err != nil || info.Size() != 3 {
		t.Errorf("%v, %v", info, err)
	}
	if got := root.File("a/b/x"); got != filepath.Join(dir, "a", "b", "x") {
		t.Errorf("File: %s", got)
	}
	for _, none := range []string{"none", "none/x", "a", "a/b/x/y", "link", "folder/b/x", "out/x"} {
		if _, err := root.Stat(none); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %s: %v", none, err)
		}
		if f, err := root.Open(none); !errors.Is(err, fs.ErrNotExist) {
			f.Close()
			t.Errorf("open %s: %v", none, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "../b/a/b/x", "/etc/passwd", "a/../a/b/x", `a\b`} {
		if _, err := root.Stat(bad); err == nil {
			t.Errorf("stat %q: accepted", bad)
		}
	}
}

func TestRemoveStale(t *testing.T) {
	root, dir := openRoot(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	long := strings.Repeat("n", 240)
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	age := map[string]time.Duration{
		"x.part-1f":                      25 * time.Hour,
		"sub/y.part-0123456789abcdef":    25 * time.Hour,
		long[:200] + ".part-abc":         25 * time.Hour,
		"young: x.part-2f":               23 * time.Hour,
		"other: z.part-1f":               25 * time.Hour,
		"other: sub/x.part-1f":           25 * time.Hour,
		"name: x.part-xyz":               25 * time.Hour,
		"name: x.part-":                  25 * time.Hour,
		"name: x.part-1f.txt":            25 * time.Hour,
		"name: x":                        25 * time.Hour,
		"name: x.part-11111111111111111": 25 * time.Hour,
	}
	var want []string
	for name, age := range age {
		_, path, keep := strings.Cut(name, ": ")
		if !keep {
			path = name
		} else {
			want = append(want, path)
		}
		file := filepath.Join(dir, filepath.FromSlash(path))
		must(t, os.WriteFile(file, nil, 0o644))
		must(t, os.Chtimes(file, now.Add(-age), now.Add(-age)))
	}
	root.RemoveStale([]string{"x", "sub/y", long, "../b/x", "none/x"}, now.Add(-24*time.Hour))
	for _, path := range want {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path))); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	var left int
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			left++
		}
		return nil
	})
	if left != len(want) {
		t.Errorf("%d files are left, want %d", left, len(want))
	}
}

// BenchmarkCommitMany writes 20,000 files of 10 KiB in 20 folders.
func BenchmarkCommitMany(b *testing.B) {
	data := bytes.Repeat([]byte("0123456789"), 1024)
	for b.Loop() {
		root, err := OpenRoot(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		var files []*Pending
		for i := range 20_000 {
			p, err := root.Create(fmt.Sprintf("train/%02d/%05d.txt", i%20, i), 0o644)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := p.Write(data); err != nil {
				b.Fatal(err)
			}
			if err := p.Seal(); err != nil {
				b.Fatal(err)
			}
			files = append(files, p)
		}
		if _, err := root.Commit(files); err != nil {
			b.Fatal(err)
		}
		root.Close()
	}
	runtime.KeepAlive(data)
}
