package evalcheck

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/behaviour"
	"github.com/waybill-dev/waybill/internal/report"
)

var behaviours = Rule{
	ID:  "evaluation.behaviour",
	Doc: "The model passes behavioural tests: a file has cases that were made for it, with what it answered.",
	Params: map[string]any{
		"file":           file("The cases and answers: CSV, JSON lines or Parquet."),
		"min":            someShare("The share of the cases of each test that must pass. Default: 1, every case."),
		"tests":          map[string]any{"type": "object", "minProperties": 1, "additionalProperties": someShare("The share of the cases of this test that must pass."), "description": "Tests that must be there, each with its own min."},
		"kinds":          map[string]any{"type": "array", "minItems": 1, "uniqueItems": true, "items": map[string]any{"type": "string", "enum": []any{"mft", "inv", "dir"}}, "description": "The kinds of tests to judge: minimum functionality, invariance, directional. Default: all."},
		"tolerance":      number(0, 1e300, "By how much a score may move without counting as moved. Default: 0."),
		"confidence":     confidenceParam,
		"onInconclusive": onInconclusive,
	},
	Required: []string{"file"},
	files:    []string{"file"},
	bind: func(p *params) judge {
		p.needs("file", "file: eval/behaviour.csv")
		b := &behaved{file: p.text("file"), min: p.orElse("min", 0, 1, 1), kinds: p.texts("kinds"), tolerance: p.orElse("tolerance", 0, 1e300, 0), sure: p.sure(), own: map[string]float64{}}
		tests, isMap := p.spec.Params["tests"].(map[string]any)
		if _, given := p.spec.Params["tests"]; given && !isMap {
			p.mistakef("as in: tests: {negation: 0.9}", "tests is no list of tests with their min")
		}
		for _, test := range slices.Sorted(maps.Keys(tests)) {
			least, ok := numeric(tests[test])
			if !ok || least <= 0 || least > 1 {
				p.mistakef("it is a share above 0", "%v is not a value for the min of %s", tests[test], quoted(test))
			}
			b.own[test] = least
		}
		if b.min == 0 {
			p.mistakef("as in: min: 0.9", "a min of 0 asks nothing")
		}
		for _, k := range b.kinds {
			if !slices.Contains([]string{"mft", "inv", "dir"}, k) {
				p.mistakef("it is a list of any of mft, inv, dir", "%s is not a value for kinds", quoted(k))
			}
		}
		return b.judge
	},
}

// behaved is an entry.
type behaved struct {
	file           string
	min, tolerance float64
	own            map[string]float64 // min by test
	kinds          []string
	sure           confidence
}

// maxTests is how many tests that do not pass are findings of their own.
const maxTests = 50

func (b *behaved) judge(ctx context.Context, env *Env) ([]report.Finding, []report.Section, error) {
	opened, err := env.open(b.file)
	if err != nil {
		return nil, nil, err
	}
	r, err := behaviour.Read(ctx, behaviour.Spec{File: opened, Tolerance: b.tolerance, Confidence: b.sure.level()})
	const hint = "answer the cases again with this model and write that file"
	if err != nil {
		return nil, nil, unreadable(err, hint)
	}
	if len(r.Problems) > 0 {
		return nil, nil, cannot(hint, "the tests cannot be judged: %s", text(r.Problems[0]))
	}
	var claims []claim
	tests := map[string]*behaviour.Test{}
	for i := range r.Tests {
		t := &r.Tests[i]
		if len(b.kinds) > 0 && !slices.Contains(b.kinds, string(t.Kind)) {
			continue
		}
		k := claim{name: t.Name, hits: t.Passed, n: t.Cases, min: b.min}
		if least, ok := b.own[t.Name]; ok {
			k.min = least
		}
		claims, tests[t.Name] = append(claims, k), t
	}
	for _, test := range slices.Sorted(maps.Keys(b.own)) {
		if tests[test] == nil {
			return nil, nil, cannot("add its cases, or leave it out of tests:", "%s has no test %s", text(opened.Name), quoted(test))
		}
	}
	if len(claims) == 0 {
		return nil, nil, cannot("add cases, or leave out kinds:", "%s has no test of the kinds asked for", text(opened.Name))
	}
	settle(claims, b.sure)
	worstFirst(claims)
	return b.findings(env, claims, tests), b.sections(claims, tests), nil
}

func (b *behaved) findings(env *Env, claims []claim, tests map[string]*behaviour.Test) []report.Finding {
	var out []report.Finding
	var cases int64
	for i := range claims {
		k := &claims[i]
		cases += k.n
		if k.verdict == report.Pass {
			continue
		}
		if len(out) == maxTests {
			break
		}
		out = append(out, b.finding(env, k, tests[k.name]))
	}
	if len(out) > 0 {
		return out
	}
	k := &claims[0]
	message := fmt.Sprintf("the test %s passed", quoted(k.name))
	if len(claims) > 1 {
		message = fmt.Sprintf("%s passed; the nearest to its minimum is %s", report.Count(int64(len(claims)), "test"), quoted(k.name))
	}
	message += fmt.Sprintf(" with %s of %s: %s", report.Thousands(k.hits), report.Count(k.n, "case"), k.because(b.sure, "case"))
	return []report.Finding{{Verdict: report.Pass, Subject: name(b.file), Message: message, Details: map[string]any{"tests": len(claims), "cases": cases}}}
}

func (b *behaved) finding(env *Env, k *claim, t *behaviour.Test) report.Finding {
	f := report.Finding{
		Verdict: k.verdict, Subject: name(b.file) + " " + name(k.name), Expected: "≥ " + report.Percent(k.min) + " of the cases",
		Observed: fmt.Sprintf("%s (%s of %s)", percent(k.rate(), k.min), report.Thousands(k.hits), report.Thousands(k.n)),
		Message:  fmt.Sprintf("%s (%s): %s of %s passed; %s", quoted(k.name), t.Kind, report.Thousands(k.hits), report.Count(k.n, "case"), k.because(b.sure, "case")),
		Hint:     "add more cases to the test", Details: k.details(b.sure),
	}
	if k.verdict == report.Fail {
		f.Hint = "look at the cases that did not pass, and train on more like them"
	}
	var failing []any
	for _, c := range t.Failing {
		example := map[string]any{"row": c.Row}
		if c.Original > 0 {
			example["original"] = c.Original
		}
		if s := env.sample(c.Name); s != "" && c.Name != "" {
			example["case"] = s
		}
		failing = append(failing, example)
	}
	if len(failing) > 0 {
		f.Details["failing"] = failing
		if k.verdict == report.Fail {
			f.Message += fmt.Sprintf("; the first that did not is in row %s", report.Thousands(t.Failing[0].Row))
		}
	}
	return f
}

func (b *behaved) sections(claims []claim, tests map[string]*behaviour.Test) []report.Section {
	var rows [][]string
	for i := range claims[:min(len(claims), maxTests)] {
		k := &claims[i]
		rows = append(rows, []string{
			name(k.name), string(tests[k.name].Kind), fmt.Sprintf("%s of %s", report.Thousands(k.hits), report.Thousands(k.n)), report.Percent(k.rate()),
			report.Percent(k.lower) + " to " + report.Percent(k.upper), report.Percent(k.min), string(k.verdict),
		})
	}
	s := report.TableSection("Behaviour: "+name(b.file), []string{"Test", "Kind", ">Passed", ">Rate", ">" + b.sure.String() + " interval", ">Minimum", "Verdict"}, rows)
	s.Table.Omitted = len(claims) - len(rows)
	return []report.Section{s}
}
