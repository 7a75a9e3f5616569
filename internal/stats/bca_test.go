package stats

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// scipyBootstrap is what testdata/bootstrap.py computes with scipy.
type scipyBootstrap struct {
	Given []struct {
		Statistic          string
		X, Resamples       []float64
		Confidence         float64
		Bias, Acceleration float64
		Levels, Bounds     [2]float64
	}
	Runs []struct {
		Statistic, Method string
		X                 []float64
		SE                float64
		Bounds            [2]float64
	}
	Strata struct {
		X, Y             []float64
		SE, Acceleration float64
		Bounds           [2]float64
	}
}

func readScipyBootstrap(t *testing.T) (reference scipyBootstrap) {
	t.Helper()
	data, err := os.ReadFile("testdata/bootstrap.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &reference); err != nil {
		t.Fatal(err)
	}
	return reference
}

// weighted computes a statistic of bootstrap.py on weighted values.
func weighted(statistic string, x []float64) func(weight []uint32) float64 {
	return func(weight []uint32) float64 {
		var taken []float64
		for i, v := range x {
			times := uint32(1)
			if weight != nil {
				times = weight[i]
			}
			for range times {
				taken = append(taken, v)
			}
		}
		if len(taken) == 0 {
			return math.NaN()
		}
		switch statistic {
		case "mean":
			return Mean(taken)
		case "median":
			slices.Sort(taken)
			return Quantile(taken, 0.5)
		case "variance":
			return StdDev(taken) * StdDev(taken)
		case "ratio":
			above := 0.0
			for _, v := range taken {
				if v > 1 {
					above++
				}
			}
			return above / float64(len(taken)) / Mean(taken)
		}
		panic(statistic)
	}
}

func bootstrapOne(rows Rows, value func(weight []uint32) float64, r Resampling) Bootstrap {
	return BootstrapRows(rows, func(weight []uint32, out []float64) { out[0] = value(weight) }, 1, r)[0]
}

func off(got, want, tolerance float64) bool { return !(math.Abs(got-want) <= tolerance) }

// From the same resamples come the same corrections and bounds as scipy's.
func TestBCaGivenResamples(t *testing.T) {
	for _, c := range readScipyBootstrap(t).Given {
		value := weighted(c.Statistic, c.X)
		d, reason := Rows{N: len(c.X)}.design()
		if reason != "" {
			t.Fatal(reason)
		}
		deletions := d.jackknife(func(out []float64) { out[0] = value(d.count) }, 1)
		r := Resampling{Resamples: len(c.Resamples), Confidence: c.Confidence}
		b := r.summarize(value(nil), slices.Clone(c.Resamples), func() float64 { return acceleration(deletions, 0) })
		if off(b.Bias, c.Bias, 1e-9) || off(b.Acceleration, c.Acceleration, 1e-9) {
			t.Errorf("%s of %d: bias %g, acceleration %g, want %g, %g", c.Statistic, len(c.X), b.Bias, b.Acceleration, c.Bias, c.Acceleration)
		}
		mean, squares := Mean(c.Resamples), 0.0
		for _, v := range c.Resamples {
			squares += (v - mean) * (v - mean)
		}
		if off(b.SE, math.Sqrt(squares/299), 1e-12) {
			t.Errorf("%s of %d: SE %g", c.Statistic, len(c.X), b.SE)
		}
		switch beyond := c.Levels[0] < 1./301 || c.Levels[1] > 300./301; {
		case b.OK == beyond: // scipy takes the outermost resample then
			t.Errorf("%s of %d: %+v, with levels %g", c.Statistic, len(c.X), b, c.Levels)
		case b.OK && (off(b.Lower, c.Bounds[0], 1e-9) || off(b.Upper, c.Bounds[1], 1e-9)):
			t.Errorf("%s of %d: %g to %g, want %g", c.Statistic, len(c.X), b.Lower, b.Upper, c.Bounds)
		}
		for i, share := range []float64{(1 - c.Confidence) / 2, (1 + c.Confidence) / 2} {
			if got := bcaLevel(share, b.Bias, b.Acceleration); off(got, c.Levels[i], 1e-9) {
				t.Errorf("level %g, want %g", got, c.Levels[i])
			}
		}
	}
}

func TestSummarizeRefuses(t *testing.T) {
	nan := math.NaN()
	spread := func(change func(v []float64)) []float64 {
		v := make([]float64, 1000)
		for i := range v {
			v[i] = float64(i)
		}
		change(v)
		return v
	}
	for reason, c := range map[string]struct {
		estimate, acceleration float64
		values                 []float64
	}{
		"":                                 {500, 0.01, spread(func(v []float64) { clear(v[:50]); v[0], v[1] = nan, math.Inf(1) })},
		"undefined on the rows themselves": {nan, 0, spread(func([]float64) {})},
		"undefined in 51 of 1,000 resamples": {500, 0, spread(func(v []float64) {
			for i := range 51 {
				v[i] = nan
			}
		})},
		"undefined in 1,000 of 1,000": {500, 0, spread(func(v []float64) {
			for i := range v {
				v[i] = math.Inf(-1)
			}
		})},
		"every resample gives the same value": {0, 0, make([]float64, 1000)},
		"nearly all resamples give": {500, 0, spread(func(v []float64) {
			for i := range v[30:970] {
				v[30+i] = 500
			}
		})},
		"on the same side":     {-1, 0, spread(func([]float64) {})},
		"beyond the outermost": {1.5, 0, spread(func([]float64) {})},
		"bound lies beyond":    {999, 1. / 6, spread(func([]float64) {})},
		"values are too large": {1e308, 0, spread(func(v []float64) { v[0], v[1] = -1.7e308, 1.7e308 })},
	} {
		r := Resampling{Resamples: 1000, Confidence: 0.9}
		b := r.summarize(c.estimate, c.values, func() float64 { return c.acceleration })
		if b.OK != (reason == "") || !strings.Contains(b.Reason, reason) || b.OK == (b.Reason != "") {
			t.Errorf("%q: %+v", reason, b)
		}
		if !b.OK && (b.Lower != 0 || b.Upper != 0) {
			t.Errorf("%q: bounds without an interval: %+v", reason, b)
		}
		for _, v := range []float64{b.Estimate, b.Lower, b.Upper, b.SE, b.Bias, b.Acceleration} {
			if !isFinite(v) {
				t.Errorf("%q: %+v", reason, b)
			}
		}
	}
}

func TestAcceleration(t *testing.T) {
	nan := math.NaN()
	values := func(v ...float64) []deletion {
		var out []deletion
		for _, x := range v {
			out = append(out, deletion{times: 1, values: []float64{x}})
		}
		return out
	}
	// Of 1, 2 and 6: influences are 2, 1 and −3, times 2/3.
	want := (8. + 1 - 27) / (6 * math.Pow(4+1+9, 1.5))
	for _, scale := range []float64{1, 1e-120, 1e150} {
		if got := acceleration(values(1*scale, 2*scale, 6*scale), 0); off(got, want, 1e-14) {
			t.Errorf("acceleration %g, want %g", got, want)
		}
	}
	if got := acceleration(values(1, nan, 2, 6), 0); off(got, want, 1e-14) {
		t.Errorf("acceleration %g beside an undefined one, want %g", got, want)
	}
	twice := acceleration([]deletion{{times: 2, values: []float64{1}}, {times: 3, values: []float64{5}}}, 0)
	if got := acceleration(values(1, 1, 5, 5, 5), 0); off(got, twice, 1e-14) {
		t.Errorf("acceleration %g and %g", got, twice)
	}
	for _, flat := range [][]deletion{nil, values(nan, nan), values(4, 4, 4), values(1.7e308, -1.7e308)} {
		if got := acceleration(flat, 0); got != 0 {
			t.Errorf("acceleration %g of %v", got, flat)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 10_000_000: "10,000,000", -999: "-999", -1000: "-1,000"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}
