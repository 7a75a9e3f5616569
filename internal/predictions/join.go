package predictions

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
)

// Join matches the rows of two models' predictions by key, or by position where
// they have none. It fails, with Problems, unless both are predictions of the
// same rows with the same truth. The sets stay as they are; the candidate's
// columns are shared with the pair.
func Join(candidate, baseline *Set) *Pair {
	p := &Pair{}
	for _, s := range []struct {
		who string
		set *Set
	}{{"the candidate", candidate}, {"the baseline", baseline}} {
		for _, problem := range s.set.Problems {
			p.Problems = append(p.Problems, s.who+": "+problem)
		}
		for _, note := range s.set.Notes {
			p.Notes = append(p.Notes, s.who+": "+note)
		}
	}
	if len(p.Problems) > 0 {
		return p
	}
	p.match(candidate, baseline)
	return p
}

func (p *Pair) problem(format string, args ...any) {
	p.Problems = append(p.Problems, fmt.Sprintf(format, args...))
}

func (p *Pair) match(candidate, baseline *Set) {
	c, b := *candidate.Sample, baseline.Sample
	if candidate.keys != nil && baseline.keys != nil {
		p.Paired = fmt.Sprintf("key %q", candidate.keyName)
		order := p.order(candidate.keys, baseline.keys)
		if len(p.Problems) > 0 {
			return
		}
		if order == nil {
			shared := *b
			b = &shared
		} else {
			b = b.Select(order)
		}
	} else {
		p.Paired = "position"
		if c.N != b.N {
			p.problem("the candidate has %s, the baseline %s; name the column that identifies a row under key: to match them", plural(c.N, "row"), report.Thousands(b.N))
			return
		}
		shared := *b
		b = &shared
	}
	p.unify(&c, b)
	if len(p.Problems) == 0 {
		p.compare(&c, b)
	}
	if len(p.Problems) == 0 {
		p.Candidate, p.Baseline, p.Columns = &c, b, candidate.Columns
	}
}

// order returns the baseline's row of each of the candidate's rows, nil when
// that is the same row everywhere.
func (p *Pair) order(candidate, baseline *keyIndex) []int32 {
	c, b := candidate.keys, baseline.keys
	if slices.Equal(c, b) {
		return nil
	}
	order := make([]int32, len(c))
	alone := 0
	for i, k := range c {
		if order[i] = baseline.find(k); order[i] < 0 {
			alone++
		}
	}
	// Keys are unique, so that the others have partners.
	if others := len(b) - (len(c) - alone); alone > 0 || others > 0 {
		p.problem("the candidate has %s, the baseline %s: %s of the candidate and %s of the baseline have no partner in the other; "+
			"both must be predictions of the same rows", plural(len(c), "row"), report.Thousands(len(b)), report.Thousands(alone), report.Thousands(others))
	}
	return order
}

// unify gives both samples one task and one numbering of classes, queries and
// clusters. It replaces columns and changes none.
func (p *Pair) unify(c, b *metric.Sample) {
	if isClasses(c) && isClasses(b) || c.Task == metric.Multilabel && b.Task == metric.Multilabel {
		p.unifyClasses(c, b)
	} else if c.Task != b.Task {
		toEstimates(c)
		toEstimates(b)
		if c.Task != b.Task {
			p.problem("the candidate's task is %s, the baseline's %s; set task: if one of them was taken for what it is not", c.Task, b.Task)
			return
		}
	}
	if c.Task == metric.Ranking {
		if !sameGroups(c.Query, b.Query) {
			p.problem("the queries of the candidate's rows are others than those of the baseline's")
		}
		b.Query = c.Query
	}
	if c.Cluster == nil {
		c.Cluster = b.Cluster
	}
	b.Cluster = c.Cluster
}

func isClasses(s *metric.Sample) bool {
	return s.Task == metric.Binary || s.Task == metric.Multiclass
}

// toEstimates makes numbers of classes that are numbers: one model may answer
// only integers where the other does not.
func toEstimates(s *metric.Sample) {
	if !isClasses(s) || s.Prediction == nil {
		return
	}
	values := make([]float64, len(s.Classes))
	for i, name := range s.Classes {
		f, ok := number(name)
		if !ok {
			return
		}
		values[i] = f
	}
	look := func(codes []int32) []float64 {
		out := make([]float64, len(codes))
		for i, code := range codes {
			out[i] = values[code]
		}
		return out
	}
	*s = metric.Sample{Task: metric.Regression, N: s.N, Positive: metric.Missing, Truth: look(s.Label), Estimate: look(s.Prediction), Cluster: s.Cluster}
}

func (p *Pair) unifyClasses(c, b *metric.Sample) {
	if isClasses(c) {
		c.Classes, b.Classes = slices.Clone(c.Classes), slices.Clone(b.Classes)
		matchBooleans(c.Classes, b.Classes)
	}
	classes := union(c.Classes, b.Classes)
	var positive [2]string
	for i, s := range []*metric.Sample{c, b} {
		if s.Positive >= 0 {
			positive[i] = s.Classes[s.Positive]
		}
		renumber(s, classes)
	}
	switch {
	case c.Positive < 0:
		c.Positive = b.Positive
	case b.Positive < 0:
		b.Positive = c.Positive
	case c.Positive != b.Positive:
		p.problem("%q is the positive class of the candidate, and %q that of the baseline; set positive:", clip(positive[0]), clip(positive[1]))
	}
	if !isClasses(c) || c.Task == metric.Binary && b.Task == metric.Binary && len(classes) <= 2 {
		return
	}
	if c.Task == metric.Binary || b.Task == metric.Binary {
		p.Notes = append(p.Notes, fmt.Sprintf("together the two have %d classes, so that both are taken as multiclass", len(classes)))
		for _, s := range []*metric.Sample{c, b} {
			s.Task, s.Score = metric.Multiclass, nil
		}
	}
}

// renumber gives s the classes given, of which its own are some.
func renumber(s *metric.Sample, classes []string) {
	if slices.Equal(s.Classes, classes) {
		s.Classes = classes
		return
	}
	places := make(map[string]int32, len(classes))
	for i, name := range classes {
		places[name] = int32(i)
	}
	to := make([]int32, len(s.Classes))
	for i, name := range s.Classes {
		to[i] = places[name]
	}
	look := func(codes []int32) []int32 {
		if codes == nil {
			return nil
		}
		out := make([]int32, len(codes))
		for i, code := range codes {
			out[i] = to[code]
		}
		return out
	}
	lookSets := func(sets [][]int32) [][]int32 {
		if sets == nil {
			return nil
		}
		out := make([][]int32, len(sets))
		for i, set := range sets {
			out[i] = look(set)
			slices.Sort(out[i])
		}
		return out
	}
	s.Label, s.Prediction, s.LabelSet, s.PredictionSet = look(s.Label), look(s.Prediction), lookSets(s.LabelSet), lookSets(s.PredictionSet)
	if s.Positive >= 0 {
		s.Positive = to[s.Positive]
	}
	if s.Scores != nil {
		scores := make([][]float64, len(classes))
		for i, of := range s.Scores {
			scores[to[i]] = of
		}
		fillScores(scores, s.N)
		s.Scores = scores
	}
	s.Classes = classes
}

// fillScores gives classes that only the other model knows the lowest score:
// 0 among probabilities. No row has such a class as label.
func fillScores(scores [][]float64, n int) {
	lowest := 0.0
	for _, of := range scores {
		for _, f := range of {
			lowest = min(lowest, f)
		}
	}
	var none []float64
	for i := range scores {
		if scores[i] != nil {
			continue
		}
		if none == nil {
			none = make([]float64, n)
			for j := range none {
				none[j] = lowest
			}
		}
		scores[i] = none
	}
}

// sameGroups tells whether a and b put the same rows together.
func sameGroups(a, b []int32) bool {
	ab, ba := map[int32]int32{}, map[int32]int32{}
	for i := range a {
		x, known := ab[a[i]]
		y, knownToo := ba[b[i]]
		if known != knownToo || known && (x != b[i] || y != a[i]) {
			return false
		}
		ab[a[i]], ba[b[i]] = b[i], a[i]
	}
	return true
}

// compare holds the truth of both to be the same.
func (p *Pair) compare(c, b *metric.Sample) {
	var e event
	for i := range c.N {
		same := true
		switch {
		case c.Label != nil:
			same = c.Label[i] == b.Label[i]
		case c.Truth != nil:
			same = c.Truth[i] == b.Truth[i]
		case c.Reference != nil:
			same = c.Reference[i] == b.Reference[i]
		case c.LabelSet != nil:
			same = slices.Equal(c.LabelSet[i], b.LabelSet[i])
		}
		if !same {
			e.add(i)
		}
	}
	if e.rows == 0 {
		return
	}
	if p.Paired == "position" {
		p.problem("the truth differs in %s, the first is row %d of the candidate; rows without a key are matched by position: "+
			"name the column that identifies a row under key:", plural(e.rows, "row"), e.first+1)
		return
	}
	p.problem("the truth differs in %s, the first is row %d of the candidate: the two were evaluated on different labels", plural(e.rows, "row"), e.first+1)
}
