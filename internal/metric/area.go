package metric

// rocArea takes the rows apart for the area under the ROC curve:
// scikit-learn's roc_auc_score.
func rocArea(s *Sample) (*Area, error) {
	positives, negatives, err := s.sides()
	switch {
	case err != nil:
		return nil, err
	case positives == 0:
		return nil, undefined("no row has the label %s, so there is no pair to order", quote(s.Classes[s.Positive]))
	case negatives == 0:
		return nil, undefined("every row has the label %s, so there is no pair to order", quote(s.Classes[s.Positive]))
	}
	a := &Area{Positive: make([]bool, s.N), Score: s.Score}
	for i, label := range s.Label {
		a.Positive[i] = label == s.Positive
	}
	return a, nil
}

func (a *Area) value() float64 {
	return rank(a.Score, func(row int32) bool { return a.Positive[row] }).area(nil)
}

// area is the share of the pairs of a positive and a negative row in which the
// positive has the higher score; equal scores are half a pair. NaN without
// pairs.
func (r *ranked) area(weight []uint32) float64 {
	var positives, negatives int64 // so far
	var start int32
	halves := 0.0 // pairs, twice: whole numbers, exact below 2^53
	for _, end := range r.ends {
		p, n := r.count(start, end, weight)
		halves += float64(float64(n) * float64(2*positives+p))
		start, positives, negatives = end, positives+p, negatives+n
	}
	return halves / 2 / float64(float64(positives)*float64(negatives))
}

// needAllClasses says which class has no scores or no rows: an average of areas
// leaves none out.
func (s *Sample) needAllClasses() error {
	if err := s.needScores(); err != nil {
		return err
	}
	if err := s.needTwoLabels(); err != nil {
		return err
	}
	seen := s.labelled()
	for k, name := range s.Classes {
		if !seen[k] {
			return undefined("no row has the label %s, so it has no ROC curve", quote(name))
		}
	}
	return nil
}

func (s *Sample) labelled() []bool {
	seen := make([]bool, len(s.Classes))
	for _, label := range s.Label {
		seen[label] = true
	}
	return seen
}

func (s *Sample) needTwoLabels() error {
	if s.N == 0 {
		return undefined("there are no rows")
	}
	for _, label := range s.Label {
		if label != s.Label[0] {
			return nil
		}
	}
	return undefined("every row has the label %s, so there is no pair to order", quote(s.Classes[s.Label[0]]))
}

// ovr is the mean of the areas of each class against all others:
// scikit-learn's roc_auc_score with multi_class="ovr". Weighted, a class
// without rows does not count.
func ovr(name, title string, weighted bool) Metric {
	return Metric{Name: name, Title: title, Better: Higher, High: 1, Tasks: []Task{Multiclass}, Whole: func(s *Sample) (*Whole, error) {
		need := s.needAllClasses
		if weighted {
			need = func() error {
				if err := s.needScores(); err != nil {
					return err
				}
				return s.needTwoLabels()
			}
		}
		if err := need(); err != nil {
			return nil, err
		}
		var ranks []*ranked
		for k := range s.Classes {
			ranks = append(ranks, rank(s.Scores[k], func(row int32) bool { return int(s.Label[row]) == k }))
		}
		return &Whole{Value: func(weight []uint32) float64 {
			var total sum
			weights := 0.0
			for _, r := range ranks {
				w := 1.0
				if weighted {
					positives, _ := r.totals(weight)
					if w = float64(positives); w == 0 {
						continue
					}
				}
				total.add(float64(w * r.area(weight)))
				weights += w
			}
			return total.value() / weights
		}}, nil
	}}
}

// ovo is the mean of the areas of all pairs of classes, each by the scores of
// either: Hand and Till 2001, "A simple generalisation of the area under the
// ROC curve"; scikit-learn's roc_auc_score with multi_class="ovo".
func ovo(s *Sample) (*Whole, error) {
	if err := s.needAllClasses(); err != nil {
		return nil, err
	}
	classes := len(s.Classes)
	ranks := make([]*ranked, classes)
	for k := range ranks {
		ranks[k] = rank(s.Scores[k], func(row int32) bool { return int(s.Label[row]) == k })
	}
	counts, pairs := make([]float64, classes), make([]float64, classes)
	return &Whole{Value: func(weight []uint32) float64 {
		clear(counts)
		for i, label := range s.Label {
			counts[label] += times(weight, i)
		}
		var total sum
		for k, r := range ranks {
			r.against(k, s.Label, weight, pairs)
			for other := range pairs {
				if other != k {
					total.add(pairs[other] / float64(counts[k]*counts[other]))
				}
			}
		}
		return total.value() / float64(classes*(classes-1))
	}}, nil
}

// against sets pairs to the number of pairs of a row of class k and one of
// each other class in which that of k has the higher score, equal ones half.
func (r *ranked) against(k int, label []int32, weight []uint32, pairs []float64) {
	clear(pairs)
	above, start := 0.0, int32(0) // rows of class k with a higher score
	for _, end := range r.ends {
		block := r.rows[start:end]
		start = end
		own := 0.0
		for _, row := range block {
			if int(label[row]) == k {
				own += times(weight, int(row))
			}
		}
		for _, row := range block {
			pairs[label[row]] += float64(times(weight, int(row)) * (above + float64(own/2)))
		}
		above += own
	}
}
