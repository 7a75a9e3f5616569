package transfer

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestPullDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("waybill-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	repo := repository(t, "oci-layout:registry")
	mustPush(t, repo, "a", large)
	writeFile(t, filepath.Join(dir, "a.bin"), "old", 0o644)
	before := snapshot(t, dir)
	_, err := Pull(context.Background(), repo, []Item{item("a.bin", "a", 0o644), item("large.bin", large, 0o644)}, openRoot(t, dir), Options{Concurrency: 1})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "pull large.bin") || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("got %v", err)
	}
	sameTree(t, dir, before)
}
