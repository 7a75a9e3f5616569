package policy_test

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/policy"
)

const (
	rich = `apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: CC-BY-4.0
files: {train: [a.csv, b.csv], test: t.csv}
csv: {delimiter: ";"}
checks:
  - {check: text.length, column: text, split: train, min: 1}
  - {check: column.values, column: label, values: [a, b]}
  - {check: column.not-values, column: label, values: [x, y]}
  - {check: column.range, column: price, max: 5, exclusiveMax: true}
  - {check: table.rows, min: 5, groupBy: [lang]}
  - {check: table.freshness, column: at, maxAge: 24h}
  - {check: rows.expression, expression: "a > b"}
`
	judged = `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
files: [w.bin]
card: README.md
datasets: {train: "reviews:train", evaluate: "reviews:test"}
interface: {labels: [a, b]}
evaluation: {predictions: p.csv, key: id, label: label, prediction: prediction, positive: a, slices: [lang, age]}
gates:
  - {metric: accuracy, notWorseThan: "champion#production", margin: 0.01, slices: [lang], perSlice: {minRows: 10, margin: 0.005}}
checks:
  - {check: files.size, max: 200MB}
`
)

// TestLoosened: what a rule looks at decides as much as what it asks for.
func TestLoosened(t *testing.T) {
	for _, c := range []struct{ in, old, new, rule, want string }{
		{rich, "split: train,", "split: test,", policy.Weakened, "text.length of text of train is gone"},
		{rich, "split: train, min: 1", "split: train", policy.Weakened, "has no min any more"},
		{rich, "values: [a, b]", "values: [a, b, c]", policy.Weakened, "another values"},
		{rich, "values: [x, y]", "values: [x]", policy.Weakened, "another values"},
		{rich, ", exclusiveMax: true", "", policy.Weakened, "lets more pass"},
		{rich, "maxAge: 24h", "maxAge: 30d", policy.Weakened, "asks for less: maxAge was 24h"},
		{rich, ", test: t.csv", "", policy.Weakened, "files of test are not named any more"},
		{rich, "[a.csv, b.csv]", "[a.csv]", policy.Changed, "files of train are chosen otherwise"},
		{rich, `delimiter: ";"`, `delimiter: ","`, policy.Changed, "in another way"},
		{rich, "license: CC-BY-4.0", "license: MIT", policy.Changed, "the license is another one"},
		{rich, "groupBy: [lang]", "groupBy: [at]", policy.Changed, "other groups"},
		{rich, `"a > b"`, `"true"`, policy.Changed, "another expression"},
		{rich, "split: train, min: 1", "split: train, min: 1, max: 10", policy.Changed, "says max now"},
		{judged, "max: 200MB", "max: 1GB", policy.Weakened, "asks for less: max was 200MB"},
		{judged, "slices: [lang, age]", "slices: [lang]", policy.Weakened, "not look at slices of age"},
		{judged, "minRows: 10, margin", "margin", policy.Weakened, "does not judge slices"},
		{judged, ", margin: 0.005", "", policy.Weakened, "the margin inside slices was 0.005"},
		{judged, "card: README.md\n", "", policy.Weakened, "no model card"},
		{judged, "interface: {labels: [a, b]}\n", "", policy.Weakened, "the interface is declared no more"},
		{judged, "predictions: p.csv", "predictions: q.csv", policy.Changed, "another predictions"},
		{judged, "label: label", "label: other", policy.Changed, "another label"},
		{judged, "positive: a", "positive: b", policy.Changed, "another positive"},
		{judged, "positive: a", "positive: a, threshold: 0.1", policy.Changed, "another threshold"},
		{judged, `evaluate: "reviews:test"`, `evaluate: "easy:test"`, policy.Changed, "another dataset is named for evaluate"},
		{judged, `, evaluate: "reviews:test"`, "", policy.Changed, "no dataset is named for evaluate"},
		// A new name in the same file does not shed the rules.
		{judged, "name: sentiment\n", "name: mood\nlicense: MIT\n", policy.Changed, "the license is another one"},
	} {
		t.Run(c.new, func(t *testing.T) {
			if !strings.Contains(c.in, c.old) {
				t.Fatalf("%q is not in the document", c.old)
			}
			base, head := side(t, c.in), side(t, strings.Replace(c.in, c.old, c.new, 1))
			found := policy.Compare(base, head)
			if len(found) != 1 || found[0].Check != c.rule || !strings.Contains(found[0].Message, c.want) {
				t.Errorf("found %+v, want %q", found, c.want)
			}
			if c.rule == policy.Changed {
				return
			}
			for _, f := range policy.Compare(head, base) {
				if f.Check == policy.Weakened && !strings.Contains(f.Message, "is gone") {
					t.Errorf("the other way round: %+v", f)
				}
			}
		})
	}
	for _, s := range []policy.Side{side(t, rich), side(t, judged)} {
		if found := policy.Compare(s, s); len(found) > 0 {
			t.Errorf("unchanged: %+v", found)
		}
	}
}

// TestOtherKind: a dataset that becomes a model keeps none of its rules.
func TestOtherKind(t *testing.T) {
	found := policy.Compare(side(t, rich), side(t, strings.NewReplacer("name: sentiment", "name: reviews", "\"reviews:", "\"other:").Replace(judged)))
	if len(found) != 1 || found[0].Check != policy.Weakened || !strings.Contains(found[0].Message, "it was a Dataset and is a Model") {
		t.Errorf("%+v", found)
	}
}

// TestTwoFreezes: a day on which two freezes meet is as free as the stricter one
// lets it be.
func TestTwoFreezes(t *testing.T) {
	one := "freezes: [{from: 2026-12-20, to: 2027-01-03, allow: [rollback]}]"
	two := "freezes: [{from: 2026-12-20, to: 2027-01-03, allow: [rollback, promote]}, {from: 2026-12-01, to: 2027-02-01, allow: [rollback]}]"
	if found := policy.Compare(side(t, project), side(t, strings.Replace(project, one, two, 1))); len(found) > 0 {
		t.Errorf("stricter: %+v", found)
	}
}
