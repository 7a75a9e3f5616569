package modelcheck_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// asked runs one check on the model of the documentation's examples, changed by
// change, and returns its findings as "VERDICT RULE line message".
func asked(t *testing.T, spec manifest.CheckSpec, card string, change func(*manifest.Artifact, *modelcheck.Options)) string {
	t.Helper()
	parser, err := manifest.NewParser(modelcheck.Schemas(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := parser.Artifact("models/sentiment/model.yaml", []byte(docsManifest))
	if err != nil {
		t.Fatal(err)
	}
	spec.Pos, spec.Severity = manifest.Pos{File: a.Path, Line: 20, Column: 5}, report.Error
	a.Checks = []manifest.CheckSpec{spec}
	opts := docsOptions(map[string]string{"models/sentiment/README.md": card, "models/sentiment/NOTICE": "x", "models/NOTICE": "x"})
	if change != nil {
		change(a, &opts)
	}
	dir := t.TempDir()
	list := []manifest.File{}
	findings, err := modelcheck.Run(t.Context(), a, dir, list, opts)
	if err != nil {
		return "ERROR " + err.Error()
	}
	var out []string
	for _, f := range findings {
		if f.Check != spec.Check {
			continue
		}
		rule := f.Rule
		if rule == "" {
			rule = f.Check
		}
		if f.Verdict != report.Pass && f.Hint == "" || f.Location == nil || f.Group == "" {
			t.Errorf("incomplete finding %+v", f)
		}
		out = append(out, fmt.Sprintf("%s %s %d %s", f.Verdict, rule, f.Location.Line, f.Message))
	}
	return strings.Join(out, "\n")
}

func spec(check string, params ...any) manifest.CheckSpec {
	s := manifest.CheckSpec{Check: check, Params: map[string]any{}}
	for i := 0; i < len(params); i += 2 {
		s.Params[params[i].(string)] = params[i+1]
	}
	return s
}

func front(yaml string) string { return "---\n" + yaml + "\n---\n# sentiment\n" }

func metric(m string) string {
	return front("model-index:\n- results:\n  - task: {type: t}\n    dataset: {type: reviews, name: R, split: test}\n    metrics: [" + m + "]")
}

type checkCase struct {
	spec   manifest.CheckSpec
	card   string
	change func(*manifest.Artifact, *modelcheck.Options)
	want   []string // how the findings begin
}

func runCases(t *testing.T, cases []checkCase) {
	t.Helper()
	for _, c := range cases {
		if c.card == "" {
			c.card = docsCard
		}
		got := asked(t, c.spec, c.card, c.change)
		lines := strings.Split(got, "\n")
		ok := len(lines) == len(c.want)
		for i := range min(len(lines), len(c.want)) {
			ok = ok && strings.HasPrefix(lines[i], c.want[i])
		}
		if !ok {
			t.Errorf("%s %v of\n%s\ngot\n%s\nwant\n%s", c.spec.Check, c.spec.Params, c.card, got, strings.Join(c.want, "\n"))
		}
	}
}

func TestCard(t *testing.T) {
	none := func(a *manifest.Artifact, _ *modelcheck.Options) { a.Model.Card = "" }
	gone := func(a *manifest.Artifact, _ *modelcheck.Options) { a.Model.Card = "OTHER.md" }
	unknown := func(_ *manifest.Artifact, o *modelcheck.Options) { *o = modelcheck.Options{ReadFile: o.ReadFile} }
	registered := func(this, newest string) func(*manifest.Artifact, *modelcheck.Options) {
		return func(_ *manifest.Artifact, o *modelcheck.Options) {
			o.Registered = func(context.Context) (r modelcheck.Registered, err error) {
				if this != "" {
					r.This = ref.MustVersion(this)
				}
				if newest != "" {
					r.Newest = ref.MustVersion(newest)
				}
				return r, nil
			}
		}
	}
	lineage := func(_ *manifest.Artifact, o *modelcheck.Options) {
		o.Lock.Lineage = &manifest.Lineage{Datasets: map[string]manifest.LineageDataset{"train": {Name: "more"}}}
	}
	key := "AKIA" + "Q3EGRTLZXWEMPKYF"
	token := "eyJ" + "hbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJ" + "oYXNoIjoiNWIzYjVkYjU2ZjM5ZTk1NWI3OTg3ZWQifQ.abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
	runCases(t, []checkCase{
		{spec("card.valid"), "", nil, []string{"PASS card.valid 0 the model card can be read: front matter and 5 sections"}},
		{spec("card.valid"), "", none, []string{"FAIL CARD001 20 the manifest names no model card"}},
		{spec("card.valid"), "", gone, []string{`FAIL CARD001 20 the model card "OTHER.md" cannot be read: there is no such file`}},
		{spec("card.valid"), "# x", nil, []string{"FAIL CARD001 1 the model card has a mistake: the card has no front matter"}},
		{spec("card.sections"), "", gone, []string{"INCONCLUSIVE CARD007 20 there is no model card to look at"}},

		{spec("card.license"), "", nil, []string{"PASS card.license 2 the card's licence is known: Apache-2.0"}},
		{spec("card.license"), front("a: b"), nil, []string{"FAIL CARD002 1 the card names no licence"}},
		{spec("card.license"), front("license: apache"), nil, []string{"FAIL CARD002 2 the card's licence is not known"}},
		{spec("card.license"), front("license: unknown"), nil, []string{"FAIL CARD002 2 the card says that the licence is unknown"}},
		{spec("card.license"), front("license: [mit, llama3.1]"), nil, []string{"PASS card.license 2 the card's licence is known: MIT, LicenseRef-Llama-3.1"}},
		{spec("card.license"), front("license: other\nlicense_name: x\nlicense_link: NOTICE"), nil, []string{"PASS"}},
		{spec("card.license"), front("license: other\nlicense_name: x\nlicense_link: https://example.com/l"), nil, []string{"PASS"}},
		{spec("card.license"), front("license: other\nlicense_name: x"), nil, []string{"FAIL CARD003 2 the card's licence is \"other\", and no license_link"}},
		{spec("card.license"), front("license: other\nlicense_name: x\nlicense_link: ../NOTICE"), nil, []string{"FAIL CARD003 4 the card links"}},

		{spec("card.base-model"), "", nil, []string{"PASS card.base-model 0 the card names no base model"}},
		{spec("card.base-model", "required", true), "", nil, []string{"FAIL CARD004 1 the card names no base model"}},
		{spec("card.base-model"), front("base_model: [a/b, gpt2]"), nil, []string{"PASS card.base-model 2 the card names 2 base models"}},
		{spec("card.base-model"), front("base_model: [a/b/c, Sentiment, a..b]"), nil, []string{"FAIL CARD004 2 the card's base model \"a/b/c\" is no name", "FAIL CARD004 2 the card's base model \"Sentiment\" is this model itself", "FAIL"}},

		{spec("card.datasets"), "", nil, []string{"PASS card.datasets 0 the card names the datasets that the model was made from (reviews)"}},
		{spec("card.datasets"), front("datasets: acme/Reviews"), nil, []string{"PASS"}},
		{spec("card.datasets"), front("datasets: [reviews, imdb]"), nil, []string{"FAIL CARD005 2 the card names the dataset \"imdb\""}},
		{spec("card.datasets", "extra", "allow"), front("datasets: [reviews, imdb]"), nil, []string{"PASS"}},
		{spec("card.datasets"), "", lineage, []string{"FAIL CARD005 3 the model was made from more"}},
		{spec("card.datasets"), front("a: b"), func(a *manifest.Artifact, _ *modelcheck.Options) { a.Model.Datasets = a.Model.Datasets[1:] }, []string{"PASS"}},

		{spec("card.metrics"), "", nil, []string{"PASS card.metrics 0 the card claims no metrics"}},
		{spec("card.metrics", "required", true), "", nil, []string{"FAIL CARD006 1 the card has no metrics"}},
		{spec("card.metrics"), metric("{type: accuracy, value: 0.87}, {type: accuracy, value: 87.3}, {type: accuracy, value: 87 %}, {type: accuracy, value: 0.8731}, {type: f1, value: 0.851}"), nil,
			[]string{"PASS card.metrics 6 5 of 5 metrics of the card were measured, and are the same"}},
		{spec("card.metrics"), metric("{type: accuracy, value: 0.874}"), nil, []string{"FAIL CARD006 6 the card claims accuracy 0.874, measured is accuracy 0.8731"}},
		{spec("card.metrics"), metric("{type: accuracy, value: 0.88}"), nil, []string{"FAIL CARD006"}},
		{spec("card.metrics"), metric("{type: accuracy, value: 0.87}"), func(_ *manifest.Artifact, o *modelcheck.Options) {
			o.Lock.Metrics = map[string]float64{"accuracy": 0.0087}
		}, []string{"FAIL"}},
		{spec("card.metrics", "tolerance", 0.01), metric("{type: accuracy, value: 0.88}"), nil, []string{"PASS"}},
		{spec("card.metrics"), metric("{type: accuracy, value: 1}"), nil, []string{"FAIL"}}, // no rounding to whole numbers
		{spec("card.metrics"), metric("{type: accuracy, value: 1.0}"), nil, []string{"FAIL"}},
		{spec("card.metrics"), metric("{type: bleu, value: 0.3}"), nil, []string{"INCONCLUSIVE CARD006 6 the card's bleu 0.3 cannot be held to a measured value: it is not among"}},
		{spec("card.metrics", "unmeasured", "allow"), metric("{type: bleu, value: 0.3}"), nil, []string{"PASS card.metrics 6 0 of 1 metric"}},
		{spec("card.metrics"), metric("{type: f1, value: 0.8512, args: {average: macro}}"), nil, []string{"INCONCLUSIVE CARD006 6 the card's f1 (macro) 0.8512 cannot"}},
		{spec("card.metrics"), metric("{type: f1_macro, value: 0.5}, {type: macro-f1, value: 0.5}, {type: f1, name: Macro F1, value: 0.5}, {type: micro_f1, value: 0.8731}"), func(_ *manifest.Artifact, o *modelcheck.Options) {
			o.Lock.Metrics = map[string]float64{"accuracy": 0.8731, "f1.macro": 0.5}
		}, []string{"PASS card.metrics 6 4 of 4"}},
		{spec("card.metrics"), strings.ReplaceAll(metric("{type: accuracy, value: 0.5}"), "reviews", "imdb"), nil, []string{`INCONCLUSIVE CARD006 6 the card's accuracy 0.5 cannot be held to a measured value: it is about "imdb"`}},
		{spec("card.metrics"), strings.ReplaceAll(metric("{type: accuracy, value: 0.5}"), "test", "train"), nil, []string{`INCONCLUSIVE CARD006 6 the card's accuracy 0.5 cannot be held to a measured value: it is about the split "train"`}},
		{spec("card.metrics"), metric("{type: accuracy, value: 0.5}"), unknown, []string{"INCONCLUSIVE CARD006 6 the card's accuracy 0.5 cannot be held to a measured value: the lock has no metrics"}},

		{spec("card.sections"), "", nil, []string{"PASS card.sections 0 the card has the sections asked for"}},
		{spec("card.sections", "sections", []any{"ethics", "contact"}), "", nil, []string{"FAIL CARD007 0 the card has no section about ethics"}},
		{spec("card.sections"), front("a: b") + "## Uses\nx\n## Risks\ny\n## Results\n<!-- z -->\n", nil, []string{"FAIL CARD007 9 the card's section \"Results\" says nothing"}},

		{spec("card.sections"), front("a: b") + "## Intended Use\nx\n## Limitations\ny\n## Benchmark scores\nz\n", nil, []string{"PASS"}},
		{spec("card.version"), "", nil, []string{"PASS card.version 1 the card names no version"}},
		{spec("card.version", "required", true), "", nil, []string{"FAIL CARD008 1 the card names no version"}},
		{spec("card.version"), front("version: 1.3.0"), nil, []string{"PASS card.version 2 the card's version is v1.3.0"}},
		{spec("card.version"), front("version: latest"), nil, []string{"FAIL CARD008 2 the card's version \"latest\" is no version"}},
		{spec("card.version"), front("version: v1.2.0"), nil, []string{"FAIL CARD008 2 the card says v1.2.0, and v1.2.0 is registered already"}},
		{spec("card.version"), front("version: v1.2.0"), registered("v1.2.0", "v1.3.0"), []string{"PASS"}},
		{spec("card.version"), front("version: v1.3.0"), registered("v1.2.0", "v1.3.0"), []string{"FAIL CARD008 2 the card says v1.3.0, these files are registered as v1.2.0"}},
		{spec("card.version"), front("version: v0.1.0"), registered("", ""), []string{"PASS"}},
		{spec("card.version"), front("version: v1.2.0"), unknown, []string{"INCONCLUSIVE CARD008 2"}},
		{spec("card.version"), front("version: v1.2.0"), func(_ *manifest.Artifact, o *modelcheck.Options) {
			o.Registered = func(context.Context) (r modelcheck.Registered, err error) { return r, errors.New("no network") }
		}, []string{"ERROR check sentiment: card.version: no network"}},

		{spec("card.contact"), "", nil, []string{"PASS card.contact 13 the card says whom to ask"}},
		{spec("card.contact"), front("a: b") + "Ask ml-leads.", nil, []string{"PASS card.contact 5 the card names the owner ml-leads"}},
		{spec("card.contact"), front("a: b"), nil, []string{"FAIL CARD009 0 the card does not say whom to ask"}},

		{spec("card.secrets"), "", nil, []string{"PASS card.secrets 0 the card has nothing that looks like one of credit-card, iban, key"}},
		{spec("card.secrets"), front("token: "+key) + "\n" + key, nil, []string{"FAIL CARD010 2 the card has what looks like a secret or personal data: AKIA… (key)", "FAIL CARD010 6"}},
		{spec("card.secrets"), docsCard + "\nann@acme.com\n", nil, []string{"PASS"}},
		{spec("card.secrets"), front("verified: true\nverifyToken: " + token), nil, []string{"PASS"}}, // the Hub's, of a result that it measured
		{spec("card.secrets"), front("token: " + token), nil, []string{"FAIL CARD010 2 "}},
		{spec("card.secrets"), front("verifyToken: " + key), nil, []string{"FAIL CARD010 2 "}},
		{spec("card.secrets", "kinds", []any{"email"}), docsCard + "\nann@acme.com\n" + key, nil, []string{"FAIL CARD010 16 "}},
		{spec("card.secrets", "kinds", []any{"name"}), "", nil, []string{"ERROR check sentiment: card.secrets: models/sentiment/model.yaml:20:5: kinds"}},

		{spec("card.parameters"), "", nil, []string{"PASS card.parameters 0 the card names no number of parameters"}},
		{spec("card.parameters"), docsCard + "7B parameters", nil, []string{"INCONCLUSIVE CARD011 15 the card says 7B parameters, and those of the files cannot be counted"}},
	})
}

func TestCardParameters(t *testing.T) {
	for text, want := range map[string]report.Verdict{
		"1M parameters": report.Fail, "262K parameters": report.Pass, "0.3M parameters": report.Pass, "265K parameters": report.Pass, "270K parameters": report.Fail,
		"smaller than 7B parameters, it has 262,144 parameters": report.Pass,
	} {
		parser, err := manifest.NewParser(modelcheck.Schemas(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := runExample(t, parser, "card.parameters", front("a: b")+text, "checks: [{check: card.parameters}]\n"); strings.Contains(got, "FAIL") != (want == report.Fail) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// What runs unasked is a warning, and says nothing where nothing is declared.
func TestUnasked(t *testing.T) {
	a := &manifest.Artifact{Name: "sentiment", Path: "model.yaml", License: "Apache 2", Model: &manifest.Model{Card: "README.md"}}
	findings, err := modelcheck.Run(t.Context(), a, t.TempDir(), nil, modelcheck.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprint(f.Check, " ", f.Verdict, " ", f.Severity))
	}
	if want := []string{"files.readable PASS ", "card.valid FAIL warning", "license.known FAIL warning", "security PASS "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	a.License, a.Model.Card = "", ""
	if findings, err = modelcheck.Run(t.Context(), a, t.TempDir(), nil, modelcheck.Options{}); err != nil || len(findings) != 2 {
		t.Error(findings, err)
	}
}
