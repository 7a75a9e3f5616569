package render

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/report"
)

// filled is a report with s in every field that holds a string.
func filled(s string, number float64) *report.Report {
	f := report.Finding{
		Check: s, Group: s, Artifact: s, Subject: s, Verdict: report.Fail, Location: &report.Location{File: s, Line: 3},
		Message: s, Expected: s, Observed: s, Hint: s, Doc: s, Details: map[string]any{s: s},
	}
	findings := []report.Finding{f, f, f, f, f}
	findings[1].Verdict = report.Pass
	findings[2].Verdict, findings[2].Severity = report.Verdict(s), report.Severity(s)
	findings[3].Hint = "waybill " + s
	findings[4].Rule = s + s
	r := report.New(findings,
		report.TableSection(s, []string{s, ">" + s}, [][]string{{s, s, s}, {s}}),
		report.TextSection(s, s), report.TextSection(s, " "+s+"\n"+s),
		report.Section{Title: s, Intervals: &report.Intervals{Unit: s, Rows: []report.Interval{
			{Label: s, Value: number, Lower: number - 1, Upper: -number, Limit: &number, Verdict: report.Verdict(s)}, {Label: s, Value: 1},
		}}},
		report.Section{Title: s, Histogram: &report.Histogram{Edges: []float64{number, 0, 1}, Counts: []int64{int64(len(s)), -1}}},
		report.Section{Title: s, Curves: &report.Curves{X: report.Axis{Label: s, Low: number, High: 1}, Y: report.Axis{Label: s, Low: -number, High: number}, Diagonal: true, Lines: []report.Line{
			{Label: s, X: []float64{0, number, 1}, Y: []float64{number, 1, -number}, Lower: []float64{0, 0, number}, Upper: []float64{1, number, 1}},
			{Label: s, X: []float64{number, -1, 1, 3}, Y: []float64{1, 2, number}, Points: true, Lower: []float64{number, 1, 2}, Upper: []float64{1, 2, 3}},
			{X: []float64{2, 1, number}, Y: []float64{number}, Lower: []float64{1}},
		}}},
		report.Section{Title: s, Matrix: &report.Matrix{Row: s, Column: s, Labels: []string{s, s}, Counts: [][]int64{{int64(len(s)), -1}, {math.MaxInt64, 1, math.MaxInt64}}}},
		report.Section{Title: s, Matrix: &report.Matrix{Row: s, Column: s, Labels: slices.Repeat([]string{s}, 31), Counts: [][]int64{{1, 2, 3}}}},
	)
	r.Title = s
	return r
}

var hostileSeeds = []string{
	"", " ", "plain", "a\nb", "\r\n# x", "\x1b[2J", "\u009b2J", "\x7f", "\u202e\u2066", "\ufeff\u200b\U000e0041", "\xff\xfe", "名前\u0301", "👩\u200d👩",
	"|", `\|`, `\\|`, "`", "``` `", "```", "`````", "`|`", "<script>", "</details>", "<!--", "&lt;script&gt;", "@octocat", "x@octocat", "@org/team", "a@b.example",
	"a@v1.0.0", "a@v1.x", "a@v1.0.0é.com", "a@sha256:00", "#1", "o/r#12", "GH-1", "gh-99", "https://x", "www.example.com", "WWW.x", "[a](b)", "![a](b)", "[^1]",
	"**b**", "__b__", "~~x~~", "$x$", "---", "===", "1. x", "1) x", "- x", "+ x", "> x", "    code", "\tcode", "~~~", "x #", "\u2028", "mailto:a@b.c", "xmpp:a@b.c",
	strings.Repeat("long ", 700), strings.Repeat("x", 5000),
}

var sgr = regexp.MustCompile("\x1b\\[(0|1|2|1;31|32|33|34)m")

// checkText holds what the text format promises of any string: nothing but
// our own colours reaches the terminal.
func checkText(s string, number float64) error {
	for _, o := range []Options{{}, {Color: true, Verbose: true, Width: 72}, {Width: 1}} {
		var b bytes.Buffer
		if err := Report(&b, "text", filled(s, number), o); err != nil {
			return err
		}
		out := b.String()
		if o.Color {
			out = sgr.ReplaceAllString(out, "")
		}
		if !utf8.ValidString(out) {
			return fmt.Errorf("not UTF-8: %q", out)
		}
		for i, r := range out {
			if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d') {
				return fmt.Errorf("%U at byte %d of %q", r, i, out)
			}
		}
	}
	return nil
}

func TestTextShowsEveryString(t *testing.T) {
	for _, s := range hostileSeeds {
		if err := checkText(s, 0.5); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzText(f *testing.F) {
	for i, s := range hostileSeeds {
		f.Add(s, []float64{0, 1, -1e300, math.Inf(1), math.NaN(), 1e-9}[i%6])
	}
	f.Fuzz(func(t *testing.T, s string, number float64) {
		if err := checkText(s, number); err != nil {
			t.Error(err)
		}
	})
}

var (
	ourTags  = regexp.MustCompile(`</?(details|summary|code)>|<br>`)
	mention  = regexp.MustCompile(`@[A-Za-z0-9_-]`)
	copied   = regexp.MustCompile(`[A-Za-z0-9_]@(sha256:|v[0-9][0-9.]*([^A-Za-z0-9_+\-.]|$))`)
	issue    = regexp.MustCompile(`#[0-9]|(?i)gh-[0-9]`)
	link     = regexp.MustCompile(`://|(?i)www\.|[\[\]]`)
	opening  = regexp.MustCompile(`^( {0,3}([-+*=>~]|[0-9]+[.)])| {4}|\t)`)
	headline = regexp.MustCompile(`^#{3,4} `)
	table    = regexp.MustCompile(`^\|`)
)

// checkMarkdown holds what the markdown format promises of any string: it
// takes the code blocks and code spans out of the document, which it can do
// because nothing else has a backtick, and finds nothing active in the rest.
func checkMarkdown(s string, number float64) error {
	for _, o := range []Options{{}, {Verbose: true}} {
		var b bytes.Buffer
		if err := Report(&b, "markdown", filled(s, number), o); err != nil {
			return err
		}
		if err := inertDocument(b.String()); err != nil {
			return fmt.Errorf("%w, in:\n%s", err, b.String())
		}
	}
	return nil
}

func inertDocument(doc string) error {
	fence, columns := "", -1
	for line := range strings.Lines(doc) {
		line = strings.TrimSuffix(line, "\n")
		marker, info := fenceOf(line)
		switch {
		case fence != "" && line == fence:
			fence = ""
			continue
		case fence != "" && len(marker) >= len(fence) && info == "":
			return fmt.Errorf("a line would end the code block: %q", line)
		case fence != "":
			continue
		case marker != "":
			fence = marker
			continue
		}
		prose, err := withoutCode(line)
		if err != nil {
			return err
		}
		if err := inertLineOf(prose); err != nil {
			return fmt.Errorf("%w in %q", err, line)
		}
		switch n := strings.Count(prose, "|"); {
		case !table.MatchString(line):
			columns = -1
		case columns >= 0 && n != columns:
			return fmt.Errorf("%d column bounds instead of %d in %q", n, columns, line)
		default:
			columns = n
		}
	}
	if fence != "" {
		return fmt.Errorf("a code block stays open")
	}
	return nil
}

// fenceOf reads a line that could begin or end a code block: up to three
// spaces, three backticks or more, and what stands after them.
func fenceOf(line string) (marker, info string) {
	rest := strings.TrimLeft(line, " ")
	n := len(rest) - len(strings.TrimLeft(rest, "`"))
	if len(line)-len(rest) > 3 || n < 3 {
		return "", ""
	}
	return rest[:n], strings.TrimSpace(rest[n:])
}

// withoutCode takes the code spans out of a line.
func withoutCode(line string) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(line, "`")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		inside, after, closed := strings.Cut(rest, "`")
		if !closed || inside == "" || strings.ContainsAny(inside, `|\`) {
			return "", fmt.Errorf("bad code span %q in %q", inside, line)
		}
		line = after
	}
}

func inertLineOf(prose string) error {
	if strings.ContainsAny(ourTags.ReplaceAllString(prose, ""), `<>\`) {
		return fmt.Errorf("an active character")
	}
	if link.MatchString(prose) {
		return fmt.Errorf("a link")
	}
	if opening.MatchString(prose) || strings.HasPrefix(prose, "#") && !headline.MatchString(prose) {
		return fmt.Errorf("the beginning of a block")
	}
	// GitHub looks for these in the text that markdown leaves.
	shown := copied.ReplaceAllString(html.UnescapeString(prose), "")
	if mention.MatchString(shown) {
		return fmt.Errorf("a mention")
	}
	if issue.MatchString(shown) {
		return fmt.Errorf("an issue")
	}
	return nil
}

func TestMarkdownIsInert(t *testing.T) {
	for _, s := range hostileSeeds {
		if err := checkMarkdown(s, 0.5); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range hostileSeeds {
		f.Add(s, 0.5)
	}
	f.Fuzz(func(t *testing.T, s string, number float64) {
		if err := checkMarkdown(s, number); err != nil {
			t.Error(err)
		}
	})
}

func TestReferencesCanBeCopied(t *testing.T) {
	for _, s := range []string{"sentiment@v0.1.0", "see sentiment@v0.1.0.", "promote sentiment@v0.1.0 first", "sentiment#production", "a@sha256:0011 (b)", "12 of 5,000 values"} {
		if got := html.UnescapeString(inert(s)); got != s {
			t.Errorf("inert(%q) shows %q", s, got)
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 名前 👩\u200d👩": "plain é 名前 👩\u200d👩",
		"\x1b[31m\a\x00\x7f":  `\x1b[31m\x07\x00\x7f`,
		"a\tb\r\nc":           `a\tb\r\nc`,
		"\u202e\u2069\u200e":  `\u202e\u2069\u200e`,
		"\u0085\u009b":        `\x85\x9b`,
		"\u2028\ufeff":        `\u2028\ufeff`,
		"\U000e0041":          `\U000e0041`,
		"\xffé\xc3":           `\xffé\xc3`,
		"\ufffd":              "\ufffd",
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
	if got := visible(strings.Repeat("é", maxField+1)); utf8.RuneCountInString(got) != maxField || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d characters, ending in %q", utf8.RuneCountInString(got), got[len(got)-5:])
	}
	if s := strings.Repeat("é", maxField); visible(s) != s {
		t.Error("a string of the greatest length was cut")
	}
}

func TestWidthAndWrap(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "é": 1, "e\u0301": 1, "名前": 4, "한국": 4, "ｆ": 2, "✓": 1, "❌": 2, "👍": 2, "─●": 2} {
		if got := width(s); got != want {
			t.Errorf("width(%q) = %d, want %d", s, got, want)
		}
	}
	for _, c := range []struct {
		s    string
		n    int
		hard bool
		want string
	}{
		{"one two three", 7, false, "one two/three"},
		{"a sha256:0123456789 b", 6, false, "a/sha256:0123456789/b"},
		{"a sha256:0123 b", 6, true, "a/sha256/:0123/b"},
		{"名前 名前", 4, true, "名前/名前"},
		{"名前名前", 3, true, "名/前/名/前"},
		{"名", 1, true, "名"},
		{"", 5, true, ""},
	} {
		if got := strings.Join(wrap(c.s, c.n, c.hard), "/"); got != c.want {
			t.Errorf("wrap(%q, %d, %v) = %q, want %q", c.s, c.n, c.hard, got, c.want)
		}
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	long := strings.Repeat("word ", 30)
	s := []report.Section{report.TableSection("", []string{"A", "B", "C", "Name"}, [][]string{{long, strings.Repeat("x", 90), "c", "名前"}})}
	for _, n := range []int{40, 80, 120} {
		var b bytes.Buffer
		if err := Sections(&b, "text", s, Options{Width: n}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if w := width(strings.TrimSuffix(line, "\n")); w > n {
				t.Errorf("width %d: a line takes %d columns: %q", n, w, line)
			}
		}
		if got := strings.Count(b.String(), "x"); got != 90 {
			t.Errorf("width %d: %d of 90 characters are left", n, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		edges []float64
		want  string
	}{
		{[]float64{0, 0.5, 1}, "[0.0, 0.5) [0.5, 1.0]"},
		{[]float64{0, 1e6, 2e6}, "[0, 1000000) [1000000, 2000000]"},
		{[]float64{0, 1e12, 2e12}, "[0, 1e+12) [1e+12, 2e+12]"},
		{[]float64{math.Inf(-1), 0, math.NaN()}, "[-∞, 0) [0, n/a]"},
		{[]float64{1}, "bin 1 bin 2"},
	} {
		if got := strings.Join(binLabels(&report.Histogram{Edges: c.edges, Counts: []int64{1, 2}}), " "); got != c.want {
			t.Errorf("%v: %q, want %q", c.edges, got, c.want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := report.Thousands(n); got != want {
			t.Errorf("report.Thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

// BenchmarkMarkdown draws 10,000 findings; reported as CPU it stays below
// 100 ms.
func BenchmarkMarkdown(b *testing.B) { benchmark(b, "markdown") }

// BenchmarkText draws the same findings for a terminal.
func BenchmarkText(b *testing.B) { benchmark(b, "text") }

func benchmark(b *testing.B, format string) {
	var findings []report.Finding
	for i := range 10_000 {
		f := failing()[8+i%5]
		f.Subject = fmt.Sprintf("column_%d", i)
		findings = append(findings, f)
	}
	r := report.New(findings)
	b.ReportAllocs()
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := Report(&out, format, r, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(out.Len()))
}
