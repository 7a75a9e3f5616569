package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/ref"
)

// TestErrors holds testdata/err/*.yaml to the *.txt beside them: all errors of
// a document, one a line.
func TestErrors(t *testing.T) {
	p := newParser(t)
	files, err := filepath.Glob("testdata/err/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := parse(t, p, file)
			if err == nil {
				t.Fatal("was accepted")
			}
			var one *Error
			if !errors.As(err, &one) || one.Pos.Line < 1 || one.Pos.Column < 1 {
				t.Errorf("without a position: %#v", err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", []byte(err.Error()+"\n"))
		})
	}
}

// position is a Pos in JSON, which the golden files show in short.
var position = regexp.MustCompile(`\{\s*"File": "[^"]*",\s*"Line": (\d+),\s*"Column": (\d+)\s*\}`)

// TestOK holds what is read of testdata/ok/*.yaml to the *.json beside them.
func TestOK(t *testing.T) {
	p := newParser(t)
	files, err := filepath.Glob("testdata/ok/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got, err := parse(t, p, file)
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			b = position.ReplaceAll(b, []byte(`"$1:$2"`))
			golden(t, strings.TrimSuffix(file, ".yaml")+".json", append(b, '\n'))
		})
	}
}

func TestNumbersKeepTheirTypes(t *testing.T) {
	a, err := parse(t, newParser(t), "testdata/ok/dataset-full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := []any{"no", "01", "2026-12-20", int64(16), int64(1000), int64(1<<63 - 1), 1.5, true}
	got := a.(*Artifact).Dataset.Columns[4].Values
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: got %T %v, want %T %v", i, got[i], got[i], want[i], want[i])
		}
	}
	if min, ok := a.(*Artifact).Checks[0].Params["min"].(int64); !ok || min != 1000 {
		t.Errorf("min: %#v", a.(*Artifact).Checks[0].Params["min"])
	}
}

func TestArtifactPaths(t *testing.T) {
	a := &Artifact{Path: "models/x/model.yaml"}
	for in, want := range map[string]string{"a/b": "models/x/a/b", "/a": "a", "../a": "models/a", "./a": "models/x/a"} {
		if got := a.Resolve(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := a.LockPath(); got != "models/x/model.lock.json" {
		t.Error(got)
	}
}

func TestDigestIsOfTheBytes(t *testing.T) {
	data := []byte("apiVersion: waybill.dev/v1\nkind: Project\nregistry: localhost:5000\n")
	p, err := newParser(t).Project(ProjectFile, data)
	if err != nil {
		t.Fatal(err)
	}
	if p.Digest != ref.Of(data) {
		t.Error(p.Digest)
	}
}

func TestProjectCheck(t *testing.T) {
	p := newParser(t)
	project, err := parse(t, p, "testdata/ok/project-full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Artifact("model.yaml", []byte(`apiVersion: waybill.dev/v1
kind: Model
name: sentiment
owners: [ml-lead, ml-leads]
files: [w.bin]
gates: [{metric: accuracy, notWorseThan: "#prodution"}, {metric: f1, betterThan: "#production"}]
deploy: {live: []}
`))
	if err != nil {
		t.Fatal(err)
	}
	err = project.(*Project).Check(a)
	want := `model.yaml:4:10: group "ml-lead" is not in people of waybill.yaml; did you mean "ml-leads"?
model.yaml:6:42: stage "prodution" is not in stages of waybill.yaml; did you mean "production"?
model.yaml:7:10: stage "live" is not in stages of waybill.yaml; expected one of staging, production`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	ok, err := parse(t, p, "testdata/ok/model-full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := project.(*Project).Check(ok.(*Artifact)); err != nil {
		t.Error(err)
	}
}

func TestNewParserRefusesACatalog(t *testing.T) {
	for name, checks := range map[string]string{"twice": "a.b a.b", "no name": " "} {
		cs := datasetChecks[:0:0]
		for id := range strings.SplitSeq(checks, " ") {
			c := datasetChecks[0]
			c.ID = id
			cs = append(cs, c)
		}
		if _, err := NewParser(nil, cs); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// Parameters are looked at when an entry names the check.
	bad := datasetChecks[0]
	bad.Params = map[string]any{"min": map[string]any{"type": "whole"}}
	p, err := NewParser(nil, append(datasetChecks[:0:0], bad))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), bad.ID) {
			t.Errorf("a parameter of an unknown type: %v", r)
		}
	}()
	_, err = p.Artifact(DatasetFile, []byte("apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nfiles: [a.csv]\nchecks: [{check: "+bad.ID+"}]\n"))
	t.Error("accepted:", err)
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "512": 512, "512B": 512, "1kB": 1000, "1 KB": 1000, "200MB": 200e6, "1.5GiB": 3 << 29, "0.5KiB": 512,
		"9223372036854775807": 1<<63 - 1, "7PiB": 7 << 50,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "MB", "-1", "1e9", "1.5", "0.1B", "200Mb", "200mb", "1 000", "9223372036854775808", "10000PB", "1..5kB", "1.kB", "0x10", "1\n"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("%q was read as %d", in, got)
		}
	}
	if _, err := ParseSize("200mb"); !strings.Contains(err.Error(), `perhaps "MB" was meant`) {
		t.Error(err)
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0s": 0, "90m": 90 * time.Minute, "24h": 24 * time.Hour, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "1h30m5s": 5405 * time.Second,
		"1.5h": 90 * time.Minute, "0d": 0,
	} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "7", "-1h", "1w", "1 d", "d", "200000d", "106751d24h", "999999999h", "1ms", "1h1d", "１h", "1h\n"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("%q was read as %s", in, got)
		}
	}
}

func TestErrorsAreSortedOnceAndFew(t *testing.T) {
	at := func(line, column int, message string) *Error {
		return &Error{Pos: Pos{File: "f", Line: line, Column: column}, Message: message}
	}
	got := Errors{at(2, 1, "c"), at(1, 9, "b"), at(1, 1, "z"), at(1, 1, "a"), at(1, 9, "b")}.sorted()
	if want := "f:1:1: a\nf:1:1: z\nf:1:9: b\nf:2:1: c"; got.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", got, want)
	}
	var many Errors
	for line := range 250 {
		many = append(many, at(250-line, 1, "x"))
	}
	got = many.sorted()
	if len(got) != maxErrors+1 || got[maxErrors].Error() != "f:101:1: and 150 more errors from here on" {
		t.Errorf("%d errors, the last is %v", len(got), got[len(got)-1])
	}
}
