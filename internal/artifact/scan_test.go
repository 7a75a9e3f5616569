package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// tree writes files below dir; content "->x" makes a link to x.
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "->"); ok {
			err = os.Symlink(target, p)
		} else {
			err = os.WriteFile(p, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// declare makes a manifest at path with these patterns, "split=glob" or "glob".
func declare(path string, patterns ...string) *manifest.Artifact {
	a := &manifest.Artifact{Kind: manifest.KindModel, Name: "sentiment", Path: path, Model: &manifest.Model{Card: "README.md"}}
	if strings.HasSuffix(path, "dataset.yaml") {
		a.Kind, a.Model, a.Dataset = manifest.KindDataset, nil, &manifest.Dataset{}
	}
	for i, p := range patterns {
		set := manifest.FileSet{}
		if split, glob, ok := strings.Cut(p, "="); ok {
			set.Split, p = split, glob
		}
		set.Patterns = []manifest.Pattern{{Glob: p, Pos: manifest.Pos{File: path, Line: 10 + i, Column: 3}}}
		a.Files = append(a.Files, set)
	}
	return a
}

func scanTree(t *testing.T, root string, a *manifest.Artifact) ([]manifest.File, error) {
	t.Helper()
	cache, err := cas.OpenStatCache("")
	if err != nil {
		t.Fatal(err)
	}
	return Scan(context.Background(), root, a, cache, nil)
}

var scanned = map[string]string{
	"waybill.yaml":                  "project",
	"m/model.yaml":                  "manifest",
	"m/model.lock.json":             "lock",
	"m/README.md":                   "card",
	"m/model.bin":                   "weights",
	"m/vocab.json":                  "vocab",
	"m/.DS_Store":                   "finder",
	"m/weights/a.bin":               "a",
	"m/weights/b.bin":               "b",
	"m/weights/deep/c.bin":          "c",
	"m/weights/.cache/d.bin":        "d",
	"m/weights/deep/.DS_Store":      "finder",
	"m/.hidden/e.bin":               "e",
	"m/.hidden/.DS_Store":           "finder",
	"m/.git/objects/x.bin":          "git",
	"m/.waybill/registry/blob.bin":  "store",
	"m/sub/dataset.yaml":            "another manifest",
	"m/sub/data.csv":                "csv",
	"m/with space/é.bin":            "f",
	"m/weights/deep/deeper/end.bin": "end",
}

func TestScan(t *testing.T) {
	root := t.TempDir()
	tree(t, root, scanned)
	for _, c := range []struct {
		patterns string // separated by spaces
		want     string
	}{
		{"model.bin", "model.bin"},
		{"./vocab.json model.bin", "model.bin vocab.json"},
		{"*", "model.bin vocab.json"},
		{"*.bin model.bin", "model.bin"},
		{"weights", "weights/a.bin weights/b.bin weights/deep/c.bin weights/deep/deeper/end.bin"},
		{"weights/", "weights/a.bin weights/b.bin weights/deep/c.bin weights/deep/deeper/end.bin"},
		{"we*/", "weights/a.bin weights/b.bin weights/deep/c.bin weights/deep/deeper/end.bin"},
		{"weights/*", "weights/a.bin weights/b.bin"},
		{"weights/*/*.bin", "weights/deep/c.bin"},
		{"weights/**/c.bin", "weights/deep/c.bin"},
		{"weights/{a,b}.bin", "weights/a.bin weights/b.bin"},
		{"{weights/a,model}.bin", "model.bin weights/a.bin"},
		{"weights/[b-z].bin", "weights/b.bin"},
		{"weights/.cache/*", "weights/.cache/d.bin"},
		{".hidden/**", ".hidden/e.bin"},
		{".hidden", ".hidden/e.bin"},
		{"**", "model.bin sub/data.csv vocab.json weights/a.bin weights/b.bin weights/deep/c.bin weights/deep/deeper/end.bin with space/é.bin"},
	} {
		t.Run(c.patterns, func(t *testing.T) {
			patterns := strings.Fields(c.patterns)
			files, err := scanTree(t, root, declare("m/model.yaml", patterns...))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range files {
				got = append(got, f.Path)
				content := scanned["m/"+f.Path]
				if f.Digest != ref.Of([]byte(content)) || f.Size != int64(len(content)) || f.Executable {
					t.Errorf("%s: got %+v", f.Path, f)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got  %v\nwant %s", got, c.want)
			}
		})
	}
}

func TestScanSplits(t *testing.T) {
	root := t.TempDir()
	tree(t, root, map[string]string{"data/train-1.csv": "1", "data/train-2.csv": "2", "data/test.csv": "3"})
	files, err := scanTree(t, root, declare("dataset.yaml", "train=data/train*.csv", "test=data/test.csv"))
	if err != nil {
		t.Fatal(err)
	}
	splits := map[string]string{}
	for _, f := range files {
		splits[f.Path] = f.Split
	}
	if len(files) != 3 || splits["data/train-2.csv"] != "train" || splits["data/test.csv"] != "test" {
		t.Errorf("got %v", splits)
	}
	_, err = scanTree(t, root, declare("dataset.yaml", "train=data/*.csv", "test=data/test.csv"))
	if want := `dataset.yaml:11:3: data/test.csv: is in split "train" already (dataset.yaml:10:3)`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

func TestScanRefuses(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs symbolic links")
	}
	root := t.TempDir()
	tree(t, root, scanned)
	tree(t, root, map[string]string{
		"m/link.bin":           "->model.bin",
		"m/linked":             "->weights",
		"m/outside":            "->" + t.TempDir(),
		"m/case/A.bin":         "x",
		"m/case/a.bin":         "x",
		"m/odd/what?.bin":      "x",
		"m/links/real.csv":     "x",
		"m/links/latest":       "->../weights",
		"m/links/ignored.link": "->real.csv",
	})
	sparse(t, filepath.Join(root, "m/huge/huge.bin"), MaxFileSize+1)
	for _, c := range []struct{ pattern, want string }{
		{"missing.bin", "m/model.yaml:10:3: missing.bin: file does not exist"},
		{"missing/*.bin", "m/model.yaml:10:3: missing/*.bin: file does not exist: no file matches"},
		{"*.csv", "no file matches"},
		{"link.bin", "link.bin: is a symbolic link"},
		{"*.bin", "link.bin: is a symbolic link"},
		{"linked/a.bin", "linked: is a symbolic link"},
		{"linked/*.bin", "linked: is a symbolic link"},
		{"outside/**", "outside: is a symbolic link"},
		{"l*/**", "is a symbolic link"},
		{"case/*", "upper and lower case"},
		{"odd/*", "not every system"},
		{"README.md", "the model card is not content"},
		{"README.m?", "no file matches"},
		{"model.yaml", "waybill reads itself"},
		{"model.lock.json", "waybill reads itself"},
		{".git/objects/x.bin", "reaches into .git"},
		{".git/**", "reaches into .git"},
		{".waybill/**", "reaches into .waybill"},
		{"../waybill.yaml", "or below"},
		{"/m/model.bin", "or below"},
		{"weights/../../x", "or below"},
		{"weights/[", "not a valid glob"},
		{"huge/*", "10.0 GB"},
	} {
		t.Run(c.pattern, func(t *testing.T) {
			files, err := scanTree(t, root, declare("m/model.yaml", c.pattern))
			if err == nil {
				t.Fatalf("accepted: %v", files)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
	t.Run("links that do not match", func(t *testing.T) {
		files, err := scanTree(t, root, declare("m/model.yaml", "links/*.csv"))
		if err != nil || len(files) != 1 {
			t.Errorf("got %v, %v", files, err)
		}
	})
	t.Run("all problems", func(t *testing.T) {
		_, err := scanTree(t, root, declare("m/model.yaml", "missing.bin", "vocab.json", "link.bin"))
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "m/model.yaml:12:3: link.bin") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		if _, err := scanTree(t, root, declare("m/model.yaml")); err == nil || !strings.Contains(err.Error(), "names no file") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("large in a packed dataset", func(t *testing.T) {
		a := declare("m/dataset.yaml", "huge/*", "missing.bin")
		a.Dataset.Layout = manifest.LayoutPacked
		// Only the other problem: hashing ten gigabytes would take too long.
		if _, err := scanTree(t, root, a); err == nil || strings.Contains(err.Error(), "10.0 GB") || !strings.Contains(err.Error(), "missing.bin") {
			t.Errorf("got %v", err)
		}
	})
}

func sparse(t *testing.T, path string, size int64) {
	t.Helper()
	tree(t, filepath.Dir(path), map[string]string{filepath.Base(path): ""})
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// More files than layers are refused before any is read, unless they go into
// packs.
func TestScanMany(t *testing.T) {
	root := t.TempDir()
	files := map[string]string{}
	for i := range MaxFiles + 1 {
		files[fmt.Sprintf("data/%d.csv", i)] = "x"
	}
	tree(t, root, files)
	for _, c := range []struct {
		path, pattern string
		layout        manifest.Layout
		want          int
		packed        bool
		err           string
	}{
		{"dataset.yaml", "data/**", "", MaxFiles + 1, true, ""},
		{"dataset.yaml", "data/**", manifest.LayoutAuto, MaxFiles + 1, true, ""},
		{"dataset.yaml", "data/**", manifest.LayoutPacked, MaxFiles + 1, true, ""},
		{"dataset.yaml", "data/**", manifest.LayoutPlain, 0, false, `scan sentiment: 401 files, at most 400 in layout "plain"`},
		{"dataset.yaml", "data/[!0]*", manifest.LayoutPlain, MaxFiles, false, ""},
		{"dataset.yaml", "data/[!0]*", manifest.LayoutAuto, MaxFiles, false, ""},
		{"dataset.yaml", "data/1.csv", manifest.LayoutPacked, 1, true, ""},
		{"model.yaml", "data/**", "", 0, false, "401 files, at most 400 in a model"},
		{"model.yaml", "data/[!0]*", "", MaxFiles, false, ""},
	} {
		a := declare(c.path, c.pattern)
		if a.Dataset != nil {
			a.Dataset.Layout = c.layout
		}
		cache, err := cas.OpenStatCache("")
		if err != nil {
			t.Fatal(err)
		}
		hashed := int64(0)
		got, err := Scan(context.Background(), root, a, cache, func(n int64) { hashed += n })
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || hashed != 0 {
				t.Errorf("%s %q %s: got %v after %d bytes", c.path, c.layout, c.pattern, err, hashed)
			}
			continue
		}
		if err != nil || len(got) != c.want || hashed != int64(c.want) {
			t.Errorf("%s %q %s: got %d files, %d bytes, %v", c.path, c.layout, c.pattern, len(got), hashed, err)
		}
		if packed := IsPacked(a, got); packed != c.packed {
			t.Errorf("%s %q %s: packed is %v", c.path, c.layout, c.pattern, packed)
		}
	}
}

// What the stat cache knows is what would be read, and one progress.
func TestScanKnown(t *testing.T) {
	root := t.TempDir()
	tree(t, root, map[string]string{"a.csv": "one", "b/c.csv": "three", "d.csv": "", "run.sh": "exit"})
	if err := os.Chmod(filepath.Join(root, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 365 * 24 * time.Hour) // to when today's files are old enough to be remembered
		cache, err := cas.OpenStatCache("")
		if err != nil {
			t.Fatal(err)
		}
		scan := func() ([]manifest.File, []int64) {
			var heard []int64
			files, err := Scan(t.Context(), root, declare("dataset.yaml", "all=**"), cache, func(n int64) { heard = append(heard, n) })
			if err != nil {
				t.Fatal(err)
			}
			return files, heard
		}
		first, _ := scan()
		second, heard := scan()
		if !slices.Equal(first, second) || len(first) != 4 {
			t.Errorf("read %v, known %v", first, second)
		}
		if runtime.GOOS != "windows" && !slices.Equal(heard, []int64{12}) {
			t.Errorf("progress %v, want the 12 known bytes at once", heard)
		}
		tree(t, root, map[string]string{"a.csv": "seven"})
		third, heard := scan()
		if third[0].Digest != ref.Of([]byte("seven")) || third[0].Size != 5 || !slices.Equal(third[1:], second[1:]) {
			t.Errorf("after a change: %v", third)
		}
		if runtime.GOOS != "windows" && !slices.Equal(heard, []int64{9, 5}) {
			t.Errorf("progress %v, want 9 known and 5 read bytes", heard)
		}
	})
}

func TestScanExecutable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file is executable")
	}
	root := t.TempDir()
	tree(t, root, map[string]string{"run.sh": "x", "model.bin": "y"})
	if err := os.Chmod(filepath.Join(root, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := scanTree(t, root, declare("model.yaml", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal([]bool{files[0].Executable, files[1].Executable}, []bool{false, true}) {
		t.Errorf("got %v", files)
	}
}

func TestScanCancelled(t *testing.T) {
	root := t.TempDir()
	tree(t, root, map[string]string{"a.bin": "x"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	cache, err := cas.OpenStatCache("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Scan(ctx, root, declare("model.yaml", "**"), cache, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
