package review

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/waybill-dev/waybill/internal/report"
)

// What GitHub makes something of in finished text, outside of code.
var (
	ourTags  = regexp.MustCompile(`</?(details|summary|code|br|sub)>`)
	ourLink  = regexp.MustCompile(`\[(the report\]\(https://github\.com/acme/reviews/actions/runs/1|` + "`[a-z.]+`" + `\]\(https://waybill\.dev/[a-z0-9./#-]+)\)`)
	fence    = regexp.MustCompile("(?ms)^(`{3,})[a-z]+\n.*?\n`{3,}$")
	codeSpan = regexp.MustCompile("`[^`\n]+`")
	codeTag  = regexp.MustCompile(`<code>[^<\n]*</code>`)
	alive    = map[string]*regexp.Regexp{
		"a mention":   regexp.MustCompile(`(^|[^A-Za-z0-9_` + "`" + `])@[A-Za-z0-9]`),
		"a mail":      regexp.MustCompile(`[A-Za-z0-9._+-]@[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.[A-Za-z0-9_-]*[A-Za-z]\b`),
		"an issue":    regexp.MustCompile(`#[0-9]`),
		"a GH issue":  regexp.MustCompile(`(?i)\bgh-[0-9]`),
		"an address":  regexp.MustCompile(`(?i)(https?|ftp|mailto|xmpp):(//|[a-z0-9.]+@[a-z0-9])`),
		"www":         regexp.MustCompile(`(?i)\bwww\.[a-z]`),
		"a commit":    regexp.MustCompile(`\b([0-9]*[a-f][0-9a-f]*)\b`),
		"a tag":       regexp.MustCompile(`<[a-zA-Z/!?]`),
		"a formula":   regexp.MustCompile(`\$[^ ]`),
		"an emoji":    regexp.MustCompile(`:([a-z0-9_+-]*[a-z_][a-z0-9_+-]*|[+-]1|100|1234):`),
		"a link":      regexp.MustCompile(`\]\(|\]\[|!\[`),
		"code opened": regexp.MustCompile("`"),
	}
	rawOnly = []string{"a tag", "a link", "a formula", "code opened"} // entities are text there
)

// live tells what in a comment acts that should not: an oracle made of GitHub's
// rules, apart from the code that escapes.
func live(body string) []string {
	var problems []string
	mark, rest, _ := strings.Cut(body, "\n")
	if !strings.HasPrefix(mark, "<!-- waybill:") {
		problems = append(problems, "the marker is not the first line: "+mark)
	}
	for _, r := range rest {
		if r != '\n' && r != '\u200c' && r != '\u200d' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			problems = append(problems, "a character that acts")
		}
	}
	rest = fence.ReplaceAllString(rest, "")
	rest = codeSpan.ReplaceAllString(ourLink.ReplaceAllString(rest, "LINK"), "CODE")
	for _, table := range regexp.MustCompile(`(?m)(^\|.*\n)+`).FindAllString(rest, -1) {
		lines := strings.Split(strings.TrimSpace(table), "\n")
		for _, l := range lines {
			if strings.Count(l, "|") != strings.Count(lines[0], "|") {
				problems = append(problems, "a row with other cells: "+l)
			}
		}
	}
	if strings.Count(rest, "<details>") != strings.Count(rest, "</details>") {
		problems = append(problems, "an open <details>")
	}
	raw := ourTags.ReplaceAllString(codeTag.ReplaceAllString(rest, "CODE"), " ")
	text := html.UnescapeString(raw)
	for what, re := range alive {
		in := text
		for _, r := range rawOnly {
			if r == what {
				in = raw
			}
		}
		for _, m := range re.FindAllString(in, -1) {
			if what == "a commit" && (len(m) < 7 || len(m) > 40) {
				continue
			}
			problems = append(problems, what+": "+m)
		}
	}
	return problems
}

// everywhere is a story with s in every field.
func everywhere(s string) *Story {
	f := report.Finding{ID: s, Check: s, Rule: s, Group: s, Severity: report.Error, Verdict: report.Fail, Artifact: s, Location: &report.Location{File: s, Line: 1},
		Message: s, Expected: s, Observed: s, Hint: s, Doc: s, Subject: s}
	warn, passed := f, f
	warn.Severity, passed.Verdict = report.Warning, report.Pass
	promoted := f
	promoted.Group = report.GroupPromotion
	n := 0.5
	sections := []report.Section{
		report.TextSection(s, s), report.TableSection(s, []string{s, ">" + s}, [][]string{{s, s}, {s}}),
		{Title: s, Intervals: &report.Intervals{Unit: s, Rows: []report.Interval{{Label: s, Value: n, Lower: n, Upper: n, Limit: &n, Verdict: report.Verdict(s)}}}},
		{Title: s, Histogram: &report.Histogram{Edges: []float64{0, 1}, Counts: []int64{1}}},
		{Title: s, Matrix: &report.Matrix{Row: s, Column: s, Labels: []string{s}, Counts: [][]int64{{1}}}},
		{Title: s, Curves: &report.Curves{X: report.Axis{Label: s}, Y: report.Axis{Label: s}, Lines: []report.Line{{Label: s, X: []float64{0, 1}, Y: []float64{0, 1}}}}},
	}
	a := Artifact{Name: s, Kind: "Model", Path: s, Change: Change(s), Parts: []string{s}, Because: []string{s}, Dependents: []string{s, "other"}, Headline: s, Verdict: report.Verdict(s),
		Findings: []report.Finding{f, warn, passed}, Evaluation: sections, Diff: sections,
		Stages: []Stage{{Name: s, Now: s, Would: s, Verdict: report.Verdict(s), Conditions: []Condition{{Verdict: report.Fail, Message: s, Hint: s}}}}}
	b := a
	b.Change, b.Kind = Changed, s
	return &Story{Verdict: report.Verdict(s), Project: Change(s), Artifacts: []Artifact{a, b}, Findings: []report.Finding{f, promoted}, Total: 9}
}

var attacks = []string{
	"plain", "", " ", "@octocat", "hello @org/team!", "a@b.example.com", "#1", "acme/reviews#12", "GH-7", "gh-7", "https://evil.example/x", "http://evil.example",
	"www.evil.example", "WWW.EVIL.EXAMPLE", "mailto:a@b.cd", "[x](https://evil.example)", "![x](https://evil.example/x.png)", "<b>", "<img src=x onerror=y>", "<!-- waybill:check -->",
	"\n<!-- waybill:check -->\n", "`code`", "``", "```\n", "~~~\n", "a|b", "a\\|b", "| a | b |\n|--|--|\n", "\n\n# heading\n", "</details>", "<details open>", "$x$", "$$\\pi$$", "*bold*", "__b__",
	"1234567abcdef", "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "DEADBEE", "user@deadbeef", "\u202eevil", "\x00\x1b[31m", "\r\n", "\u2028", "&lt;b&gt;", "&#64;octocat", "&commat;octocat",
	"[^1]", "- [ ] x", "> quote", ":tada:", ":white_check_mark: PASS", ":100:200:a:", ":a:b:c:", "\\@octocat", "a\tb", "é@octocat", "_@octocat", "\xff\xfe", "waybill pull x`@octocat`", "@\u200boctocat", "#\u200b1", "[the report](https://evil.example)",
	strings.Repeat("@octocat ", 2000),
}

func FuzzComment(f *testing.F) {
	for _, a := range attacks {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, s string) {
		body := everywhere(s).Comment(CommentLimit, CommentOptions{Marker: s, RunURL: "https://github.com/acme/reviews/actions/runs/1", Note: s})
		if len(body) > CommentLimit {
			t.Errorf("%d bytes", len(body))
		}
		for _, p := range live(body) {
			t.Errorf("%q: %s", s, p)
		}
	})
}

// TestOracle shows that the oracle sees what it is for.
func TestOracle(t *testing.T) {
	for _, s := range []string{"@octocat", "a@b.com", "#1", "gh-1", "https://x", "www.x", "1234567abc", "<b>", "[x](y)", "`", "$x", "<!-- waybill:check -->", "\u202e", ":tada:", "a:+1:b", "&#64;octocat", "| a |\n| b | c |", "<details>"} {
		if live("<!-- waybill:check -->\n"+s+"\n") == nil {
			t.Errorf("%q passes for harmless", s)
		}
	}
	if p := live("<!-- waybill:check -->\nreviews@v1.2.3 **a** `@octocat` <code>1234567abc</code>\n"); p != nil {
		t.Errorf("harmless text is called live: %v", p)
	}
}

func TestReportLink(t *testing.T) {
	for url, want := range map[string]string{
		"": "the report", "javascript:alert(1)": "the report", "https://a/b) [x](https://c": "the report", "https://a/<b>": "the report", "https://a b": "the report",
		"https://ghe.acme.example:8443/acme/reviews/actions/runs/1/attempts/2": "[the report](https://ghe.acme.example:8443/acme/reviews/actions/runs/1/attempts/2)",
	} {
		if got := (CommentOptions{RunURL: url}).report(); got != want {
			t.Errorf("%q: %s", url, got)
		}
	}
}
