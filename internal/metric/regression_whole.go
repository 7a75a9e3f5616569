package metric

import (
	"fmt"
	"math"
)

// Metrics of estimated numbers that are no mean over rows. Each prepares once
// what takes sorting, so that weighted rows are read a few times in order.

func wholeMetric(name, title string, better Better, low, high float64, of func(truth, estimate []float64) (func(weight []uint32) float64, error)) Metric {
	return Metric{
		Name: name, Title: title, Better: better, Low: low, High: high, Tasks: regressionTasks,
		Whole: func(s *Sample) (*Whole, error) {
			if len(s.Truth) == 0 {
				return nil, undefined("there are no rows")
			}
			value, err := of(s.Truth, s.Estimate)
			if err != nil {
				return nil, err
			}
			return &Whole{Value: value}, nil
		},
	}
}

// rows is a count of rows in words.
func rows(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

// times is how often row i counts.
func times(weight []uint32, i int) float64 {
	if weight == nil {
		return 1
	}
	return float64(weight[i])
}

// mean returns the weighted mean and whether at least two different numbers
// have a weight. Rounding must not make a variance where there is none.
func mean(x []float64, weight []uint32) (m float64, varies bool) {
	var total sum
	var n, first float64
	for i, v := range x {
		w := times(weight, i)
		if w == 0 {
			continue
		}
		if n == 0 {
			first = v
		}
		varies = varies || v != first
		n += w
		total.add(float64(w * v))
	}
	return total.value() / n, varies
}

// squares sums the weighted squares of x − m.
func squares(x []float64, m float64, weight []uint32) float64 {
	var total sum
	for i, v := range x {
		d := v - m
		total.add(float64(times(weight, i) * float64(d*d)))
	}
	return total.value()
}

func differences(truth, estimate []float64) []float64 {
	d := make([]float64, len(truth))
	for i, y := range truth {
		d[i] = estimate[i] - y
	}
	return d
}

func needVariance(x []float64, what string) error {
	if len(x) < 2 {
		return undefined("it takes two rows, and there is one")
	}
	if _, varies := mean(x, nil); !varies {
		return undefined("%s is the same in all rows (%g)", what, x[0])
	}
	return nil
}

// r2 is r2_score. scikit-learn makes it 0 or 1 where the truth is constant.
func r2(truth, estimate []float64) (func([]uint32) float64, error) {
	if err := needVariance(truth, "the truth"); err != nil {
		return nil, err
	}
	errors := differences(truth, estimate)
	return func(weight []uint32) float64 {
		m, varies := mean(truth, weight)
		if !varies {
			return math.NaN()
		}
		return 1 - squares(errors, 0, weight)/squares(truth, m, weight)
	}, nil
}

// explainedVariance is explained_variance_score.
func explainedVariance(truth, estimate []float64) (func([]uint32) float64, error) {
	if err := needVariance(truth, "the truth"); err != nil {
		return nil, err
	}
	errors := differences(truth, estimate)
	return func(weight []uint32) float64 {
		m, varies := mean(truth, weight)
		if !varies {
			return math.NaN()
		}
		off, _ := mean(errors, weight)
		return 1 - squares(errors, off, weight)/squares(truth, m, weight)
	}, nil
}

// medianAbsoluteError is median_absolute_error: of an even number of rows the
// mean of the two in the middle.
func medianAbsoluteError(truth, estimate []float64) (func([]uint32) float64, error) {
	errors := differences(truth, estimate)
	for i, e := range errors {
		errors[i] = math.Abs(e)
	}
	order := descending(errors)
	return func(weight []uint32) float64 {
		var n int64
		for i := range errors {
			n += int64(times(weight, i))
		}
		if n == 0 {
			return math.NaN()
		}
		// The places of the two in the middle, which may be one.
		upper, lower := (n-1)/2, n/2
		var passed int64
		var high float64
		for _, row := range order {
			before := passed
			passed += int64(times(weight, int(row)))
			if before <= upper && upper < passed {
				high = errors[row]
			}
			if before <= lower && lower < passed {
				return float64(high/2) + float64(errors[row]/2)
			}
		}
		return math.NaN()
	}, nil
}

// greatestError is max_error.
func greatestError(truth, estimate []float64) (func([]uint32) float64, error) {
	errors := differences(truth, estimate)
	return func(weight []uint32) float64 {
		greatest := math.NaN()
		for i, e := range errors {
			if times(weight, i) > 0 && !(math.Abs(e) <= greatest) {
				greatest = math.Abs(e)
			}
		}
		return greatest
	}, nil
}

// weightedError is what forecasters call WAPE or MAD/mean: rows of a small
// truth count as little as they are.
func weightedError(truth, estimate []float64) (func([]uint32) float64, error) {
	errors, size := make([]float64, len(truth)), make([]float64, len(truth))
	zero := true
	for i, y := range truth {
		errors[i], size[i] = absoluteError(y, estimate[i]), math.Abs(y)
		zero = zero && y == 0
	}
	if zero {
		return nil, undefined("the truth is 0 in all rows")
	}
	return func(weight []uint32) float64 {
		e, _ := mean(errors, weight)
		y, _ := mean(size, weight)
		if y == 0 {
			return math.NaN()
		}
		return e / y
	}, nil
}

// pearson is scipy.stats.pearsonr.
func pearson(truth, estimate []float64) (func([]uint32) float64, error) {
	if err := needBoth(truth, estimate); err != nil {
		return nil, err
	}
	return func(weight []uint32) float64 { return correlation(truth, estimate, weight) }, nil
}

func needBoth(truth, estimate []float64) error {
	if err := needVariance(truth, "the truth"); err != nil {
		return err
	}
	return needVariance(estimate, "the estimate")
}

func correlation(x, y []float64, weight []uint32) float64 {
	mx, xVaries := mean(x, weight)
	my, yVaries := mean(y, weight)
	if !xVaries || !yVaries {
		return math.NaN()
	}
	return correlationAbout(x, y, mx, my, weight)
}

// correlationAbout is the correlation of numbers whose means are known. It is
// NaN where a side does not vary, and where its squares overflow or have lost
// their digits, which would make any correlation of it.
func correlationAbout(x, y []float64, mx, my float64, weight []uint32) float64 {
	var both, xx, yy float64
	for i, v := range x {
		w, dx, dy := times(weight, i), v-mx, y[i]-my
		both += float64(w * float64(dx*dy))
		xx += float64(w * float64(dx*dx))
		yy += float64(w * float64(dy*dy))
	}
	const tiny = 1e-290
	if !(min(xx, yy) > tiny && max(xx, yy) <= math.MaxFloat64) {
		return math.NaN()
	}
	return min(max(both/float64(math.Sqrt(xx)*math.Sqrt(yy)), -1), 1)
}

// spearman is the correlation of midranks: scipy.stats.spearmanr.
func spearman(truth, estimate []float64) (func([]uint32) float64, error) {
	if err := needBoth(truth, estimate); err != nil {
		return nil, err
	}
	xOrder, yOrder := descending(truth), descending(estimate)
	x, y := make([]float64, len(truth)), make([]float64, len(truth))
	return func(weight []uint32) float64 {
		n := midranks(truth, xOrder, weight, x)
		midranks(estimate, yOrder, weight, y)
		// Both are ranks from the greatest down: the correlation is the same.
		// They are halves, whose sums are exact up to some 300,000 rows.
		return correlationAbout(x, y, (n+1)/2, (n+1)/2, weight)
	}, nil
}

// midranks gives rows of equal numbers the mean of the ranks that they and
// their copies take up, and returns how many rows there are with all copies.
func midranks(x []float64, order []int32, weight []uint32, out []float64) (passed float64) {
	for i := 0; i < len(order); {
		end, n := i, 0.0
		for ; end < len(order) && x[order[end]] == x[order[i]]; end++ {
			n += times(weight, int(order[end]))
		}
		for ; i < end; i++ {
			out[order[i]] = passed + float64((n+1)/2)
		}
		passed += n
	}
	return passed
}
