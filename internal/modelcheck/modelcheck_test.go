package modelcheck_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/schemas"
)

// weights is a safetensors file of n parameters, one byte each.
func weights(t testing.TB, n int) string {
	t.Helper()
	var b bytes.Buffer
	err := modelfile.WriteSafetensors(&b, []modelfile.NewTensor{{Name: "w", Dtype: "I8", Shape: []int64{int64(n)}, Data: make([]byte, n)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// check writes the files and runs the checks; files: names them one by one
// from line 7 on, checks: stands in line 20.
func check(t testing.TB, files map[string]string, specs ...manifest.CheckSpec) ([]report.Finding, error) {
	t.Helper()
	dir := t.TempDir()
	a := &manifest.Artifact{Kind: manifest.KindModel, Name: "sentiment", Path: "models/sentiment/model.yaml", Model: &manifest.Model{},
		Pos: manifest.Pos{File: "models/sentiment/model.yaml", Line: 1, Column: 1}}
	at := func(line int) manifest.Pos { return manifest.Pos{File: a.Path, Line: line, Column: 9} }
	var list []manifest.File
	set := manifest.FileSet{}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o644); err != nil {
			t.Fatal(err)
		}
		list = append(list, manifest.File{Path: name, Size: int64(len(files[name]))})
		glob := name
		if folder, _, ok := strings.Cut(name, "/"); ok {
			glob = folder + "/**"
		}
		set.Patterns = append(set.Patterns, manifest.Pattern{Glob: glob, Pos: at(7 + i)})
	}
	a.Files = []manifest.FileSet{set}
	for i := range specs {
		specs[i].Pos = at(20 + i)
	}
	a.Checks = specs
	findings, err := modelcheck.Run(t.Context(), a, dir, list, modelcheck.Options{})
	findings = slices.DeleteFunc(findings, func(f report.Finding) bool { return f.Check == "security" }) // see security_test.go
	for _, f := range findings {
		if f.Artifact != "sentiment" || f.Group != report.GroupFiles || f.Location == nil || f.Message == "" || f.Doc != "https://waybill.dev/model-checks#"+f.Check {
			t.Errorf("incomplete finding %+v", f)
		}
		if f.Verdict != report.Pass && f.Hint == "" {
			t.Errorf("no way out: %+v", f)
		}
	}
	return findings, err
}

func TestRun(t *testing.T) {
	broken := weights(t, 10) + "x"
	spec := func(check string, params map[string]any) manifest.CheckSpec {
		return manifest.CheckSpec{Check: check, Params: params}
	}
	size := func(max, per string) manifest.CheckSpec {
		p := map[string]any{"max": max}
		if per != "" {
			p["per"] = per
		}
		return spec("files.size", p)
	}
	parameters := func(max any) manifest.CheckSpec { return spec("files.parameters", map[string]any{"max": max}) }
	good := map[string]string{"model.safetensors": weights(t, 1000), "vocab.json": "{}"}
	for _, c := range []struct {
		name  string
		files map[string]string
		specs []manifest.CheckSpec
		want  []string // verdict, rule, subject, line, part of message and observed
	}{
		{"readable", good, nil, []string{"PASS files.readable  1 read 1 of 2 files: each keeps the rules of its format (safetensors)"}},
		{"opaque", map[string]string{"m.bin": "weights?"}, nil, []string{"PASS files.readable  1 1 file, none of a format"}},
		{
			"broken", map[string]string{"a/model.safetensors": broken, "vocab.json": "{}"}, nil,
			[]string{"FAIL SAF010 a/model.safetensors 7 a/model.safetensors is not a valid safetensors file: after the last tensor there is still 1 byte"},
		},
		{
			"all broken ones are named", map[string]string{"1.safetensors": broken, "2.safetensors": "", "3.safetensors": weights(t, 1)}, nil,
			[]string{"FAIL SAF010 1.safetensors 7 ", "FAIL SAF001 2.safetensors 8 "},
		},
		{"asked for", good, []manifest.CheckSpec{spec("files.readable", nil)}, []string{"PASS files.readable  20 read 1 of 2 files"}},
		{
			"size", good, []manifest.CheckSpec{size("2kB", ""), size("1kB", "model")},
			[]string{"PASS", "PASS files.size  20 the model has 1.074 kB in 2 files, at most 2 kB", "FAIL files.size  21 the model has 1.074 kB in 2 files, at most 1 kB"},
		},
		{
			"size exceeded by a byte", map[string]string{"m": strings.Repeat("x", 1_000_001)}, []manifest.CheckSpec{size("1MB", "")},
			[]string{"PASS", "FAIL files.size  20 the model has 1,000,001 bytes in 1 file, at most 1 MB"},
		},
		{"size at the limit", map[string]string{"m": "1234"}, []manifest.CheckSpec{size("4", "")}, []string{"PASS", "PASS files.size  20 the model has 4 bytes"}},
		{
			"size of each", map[string]string{"a": "123", "b": "1234", "c": "12345"}, []manifest.CheckSpec{size("3", "file"), size("5", "file")},
			[]string{"PASS", "FAIL files.size b 8 b has 4 bytes", "FAIL files.size c 9 c has 5 bytes", "PASS files.size  21 the largest of 3 files has 5 bytes"},
		},
		{
			"parameters", good, []manifest.CheckSpec{parameters(int64(1000)), parameters(999.0)},
			[]string{"PASS", "PASS files.parameters  20 the model has 1,000 parameters in 1 file", "FAIL files.parameters  21 the model has 1,000 parameters, at most 999"},
		},
		{
			"parameters of shards", map[string]string{"1.safetensors": weights(t, 6), "2.safetensors": weights(t, 5)}, []manifest.CheckSpec{parameters(10)},
			[]string{"PASS", "FAIL files.parameters  20 the model has 11 parameters"},
		},
		{
			"parameters of opaque files", map[string]string{"m.bin": "?"}, []manifest.CheckSpec{parameters(10)},
			[]string{"PASS", "INCONCLUSIVE files.parameters  20 the parameters cannot be counted: no file is of a format"},
		},
		{
			"parameters beside a large opaque file", map[string]string{"m.bin": strings.Repeat("\x01", 17<<20), "m.safetensors": weights(t, 1)},
			[]manifest.CheckSpec{parameters(10)},
			[]string{"PASS", "INCONCLUSIVE files.parameters  20 the parameters cannot be counted: m.bin (17.826 MB) is of no format"},
		},
		{
			"parameters of a broken file", map[string]string{"1.safetensors": broken, "2.safetensors": weights(t, 1)}, []manifest.CheckSpec{parameters(10)},
			[]string{"FAIL", "INCONCLUSIVE files.parameters  20 the parameters cannot be counted: 1.safetensors cannot be read"},
		},
		{
			"too many parameters whatever else", map[string]string{"1.safetensors": broken, "2.safetensors": weights(t, 11)}, []manifest.CheckSpec{parameters(10)},
			[]string{"FAIL", "FAIL files.parameters  20 the model has 11 parameters"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			findings, err := check(t, c.files, c.specs...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				rule := f.Rule
				if rule == "" {
					rule = f.Check
				}
				got = append(got, fmt.Sprintf("%s %s %s %d %s", f.Verdict, rule, f.Subject, f.Location.Line, f.Message))
			}
			match := len(got) == len(c.want)
			for i := range min(len(got), len(c.want)) {
				match = match && strings.HasPrefix(got[i], c.want[i])
			}
			if !match {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestUnreadableFinding(t *testing.T) {
	spec := manifest.CheckSpec{Check: "files.readable", Severity: report.Warning}
	findings, err := check(t, map[string]string{"m.safetensors": weights(t, 1) + "x"}, spec)
	if err != nil || len(findings) != 1 {
		t.Fatal(findings, err)
	}
	f := findings[0]
	if f.Severity != report.Warning || f.Check != "files.readable" || f.Expected != "Nothing follows the last tensor." ||
		f.Observed != "at byte 65: after the last tensor there is still 1 byte" || f.Details["path"] != "m.safetensors" || f.Details["offset"] != int64(65) {
		t.Errorf("got %+v", f)
	}
}

func TestRunErrors(t *testing.T) {
	files := map[string]string{"m": "1"}
	for says, spec := range map[string]manifest.CheckSpec{
		"model.yaml:20:9: max: size":            {Check: "files.size", Params: map[string]any{"max": "much"}},
		"model.yaml:20:9: per:":                 {Check: "files.size", Params: map[string]any{"max": "1", "per": "layer"}},
		"model.yaml:20:9: max: many":            {Check: "files.parameters", Params: map[string]any{"max": "many"}},
		"model.yaml:20:9: max: 1.5":             {Check: "files.parameters", Params: map[string]any{"max": 1.5}},
		`model.yaml:20:9: unknown check "file"`: {Check: "file"},
	} {
		if _, err := check(t, files, spec); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	a := &manifest.Artifact{Name: "sentiment", Path: "model.yaml", Model: &manifest.Model{}}
	dir := t.TempDir()
	if _, err := modelcheck.Run(t.Context(), a, dir, []manifest.File{{Path: "gone"}}, modelcheck.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := modelcheck.Run(t.Context(), a, dir, []manifest.File{{Path: "folder"}}, modelcheck.Options{}); err == nil {
		t.Error("a folder was read")
	}
	if _, err := modelcheck.Run(t.Context(), a, filepath.Join(dir, "none"), nil, modelcheck.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := os.WriteFile(filepath.Join(dir, "m"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := modelcheck.Run(ctx, a, dir, []manifest.File{{Path: "m"}}, modelcheck.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A link that leaves the model's folder is not followed.
func TestRunStaysInside(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "m.safetensors")
	if err := os.WriteFile(outside, []byte(weights(t, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "m.safetensors")); err != nil {
		t.Skip(err)
	}
	a := &manifest.Artifact{Name: "sentiment", Path: "model.yaml", Model: &manifest.Model{}}
	for _, path := range []string{"m.safetensors", "../" + filepath.Base(filepath.Dir(outside)) + "/m.safetensors"} {
		if _, err := modelcheck.Run(t.Context(), a, dir, []manifest.File{{Path: path}}, modelcheck.Options{}); err == nil {
			t.Errorf("%s was read", path)
		}
	}
}

func TestSchemas(t *testing.T) {
	schema, err := schemas.Model(modelcheck.Schemas())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range modelcheck.Catalog() {
		if r.Doc == "" || r.Group == "" || !bytes.Contains(schema, []byte(`"`+r.ID+`"`)) {
			t.Errorf("rule %+v", r)
		}
		for _, name := range r.Required {
			if _, ok := r.Params[name]; !ok {
				t.Errorf("%s requires %s and does not have it", r.ID, name)
			}
		}
	}
}
