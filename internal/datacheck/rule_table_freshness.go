package datacheck

import (
	"fmt"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type tableFreshnessParams struct {
	OneColumn
	MaxAge string `param:"maxAge,required" format:"waybill-duration" doc:"How old the newest value may be: 36h, 7d."`
	Future string `param:"future" enum:"allow" doc:"allow accepts values that lie in the future. Default: they fail the check."`
}

// maxAhead is how far ahead of the clock a value may be before it lies in the
// future: dates and times without a zone are taken as UTC, and the clocks of
// Kiribati are 14 hours ahead of that.
const maxAhead = 14 * time.Hour

var tableFreshness = Rule{
	ID:     "table.freshness",
	Doc:    "The newest value of a column of dates or times is not older than maxAge when the check runs, and none lies more than 14 hours in the future; nulls are not looked at.",
	Params: tableFreshnessParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p tableFreshnessParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		most, err := manifest.ParseDuration(p.MaxAge)
		if err != nil {
			return plan, mistake(spec, "table.freshness: maxAge: "+err.Error(), "")
		}
		column := spec.Columns[0]
		if t := schema[schema.Index(column)].Type; !holdsTimes(t) {
			return wrongType(plan, column, t, "dates or times"), nil
		}
		now, _ := spec.Params["now"].(time.Time)
		limit := now.Add(maxAhead)
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck { return &newestTime{times: times{column: column}, limit: limit} }
		plan.Judge = func(f Facts) []report.Finding {
			return []report.Finding{p.judge(column, f, now, most)}
		}
		return plan, nil
	},
}

func (p tableFreshnessParams) judge(column string, f Facts, now time.Time, most time.Duration) report.Finding {
	n := f.Check.(*newestTime)
	out := report.Finding{Verdict: report.Inconclusive, Subject: column, Expected: "a newest value not older than " + p.MaxAge}
	switch {
	case now.IsZero():
		out.Observed, out.Message = "no clock", column+": what time it is now is not known"
		return out
	case n.read == 0:
		return n.unreadable(out, f)
	}
	newest := n.newest
	if p.Future == "allow" && n.ahead > 0 {
		newest = n.newestAhead
	}
	out.Details = map[string]any{"rows": n.read, "now": now.UTC().Format(time.RFC3339)}
	failed := func(format string, args ...any) {
		out.Verdict = report.Fail
		out.Message = strings.TrimPrefix(out.Message+"; "+fmt.Sprintf(format, args...), "; ")
	}
	out.Verdict = report.Pass
	if p.Future != "allow" {
		out.Expected += ", and none in the future"
		if n.ahead > 0 {
			failed("%s: %s in the future, up to %s; first: %s", column, count(n.ahead, "value")+isAre(n.ahead, " lies", " lie"), timeText(n.newestAhead), f.places(n.aheadAt))
			out.Details["future"] = n.ahead
			out.Details["examples"] = f.examples(n.aheadAt, true)
			out.Hint = "values in the future hide that newer data is missing; \"future: allow\" accepts them"
		}
	}
	if n.ahead == n.read && p.Future != "allow" {
		out.Observed = "only values in the future"
		return n.withUnread(out, f)
	}
	out.Observed = timeText(newest)
	out.Details["newest"] = newest.Format(time.RFC3339Nano)
	switch age := now.Sub(newest); {
	case age > most:
		failed("%s: the newest value, %s, is %s old at %s, more than %s", column, timeText(newest), ageText(now, newest), timeText(now.UTC()), p.MaxAge)
		if out.Hint == "" {
			out.Hint = "did the last load fail?"
		}
	case out.Verdict == report.Pass && age < 0:
		out.Message = fmt.Sprintf("%s: the newest value is %s, after %s", column, timeText(newest), timeText(now.UTC()))
	case out.Verdict == report.Pass:
		out.Message = fmt.Sprintf("%s: the newest value, %s, is %s old at %s", column, timeText(newest), ageText(now, newest), timeText(now.UTC()))
	}
	return n.withUnread(out, f)
}

// timeText writes a time for people, of a date only the date.
func timeText(t time.Time) string {
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04:05Z")
}

// ageText writes how long ago a time was in days and hours, or what is smaller.
func ageText(now, then time.Time) string {
	const day = 24 * time.Hour
	if days := (now.Unix() - then.Unix()) / int64(day/time.Second); days >= 10 {
		return count(days, "day") // a Duration ends at 292 years
	}
	d := now.Sub(then)
	if d >= day {
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	}
	return d.Truncate(time.Second).String()
}

// holdsTimes tells whether a column of a type may hold dates or times.
func holdsTimes(t table.Type) bool {
	switch t.Kind {
	case table.Untyped, table.String, table.Date, table.Timestamp:
		return true
	}
	return false
}

// times is what checks of times share: how many there are, and which values
// cannot be read as one.
type times struct {
	column   string
	read     int64
	unread   int64
	unreadAt profile.Examples
}

// each calls do for each time, in UTC.
func (s *times) each(b *table.Batch, do func(c *table.Column, i int, at time.Time)) {
	c := b.Column(s.column)
	if c == nil {
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
		s.read++
		do(c, i, at.UTC())
	}
}

func (s *times) merge(o *times) {
	s.read += o.read
	s.unread += o.unread
	s.unreadAt.Merge(o.unreadAt)
}

// unreadable is what is said when there is no time to judge.
func (s *times) unreadable(out report.Finding, f Facts) report.Finding {
	out.Verdict, out.Observed, out.Message = report.Inconclusive, "no dates or times", s.column+": there are no dates or times to check"
	if s.unread > 0 {
		out.Hint = "write dates as 2006-01-02, times as 2006-01-02T15:04:05Z"
	}
	return s.withUnread(out, f)
}

// withUnread adds to a finding the values that cannot be read.
func (s *times) withUnread(out report.Finding, f Facts) report.Finding {
	if s.unread == 0 {
		return out
	}
	out.Message += fmt.Sprintf("; %s cannot be read as a date or time (first: %s)", count(s.unread, "value"), f.places(s.unreadAt))
	if out.Details == nil {
		out.Details = map[string]any{}
	}
	out.Details["unreadable"] = s.unread
	return out
}

// newestTime finds the newest time, and those past a limit.
type newestTime struct {
	times
	limit       time.Time
	newest      time.Time // up to limit; zero when there is none
	newestAhead time.Time
	ahead       int64
	aheadAt     profile.Examples
}

func (n *newestTime) Observe(b *table.Batch) {
	n.each(b, func(c *table.Column, i int, at time.Time) {
		if at.After(n.limit) {
			n.ahead++
			n.aheadAt.Add(b, c, i)
			n.newestAhead = later(n.newestAhead, at)
			return
		}
		n.newest = later(n.newest, at)
	})
}

func (n *newestTime) Merge(next RowCheck) {
	o := next.(*newestTime)
	n.merge(&o.times)
	n.newest, n.newestAhead = later(n.newest, o.newest), later(n.newestAhead, o.newestAhead)
	n.ahead += o.ahead
	n.aheadAt.Merge(o.aheadAt)
}

// later returns the later of two times, of which the zero time is none.
func later(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.After(a) {
		return b
	}
	return a
}
