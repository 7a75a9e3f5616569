package predictions

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
)

// reading is predictions on their way into a Set.
type reading struct {
	spec Spec
	data dataset

	keys              *keyColumn
	label, prediction *column // prediction and score are nil when Spec has none
	score             *column
	ownLabel          *column // of the file, where label is the dataset's
	scoreOf           []string
	scores            []*column // by place in scoreOf
	query, cluster    *groupColumn
	columns           map[string]*column

	fileWants, dataWants []want
	rows                 *shards
	set                  *Set
}

// Read reads predictions. It returns a *ColumnError when a column is missing, a
// *table.DataError when the contents cannot be read, and what the system or ctx
// gave otherwise.
func Read(ctx context.Context, s Spec) (*Set, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	data, notes, err := newDataset(ctx, s)
	if err != nil {
		return nil, err
	}
	r := &reading{spec: s, data: data, columns: map[string]*column{}, set: &Set{Notes: notes, keyName: s.Key}}
	if err := r.choose(ctx); err != nil {
		return nil, err
	}
	if r.rows, err = scan(ctx, s.Files, r.fileWants, nil); err != nil {
		return nil, err
	}
	r.set.N = int64(r.rows.rows)
	if r.rows.rows == 0 {
		r.problem("there are no rows")
	}
	r.indexKeys()
	if data.joined && len(r.set.Problems) == 0 {
		problems, err := join(ctx, s, r.set.keys, r.rows, r.dataWants)
		if err != nil {
			return nil, err
		}
		r.set.Problems = append(r.set.Problems, problems...)
	}
	// The dataset's columns are in the order of the rows only once all are
	// matched.
	if !data.joined || len(r.set.Problems) == 0 {
		r.build()
	}
	if len(r.set.Problems) > 0 {
		r.set.Sample, r.set.Columns, r.set.keys = nil, nil, nil
	}
	return r.set, nil
}

func (s Spec) check() error {
	file := ""
	if len(s.Files) > 0 {
		file = s.Files[0].Name
	}
	switch {
	case len(s.Files) == 0:
		return fmt.Errorf("evaluate: no file of predictions is named")
	case s.Label == "":
		return fmt.Errorf("evaluate %s: no column of labels is named; set \"label:\" to one", file)
	case s.Label == s.Prediction:
		return fmt.Errorf("evaluate %s: label and prediction are the same column %q", file, clip(s.Label))
	case s.Task == metric.Ranking && s.Query == "":
		return fmt.Errorf("evaluate %s: a ranking is of the rows of a query; set \"query:\" to the column that names it", file)
	case len(s.Scores) > MaxClasses:
		return fmt.Errorf("evaluate %s: scores names %d columns, at most %d", file, len(s.Scores), MaxClasses)
	}
	seen := map[string]bool{}
	for class := range s.Scores {
		name := canonicalLabel([]byte(class))
		if name == "" || seen[name] {
			return fmt.Errorf("evaluate %s: scores names the class %q twice, or a class that is none", file, clip(name))
		}
		seen[name] = true
	}
	return nil
}

// choose decides what is read from where.
func (r *reading) choose(ctx context.Context) error {
	s := &r.spec
	if s.Task == "" && s.Query != "" {
		s.Task = metric.Ranking
	}
	form, fixed := coded, s.Task != ""
	switch s.Task {
	case metric.Regression, metric.Ranking:
		form = numeric
	case metric.Text:
		form = textual
	case metric.Multilabel:
		form = listed
	}
	if s.Key != "" {
		r.keys = &keyColumn{}
		r.wants(false, "key", s.Key, r.keys)
	}
	r.label = newColumn("label", form, fixed)
	r.wants(r.data.has(s.Label), "label", s.Label, r.label)
	if r.data.has(s.Label) {
		own, err := schema(ctx, s.Files)
		if err != nil {
			return err
		}
		if own[s.Label] {
			r.ownLabel = newColumn("label", form, fixed)
			r.wants(false, "label", s.Label, r.ownLabel)
		}
	}
	if s.Prediction != "" {
		r.prediction = newColumn("prediction", form, fixed)
		r.wants(false, "prediction", s.Prediction, r.prediction)
	}
	if s.Score != "" {
		r.score = newColumn("score", numeric, true)
		r.wants(false, "score", s.Score, r.score)
	}
	for _, class := range slices.Sorted(maps.Keys(s.Scores)) {
		c := newColumn("score", numeric, true)
		r.scoreOf, r.scores = append(r.scoreOf, canonicalLabel([]byte(class))), append(r.scores, c)
		r.wants(false, "score", s.Scores[class], c)
	}
	if s.Task == metric.Ranking {
		r.query = &groupColumn{}
		r.wants(r.data.has(s.Query), "query", s.Query, r.query)
	}
	if s.Cluster != "" {
		r.cluster = &groupColumn{}
		r.wants(r.data.has(s.Cluster), "cluster", s.Cluster, r.cluster)
	}
	for _, name := range s.Columns {
		if r.columns[name] == nil {
			c := newColumn("column", coded, false)
			c.slice = true
			r.columns[name] = c
			r.wants(r.data.has(name), "column", name, c)
		}
	}
	return nil
}

func (r *reading) wants(ofDataset bool, role, name string, into sink) {
	to := &r.fileWants
	if ofDataset {
		to = &r.dataWants
	}
	*to = append(*to, want{role, name, into})
}

func (r *reading) indexKeys() {
	if r.keys == nil {
		return
	}
	r.set.keys = r.keys.index()
	r.say(r.keys.noKey, "has no key", "have no key")
	r.say(r.keys.twice, "has the key of a row before it", "have the key of a row before them")
}

// problem is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (r *reading) problem(format string, args ...any) {
	r.set.Problems = append(r.set.Problems, fmt.Sprintf(format, args...))
}

func (r *reading) note(format string, args ...any) {
	r.set.Notes = append(r.set.Notes, fmt.Sprintf(format, args...))
}

func (r *reading) say(e event, one, many string) {
	r.set.Problems = r.rows.say(r.set.Problems, e, one, many)
}

// build makes the sample and the columns.
func (r *reading) build() {
	if r.rows.rows == 0 {
		return
	}
	if r.prediction == nil && r.score == nil && len(r.scores) == 0 {
		r.problem("no column of predictions is named; set prediction:")
		return
	}
	task, problem := r.task()
	if problem != "" {
		r.problem("%s", problem)
		return
	}
	s := &metric.Sample{Task: task, N: r.rows.rows, Positive: metric.Missing}
	r.set.Sample = s
	switch task {
	case metric.Binary, metric.Multiclass:
		r.classes(s)
	case metric.Multilabel:
		r.lists(s)
	case metric.Regression:
		r.regression(s)
	case metric.Ranking:
		r.ranking(s)
	case metric.Text:
		r.texts(s)
	default:
		r.problem("the task is %q, which is none of binary, multiclass, multilabel, regression, ranking and text", clip(string(task)))
	}
	if r.cluster != nil {
		s.Cluster = r.groups(r.cluster, "cluster")
	}
	r.set.Columns = make(map[string]*Values, len(r.columns))
	for _, name := range r.spec.Columns {
		if r.columns[name] == nil {
			continue // named twice
		}
		values, why := r.columns[name].values()
		if delete(r.columns, name); why != "" {
			r.note("the column %q %s, so that it cannot be a slice", clip(name), why)
			continue
		}
		r.set.Columns[name] = values
	}
}

// groups returns the numbers of a column's values.
func (r *reading) groups(g *groupColumn, what string) []int32 {
	var missing event
	for i, code := range g.codes {
		if code < 0 {
			missing.add(i)
		}
	}
	r.say(missing, "has no "+what, "have no "+what)
	return g.codes
}
