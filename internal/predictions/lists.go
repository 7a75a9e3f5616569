package predictions

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
)

// maxList is the longest list of classes, in bytes as JSON.
const maxList = 256 << 10

// isList tells whether text is a JSON array of single values.
func isList(text []byte) bool {
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return false
	}
	_, err := parseList(text)
	return err == nil
}

func parseList(text []byte) ([]string, error) {
	if len(text) > maxList {
		return nil, fmt.Errorf("is a list of %d bytes, at most %d", len(text), maxList)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return nil, fmt.Errorf(`is no list; write classes as a JSON array, like ["cat", "dog"]`)
	}
	names := make([]string, len(items))
	for i, item := range items {
		switch item[0] {
		case '"':
			var s string
			if err := json.Unmarshal(item, &s); err != nil {
				return nil, err
			}
			names[i] = canonicalLabel([]byte(s))
		case '[', '{', 'n':
		default:
			names[i] = canonicalLabel(item)
		}
		if names[i] == "" || len(names[i]) > maxLabel {
			return nil, fmt.Errorf("is a list with an element that is no class")
		}
	}
	return names, nil
}

// addList appends a list of classes.
func (c *column) addList(text []byte) error {
	if len(text) == 0 {
		c.codes = append(c.codes, -1)
		return nil
	}
	set, known := c.bySpell[string(text)]
	if !known {
		names, err := parseList(text)
		if err != nil {
			return err
		}
		if c.size += int64(len(text)); c.size > maxTextBytes {
			return fmt.Errorf("the lists of the column have more than %d GB", maxTextBytes>>30)
		}
		classes := make([]int32, len(names))
		for i, name := range names {
			id, named := c.byName[name]
			if !named {
				if len(c.names) == MaxClasses {
					return fmt.Errorf("there are more than %d different classes", MaxClasses)
				}
				id = int32(len(c.names))
				c.names = append(c.names, name)
				c.byName[name] = id
			}
			classes[i] = id
		}
		set = int32(len(c.sets))
		c.sets = append(c.sets, classes)
		if len(c.bySpell) < 1<<20 {
			c.bySpell[string(text)] = set
		}
	}
	c.codes = append(c.codes, set)
	return nil
}

// lists fills in a sample of lists of classes.
func (r *reading) lists(s *metric.Sample) {
	l, p := r.label, r.prediction
	var predicted []string
	if p != nil {
		predicted = p.names
	}
	if differentlyWritten(l.names, predicted) {
		r.problem("labels and predictions are written differently: one column has names, the other numbers")
	}
	s.Classes = union(union(l.names, predicted), r.scoreOf)
	s.LabelSet = r.classSets(l, s.Classes)
	r.compareLabels(s)
	if p != nil {
		s.PredictionSet = r.classSets(p, s.Classes)
	}
	if len(r.scores) == 0 {
		if p == nil {
			r.problem("no column of predictions is named; set prediction:, or name the column of each class's score under scores:")
		}
		return
	}
	byClass := make([][]float64, len(s.Classes))
	for i, class := range r.scoreOf {
		byClass[slices.Index(s.Classes, class)] = r.numbers(r.scores[i])
	}
	if i := slices.IndexFunc(byClass, func(f []float64) bool { return f == nil }); i >= 0 {
		what := "so that there is no metric of scores"
		if p == nil {
			what = "so that it is never predicted"
		}
		r.note("no column under scores: has the score of the class %q, %s", clip(s.Classes[i]), what)
	} else {
		s.Scores = byClass
	}
	if p == nil {
		r.thresholdLists(s, byClass)
	}
}

func (r *reading) thresholdLists(s *metric.Sample, byClass [][]float64) {
	threshold := 0.5
	if t := r.spec.Threshold; t != nil {
		threshold = *t
	} else if slices.ContainsFunc(byClass, func(f []float64) bool { return !probabilities(f) }) {
		r.note("scores are not all between 0 and 1, so that 0.5 says nothing about them; set threshold: for the metrics that need predicted classes")
		return
	}
	s.PredictionSet = make([][]int32, s.N)
	for i := range s.PredictionSet {
		set := []int32{}
		for class, scores := range byClass {
			if scores != nil && scores[i] >= threshold {
				set = append(set, int32(class))
			}
		}
		s.PredictionSet[i] = set
	}
}

// classSets returns the lists of a column as ascending places in names.
func (r *reading) classSets(c *column, names []string) [][]int32 {
	places := make(map[string]int32, len(names))
	for i, name := range names {
		places[name] = int32(i)
	}
	sets := make([][]int32, len(c.sets))
	for i, set := range c.sets {
		sets[i] = make([]int32, len(set))
		for j, name := range set {
			sets[i][j] = places[c.names[name]]
		}
		slices.Sort(sets[i])
		sets[i] = slices.Compact(sets[i])
	}
	out := make([][]int32, len(c.codes))
	var missing event
	for i, code := range c.codes {
		if code < 0 {
			missing.add(i)
			continue
		}
		out[i] = sets[code]
	}
	r.say(missing, "has no "+c.role, "have no "+c.role)
	return out
}
