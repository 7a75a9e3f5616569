package workspace

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// open makes a repository with a project whose registry is url, and files.
func open(t *testing.T, url string, env map[string]string, files map[string]string) (*Workspace, error) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files["waybill.yaml"] = "apiVersion: waybill.dev/v1\nkind: Project\nregistry: " + url + "\n"
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	parser, err := manifest.NewParser(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Open(context.Background(), dir, Options{
		Parser: parser, Getenv: func(k string) string { return env[k] },
		Now:      func() time.Time { return time.Date(2026, 3, 3, 12, 0, 0, 7, time.UTC) },
		Registry: registry.Options{Getenv: func(string) string { return "" }},
	})
}

const (
	data  = "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nfiles: [a.csv]\n"
	model = "apiVersion: waybill.dev/v1\nkind: Model\nname: sentiment\nfiles: [w.bin]\n"
)

func TestOpen(t *testing.T) {
	w, err := open(t, "oci-layout:registry", nil, map[string]string{
		"z/dataset.yaml": data, "a/model.yaml": model,
		// What a submodule or a dependency brings is not ours.
		"sub/.git": "gitdir: elsewhere\n", "sub/model.yaml": "not ours",
	})
	if err != nil {
		t.Fatal(err)
	}
	selected, err := w.Select(nil)
	if err != nil || len(selected) != 2 || selected[0].Name != "reviews" || selected[1].Name != "sentiment" {
		t.Errorf("datasets come first: %v, %v", selected, err)
	}
	if _, err := w.Artifact("sentimant"); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), `did you mean "sentiment"`) {
		t.Errorf("misspelt: %v", err)
	}
	if now := w.Now(); now.Nanosecond() != 0 {
		t.Errorf("the time is %v", now)
	}
	_, err = open(t, "oci-layout:registry", nil, map[string]string{"a/model.yaml": model, "b/model.yaml": model})
	if err == nil || !strings.Contains(err.Error(), `the name "sentiment" is taken by a/model.yaml`) {
		t.Errorf("one name twice: %v", err)
	}
}

func TestHeld(t *testing.T) {
	w, err := open(t, "oci-layout:registry", nil, map[string]string{"a/model.yaml": model})
	if err != nil {
		t.Fatal(err)
	}
	if d := w.Held("sentiment"); d != "" {
		t.Errorf("held before anything was pulled: %q", d)
	}
	want := ref.Of([]byte("encoding"))
	w.SetHeld("sentiment", want)
	if d := w.Held("sentiment"); d != want {
		t.Errorf("held %q, want %q", d, want)
	}
	if err := os.WriteFile(filepath.Join(w.privateDir(), "held", "sentiment"), []byte("../../x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if d := w.Held("sentiment"); d != "" {
		t.Errorf("believed %q", d)
	}
}

func TestCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, c := range []struct {
		url, variable string
		want, copies  bool
	}{
		{"ghcr.io/acme/reviews", "", true, false},
		{"ghcr.io/acme/reviews", "kept", true, true},
		{"ghcr.io/acme/reviews", "off", false, false},
		{"oci-layout:registry", "", false, false},
		{"oci-layout:registry", "kept", false, false},
	} {
		w, err := open(t, c.url, map[string]string{"WAYBILL_CACHE": c.variable}, map[string]string{})
		if err != nil {
			t.Fatal(err)
		}
		cache := w.Cache()
		if (cache != nil) != c.want || cache != nil && cache.Copy != c.copies {
			t.Errorf("%s with WAYBILL_CACHE=%q: %+v", c.url, c.variable, cache)
		}
	}
}
