package review

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/report"
)

// TestJSON: what was told is read again, and says the same.
func TestJSON(t *testing.T) {
	for name, make := range goldens {
		s := make()
		data, err := s.JSON()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(data) > MaxJSON {
			t.Errorf("%s: %d bytes", name, len(data))
		}
		back, err := Parse(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "ten-thousand" {
			continue // it loses findings
		}
		if a, b := s.Comment(CommentLimit, CommentOptions{}), back.Comment(CommentLimit, CommentOptions{}); a != b {
			t.Errorf("%s: the comment of what was read is another:\n%s\n%s", name, a, b)
		}
		if s.Verdict != back.Verdict || !reflect.DeepEqual(s.Outputs(), back.Outputs()) {
			t.Errorf("%s: %s and %s", name, s.Verdict, back.Verdict)
		}
	}
}

// TestJSONOfAnything: whatever is in a story, its JSON is one that Parse takes.
func TestJSONOfAnything(t *testing.T) {
	for _, a := range append(attacks, strings.Repeat("é", 50_000)) {
		s := everywhere(a)
		s.Head, s.APIVersion, s.Kind, s.Project = strings.Repeat("0", 40), report.APIVersion, Kind, Changed
		for i := range s.Artifacts {
			x := &s.Artifacts[i]
			x.Kind, x.Change = "Model", Changed
			x.Findings[0].Details = map[string]any{"row": "a row of data"}
			x.Evaluation[2].Intervals.Rows = append(x.Evaluation[2].Intervals.Rows, report.Interval{Value: math.NaN()}, report.Interval{Upper: math.Inf(1)})
			for j := range x.Evaluation {
				if v := x.Evaluation[j].Intervals; v != nil {
					v.Rows[0].Verdict = ""
				}
			}
			x.Stages[0].Verdict = report.Fail
		}
		s.finish()
		data, err := s.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(data); err != nil {
			t.Errorf("%.20q: %v", a, err)
		}
		if bytes.Contains(data, []byte("a row of data")) {
			t.Error("details are written")
		}
	}
}

func TestJSONIsBounded(t *testing.T) {
	s := tenThousand()
	for i := range s.Artifacts {
		for range 6 {
			s.Artifacts[i].Diff = append(s.Artifacts[i].Diff, report.TextSection("t", strings.Repeat("x", 9000)))
		}
	}
	data, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > MaxJSON || back.Omitted == 0 || back.Verdict != report.Fail || len(back.Artifacts) != 100 {
		t.Errorf("%d bytes, %d omitted, %s, %d artifacts", len(data), back.Omitted, back.Verdict, len(back.Artifacts))
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := dataFailure().JSON()
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) string {
		out := strings.Replace(string(good), old, new, 1)
		if out == string(good) {
			t.Fatalf("%s is not in the story", old)
		}
		return out
	}
	for name, data := range map[string]string{
		"empty": "", "no object": "[]", "null": "null", "two": string(good) + "{}", "too large": change(`"head"`, strings.Repeat(" ", MaxJSON)+`"head"`),
		"unknown key": change(`"head"`, `"admin":true,"head"`), "unknown key of a finding": change(`"rule"`, `"details":{},"rule"`),
		"version": change(report.APIVersion, "waybill.dev/v9"), "kind": change(`"kind":"Review"`, `"kind":"Model"`), "head": change(strings.Repeat("b2", 20), "main"),
		"verdict": change(`"verdict":"FAIL"`, `"verdict":"MAYBE"`), "change": change(`"change":"changed"`, `"change":"hacked"`),
		"long text": change(`"message":"label`, `"message":"`+strings.Repeat("x", 3000)+`label`), "missing": change(`"head":"`+strings.Repeat("b2", 20)+`",`, ""),
		"negative": change(`"line":12`, `"line":-12`), "fraction": change(`"line":12`, `"line":1.5`), "deep": strings.Repeat("[", 100_000), "null artifacts": `{"artifacts":null}`,
	} {
		if s, err := Parse([]byte(data)); err == nil {
			t.Errorf("%s: accepted: %+v", name, s)
		} else if len(err.Error()) > 2000 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
	}
}

// TestParseBelievesNothing: who says PASS over findings that fail is not believed.
func TestParseBelievesNothing(t *testing.T) {
	data, err := dataFailure().JSON()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(bytes.ReplaceAll(data, []byte(`"verdict":"FAIL","summary":{"pass":3,"fail":1,`), []byte(`"verdict":"PASS","summary":{"pass":3,"fail":0,`)))
	if err != nil {
		t.Fatal(err)
	}
	if s.Verdict != report.Fail || s.Summary.Fail != 1 {
		t.Errorf("%s, %+v", s.Verdict, s.Summary)
	}
}

func FuzzParse(f *testing.F) {
	for _, make := range goldens {
		data, err := make().JSON()
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 10_000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		body := s.Comment(CommentLimit, CommentOptions{})
		if len(body) > CommentLimit {
			t.Errorf("%d bytes", len(body))
		}
		for _, p := range live(body) {
			t.Error(p)
		}
		s.CheckRun()
		s.Outputs()
		again, err := s.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(again); err != nil {
			t.Error(err)
		}
	})
}

func TestCheckRun(t *testing.T) {
	for name, want := range map[string]string{"data-failure": forge.ConclusionFailure, "not-worse": forge.ConclusionActionRequired, "weakened": forge.ConclusionSuccess,
		"bootstrap": forge.ConclusionSuccess, "nothing": forge.ConclusionSuccess, "ten-thousand": forge.ConclusionFailure} {
		run := goldens[name]().CheckRun()
		if run.Conclusion != want || run.Status != forge.StatusCompleted || len(run.Summary) > 65_535 || len(run.Annotations) > MaxAnnotations {
			t.Errorf("%s: %s, %d bytes, %d annotations", name, run.Conclusion, len(run.Summary), len(run.Annotations))
		}
	}
	run := dataFailure().CheckRun()
	if len(run.Annotations) != 1 {
		t.Fatalf("%d annotations", len(run.Annotations))
	}
	a := run.Annotations[0]
	if a.Path != "datasets/reviews/dataset.yaml" || a.StartLine != 12 || a.EndLine != 12 || a.Level != forge.LevelFailure || a.Title != "reviews: column.values" ||
		!strings.Contains(a.Message, "expected: 0 or 1") {
		t.Errorf("%+v", a)
	}
	if weakened().CheckRun().Annotations[0].Level != forge.LevelWarning {
		t.Error("a warning fails")
	}
}

func TestAnnotationPaths(t *testing.T) {
	for p, want := range map[string]bool{"a/b.yaml": true, "": false, "/etc/passwd": false, "../x": false, "..": false, "a/../b": false, "a\nb": false, `a\b`: false, "a//b": false,
		strings.Repeat("a", 2000): false} {
		if inRepository(p) != want {
			t.Errorf("%.30q: %v", p, !want)
		}
	}
}

func TestOutputs(t *testing.T) {
	var many []Artifact
	for i := range 300 {
		many = append(many, Artifact{Name: "a" + strings.Repeat("x", i), Kind: "Model", Change: Changed})
	}
	var list []struct{ Name, Kind, Change, Path string }
	if err := json.Unmarshal([]byte(story(many...).Outputs()["changed"]), &list); err != nil || len(list) != MaxMatrix {
		t.Errorf("%d, %v", len(list), err)
	}
	out := bootstrap().Outputs()
	if out["verdict"] != "PASS" || out["fail"] != "1" || nothing().Outputs()["changed"] != "[]" {
		t.Errorf("%v", out)
	}
}

func TestReport(t *testing.T) {
	r := dataFailure().Report()
	if r.Verdict != report.Fail || len(r.Findings) != 5 || len(r.Sections) != 5 {
		t.Errorf("%s, %d findings, %d sections", r.Verdict, len(r.Findings), len(r.Sections))
	}
	for _, s := range r.Sections {
		if !strings.HasPrefix(s.Title, "reviews: ") || strings.HasPrefix(s.Title, "reviews: reviews: ") {
			t.Errorf("the section %q does not say of what it is", s.Title)
		}
	}
}
