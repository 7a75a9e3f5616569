// Package metric defines metrics: numbers that say how well the answers of a
// model fit the truth. Definitions and edge cases are scikit-learn's, with one
// exception: where scikit-learn puts a zero or a NaN (0/0, one class alone), a
// metric here is undefined and says why, so that no gate passes or fails on a
// number that was made up.
//
// A metric also says of what kind it is, because that decides how sure one can
// be of it: a share of rows, a function of the confusion matrix, a mean over
// rows, an area under a ROC curve, or something that only computing it again on
// other rows can tell.
package metric

// Better says which direction of a metric is the good one.
type Better int8

const (
	Neither Better = iota // neither, such as a selection rate
	Higher
	Lower
)

// Metric is one number that can be computed on a Sample. Tasks says of which.
// At least one of Count, Loss, Area and Whole is set; who computes only the
// value calls Value, who calls one of them asks Needs first. Their errors are
// *Undefined.
type Metric struct {
	Name      string // as manifests write it, with its parameter: "recall@10"
	Title     string // what it is, in a few words
	Better    Better
	Low, High float64 // bounds of its values, ±Inf where there are none
	Tasks     []Task
	// NoInterval says why no interval can be given for it; "" when one can.
	NoInterval string

	// Share is set for metrics that are a share of rows told by label and
	// prediction: whether a row counts, and whether it is a hit. Count is then
	// set too, and says so where there is no positive class to tell it by.
	Share func(positive, label, prediction int32) (counts, hit bool)
	// Count computes it from the confusion matrix alone.
	Count func(*Confusion) (float64, error)
	// Loss computes it as the mean of one number for each row or query.
	Loss func(*Sample) (*Loss, error)
	// Area is set for areas under a ROC curve.
	Area func(*Sample) (*Area, error)
	// Whole computes it on rows that may count several times, or not at all.
	Whole func(*Sample) (*Whole, error)
}

// Loss is a metric that is the mean of Each, or Finish of that mean.
type Loss struct {
	Each []float64 // one for each row or, with Unit, for each query
	// Unit has the query of each element of Each; nil when an element is a row.
	// Queries that the metric is undefined for have no element.
	Unit []int32
	// Binary tells that every element is 0 or 1: the mean is a share.
	Binary bool
	Finish func(mean float64) float64 // nil: the mean itself; ascending
}

// Area is what an area under a ROC curve is computed from.
type Area struct {
	Positive []bool
	Score    []float64
}

// Whole computes a metric on weighted rows.
type Whole struct {
	// Value computes the metric with row i taken weight[i] times; nil takes
	// every row once. It is NaN where the metric is undefined. It must not keep
	// or change weight, and may be called from one goroutine at a time.
	Value func(weight []uint32) float64
}

// Undefined says why a metric has no value on a sample. Its text follows
// "NAME is undefined: ".
type Undefined struct{ Reason string }

func (u *Undefined) Error() string { return u.Reason }
