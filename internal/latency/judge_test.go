package latency

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/stats"
)

func ptr[T any](v T) *T { return &v }

// made is a recording of n rounds; a series that gives 0 did not run.
func made(n int, candidate, baseline, again func(i int) float64) *Samples {
	s := &Samples{}
	for i := range n {
		for _, x := range []struct {
			name string
			of   func(int) float64
		}{{Candidate, candidate}, {Baseline, baseline}, {Again, again}} {
			if x.of == nil {
				continue
			}
			if v := x.of(i); v > 0 {
				s.Rows = append(s.Rows, Sample{Command: x.name, Round: int64(i), Seconds: v})
			}
		}
	}
	return s
}

// wave goes up and down by spread around center, in an order of its own.
func wave(center, spread float64, step int) func(int) float64 {
	return func(i int) float64 { return center * (1 + spread*(float64(i*step%101)/50-1)) }
}

func TestJudge(t *testing.T) {
	still, margin := wave(0.1, 0.01, 37), ptr(0.05)
	for _, c := range []struct {
		name    string
		s       *Samples
		g       Gate
		want    report.Verdict
		message string
	}{
		{"nothing asked", made(50, still, nil, nil), Gate{}, "", ""},
		{"max holds", made(100, still, nil, nil), Gate{Max: ptr(0.11)}, report.Pass, "within the limit of 110 ms"},
		{"max broken", made(100, still, nil, nil), Gate{Max: ptr(0.09)}, report.Fail, "above the limit of 90 ms"},
		{"max amid the runs", made(101, still, nil, nil), Gate{Max: ptr(0.1)}, report.Inconclusive, "cannot be told from the limit of 100 ms; 50 of 101 runs took longer"},
		{"max equal to all", made(20, wave(0.1, 0, 1), nil, nil), Gate{Max: ptr(0.1)}, report.Pass, "within"},
		{"four runs", made(4, still, nil, nil), Gate{Max: ptr(9.)}, report.Inconclusive, "4 runs are too few for an interval of p50, which takes at least 5"},
		{"five runs", made(5, still, nil, nil), Gate{Max: ptr(9.)}, report.Pass, ""},
		{"p99 of 298", made(298, still, nil, nil), Gate{Percentiles: []float64{0.99}, Max: ptr(9.)}, report.Inconclusive, "takes at least 299"},
		{"p99 of 299", made(299, still, nil, nil), Gate{Percentiles: []float64{0.99}, Max: ptr(9.)}, report.Pass, ""},
		{"no runs", &Samples{}, Gate{Max: ptr(9.)}, report.Inconclusive, "the candidate has no runs"},

		{"no slower", made(100, still, wave(0.1, 0.01, 53), wave(0.1, 0.01, 29)), Gate{Margin: margin}, report.Pass, "below the limit of 1.05"},
		{"slower", made(100, wave(0.12, 0.01, 37), wave(0.1, 0.01, 53), wave(0.1, 0.01, 29)), Gate{Margin: margin}, report.Fail, "above the limit of 1.05"},
		{"at the limit", made(100, wave(0.105, 0.02, 37), wave(0.1, 0.02, 53), wave(0.1, 0.02, 29)), Gate{Margin: margin}, report.Inconclusive, "cannot be told from the limit of 1.05"},
		{"without the noise", made(100, still, wave(0.1, 0.01, 53), nil), Gate{Margin: margin}, report.Pass, ""},
		{"too noisy", made(100, still, wave(0.1, 0.01, 53), wave(0.11, 0.01, 29)), Gate{Margin: margin}, report.Inconclusive, "this machine is too noisy: p50 of two series of the same command differ by a factor of 1.0"},
		{"too noisy the other way", made(100, still, wave(0.1, 0.01, 53), wave(0.09, 0.01, 29)), Gate{Margin: margin}, report.Inconclusive, "this machine is too noisy"},
		{"slower, but so is the baseline", made(100, wave(0.112, 0.01, 37), wave(0.1, 0.01, 53), wave(0.11, 0.01, 29)), Gate{Margin: margin}, report.Inconclusive, "this machine is too noisy"},
		{"slower than any noise", made(100, wave(0.2, 0.01, 37), wave(0.1, 0.01, 53), wave(0.11, 0.01, 29)), Gate{Margin: margin}, report.Fail, ""},
		{"faster than any noise", made(100, wave(0.05, 0.01, 37), wave(0.1, 0.01, 53), wave(0.11, 0.01, 29)), Gate{Margin: margin}, report.Pass, ""},
		{"four rounds", made(4, still, still, still), Gate{Margin: margin}, report.Inconclusive, "4 rounds are too few for the ratio of p50, which takes at least 5"},
		{"p90 of 28 rounds", made(28, still, still, still), Gate{Percentiles: []float64{0.9}, Margin: margin}, report.Inconclusive, "28 rounds are too few for the ratio of p90, which takes at least 29"},
		{"p90 no slower", made(300, still, wave(0.1, 0.01, 53), wave(0.1, 0.01, 29)), Gate{Percentiles: []float64{0.9}, Margin: margin}, report.Pass, "p90 of the candidate is"},
		{"p90 slower", made(300, wave(0.12, 0.01, 37), wave(0.1, 0.01, 53), wave(0.1, 0.01, 29)), Gate{Percentiles: []float64{0.9}, Margin: margin}, report.Fail, ""},
		{"p90 of a clock that stands still", made(300, wave(0.1, 0, 1), wave(0.1, 0, 1), nil), Gate{Percentiles: []float64{0.9}, Margin: margin}, report.Inconclusive, "no interval for the ratio of p90: every resample"},
		{"no baseline", made(100, still, nil, nil), Gate{Margin: margin}, report.Inconclusive, "there is no baseline to compare with"},
		{"no candidate", made(100, nil, still, nil), Gate{Margin: margin}, report.Inconclusive, "no round in common"},
		{"other rounds", made(100, func(i int) float64 { return float64(i % 2) }, func(i int) float64 { return float64(1 - i%2) }, nil), Gate{Margin: margin}, report.Inconclusive, "no round in common"},
		{"noise of other rounds", made(100, wave(0.05, 0.01, 37), func(i int) float64 { return float64(i % 2) }, func(i int) float64 { return float64(1 - i%2) }), Gate{Margin: margin}, report.Inconclusive, "the noise of this machine is not known"},
		{"one of two fails", made(100, wave(0.12, 0.01, 37), wave(0.1, 0.01, 53), nil), Gate{Margin: margin, Max: ptr(0.2)}, report.Fail, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Judge(c.s, c.g)
			if r.Verdict != c.want {
				t.Errorf("%s, want %s: %+v", r.Verdict, c.want, r.Decisions)
			}
			said := ""
			for _, d := range r.Decisions {
				said += d.Message + "\n"
			}
			if !strings.Contains(said, c.message) {
				t.Errorf("said %q, want %q", said, c.message)
			}
			if _, err := json.Marshal(r); err != nil {
				t.Error(err)
			}
			if _, err := json.Marshal(Sections(r)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A command that fails is often fast, so it decides nothing, of whichever
// command the failures are.
func TestJudgeFailures(t *testing.T) {
	for _, name := range []string{Candidate, Baseline, Again} {
		s := made(100, wave(0.05, 0.01, 37), wave(0.1, 0.01, 53), wave(0.1, 0.01, 29))
		if got := Judge(s, Gate{Margin: ptr(0.05)}).Verdict; got != report.Pass {
			t.Fatal(got)
		}
		s.Rows = append(s.Rows, Sample{Command: name, Round: 100, Seconds: 0.001, Exit: 3})
		r := Judge(s, Gate{Margin: ptr(0.05)})
		if want := "1 of 101 runs of the " + name + " failed (exit code 3)"; r.Verdict != report.Inconclusive || !strings.Contains(r.Decisions[0].Message, want) {
			t.Errorf("%s: %s %s", name, r.Verdict, r.Decisions[0].Message)
		}
		if r := Judge(s, Gate{Max: ptr(0.2)}); (r.Verdict == report.Pass) != (name != Candidate) {
			t.Errorf("%s: max: %s", name, r.Verdict)
		}
	}
}

// The order of a recording's lines means nothing.
func TestJudgeOrder(t *testing.T) {
	s := made(200, wave(0.1, 0.1, 37), wave(0.1, 0.1, 53), wave(0.1, 0.1, 29))
	g := Gate{Percentiles: []float64{0.5, 0.9}, Margin: ptr(0.05), Max: ptr(0.2)}
	want, _ := json.Marshal(Judge(s, g))
	rng := rand.New(rand.NewPCG(1, 1))
	rng.Shuffle(len(s.Rows), func(i, j int) { s.Rows[i], s.Rows[j] = s.Rows[j], s.Rows[i] })
	if got, _ := json.Marshal(Judge(s, g)); string(got) != string(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestNeeded(t *testing.T) {
	for _, c := range []struct {
		q, confidence float64
		want          int64
	}{{0.5, 0.95, 5}, {0.9, 0.95, 29}, {0.95, 0.95, 59}, {0.99, 0.95, 299}, {0.999, 0.95, 2995}, {0.1, 0.95, 29}, {0.9, 0.99, 44}, {0.95, 0.99, 90}, {0.99, 0.99, 459}} {
		if got := Needed(c.q, c.confidence); got != c.want {
			t.Errorf("p%v at %v: %d, want %d", 100*c.q, c.confidence, got, c.want)
		}
		g := Gate{Confidence: c.confidence}
		for n := c.want - 2; n <= c.want+2; n++ {
			lower, upper, ok := stats.QuantileRanks(n, c.q, g.twoSided())
			if ok && (lower < 1 || upper > n) || ok != (n >= c.want) {
				t.Errorf("p%v of %d at %v: ranks %d, %d, %v", 100*c.q, n, c.confidence, lower, upper, ok)
			}
		}
	}
}

func TestPercentile(t *testing.T) {
	v := make([]float64, 1000)
	for i := range v {
		v[i] = float64(i + 1)
	}
	// 95 % two-sided: the 881st and the 919th of 1,000.
	e := percentile(v, 0.9, Gate{Confidence: 0.975})
	if e.Value != 900 || *e.Lower != 881 || *e.Upper != 919 {
		t.Errorf("%+v %v %v", e, *e.Lower, *e.Upper)
	}
	for _, c := range []struct {
		n    int64
		q    float64
		want int64
	}{{10, 0.9, 9}, {10, 0.91, 10}, {100, 0.07, 7}, {1, 0.5, 1}, {1, 0.01, 1}, {2, 0.5, 1}, {1000, 0.999, 999}, {1000, 0.29, 290}} {
		if got := rank(c.n, c.q); got != c.want {
			t.Errorf("%v of %d: %d, want %d", c.q, c.n, got, c.want)
		}
	}
}

func TestEnough(t *testing.T) {
	for _, c := range []struct {
		n, slow    int64
		q, c       float64
		want, upTo int64
	}{
		{10, 0, 0.9, 0.99, 44, 44}, // LoadGen's count without slow runs
		{10, 0, 0.99, 0.95, 299, 299},
		{100, 5, 0.9, 0.95, 101, 200},   // 5 % slow where 10 % may be
		{100, 9, 0.9, 0.95, 2000, 3000}, // z² q (1-q) / 0.01² = 2435
		{100, 20, 0.9, 0.95, 101, 101},  // decided with one more
	} {
		got := enough(c.n, c.slow, c.q, c.c)
		if got == nil || *got < c.want || *got > c.upTo {
			t.Errorf("%+v: %v", c, got)
		}
	}
	for _, slow := range []int64{10} {
		if got := enough(100, slow, 0.9, 0.95); got != nil {
			t.Errorf("at the limit: %d", *got)
		}
	}
}

// TestFalsePass draws recordings whose true value is the limit itself: a PASS
// is then wrong, and may happen in 5 % of them.
func TestFalsePass(t *testing.T) {
	if testing.Short() {
		t.Skip("a simulation")
	}
	rng := rand.New(rand.NewPCG(7, 7))
	skewed := func(int) float64 { return 0.01 * math.Exp(0.3*rng.NormFloat64()) }
	slower := func(int) float64 { return 1.1 * skewed(0) }
	const z90 = 1.2815515655446004
	for _, c := range []struct {
		name string
		runs int
		of   func() report.Verdict
	}{
		{"max of p90", 1000, func() report.Verdict {
			return Judge(made(60, skewed, nil, nil), Gate{Percentiles: []float64{0.9}, Max: ptr(0.01 * math.Exp(0.3*z90))}).Verdict
		}},
		{"ratio of p50", 1000, func() report.Verdict {
			return Judge(made(60, slower, skewed, nil), Gate{Margin: ptr(0.1), Resamples: 200}).Verdict
		}},
		{"ratio of p90 of the fewest rounds", 500, func() report.Verdict {
			return Judge(made(29, slower, skewed, nil), Gate{Percentiles: []float64{0.9}, Margin: ptr(0.1), Resamples: 200}).Verdict
		}},
	} {
		passed, failed := 0, 0
		for range c.runs {
			switch c.of() {
			case report.Pass:
				passed++
			case report.Fail:
				failed++
			}
		}
		most := 0.05 + 3*math.Sqrt(0.05*0.95/float64(c.runs))
		if p, f := float64(passed)/float64(c.runs), float64(failed)/float64(c.runs); p > most || f > most || p+f == 0 {
			t.Errorf("%s: %.3f false PASS, %.3f false FAIL, at most %.3f", c.name, p, f, most)
		} else {
			t.Logf("%s: %.3f false PASS, %.3f false FAIL", c.name, p, f)
		}
	}
}

func TestGateCheck(t *testing.T) {
	for _, g := range []Gate{
		{Percentiles: []float64{0}}, {Percentiles: []float64{1}}, {Percentiles: []float64{math.NaN()}}, {Percentiles: make([]float64, 21)},
		{Max: ptr(0.)}, {Max: ptr(-1.)}, {Max: ptr(math.NaN())}, {Max: ptr(math.Inf(1))}, {Margin: ptr(-0.1)}, {Margin: ptr(math.NaN())},
		{Confidence: 0.5}, {Confidence: 1}, {Confidence: math.NaN()}, {Resamples: 10}, {Resamples: 1e7},
	} {
		if g.Check() == nil {
			t.Errorf("%+v is taken", g)
		}
	}
	if err := (Gate{Percentiles: []float64{0.001, 0.5, 0.9999}, Max: ptr(0.05), Margin: ptr(0.), Confidence: 0.99}).Check(); err != nil {
		t.Error(err)
	}
}

func TestSeconds(t *testing.T) {
	for v, want := range map[float64]string{0.05: "50 ms", 0.0000123: "12.3 µs", 1.5: "1.5 s", 12345: "12345 s", 0.9996: "999.6 ms", 0.012345678: "12.35 ms"} {
		if got := Seconds(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	of := func(int) float64 { return 0.01 * math.Exp(0.3*rng.NormFloat64()) }
	s := made(10_000, of, of, of)
	for b.Loop() {
		Judge(s, Gate{Percentiles: []float64{0.99}, Margin: ptr(0.05)})
	}
}
