//go:build linux || darwin

package registry_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// childFillsDisk limits the size of files, so that a write fails half way as
// on a full disk.
func childFillsDisk(t *testing.T, dir string) {
	repo := openLayout(t, dir)
	limit := syscall.Rlimit{Cur: 100_000, Max: 100_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip(err)
	}
	big := bytes.Repeat([]byte("x"), 1<<20)
	if err := repo.PushBlob(t.Context(), describe(big), opener(big)); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("PushBlob: %v, want EFBIG", err)
	}
	if has, err := repo.HasBlob(t.Context(), describe(big)); err != nil || has {
		t.Errorf("HasBlob = %v, %v", has, err)
	}
	pushBlob(t, repo, []byte("small"))
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	pushBlob(t, openLayout(t, dir), []byte("x"))
	if out, err := childCommand(t, "limit", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	left, err := os.ReadDir(filepath.Join(dir, "layout", "ingest"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in ingest: %v, %v", left, err)
	}
}
