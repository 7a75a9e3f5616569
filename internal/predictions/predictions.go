// Package predictions reads what models answered: files of predictions with the
// truth beside them or in the dataset they were made on, as the columns of a
// metric.Sample.
//
//	set, err := predictions.Read(ctx, predictions.Spec{
//		Files: []table.File{{Name: "eval/predictions.parquet", Path: path}},
//		Key:   "id", Label: "label", Prediction: "prediction",
//	})
//	accuracy, err := m.Value(set.Sample) // unless there are set.Problems
//
// and two models' predictions of the same rows, in the same order, as a Pair:
//
//	pair := predictions.Join(candidate, baseline)
//
// # Tasks
//
// Where Spec.Task does not say what the model answers, the columns do, the first
// of these that fits:
//
//   - a column of queries: ranking
//   - lists (of Parquet, of JSON, or texts like ["cat","dog"]): multilabel
//   - a column of scores for each class: multiclass
//   - texts of which more than MaxClasses are different, or one is long: text
//   - numbers of which one is no integer, or more than MaxClasses are different:
//     regression
//   - at most two classes: binary
//   - anything else: multiclass
//
// So the integers 0 to 9 are ten classes. Where they are numbers to be
// estimated, the task must be declared.
//
// # Labels
//
// A class is compared as text, with numbers in one form: 1, 1.0 and "1" are the
// same class, whether they come from CSV, JSON lines or Parquet; so are true,
// True and TRUE. Where one column has only true and false and the other only 1
// and 0, these are the same classes too. "01" is not 1. An empty text and NaN are
// missing values; only where the task is text may an answer be empty.
//
// The positive class is Spec.Positive where it is set, also among more than two;
// otherwise 1, true or "positive" among at most two.
//
// # Keys
//
// Keys are compared as text too, except that 17.0 is 17. Only hashes of them are kept, and no message shows one: they
// may be personal. Rows are named by their number.
package predictions

import (
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/table"
)

// Spec says where predictions stand and which columns hold what.
type Spec struct {
	Files []table.File
	// Task is what the model answers; "" to find out from the columns.
	Task metric.Task
	// Key identifies a row; "" when rows have no key.
	Key        string
	Label      string // the truth: a class, a number, a text, a list of classes, a relevance
	Prediction string // the answer; "" when the file has only scores
	Score      string // the score of the positive class, or by which a query's rows are ordered
	// Scores has the column of each class's score, by class (Multiclass and Multilabel).
	Scores map[string]string
	// Positive is the label that counts as positive: a string, int64, float64
	// or bool. nil means 1, true or "positive".
	Positive any
	// Threshold is the score from which on the answer is the positive class,
	// where Prediction is ""; nil for 0.5.
	Threshold *float64
	Query     string // column that names the query of a row (Ranking)
	Cluster   string // column that names what rows depend on each other through
	// Columns are others to keep, of the dataset or else of the files: those that
	// slices are made of.
	Columns []string
	// Dataset is the rows that the predictions were made on, all of them, joined
	// by Key. What it has as Label, Query, Cluster or among Columns is taken from
	// it. nil when there is none.
	Dataset []table.File
}

// Set is the predictions of one model.
type Set struct {
	Sample *metric.Sample
	// Columns are the rows' values of Spec.Columns.
	Columns map[string]*Values
	// Problems say, one sentence each, why nothing can be computed: rows
	// without label or prediction, keys that stand twice, and so on. Sample is
	// nil then.
	Problems []string
	// Notes are sentences about what is odd and changes no number.
	Notes []string
	N     int64 // rows of the files
	// Relabelled is how many rows have another label in the file than in the
	// dataset, whose label is taken.
	Relabelled int64

	keyName string    // Spec.Key
	keys    *keyIndex // the places in it are rows; nil without Key
}

// Values is a column that rows are told apart by. Either Codes or Numbers is
// set.
type Values struct {
	Names   []string  // by code
	Codes   []int32   // metric.Missing where there is no value
	Numbers []float64 // NaN where there is no value
}

// Pair is two models' predictions of the same rows, in the same order.
type Pair struct {
	Candidate, Baseline *metric.Sample
	// Columns are those of the candidate's set.
	Columns map[string]*Values
	// Problems say why they cannot be compared; the samples are nil then.
	Problems []string
	Notes    []string
	// Paired says by what rows were matched: `key "id"`, or "position".
	Paired string
}
