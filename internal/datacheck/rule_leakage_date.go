package datacheck

import (
	"fmt"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type leakageDateParams struct {
	OneColumn
	Max *float64 `param:"max" doc:"Largest share of the second split's rows that may be that old. Default 0."`
}

// maxTimes is how many different times of the second split are counted.
const maxTimes = 1 << 20

var leakageDate = Rule{
	ID:     "leakage.date",
	Doc:    "Every row of the second of two splits is later than the newest row of the first, so that nothing is predicted from its own future; nulls are not compared.",
	Params: leakageDateParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p leakageDateParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		if err := checkShare(spec, "max", p.Max); err != nil {
			return plan, err
		}
		sides, err := sidesOf(spec)
		if err != nil {
			return plan, err
		}
		column := spec.Columns[0]
		switch t := schema[schema.Index(column)].Type; t.Kind {
		case table.Untyped, table.String, table.Date, table.Timestamp:
		default:
			return wrongType(plan, column, t, "dates or times"), nil
		}
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck {
			return newSplitTimes(column, sides, maxTimes)
		}
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(column, spec, f)} }
		return plan, nil
	},
}

func (p leakageDateParams) judge(column string, spec manifest.CheckSpec, f Facts) report.Finding {
	s := f.Check.(*splitTimes)
	first, second := escape(spec.Splits[0]), escape(spec.Splits[1])
	t := tally{
		column: column, noun: "row", checked: s.rows[1],
		holds:    fmt.Sprintf("all rows of %s are later than the newest of %s", second, first),
		expected: fmt.Sprintf("rows of %s later than the newest of %s", second, first),
		hint:     "split by time: train on what comes before, test on what comes after", most: p.Max, nulls: true,
	}
	if p.Max != nil && *p.Max > 0 {
		t.expected += ", but for at most " + percent(*p.Max)
	}
	undecided := func(observed, message string) report.Finding {
		return report.Finding{Verdict: report.Inconclusive, Subject: column, Expected: t.expected, Observed: observed, Message: column + ": " + message}
	}
	if s.rows[0] == 0 || s.rows[1] == 0 {
		without := first
		if s.rows[0] > 0 {
			without = second
		}
		return undecided("no dates in "+without, fmt.Sprintf("there are no dates in %s to compare", without))
	}
	if s.later == nil && !s.oldest.After(s.newest) {
		if p.Max != nil && *p.Max > 0 {
			return undecided("more times", fmt.Sprintf("%s has more than %s, too many to count those that are not later than the newest of %s", second, count(s.most, "different time"), first))
		}
		out := undecided("rows that are not later", fmt.Sprintf("the oldest row of %s is not later than the newest of %s", second, first))
		out.Verdict, out.Hint = report.Fail, t.hint
		return out
	}
	for at, n := range s.later {
		if !at.After(s.newest) {
			t.failed += n.rows
			t.examples.Merge(n.first)
		}
	}
	t.problem = fmt.Sprintf("of %s %s not later than the newest of %s", second, isAre(t.failed, "is", "are"), first)
	out := t.finding(spec, f)
	if v, ok := f.sample(s.newest.Format(time.RFC3339Nano)); ok {
		out.Details["newest"] = v
	}
	if s.unread > 0 {
		bad := fmt.Sprintf("%s of both splits cannot be read as a date (first: %s)", count(s.unread, "value"), f.places(s.unreadAt))
		out.Details["unreadable"] = s.unread
		if out.Verdict == report.Pass {
			// One of them could be the newest.
			out.Verdict, out.Hint = report.Inconclusive, "write dates as 2006-01-02, times as 2006-01-02T15:04:05Z"
			out.Message = fmt.Sprintf("%s: %s; otherwise: %s", column, bad, out.Observed)
		} else {
			out.Message += "; " + bad
		}
	}
	return out
}

// splitTimes is what is known of the times of two splits.
type splitTimes struct {
	column string
	sides  []int8
	most   int64

	rows     [2]int64                 // with a time, by side
	newest   time.Time                // of side 1
	oldest   time.Time                // of side 2
	later    map[time.Time]*timeCount // side 2 by time; nil past most times
	unread   int64
	unreadAt profile.Examples
}

type timeCount struct {
	rows  int64
	first profile.Examples // without values
}

func newSplitTimes(column string, sides []int8, most int64) *splitTimes {
	return &splitTimes{column: column, sides: sides, most: most, later: map[time.Time]*timeCount{}}
}

func (s *splitTimes) Observe(b *table.Batch) {
	c, side := b.Column(s.column), sideOf(s.sides, b.File)
	if c == nil || side == 0 {
		return
	}
	for i := range b.Rows {
		if c.Null(i) {
			continue
		}
		at, ok := c.When(i)
		if !ok {
			s.unread++
			s.unreadAt.Add(b, c, i)
			continue
		}
		at = at.UTC() // without it, equal times may be different keys
		if side == 1 {
			s.seen(0, 1, at)
			continue
		}
		s.seen(1, 1, at)
		s.count(at, 1, profile.Examples{{Place: profile.Place{File: b.File, Row: b.Row(i)}}})
	}
}

func (s *splitTimes) seen(side int, rows int64, at time.Time) {
	switch {
	case side == 0 && (s.rows[0] == 0 || at.After(s.newest)):
		s.newest = at
	case side == 1 && (s.rows[1] == 0 || at.Before(s.oldest)):
		s.oldest = at
	}
	s.rows[side] += rows
}

// count gives up past most times, which depends only on which times there are.
func (s *splitTimes) count(at time.Time, rows int64, first profile.Examples) {
	if s.later == nil {
		return
	}
	n := s.later[at]
	if n == nil {
		if int64(len(s.later)) == s.most {
			s.later = nil
			return
		}
		n = &timeCount{}
		s.later[at] = n
	}
	n.rows += rows
	n.first.Merge(first)
}

func (s *splitTimes) Merge(later RowCheck) {
	o := later.(*splitTimes)
	if o.rows[0] > 0 {
		s.seen(0, o.rows[0], o.newest)
	}
	if o.rows[1] > 0 {
		s.seen(1, o.rows[1], o.oldest)
	}
	s.unread += o.unread
	s.unreadAt.Merge(o.unreadAt)
	if o.later == nil {
		s.later = nil
	}
	for at, n := range o.later {
		s.count(at, n.rows, n.first)
	}
}
