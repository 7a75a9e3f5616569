package evaluate

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"slices"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// counts is what one pass over the rows leaves.
type counts struct {
	rows  int64
	set   classSet
	tally []Class // by class number
	// matrix counts label by prediction while there are few classes; nil once
	// there are more.
	matrix *[MatrixClasses][MatrixClasses]int64

	keys *keySet // nil without a column of keys

	noKey, twice, noLabel, noPrediction event
	mismatch                            bool // see findMismatch
}

// event counts rows of one fault and remembers the first.
type event struct{ rows, first int64 }

func (e *event) add(row int64) {
	if e.rows++; e.rows == 1 {
		e.first = row
	}
}

// read counts all rows of the file.
func read(ctx context.Context, s Spec) (*counts, error) {
	columns := []string{s.Label}
	for _, name := range []string{s.Prediction, s.Key} {
		if name != "" {
			columns = append(columns, name)
		}
	}
	r, err := table.Open(ctx, s.File, table.Options{Columns: columns})
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	defer r.Close()
	if err := checkColumns(s, r.Schema()); err != nil {
		return nil, err
	}
	c := &counts{set: classSet{ids: map[string]int32{}}, matrix: new([MatrixClasses][MatrixClasses]int64)}
	if s.Key != "" {
		c.keys = newKeySet()
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return nil, fmt.Errorf("evaluate: %w", err)
		}
		if err := c.add(s, b); err != nil {
			return nil, fmt.Errorf("evaluate: %w", err)
		}
	}
}

func checkColumns(s Spec, schema table.Schema) error {
	for _, c := range []struct{ role, name string }{{"key", s.Key}, {"label", s.Label}, {"prediction", s.Prediction}, {"score", s.Score}} {
		if c.name != "" && schema.Index(c.name) < 0 {
			return &ColumnError{File: s.File.Name, Role: c.role, Column: c.name, Present: schema.Names()}
		}
	}
	return nil
}

// add counts the rows of a batch.
func (c *counts) add(s Spec, b *table.Batch) error {
	labels := cells{column: b.Column(s.Label)}
	predictions := cells{column: b.Column(s.Prediction)}
	keys := cells{column: b.Column(s.Key)}
	c.rows += int64(b.Rows)
	for i := range b.Rows {
		if c.keys != nil {
			switch text, ok := keys.text(i); {
			case !ok || len(text) == 0:
				c.noKey.add(b.Row(i))
			case !c.keys.add(text):
				c.twice.add(b.Row(i))
			}
		}
		label, err := labels.class(&c.set, i)
		if err != nil {
			return dataError(s, s.Label, b, i, err)
		}
		if label == missing {
			c.noLabel.add(b.Row(i))
		}
		if s.Prediction == "" {
			continue
		}
		prediction, err := predictions.class(&c.set, i)
		if err != nil {
			return dataError(s, s.Prediction, b, i, err)
		}
		if prediction == missing {
			c.noPrediction.add(b.Row(i))
		}
		if label != missing && prediction != missing {
			c.count(label, prediction)
		}
	}
	return nil
}

func (c *counts) count(label, prediction int32) {
	if n := len(c.set.names); len(c.tally) < n {
		for i := len(c.tally); i < n; i++ {
			c.tally = append(c.tally, Class{Name: c.set.names[i]})
		}
		if n > MatrixClasses {
			c.matrix = nil
		}
	}
	c.tally[label].Labelled++
	c.tally[prediction].Predicted++
	if label == prediction {
		c.tally[label].Correct++
	}
	if c.matrix != nil {
		c.matrix[label][prediction]++
	}
}

func dataError(s Spec, column string, b *table.Batch, i int, err error) error {
	e := &table.DataError{File: s.File.Name, Reason: fmt.Sprintf("column %q, row %d: %v", clip(column), b.Row(i), err), Err: err}
	if b.Lines != nil {
		e.Line = b.Lines[i]
	}
	return e
}

// cells reads the values of a column as text.
type cells struct {
	column *table.Column
	buf    []byte
	// codes has the class of each dictionary value, plus 2; 0 is not yet
	// known. Only for columns with a dictionary.
	codes []int32
}

// text returns the value of row i, valid until the next call; false for null.
func (c *cells) text(i int) ([]byte, bool) {
	if c.column == nil || c.column.Null(i) {
		return nil, false
	}
	switch c.column.Kind(i) {
	case table.Untyped, table.String:
		return c.column.Bytes(i), true
	}
	c.buf = c.column.AppendText(c.buf[:0], i)
	return c.buf, true
}

func (c *cells) class(set *classSet, i int) (int32, error) {
	if c.column != nil && c.column.Dict != nil && !c.column.Null(i) {
		code := int(c.column.Codes[i])
		if more := code + 1 - len(c.codes); more > 0 {
			c.codes = append(c.codes, make([]int32, more)...)
		}
		if c.codes[code] == 0 {
			id, err := c.classOf(set, i)
			if err != nil {
				return 0, err
			}
			c.codes[code] = id + 2
		}
		return c.codes[code] - 2, nil
	}
	return c.classOf(set, i)
}

func (c *cells) classOf(set *classSet, i int) (int32, error) {
	text, ok := c.text(i)
	if !ok {
		return missing, nil
	}
	if kind := c.column.Kind(i); kind == table.List || kind == table.Struct {
		return 0, fmt.Errorf("is a %s; a label is a single value", kind)
	}
	return set.id(text)
}

// keySet tells whether a key was there before. It keeps two hashes of 64
// bits under seeds of this process, so that no file can be made to collide
// and chance needs 2^64 keys for it.
type keySet struct {
	seeds [2]maphash.Seed
	seen  map[[2]uint64]struct{}
}

func newKeySet() *keySet {
	return &keySet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, seen: map[[2]uint64]struct{}{}}
}

// add reports whether key is new.
func (s *keySet) add(key []byte) bool {
	before := len(s.seen)
	s.seen[[2]uint64{maphash.Bytes(s.seeds[0], key), maphash.Bytes(s.seeds[1], key)}] = struct{}{}
	return len(s.seen) > before
}

// matchBooleans makes true and false of one column and 1 and 0 of the other
// the same labels.
func (c *counts) matchBooleans() {
	words := func(count func(Class) int64, names ...string) bool {
		return !slices.ContainsFunc(c.tally, func(t Class) bool { return count(t) > 0 && !slices.Contains(names, t.Name) })
	}
	labelled := func(t Class) int64 { return t.Labelled }
	predicted := func(t Class) int64 { return t.Predicted }
	if c.matrix == nil || !(words(labelled, "true", "false") && words(predicted, "0", "1") || words(labelled, "0", "1") && words(predicted, "true", "false")) {
		return
	}
	find := func(name string) int {
		return slices.IndexFunc(c.tally, func(t Class) bool { return t.Name == name })
	}
	for _, pair := range [][2]string{{"true", "1"}, {"false", "0"}} {
		from, to := find(pair[0]), find(pair[1])
		if from < 0 {
			continue
		}
		if to < 0 {
			c.tally[from].Name = pair[1]
			continue
		}
		for i := range c.matrix {
			c.matrix[i][to] += c.matrix[i][from]
			c.matrix[i][from] = 0
		}
		for j := range c.matrix {
			c.matrix[to][j] += c.matrix[from][j]
			c.matrix[from][j] = 0
		}
		t := &c.tally[to]
		t.Labelled += c.tally[from].Labelled
		t.Predicted += c.tally[from].Predicted
		t.Correct = c.matrix[to][to]
		c.tally[from] = Class{Name: pair[0]}
	}
}

// findMismatch notices names on one side and their numbers on the other: the
// model gave the index of a class where the label is its name. Counted, that
// would be an accuracy of 0.
func (c *counts) findMismatch() {
	var labels, predictions struct{ numbers, names bool }
	for _, t := range c.tally {
		_, isNumber := number(t.Name)
		if t.Labelled > 0 {
			labels.numbers, labels.names = labels.numbers || isNumber, labels.names || !isNumber
		}
		if t.Predicted > 0 {
			predictions.numbers, predictions.names = predictions.numbers || isNumber, predictions.names || !isNumber
		}
	}
	c.mismatch = len(c.tally) > 0 && (labels.numbers && !labels.names && predictions.names && !predictions.numbers ||
		labels.names && !labels.numbers && predictions.numbers && !predictions.names)
}

// problems says, one sentence each, why the rows cannot be counted.
func (c *counts) problems(s Spec) []string {
	var out []string
	say := func(e event, one, many string) {
		switch {
		case e.rows == 1:
			out = append(out, fmt.Sprintf("row %d %s", e.first, one))
		case e.rows > 1:
			out = append(out, fmt.Sprintf("%s rows %s, the first is row %d", report.Thousands(e.rows), many, e.first))
		}
	}
	switch {
	case c.rows == 0:
		out = append(out, "there are no rows")
	case s.Prediction == "":
		out = append(out, "no column of predictions is named; set prediction:")
	}
	say(c.noLabel, "has no label", "have no label")
	say(c.noPrediction, "has no prediction", "have no prediction")
	say(c.noKey, "has no key", "have no key")
	say(c.twice, "has the key of a row before it", "have the key of a row before them")
	if c.mismatch {
		out = append(out, "labels and predictions are written differently: one column has names, the other numbers")
	}
	return out
}
