package report

import (
	"encoding/json"
	"math"
	"testing"
)

func TestCurvesJSON(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		in   Curves
		want string
	}{
		{"empty", Curves{}, `{"x":{"label":"","low":0,"high":1},"y":{"label":"","low":0,"high":1},"lines":[]}`},
		{"kept", Curves{X: Axis{"a", 0, 1}, Y: Axis{"b", 0, 2}, Diagonal: true, Lines: []Line{{Label: "l", X: []float64{0, 1}, Y: []float64{0, 2}, Points: true, Lower: []float64{0, 1}, Upper: []float64{1, 3}}}},
			`{"x":{"label":"a","low":0,"high":1},"y":{"label":"b","low":0,"high":2},"lines":[{"label":"l","x":[0,1],"y":[0,2],"points":true,"lower":[0,1],"upper":[1,3]}],"diagonal":true}`},
		{"not finite", Curves{X: Axis{Low: nan, High: 1}, Y: Axis{High: inf}, Lines: []Line{{X: []float64{0, nan, 2, 3, 4}, Y: []float64{1, 1, -inf, 3, 5}, Lower: []float64{0, 0, 0, nan, 4}, Upper: []float64{1, 1, 1, 1, 6}}}},
			`{"x":{"label":"","low":0,"high":4},"y":{"label":"","low":0,"high":6},"lines":[{"label":"","x":[0,4],"y":[1,5],"lower":[0,4],"upper":[1,6]}]}`},
		{"unequal", Curves{Lines: []Line{{X: []float64{1, 2, 3}, Y: []float64{5}, Lower: []float64{4}}, {X: []float64{1}}}},
			`{"x":{"label":"","low":0.99,"high":1.01},"y":{"label":"","low":4.95,"high":5.05},"lines":[{"label":"","x":[1],"y":[5]},{"label":"","x":[],"y":[]}]}`},
		{"reversed axis", Curves{X: Axis{Low: 1, High: 0}, Lines: []Line{{X: []float64{-2, 2}, Y: []float64{0, 1}}}},
			`{"x":{"label":"","low":-2,"high":2},"y":{"label":"","low":0,"high":1},"lines":[{"label":"","x":[-2,2],"y":[0,1]}]}`},
		{"too far apart", Curves{Lines: []Line{{X: []float64{-math.MaxFloat64, math.MaxFloat64}, Y: []float64{math.MaxFloat64, math.MaxFloat64}}}},
			`{"x":{"label":"","low":0,"high":1},"y":{"label":"","low":0,"high":1},"lines":[{"label":"","x":[-1.7976931348623157e+308,1.7976931348623157e+308],"y":[1.7976931348623157e+308,1.7976931348623157e+308]}]}`},
	} {
		got, err := json.Marshal(Section{Curves: &c.in})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if want := `{"curves":` + c.want + `}`; string(got) != want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, want)
		}
		var back Section
		if err := json.Unmarshal(got, &back); err != nil {
			t.Errorf("%s: read back: %v", c.name, err)
		}
	}
}

// TestCleanCopies holds that drawing changes nothing of what was given.
func TestCleanCopies(t *testing.T) {
	l := Line{X: []float64{0, math.NaN(), 2}, Y: []float64{1, 2, 3}}
	if out := l.Clean(); len(out.X) != 2 || out.Y[1] != 3 {
		t.Errorf("got %v", out)
	}
	if !math.IsNaN(l.X[1]) || l.Y[1] != 2 || len(l.X) != 3 {
		t.Errorf("the line became %v", l)
	}
}
