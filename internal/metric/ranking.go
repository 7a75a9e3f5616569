package metric

import (
	"math"
	"slices"
)

// Metrics of the order in which a model puts the rows of a query. Each is a
// mean over queries. A row is relevant when its truth is above 0; ndcg also
// looks at how far. A query without a relevant row says nothing about the
// model, and no metric counts it; Queries tells how many there are.
//
// Rows of one score have no order. What a metric then is, is its mean over all
// orders of them (McSherry and Najork 2008, "Computing information retrieval
// performance measures efficiently in the presence of tied scores"), with one
// exception: map is scikit-learn's average_precision_score of each query, which
// takes rows of one score at once. So no metric depends on the order of the
// file.

const maxCutoff = 1_000_000

var rankingTasks = []Task{Ranking}

var rankingMetrics = []Metric{
	queryMetric("ndcg", "normalised discounted cumulative gain", ndcg(0)),
	queryMetric("map", "mean average precision", averagePrecisionAtBlocks),
	queryMetric("mrr", "mean reciprocal rank of the first relevant row", reciprocalRank),
}

var rankingFamilies = []family{
	cutoffFamily("ndcg@", "normalised discounted cumulative gain of the first k rows", ndcg),
	cutoffFamily("map@", "mean average precision of the first k rows", precisionUpTo),
	cutoffFamily("recall@", "share of the relevant rows among the first k", recallAt),
	cutoffFamily("precision@", "share of the first k rows that are relevant", precisionAt),
	cutoffFamily("hit_rate@", "share of queries with a relevant row among the first k", hitRate),
}

func queryMetric(name, title string, of func(*query) float64) Metric {
	return Metric{Name: name, Title: title, Better: Higher, High: 1, Tasks: rankingTasks, Loss: func(s *Sample) (*Loss, error) {
		return eachQuery(s, of)
	}}
}

func cutoffFamily(prefix, title string, of func(k int) func(*query) float64) family {
	return family{prefix: prefix, parameter: "<k>", tasks: rankingTasks, low: 1, high: maxCutoff, whole: true, make: func(k float64) Metric {
		return queryMetric("", title, of(int(k)))
	}}
}

// Queries returns how many queries s has, and how many of them no metric
// counts because none of their rows is relevant.
func Queries(s *Sample) (all, without int) {
	found := make(map[int32]bool)
	for i, q := range s.Query {
		found[q] = found[q] || s.Truth[i] > 0
	}
	for _, relevant := range found {
		if !relevant {
			without++
		}
	}
	return len(found), without
}

// eachQuery computes a metric for each query that has a relevant row, by
// ascending number.
func eachQuery(s *Sample, of func(*query) float64) (*Loss, error) {
	for i, gain := range s.Truth {
		if gain < 0 {
			return nil, undefined("a row has the relevance %g; it must not be less than 0", s.Truth[i])
		}
	}
	l := &Loss{Binary: true}
	queries := 0
	q := &query{sample: s}
	for rows := range byQuery(s) {
		queries++
		q.set(rows)
		if q.relevant == 0 {
			continue
		}
		v := of(q)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, undefined("the relevances of a query are too large numbers")
		}
		l.Each = append(l.Each, v)
		l.Unit = append(l.Unit, s.Query[rows[0]])
		l.Binary = l.Binary && (v == 0 || v == 1)
	}
	switch {
	case queries == 0:
		return nil, undefined("there are no rows")
	case len(l.Each) == 0:
		return nil, undefined("no query has a relevant row")
	}
	return l, nil
}

// byQuery yields the rows of each query by descending score.
func byQuery(s *Sample) func(yield func(rows []int32) bool) {
	order := descending(s.Score)
	numbers := slices.Clone(s.Query)
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	return func(yield func(rows []int32) bool) {
		place := make(map[int32]int, len(numbers))
		for i, n := range numbers {
			place[n] = i
		}
		ends := make([]int, len(numbers)+1)
		at := make([]int, len(s.Query)) // place of the query of each row
		for i, n := range s.Query {
			at[i] = place[n]
			ends[at[i]+1]++
		}
		for i := range numbers {
			ends[i+1] += ends[i]
		}
		next := slices.Clone(ends)
		grouped := make([]int32, len(order))
		for _, row := range order {
			grouped[next[at[row]]] = row
			next[at[row]]++
		}
		for i := range numbers {
			if !yield(grouped[ends[i]:ends[i+1]]) {
				return
			}
		}
	}
}

// query is the rows of one query by descending score.
type query struct {
	sample   *Sample
	rows     []int32
	relevant int       // rows of truth above 0
	blocks   []tied    // rows of one score
	ideal    []float64 // gains in their best order, kept for its memory
}

// tied is the rows from place start to end, which have one score.
type tied struct {
	start, end int
	relevant   int     // how many of them are relevant
	before     int     // how many rows before them are relevant
	gain       float64 // sum of their truth
}

func (b *tied) size() int { return b.end - b.start }

func (q *query) set(rows []int32) {
	q.rows, q.relevant, q.blocks = rows, 0, q.blocks[:0]
	for i := 0; i < len(rows); {
		b := tied{start: i, before: q.relevant}
		score := q.sample.Score[rows[i]]
		for ; i < len(rows) && q.sample.Score[rows[i]] == score; i++ {
			gain := q.sample.Truth[rows[i]]
			b.gain += gain
			if gain > 0 {
				b.relevant++
			}
		}
		b.end = i
		q.relevant += b.relevant
		q.blocks = append(q.blocks, b)
	}
}
