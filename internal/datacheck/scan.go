package datacheck

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/table"
)

// set is the checks that share splits and filter, and so their accumulators.
type set struct {
	filter  Filter
	splits  []string
	needs   profile.Needs
	columns []string // that needs, filter and row checks read
	checks  []*bound

	total *observed // of all files, once scanned
}

// observed is what a set knows of some of the rows.
type observed struct {
	set     *set
	spill   *profile.Spill
	groups  map[string]*group
	crowded bool // there are more groups than maxGroups
	filter  *evaluator
}

// group is what is known of the rows of one group; without groupBy there is
// one, called "".
type group struct {
	rows    int64
	profile *profile.Accumulator
	facts   *profile.Profile // of all rows, once a check was judged by it
	checks  []RowCheck       // by set.checks; nil where a plan has none
}

// makeSets puts checks together that look at the same rows.
func (r *run) makeSets(checks []*bound) []*set {
	var sets []*set
	byKey := map[string]*set{}
	for _, c := range checks {
		if c.plan.Judge == nil {
			continue // settled
		}
		splits := r.chosen(c.plan.Splits)
		key := strings.Join(splits, "\x00") + "\x00\x00" + c.plan.Filter.key()
		s := byKey[key]
		if s == nil {
			s = &set{filter: c.plan.Filter, splits: splits}
			byKey[key] = s
			sets = append(sets, s)
		}
		s.needs.Merge(c.plan.Needs)
		s.checks = append(s.checks, c)
	}
	for _, s := range sets {
		for i, k := range s.needs.Keys {
			s.needs.Keys[i].Typed = r.sameTypes(k.Columns, s.splits)
		}
		s.columns = slices.Compact(slices.Sorted(slices.Values(append(s.needs.Names(), s.filter.columns()...))))
	}
	return sets
}

// sameTypes tells whether columns are of the same types in all files of some
// splits. Cells of CSV and JSON lines have none of their own.
func (r *run) sameTypes(columns, splits []string) bool {
	for _, name := range columns {
		var first *table.Type
		for _, s := range splits {
			i := r.schemas[s].Index(name)
			if i < 0 {
				continue
			}
			t := r.schemas[s][i].Type
			if t.Kind == table.Untyped || first != nil && *first != t {
				return false
			}
			first = &t
		}
	}
	return true
}

// unit is a part of a file that one worker reads.
type unit struct {
	file  int
	parts table.Range
}

// unitsPerWorker is into how many units a file is cut for each worker: enough
// to keep all busy to the end, few because each one reads the footer anew.
const unitsPerWorker = 4

// leastShared is how many rows of a batch several workers look at: fewer cost
// less than waking them.
const leastShared = 512

// scan reads all data once. It returns the sets with what was observed of
// all rows.
func (r *run) scan(ctx context.Context, checks []*bound, spill *profile.Spill) ([]*set, error) {
	sets := r.makeSets(checks)
	for _, s := range sets {
		s.total = s.observe(spill)
	}
	workers := r.opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	units, err := r.units(ctx, workers)
	if err != nil {
		return nil, err
	}
	in := &inOrder{waiting: map[int]func() error{}}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	atOnce := workers / max(len(units), 1) // of a unit
	for i, u := range units {
		g.Go(func() error {
			parts, rows, failed := r.read(ctx, sets, u, spill, atOnce)
			return in.do(i, func() error { return r.merge(sets, parts, u, rows, failed) })
		})
	}
	return sets, g.Wait()
}

// inOrder runs functions in the order of their numbers, whichever comes
// first, so that what is merged need not wait for the end.
type inOrder struct {
	mu      sync.Mutex
	next    int
	waiting map[int]func() error
}

func (o *inOrder) do(i int, f func() error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting[i] = f
	for {
		f, ok := o.waiting[o.next]
		if !ok {
			return nil
		}
		delete(o.waiting, o.next)
		o.next++
		if err := f(); err != nil {
			return err
		}
	}
}

// units cuts the readable files into parts.
func (r *run) units(ctx context.Context, workers int) ([]unit, error) {
	var out []unit
	for i, f := range r.list {
		if len(r.broken[r.splitOf[i]]) > 0 {
			continue
		}
		f, err := table.Index(ctx, f)
		parts := 0
		if err == nil {
			r.list[i] = f
			parts, err = table.Parts(ctx, f)
		}
		if err != nil {
			if err := r.blame(i, err); err != nil {
				return nil, err
			}
			continue
		}
		step := 1 + parts/(unitsPerWorker*workers)
		for from := 0; from < max(parts, 1); from += step {
			out = append(out, unit{i, table.Range{From: from, To: from + step}})
		}
	}
	return out, nil
}

// read observes the rows of a unit, for each set that wants them, with so many
// workers.
func (r *run) read(ctx context.Context, sets []*set, u unit, spill *profile.Spill, workers int) (parts []*observed, rows int64, err error) {
	split := r.splitOf[u.file]
	parts = make([]*observed, len(sets))
	columns := []string{}
	for i, s := range sets {
		if slices.Contains(s.splits, split) {
			parts[i] = s.observe(spill)
			columns = append(columns, s.columns...)
		}
	}
	reader, err := table.Open(ctx, r.list[u.file], table.Options{Columns: columns, File: u.file, Parts: u.parts})
	if err != nil {
		return nil, 0, err
	}
	defer reader.Close()
	for {
		b, err := reader.Next()
		if err == io.EOF {
			return parts, rows, nil
		}
		if err != nil {
			return nil, 0, err
		}
		rows += int64(b.Rows)
		for _, p := range parts {
			if p == nil {
				continue
			}
			if err := p.add(b, workers); err != nil {
				return nil, 0, err
			}
		}
	}
}

// merge adds what was read of a unit to the whole.
func (r *run) merge(sets []*set, parts []*observed, u unit, rows int64, failed error) error {
	if failed != nil {
		return r.blame(u.file, failed)
	}
	r.rows[r.splitOf[u.file]] += rows
	for i, p := range parts {
		if p == nil {
			continue
		}
		if err := sets[i].total.merge(p); err != nil {
			return fmt.Errorf("%s: %w", r.list[u.file].Name, err)
		}
	}
	return nil
}

func (s *set) observe(spill *profile.Spill) *observed {
	return &observed{set: s, spill: spill, groups: map[string]*group{}, filter: newEvaluator(&s.filter)}
}

func (o *observed) group(name string) *group {
	g := o.groups[name]
	if g != nil {
		return g
	}
	g = &group{profile: profile.New(o.set.needs, o.spill), checks: make([]RowCheck, len(o.set.checks))}
	for i, c := range o.set.checks {
		if c.plan.Rows != nil {
			g.checks[i] = c.plan.Rows()
		}
	}
	o.groups[name] = g
	return g
}

// add filters a batch and observes what is left, group by group.
func (o *observed) add(b *table.Batch, workers int) error {
	if o.crowded {
		return nil
	}
	f := &o.set.filter
	if f.program == nil && len(f.GroupBy) == 0 {
		return o.group("").observe(b, workers)
	}
	rows := o.filter.rows(b)
	if len(f.GroupBy) == 0 {
		return o.group("").observe(b.Select(rows, o.set.columns), workers)
	}
	for name, rows := range o.filter.groups(b, rows) {
		if o.groups[name] == nil && len(o.groups) == maxGroups {
			o.crowd()
			return nil
		}
		if err := o.group(name).observe(b.Select(rows, o.set.columns), workers); err != nil {
			return err
		}
	}
	return nil
}

// crowd gives up: whether that happens depends only on how many groups there
// are, not on the order in which they come.
func (o *observed) crowd() { o.crowded, o.groups = true, map[string]*group{} }

func (o *observed) merge(later *observed) error {
	o.filter.errors += later.filter.errors
	o.filter.failed.Merge(later.filter.failed)
	if later.crowded {
		o.crowd()
	}
	for _, name := range sortedKeys(later.groups) {
		if o.crowded {
			return nil
		}
		if o.groups[name] == nil && len(o.groups) == maxGroups {
			o.crowd()
			return nil
		}
		if err := o.group(name).merge(later.groups[name]); err != nil {
			return err
		}
	}
	return nil
}

// observe shows a batch to the checks and to the accumulator's parts, which
// know nothing of each other, so that several workers can.
func (g *group) observe(b *table.Batch, workers int) error {
	if b.Rows == 0 {
		return nil
	}
	g.rows += int64(b.Rows)
	if workers > 1 && b.Rows >= leastShared {
		tasks := g.profile.Tasks(b)
		var all errgroup.Group
		all.SetLimit(workers)
		for _, do := range tasks {
			all.Go(do)
		}
		for _, c := range g.checks {
			if c != nil {
				all.Go(func() error { c.Observe(b); return nil })
			}
		}
		return all.Wait()
	}
	for _, c := range g.checks {
		if c != nil {
			c.Observe(b)
		}
	}
	return g.profile.Observe(b)
}

func (g *group) merge(later *group) error {
	g.rows += later.rows
	for i, c := range g.checks {
		if c != nil {
			c.Merge(later.checks[i])
		}
	}
	return g.profile.Merge(later.profile)
}
