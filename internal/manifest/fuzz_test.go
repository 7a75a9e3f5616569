package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hostile are documents that have hurt YAML readers: each must be refused, and
// soon.
func hostile() map[string]string {
	head := "apiVersion: waybill.dev/v1\nkind: Dataset\nname: xx\nfiles: [a]\n"
	project := "apiVersion: waybill.dev/v1\nkind: Project\nregistry: localhost:5000\n"
	fill := func(start, format string) string {
		var b strings.Builder
		b.WriteString(start)
		for i := 0; b.Len() < maxDocumentSize-64; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 9), ","))
	}
	return map[string]string{
		"alias bomb":          bomb,
		"alias bomb inside":   head + "columns:\n  " + strings.ReplaceAll(bomb, "\n", "\n  "),
		"deep flow":           head + "columns: " + strings.Repeat("[", 500_000),
		"deep flow, closed":   head + "columns: " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
		"deep maps":           head + "columns: " + strings.Repeat("{a: ", 9_000),
		"deep block":          head + "columns:\n " + strings.Repeat("- ", 400_000),
		"deep keys":           head + strings.Repeat("? ", 400_000),
		"nonsense keys":       fill(head, "k%d: v\n"),
		"near keys":           fill(head, "file%d: v\n"),
		"short keys":          fill(head, "%x:\n"),
		"one key again":       fill(head, "name: a\n"),
		"wrong entries":       fill(head+"checks: [", "%d,") + "1]",
		"unknown checks":      fill(head+"checks: [", "{check: c%d},") + "]",
		"checks with no name": fill(head+"checks: [", "{a%d: 1},") + "]",
		"same columns":        fill(head+"columns: [", "{name: a},") + "]",
		"bad columns":         fill(head+"columns: [", "{nam: %d},") + "]",
		"files":               fill(strings.TrimSuffix(head, "files: [a]\n")+"files: [", "../%d,") + "]",
		"splits":              fill(strings.TrimSuffix(head, "files: [a]\n")+"files: {", "s%d: a,") + "}",
		"split checks":        fill(fill(strings.TrimSuffix(head, "files: [a]\n")+"files: {", "s%d: a,")[:maxDocumentSize/2]+"x: b}\nchecks: [", "{check: table.rows, split: t%d},")[:maxDocumentSize-100] + "}]",
		"references":          fill(head+"checks: [", "{check: drift, max: 1, against: '#A%d'},") + "]",
		"stages in a chain":   fill(project+"stages: {s0: {from: [s1]},", "s%d: {from: [s0]},") + "}",
		"stages unknown":      fill(project+"stages: {", "ss%[1]d: {from: [tt%[1]d]},") + "}",
		"stages in circles":   fill(project+"stages: {", "ss%[1]d: {from: [ss%[1]d]},") + "}",
		"people and stages":   fill(fill(project+"people: {g: [", "{login: a, id: 1%d},")[:maxDocumentSize/2]+"}]}\nstages: {", "ss%d: {approvals: {required: 100, from: [g]}},") + "}",
		"long text":           head + "description: '" + strings.Repeat("x\n\n", 300_000) + "'\nx: 1",
		"long number":         head + "layout: " + strings.Repeat("9", 1_000_000),
		"long key":            head + strings.Repeat("k", 1_000_000) + ": 1",
		"long exponent":       head + "columns: [{name: a, min: 1e999999999, max: 1e-999999999}]",
		"comments":            fill(head, "# %d\n") + "x: 1",
		"anchors":             fill(head, "k%[1]d: &a%[1]d x\n"),
		"brackets in keys":    fill(head, "[%d]: x\n"),
		"globs":               head + "checks: [{check: text.pattern, column: a, pattern: '" + strings.Repeat("(", 500_000) + "'}]",
		"braces":              strings.TrimSuffix(head, "files: [a]\n") + "files: ['" + strings.Repeat("{a,", 300_000) + "']",
		"newlines":            strings.Repeat("\n", maxDocumentSize),
		"spaces":              strings.Repeat(" ", maxDocumentSize),
		"documents":           strings.Repeat("---\n", maxDocumentSize/4),
		"question marks":      strings.Repeat("?\n", maxDocumentSize/2),
		"too large":           head + strings.Repeat("#", maxDocumentSize),
	}
}

// TestHostile refuses what has hurt YAML readers. Each takes well below a
// second; what is quadratic in them runs into the time limit of go test.
func TestHostile(t *testing.T) {
	p := newParser(t)
	for name, doc := range hostile() {
		t.Run(name, func(t *testing.T) {
			var err error
			if strings.Contains(doc[:min(len(doc), 50)], "Project") {
				_, err = p.Project(ProjectFile, []byte(doc))
			} else {
				_, err = p.Artifact("d/dataset.yaml", []byte(doc))
			}
			var errs Errors
			if !errors.As(err, &errs) {
				t.Fatalf("not refused: %v", err)
			}
			if len(errs) > maxErrors+1 || len(err.Error()) > 100_000 {
				t.Errorf("%d errors, %d bytes of them", len(errs), len(err.Error()))
			}
		})
	}
}

func seeds(f *testing.F, pattern string) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds at", pattern)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// checkErrors holds what a parser returns to what callers rely on.
func checkErrors(t *testing.T, file string, err error) {
	if err == nil {
		return
	}
	var errs Errors
	if !errors.As(err, &errs) || len(errs) == 0 || len(errs) > maxErrors+1 {
		t.Fatalf("%#v", err)
	}
	for _, e := range errs {
		if e.Pos.File != file || e.Pos.Line < 1 || e.Pos.Column < 1 || e.Message == "" || strings.Contains(e.Message, "%!") {
			t.Errorf("%#v", e)
		}
	}
}

func FuzzParseProject(f *testing.F) {
	seeds(f, "testdata/*/project-*.yaml")
	p := newParser(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		project, err := p.Project(ProjectFile, data)
		checkErrors(t, ProjectFile, err)
		if err != nil {
			return
		}
		for _, s := range project.Stages {
			for _, from := range s.From {
				if _, ok := project.Stage(from); !ok {
					t.Errorf("stage %q comes from %q, which is not there", s.Name, from)
				}
			}
		}
	})
}

func FuzzParseArtifact(f *testing.F) {
	seeds(f, "testdata/*/dataset-*.yaml")
	seeds(f, "testdata/*/model-*.yaml")
	seeds(f, "testdata/*/artifact-*.yaml")
	for _, doc := range hostile() {
		if len(doc) < 4096 {
			f.Add([]byte(doc))
		}
	}
	p := newParser(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := p.Artifact("a/b/any.yaml", data)
		checkErrors(t, "a/b/any.yaml", err)
		if err != nil {
			return
		}
		if (a.Kind == KindModel) != (a.Model != nil) || (a.Kind == KindDataset) != (a.Dataset != nil) || len(a.Files) == 0 {
			t.Errorf("%+v", a)
		}
		for _, set := range a.Files {
			for _, p := range set.Patterns {
				if strings.HasPrefix(p.Glob, "/") || outside("", p.Glob) {
					t.Errorf("%q leaves the folder", p.Glob)
				}
			}
		}
		if a.Model == nil {
			return
		}
		paths := append([]string{a.Model.Card}, a.Model.Code...)
		for _, targets := range a.Model.Deploy {
			for _, target := range targets {
				paths = append(paths, target.File)
			}
		}
		for _, p := range paths {
			if r := a.Resolve(p); r == ".." || strings.HasPrefix(r, "../") || strings.HasPrefix(r, "/") {
				t.Errorf("%q leaves the repository: %q", p, r)
			}
		}
	})
}

func FuzzParseLock(f *testing.F) {
	seeds(f, "testdata/*.lock.json")
	f.Add([]byte("<<<<<<< "))
	f.Add([]byte(strings.Repeat("[", 20_000)))
	f.Add([]byte(`{"files":[{"path":"../a"}],"metrics":{"a":1e400}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseLock("l", data)
		if err != nil {
			return
		}
		b, err := l.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseLock("l", b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if b2, err := again.Bytes(); err != nil || !bytes.Equal(b, b2) {
			t.Errorf("%v: got\n%s\nwant\n%s", err, b2, b)
		}
	})
}

func BenchmarkParseArtifact(b *testing.B) {
	for name, file := range map[string]string{"model-full": "models/x/model.yaml", "dataset-full": "datasets/x/dataset.yaml", "model-small": "model.yaml"} {
		data, err := os.ReadFile("testdata/ok/" + name + ".yaml")
		if err != nil {
			b.Fatal(err)
		}
		p := newParser(b)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Artifact(file, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewParser(b *testing.B) {
	for b.Loop() {
		newParser(b)
	}
}
