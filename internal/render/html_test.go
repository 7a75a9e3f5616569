package render

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/report"
)

var (
	htmlTag   = regexp.MustCompile(`^<(/?)([a-z][a-z0-9]*)((?: [a-zA-Z-]+(?:="[^"<>]*")?)*)(/?)>`)
	attribute = regexp.MustCompile(` ([a-zA-Z-]+)(?:="([^"<>]*)")?`)
	entity    = regexp.MustCompile(`&(amp|lt|gt|#34|#39);`)
)

// pageTags is every element of a page; those that have no end are true.
var pageTags = map[string]bool{
	"html": false, "head": false, "meta": true, "title": false, "style": false, "body": false, "header": false, "main": false, "footer": false,
	"section": false, "article": false, "h1": false, "h2": false, "h3": false, "p": false, "span": false, "code": false, "pre": false, "br": true,
	"ul": false, "li": false, "dl": false, "dt": false, "dd": false, "a": false, "details": false, "summary": false, "div": false,
	"table": false, "caption": false, "thead": false, "tbody": false, "tr": false, "th": false, "td": false,
	"svg": false, "desc": false, "text": false, "figure": false, "figcaption": false,
}

// pageElements reads a page as a browser would and returns its elements. It
// knows only what this package writes: anything else is an error.
func pageElements(page string) ([]string, error) {
	rest, isPage := strings.CutPrefix(page, "<!DOCTYPE html>\n")
	if !isPage || !utf8.ValidString(page) {
		return nil, fmt.Errorf("no page of UTF-8")
	}
	rest = strings.Replace(rest, htmlStyle, "", 1)
	var found, open []string
	for rest != "" {
		text, after, _ := strings.Cut(rest, "<")
		if err := inertText(text); err != nil {
			return nil, err
		}
		if len(text) == len(rest) {
			break
		}
		rest = rest[len(text):]
		m := htmlTag.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("no tag of ours: <%.60s", after)
		}
		rest = rest[len(m[0]):]
		name, closed := m[2], m[4] == "/"
		void, known := pageTags[name]
		switch {
		case closed && (name == "path" || name == "circle"):
		case !known || closed:
			return nil, fmt.Errorf("unknown element %s", m[0])
		case m[1] == "/":
			if len(open) == 0 || open[len(open)-1] != name {
				return nil, fmt.Errorf("%s does not end %v", m[0], open)
			}
			open = open[:len(open)-1]
			continue
		case !void:
			open = append(open, name)
		}
		found = append(found, m[0])
		for _, a := range attribute.FindAllStringSubmatch(m[3], -1) {
			if err := inertAttribute(name, a[1], a[2]); err != nil {
				return nil, fmt.Errorf("%w in %s", err, m[0])
			}
		}
	}
	if len(open) > 0 {
		return nil, fmt.Errorf("%v stay open", open)
	}
	return found, nil
}

func inertText(s string) error {
	if strings.ContainsAny(entity.ReplaceAllString(s, ""), `<>&"'`) {
		return fmt.Errorf("active text %q", s)
	}
	for _, r := range s {
		if r != '\n' && acts(r) {
			return fmt.Errorf("%U in %q", r, s)
		}
	}
	return nil
}

func inertAttribute(element, name, value string) error {
	known := []string{
		"lang", "charset", "http-equiv", "content", "name", "class", "role", "tabindex", "scope", "open", "id", "rel",
		"aria-label", "aria-labelledby", "aria-hidden", "width", "height", "viewBox", "d", "cx", "cy", "r", "x", "y", "text-anchor", "title",
	}
	switch {
	case name == "href" && element == "a":
		if !strings.HasPrefix(value, "https://") && !strings.HasPrefix(value, "http://") {
			return fmt.Errorf("a link to %q", value)
		}
	case !slices.Contains(known, name):
		return fmt.Errorf("unknown attribute %s", name)
	case name == "content" && value == strings.ReplaceAll(htmlPolicy, "'", "&#39;"), value == htmlPolicy:
		return nil
	case slices.Contains([]string{"d", "cx", "cy", "r", "x", "y", "width", "height", "viewBox"}, name):
		if strings.Trim(value, "0123456789.- MvhHVzLl") != "" {
			return fmt.Errorf("%s=%q is no geometry", name, value)
		}
	}
	return inertText(value)
}

func checkHTML(s string, number float64) error {
	for _, o := range []Options{{}, {Verbose: true}} {
		var b bytes.Buffer
		if err := Report(&b, "html", filled(s, number), o); err != nil {
			return err
		}
		if _, err := pageElements(b.String()); err != nil {
			return fmt.Errorf("%w, in:\n%s", err, b.String())
		}
		if b.Len() > htmlLimit {
			return fmt.Errorf("%d bytes", b.Len())
		}
		b.Reset()
		if err := Sections(&b, "html", filled(s, number).Sections, o); err != nil {
			return err
		}
		if _, err := pageElements(b.String()); err != nil {
			return fmt.Errorf("sections: %w, in:\n%s", err, b.String())
		}
	}
	return nil
}

// markupSeeds are what could become markup in HTML and XML.
var markupSeeds = append([]string{
	`"><script>alert(1)</script>`, `' onload='x`, `" onmouseover="x`, "</title><script>", "</style>", "</textarea>", "]]>", "<![CDATA[", "<?xml?>", "<!DOCTYPE x>",
	"&#60;", "&lt", "&", "javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,<script>", "https://x/\"><b>", "https://user:pass@x/", "http://", "https://x/' y", "//x",
	"\x00", "\ufffe\uffff", "\x0b\x0c", "<\x00script>", "<svg/onload=x>", "<a href=x>",
}, hostileSeeds...)

func TestHTMLIsInert(t *testing.T) {
	numbers := []float64{0, 0.5, math.Inf(1), math.NaN(), -1e300, math.MaxFloat64}
	for i, s := range markupSeeds {
		if err := checkHTML(s, numbers[i%len(numbers)]); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, n := range numbers {
		if err := checkHTML("<b>", n); err != nil {
			t.Errorf("%v: %v", n, err)
		}
	}
	for _, bad := range []string{"<script>", "<p onclick=\"x\">", "<p>", "a < b", "&copy;", `<a href="javascript:x"></a>`, "<!-- x -->", `<img src="x">`, "\u202e"} {
		if _, err := pageElements("<!DOCTYPE html>\n" + bad); err == nil {
			t.Errorf("%q was taken as inert", bad)
		}
	}
}

func FuzzHTML(f *testing.F) {
	for i, s := range markupSeeds {
		f.Add(s, []float64{0, 1, -1e300, math.Inf(1), math.NaN(), 1e-9}[i%6])
	}
	f.Fuzz(func(t *testing.T, s string, number float64) {
		if err := checkHTML(s, number); err != nil {
			t.Error(err)
		}
		if err := checkJUnit(filled(s, number)); err != nil {
			t.Error(err)
		}
	})
}

func TestHTMLLinks(t *testing.T) {
	for doc, want := range map[string]string{
		"https://waybill.dev/checks/a?b=1&c=2": `<a rel="noopener noreferrer" href="https://waybill.dev/checks/a?b=1&amp;c=2">`,
		"http://localhost/x":                   `<a rel="noopener noreferrer" href="http://localhost/x">`,
		"https://x/\"<b>":                      `<a rel="noopener noreferrer" href="https://x/%22%3Cb%3E">`,
		"javascript:alert(1)":                  "",
		"https://real.example@evil.example/":   "", // it reads as if it led to the first
		"docs/checks.md":                       "",
		"https://":                             "",
	} {
		var b bytes.Buffer
		if err := Report(&b, "html", report.New([]report.Finding{{Check: "x", Verdict: report.Fail, Doc: doc}}), Options{}); err != nil {
			t.Fatal(err)
		}
		_, link, found := strings.Cut(b.String(), "<a ")
		if got := "<a " + strings.SplitAfter(link, ">")[0]; found != (want != "") || found && got != want {
			t.Errorf("%s: got %v %s, want %s", doc, found, got, want)
		}
	}
}

// manyFindings are n findings of size characters each.
func manyFindings(n, size int, v report.Verdict) []report.Finding {
	out := make([]report.Finding, n)
	for i := range out {
		out[i] = report.Finding{Check: "column.range", Artifact: "reviews", Group: "data", Subject: fmt.Sprintf("c%06d", i), Verdict: v,
			Message: strings.Repeat("'", size), Details: map[string]any{"rows": []int{i}}}
	}
	return out
}

func bigTable(rows, columns int) report.Section {
	t := &report.Table{Columns: make([]report.Column, columns)}
	for range rows {
		t.Rows = append(t.Rows, slices.Repeat([]string{"value"}, columns))
	}
	return report.Section{Title: "big", Table: t}
}

func TestHTMLSize(t *testing.T) {
	bins := &report.Histogram{Edges: make([]float64, 100_001), Counts: make([]int64, 100_000)}
	many := &report.Intervals{}
	for i := range bins.Edges {
		bins.Edges[i] = float64(i)
	}
	for i := range bins.Counts {
		bins.Counts[i] = math.MaxInt64
		many.Rows = append(many.Rows, report.Interval{Label: "x", Value: float64(i)})
	}
	escapes := strings.Repeat("\U000e0041", maxField)
	for _, c := range []struct {
		name  string
		r     *report.Report
		limit int
		want  []string // what the page says of itself
	}{
		{"small", report.New(failing(), sections()...), 20_000, []string{"models/sentiment/model.yaml:31", "5 data checks pass"}},
		{"passes", report.New(append(manyFindings(3000, 40, report.Pass), failing()...)), htmlTarget,
			[]string{"Left out to keep this page small: the list of 3,008 passed checks. ", "3,005 data checks pass", "<summary>Details</summary>"}},
		{"details", report.New(manyFindings(800, 2, report.Fail)), htmlTarget, []string{"small: the details of 800 findings. "}},
		{"rows", report.New(failing(), bigTable(20_000, 3)), htmlTarget,
			[]string{"small: the list of 8 passed checks, the details of 1 finding, 19,800 rows. ", "… and 19,800 more rows"}},
		{"findings", report.New(append(manyFindings(5000, 60, report.Fail), manyFindings(100, 1, report.Pass)...), sections()...), htmlLimit,
			[]string{"more findings</p>", "100 data checks pass", "Length of text"}},
		{"long findings", report.New(manyFindings(2000, 5000, report.Fail)), htmlLimit, []string{"more findings</p>"}},
		{"columns", report.New(nil, bigTable(3, 100_000), sections()[2]), htmlTarget, []string{"small: 99,800 columns. ", "… and 99,800 more columns", "product=books"}},
		{"sections", report.New(nil, slices.Repeat(sections(), 2000)...), htmlLimit, []string{"more sections"}},
		{"bins", report.New(nil, report.Section{Histogram: bins}, report.Section{Intervals: many}), htmlTarget, []string{"625 bins each", "99,800 more bins", "99,800 more rows"}},
		{"lines", report.New(nil, report.TextSection("log", strings.Repeat("a line\n\n", 100_000))), htmlTarget, []string{"more lines"}},
		{"escapes", report.New(nil, report.TextSection(escapes, escapes), report.TableSection(escapes, []string{escapes}, slices.Repeat([][]string{{escapes}}, 100))), htmlLimit, []string{"more rows"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Report(&b, "html", c.r, Options{}); err != nil {
				t.Fatal(err)
			}
			t.Log(b.Len(), "bytes")
			if b.Len() > c.limit {
				t.Errorf("%d bytes, more than %d", b.Len(), c.limit)
			}
			if _, err := pageElements(b.String()); err != nil {
				t.Error(err)
			}
			_, says, _ := strings.Cut(b.String(), "<p class=\"note\"")
			says, _, _ = strings.Cut(says, "</p>")
			for _, want := range c.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("%q is not in the page, which says%s", want, says)
				}
			}
			// What is shown and what is said to be left out are all there is.
			left, failed := 0, 0
			if m := regexp.MustCompile(`… and ([0-9,]+) more findings?<`).FindStringSubmatch(b.String()); m != nil {
				left, _ = strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
			}
			for _, f := range c.r.Findings {
				if f.Verdict != report.Pass {
					failed++
				}
			}
			if shown := strings.Count(b.String(), "<article"); shown+left != failed {
				t.Errorf("%d findings shown, %d left out, of %d", shown, left, failed)
			}
		})
	}
}

// TestHTMLContrast holds every colour of text against both grounds it stands
// on: WCAG 2.2 asks for 4.5 to 1 (success criterion 1.4.3, "relative
// luminance" and "contrast ratio").
func TestHTMLContrast(t *testing.T) {
	themes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(htmlStyle, -1)
	if len(themes) != 3 {
		t.Fatalf("%d themes: light, dark and print were expected", len(themes))
	}
	for i, theme := range themes {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(theme[1], -1) {
			colours[m[1]] = m[2]
		}
		for _, text := range []string{"text", "quiet", "fail", "warn", "info", "pass", "link", "second", "third", "fourth"} {
			for _, ground := range []string{"page", "panel"} {
				if c := contrast(t, colours[text], colours[ground]); c < 4.5 {
					t.Errorf("theme %d: %s on %s has a contrast of %.2f", i, text, ground, c)
				}
			}
		}
		// The counts of a matrix stand on a mixture of a hue and the page.
		shades := regexp.MustCompile(`--shade: ([0-9]+)%`).FindAllStringSubmatch(htmlStyle, -1)
		if len(shades) != 10 {
			t.Fatalf("%d shades", len(shades))
		}
		for _, shade := range shades {
			part, _ := strconv.ParseFloat(shade[1], 64)
			for _, hue := range []string{"info", "warn"} {
				if c := contrast(t, colours["text"], mixed(t, colours[hue], colours["page"], part/100)); c < 4.5 {
					t.Errorf("theme %d: text on %s %% of %s has a contrast of %.2f", i, shade[1], hue, c)
				}
			}
		}
	}
	if c := contrast(t, "#777777", "#ffffff"); math.Abs(c-4.48) > 0.01 { // the grey that just fails, by WebAIM's calculator
		t.Errorf("#777777 on white: %.3f", c)
	}
}

// mixed is color-mix(in srgb, a part, b): CSS Color 5, section 3.
func mixed(t *testing.T, a, b string, part float64) string {
	t.Helper()
	out := "#"
	for i := 1; i < 7; i += 2 {
		x, errX := strconv.ParseUint(a[i:i+2], 16, 8)
		y, errY := strconv.ParseUint(b[i:i+2], 16, 8)
		if errX != nil || errY != nil {
			t.Fatalf("no colours: %s, %s", a, b)
		}
		out += fmt.Sprintf("%02x", int(math.Round(float64(x)*part+float64(y)*(1-part))))
	}
	return out
}

func contrast(t *testing.T, a, b string) float64 {
	luminance := func(colour string) float64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
		if err != nil || len(colour) != 7 {
			t.Fatalf("no colour: %q", colour)
		}
		channel := func(v uint64) float64 {
			c := float64(v&0xff) / 255
			if c <= 0.04045 {
				return c / 12.92
			}
			return math.Pow((c+0.055)/1.055, 2.4)
		}
		return 0.2126*channel(n>>16) + 0.7152*channel(n>>8) + 0.0722*channel(n)
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// TestHTMLLoadsNothing looks for all by which CSS and HTML reach for the
// network or run something.
func TestHTMLLoadsNothing(t *testing.T) {
	var b bytes.Buffer
	if err := Report(&b, "html", report.New(failing(), sections()...), Options{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"<script", "<link", "<img", "<iframe", "url(", "@import", "@font-face", " src=", "javascript:"} {
		if strings.Contains(b.String(), s) {
			t.Errorf("the page has %s", s)
		}
	}
	if strings.ContainsFunc(htmlStyle, func(r rune) bool { return r > unicode.MaxASCII && r != '→' }) {
		t.Error("the style has characters that a wrong charset would break")
	}
}

// TestHTMLSpeaks holds that whoever sees neither colour nor picture is told.
func TestHTMLSpeaks(t *testing.T) {
	var b bytes.Buffer
	if err := Report(&b, "html", report.New(failing(), append(sections(), evaluation().Sections...)...), Options{}); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, m := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1) {
		if strings.HasPrefix(m, `<svg aria-hidden="true" `) && !strings.Contains(m, "<text") {
			continue // the text beside it says the same
		}
		ids := regexp.MustCompile(`^<svg role="img" [^>]*aria-labelledby="(t[0-9]+) (d[0-9]+)"><title id="(t[0-9]+)">[^<]+</title><desc id="(d[0-9]+)">[^<]+</desc>`).FindStringSubmatch(m)
		if ids == nil || ids[1] != ids[3] || ids[2] != ids[4] || strings.Count(page, `"`+ids[3]+`"`) != 1 {
			t.Errorf("a picture without words: %.200s", m)
		}
	}
	for _, m := range regexp.MustCompile(`<th[ >][^>]*>`).FindAllString(page, -1) {
		if !strings.Contains(m, `scope="`) {
			t.Errorf("%s has no scope", m)
		}
	}
	for _, word := range []string{"</span> FAIL</span>", "</span> INCONCLUSIVE</span>", "</span> WARNING</span>", "</span> INFO</span>", "</span> PASS</span>"} {
		if !strings.Contains(page, word) {
			t.Errorf("no mark says %s", word)
		}
	}
	if tables, captions := strings.Count(page, "<table>"), strings.Count(page, "<caption"); tables != captions {
		t.Errorf("%d tables have %d captions", tables, captions)
	}
}
