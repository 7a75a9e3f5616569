package evalcheck

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/parity"
	"github.com/waybill-dev/waybill/internal/report"
)

// The defaults of the tolerances are numpy.isclose's.
var outputParity = Rule{
	ID:  "evaluation.parity",
	Doc: "A converted or quantised model gives the outputs of the original, within a tolerance.",
	Params: map[string]any{
		"file":           file("The outputs of this model: CSV, JSON lines or Parquet."),
		"reference":      file("The outputs of the original on the same inputs."),
		"key":            word("The column that identifies a row. Default: rows are compared by position."),
		"columns":        map[string]any{"type": "array", "minItems": 1, "uniqueItems": true, "items": map[string]any{"type": "string", "minLength": 1}, "description": "The columns to compare. Default: all that both files have."},
		"atol":           number(0, 1e300, "The absolute tolerance: |a − b| ≤ atol + rtol·|b|. Default: 1e-8."),
		"rtol":           number(0, 1e300, "The relative tolerance. Default: 1e-5."),
		"mostly":         someShare("The share of the rows that must be within the tolerance, in each column. Default: 1, all of these rows."),
		"maxFlips":       share("The largest share of the rows whose greatest number may stand at another place of the list: another class is the answer. 0 allows none of these rows."),
		"confidence":     confidenceParam,
		"onInconclusive": onInconclusive,
	},
	Required: []string{"file", "reference"},
	files:    []string{"file", "reference"},
	bind: func(p *params) judge {
		p.needs("file", "file: eval/outputs.parquet")
		p.needs("reference", "reference: eval/original.parquet")
		o := &outputs{file: p.text("file"), reference: p.text("reference"), key: p.text("key"), columns: p.spec.Columns,
			atol: p.orElse("atol", 0, 1e300, 1e-8), rtol: p.orElse("rtol", 0, 1e300, 1e-5), mostly: 1, maxFlips: p.number("maxFlips", 0, 1), sure: p.sure()}
		if m := p.spec.Mostly; m != nil {
			if o.mostly = *m; !(o.mostly > 0 && o.mostly <= 1) {
				p.mistakef("it is a share above 0", "%v is not a value for mostly", o.mostly)
			}
		}
		if o.file == o.reference {
			p.mistakef("", "file and reference are the same file")
		}
		return o.judge
	},
}

// outputs is an entry.
type outputs struct {
	file, reference, key string
	columns              []string
	atol, rtol, mostly   float64
	maxFlips             *float64
	sure                 confidence
}

func (o *outputs) judge(ctx context.Context, env *Env) ([]report.Finding, []report.Section, error) {
	a, err := env.open(o.file)
	if err != nil {
		return nil, nil, err
	}
	b, err := env.open(o.reference)
	if err != nil {
		return nil, nil, err
	}
	r, err := parity.Compare(ctx, parity.Spec{A: a, B: b, Key: o.key, Columns: o.columns, AbsTol: o.atol, RelTol: o.rtol})
	const hint = "write the outputs of both models for the same inputs"
	if err != nil {
		return nil, nil, unreadable(err, hint)
	}
	switch {
	case len(r.Problems) > 0:
		return nil, nil, cannot(hint, "the outputs cannot be compared: %s", text(r.Problems[0]))
	case r.Rows == 0 || len(r.Columns) == 0:
		return nil, nil, cannot(hint, "there are no outputs to compare")
	}
	findings := []report.Finding{o.within(env, r)}
	if o.maxFlips != nil {
		findings = append(findings, o.flips(r))
	}
	for i := range findings {
		if len(r.Notes) > 0 {
			findings[i].Details["notes"] = texts(r.Notes)
		}
	}
	return findings, []report.Section{o.section(r)}, nil
}

func texts(all []string) []string {
	var out []string
	for _, s := range all {
		out = append(out, text(s))
	}
	return out
}

func (o *outputs) column(r *parity.Result, called string) *parity.Column {
	for i := range r.Columns {
		if r.Columns[i].Name == called {
			return &r.Columns[i]
		}
	}
	return nil
}

// tolerance is what is allowed, as numpy writes it.
func (o *outputs) tolerance() string {
	return fmt.Sprintf("atol %s, rtol %s", short(o.atol), short(o.rtol))
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// within judges how many rows are within the tolerance, in each column.
func (o *outputs) within(env *Env, r *parity.Result) report.Finding {
	var claims []claim
	for _, c := range r.Columns {
		claims = append(claims, claim{name: c.Name, hits: r.Rows - c.Outside, n: r.Rows, min: o.mostly})
	}
	settle(claims, o.sure)
	worstFirst(claims)
	k := &claims[0]
	c := o.column(r, k.name)
	f := report.Finding{
		Verdict: k.verdict, Subject: name(o.file) + " tolerance", Details: k.details(o.sure),
		Expected: fmt.Sprintf("%s of the rows within %s", report.Percent(o.mostly), o.tolerance()),
		Observed: fmt.Sprintf("%s of %s outside, at most %s apart", report.Thousands(c.Outside), report.Count(r.Rows, "row"), short(c.MaxAbs)),
		Message: fmt.Sprintf("%s: %s of %s differ from the original by no more than the tolerance (%s), %s",
			quoted(c.Name), report.Thousands(k.hits), report.Count(r.Rows, "row"), o.tolerance(), k.because(o.sure, "row")),
	}
	f.Details["column"], f.Details["maxAbs"], f.Details["maxRel"], f.Details["meanAbs"] = name(c.Name), rounded(c.MaxAbs), rounded(c.MaxRel), rounded(c.MeanAbs)
	if len(r.Columns) > 1 {
		f.Message += fmt.Sprintf("; this is the worst of %s", report.Count(int64(len(r.Columns)), "column"))
	}
	if k.verdict == report.Pass {
		return f
	}
	f.Hint = "see the rows that differ most; convert again, or set atol and rtol to what callers bear"
	if c.Unlike > 0 {
		f.Message += fmt.Sprintf("; in %s the values are no pair of numbers", report.Count(c.Unlike, "row"))
	}
	var worst, places []any
	for _, w := range c.Worst {
		example := map[string]any{"row": w.A, "reference": w.B}
		if w.Difference != nil {
			example["difference"] = rounded(*w.Difference)
		}
		if env.Samples == manifest.SamplesFull && w.Key != "" {
			example["key"] = quoted(w.Key)
		}
		worst, places = append(worst, example), append(places, w.A)
	}
	if len(places) > 0 {
		f.Details["worst"] = worst
		f.Message += fmt.Sprintf("; rows that differ most: %s", strings.Trim(fmt.Sprint(places), "[]"))
	}
	return f
}

// flips judges in how many rows another class is the answer.
func (o *outputs) flips(r *parity.Result) report.Finding {
	f := report.Finding{Verdict: report.Inconclusive, Subject: name(o.file) + " flips", Expected: "≤ " + report.Percent(*o.maxFlips) + " of the rows", Details: map[string]any{}}
	var claims []claim
	for _, c := range r.Columns {
		if c.Lists > 0 {
			claims = append(claims, claim{name: c.Name, hits: c.Lists - c.Flips, n: c.Lists, min: 1 - *o.maxFlips})
		}
	}
	if len(claims) == 0 {
		f.Message, f.Hint = "no column has lists of numbers, in which a flip shows", "write the scores of all classes as one list, or leave out maxFlips"
		return f
	}
	settle(claims, o.sure)
	worstFirst(claims)
	k := &claims[0]
	flipped := k.n - k.hits
	f.Verdict, f.Details = k.verdict, k.details(o.sure)
	f.Details["column"], f.Details["flips"] = name(k.name), flipped
	f.Observed = fmt.Sprintf("%s of %s", report.Thousands(flipped), report.Count(k.n, "row"))
	// The claim is about the rows that keep their answer.
	kept := k.because(o.sure, "row")
	f.Message = fmt.Sprintf("%s: %s of %s keep the class of the original, %s", quoted(k.name), report.Thousands(k.hits), report.Count(k.n, "row"), kept)
	if k.verdict != report.Pass {
		f.Hint = "convert again with more precision, or calibrate the quantisation on more rows"
	}
	if c := o.column(r, k.name); k.verdict == report.Pass && c.Lists < r.Rows {
		f.Verdict = report.Inconclusive
		f.Message += fmt.Sprintf("; but only %s of %s have a list in both files", report.Thousands(c.Lists), report.Count(r.Rows, "row"))
		f.Hint = "write the outputs of every row"
	}
	return f
}

func (o *outputs) section(r *parity.Result) report.Section {
	const most = 50
	var rows [][]string
	for _, c := range r.Columns[:min(len(r.Columns), most)] {
		flips := "–"
		if c.Lists > 0 {
			flips = fmt.Sprintf("%s of %s", report.Thousands(c.Flips), report.Thousands(c.Lists))
		}
		rows = append(rows, []string{name(c.Name), report.Thousands(c.Outside), short(c.MaxAbs), short(c.MeanAbs), short(c.MaxRel), flips})
	}
	title := fmt.Sprintf("Outputs of %s beside %s (%s)", name(o.file), name(o.reference), report.Count(r.Rows, "row"))
	s := report.TableSection(title, []string{"Column", ">Rows outside", ">Greatest difference", ">Mean", ">Relative", ">Flips"}, rows)
	s.Table.Omitted = len(r.Columns) - len(rows)
	return s
}
