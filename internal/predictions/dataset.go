package predictions

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// dataset is what is taken from the rows that predictions were made on.
type dataset struct {
	columns map[string]bool // it has
	joined  bool            // its key is matched
}

// newDataset finds out what the dataset can give, and says what is odd.
func newDataset(ctx context.Context, s Spec) (d dataset, notes []string, err error) {
	if len(s.Dataset) == 0 {
		return d, nil, nil
	}
	if d.columns, err = schema(ctx, s.Dataset); err != nil {
		return d, nil, err
	}
	switch {
	case s.Key == "":
		return dataset{}, []string{"the predictions have no key, so that labels and columns are those of their file, not of the evaluation dataset"}, nil
	case !d.columns[s.Key]:
		return dataset{}, []string{fmt.Sprintf("the evaluation dataset has no column %q (key), so that labels and columns are those of the file of predictions", clip(s.Key))}, nil
	}
	d.joined = true
	return d, nil, nil
}

// has tells whether the dataset gives a column.
func (d dataset) has(name string) bool { return d.joined && d.columns[name] }

// join reads the wants of the dataset for the rows of predictions and puts them
// into their order. It returns problems when it cannot.
func join(ctx context.Context, s Spec, index *keyIndex, predicted *shards, wants []want) ([]string, error) {
	j := &joining{index: index, place: make([]int32, predicted.rows), key: s.Key, buf: make([]byte, 0, 64)}
	for i := range j.place {
		j.place[i] = -1
	}
	// The key is the first column that is read, for choose.
	all := append([]want{{"key", s.Key, ignore{}}}, wants...)
	rows, err := scan(ctx, s.Dataset, all, j.choose)
	if err != nil {
		return nil, err
	}
	var problems []string
	problems = rows.say(problems, j.noKey, "of the evaluation dataset has no key", "of the evaluation dataset have no key")
	problems = rows.say(problems, j.twice, "of the evaluation dataset has the key of a row before it", "of the evaluation dataset have the key of a row before them")
	if e := j.unpredicted; e.rows > 0 {
		problems = append(problems, fmt.Sprintf("%s of %s rows of the evaluation dataset have no prediction, the first is %s",
			report.Thousands(e.rows), report.Thousands(rows.rows), rows.position(e.first)))
	}
	var unknown event
	for i, place := range j.place {
		if place < 0 {
			unknown.add(i)
		}
	}
	problems = predicted.say(problems, unknown, "of the predictions has a key that the evaluation dataset lacks", "of the predictions have keys that the evaluation dataset lacks")
	if len(problems) > 0 {
		return problems, nil
	}
	for _, w := range wants {
		switch c := w.into.(type) {
		case *column:
			c.pick(j.place)
		case *groupColumn:
			c.codes = pick(c.codes, j.place)
		}
	}
	return nil, nil
}

// joining finds the predictions of the dataset's rows.
type joining struct {
	index *keyIndex
	key   string
	place []int32 // by prediction: its row among those read
	read  int32   // rows with a prediction
	row   int     // of the dataset
	rows  []int32
	buf   []byte

	noKey, twice, unpredicted event
}

// choose returns the rows of a batch that have a prediction.
func (j *joining) choose(b *table.Batch) []int32 {
	c := b.Column(j.key)
	j.rows = j.rows[:0]
	for i := range b.Rows {
		row := j.row
		j.row++
		text := keyText(c, i, j.buf)
		if len(text) == 0 {
			j.noKey.add(row)
			continue
		}
		switch at := j.index.find(keyOf(text)); {
		case at < 0:
			j.unpredicted.add(row)
		case j.place[at] >= 0:
			j.twice.add(row)
		default:
			j.place[at] = j.read
			j.read++
			j.rows = append(j.rows, int32(i))
		}
	}
	return j.rows
}

// ignore reads a column for others to look at.
type ignore struct{}

func (ignore) add(*table.Column, *table.Batch, []int32) error { return nil }

// compareLabels notes where the labels of the file of predictions are others
// than the dataset's, which count.
func (r *reading) compareLabels(s *metric.Sample) {
	own := r.ownLabel
	if own == nil || len(r.set.Problems) > 0 {
		return
	}
	r.ownLabel = nil
	differs := own.differs(s)
	var e event
	for i := range s.N {
		if differs(i) {
			e.add(i)
		}
	}
	if r.set.Relabelled = int64(e.rows); e.rows > 0 {
		r.set.Notes = r.rows.say(r.set.Notes, e, "has another label in the file of predictions than in the evaluation dataset, which is taken",
			"have another label in the file of predictions than in the evaluation dataset, which is taken")
	}
}

// differs returns a function that tells whether the label of row i is there and
// another than that of s.
func (c *column) differs(s *metric.Sample) func(i int) bool {
	other := func(int) bool { return true }
	switch {
	case s.Label != nil && c.form == coded:
		labels := slices.Clone(s.Classes)
		matchBooleans(labels, c.names)
		return func(i int) bool { n := c.name(i); return n >= 0 && c.names[n] != labels[s.Label[i]] }
	case s.Truth != nil && (c.form == numeric || c.form == coded && c.allNumbers()):
		if c.form == coded {
			c.toNumbers()
		}
		return func(i int) bool { return !math.IsNaN(c.numbers[i]) && c.numbers[i] != s.Truth[i] }
	case s.Reference != nil && (c.form == textual || c.form == coded):
		if c.form == coded {
			c.toTexts()
		}
		return func(i int) bool { return c.texts[i] != "" && c.texts[i] != s.Reference[i] }
	case s.LabelSet != nil && c.form == listed:
		quiet := &reading{rows: &shards{}, set: &Set{}}
		sets := quiet.classSets(c, union(s.Classes, c.names))
		all := union(s.Classes, c.names)
		return func(i int) bool {
			return sets[i] != nil && !slices.EqualFunc(sets[i], s.LabelSet[i], func(a, b int32) bool { return all[a] == s.Classes[b] })
		}
	}
	return other
}
