package render

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
)

// evaluation is a report as a gate between two models makes it: differences of
// metrics and of slices, confusion matrices, ROC curves, calibration.
func evaluation() *report.Report {
	r := report.New(append(failing()[8:10], passing()...),
		differences("Candidate − production", "difference", []float64{0.004, 0.011, -0.002, 0.006, -0.019, 0.001}, []float64{0.006, 0.009, 0.012, 0.004, 0.005, 0.003},
			"accuracy", "balanced accuracy", "recall", "roc auc", "f1", "average precision"),
		differences("Accuracy by product", "difference", []float64{-0.034, -0.006, 0.002, 0.004, 0.012, 0.009, 0.001, -0.001, 0, 0.003, 0.02, -0.08},
			[]float64{0.012, 0.015, 0.006, 0.008, 0.006, 0.011, 0.005, 0.007, 0.009, 0.008, 0.02, 0.31},
			"product=books", "product=music", "product=games", "product=kitchen", "product=garden", "product=toys", "product=electronics and computer accessories",
			"product=clothing", "product=sports", "product=films", "product=software", "product=gift cards"),
		report.Section{Title: "Confusion matrix", Matrix: confusion("negative", "neutral", "positive")},
		report.Section{Title: "Confusion matrix by intent", Matrix: confusion("alarm", "balance", "cancel", "card lost", "exchange", "greeting", "order", "pin", "refund", "status", "top up", "transfer")},
		report.Section{Title: "ROC", Curves: &report.Curves{
			X: report.Axis{Label: "false positive rate", High: 1}, Y: report.Axis{Label: "true positive rate", High: 1}, Diagonal: true,
			Lines: []report.Line{roc("candidate, AUC 0.923", 6, 5000), roc("production, AUC 0.889", 4, 400)},
		}},
		report.Section{Title: "Calibration", Curves: calibration()},
	)
	r.Title = "evaluate sentiment"
	return r
}

func differences(title, unit string, values, half []float64, labels ...string) report.Section {
	in := &report.Intervals{Unit: unit}
	for i, label := range labels {
		row := report.Interval{Label: label, Value: values[i], Lower: values[i] - half[i], Upper: values[i] + half[i], Limit: ptr(-0.01), Verdict: report.Inconclusive}
		switch {
		case row.Lower > -0.01:
			row.Verdict = report.Pass
		case row.Upper < -0.01:
			row.Verdict = report.Fail
		}
		in.Rows = append(in.Rows, row)
	}
	return report.Section{Title: title, Intervals: in}
}

func confusion(labels ...string) *report.Matrix {
	m := &report.Matrix{Row: "label", Column: "prediction", Labels: labels}
	for i := range labels {
		row := make([]int64, len(labels))
		for j := range row {
			row[j] = int64((i*37 + j*11) % 40)
		}
		row[i] = int64(400 + 113*i%700)
		m.Counts = append(m.Counts, row)
	}
	return m
}

func roc(label string, bend float64, n int) report.Line {
	l := report.Line{Label: label}
	for i := range n + 1 {
		x := float64(i) / float64(n)
		l.X, l.Y = append(l.X, x), append(l.Y, math.Round(1e6*math.Pow(x, 1/bend))/1e6)
	}
	return l
}

func calibration() *report.Curves {
	c := &report.Curves{X: report.Axis{Label: "mean score", High: 1}, Y: report.Axis{Label: "share of positives", High: 1}, Diagonal: true}
	for _, name := range []string{"candidate", "production"} {
		l := report.Line{Label: name, Points: true}
		for i := range 10 {
			x := 0.05 + float64(i)/10
			y := x * x * (3 - 2*x)
			if name == "production" {
				x, y = x+0.01, math.Sqrt(x)
			}
			l.X, l.Y = append(l.X, x), append(l.Y, y)
			l.Lower, l.Upper = append(l.Lower, math.Max(0, y-0.05)), append(l.Upper, math.Min(1, y+0.05))
		}
		c.Lines = append(c.Lines, l)
	}
	return c
}

func TestGoldenEvaluation(t *testing.T) {
	for _, format := range []string{"text", "markdown", "html", "json"} {
		t.Run(format, func(t *testing.T) {
			var b bytes.Buffer
			r := evaluation()
			if format == "json" {
				r.Sections = r.Sections[5:]
				r.Sections[0].Curves = calibration()
			}
			if err := Report(&b, format, r, Options{}); err != nil {
				t.Fatal(err)
			}
			golden(t, "evaluation"+extension[format], b.Bytes())
		})
	}
}

// TestFenceWidth holds that nothing in a comment's code block has to be moved
// sideways.
func TestFenceWidth(t *testing.T) {
	var b bytes.Buffer
	if err := Report(&b, "markdown", evaluation(), Options{}); err != nil {
		t.Fatal(err)
	}
	fence := false
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "```") {
			fence = !fence
		}
		if fence && width(line) > fenceWidth {
			t.Errorf("%d columns: %s", width(line), line)
		}
	}
}

// TestClippedLabels holds that slices can be told apart in a comment's width.
func TestClippedLabels(t *testing.T) {
	var rows []report.Interval
	for _, slice := range []string{"", ", product=book", ", product=film"} {
		rows = append(rows, report.Interval{Label: "balanced accuracy" + slice, Value: 0.1, Lower: 0, Upper: 0.2})
	}
	out := drawn(t, "markdown", report.Section{Intervals: &report.Intervals{Unit: "candidate − baseline", Rows: rows}})
	for _, want := range []string{"… accuracy, product=book", "… accuracy, product=film", "balanced accuracy "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func drawn(t *testing.T, format string, s report.Section) string {
	t.Helper()
	var b bytes.Buffer
	if err := Sections(&b, format, []report.Section{s}, Options{}); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	if format == "html" {
		if _, err := pageElements(b.String()); err != nil {
			t.Errorf("%v, in:\n%s", err, strings.Replace(b.String(), htmlStyle, "", 1))
		}
	}
	return b.String()
}

// TestOddCurves holds that lines which are none are left out, in every format.
func TestOddCurves(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]report.Curves{
		"empty":     {},
		"no points": {Lines: []report.Line{{}, {Points: true}}, Diagonal: true},
		"not finite": {X: report.Axis{Low: nan, High: inf}, Lines: []report.Line{{X: []float64{nan, inf, -inf, 1}, Y: []float64{1, 2, 3, nan}},
			{X: []float64{1}, Y: []float64{1}, Lower: []float64{nan}, Upper: []float64{1}}}},
		"unequal": {Lines: []report.Line{{X: []float64{1, 2, 3}, Y: nil, Lower: []float64{1}}, {X: nil, Y: []float64{1}}}},
	} {
		for _, format := range []string{"text", "markdown", "html", "json"} {
			out := drawn(t, format, report.Section{Title: name, Curves: &c})
			if format != "json" && !strings.Contains(out, "none") {
				t.Errorf("%s, %s: does not say that there is none:\n%.400s", name, format, out)
			}
		}
	}
	for name, c := range map[string]report.Curves{
		"one point": {Lines: []report.Line{{X: []float64{3}, Y: []float64{4}}}},
		"huge":      {Lines: []report.Line{{X: []float64{-math.MaxFloat64, math.MaxFloat64}, Y: []float64{math.MaxFloat64, -math.MaxFloat64}}}},
		"tiny":      {X: report.Axis{Low: 1e9, High: math.Nextafter(1e9, 2e9)}, Lines: []report.Line{{X: []float64{1e9, 2e9}, Y: []float64{5e-324, 0}}}},
		"back":      {Lines: []report.Line{{X: []float64{1, 3, 2, 5}, Y: []float64{1, 2, 3, 4}}}},
		"cut":       {X: report.Axis{High: 1}, Lines: []report.Line{{X: []float64{0, 1, 2}, Y: []float64{1, 2}, Lower: []float64{0, 0}, Upper: []float64{3, 3}}}},
	} {
		for _, format := range []string{"text", "markdown", "html", "json"} {
			out := strings.Replace(drawn(t, format, report.Section{Title: name, Curves: &c}), htmlStyle, "", 1)
			if strings.Contains(out, "NaN") || strings.Contains(out, "Inf") {
				t.Errorf("%s, %s:\n%s", name, format, out)
			}
		}
	}
}

func TestManyPoints(t *testing.T) {
	c := &report.Curves{}
	for i := range 40 {
		c.Lines = append(c.Lines, roc(fmt.Sprint("line ", i), 3, 20_000))
	}
	out := drawn(t, "html", report.Section{Curves: c})
	if len(out) > htmlTarget {
		t.Errorf("%d bytes", len(out))
	}
	for format, says := range map[string]string{"text": "Curves: 40 lines", "markdown": "… and 32 more lines", "html": "… and 32 more lines"} {
		if out := drawn(t, format, report.Section{Curves: c}); !strings.Contains(out, says) {
			t.Errorf("%s does not say how many lines there are", format)
		}
	}
}

func TestOddMatrix(t *testing.T) {
	for name, c := range map[string]struct {
		m    report.Matrix
		want string
	}{
		"empty":    {report.Matrix{}, "none"},
		"ragged":   {report.Matrix{Labels: []string{"a"}, Counts: [][]int64{{1, 2}, nil}}, "label 2"},
		"negative": {report.Matrix{Labels: []string{"a", "b"}, Counts: [][]int64{{-5, math.MaxInt64}, {math.MaxInt64, math.MaxInt64}}}, "-5"},
	} {
		for _, format := range []string{"text", "markdown", "html"} {
			if out := drawn(t, format, report.Section{Title: name, Matrix: &c.m}); !strings.Contains(out, c.want) {
				t.Errorf("%s, %s: no %q in:\n%s", name, format, c.want, out)
			}
		}
	}
	// A matrix nobody can take in becomes the cells that matter.
	big := &report.Matrix{Row: "label", Column: "prediction"}
	for i := range 200 {
		row := make([]int64, 200)
		row[i], row[(i+1)%200] = 1000, int64(i)
		big.Counts = append(big.Counts, row)
	}
	for _, format := range []string{"text", "markdown", "html"} {
		out := drawn(t, format, report.Section{Title: "big", Matrix: big})
		for _, want := range []string{"200 labels", "label 199", "16.6 %", "179 more"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in:\n%.2000s", format, want, out)
			}
		}
	}
}

func TestMatrixShares(t *testing.T) {
	out := drawn(t, "html", report.Section{Matrix: &report.Matrix{Row: "label", Column: "prediction", Labels: []string{"no", "yes"}, Counts: [][]int64{{3, 1}, {0, 0}}}})
	for _, want := range []string{
		`<td class="num s8 same" title="75 % of no">3<span>75.0 %</span></td>`, `<td class="num s3" title="25 % of no">1<span>25.0 %</span></td>`,
		`<td class="num s0" title="no yes">0</td>`, `<td class="num quiet">4</td>`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out[strings.Index(out, "<body>"):])
		}
	}
	out = drawn(t, "markdown", report.Section{Matrix: confusion("a", "b")})
	if want := "| a | **400** | 11 | 411 |\n| b | 37 | **513** | 550 |\n"; !strings.Contains(out, want) {
		t.Errorf("got %s", out)
	}
}

// TestForest holds what the picture says without its colours.
func TestForest(t *testing.T) {
	out := drawn(t, "html", evaluation().Sections[1])
	for _, want := range []string{
		`<path class="zero"`, `<path class="limit"`, `<circle class="dot"`, `<circle class="hollow"`, `l7 7l-7 7l-7 -7z"/>`,
		"an arrow means that the interval goes on", "l-6 5l6 5", "● PASS, ◆ FAIL, ○ INCONCLUSIVE", "[-0.390, 0.230]",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s", want)
		}
	}
	plain := drawn(t, "html", report.Section{Intervals: &report.Intervals{Rows: []report.Interval{{Label: "a", Value: 0.9, Lower: 0.8, Upper: 1}}}})
	for _, other := range []string{`class="zero"`, `class="limit"`, ">verdict<", ">limit<", "PASS"} {
		if strings.Contains(plain[strings.Index(plain, "<body>"):], other) {
			t.Errorf("%s where there is none", other)
		}
	}
	if text := drawn(t, "text", evaluation().Sections[1]); !strings.Contains(text, "◄") || !strings.Contains(text, "►") {
		t.Errorf("an interval that goes on looks as if it ended:\n%s", text)
	}
}

// TestLimits holds that a limit is said once where all rows share it, and in
// every row where they do not.
func TestLimits(t *testing.T) {
	rows := []report.Interval{{Label: "a", Value: 1, Lower: 0, Upper: 2, Limit: ptr(0.5)}, {Label: "b", Value: 1, Lower: 0, Upper: 2, Limit: ptr(0.5)}}
	shared := report.Section{Intervals: &report.Intervals{Rows: rows}}
	if out := drawn(t, "text", shared); strings.Count(out, "0.50") != 1 || !strings.Contains(out, "│ is the limit, 0.50\n") {
		t.Errorf("shared:\n%s", out)
	}
	if out := drawn(t, "html", shared); strings.Contains(out, `<th scope="col" class="num">limit</th>`) || !strings.Contains(out, "the dashed line the limit, 0.50.") {
		t.Error("a shared limit has a column")
	}
	for _, other := range []*float64{ptr(0.25), nil, ptr(math.NaN())} {
		rows[1].Limit = other
		if out := drawn(t, "text", shared); strings.Contains(out, "is the limit") || !strings.Contains(out, "limit") || !strings.Contains(out, "0.50") {
			t.Errorf("different:\n%s", out)
		}
		if out := drawn(t, "html", shared); !strings.Contains(out, `<td class="num limited">0.50</td>`) {
			t.Error("different limits have no column")
		}
	}
}

// TestWideInterval holds that one interval of a slice with few rows does not
// make dots of all others, and that no value is cut.
func TestWideInterval(t *testing.T) {
	in := evaluation().Sections[1].Intervals
	s, ok := intervalScale(in.Rows)
	if !ok || s.low > -0.08 || s.low < -0.2 || s.high < 0.02 || s.high > 0.1 {
		t.Errorf("the scale is from %g to %g", s.low, s.high)
	}
	few, _ := intervalScale(in.Rows[9:])
	if few.low > -0.39 || few.high < 0.23 {
		t.Errorf("three intervals have no usual width, but the scale is from %g to %g", few.low, few.high)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0, 1, "[0 0.2 0.4 0.6000000000000001 0.8 1] 1"},
		{-0.034, 0.012, "[-0.03 -0.02 -0.01 0 0.01] 2"},
		{3, 3, "[] 0"},
		{0, 5e-324, "[] 0"},
		{1e9, math.Nextafter(1e9, 2e9), "[] 0"},
		{-math.MaxFloat64, math.MaxFloat64, "[] 0"},
		{0, 1e7, "[0 2e+06 4e+06 6e+06 8e+06 1e+07] -1"},
	} {
		at, decimals := ticks(c.low, c.high, 5)
		if got := fmt.Sprint(at, decimals); got != c.want {
			t.Errorf("%g to %g: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

// TestKeyPoints holds that nothing is read between the points of a short line,
// and that a line which goes back and forth is shown by its points.
func TestKeyPoints(t *testing.T) {
	short := report.Line{Label: "p99", X: []float64{1000, 5000, 20_000}, Y: []float64{12, 14, 33}}
	back := roc("back", 2, 40)
	back.X[1], back.X[2] = back.X[2], back.X[1]
	down := roc("down", 1, 40)
	slices.Reverse(down.X)
	slices.Reverse(down.Y)
	c := report.Curves{Lines: []report.Line{short}}.Clean()
	if got := fmt.Sprint(keyPoints(c)[0].Rows); got != "[[p99 1000 12.00] [p99 5000 14.00] [p99 20000 33.00]]" {
		t.Errorf("short: %s", got)
	}
	tables := keyPoints(report.Curves{Lines: []report.Line{back, down}}.Clean())
	if len(tables) != 2 || tables[0].Rows[3][1] != "0.300" || len(tables[1].Rows) != mostDots || tables[1].Omitted != 41-mostDots {
		t.Errorf("got %+v", tables)
	}
}

func TestValueAt(t *testing.T) {
	step := report.Line{X: []float64{0, 0, 0.5, 0.5, 1}, Y: []float64{0, 0.3, 0.3, 0.9, 1}}
	for x, want := range map[float64]float64{0: 0.3, 0.25: 0.3, 0.5: 0.9, 0.75: 0.95, 1: 1} {
		if got, ok := valueAt(step, x); !ok || math.Abs(got-want) > 1e-12 {
			t.Errorf("at %g: %g, %v, want %g", x, got, ok, want)
		}
	}
	for _, x := range []float64{-0.1, 1.1} {
		if _, ok := valueAt(step, x); ok {
			t.Errorf("a value at %g, outside of the line", x)
		}
	}
}
