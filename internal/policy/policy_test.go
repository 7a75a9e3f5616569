package policy_test

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/datacheck"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/policy"
)

const (
	project = `apiVersion: waybill.dev/v1
kind: Project
registry: ghcr.io/acme/reviews
people:
  ml-leads: [{login: octocat, id: 583231}, {login: hubot, id: 480938}]
stages:
  staging: {}
  shadow: {}
  production:
    from: [staging]
    soak: 24h
    environment: production
    approvals: {required: 2, from: [ml-leads], exclude: [author, committer], maxAge: 72h}
    requires: [data, evaluation]
    rollback: {soak: 2h}
report: {samples: none}
freezes: [{from: 2026-12-20, to: 2027-01-03, allow: [rollback]}]
`
	dataset = `apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
files: {train: data/train.csv}
columns:
  - {name: id, type: int64, unique: true}
  - {name: text, type: string, nullable: false}
  - {name: label, type: int8, values: [0, 1]}
checks:
  - {check: table.rows, min: 1000}
  - {check: text.length, column: text, min: 1, max: 10000, mostly: 0.99}
`
	model = `apiVersion: waybill.dev/v1
kind: Model
name: sentiment
files: [w.bin]
evaluation: {predictions: p.csv, key: id, label: label, prediction: prediction}
gates:
  - {metric: accuracy, min: 0.8}
  - {metric: accuracy, notWorseThan: "#production", margin: 0.01, slices: [lang, age]}
compatibility: {use: STRICT}
`
)

func side(t *testing.T, texts ...string) policy.Side {
	t.Helper()
	p, err := manifest.NewParser(modelcheck.Schemas(), datacheck.Schemas())
	if err != nil {
		t.Fatal(err)
	}
	var s policy.Side
	for _, text := range texts {
		if strings.Contains(text, "kind: Project") {
			if s.Project, err = p.Project("waybill.yaml", []byte(text)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		name := "m/model.yaml"
		if strings.Contains(text, "kind: Dataset") {
			name = "d/dataset.yaml"
		}
		a, err := p.Artifact(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s.Artifacts = append(s.Artifacts, a)
	}
	return s
}

// Every replacement loosens a rule; the other way round it makes it stricter.
func TestWeakened(t *testing.T) {
	for _, c := range []struct{ in, old, new, want string }{
		{project, "    soak: 24h\n", "    soak: 1h\n", "after a shorter time"},
		{project, "rollback: {soak: 2h}", "rollback: {soak: 1h}", "may go back to a version that was there for a shorter time"},
		{project, "    rollback: {soak: 2h}\n", "", "may go back to a version that was there for a shorter time"},
		{project, "from: [staging]\n", "from: [staging, shadow]\n", "may be entered from shadow too"},
		{project, "    from: [staging]\n    soak: 24h\n", "", "no longer asks that a version was in staging"},
		{project, "required: 2", "required: 1", "needs fewer approvals"},
		{project, "exclude: [author, committer]", "exclude: [author]", "the committer may approve"},
		{project, "maxAge: 72h", "maxAge: 720h", "older approvals count"},
		{project, "requires: [data, evaluation]", "requires: [data]", "no longer requires the checks of evaluation"},
		{project, "    environment: production\n", "", "has no environment any more"},
		{project, "id: 480938}]", "id: 480938}, {login: mallory, id: 7}]", "mallory may approve as one of ml-leads"},
		{project, "samples: none", "samples: full", "show more of the rows"},
		{project, "to: 2027-01-03", "to: 2027-01-01", "2 days of the freeze"},
		{project, "allow: [rollback]", "allow: [rollback, promote]", "allows promote too"},
		{dataset, "  - {check: table.rows, min: 1000}\n", "", "the check table.rows is gone"},
		{dataset, "min: 1000", "min: 10", "asks for less: min was 1000"},
		{dataset, "max: 10000", "max: 20000", "asks for less: max was 10000"},
		{dataset, "mostly: 0.99", "mostly: 0.9", "must hold for fewer rows"},
		{dataset, "mostly: 0.99}", "mostly: 0.99, severity: warning}", "decides less than before"},
		{dataset, "mostly: 0.99}", "mostly: 0.99, where: \"id > 3\"}", "looks at some rows only"},
		{dataset, "unique: true", "unique: false", "may repeat"},
		{dataset, "nullable: false", "nullable: true", "may lack values"},
		{dataset, "values: [0, 1]", "values: [0, 1, 2]", "may have more values"},
		{dataset, "  - {name: text, type: string, nullable: false}\n", "", "is declared no more"},
		{model, "min: 0.8", "min: 0.7", "asks for less: min was 0.8"},
		{model, "  - {metric: accuracy, min: 0.8}\n", "", "is gone"},
		{model, "margin: 0.01", "margin: 0.05", "asks for less: margin was 0.01"},
		{model, "margin: 0.01", "margin: 0.01, confidence: 0.8", "needs less certainty"},
		{model, "slices: [lang, age]", "slices: [lang]", "need not hold in slices of age"},
		{model, "margin: 0.01", "margin: 0.01, firstRelease: allow", "nothing to compare with"},
		{model, "margin: 0.01", "margin: 0.01, onInconclusive: warn", "what it cannot decide"},
		{model, "use: STRICT", "use: CLIENT", "fewer changes of the interface"},
	} {
		t.Run(c.new, func(t *testing.T) {
			if !strings.Contains(c.in, c.old) {
				t.Fatalf("%q is not in the document", c.old)
			}
			base, head := side(t, c.in), side(t, strings.Replace(c.in, c.old, c.new, 1))
			found := policy.Compare(base, head)
			if c.old == "    from: [staging]\n    soak: 24h\n" {
				found = found[:1] // the soak goes with it
			}
			if len(found) != 1 || found[0].Check != policy.Weakened || !strings.Contains(found[0].Message, c.want) {
				t.Errorf("found %+v, want %q", found, c.want)
			}
			for _, f := range policy.Compare(head, base) {
				if f.Check == policy.Weakened {
					t.Errorf("the other way round: %+v", f)
				}
			}
		})
	}
}

func TestUnchanged(t *testing.T) {
	s := side(t, project, dataset, model)
	if found := policy.Compare(s, s); len(found) > 0 {
		t.Errorf("%+v", found)
	}
	lines := strings.Split(dataset, "\n")
	n := len(lines) - 1
	lines[n-2], lines[n-1] = lines[n-1], lines[n-2]
	if found := policy.Compare(side(t, dataset), side(t, strings.Join(lines, "\n"))); len(found) > 0 {
		t.Errorf("reordered: %+v", found)
	}
	if found := policy.Compare(policy.Side{}, s); len(found) > 0 {
		t.Errorf("nothing before: %+v", found)
	}
}
