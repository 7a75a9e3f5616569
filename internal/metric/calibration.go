package metric

import (
	"math"
	"strconv"
)

const (
	defaultBins = 10
	// MaxBins is up to how many bins calibration has.
	MaxBins = 1000
)

// Bin is the rows whose probability lies in (Lower, Upper]; the first has its
// lower edge too. Mean is that of their probabilities, Rate the share of them
// for which what was given that probability is true.
type Bin struct {
	Lower, Upper float64
	N            int64
	Mean, Rate   float64
}

// forecast is a probability and whether it came true, for each row.
//
// With two classes it is the probability of the positive one and whether the
// row is positive: what a reliability diagram shows. With several it is the
// highest probability of a row and whether its class is the label (the first
// of equal ones): confidence calibration, Guo et al. 2017, "On Calibration of
// Modern Neural Networks", sections 2 and 4.
type forecast struct {
	p    []float64
	true []bool
}

func forecasts(s *Sample) (*forecast, error) {
	f := &forecast{true: make([]bool, s.N)}
	if s.Task == Binary {
		if err := s.needProbability(); err != nil {
			return nil, err
		}
		f.p = s.Score
		for i, label := range s.Label {
			f.true[i] = label == s.Positive
		}
		return f, nil
	}
	if err := s.needProbabilities(); err != nil {
		return nil, err
	}
	if len(s.Classes) == 0 {
		return nil, undefined("there are no classes")
	}
	f.p = make([]float64, s.N)
	for i, label := range s.Label {
		top := 0
		for k := range s.Scores {
			if s.Scores[k][i] > s.Scores[top][i] {
				top = k
			}
		}
		f.p[i], f.true[i] = s.Scores[top][i], int(label) == top
	}
	return f, nil
}

// edge is the upper edge of bin i−1 and the lower one of bin i.
func edge(i, bins int) float64 { return float64(i) / float64(bins) }

// bin is the bin of equal width that p lies in.
func bin(p float64, bins int) int {
	i := min(int(p*float64(bins)), bins-1)
	// The product is rounded; the edges decide.
	for i > 0 && p <= edge(i, bins) {
		i--
	}
	for i < bins-1 && p > edge(i+1, bins) {
		i++
	}
	return i
}

// binned sums the rows of each bin.
type binned struct {
	n, hits int64
	p       float64
}

// gap is |mean probability − rate|.
func (b binned) gap() float64 {
	return math.Abs(b.p/float64(b.n) - float64(b.hits)/float64(b.n))
}

// Calibration returns the bins that have rows, ascending: the points of a
// reliability diagram. It is nil when the scores are not probabilities or bins
// is not from 1 to MaxBins.
func Calibration(s *Sample, bins int) []Bin {
	m := calibrationError("ece", bins)
	if s.N == 0 || bins < 1 || bins > MaxBins || m.Needs(s) != "" {
		return nil
	}
	f, err := forecasts(s)
	if err != nil {
		return nil
	}
	sums := make([]binned, bins)
	f.sum(f.bins(bins), nil, sums)
	var out []Bin
	for i, b := range sums {
		if b.n > 0 {
			out = append(out, Bin{edge(i, bins), edge(i+1, bins), b.n, b.p / float64(b.n), float64(b.hits) / float64(b.n)})
		}
	}
	return out
}

func (f *forecast) bins(bins int) []uint16 {
	of := make([]uint16, len(f.p))
	for i, p := range f.p {
		of[i] = uint16(bin(p, bins))
	}
	return of
}

func (f *forecast) sum(of []uint16, weight []uint32, sums []binned) {
	for i, p := range f.p {
		w := int64(1)
		if weight != nil {
			w = int64(weight[i])
		}
		b := &sums[of[i]]
		b.n += w
		b.p += float64(float64(w) * p)
		if f.true[i] {
			b.hits += w
		}
	}
}

// calibrationError is the expected calibration error: the gap of each bin, mean
// over the rows (Naeini et al. 2015; Guo et al. 2017, equation 3), or, as mce,
// the greatest of them (equation 5). Bins have equal width. See forecast for
// what probability is taken.
func calibrationError(name string, bins int) Metric {
	title := "expected calibration error, " + strconv.Itoa(bins) + " bins"
	if name == "mce" {
		title = "greatest calibration error of " + strconv.Itoa(bins) + " bins"
	}
	return Metric{Name: name, Title: title, Better: Lower, High: 1, Tasks: classTasks, Whole: func(s *Sample) (*Whole, error) {
		f, err := forecasts(s)
		if err != nil {
			return nil, err
		}
		of, sums := f.bins(bins), make([]binned, bins)
		return &Whole{Value: func(weight []uint32) float64 {
			clear(sums)
			f.sum(of, weight, sums)
			var rows int64
			total, greatest := 0.0, 0.0
			for _, b := range sums {
				if b.n > 0 {
					rows += b.n
					total += float64(float64(b.n) * b.gap())
					greatest = max(greatest, b.gap())
				}
			}
			switch {
			case rows == 0:
				return math.NaN()
			case name == "mce":
				return greatest
			}
			return total / float64(rows)
		}}, nil
	}}
}
