package metric

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Value computes m on s. Where m has no value, the error is an *Undefined; the
// value is never NaN or infinite.
func (m *Metric) Value(s *Sample) (float64, error) {
	if lacks := m.Needs(s); lacks != "" {
		return 0, undefined("it %s", lacks)
	}
	if s.N == 0 {
		return 0, undefined("there are no rows")
	}
	v, err := m.value(s)
	switch {
	case err != nil:
		return 0, err
	case math.IsNaN(v):
		return 0, undefined("it is 0/0 on these rows")
	case math.IsInf(v, 0):
		return 0, undefined("it is too large a number on these rows")
	}
	return v, nil
}

func (m *Metric) value(s *Sample) (float64, error) {
	switch {
	case m.Count != nil:
		return m.Count(Count(s))
	case m.Area != nil:
		a, err := m.Area(s)
		if err != nil {
			return 0, err
		}
		return a.value(), nil
	case m.Loss != nil:
		l, err := m.Loss(s)
		if err != nil {
			return 0, err
		}
		return l.value(), nil
	}
	w, err := m.Whole(s)
	if err != nil {
		return 0, err
	}
	return w.Value(nil), nil
}

func (l *Loss) value() float64 {
	var total sum
	for _, x := range l.Each {
		total.add(x)
	}
	mean := total.value() / float64(len(l.Each))
	if l.Finish != nil {
		mean = l.Finish(mean)
	}
	return mean
}

// Needs returns what s lacks for m to be computed, with what to do about it,
// or "". Share, Count, Loss, Area and Whole may be asked only where it is "".
func (m *Metric) Needs(s *Sample) string {
	const (
		labels      = "needs a column of labels; set label:"
		predictions = "needs a column of predictions; set prediction:"
		scores      = "needs a column of scores; set score:"
	)
	switch {
	case !slices.Contains(m.Tasks, s.Task):
		return fmt.Sprintf("needs the task %s, and this is %s", m.Tasks[0], s.Task)
	case (s.Task == Binary || s.Task == Multiclass) && s.Label == nil, s.Task == Multilabel && s.LabelSet == nil,
		s.Task == Regression && s.Truth == nil, s.Task == Ranking && s.Truth == nil, s.Task == Text && s.Reference == nil:
		return labels
	case s.Task == Multilabel && s.PredictionSet == nil, s.Task == Regression && s.Estimate == nil, s.Task == Text && s.Answer == nil:
		return predictions
	case s.Task == Ranking && s.Score == nil:
		return scores
	case s.Task == Ranking && s.Query == nil:
		return "needs a column that tells the query of a row; set query:"
	case s.Task != Binary && s.Task != Multiclass:
		return ""
	case m.Count != nil && s.Prediction == nil:
		return predictions
	case m.Count == nil && s.Task == Binary && s.Score == nil:
		return scores
	case m.Count == nil && s.Task == Multiclass && s.Scores == nil:
		return "needs a column of scores for each class; set scores:"
	}
	return ""
}

func undefined(reason string, args ...any) *Undefined {
	return &Undefined{Reason: fmt.Sprintf(reason, args...)}
}

// quote keeps hostile names short and printable in messages.
func quote(name string) string {
	if len(name) > 60 {
		name = strings.ToValidUTF8(name[:60], "") + "…"
	}
	return strconv.Quote(name)
}

// sum adds with Neumaier's compensation: a mean of equal values is that value
// and not the next one below a gate's bound.
type sum struct{ s, lost float64 }

func (s *sum) add(x float64) {
	t := s.s + x
	if math.Abs(s.s) >= math.Abs(x) {
		s.lost += (s.s - t) + x
	} else {
		s.lost += (x - t) + s.s
	}
	s.s = t
}

func (s *sum) value() float64 { return s.s + s.lost }
