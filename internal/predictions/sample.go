package predictions

import (
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
)

// classes fills in a sample of single classes.
func (r *reading) classes(s *metric.Sample) {
	l, p := r.label, r.prediction
	if p == nil {
		p = newColumn("prediction", coded, true)
	}
	matchBooleans(l.names, p.names)
	if differentlyWritten(l.names, p.names) {
		r.problem("labels and predictions are written differently: one column has names, the other numbers")
	}
	names := union(union(l.names, p.names), r.scoreOf)
	if s.Task == metric.Binary && len(names) > 2 {
		r.problem("the task is binary, and there are %s classes; set task: multiclass", report.Thousands(len(names)))
	}
	positive, note := "", ""
	if s.Task == metric.Binary || r.spec.Positive != nil {
		positive, note = positiveClass(r.spec.Positive, names)
	}
	if note != "" {
		r.note("%s", note)
	}
	if positive != "" {
		names = union(names, []string{positive})
		if s.Task == metric.Binary && len(names) == 1 {
			names = union(names, []string{negativeOf(positive)})
		}
		s.Positive = int32(slices.Index(names, positive))
	}
	s.Classes = names
	s.Label = r.codes(l, names)
	if r.prediction != nil {
		s.Prediction = r.codes(p, names)
	}
	r.compareLabels(s)
	if s.Task == metric.Multiclass {
		r.multiclassScores(s)
		return
	}
	score := r.score
	if i := slices.Index(r.scoreOf, positive); score == nil && i >= 0 {
		score = r.scores[i]
	}
	if score == nil {
		if p := r.prediction; p == nil {
			r.problem("no column of predictions is named; set prediction:, or score: to the score of the positive class")
		}
		return
	}
	s.Score = r.numbers(score)
	if r.prediction == nil {
		r.threshold(s)
	}
}

// codes returns the places of a column's values in names.
func (r *reading) codes(c *column, names []string) []int32 {
	places := make(map[string]int32, len(names))
	for i, name := range names {
		places[name] = int32(i)
	}
	renumbered := make([]int32, len(c.names))
	for i, name := range c.names {
		renumbered[i] = places[name]
	}
	bySpelling := make([]int32, len(c.spellings))
	for i, s := range c.spellings {
		bySpelling[i] = metric.Missing
		if s.name >= 0 {
			bySpelling[i] = renumbered[s.name]
		}
	}
	var missing event
	for i, code := range c.codes {
		if code >= 0 {
			code = bySpelling[code]
		}
		if code < 0 {
			missing.add(i)
		}
		c.codes[i] = code
	}
	r.say(missing, "has no "+c.role, "have no "+c.role)
	return c.codes
}

// numbers returns the numbers of a column.
func (r *reading) numbers(c *column) []float64 {
	if c.form == coded {
		c.toNumbers()
	}
	var missing event
	for i, f := range c.numbers {
		if math.IsNaN(f) {
			missing.add(i)
		}
	}
	what := c.role
	if c.bad {
		what = "finite number as " + c.role
	}
	r.say(missing, "has no "+what, "have no "+what)
	return c.numbers
}

// threshold makes predictions of the scores of the positive class.
func (r *reading) threshold(s *metric.Sample) {
	if s.Positive < 0 || len(s.Classes) != 2 {
		return // said where a metric needs to know
	}
	threshold := 0.5
	if t := r.spec.Threshold; t != nil {
		threshold = *t
	} else if !probabilities(s.Score) {
		r.note("scores are not all between 0 and 1, so that 0.5 says nothing about them; set threshold: for the metrics that need a predicted label")
		return
	}
	s.Prediction = make([]int32, s.N)
	for i, score := range s.Score {
		s.Prediction[i] = 1 - s.Positive
		if score >= threshold {
			s.Prediction[i] = s.Positive
		}
	}
}

func probabilities(scores []float64) bool {
	for _, f := range scores {
		if !(f >= 0 && f <= 1) {
			return false
		}
	}
	return true
}

// multiclassScores fills in the scores of classes, and predictions from them.
func (r *reading) multiclassScores(s *metric.Sample) {
	if len(r.scores) == 0 {
		if r.prediction == nil {
			r.problem("no column of predictions is named; set prediction:, or name the column of each class's score under scores:")
		}
		return
	}
	byClass := make([][]float64, len(s.Classes))
	for i, class := range r.scoreOf {
		byClass[slices.Index(s.Classes, class)] = r.numbers(r.scores[i])
	}
	if r.prediction == nil {
		s.Prediction = r.highest(byClass, s.N)
	}
	if i := slices.IndexFunc(byClass, func(f []float64) bool { return f == nil }); i >= 0 {
		r.note("no column under scores: has the score of the class %q, so that there is no metric of scores", clip(s.Classes[i]))
		return
	}
	s.Scores = byClass
}

// highest returns the class with the highest score of each row, the first of
// them where several have it.
func (r *reading) highest(byClass [][]float64, n int) []int32 {
	out := make([]int32, n)
	var ties event
	for i := range out {
		best, tied := -1, false
		for class, scores := range byClass {
			switch {
			case scores == nil:
			case best < 0 || scores[i] > byClass[best][i]:
				best, tied = class, false
			case scores[i] == byClass[best][i]:
				tied = true
			}
		}
		if out[i] = int32(best); tied {
			ties.add(i)
		}
	}
	if ties.rows > 0 {
		r.note("in %s two classes have the highest score; the first of them is taken for the prediction", plural(ties.rows, "row"))
	}
	return out
}

func (r *reading) regression(s *metric.Sample) {
	if r.prediction == nil {
		r.problem("no column of predictions is named; set prediction:")
		return
	}
	s.Truth, s.Estimate = r.numbers(r.label), r.numbers(r.prediction)
	r.compareLabels(s)
}

func (r *reading) ranking(s *metric.Sample) {
	score := r.score
	if score == nil {
		score = r.prediction
	}
	if score == nil {
		r.problem("no column by which rows are ordered is named; set score:")
		return
	}
	s.Truth, s.Score = r.numbers(r.label), r.numbers(score)
	s.Query = r.groups(r.query, "query")
	r.compareLabels(s)
}

func (r *reading) texts(s *metric.Sample) {
	if r.prediction == nil {
		r.problem("no column of predictions is named; set prediction:")
		return
	}
	s.Reference, s.Answer = r.text(r.label), r.text(r.prediction)
	r.compareLabels(s)
}

func (r *reading) text(c *column) []string {
	if c.form == coded {
		c.toTexts()
	}
	var missing event
	for _, i := range c.absent {
		if missing.rows == 0 || int(i) < missing.first {
			missing.first = int(i)
		}
		missing.rows++
	}
	r.say(missing, "has no "+c.role, "have no "+c.role)
	return c.texts
}
