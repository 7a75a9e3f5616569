package report

import (
	"encoding/json"
	"math"
)

// Curves are lines over common axes, such as the ROC curves of two models or
// how often bins of scores came true.
type Curves struct {
	X     Axis   `json:"x"`
	Y     Axis   `json:"y"`
	Lines []Line `json:"lines"`
	// Diagonal draws the line from the lower left to the upper right corner:
	// what guessing, or perfect calibration, would give.
	Diagonal bool `json:"diagonal,omitempty"`
}

// Axis is what one direction means. Where Low is not below High, the axis spans
// what the lines have.
type Axis struct {
	Label string  `json:"label"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Line is as many points as both X and Y have, in the order in which they are
// joined.
type Line struct {
	Label string    `json:"label"`
	X     []float64 `json:"x"`
	Y     []float64 `json:"y"`
	// Points draws marks instead of a line.
	Points bool `json:"points,omitempty"`
	// Lower and Upper, where both are as long as Y, are its uncertainty: a band
	// along a line, a bar through each mark.
	Lower []float64 `json:"lower,omitempty"`
	Upper []float64 `json:"upper,omitempty"`
}

// Matrix counts by two labels, such as a confusion matrix: Counts[i][j] are of
// Labels[i] by what Row names and of Labels[j] by what Column names.
type Matrix struct {
	Row    string    `json:"row"`
	Column string    `json:"column"`
	Labels []string  `json:"labels"`
	Counts [][]int64 `json:"counts"`
}

// Clean returns l without the points that have a number that is none or is not
// finite, also as a bound, and without bounds that do not fit it.
func (l Line) Clean() Line {
	out := Line{Label: l.Label, Points: l.Points, X: []float64{}, Y: []float64{}}
	bounded := len(l.Y) > 0 && len(l.Lower) == len(l.Y) && len(l.Upper) == len(l.Y)
	for i := range min(len(l.X), len(l.Y)) {
		if !finite(l.X[i], l.Y[i]) || bounded && !finite(l.Lower[i], l.Upper[i]) {
			continue
		}
		out.X, out.Y = append(out.X, l.X[i]), append(out.Y, l.Y[i])
		if bounded {
			out.Lower, out.Upper = append(out.Lower, l.Lower[i]), append(out.Upper, l.Upper[i])
		}
	}
	return out
}

// Clean returns c with clean lines and with axes that span them where they say
// nothing else.
func (c Curves) Clean() Curves {
	lines := make([]Line, len(c.Lines))
	var xs, ys []float64
	for i, l := range c.Lines {
		lines[i] = l.Clean()
		xs = append(xs, lines[i].X...)
		ys = append(append(append(ys, lines[i].Y...), lines[i].Lower...), lines[i].Upper...)
	}
	return Curves{X: c.X.over(xs), Y: c.Y.over(ys), Lines: lines, Diagonal: c.Diagonal}
}

// over returns a where it spans something, and else what values span.
func (a Axis) over(values []float64) Axis {
	if a.Low < a.High && finite(a.Low, a.High, a.High-a.Low) {
		return a
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	switch {
	case low > high, !finite(high - low):
		low, high = 0, 1
	case low == high:
		room := max(math.Abs(low)/100, 1e-9)
		low, high = low-room, high+room
	}
	if !(low < high) || !finite(low, high) {
		low, high = 0, 1
	}
	return Axis{Label: a.Label, Low: low, High: high}
}

func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// MarshalJSON writes what Clean leaves: JSON has no word for a number that is
// none.
func (c Curves) MarshalJSON() ([]byte, error) {
	type plain Curves
	return json.Marshal(plain(c.Clean()))
}
