package review

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/report"
)

var update = flag.Bool("update", false, "write the golden comments anew")

func failed(check, artifact, message string) report.Finding {
	return report.Finding{Check: check, Group: report.GroupData, Artifact: artifact, Verdict: report.Fail, Message: message}
}

func passes(check, artifact, message string) report.Finding {
	f := failed(check, artifact, message)
	f.Verdict = report.Pass
	return f
}

func story(artifacts ...Artifact) *Story {
	s := &Story{APIVersion: report.APIVersion, Kind: Kind, Base: strings.Repeat("a1", 20), Head: strings.Repeat("b2", 20), Total: len(artifacts),
		Artifacts: artifacts, Findings: []report.Finding{}}
	for i := range s.Artifacts {
		a := &s.Artifacts[i]
		a.Parts, a.Because, a.Dependents = nonNil(a.Parts), nonNil(a.Because), nonNil(a.Dependents)
		if a.Path == "" {
			a.Path = strings.ToLower(a.Kind) + "s/" + a.Name + "/" + strings.ToLower(a.Kind) + ".yaml"
		}
	}
	s.finish()
	return s
}

func dataFailure() *Story {
	values := failed("column.values", "reviews", "label: 3 of 1,200 rows have a value that is not allowed: 7")
	values.Subject, values.Expected, values.Observed = "label", "0 or 1", "3 rows"
	values.Location = &report.Location{File: "datasets/reviews/dataset.yaml", Line: 12, Column: 5}
	drift := failed("drift", "reviews", "label: js-distance to #production is 0.18")
	drift.Severity, drift.Expected, drift.Observed = report.Warning, "at most 0.1", "0.18"
	return story(Artifact{Name: "reviews", Kind: "Dataset", Change: Changed, Parts: []string{PartLock, PartFiles}, Dependents: []string{"sentiment"},
		From: "sha256:1", To: "sha256:2", Headline: "+120 rows, −3 rows, columns +lang",
		Findings: []report.Finding{values, drift, passes("table.rows", "reviews", "1,200 rows"), passes("column.unique", "reviews", "id: no value repeats")},
		Diff: []report.Section{report.TextSection("reviews: the base → this change", "Files: 1 changed (1a2b3c4d5e6f → 9f8e7d6c5b4a)."),
			report.TextSection("train: rows", "1,083 rows → 1,200: 120 added, 3 removed, 0 changed (by id)."),
			report.TableSection("train: schema", []string{"", "column", "before", "after"}, [][]string{{"added", "lang", "", "text"}}),
			report.TableSection("train: first rows", []string{"", "row", "values"}, [][]string{{"added", "train.csv:1084", "id=xx99"}})},
		Evaluation: []report.Section{{Title: "reviews: label", Histogram: &report.Histogram{Edges: []float64{0, 2, 4, 6, 8}, Counts: []int64{580, 617, 0, 3}}}},
		Stages: []Stage{{Name: "staging", Now: "v1.3.0", Would: "v1.3.1", Verdict: report.Pass, Conditions: []Condition{{Verdict: report.Pass, Message: "no hold keeps it out"}}},
			{Name: "production", Would: "v1.3.1", Verdict: report.Fail, Conditions: []Condition{{Verdict: report.Fail, Message: "the data checks fail"}, {Verdict: report.Fail, Message: "v1.3.1 was never in staging"}}}},
	}, Artifact{Name: "sentiment", Kind: "Model", Change: Dependent, Because: []string{"reviews"},
		Findings: []report.Finding{passes("files.present", "sentiment", "2 files")}})
}

func notWorse() *Story {
	gate := failed("gate.accuracy", "sentiment", "accuracy may be worse than that of sentiment@v1.2.0: the interval of the difference reaches −0.031, the margin is 0.01")
	gate.Verdict, gate.Group, gate.Hint = report.Inconclusive, report.GroupEvaluation, "about 2,300 more rows would decide"
	limit := -0.01
	return story(Artifact{Name: "sentiment", Kind: "Model", Change: Changed, Parts: []string{PartLock, PartPredictions}, From: "sha256:1", To: "sha256:2",
		Headline: "12 tensors changed, accuracy 0.912 → 0.907", Findings: []report.Finding{gate, passes("files.present", "sentiment", "2 files")},
		Evaluation: []report.Section{report.TableSection("sentiment: Gates", []string{"Metric", ">Baseline", ">Candidate", ">Difference (interval)", ">Margin", "Verdict"},
			[][]string{{"accuracy", "0.912", "0.907", "−0.005 (−0.031 to 0.021)", "0.01", "INCONCLUSIVE"}}),
			report.TableSection("sentiment: accuracy by slice", []string{"Slice", ">Baseline", ">Candidate", ">Difference (interval)", ">Margin", "Verdict"},
				[][]string{{"product = book", "0.92", "0.87", "−0.05 (−0.12 to 0.02)", "0.01", "INCONCLUSIVE"}, {"product = film", "0.90", "0.91", "0.01 (−0.04 to 0.06)", "0.01", "INCONCLUSIVE"}}),
			{Title: "sentiment: Differences", Intervals: &report.Intervals{Rows: []report.Interval{{Label: "accuracy", Value: -0.005, Lower: -0.031, Upper: 0.021, Limit: &limit, Verdict: report.Inconclusive}}}},
			{Title: "sentiment: Confusion matrix", Matrix: &report.Matrix{Row: "Label", Column: "Prediction", Labels: []string{"0", "1"}, Counts: [][]int64{{250, 21}, {30, 247}}}}},
		Stages: []Stage{{Name: "production", Now: "v1.2.0", Would: "v1.2.1", Verdict: report.Inconclusive, Conditions: []Condition{{Verdict: report.Inconclusive, Message: "the evaluation checks are inconclusive"}}}}})
}

func weakened() *Story {
	s := story(Artifact{Name: "reviews", Kind: "Dataset", Change: Changed, Parts: []string{PartManifest}, Headline: "the same content",
		Findings: []report.Finding{passes("table.rows", "reviews", "1,200 rows")}})
	weak := report.Finding{Check: "policy.weakened", Group: report.GroupPromotion, Severity: report.Warning, Verdict: report.Fail, Artifact: "reviews", Subject: "table.rows min",
		Message: "table.rows: min was lowered", Expected: "1000", Observed: "10", Location: &report.Location{File: "datasets/reviews/dataset.yaml", Line: 9}}
	s.Findings, s.Project = []report.Finding{weak}, Changed
	s.finish()
	return s
}

func bootstrap() *Story {
	s := story(Artifact{Name: "reviews", Kind: "Dataset", Change: Added, Parts: []string{PartManifest, PartFiles}, Headline: "new: 1 file",
		Findings: []report.Finding{failed("column.values", "reviews", "label: 1 row has a value that is not allowed")}})
	s.Bootstrap, s.Project = true, Added
	return s
}

func tenThousand() *Story {
	var all []Artifact
	for i := range 100 {
		a := Artifact{Name: fmt.Sprintf("reviews-%02d", i), Kind: "Dataset", Change: Changed, Parts: []string{PartLock}}
		for j := range 100 {
			f := failed("column.values", a.Name, fmt.Sprintf("column_%d: %d rows have a value that is not allowed: <b>@octocat</b> said \"#%d\"", j, i+j, j))
			f.Subject, f.Expected = fmt.Sprintf("column_%d", j), "one of a, b, c"
			f.Location = &report.Location{File: "datasets/" + a.Name + "/dataset.yaml", Line: j + 1}
			a.Findings = append(a.Findings, f)
		}
		all = append(all, a)
	}
	return story(all...)
}

func removedArtifact() *Story {
	warn := failed("review.removed", "reviews", "it is removed, and models are made from it: sentiment")
	warn.Severity = report.Warning
	s := story(Artifact{Name: "reviews", Kind: "Dataset", Change: Removed, Parts: []string{PartManifest}, Dependents: []string{"sentiment"}, Findings: []report.Finding{warn},
		Stages: []Stage{{Name: "production", Now: "v1.2.0", Verdict: report.Pass, Conditions: []Condition{{Verdict: report.Pass, Message: "what is there stays; nothing new can be promoted"}}}}})
	s.Total = 1
	return s
}

func oneOfMany() *Story {
	s := story(Artifact{Name: "ranker-007", Kind: "Model", Change: Changed, Parts: []string{PartLock, PartCard}, Headline: "3 tensors changed",
		Findings: []report.Finding{passes("files.present", "ranker-007", "1 file")}})
	s.Total = 200
	return s
}

func nothing() *Story {
	s := story()
	s.Total = 2
	return s
}

var goldens = map[string]func() *Story{
	"data-failure": dataFailure, "not-worse": notWorse, "weakened": weakened, "bootstrap": bootstrap,
	"ten-thousand": tenThousand, "nothing": nothing, "removed": removedArtifact, "one-of-many": oneOfMany,
}

func TestGoldenComments(t *testing.T) {
	for name, make := range goldens {
		s := make()
		got := s.Comment(CommentLimit, CommentOptions{RunURL: "https://github.com/acme/reviews/actions/runs/1"})
		if len(got) > CommentLimit || utf8.RuneCountInString(got) > CommentLimit {
			t.Errorf("%s: %d bytes", name, len(got))
		}
		for _, problem := range live(got) {
			t.Errorf("%s: %s", name, problem)
		}
		file := filepath.Join("testdata", "comments", name+".md")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from %s; run the test with -update and look at the difference:\n%s", name, file, got)
		}
	}
}

// TestOmissions: the shorter the limit, the less there is, in the declared
// order, and what is gone is counted.
func TestOmissions(t *testing.T) {
	s := dataFailure()
	marks := []struct {
		level level
		text  string
	}{{levelChart, "flowchart"}, {levelPassed, "no value repeats"}, {levelFolded, "first rows"}, {levelDiff, "1,083 rows"}, {levelStages, "never in staging"},
		{levelWarnings, "js-distance"}, {levelFailed, "value that is not allowed"}, {levelChanges, "because reviews changed"}}
	left := len(marks) + 1
	for limit := 8000; limit > 1300; limit -= 50 {
		body := s.Comment(limit, CommentOptions{})
		if len(body) > limit {
			t.Fatalf("%d bytes of %d", len(body), limit)
		}
		if live(body) != nil {
			t.Errorf("limit %d: %v", limit, live(body))
		}
		has, first := 0, -1
		for i, m := range marks {
			if strings.Contains(body, m.text) {
				has++
				if first < 0 {
					first = i
				}
			} else if first >= 0 {
				t.Fatalf("limit %d: %q is gone while %q is there", limit, m.text, marks[first].text)
			}
		}
		if has > left {
			t.Fatalf("limit %d: more is there than with a higher limit", limit)
		}
		if left = has; has < len(marks) && !strings.Contains(body, "Left out here, and in the report: ") {
			t.Fatalf("limit %d: what is gone is not said:\n%s", limit, body)
		}
	}
	if left > 1 {
		t.Errorf("%d kinds of detail are left at the end", left)
	}
}

func TestTooManyFindings(t *testing.T) {
	body := tenThousand().Comment(CommentLimit, CommentOptions{})
	shown := strings.Count(body, "not allowed")
	if shown == 0 || !strings.Contains(body, "10,000 failed") || !strings.Contains(body, "more failed check") && !strings.Contains(body, "failed checks.") {
		t.Errorf("%d findings are shown:\n%s", shown, body[len(body)-500:])
	}
}

func BenchmarkComment(b *testing.B) {
	s := tenThousand()
	for b.Loop() {
		s.Comment(CommentLimit, CommentOptions{})
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		h    report.Histogram
		want string
	}{
		{report.Histogram{Edges: []float64{0, 1, 2, 3}, Counts: []int64{0, 4, 8}}, "0 `·▅█` 3"},
		{report.Histogram{}, ""},
		{report.Histogram{Counts: []int64{-5, math.MaxInt64}}, "`·█`"},
		{report.Histogram{Edges: []float64{math.Inf(-1), math.NaN()}, Counts: []int64{1}}, "-Inf `█` NaN"},
	} {
		if got := spark(&c.h); got != c.want {
			t.Errorf("%v: %q, want %q", c.h, got, c.want)
		}
	}
}

func TestSays(t *testing.T) {
	for _, c := range []struct {
		message, fact string
		want          bool
	}{
		{"there are 20 rows, expected at least 100 rows", "at least 100 rows", true},
		{"there are 20 rows, expected at least 100 rows", "20", true},
		{"the distance is 0.18.", "0.18", true},
		{"120 rows, then 20", "20", true},
		{"the share is 20.5 %", "20", false},
		{"120 rows", "20", false},
		{"200 rows", "20", false},
		{"there are 20 rows", "", false},
	} {
		if got := says(c.message, c.fact); got != c.want {
			t.Errorf("%q says %q: %t", c.message, c.fact, got)
		}
	}
}
