package evalcheck

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
)

// against makes an Env in which the baseline answers all but some rows alike:
// of n rows, the first worse are right before and wrong now, the next better
// the other way around.
func against(n, worse, better int) Env {
	s := set(rows(n/2, "a", 1, 1), rows(n-n/2, "a", 0, 0))
	baseline := *s.Sample
	baseline.Prediction = append([]int32(nil), s.Sample.Prediction...)
	for i := range worse {
		s.Sample.Prediction[i] = 1 - s.Sample.Prediction[i]
	}
	for i := range better {
		baseline.Prediction[worse+i] = 1 - baseline.Prediction[worse+i]
	}
	return withPair(s, &predictions.Pair{Candidate: s.Sample, Baseline: &baseline})
}

func withPair(s *predictions.Set, p *predictions.Pair) Env {
	return Env{Candidate: s, Pair: func(_ context.Context, reference string) (*Other, error) {
		if reference != "#production" {
			return nil, fmt.Errorf("asked for %q", reference)
		}
		return &Other{Name: "sentiment@v1.2.0", Pair: p}, nil
	}}
}

func TestChurn(t *testing.T) {
	entry := func(params ...any) manifest.CheckSpec {
		return spec("evaluation.churn", append([]any{"against", "#production", "max", 0.05}, params...)...)
	}
	other := func(o *Other, err error) Env {
		e := against(100, 0, 0)
		e.Pair = func(context.Context, string) (*Other, error) { return o, err }
		return e
	}
	regression := &metric.Sample{Task: metric.Regression, N: 2, Truth: []float64{1, 2}, Estimate: []float64{1, 2}}
	texts := func(answers ...string) *metric.Sample {
		return &metric.Sample{Task: metric.Text, N: len(answers), Reference: make([]string, len(answers)), Answer: answers}
	}
	sets := func(all ...[]int32) *metric.Sample {
		return &metric.Sample{Task: metric.Multilabel, N: len(all), Classes: []string{"a", "b"}, PredictionSet: all, LabelSet: all}
	}
	for i, c := range []struct {
		env  Env
		spec manifest.CheckSpec
		want string
	}{
		{against(1000, 20, 10), entry(), "PASS 30 of 1,000 rows got another answer than from sentiment@v1.2.0 (3 %): 20 right before, 10 right now; all of the 90 % interval (2.17 % to 4.05 %) is within the allowed 5 %"},
		{against(1000, 60, 40), entry(), "FAIL 100 of 1,000 rows"},
		{against(1000, 30, 10), entry(), "INCONCLUSIVE the 90 % interval (3.03 % to 5.18 %) reaches above the allowed 5 %; about 2,740 rows would decide"},
		{against(10, 0, 0), entry(), "INCONCLUSIVE 0 of 10 rows"},
		{against(100, 0, 0), entry(), "PASS 0 of 100 rows"},
		{against(10, 10, 0), entry(), "FAIL 10 of 10 rows"},
		{other(&Other{First: true}, nil), entry(), "INCONCLUSIVE there is no #production to compare with"},
		{other(&Other{First: true}, nil), entry("firstRelease", "allow"), "PASS there is no #production yet"},
		{other(&Other{Itself: true, Name: "sentiment@v1.2.0"}, nil), entry(), "PASS this is sentiment@v1.2.0 itself"},
		{other(&Other{Name: "x"}, nil), entry(), "INCONCLUSIVE the predictions of x are not at hand"},
		{other(nil, nil), entry(), "INCONCLUSIVE there is nothing known of #production"},
		{other(nil, &Cannot{"it was evaluated on other rows", "attach"}), entry(), "INCONCLUSIVE it was evaluated on other rows"},
		{other(nil, fmt.Errorf("resolve: %w", &Cannot{"gone", "attach"})), entry(), "INCONCLUSIVE gone"},
		{withPair(set(rows(5, "a", 1, 1)), &predictions.Pair{Problems: []string{"no partner"}}), entry(), "INCONCLUSIVE sentiment@v1.2.0 cannot be compared with: no partner"},
		{withPair(set(rows(5, "a", 1, 1)), &predictions.Pair{Candidate: regression, Baseline: regression}), entry(), "INCONCLUSIVE the task is regression"},
		{withPair(set(rows(5, "a", 1, 1)), &predictions.Pair{Candidate: texts("a", "b"), Baseline: texts("a", "c")}), entry(), "INCONCLUSIVE 1 of 2 rows"},
		{withPair(set(rows(5, "a", 1, 1)), &predictions.Pair{Candidate: sets([]int32{0}, nil), Baseline: sets([]int32{0, 1}, nil)}), entry(), "INCONCLUSIVE 1 of 2 rows"},
		{Env{Candidate: set(rows(5, "a", 1, 1))}, entry(), "INCONCLUSIVE other versions are not known here"},
		{Env{Why: &Cannot{"the predictions are of other weights", "predict again"}}, entry(), "INCONCLUSIVE the predictions are of other weights"},
	} {
		if wants(t, one(t, c.env, c.spec), c.want); t.Failed() {
			t.Fatalf("case %d", i)
		}
	}
	if _, _, err := Run(t.Context(), model, []manifest.CheckSpec{entry()}, other(nil, errors.New("the registry does not answer"))); err == nil {
		t.Error("an error that is no *Cannot was swallowed")
	}
}

func TestChurnDetails(t *testing.T) {
	env := against(1000, 20, 10)
	env.Candidate.Sample.Classes[0], env.Candidate.Sample.Classes[1] = "bad 7", "good"
	env.Candidate.Sample.Score, env.Samples = make([]float64, 1000), manifest.SamplesNone
	pair, _ := env.Pair(t.Context(), "#production")
	pair.Pair.Baseline.Score = make([]float64, 1000)
	for i := range pair.Pair.Baseline.Score {
		pair.Pair.Baseline.Score[i] = 0.25
	}
	entry := spec("evaluation.churn", "against", "#production", "max", 0.05)
	f := one(t, env, entry)
	if f.Details["rightToWrong"] != int64(20) || f.Details["wrongToRight"] != int64(10) || f.Details["meanScoreDifference"] != 0.25 {
		t.Errorf("%+v", f.Details)
	}
	for samples, want := range map[manifest.Samples]string{
		manifest.SamplesNone: `map[row:1]`, manifest.SamplesMasked: `map[baseline:"xxxx" candidate:"xxx 9" label:"xxxx" row:1]`,
		manifest.SamplesFull: `map[baseline:"good" candidate:"bad 7" label:"good" row:1]`,
	} {
		env.Samples = samples
		examples := one(t, env, entry).Details["examples"].([]any)
		if got := fmt.Sprint(examples[0]); len(examples) != flipExamples || got != want {
			t.Errorf("%s: %s", samples, got)
		}
	}
}

// Rows of one user count for less.
func TestChurnOfClusters(t *testing.T) {
	env := against(1000, 30, 0)
	cluster := make([]int32, 1000)
	for i := range cluster {
		cluster[i] = int32(i / 50)
	}
	env.Candidate.Sample.Cluster = cluster
	entry := spec("evaluation.churn", "against", "#production", "max", 0.05)
	wants(t, one(t, env, entry), "INCONCLUSIVE ")
	env.Candidate.Sample.Cluster = nil
	wants(t, one(t, env, entry), "PASS ")
}
