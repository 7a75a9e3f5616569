package evalcheck

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

func TestDivide(t *testing.T) {
	a := *model
	a.Checks = []manifest.CheckSpec{
		spec("files.size", "max", "1kB"),
		spec("evaluation.parity", "file", "a.csv", "reference", "b.csv"),
		spec("evaluation.fairness", "column", "sex*age:4"),
		spec("evaluation.fairness", "column", "sex"),
		spec("evaluation.behaviour", "file", "a.csv"),
		spec("evaluation.latency", "file", int64(3)),
	}
	own, rest := Divide(&a)
	if len(own) != 5 || len(rest) != 1 || rest[0].Check != "files.size" {
		t.Errorf("%v, %v", own, rest)
	}
	if got := Files(&a); !slices.Equal(got, []string{"a.csv", "b.csv"}) {
		t.Error(got)
	}
	if got := Columns(own); !slices.Equal(got, []string{"sex", "age"}) {
		t.Error(got)
	}
}

// What the manifest has wrong is an error with its place, also where no schema
// has looked.
func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		spec manifest.CheckSpec
		want string
	}{
		{spec("evaluation.fairnes"), `there is no check "evaluation.fairnes"; did you mean "evaluation.fairness"?`},
		{spec("evaluation.fairness", "maxDifference", 0.1), "needs column"},
		{spec("evaluation.fairness", "column", "a"), "needs maxDifference or minRatio"},
		{spec("evaluation.fairness", "column", "a", "maxDifference", 2.0), "2 is not a value for maxDifference"},
		{spec("evaluation.fairness", "column", "a", "maxDifference", "a"), "a is not a value for maxDifference"},
		{spec("evaluation.fairness", "column", "a", "maxDifference", int64(0)), "a limit of 0 shows nothing"},
		{spec("evaluation.fairness", "column", "a", "maxDifference", 0.1, "minRows", 1.5), "1.5 is not a value for minRows"},
		{spec("evaluation.fairness", "column", "a", "maxDifference", 0.1, "confidence", 0.5), "0.5 is not a value for confidence"},
		{spec("evaluation.fairness", "column", "a", "maxDifference", 0.1, "groups", "b"), "b is not a value for groups"},
		{spec("evaluation.churn", "max", 0.1), "needs against"},
		{spec("evaluation.churn", "against", "#production"), "needs max"},
		{spec("evaluation.churn", "against", "#production", "max", 0.0), "a max of 0"},
		{spec("evaluation.churn", "against", "#production", "max", 0.1, "firstRelease", "yes"), `"yes" is not a value for firstRelease`},
		{spec("evaluation.calibration"), "needs max"},
		{spec("evaluation.calibration", "max", 0.1, "bins", int64(1)), "1 is not a value for bins"},
		{spec("evaluation.calibration", "max", 0.1, "norm", "l2"), `"l2" is not a value for norm`},
		{spec("evaluation.behaviour"), "needs file"},
		{spec("evaluation.behaviour", "file", "a", "min", 0.0), "a min of 0"},
		{spec("evaluation.behaviour", "file", "a", "tests", []any{"b"}), "tests is no list of tests"},
		{spec("evaluation.behaviour", "file", "a", "tests", map[string]any{"b": 2.0}), "2 is not a value for the min"},
		{spec("evaluation.behaviour", "file", "a", "kinds", []any{"unit"}), `"unit" is not a value for kinds`},
		{spec("evaluation.parity", "file", "a"), "needs reference"},
		{spec("evaluation.parity", "file", "a", "reference", "a"), "the same file"},
		{spec("evaluation.parity", "file", "a", "reference", "b", "atol", -1.0), "-1 is not a value for atol"},
		{spec("evaluation.parity", "file", "a", "reference", "b", "mostly", 0.0), "0 is not a value for mostly"},
		{spec("evaluation.latency", "file", "a"), "needs max or ratio"},
		{spec("evaluation.latency", "file", "a", "max", "soon"), `"soon" is not a value for max`},
		{spec("evaluation.latency", "file", "a", "max", "-5ms"), `"-5ms" is not a value for max`},
		{spec("evaluation.latency", "file", "a", "max", "5ms", "percentile", int64(100)), "100 is not a value for percentile"},
		{spec("evaluation.latency", "file", "a", "ratio", 0.9), "0.9 is not a value for ratio"},
	} {
		_, _, err := Run(t.Context(), model, []manifest.CheckSpec{c.spec}, Env{})
		var mistakes manifest.Errors
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "model.yaml:20") {
			t.Errorf("%v: got %v, want %q", c.spec, err, c.want)
		}
	}
}

func TestSeverity(t *testing.T) {
	s := set(rows(40, "a", 1, 1), rows(40, "b", 0, 0))
	env := Env{Candidate: s}
	fails := spec("evaluation.fairness", "column", "region", "maxDifference", 0.1, "onInconclusive", "warn")
	open := spec("evaluation.fairness", "column", "region", "maxDifference", 0.1, "onInconclusive", "warn", "measure", "tpr")
	info := spec("evaluation.fairness", "column", "region", "maxDifference", 0.1, "onInconclusive", "warn", "measure", "tpr", "severity", "info")
	strict := spec("evaluation.fairness", "column", "region", "maxDifference", 0.1, "measure", "tpr")
	found, _ := run(t, env, fails, open, info, strict)
	for i, want := range []report.Severity{report.Error, report.Warning, report.Info, report.Error} {
		if found[i].Severity != want {
			t.Errorf("%d: %+v", i, found[i])
		}
	}
}

func TestEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := Run(ctx, model, []manifest.CheckSpec{spec("evaluation.fairness", "column", "region", "maxDifference", 0.1)}, Env{Candidate: set(rows(40, "a", 1, 1), rows(40, "b", 0, 0))})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
