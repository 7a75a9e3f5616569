package cas

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

// testCache counts what is read, and believes that it is later than it is, so
// that files just written count as old.
type testCache struct {
	*StatCache
	opened atomic.Int64
}

func newTestCache(t *testing.T, path string, later time.Duration) *testCache {
	t.Helper()
	c, err := OpenStatCache(path)
	must(t, err)
	tc := &testCache{StatCache: c}
	c.now = func() time.Time { return time.Now().Add(later) }
	c.open = func(name string) (*os.File, error) {
		tc.opened.Add(1)
		return os.Open(name)
	}
	return tc
}

func (c *testCache) want(t *testing.T, path, content string, opened int64) {
	t.Helper()
	digest, size, _, err := c.Digest(t.Context(), path)
	if err != nil || digest != ref.Of([]byte(content)) || size != int64(len(content)) {
		t.Errorf("Digest = %s, %d, %v; want %s, %d", digest, size, err, ref.Of([]byte(content)), len(content))
	}
	if got := c.opened.Load(); got != opened {
		t.Errorf("%d files were opened, want %d", got, opened)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func TestStatCacheRemembers(t *testing.T) {
	dir := t.TempDir()
	file, saved := filepath.Join(dir, "model"), filepath.Join(dir, "cache", "stat")
	writeFile(t, file, "hello")
	c := newTestCache(t, saved, time.Hour)
	c.want(t, file, "hello", 1)
	c.want(t, file, "hello", 1)
	must(t, c.Save())

	c = newTestCache(t, saved, time.Hour)
	c.want(t, file, "hello", 0)
	info, err := os.Stat(saved)
	must(t, err)
	must(t, os.Chtimes(saved, info.ModTime().Add(-time.Hour), info.ModTime().Add(-time.Hour)))
	must(t, c.Save()) // nothing new, nothing written
	if again, _ := os.Stat(saved); again.ModTime().Equal(info.ModTime()) || again.ModTime().After(info.ModTime()) {
		t.Error("a clean cache was written")
	}
}

func TestStatCacheKnown(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nothing is known from a listing")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "model")
	writeFile(t, file, "hello")
	must(t, os.Chmod(file, 0o755))
	c := newTestCache(t, "", time.Hour)
	known := func(path string) (FileInfo, bool) {
		t.Helper()
		info, err := os.Lstat(path)
		must(t, err)
		return c.Known(path, info)
	}
	if got, ok := known(file); ok {
		t.Errorf("known before it was read: %v", got)
	}
	c.want(t, file, "hello", 1)
	want := FileInfo{Path: file, Digest: ref.Of([]byte("hello")), Size: 5, Executable: true}
	if got, ok := known(file); !ok || got != want {
		t.Errorf("got %v, %v, want %v", got, ok, want)
	}
	link := filepath.Join(dir, "link")
	must(t, os.Symlink(file, link))
	for _, path := range []string{link, dir} {
		if got, ok := known(path); ok {
			t.Errorf("%s: got %v", path, got)
		}
	}
	writeFile(t, file, "hello!")
	if got, ok := known(file); ok {
		t.Errorf("known after a change: %v", got)
	}
}

func TestStatCacheSeesChanges(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "model")
	for name, change := range map[string]func(){
		"size": func() { writeFile(t, file, "hello!") },
		"mtime": func() {
			writeFile(t, file, "HELLO")
			must(t, os.Chtimes(file, time.Now(), time.Now().Add(-time.Minute)))
		},
		"inode": func() {
			writeFile(t, file+".new", "HELLO")
			must(t, os.Rename(file+".new", file))
		},
	} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, file, "hello")
			c := newTestCache(t, "", time.Hour)
			c.want(t, file, "hello", 1)
			time.Sleep(20 * time.Millisecond) // a tick of the file system's clock
			change()
			data, err := os.ReadFile(file)
			must(t, err)
			c.want(t, file, string(data), 2)
		})
	}
}

// Content of the same size with the old mtime put back: ctime tells.
func TestStatCacheSeesMtimePutBack(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no ctime")
	}
	file := filepath.Join(t.TempDir(), "model")
	writeFile(t, file, "hello")
	old := time.Now().Add(-24 * time.Hour)
	must(t, os.Chtimes(file, old, old))
	c := newTestCache(t, "", time.Hour)
	c.want(t, file, "hello", 1)
	time.Sleep(20 * time.Millisecond)
	writeFile(t, file, "HELLO")
	must(t, os.Chtimes(file, old, old))
	c.want(t, file, "HELLO", 2)
}

// A file that was touched less than two seconds before it was hashed could
// change again within one tick, so it is hashed again.
func TestStatCacheDistrustsYoungFiles(t *testing.T) {
	dir := t.TempDir()
	file, saved := filepath.Join(dir, "model"), filepath.Join(dir, "stat")
	writeFile(t, file, "hello")
	info, err := os.Stat(file)
	must(t, err)
	for age, opened := range map[time.Duration]int64{-time.Hour: 2, 0: 2, racyWindow - time.Millisecond: 2, racyWindow + 100*time.Millisecond: 1} {
		c := newTestCache(t, saved, 0)
		c.now = func() time.Time { return time.Unix(0, max(info.ModTime().UnixNano(), stampOf(info).ctime)).Add(age) }
		c.want(t, file, "hello", 1)
		c.want(t, file, "hello", opened)
	}
	// An old mtime does not make a file old: anybody may set it.
	if runtime.GOOS != "windows" {
		must(t, os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)))
		c := newTestCache(t, "", 0)
		c.want(t, file, "hello", 1)
		c.want(t, file, "hello", 2)
	}
	// What was known of a file that became young again is forgotten.
	c := newTestCache(t, saved, time.Hour)
	c.want(t, file, "hello", 1)
	must(t, c.Save())
	writeFile(t, file, "HELLO")
	c = newTestCache(t, saved, 0)
	c.want(t, file, "HELLO", 1)
	must(t, c.Save())
	if entries, err := loadEntries(saved); err != nil || len(entries) != 0 {
		t.Errorf("still remembered: %v, %v", entries, err)
	}
}

func TestDigestNoticesChange(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"grows": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			f.WriteString("more")
			return f.Close()
		},
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", make([]byte, 100), 0o644), os.Rename(path+".new", path))
		},
		"shrinks": func(path string) error { return os.Truncate(path, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && name == "replaced" {
				t.Skip("open files cannot be replaced")
			}
			file := filepath.Join(t.TempDir(), "model")
			writeFile(t, file, strings.Repeat("x", 100))
			must(t, os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)))
			c := newTestCache(t, "", time.Hour)
			changed := false
			_, err := c.DigestAll(t.Context(), []string{file}, 1, func(int64) {
				if !changed {
					changed = true
					must(t, change(file))
				}
			})
			if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), file) {
				t.Errorf("DigestAll: %v, want ErrChanged", err)
			}
			if len(c.entries) != 0 {
				t.Error("remembered all the same")
			}
		})
	}
}

func TestDigestRefuses(t *testing.T) {
	dir := t.TempDir()
	c := newTestCache(t, "", time.Hour)
	if _, _, _, err := c.Digest(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, _, _, err := c.Digest(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("folder: %v", err)
	}
}

func TestExecutable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no x bit")
	}
	file := filepath.Join(t.TempDir(), "run.sh")
	writeFile(t, file, "x")
	c := newTestCache(t, "", time.Hour)
	for _, mode := range []fs.FileMode{0o644, 0o755, 0o700, 0o600, 0o645} {
		must(t, os.Chmod(file, mode))
		for range 2 { // hashed and remembered
			if _, _, got, err := c.Digest(t.Context(), file); err != nil || got != (mode&0o111 != 0) {
				t.Errorf("mode %v: executable %v, %v", mode, got, err)
			}
		}
	}
}

func TestDigestAll(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	var contents []string
	var total int64
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 60 {
		content := strings.Repeat(fmt.Sprint(i), random.IntN(100_000))
		paths, contents = append(paths, filepath.Join(dir, fmt.Sprint(i))), append(contents, content)
		writeFile(t, paths[i], content)
		total += int64(len(content))
	}
	c := newTestCache(t, "", time.Hour)
	for _, workers := range []int{1, 7, 0, 1000} {
		var done int64
		var busy sync.Mutex
		infos, err := c.DigestAll(t.Context(), paths, workers, func(n int64) {
			if !busy.TryLock() {
				t.Error("progress is called twice at once")
				return
			}
			defer busy.Unlock()
			done += n
		})
		must(t, err)
		for i, info := range infos {
			if info.Path != paths[i] || info.Digest != ref.Of([]byte(contents[i])) || info.Size != int64(len(contents[i])) {
				t.Fatalf("%d workers: file %d is %+v", workers, i, info)
			}
		}
		if done != total {
			t.Errorf("%d workers: progress of %d bytes, want %d", workers, done, total)
		}
	}
	if got := c.opened.Load(); got != int64(len(paths)) {
		t.Errorf("%d files were opened, want each once", got)
	}
	if infos, err := c.DigestAll(t.Context(), nil, 0, nil); err != nil || len(infos) != 0 {
		t.Errorf("no files: %v, %v", infos, err)
	}
	if _, err := c.DigestAll(t.Context(), append(paths, filepath.Join(dir, "none")), 4, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one missing: %v", err)
	}
}

func TestDigestAllIsCanceled(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "big")
	must(t, os.WriteFile(file, make([]byte, 8*bufferSize), 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	var done int64
	_, err := newTestCache(t, "", time.Hour).DigestAll(ctx, []string{file, file}, 1, func(n int64) {
		done += n
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("DigestAll: %v, want context.Canceled", err)
	}
	if done > bufferSize {
		t.Errorf("went on for %d bytes", done)
	}
}

func someEntries(n int) map[string]entry {
	entries := make(map[string]entry, n)
	for i := range n {
		entries[fmt.Sprintf("/home/ada/projects/reviews/datasets/reviews/data/train-%06d.parquet", i)] = entry{
			stamp: stamp{device: 66306, inode: uint64(i), size: int64(i) << 20, mtime: 1772366400e9 + int64(i), ctime: -1},
			sum:   [32]byte{byte(i), byte(i >> 8), byte(i >> 16)},
		}
	}
	return entries
}

// Damage of any kind empties the cache and is no error.
func TestStatCacheDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stat")
	good := encodeEntries(someEntries(3))
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if entries, ok := decodeEntries(bad); ok {
			t.Fatalf("byte %d: accepted %v", i, entries)
		}
		if _, ok := decodeEntries(good[:i]); ok {
			t.Fatalf("cut at %d: accepted", i)
		}
	}
	for name, data := range map[string][]byte{"empty": nil, "other": []byte("hello"), "cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 0)} {
		must(t, os.WriteFile(path, data, 0o644))
		if c, err := OpenStatCache(path); err != nil || len(c.entries) != 0 {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	must(t, os.WriteFile(path, good, 0o644))
	if c, err := OpenStatCache(path); err != nil || len(c.entries) != 3 {
		t.Errorf("good: %v", err)
	}
	if _, err := OpenStatCache(filepath.Join(path, "below a file")); err == nil {
		t.Error("an unreadable path: no error")
	}
}

func FuzzStatCache(f *testing.F) {
	f.Add(encodeEntries(nil))
	f.Add(encodeEntries(someEntries(2)))
	f.Add([]byte(statMagic + "\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksum would stop every mutation; put it right.
		for _, input := range [][]byte{data, withChecksum(data)} {
			entries, ok := decodeEntries(input)
			if !ok {
				continue
			}
			again, ok := decodeEntries(encodeEntries(entries))
			if !ok || len(again) != len(entries) {
				t.Fatalf("%d entries, then %d", len(entries), len(again))
			}
			for path, e := range entries {
				if again[path] != e {
					t.Fatalf("%q: %+v, then %+v", path, e, again[path])
				}
			}
		}
	})
}

func withChecksum(data []byte) []byte {
	if len(data) < 4 {
		return data
	}
	body := data[:len(data)-4]
	return binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.ChecksumIEEE(body))
}

func BenchmarkStatCacheLoad(b *testing.B) {
	path := filepath.Join(b.TempDir(), "stat")
	if err := os.WriteFile(path, encodeEntries(someEntries(100_000)), 0o644); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if entries, err := loadEntries(path); err != nil || len(entries) != 100_000 {
			b.Fatal(len(entries), err)
		}
	}
}
