package modelfile

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Estimators of scikit-learn and those like them, whatever wrote them down:
// pickle, joblib or skops. What they learned stands in attributes whose names
// end with an underscore (scikit-learn's developer guide, "Estimated
// Attributes"; sklearn/base.py, BaseEstimator.__getstate__ for the version).

// estimator is an object as far as that tells the facts.
type estimator struct {
	module, class  string
	version        string // of scikit-learn
	features       int64  // n_features_in_
	names, classes []string
	steps          []step     // of a Pipeline
	inner          *estimator // what a search settled on, or a wrapper wraps
}

// step is a named part of a Pipeline. The estimator of "passthrough" is nil.
type step struct {
	name string
	*estimator
}

// Limits on the estimators in estimators that are looked at.
const (
	maxEstimators      = 64
	maxEstimatorsDepth = 4
)

// innerEstimators are the attributes that hold the one that predicts:
// sklearn/model_selection/_search.py; sklearn/multiclass.py and others.
var innerEstimators = []string{"best_estimator_", "estimator_", "classifier_", "regressor_"}

// set makes the facts of the object that was saved.
func (e *estimator) set(f *Facts) {
	f.Architecture = e.class
	detail(f, "class", strings.Trim(e.module+"."+e.class, "."))
	if e.version != "" {
		f.Frameworks = fillMap(f.Frameworks, map[string]string{"sklearn": e.version})
	}
	if len(e.steps) > 0 {
		list := make([]string, len(e.steps))
		for i, s := range e.steps {
			list[i] = s.name
			if s.estimator != nil {
				list[i] += ": " + s.class
			}
		}
		detail(f, "steps", list)
	}
	if e.inner != nil {
		detail(f, "estimator", e.inner.class)
	}
	if n := e.width(); n > 0 {
		f.Inputs = []Value{{Name: "X", Kind: "tensor", Shape: []int64{-1, n}}}
	}
	if names := e.featureNames(); len(names) > 0 {
		detail(f, "features", names)
	}
	f.Labels = e.labels()
}

// A pipeline takes what its first step takes and gives what its last gives
// (sklearn/pipeline.py, n_features_in_, feature_names_in_ and classes_); a
// search is what it settled on.

func (e *estimator) width() int64 {
	switch {
	case e == nil:
		return 0
	case e.features == 0 && len(e.steps) > 0:
		return e.steps[0].width()
	case e.features == 0:
		return e.inner.width()
	}
	return e.features
}

func (e *estimator) featureNames() []string {
	switch {
	case e == nil:
		return nil
	case len(e.names) == 0 && len(e.steps) > 0:
		return e.steps[0].featureNames()
	case len(e.names) == 0:
		return e.inner.featureNames()
	}
	return e.names
}

func (e *estimator) labels() []string {
	switch {
	case e == nil:
		return nil
	case len(e.classes) == 0 && len(e.steps) > 0:
		return e.steps[len(e.steps)-1].labels()
	case len(e.classes) == 0:
		return e.inner.labels()
	}
	return e.classes
}

// arrayElements shows the n elements of an array of one dimension whose bytes
// are data, nil when they are of another type than labels and names have. code
// is NumPy's, "i8" or "<U5"; without "<" or ">" it is of little-endian numbers.
func arrayElements(code string, n int64, data []byte) []string {
	code = strings.TrimLeft(code, "<|=")
	if n < 0 || n > maxLabels || len(code) < 2 {
		return nil
	}
	width, err := strconv.ParseInt(code[1:], 10, 32)
	if err != nil || width <= 0 || width > maxShown || strings.HasPrefix(code, "U") && width > maxShown/4 {
		return nil
	}
	show := showWhole
	switch code[0] {
	case 'i':
		show = func(v uint64) string { return strconv.FormatInt(int64(v)<<(64-8*width)>>(64-8*width), 10) }
	case 'u':
		show = func(v uint64) string { return strconv.FormatUint(v, 10) }
	case 'b':
		show = func(v uint64) string { return map[bool]string{true: "True", false: "False"}[v != 0] }
	case 'f':
		show = func(v uint64) string { return strconv.FormatFloat(math.Float64frombits(v), 'g', -1, 64) }
		if width == 4 {
			show = func(v uint64) string {
				return strconv.FormatFloat(float64(math.Float32frombits(uint32(v))), 'g', -1, 32)
			}
		} else if width != 8 {
			return nil
		}
	case 'U':
		width *= 4
	default:
		return nil
	}
	if int64(len(data)) != n*width || code[0] != 'U' && width > 8 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		element := data[int64(i)*width:][:width]
		if code[0] == 'U' {
			out[i] = utf32Text(element)
			continue
		}
		var b [8]byte
		copy(b[:], element)
		out[i] = show(binary.LittleEndian.Uint64(b[:]))
	}
	return out
}

// utf32Text is NumPy's text of fixed width, filled up with zeros.
func utf32Text(data []byte) string {
	var text strings.Builder
	for ; len(data) >= 4; data = data[4:] {
		c := binary.LittleEndian.Uint32(data)
		if c == 0 {
			break
		}
		text.WriteRune(rune(min(c, utf8.MaxRune+1)))
	}
	return clipText(text.String())
}
