package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamed holds that files which checks name are read from the repository and
// nowhere else.
func TestNamed(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "repository")
	for name, size := range map[string]int64{"outside.yaml": 1, "repository/ok.yaml": maxNamed, "repository/large.yaml": maxNamed + 1} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(p, size); err != nil {
			t.Fatal(err)
		}
	}
	read := named(root)
	if data, err := read("ok.yaml"); err != nil || len(data) != maxNamed {
		t.Error(len(data), err)
	}
	wrong := map[string]string{"large.yaml": "at most 4194304 are read", "none.yaml": "no such file", ".": "no regular file", "../outside.yaml": "escapes"}
	if os.Symlink(filepath.Join(dir, "outside.yaml"), filepath.Join(root, "link.yaml")) == nil {
		wrong["link.yaml"] = "escapes"
	}
	for name, want := range wrong {
		if _, err := read(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
}
