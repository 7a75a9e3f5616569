// Package behaviour judges behavioural tests of a model, as CheckList has them
// (Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with
// CheckList", section 2), from a file with what the model answered:
//
//	test        name of the test
//	kind        mft, inv or dir
//	case        what the rows of one example have in common (inv, dir)
//	expected    mft: the right answer; dir: increase, decrease, not_increase or
//	            not_decrease
//	prediction  what the model answered (mft; inv, where there is one)
//	score       a number (dir; inv, where there is a tolerance or no prediction)
//
// A minimum functionality test (mft) has one row a case, which passes when the
// prediction is what is expected. The first row of a case of the others is the
// original, the rest are its variants. An invariance test (inv) passes a case
// when all variants have the prediction of the original and, with a tolerance, a
// score at most that far from the original's. A directional test (dir) passes it
// when the scores of all variants move as expected: up or down by more than the
// tolerance (increase, decrease), or not down or up by more than it
// (not_decrease, not_increase). A variant without expected has that of the
// original.
package behaviour

import (
	"context"
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/stats"
	"github.com/waybill-dev/waybill/internal/table"
)

// Spec says where the tests stand.
type Spec struct {
	File      table.File
	Tolerance float64 // of scores
	// Confidence of the intervals, two-sided; 0 for 0.90.
	Confidence float64
}

// Result is what the tests found, in the order of the file. Where there are
// Problems, nothing was judged and Tests is nil.
type Result struct {
	Tests      []Test
	Confidence float64 // of the intervals
	// Problems say, one sentence each, why the tests cannot be judged.
	Problems []string
}

// Kind is what a test asks for.
type Kind string

const (
	MinimumFunctionality Kind = "mft"
	Invariance           Kind = "inv"
	Directional          Kind = "dir"
)

// Test is the cases of one test.
type Test struct {
	Name          string
	Kind          Kind
	Cases, Passed int64
	// Rate is Passed / Cases, with the Clopper-Pearson interval.
	Rate, Lower, Upper float64
	// Failing are the first cases that did not pass.
	Failing []Case
}

// Case is a case that did not pass.
type Case struct {
	Name string // its value of case; "" where there is none
	Row  int64  // of the file, from 1, that does not pass
	// Original is the row that it was compared with; 0 in tests without.
	Original int64
}

const (
	defaultConfidence = 0.90
	maxCases          = 5_000_000
	maxTests          = 10_000
	maxTexts          = 1 << 30 // bytes of what is kept of them
	failingCases      = 5
)

// Read judges the tests of a file. It keeps one record for each case. What is
// wrong with the contents of the file is a *table.DataError.
func Read(ctx context.Context, s Spec) (*Result, error) {
	if !(s.Tolerance >= 0) || math.IsInf(s.Tolerance, 1) {
		return nil, fmt.Errorf("read %s: tolerance %v: must be a number from 0", s.File.Name, s.Tolerance)
	}
	if s.Confidence == 0 {
		s.Confidence = defaultConfidence
	}
	if !(s.Confidence > 0 && s.Confidence < 1) {
		return nil, fmt.Errorf("read %s: confidence %v: must be between 0 and 1", s.File.Name, s.Confidence)
	}
	r, err := table.Open(ctx, s.File, table.Options{Columns: []string{"test", "kind", "case", "expected", "prediction", "score"}})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	j := newJudge(s, r.Schema())
	for len(j.problems) == 0 {
		more, err := j.batch(r)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	return j.finish(), nil
}

// finish decides all cases.
func (j *judge) finish() *Result {
	out := &Result{Confidence: j.spec.Confidence, Problems: j.problems}
	for i := range j.cases {
		if c := &j.cases[i]; c.rows < 2 && j.tests[c.test].Kind != MinimumFunctionality {
			j.fault(c.original, "a case of one row, which has no variant to compare with")
		}
	}
	for _, f := range j.faults {
		out.Problems = append(out.Problems, fmt.Sprintf("%s: %s; the first is row %d", report.Count(f.rows, "row"), f.what, f.row))
	}
	if len(out.Problems) == 0 && len(j.cases) == 0 {
		out.Problems = append(out.Problems, fmt.Sprintf("%s has no rows", j.spec.File.Name))
	}
	if len(out.Problems) > 0 {
		return out
	}
	for i := range j.cases {
		c := &j.cases[i]
		t := &j.tests[c.test]
		t.Cases++
		if c.failed == 0 {
			t.Passed++
			continue
		}
		if len(t.Failing) < failingCases {
			failing := Case{Name: c.name, Row: c.failed}
			if t.Kind != MinimumFunctionality {
				failing.Original = c.original
			}
			t.Failing = append(t.Failing, failing)
		}
	}
	for i := range j.tests {
		t := &j.tests[i]
		t.Rate = float64(t.Passed) / float64(t.Cases)
		t.Lower, t.Upper = stats.ClopperPearson(t.Passed, t.Cases, j.spec.Confidence)
	}
	out.Tests = j.tests
	return out
}
