package datacheck

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type tableGapsParams struct {
	OneColumn
	Every        string `param:"every,required" enum:"hour,day,week,month" doc:"The periods, in UTC; weeks begin on Monday."`
	From         string `param:"from" doc:"The first period, by a date or time in it; older rows are not looked at. Default: that of the oldest row."`
	To           string `param:"to" doc:"The last period; newer rows are not looked at. Default: that of the newest row."`
	Min          *int64 `param:"min" doc:"Fewest rows of a period, below which it is missing. Default 1."`
	Max          *int64 `param:"max" doc:"How many periods may be missing. Default 0."`
	WeekdaysOnly bool   `param:"weekdaysOnly" doc:"Saturdays and Sundays may be missing; for hours and days."`
}

const (
	maxPeriods      = 100_000
	maxGroupPeriods = 10_000 // of each group
)

var tableGaps = Rule{
	ID:     "table.gaps",
	Doc:    "Every hour, day, week or month from the oldest to the newest value of a column of dates or times has rows; nulls are not looked at.",
	Params: tableGapsParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p tableGapsParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if err := refuse(spec, "mostly"); err != nil {
			return plan, err
		}
		g, err := p.periods(spec)
		if err != nil {
			return plan, err
		}
		if len(spec.GroupBy) > 0 {
			g.most = maxGroupPeriods
		}
		column := spec.Columns[0]
		g.column = column
		if t := schema[schema.Index(column)].Type; !holdsTimes(t) {
			return wrongType(plan, column, t, "dates or times"), nil
		}
		plan.Needs.Add(column, 0)
		plan.Rows = func() RowCheck {
			mine := g
			mine.rows = map[int64]int64{}
			return &mine
		}
		plan.Judge = func(f Facts) []report.Finding { return []report.Finding{p.judge(f)} }
		return plan, nil
	},
}

// periods reads the parameters.
func (p tableGapsParams) periods(spec manifest.CheckSpec) (periodRows, error) {
	g := periodRows{every: p.Every, most: maxPeriods}
	for _, of := range []struct {
		name, text string
		to         **int64
	}{{"from", p.From, &g.from}, {"to", p.To, &g.to}} {
		if of.text == "" {
			continue
		}
		t, ok := table.ParseTime([]byte(of.text))
		if !ok {
			return g, mistake(spec, fmt.Sprintf("table.gaps: %s %q is no date or time", of.name, shownText(of.text)), "write it like 2006-01-02")
		}
		n := periodOf(p.Every, t)
		*of.to = &n
	}
	switch {
	case g.from != nil && g.to != nil && *g.from > *g.to:
		return g, mistake(spec, fmt.Sprintf("table.gaps: from %s is after to %s", p.From, p.To), "")
	case p.Min != nil && *p.Min < 1:
		return g, mistake(spec, "table.gaps: min 0 is no limit", "1 is that a period has any rows")
	case p.WeekdaysOnly && p.Every != "hour" && p.Every != "day":
		return g, mistake(spec, fmt.Sprintf("table.gaps: weekdaysOnly is for hours and days, not for a %s", p.Every), "leave it out")
	}
	return g, nil
}

func (p tableGapsParams) judge(f Facts) report.Finding {
	g := f.Check.(*periodRows)
	least := int64(1)
	if p.Min != nil {
		least = *p.Min
	}
	out := report.Finding{Verdict: report.Inconclusive, Subject: g.column, Expected: fmt.Sprintf("at least %s in every %s", count(least, "row"), p.Every)}
	if p.Max != nil && *p.Max > 0 {
		out.Expected += ", but for at most " + report.Thousands(*p.Max)
	}
	from, to := g.from, g.to
	if len(g.rows) > 0 {
		used := slices.Sorted(maps.Keys(g.rows))
		if from == nil {
			from = &used[0]
		}
		if to == nil {
			to = &used[len(used)-1]
		}
	}
	switch {
	case g.read == 0, g.rows != nil && len(g.rows) == 0 && (from == nil || to == nil):
		return g.unreadable(out, f)
	case g.rows == nil, uint64(*to)-uint64(*from) >= uint64(g.most):
		out.Observed = fmt.Sprintf("more than %s", count(g.most, p.Every))
		out.Message = fmt.Sprintf("%s: there are %s from the oldest to the newest value, too many to look at each", g.column, out.Observed)
		out.Hint = "give from: and to:, or a longer period; is there a date that is far off?"
		return g.withUnread(out, f)
	}
	total, missing := int64(0), int64(0)
	first := []string{}
	for n := *from; n <= *to; n++ {
		start := periodStart(p.Every, n)
		if p.WeekdaysOnly && (start.Weekday() == time.Saturday || start.Weekday() == time.Sunday) {
			continue
		}
		total++
		if have := g.rows[n]; have < least {
			if missing++; missing <= maxGapsShown {
				text := periodText(p.Every, start)
				if have > 0 {
					text += fmt.Sprintf(" (%s)", count(have, "row"))
				}
				first = append(first, text)
			}
		}
	}
	if total == 0 {
		out.Observed, out.Message = "no weekday", fmt.Sprintf("%s: there is no %s on a weekday to check", g.column, p.Every)
		return g.withUnread(out, f)
	}
	noun := p.Every
	if noun == "day" && p.WeekdaysOnly {
		noun = "weekday"
	}
	span := fmt.Sprintf("%s from %s to %s", count(total, noun), periodText(p.Every, periodStart(p.Every, *from)), periodText(p.Every, periodStart(p.Every, *to)))
	out.Verdict, out.Observed = report.Pass, fmt.Sprintf("%s of %s missing", report.Thousands(missing), span)
	out.Details = map[string]any{"periods": total, "missing": missing, "first": first}
	enough := "no rows"
	if least > 1 {
		enough = "fewer than " + count(least, "row")
	}
	if missing == 0 {
		out.Message = fmt.Sprintf("%s: no gap in %s", g.column, span)
		return g.withUnread(out, f)
	}
	out.Message = fmt.Sprintf("%s: %s of %s %s %s: %s", g.column, report.Thousands(missing), span, isAre(missing, "has", "have"), enough, list(first, maxGapsShown))
	if n := missing - maxGapsShown; n > 0 {
		out.Message += fmt.Sprintf(" and %s more", report.Thousands(n))
	}
	if p.Max == nil || missing > *p.Max {
		out.Verdict, out.Hint = report.Fail, "was a file left out, or did a load fail?"
	}
	return g.withUnread(out, f)
}

// maxGapsShown is how many missing periods are named.
const maxGapsShown = 5

// periodOf numbers the periods: hours, days and weeks since 1970, months since
// the year 0.
func periodOf(every string, t time.Time) int64 {
	seconds := t.Unix()
	switch every {
	case "hour":
		return floorDiv(seconds, 3600)
	case "day":
		return floorDiv(seconds, 86400)
	case "week":
		return floorDiv(floorDiv(seconds, 86400)+3, 7) // 1970-01-01 was a Thursday
	}
	t = t.UTC()
	return int64(t.Year())*12 + int64(t.Month()) - 1
}

// periodStart returns when a period begins.
func periodStart(every string, n int64) time.Time {
	switch every {
	case "hour":
		return time.Unix(n*3600, 0).UTC()
	case "day":
		return time.Unix(n*86400, 0).UTC()
	case "week":
		return time.Unix((n*7-3)*86400, 0).UTC()
	}
	year := floorDiv(n, 12)
	return time.Date(int(year), time.Month(n-year*12+1), 1, 0, 0, 0, 0, time.UTC)
}

func periodText(every string, start time.Time) string {
	switch every {
	case "hour":
		return start.Format("2006-01-02T15Z")
	case "month":
		return start.Format("2006-01")
	}
	return start.Format(time.DateOnly)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// periodRows counts rows by period.
type periodRows struct {
	times
	every    string
	from, to *int64 // others are not counted; nil is without a limit
	most     int64
	rows     map[int64]int64 // nil when there are more than most
}

func (g *periodRows) Observe(b *table.Batch) {
	g.each(b, func(_ *table.Column, _ int, at time.Time) { g.add(periodOf(g.every, at), 1) })
}

// add gives up past most periods, which depends only on which ones there are.
func (g *periodRows) add(n, rows int64) {
	if g.rows == nil || g.from != nil && n < *g.from || g.to != nil && n > *g.to {
		return
	}
	if g.rows[n] += rows; int64(len(g.rows)) > g.most {
		g.rows = nil
	}
}

func (g *periodRows) Merge(later RowCheck) {
	o := later.(*periodRows)
	g.merge(&o.times)
	if o.rows == nil {
		g.rows = nil
	}
	for n, rows := range o.rows {
		g.add(n, rows)
	}
}
