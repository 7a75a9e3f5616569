// Package evaluate computes a classifier's metrics from a file of its
// predictions and decides gates on them.
//
//	r, err := evaluate.Compute(ctx, evaluate.Spec{
//		File: table.File{Name: "eval/predictions.parquet", Path: path},
//		Key:  "id", Label: "label", Prediction: "prediction",
//	})
//	verdict, message, expected, observed := evaluate.Judge(*r, evaluate.Gate{Metric: "accuracy", Min: &bound})
//
// Metrics have scikit-learn's definitions. Where scikit-learn puts a zero (or
// what zero_division says) for 0/0, and where rows are missing, ambiguous or
// counted twice, a metric here is undefined and says why: it has no value
// that a gate could pass on.
//
// # Labels
//
// A label is compared as text, with numbers in one form: 1, 1.0 and "1" are
// the same label, whether they come from CSV, JSON lines or Parquet; so are
// true, True and TRUE. Where one column has only true and false and the other
// only 1 and 0, these are the same labels too. "01" is not 1. An empty text
// and NaN are missing values.
//
// # Positive label
//
// precision, recall and f1 without a suffix are about one label: Spec.Positive
// where it is set, also among more than two; otherwise 1, true or "positive"
// among at most two. The suffixes .macro, .micro and .weighted average over
// all labels that occur as label or prediction.
package evaluate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/table"
)

// Spec says where predictions stand and which columns hold what.
type Spec struct {
	File table.File
	// Key identifies a row; "" when rows have no key. With a key, a row that
	// stands twice makes every metric undefined.
	Key        string
	Label      string // the truth
	Prediction string // the predicted label; "" when the file has only scores
	// Score is held to exist where it is named. No metric of this package
	// reads it.
	Score string
	// Positive is the label that counts as positive: a string, int64, float64
	// or bool. nil means 1, true or "positive".
	Positive any
}

// MaxClasses is how many different labels a file may have. A file with more
// has numbers to be estimated, not labels.
const MaxClasses = 10_000

// MatrixClasses is up to how many labels Result has a confusion matrix.
const MatrixClasses = 20

// Result is what a file of predictions says about a model.
type Result struct {
	N       int64             // rows
	Metrics map[string]Metric // by name, all of Names
	// Classes are the labels that occur, as label or prediction, sorted:
	// numbers by value, then texts.
	Classes []Class
	// Positive is the label that precision, recall and f1 are about, "" when
	// there is none.
	Positive string
	// Confusion[i][j] counts the rows of label Classes[i] predicted as
	// Classes[j]; nil past MatrixClasses.
	Confusion [][]int64
	// Problems say why no metric is defined, one sentence each; none when the
	// rows could be counted.
	Problems []string
}

// Class is one label and how often it occurred.
type Class struct {
	Name      string
	Labelled  int64 // rows that have it as label
	Predicted int64 // rows that have it as prediction
	Correct   int64 // rows that have it as both
}

// Metric is one number.
type Metric struct {
	Value   float64
	Defined bool
	Reason  string // why it is undefined
	// Hits of Of rows make a proportion, of which Interval can be asked. Of
	// is 0 for metrics that are none, such as f1.
	Hits, Of int64
}

// ColumnError says that the file lacks a column that Spec names.
type ColumnError struct {
	File    string
	Role    string // "key", "label", "prediction", "score"
	Column  string
	Present []string
}

func (e *ColumnError) Error() string {
	s := fmt.Sprintf("evaluate %s: has no column %q (%s)", e.File, e.Column, e.Role)
	if near := ref.Nearest(e.Column, e.Present); near != "" {
		s += fmt.Sprintf("; did you mean %q?", near)
	}
	shown := e.Present
	if len(shown) > 20 {
		shown = shown[:20]
	}
	quoted := make([]string, len(shown))
	for i, name := range shown {
		quoted[i] = strconv.Quote(clip(name))
	}
	s += "; it has " + strings.Join(quoted, ", ")
	if more := len(e.Present) - len(shown); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// Compute reads the file once, in memory that grows only with the number of
// keys (16 bytes each, and the set around them) and of different labels.
//
// It returns a *ColumnError when a column is missing, a *table.DataError when
// the contents cannot be read or are no labels, and what the system or ctx
// gave otherwise. Whatever makes metrics undefined is no error: see
// Result.Problems and Metric.Reason.
func Compute(ctx context.Context, s Spec) (*Result, error) {
	if s.Label == "" {
		return nil, fmt.Errorf("evaluate %s: no column of labels is named; set \"label:\" to one", s.File.Name)
	}
	if s.Label == s.Prediction {
		return nil, fmt.Errorf("evaluate %s: label and prediction are the same column %q", s.File.Name, s.Label)
	}
	c, err := read(ctx, s)
	if err != nil {
		return nil, err
	}
	c.matchBooleans()
	c.findMismatch()
	r := &Result{N: c.rows, Problems: c.problems(s)}
	r.Classes, r.Confusion = c.classes()
	r.measure(s.Positive)
	return r, nil
}

// classes returns the labels that occur in their order, and the matrix.
func (c *counts) classes() ([]Class, [][]int64) {
	order := make([]int, 0, len(c.tally))
	for i, t := range c.tally {
		if t.Labelled > 0 || t.Predicted > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return compareLabels(c.tally[i].Name, c.tally[j].Name) })
	classes := make([]Class, len(order))
	for i, at := range order {
		classes[i] = c.tally[at]
	}
	if c.matrix == nil {
		return classes, nil
	}
	matrix := make([][]int64, len(order))
	for i, label := range order {
		matrix[i] = make([]int64, len(order))
		for j, prediction := range order {
			matrix[i][j] = c.matrix[label][prediction]
		}
	}
	return classes, matrix
}

// compareLabels orders numbers by value and before texts.
func compareLabels(a, b string) int {
	x, xNumber := number(a)
	y, yNumber := number(b)
	switch {
	case xNumber && yNumber:
		return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
	case xNumber:
		return -1
	case yNumber:
		return 1
	}
	return cmp.Compare(a, b)
}

// clip keeps what a file calls things from filling a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
