package review

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// TestWorseVerdictStands: what was left out of a story may be what failed.
func TestWorseVerdictStands(t *testing.T) {
	s := bootstrap()
	s.Bootstrap = false
	for i := range 60 {
		a := s.Artifacts[0]
		a.Name, a.Headline = fmt.Sprintf("reviews-%d", i), strings.Repeat("\x00", 2000)
		a.Findings = nil
		for range 20 {
			f := failed("column.values", a.Name, strings.Repeat("\x00", 2000))
			f.Expected, f.Observed, f.Hint = strings.Repeat("\x00", 1000), strings.Repeat("\x00", 1000), strings.Repeat("\x00", 2000)
			a.Findings = append(a.Findings, f)
		}
		s.Artifacts = append(s.Artifacts, a)
	}
	s.finish()
	back := parsed(t, s)
	if back.Verdict != report.Fail || back.Omitted == 0 || !strings.Contains(back.Comment(CommentLimit, CommentOptions{}), "had to be left out") {
		t.Errorf("%s, %d omitted", back.Verdict, back.Omitted)
	}

	s = nothing()
	s.Verdict = report.Inconclusive
	if back = parsed(t, s); back.Verdict != report.Inconclusive || back.CheckRun().Conclusion != forge.ConclusionActionRequired {
		t.Errorf("%s, %s", back.Verdict, back.CheckRun().Conclusion)
	}
	if body := back.Comment(CommentLimit, CommentOptions{}); strings.Contains(body, "✅") {
		t.Errorf("INCONCLUSIVE is shown as passed:\n%s", body)
	}
}

func parsed(t *testing.T, s *Story) *Story {
	t.Helper()
	data, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// TestManyStages: stages count for the size of a story, too.
func TestManyStages(t *testing.T) {
	s := weakened()
	for i := range 50 {
		x := Stage{Name: fmt.Sprint(i), Verdict: report.Fail}
		for range 50 {
			x.Conditions = append(x.Conditions, Condition{Verdict: report.Fail, Message: strings.Repeat("m", 2000)})
		}
		s.Artifacts[0].Stages = append(s.Artifacts[0].Stages, x)
	}
	if back := parsed(t, s); back.Omitted == 0 {
		t.Error("nothing is said to be omitted")
	}
}

// TestKeysTwice: a key that is there twice must not bring in what the schema
// does not see.
func TestKeysTwice(t *testing.T) {
	data, err := weakened().JSON()
	if err != nil {
		t.Fatal(err)
	}
	hidden := `{"name":"hidden","headline":"` + strings.Repeat("x", 5000) + `","summary":{"pass":-1}}`
	twice := strings.Replace(string(data), `"artifacts":[{`, `"artifacts":[`+hidden+`],"artifacts":[{`, 1)
	twice = strings.Replace(twice, `"headline":"the same content",`, "", 1)
	s, err := Parse([]byte(twice))
	if err != nil {
		t.Fatal(err)
	}
	if a := s.Artifacts[0]; a.Name != "reviews" || a.Headline != "" {
		t.Errorf("%s: %.40s", a.Name, a.Headline)
	}
}

// TestOddSections: the schema allows what no report has.
func TestOddSections(t *testing.T) {
	huge := math.MaxFloat64
	s := weakened()
	s.Artifacts[0].Diff = []report.Section{
		{}, {Title: "t"}, {Matrix: &report.Matrix{Labels: []string{"a", "b", "c"}, Counts: [][]int64{{1}, {2, 3, 4, 5}, {}, {math.MaxInt64, math.MinInt64, -1}}}},
		{Matrix: &report.Matrix{Labels: []string{}, Counts: [][]int64{{1, 2}}}},
		{Curves: &report.Curves{X: report.Axis{Low: huge, High: -huge}, Y: report.Axis{Low: 1, High: 1}, Diagonal: true,
			Lines: []report.Line{{X: []float64{0, 1, 2}, Y: []float64{huge}, Lower: []float64{1}, Upper: []float64{}}, {X: []float64{}, Y: []float64{-huge, huge}}}}},
		{Intervals: &report.Intervals{Rows: []report.Interval{{Value: huge, Lower: huge, Upper: -huge, Limit: &huge}, {Value: -huge, Lower: -huge, Upper: huge}}}},
		{Histogram: &report.Histogram{Edges: []float64{huge, -huge}, Counts: []int64{math.MaxInt64, math.MaxInt64, math.MinInt64}}},
		{Table: &report.Table{Columns: []report.Column{}, Rows: [][]string{{}, {"a", "b"}}}},
	}
	s.Artifacts[0].Evaluation = s.Artifacts[0].Diff
	s = parsed(t, s)
	for _, kind := range []string{"Model", "Dataset"} {
		s.Artifacts[0].Kind = kind
		for _, p := range live(s.Comment(CommentLimit, CommentOptions{})) {
			t.Error(p)
		}
	}
	if _, err := json.Marshal(s.Report()); err != nil {
		t.Error(err)
	}
}

// TestNotFinite: a curve that is no number must not cost the whole story.
func TestNotFinite(t *testing.T) {
	s := weakened()
	s.Artifacts[0].Evaluation = []report.Section{{Curves: &report.Curves{Lines: []report.Line{{X: []float64{0}, Y: []float64{math.NaN()}}}}},
		{Curves: &report.Curves{X: report.Axis{High: math.Inf(1)}}}, {Matrix: &report.Matrix{Row: strings.Repeat("r", 300)}}}
	if back := parsed(t, s); back.Omitted != 3 {
		t.Errorf("%d omitted", back.Omitted)
	}
}

// TestRemarks: that a rule is another one now is told, though it decides nothing.
func TestRemarks(t *testing.T) {
	s := weakened()
	f := s.Findings[0]
	f.Check, f.Severity, f.Message = "policy.changed", report.Info, "the registry is another one"
	s.Findings = append(s.Findings, f)
	s.finish()
	if body := s.Comment(CommentLimit, CommentOptions{}); !strings.Contains(body, "ℹ️ info") || !strings.Contains(body, f.Message) {
		t.Errorf("the remark is not told:\n%s", body)
	}
	if s.Verdict != report.Pass {
		t.Error(s.Verdict)
	}
}

// TestNothingChecked: an artifact without findings has no tick.
func TestNothingChecked(t *testing.T) {
	s := story(Artifact{Name: "reviews", Kind: "Dataset", Change: Changed, Parts: []string{PartLock}})
	if body := s.Comment(CommentLimit, CommentOptions{}); strings.Contains(body, "✅ PASS") {
		t.Error(body)
	}
}

// TestEmoji: GitHub makes pictures of names between colons.
func TestEmoji(t *testing.T) {
	s := story(Artifact{Name: "reviews", Kind: "Dataset", Change: Changed, Findings: []report.Finding{failed("x", "reviews", "at 12:30:45, :white_check_mark: and a:+1:100:b")}})
	body := s.Comment(CommentLimit, CommentOptions{})
	for _, alive := range []string{":white", ":+1:", ":100:"} {
		if strings.Contains(body, alive) {
			t.Errorf("%s is in %s", alive, body)
		}
	}
	if !strings.Contains(body, "12:30:45") {
		t.Error("a time is taken apart: " + body)
	}
}

// TestShownUnreadable: a base whose policy is not known allows nothing.
func TestShownUnreadable(t *testing.T) {
	p := &manifest.Project{Samples: manifest.SamplesFull}
	for unreadable, want := range map[bool]manifest.Samples{false: manifest.SamplesFull, true: manifest.SamplesNone} {
		if got := (&sides{project: p, unreadable: unreadable}).shown(p, "").Samples; got != want {
			t.Errorf("unreadable %t: %s", unreadable, got)
		}
	}
}
