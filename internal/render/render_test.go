package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// extension is where each format's golden files end, so that editors and
// forges show them as what they are.
var extension = map[string]string{"text": ".txt", "markdown": ".md", "json": ".json", "html": ".html", "junit": ".xml", "sarif": ".sarif"}

func ptr[T any](v T) *T { return &v }

func passing() []report.Finding {
	var out []report.Finding
	for _, c := range []string{"table.rows", "schema", "column.unique", "column.values", "text.length"} {
		out = append(out, report.Finding{Check: c, Group: report.GroupData, Artifact: "reviews", Verdict: report.Pass, Message: "holds for 5,000 rows"})
	}
	return append(out,
		report.Finding{Check: "files.readable", Group: report.GroupFiles, Artifact: "sentiment", Subject: "model.safetensors", Verdict: report.Pass, Message: "safetensors, 524,290 parameters"},
		report.Finding{Check: "gate", Group: report.GroupEvaluation, Artifact: "sentiment", Subject: "accuracy", Verdict: report.Pass, Message: "accuracy is 0.871, at least 0.80"},
		report.Finding{Check: "ledger", Group: report.GroupState, Verdict: report.Pass},
	)
}

func failing() []report.Finding {
	return append(passing(),
		report.Finding{
			Check: "column.not-null", Group: report.GroupData, Artifact: "reviews", Subject: "text", Verdict: report.Fail,
			Location: &report.Location{File: "datasets/reviews/dataset.yaml", Line: 14, Column: 5},
			Message:  "Column text has nulls in the split train, though the manifest says nullable: false.",
			Expected: "no nulls", Observed: "12 of 5,000 values (0.24 %)",
			Hint: "Remove the rows, or write nullable: true if the model can take them. The first rows are 17, 203 and 1,114.",
			Doc:  "https://waybill.dev/checks/column.not-null", Details: map[string]any{"rows": []int{17, 203, 1114}, "nulls": 12},
		},
		report.Finding{
			Check: "gate", Rule: "gate.not-worse", Group: report.GroupEvaluation, Artifact: "sentiment", Subject: "accuracy, product=books", Verdict: report.Fail,
			Location: &report.Location{File: "models/sentiment/model.yaml", Line: 31},
			Message:  "Accuracy is worse than sentiment@v0.1.0 by more than the margin.",
			Expected: "difference ≥ -0.010", Observed: "-0.034, 95 % interval [-0.051, -0.017]",
		},
		report.Finding{
			Check: "gate", Rule: "gate.min", Group: report.GroupEvaluation, Artifact: "sentiment", Subject: "f1", Verdict: report.Inconclusive,
			Location: &report.Location{File: "models/sentiment/model.yaml"},
			Message:  "F1 cannot be computed: the predictions have no positive label.", Hint: "waybill push sentiment",
		},
		report.Finding{
			Check: "lineage.stale", Group: report.GroupLineage, Artifact: "sentiment", Severity: report.Warning, Verdict: report.Fail,
			Message: "The dataset reviews has moved on since these weights were trained.", Hint: "Train again, or keep the weights knowingly.",
		},
		report.Finding{
			Check: "card.language", Group: report.GroupCard, Artifact: "sentiment", Severity: report.Info, Verdict: report.Fail,
			Message: "The card names no language.",
		},
	)
}

func hostile() *report.Report {
	evil := "\x1b[31mred\x1b]0;title\a \u202eevil\u2066 a\r\nb\tc \u009b31m | x \\| y `code` ``two`` <script>alert(1)</script> <!-- @octocat @org/team a@b.example " +
		"https://evil.example www.evil.example #12 GH-7 org/repo#3 [l](https://x) ![i](//y) &lt; *b* _i_ ~s~ $x$ \xff 名前 ```"
	text := "first\n```\n</pre><b>@octocat\n" + evil
	return report.New([]report.Finding{{
		Check: evil, Rule: "x" + evil, Group: evil, Artifact: evil, Severity: report.Severity(evil), Verdict: report.Verdict(evil), Subject: evil,
		Location: &report.Location{File: evil, Line: 1}, Message: evil, Expected: evil, Observed: evil, Hint: evil, Doc: evil,
		Details: map[string]any{evil: []any{evil, 1}},
	}, {Check: evil, Group: evil, Artifact: evil, Verdict: report.Pass, Subject: evil, Message: evil}},
		report.TableSection(evil, []string{evil, ">" + evil}, [][]string{{evil, evil, evil}, {evil}}),
		report.Section{Title: evil, Text: &text},
		report.Section{Title: evil, Intervals: &report.Intervals{Unit: evil, Rows: []report.Interval{{Label: evil, Value: 1, Lower: 2, Upper: 0, Verdict: report.Verdict(evil)}}}},
		report.Section{Title: evil, Histogram: &report.Histogram{Edges: []float64{1}, Counts: []int64{-3, math.MaxInt64, 1}}},
		report.Section{Title: evil, Curves: &report.Curves{X: report.Axis{Label: evil}, Y: report.Axis{Label: evil}, Diagonal: true, Lines: []report.Line{
			{Label: evil, X: []float64{0, math.NaN(), 1}, Y: []float64{0, 1, 1}}, {Label: evil, X: []float64{0.5}, Y: []float64{math.Inf(1)}, Points: true},
		}}},
		report.Section{Title: evil, Matrix: &report.Matrix{Row: evil, Column: evil, Labels: []string{evil}, Counts: [][]int64{{-3}, {math.MaxInt64, 1}}}},
	)
}

func sections() []report.Section {
	lot := report.TableSection("Versions", []string{"Version", "Stage", ">Files", "Content digest"}, [][]string{
		{"v0.2.0", "production", "2", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
		{"v0.1.0", "", "12", "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"},
		{"評価版", "ステージング", "1,204", "不明"},
	})
	lot.Table.Omitted = 1204
	return []report.Section{
		lot,
		report.TableSection("Holds", []string{"Version", "Reason"}, nil),
		{Title: "Accuracy with 95 % intervals", Intervals: &report.Intervals{Unit: "accuracy", Rows: []report.Interval{
			{Label: "all", Value: 0.8714, Lower: 0.861, Upper: 0.8818, Limit: ptr(0.85), Verdict: report.Pass},
			{Label: "product=books", Value: 0.8123, Lower: 0.78, Upper: 0.845, Limit: ptr(0.85), Verdict: report.Fail},
			{Label: "product=music", Value: 0.86, Lower: 0.79, Upper: 0.93, Limit: ptr(0.85), Verdict: report.Inconclusive},
			{Label: "product=games", Value: math.NaN(), Lower: math.NaN(), Upper: math.NaN()},
		}}},
		{Title: "Length of text", Histogram: &report.Histogram{Edges: []float64{0, 50, 100, 150, 200}, Counts: []int64{12, 1893, 640, 1}}},
		report.TextSection("What is next", "Nothing is deployed yet: the promotion wrote the ledger, and the deployment file changes with the next pull request of the repository.\n\n  waybill show sentiment\n\twaybill history sentiment\n"),
	}
}

func TestGolden(t *testing.T) {
	titled := report.New(passing())
	titled.Title = "check reviews"
	for _, c := range []struct {
		name   string
		report *report.Report
		o      Options
	}{
		{"empty", report.New(nil), Options{}},
		{"pass", report.New(passing()), Options{}},
		{"pass-verbose", titled, Options{Verbose: true}},
		{"fail", report.New(failing(), report.TextSection("Note", "One section after the findings.")), Options{}},
		{"fail-narrow", report.New(failing()), Options{Width: 60}},
		{"fail-verbose", report.New(failing()), Options{Verbose: true}},
		{"fail-color", report.New(failing()), Options{Color: true}},
		{"inconclusive", report.New([]report.Finding{{Check: "gate", Artifact: "sentiment", Verdict: report.Inconclusive, Message: "There is no baseline yet."}}), Options{}},
		{"hostile", hostile(), Options{Verbose: true}},
	} {
		for _, format := range Formats() {
			if (c.o.Width > 0 || c.o.Color) && !slices.Contains([]string{"text", "markdown", "json"}, format) {
				continue // they know no terminal
			}
			t.Run(c.name+extension[format], func(t *testing.T) {
				var b bytes.Buffer
				if err := Report(&b, format, c.report, c.o); err != nil {
					t.Fatal(err)
				}
				golden(t, c.name+extension[format], b.Bytes())
			})
		}
	}
}

func TestGoldenSections(t *testing.T) {
	for _, c := range []struct {
		name, format string
		o            Options
	}{
		{"sections.txt", "text", Options{}},
		{"sections-80.txt", "text", Options{Width: 80}},
		{"sections-color.txt", "text", Options{Color: true, Width: 120}},
		{"sections.md", "markdown", Options{}},
		{"sections.html", "html", Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Sections(&b, c.format, sections(), c.o); err != nil {
				t.Fatal(err)
			}
			golden(t, c.name, b.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	got = bytes.Replace(got, []byte(htmlStyle), nil, 1)
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with: go test ./internal/render -update)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; compare after: go test ./internal/render -update\ngot:\n%s", path, got)
	}
}

func TestUnknownFormat(t *testing.T) {
	for _, err := range []error{
		Report(io.Discard, "htlm", report.New(nil), Options{}), Sections(io.Discard, "htlm", nil, Options{}), CheckFormat("htlm"),
	} {
		if !errors.Is(err, ErrFormat) || err.Error() != `unknown format "htlm"; use one of text, markdown, json, html, junit, sarif` {
			t.Errorf("got %v", err)
		}
	}
	if err := CheckFormat("json"); err != nil {
		t.Error(err)
	}
}

func TestJSONKeepsEveryValue(t *testing.T) {
	for _, r := range []*report.Report{report.New(nil), report.New(failing()), hostile()} {
		plain, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := Report(&b, "json", r, Options{}); err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("the value changed: %s", b.String())
		}
		if !strings.HasSuffix(b.String(), "}\n") {
			t.Error("no newline at the end")
		}
	}
	var b bytes.Buffer
	if err := Report(&b, "json", report.New([]report.Finding{{Message: "a<b & c \U000e0041\u009b"}}), Options{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"a<b & c \udb40\udc41\u009b"`) {
		t.Errorf("got %s", b.String())
	}
}

func TestJSONSections(t *testing.T) {
	var b bytes.Buffer
	if err := Sections(&b, "json", nil, Options{}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"apiVersion\": \"waybill.dev/v1\",\n  \"sections\": []\n}\n"; b.String() != want {
		t.Errorf("got %s, want %s", b.String(), want)
	}
	// JSON has no word for a number that is none, and nothing is written then.
	b.Reset()
	if err := Sections(&b, "json", sections(), Options{}); err == nil || b.Len() > 0 {
		t.Errorf("NaN: got %d bytes and error %v", b.Len(), err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteError(t *testing.T) {
	for _, format := range Formats() {
		if err := Report(broken{}, format, report.New(nil), Options{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: got %v", format, err)
		}
	}
}
