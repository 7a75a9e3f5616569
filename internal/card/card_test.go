package card_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/card"
)

const good = `---
language: en
license: other
license_name: acme
license_link: LICENSE.md
base_model:
- distilbert/distilbert-base-uncased
datasets: [reviews, acme/more]
version: 1.2
authors: Ann Author
num_parameters: 66.4M
model-index:
- name: sentiment
  results:
  - task: {type: text-classification}
    dataset: {type: reviews, name: Product reviews, split: test}
    metrics:
    - type: accuracy
      value: 0.87
    - {type: f1, value: 85.2%, name: Macro F1, args: {average: macro}}
    - {type: loss, value: "1e-3"}
---
# Sentiment

It has 66 million trainable parameters, and 3 parameters of generate().

## Intended uses & limitations

Reviews.

` + "```sh\n# no heading\n```" + `

### Out-of-scope use ###

<!-- what it is not for
## not a heading either? -->
[More Information Needed]

## Evaluation
### Results

| | |
|--|--|

# Contact

- **Maintained by:** ml-leads
`

func TestParse(t *testing.T) {
	for _, eol := range []string{"\n", "\r\n"} {
		c := card.Parse([]byte("\ufeff" + strings.ReplaceAll(good, "\n", eol)))
		if len(c.Problems) != 0 || !c.FrontMatter {
			t.Fatal(c.Problems)
		}
		got := fmt.Sprint(c.Licenses, c.LicenseName, c.LicenseLink, c.BaseModels, c.Datasets, c.Version, c.Contacts)
		want := "[{other 3}] {acme 4} {LICENSE.md 5} [{distilbert/distilbert-base-uncased 7}] [{reviews 8} {acme/more 8}] {1.2 9} [{Ann Author 10}]"
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		got = strings.Trim(fmt.Sprint(c.Metrics), "[]")
		want = "accuracy 0.87 f1 (macro) 85.2% loss 1e-3"
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		m := c.Metrics[1]
		if m.Value != 0.852 || fmt.Sprintf("%.5f", m.Unit) != "0.00050" || !m.Percent || m.Line != 20 || m.Dataset != "reviews" || m.Title != "Product reviews" || m.Split != "test" {
			t.Errorf("%+v", m)
		}
		if got := fmt.Sprint(c.Parameters); got != "[{6.640000000000001e+07 50000 66.4M 11} {6.6e+07 500000 66 million 25}]" {
			t.Error(got)
		}
		var titles []string
		for _, s := range c.Sections {
			titles = append(titles, fmt.Sprintf("%s %d %d %v", s.Title, s.Level, s.Line, s.Empty()))
		}
		if got := strings.Join(titles, "; "); got != "Sentiment 1 23 false; Intended uses & limitations 2 27 false; Out-of-scope use 3 35 true; Evaluation 2 41 true; Results 3 42 true; Contact 1 47 false" {
			t.Error(got)
		}
		if s := c.Section("uses", "use"); s == nil || s.Line != 27 {
			t.Error(s)
		}
		if s := c.Section("evaluation"); s == nil || !s.Empty() {
			t.Error(s)
		}
		if s := c.Section("ethic"); s != nil {
			t.Error(s)
		}
		if got := c.Contact(); got.Value != "Ann Author" {
			t.Error(got)
		}
		if got := fmt.Sprint(c.Template(5)); got != "[{[More Information Needed] 39}]" {
			t.Error(got)
		}
	}
}

func TestProblems(t *testing.T) {
	front := func(s string) string { return "---\n" + s + "\n---\n# x\n" }
	deep := strings.Repeat("[", 30) + strings.Repeat("]", 30)
	for _, c := range []struct{ in, want string }{
		{"", "1 the card is empty"},
		{"# title\n", "1 the card has no front matter"},
		{"\n---\nlicense: mit\n", "2 the front matter is not closed"},
		{"---\n---\n", "2 the front matter is empty"},
		{front("license: [mit"), "2 the front matter is not YAML"},
		{front("a: 1\nb: :\n- c"), "the front matter is not YAML"},
		{front("- mit"), "2 the front matter is no mapping"},
		{front("license: mit\nlicense: isc"), `3 "license" is given twice`},
		{front("license: {a: b}"), "2 license is no text"},
		{front("a: &x 1\nb: *x"), "3 the front matter refers to another value"},
		{front("a: " + deep), "2 more than 20 values"},
		{front("a: [" + strings.Repeat("1,", 20_001) + "]"), "2 the front matter has more than 20000 values"},
		{front("a: " + strings.Repeat("x", 300_000)), "2 the front matter has 300004 bytes"},
		{front("model-index: x"), "2 model-index is missing or no list"},
		{front("model-index:\n- name: x"), "3 results of model-index is missing"},
		{front("model-index:\n- results:\n  - metrics: [{type: a, value: 1}]"), "4 a result of model-index has no task"},
		{front("model-index:\n- results:\n  - task: {type: t}\n    metrics: []"), "4 a result of model-index has no dataset"},
		{front("model-index:\n- results:\n  - task: {type: t}\n    dataset: {type: d, name: n}"), "4 metrics of a result is missing"},
		{front("model-index:\n- results:\n  - {task: {type: t}, dataset: {type: d, name: n}, metrics: [{value: 1}]}"), "4 a metric of model-index has no type"},
		{front("model-index:\n- results:\n  - {task: {type: t}, dataset: {type: d, name: n}, metrics: [{type: f1, value: high}]}"), `4 the value of the metric "f1" is no number: "high"`},
		{front("model-index:\n- results:\n  - {task: {type: t}, dataset: {type: d, name: n}, metrics: [{type: f1, value: .nan}]}"), "4 the value of the metric"},
		{"---\na: 1\n---\nx\n\xff", "5 the card is not UTF-8"},
		{strings.Repeat("x", 1<<20+1), "1 the card has 1048577 bytes"},
	} {
		got := card.Parse([]byte(c.in))
		if len(got.Problems) == 0 || !strings.Contains(fmt.Sprint(got.Problems[0].Line, " ", got.Problems[0].Reason), c.want) {
			t.Errorf("%.60q: %v, want %s", c.in, got.Problems, c.want)
		}
	}
	if c := card.Parse([]byte(front("license: mit\nwhatever: {a: [1]}\ntags:"))); len(c.Problems) != 0 {
		t.Error(c.Problems)
	}
	// What is wrong in front does not hide the text.
	if c := card.Parse([]byte(front("a: ["))); len(c.Sections) != 1 || c.Sections[0].Line != 4 {
		t.Errorf("%+v", c.Sections)
	}
}

func TestCounts(t *testing.T) {
	for in, want := range map[string]string{
		"a 7B parameter model":                       "7e+09±5e+08",
		"has 124,439,808 parameters":                 "1.24439808e+08±0.5",
		"1.1 billion params":                         "1.1e+09±5e+07",
		"- **Parameters:** 7B":                       "7e+09±5e+08",
		"| Number of parameters | 110M |":            "1.1e+08±500000",
		"110M-parameter model":                       "1.1e+08±500000",
		"tune 3 parameters":                          "",
		"Llama-7B parameters are":                    "",
		"the parameters of version 2.3":              "",
		"parameters: `{temperature: 0.7}`":           "",
		"66M":                                        "",
		"0.5M trainable parameters of 7B parameters": "500000±50000 7e+09±5e+08",
	} {
		var got []string
		for _, n := range card.Parse([]byte(in)).Parameters {
			got = append(got, fmt.Sprintf("%g±%g", n.Value, n.Unit))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestSections(t *testing.T) {
	c := card.Parse([]byte("## a\n## b\ntext\n```\n~~~\n# code\n```\n    # indented code\n#tag\n### c #\n<!-- # d -->\n# TODO\nTBD\n---\n[optional]\n{{ results | default }}\n"))
	var got []string
	for _, s := range c.Sections {
		got = append(got, fmt.Sprint(s.Title, " ", s.Level, " ", s.Empty()))
	}
	if fmt.Sprint(got) != "[a 2 true b 2 false c 3 true TODO 1 true]" {
		t.Error(got)
	}
}

func TestContact(t *testing.T) {
	for in, want := range map[string]string{
		"- **Developed by:** [More Information Needed]":      "",
		"- **Developed by:** Acme":                           "Acme",
		"Questions? Contact: ml@acme.example":                "ml@acme.example",
		"## Model Card Contact\n\n[More Information Needed]": "",
		"## Model Card Contact\n\nAnn":                       "Model Card Contact",
		"no one":                                             "",
		"owner:":                                             "",
	} {
		if got := card.Parse([]byte(in)).Contact().Value; got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// Hostile cards of the largest size are read in a moment, in little memory.
func TestHostile(t *testing.T) {
	for _, s := range []string{"# a\n", "#", "```\n", "<!--", "-->", "{{", "[[[[", "parameters 1", "1,111", "contact ", "&a [*a,", "- ", "? ", "a: b: ", "\"\\", "\n", "\t", "{a: ", "!!x "} {
		many := strings.Repeat(s, card.MaxSize/len(s)-20)
		for _, in := range []string{"---\n" + many[:250_000] + "\n---\n", "---\na: 1\n---\n" + many[:1_000_000]} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			c := card.Parse([]byte(in))
			c.Section("x")
			c.Contact()
			c.Template(5)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("%q took %s", in[:20], took)
			}
			if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 256<<20 {
				t.Errorf("%q allocated %d MiB", in[:20], (after.TotalAlloc-before.TotalAlloc)>>20)
			}
		}
	}
}

// Wherever a card is cut off or damaged, reading it ends.
func TestDamaged(t *testing.T) {
	for i := range good {
		card.Parse([]byte(good[:i]))
		for _, c := range []byte{0, '[', '*', 0xff, '-'} {
			b := []byte(good)
			b[i] = c
			card.Parse(b)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("---\nlicense: mit\n---\n# a\n7B parameters\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := card.Parse(data)
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range c.Problems {
			if p.Line < 1 || p.Line > lines+1 || p.Reason == "" {
				t.Fatalf("%+v of %d lines", p, lines)
			}
		}
		for _, s := range c.Sections {
			if s.Line < 1 || s.Line > lines {
				t.Fatalf("%+v of %d lines", s, lines)
			}
		}
		c.Contact()
		c.Template(3)
	})
}
