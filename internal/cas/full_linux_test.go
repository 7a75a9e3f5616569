package cas

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

const childEnv = "WAYBILL_CAS_TEST_DIR"

// TestDiskFull runs itself with a limit on the size of files, so that writes
// fail half way as on a full disk.
func TestDiskFull(t *testing.T) {
	if dir := os.Getenv(childEnv); dir != "" {
		diskFullChild(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDiskFull$")
	cmd.Env = append(os.Environ(), childEnv+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func diskFullChild(t *testing.T, dir string) {
	file := filepath.Join(dir, "x")
	must(t, WriteFile(file, []byte("old"), 0o644))
	root, err := OpenRoot(dir)
	must(t, err)
	limit := syscall.Rlimit{Cur: 4096, Max: 4096}
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	big := bytes.Repeat([]byte("x"), 10_000)

	if err := WriteFile(file, big, 0o644); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("WriteFile: %v, want EFBIG", err)
	}
	p, err := root.Create("x", 0o644)
	must(t, err)
	if _, err := p.Write(big); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Write: %v, want EFBIG", err)
	}
	// A caller that did not look at Write's error cannot commit half a file.
	if err := p.Commit(); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Commit: %v, want EFBIG", err)
	}
	wantFile(t, file, "old")
	wantNames(t, dir, "x")
}
