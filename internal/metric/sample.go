package metric

// Task says what a model answers, and with it which metrics there are.
type Task string

const (
	Binary     Task = "binary"     // one of two classes
	Multiclass Task = "multiclass" // one of several classes
	Multilabel Task = "multilabel" // any number of classes
	Regression Task = "regression" // a number
	Ranking    Task = "ranking"    // an order of the rows of each query
	Text       Task = "text"       // a text
)

// Missing is the class of a label or prediction that is not there.
const Missing int32 = -1

// Sample is the rows of one evaluation, by column: what was true and what a
// model answered. Columns that the task does not have are nil; all others have
// one element for each of N rows. Values are complete and finite: who fills a
// Sample has refused missing ones.
type Sample struct {
	Task Task
	N    int
	// Binary and Multiclass: classes by number.
	Classes    []string
	Positive   int32   // class number, Missing when none is
	Label      []int32 // never Missing
	Prediction []int32 // never Missing; nil when the model gave only scores
	// Score is that of the positive class (Binary), or by which the rows of a
	// query are ordered (Ranking). Probabilities where metrics need them.
	Score []float64
	// Scores has the scores of every class: Scores[class][row] (Multiclass,
	// Multilabel).
	Scores [][]float64

	// Multilabel: ascending class numbers of each row.
	LabelSet, PredictionSet [][]int32

	// Truth is the number to be estimated (Regression) or the relevance of a
	// row (Ranking); Estimate is the answer (Regression).
	Truth, Estimate []float64
	// Query numbers the query that a row belongs to (Ranking).
	Query []int32

	// Text: the reference and the answer.
	Reference, Answer []string

	// Cluster numbers what rows have in common that makes them depend on each
	// other, such as the user they are of; nil when they are independent.
	Cluster []int32
}

// Select returns the rows given, in that order. It shares Classes with s.
func (s *Sample) Select(rows []int32) *Sample {
	out := &Sample{Task: s.Task, N: len(rows), Classes: s.Classes, Positive: s.Positive}
	out.Label, out.Prediction = pick(s.Label, rows), pick(s.Prediction, rows)
	out.Score, out.Truth, out.Estimate = pick(s.Score, rows), pick(s.Truth, rows), pick(s.Estimate, rows)
	for _, scores := range s.Scores {
		out.Scores = append(out.Scores, pick(scores, rows))
	}
	out.LabelSet, out.PredictionSet = pick(s.LabelSet, rows), pick(s.PredictionSet, rows)
	out.Query, out.Cluster = pick(s.Query, rows), pick(s.Cluster, rows)
	out.Reference, out.Answer = pick(s.Reference, rows), pick(s.Answer, rows)
	return out
}

func pick[T any](from []T, rows []int32) []T {
	if from == nil {
		return nil
	}
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = from[row]
	}
	return out
}
