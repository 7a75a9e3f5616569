package behaviour

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// judge gathers the cases of a file.
type judge struct {
	spec     Spec
	tests    []Test
	named    map[string]int // place in tests
	cases    []state
	open     map[example]int // place in cases
	texts    int             // bytes that tests and cases keep
	problems []string
	faults   []fault

	hasPrediction bool
}

// example tells the cases of tests apart.
type example struct {
	test int
	name string
}

// state is a case as far as it was read.
type state struct {
	test       int
	name       string
	original   int64 // its first row
	rows       int64
	failed     int64 // the first row that does not pass, 0 for none
	prediction string
	expected   string
	score      float64
}

// fault is what is wrong with rows.
type fault struct {
	what string
	rows int64
	row  int64 // the first of them
}

func newJudge(s Spec, schema table.Schema) *judge {
	j := &judge{spec: s, named: make(map[string]int), open: make(map[example]int)}
	for _, name := range []string{"test", "kind"} {
		if schema.Index(name) < 0 {
			j.problems = append(j.problems, fmt.Sprintf("%s has no column %q", s.File.Name, name))
		}
	}
	j.hasPrediction = schema.Index("prediction") >= 0
	return j
}

// fault is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (j *judge) fault(row int64, what string) {
	for i := range j.faults {
		if f := &j.faults[i]; f.what == what {
			f.rows++
			return
		}
	}
	j.faults = append(j.faults, fault{what, 1, row})
}

// row is one row of the file, its texts "" where it has none.
type row struct {
	number                           int64
	test, kind, name, expect, answer string
	score                            float64
	hasScore                         bool
}

// batch reads the next rows.
func (j *judge) batch(r table.Reader) (more bool, err error) {
	b, err := r.Next()
	if err == io.EOF {
		return false, nil
	} else if err != nil {
		return false, err
	}
	column := b.Column
	test, kind, name, expect, answer, score := column("test"), column("kind"), column("case"), column("expected"), column("prediction"), column("score")
	for i := range b.Rows {
		v := row{b.Row(i), text(test, i), text(kind, i), text(name, i), text(expect, i), text(answer, i), 0, false}
		if score != nil {
			v.score, v.hasScore = score.Float(i)
			v.hasScore = v.hasScore && !math.IsNaN(v.score) && !math.IsInf(v.score, 0)
		}
		j.row(&v)
		if len(j.cases) > maxCases || len(j.tests) > maxTests {
			j.problems = append(j.problems, fmt.Sprintf("%s has more than %s tests or %s cases; judge them in several files",
				j.spec.File.Name, report.Thousands(maxTests), report.Thousands(maxCases)))
			return false, nil
		}
		if j.texts > maxTexts {
			j.problems = append(j.problems, fmt.Sprintf("%s has more than %d GB of answers and names of cases; judge them in several files", j.spec.File.Name, maxTexts>>30))
			return false, nil
		}
	}
	return true, nil
}

func text(c *table.Column, i int) string {
	if c == nil {
		return ""
	}
	return c.Text(i)
}

func (j *judge) row(v *row) {
	kind := Kind(strings.ToLower(v.kind))
	switch {
	case v.test == "":
		j.fault(v.number, "no test is named")
		return
	case kind != MinimumFunctionality && kind != Invariance && kind != Directional:
		j.fault(v.number, "the kind is not mft, inv or dir")
		return
	}
	test, ok := j.named[v.test]
	if !ok {
		test = len(j.tests)
		j.named[v.test] = test
		j.texts += len(v.test)
		j.tests = append(j.tests, Test{Name: v.test, Kind: kind})
	}
	if j.tests[test].Kind != kind {
		j.fault(v.number, "the kind is not that of the rows of this test before")
		return
	}
	if kind == MinimumFunctionality {
		j.functionality(test, v)
		return
	}
	if lacks := j.lacks(kind, v); lacks != "" {
		j.fault(v.number, lacks)
		return
	}
	at, ok := j.open[example{test, v.name}]
	if !ok {
		j.open[example{test, v.name}] = len(j.cases)
		j.texts += len(v.name) + len(v.answer) + len(v.expect)
		j.cases = append(j.cases, state{test: test, name: v.name, original: v.number, rows: 1, prediction: v.answer, expected: v.expect, score: v.score})
		return
	}
	c := &j.cases[at]
	c.rows++
	if !j.passes(kind, c, v) && c.failed == 0 {
		c.failed = v.number
	}
}

func (j *judge) functionality(test int, v *row) {
	switch {
	case v.expect == "":
		j.fault(v.number, "a row of an mft has no expected prediction")
		return
	case v.answer == "":
		j.fault(v.number, "there is no prediction")
		return
	}
	c := state{test: test, name: v.name, original: v.number, rows: 1}
	if !same(v.expect, v.answer) {
		c.failed = v.number
	}
	j.texts += len(v.name)
	j.cases = append(j.cases, c)
}

// lacks says what a row of an inv or dir lacks.
func (j *judge) lacks(kind Kind, v *row) string {
	switch {
	case v.name == "":
		return "a row of an inv or dir has no case"
	case kind == Directional && !v.hasScore:
		return "a row of a dir has no score that is a finite number"
	case kind == Directional:
		return ""
	case j.hasPrediction && v.answer == "":
		return "there is no prediction"
	case (!j.hasPrediction || j.spec.Tolerance > 0) && !v.hasScore:
		return "a row of an inv has no score that is a finite number, which it needs with a tolerance or without a prediction"
	}
	return ""
}

// passes compares a variant with the original.
func (j *judge) passes(kind Kind, c *state, v *row) bool {
	change, tolerance := v.score-c.score, j.spec.Tolerance
	if kind == Invariance {
		if j.hasPrediction && !same(v.answer, c.prediction) {
			return false
		}
		return j.hasPrediction && tolerance == 0 || math.Abs(change) <= tolerance
	}
	expect := v.expect
	if expect == "" {
		expect = c.expected
	}
	switch expect {
	case "increase":
		return change > tolerance
	case "decrease":
		return change < -tolerance
	case "not_increase":
		return change <= tolerance
	case "not_decrease":
		return change >= -tolerance
	}
	j.fault(v.number, "what a dir expects is not increase, decrease, not_increase or not_decrease")
	return false
}

// same tells whether two answers are one: the same text or number.
func same(a, b string) bool {
	if a == b {
		return true
	}
	x, ok := table.ParseNumber([]byte(a))
	y, ok2 := table.ParseNumber([]byte(b))
	return ok && ok2 && x == y
}
