package metric

import "math"

// Metrics of estimated numbers. The error of a row is estimate − truth.
// Definitions are those of scikit-learn 1.9, sklearn.metrics, where it has
// them: its names are in the comments.

var regressionTasks = []Task{Regression}

var regressionMetrics = []Metric{
	// mean_absolute_error
	rowMetric("mae", "mean absolute error", Lower, absoluteError),
	// mean_squared_error
	rowMetric("mse", "mean squared error", Lower, squaredError),
	// root_mean_squared_error
	finished(rowMetric("rmse", "root mean squared error", Lower, squaredError), math.Sqrt),
	{Name: "rmsle", Title: "root mean squared error of log(1 + x)", Better: Lower, High: math.Inf(1), Tasks: regressionTasks, Loss: squaredLogError},
	wholeMetric("r2", "share of the variance that is explained (R²)", Higher, math.Inf(-1), 1, r2),
	wholeMetric("explained_variance", "share of the variance that is explained, but for the bias", Higher, math.Inf(-1), 1, explainedVariance),
	wholeMetric("median_absolute_error", "median absolute error", Lower, 0, math.Inf(1), medianAbsoluteError),
	maxError,
	{Name: "mape", Title: "mean of |error| / |truth|", Better: Lower, High: math.Inf(1), Tasks: regressionTasks, Loss: percentageError},
	{Name: "smape", Title: "mean of 2·|error| / (|truth| + |estimate|)", Better: Lower, High: 2, Tasks: regressionTasks, Loss: symmetricError},
	wholeMetric("wape", "sum of |error| / sum of |truth|", Lower, 0, math.Inf(1), weightedError),
	bias,
	wholeMetric("pearson", "linear correlation with the truth (Pearson)", Higher, -1, 1, pearson),
	wholeMetric("spearman", "rank correlation with the truth (Spearman)", Higher, -1, 1, spearman),
}

var regressionFamilies = []family{{
	prefix: "quantile_loss@", parameter: "<quantile>", tasks: regressionTasks, low: 0.001, high: 0.999,
	make: func(q float64) Metric {
		return rowMetric("", "mean quantile (pinball) loss", Lower, quantileLoss(q))
	},
}}

func absoluteError(truth, estimate float64) float64 { return math.Abs(estimate - truth) }

func squaredError(truth, estimate float64) float64 {
	e := estimate - truth
	return e * e
}

// quantileLoss is Koenker and Bassett's (1978) check function;
// mean_pinball_loss.
func quantileLoss(q float64) func(truth, estimate float64) float64 {
	return func(truth, estimate float64) float64 {
		if d := truth - estimate; d >= 0 {
			return q * d
		}
		return float64((1 - q) * (estimate - truth))
	}
}

// bias has no good direction by itself: zero is good. Its sign says whether
// estimates are too high or too low.
var bias = func() Metric {
	m := rowMetric("bias", "mean error, estimate − truth", Neither, func(truth, estimate float64) float64 { return estimate - truth })
	m.Low = math.Inf(-1)
	return m
}()

// maxError has no interval: what the greatest of other rows would be cannot be
// told by taking these again, of which none is greater (Bickel and Freedman
// 1981, section 6, on the bootstrap of extremes).
var maxError = func() Metric {
	m := wholeMetric("max_error", "greatest absolute error", Lower, 0, math.Inf(1), greatestError)
	m.NoInterval = "the greatest error of other rows cannot be told from these"
	return m
}()

// rowMetric is the mean of one number for each row.
func rowMetric(name, title string, better Better, of func(truth, estimate float64) float64) Metric {
	return Metric{
		Name: name, Title: title, Better: better, High: math.Inf(1), Tasks: regressionTasks,
		Loss: func(s *Sample) (*Loss, error) { return eachRow(s, of) },
	}
}

func eachRow(s *Sample, of func(truth, estimate float64) float64) (*Loss, error) {
	l := &Loss{Each: make([]float64, len(s.Truth))}
	if len(l.Each) == 0 {
		return nil, undefined("there are no rows")
	}
	for i, y := range s.Truth {
		v := of(y, s.Estimate[i])
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, undefined("the error of estimate %g for %g is too large a number", s.Estimate[i], y)
		}
		l.Each[i] = v
	}
	return l, nil
}

// finished makes a metric a function of the mean.
func finished(m Metric, finish func(float64) float64) Metric {
	loss := m.Loss
	m.Loss = func(s *Sample) (*Loss, error) {
		l, err := loss(s)
		if err == nil {
			l.Finish = finish
		}
		return l, err
	}
	return m
}

// squaredLogError is root_mean_squared_log_error: like it, it takes numbers
// from above −1.
func squaredLogError(s *Sample) (*Loss, error) {
	var outside int64
	for i, y := range s.Truth {
		if y <= -1 || s.Estimate[i] <= -1 {
			outside++
		}
	}
	if outside > 0 {
		return nil, undefined("truth or estimate is -1 or less in %s, and has no log(1 + x)", rows(outside))
	}
	l, err := eachRow(s, func(truth, estimate float64) float64 {
		return squaredError(math.Log1p(truth), math.Log1p(estimate))
	})
	if err == nil {
		l.Finish = math.Sqrt
	}
	return l, err
}

// percentageError is mean_absolute_percentage_error, but for rows whose truth
// is 0: scikit-learn divides by 2.2e-16 there, which gives a number that says
// nothing but that there are such rows.
func percentageError(s *Sample) (*Loss, error) {
	var zeros int64
	for _, y := range s.Truth {
		if y == 0 {
			zeros++
		}
	}
	if zeros > 0 {
		return nil, undefined("the truth is 0 in %s; use smape or wape, which allow it", rows(zeros))
	}
	return eachRow(s, func(truth, estimate float64) float64 {
		return absoluteError(truth, estimate) / math.Abs(truth)
	})
}

// symmetricError is from 0 to 2, as Makridakis (1993) has it without the factor
// of 100. A row whose truth and estimate are both 0 is right: 0.
func symmetricError(s *Sample) (*Loss, error) {
	return eachRow(s, func(truth, estimate float64) float64 {
		if truth == estimate {
			return 0
		}
		// Halves, so that the sum of two great numbers is none too great.
		return absoluteError(float64(truth/2), float64(estimate/2)) / (float64(math.Abs(truth)/4) + float64(math.Abs(estimate)/4))
	})
}
