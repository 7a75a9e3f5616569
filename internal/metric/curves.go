package metric

import "math"

// maxPoints is how many points a curve has at most: more cannot be seen.
const maxPoints = 200

// ROC returns the points of the ROC curve of a binary sample, from (0, 0) to
// (1, 1): x is the share of negatives, y the share of positives whose score is
// at least a threshold. nil where there is none: without scores, or without
// rows of both sides.
func ROC(s *Sample) (x, y []float64) {
	r := curve(s)
	if r == nil {
		return nil, nil
	}
	positives, negatives := r.totals(nil)
	if negatives == 0 {
		return nil, nil
	}
	x, y = []float64{0}, []float64{0}
	r.thresholds(func(tp, fp int64) {
		x = append(x, float64(fp)/float64(negatives))
		y = append(y, float64(tp)/float64(positives))
	})
	return thin(x, y)
}

// PrecisionRecall returns the points of the precision-recall curve of a binary
// sample: x is recall, ascending, y precision. It begins at recall 0 with the
// precision of the highest threshold, where scikit-learn's
// precision_recall_curve has 1.
func PrecisionRecall(s *Sample) (x, y []float64) {
	r := curve(s)
	if r == nil {
		return nil, nil
	}
	positives, _ := r.totals(nil)
	r.thresholds(func(tp, fp int64) {
		recall, precision := float64(tp)/float64(positives), float64(tp)/float64(tp+fp)
		if x == nil {
			x, y = []float64{0}, []float64{precision}
		}
		x, y = append(x, recall), append(y, precision)
	})
	return thin(x, y)
}

// curve ranks the rows, or returns nil when s has no curve.
func curve(s *Sample) *ranked {
	if s.Task != Binary || s.N == 0 || s.Score == nil || s.Label == nil {
		return nil
	}
	r, err := rankOf(s, "curve", true, false)
	if err != nil {
		return nil
	}
	return r
}

// thresholds calls f with the rows that are above each threshold, from the
// highest.
func (r *ranked) thresholds(f func(tp, fp int64)) {
	var tp, fp int64
	var start int32
	for _, end := range r.ends {
		p, n := r.count(start, end, nil)
		tp, fp, start = tp+p, fp+n, end
		f(tp, fp)
	}
}

// segment is a stretch of a curve that is drawn as a line, and the point
// between its ends that is farthest from it.
type segment struct {
	from, to, far int
	distance      float64
}

func newSegment(x, y []float64, from, to int) segment {
	s := segment{from: from, to: to}
	dx, dy := x[to]-x[from], y[to]-y[from]
	length := math.Hypot(dx, dy)
	for i := from + 1; i < to; i++ {
		px, py := x[i]-x[from], y[i]-y[from]
		d := 0.0
		if length > 0 {
			d = math.Abs(float64(dx*py)-float64(dy*px)) / length
		} else { // precision may come back to where it was
			d = math.Hypot(px, py)
		}
		if d > s.distance {
			s.far, s.distance = i, d
		}
	}
	return s
}

// thin leaves out the points of a curve that are seen least: the lines between
// those kept are broken where they are farthest from the curve (Ramer 1972;
// Douglas and Peucker 1973) until it has maxPoints or nothing is left to see.
func thin(x, y []float64) (xs, ys []float64) {
	const invisible = 1e-4
	if len(x) < 3 {
		return x, y
	}
	segments := []segment{newSegment(x, y, 0, len(x)-1)}
	for len(segments) < maxPoints-1 {
		worst := 0
		for i := range segments {
			if segments[i].distance > segments[worst].distance {
				worst = i
			}
		}
		w := segments[worst]
		if w.distance <= invisible {
			break
		}
		// In order, so that the curve need not be sorted at the end.
		segments = append(segments, segment{})
		copy(segments[worst+2:], segments[worst+1:])
		segments[worst] = newSegment(x, y, w.from, w.far)
		segments[worst+1] = newSegment(x, y, w.far, w.to)
	}
	xs, ys = []float64{x[0]}, []float64{y[0]}
	for _, s := range segments {
		xs, ys = append(xs, x[s.to]), append(ys, y[s.to])
	}
	return xs, ys
}
