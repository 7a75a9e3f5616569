package datacheck

import (
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

func TestGaps(t *testing.T) {
	testAgainst(t, timeFiles, []againstCase{
		{`{check: table.gaps, column: day, every: day, split: train}`, "FAIL [day in train] train: day: 1 of 5 days from 2026-03-02 to 2026-03-06 has no rows: 2026-03-04"},
		{`{check: table.gaps, column: day, every: day, split: train, max: 1}`, "PASS [day in train] train: day: 1 of 5 days from 2026-03-02 to 2026-03-06 has no rows: 2026-03-04"},
		{`{check: table.gaps, column: day, every: day, min: 2}`,
			"FAIL [day] day: 11 of 12 days from 2026-03-02 to 2026-03-13 have fewer than 2 rows: 2026-03-02 (1 row), 2026-03-03 (1 row), 2026-03-04, 2026-03-05 (1 row), 2026-03-06 (1 row) and 6 more"},
		{`{check: table.gaps, column: day, every: day, weekdaysOnly: true}`, "FAIL [day] day: 4 of 10 weekdays from 2026-03-02 to 2026-03-13 have no rows: 2026-03-04, 2026-03-10, 2026-03-11, 2026-03-12"},
		{`{check: table.gaps, column: day, every: day, from: 2026-03-05, to: 2026-03-07}`, "FAIL [day] day: 1 of 3 days from 2026-03-05 to 2026-03-07 has no rows: 2026-03-07"},
		{`{check: table.gaps, column: day, every: day, from: "2026-05-05", to: "2026-05-06"}`, "FAIL [day] day: 2 of 2 days from 2026-05-05 to 2026-05-06 have no rows: 2026-05-05, 2026-05-06"},
		{`{check: table.gaps, column: day, every: day, from: "2026-03-07", to: "2026-03-08", weekdaysOnly: true}`, "INCONCLUSIVE [day] day: there is no day on a weekday to check"},
		{`{check: table.gaps, column: day, every: week}`, "PASS [day] day: no gap in 2 weeks from 2026-03-02 to 2026-03-09"},
		{`{check: table.gaps, column: at, every: hour, from: "2026-03-09T22:10:00Z", to: "2026-03-09T23:00:00Z"}`, "FAIL [at] at: 1 of 2 hours from 2026-03-09T22Z to 2026-03-09T23Z has no rows: 2026-03-09T23Z"},
		{`{check: table.gaps, column: bad, every: month, from: "2026-02-10"}`,
			"FAIL [bad] bad: 1 of 3 months from 2026-02 to 2026-04 has no rows: 2026-02; 2 values cannot be read as a date or time (first: train.csv rows 1, 3)"},
		{`{check: table.gaps, column: day, every: day, where: n < 3}`, "PASS [day where n < 3] day: no gap in 2 days from 2026-03-02 to 2026-03-03 (where n < 3)"},
		{`{check: table.gaps, column: day, every: day, groupBy: bad, split: train}`,
			"PASS [day [by bad] in train] train: day: holds in 4 of 4 groups of bad"},
		{`{check: table.gaps, column: at, every: day, where: n == 4}`, "INCONCLUSIVE [at where n == 4] at: there are no dates or times to check (where n == 4)"},
		{`{check: table.gaps, column: day, every: hour, to: "2226-01-01"}`, "INCONCLUSIVE [day] day: there are more than 100,000 hours from the oldest to the newest value, too many to look at each"},
		{`{check: table.gaps, column: n, every: day}`, "FAIL [n] n: the column is of type int64, the check is about dates or times"},
		{`{check: table.gaps, column: day, every: day, from: "2026-05-05", to: "2026-05-04"}`, "error: dataset.yaml:8:5: table.gaps: from 2026-05-05 is after to 2026-05-04"},
		{`{check: table.gaps, column: day, every: day, from: May}`, `error: dataset.yaml:8:5: table.gaps: from "May" is no date or time`},
		{`{check: table.gaps, column: day, every: day, min: 0}`, "error: dataset.yaml:8:5: table.gaps: min 0 is no limit"},
		{`{check: table.gaps, column: day, every: week, weekdaysOnly: true}`, "error: dataset.yaml:8:5: table.gaps: weekdaysOnly is for hours and days, not for a week"},
		{`{check: table.gaps, column: day, every: day, mostly: 0.9}`, "error: dataset.yaml:8:5: table.gaps does not take mostly"},
	}, againstRun{})
}

// TestPeriods holds that every instant is in the period that begins last
// before it, also before 1970, and that periods follow each other.
func TestPeriods(t *testing.T) {
	for _, every := range []string{"hour", "day", "week", "month"} {
		for _, start := range []time.Time{time.Date(1960, 2, 27, 23, 10, 0, 0, time.UTC), time.Date(2024, 2, 28, 22, 59, 59, 0, time.UTC), time.Date(-3, 12, 31, 0, 0, 0, 0, time.UTC)} {
			before := periodOf(every, start)
			for at := start; at.Before(start.AddDate(0, 0, 70)); at = at.Add(17 * time.Minute) {
				n := periodOf(every, at)
				if from, to := periodStart(every, n), periodStart(every, n+1); at.Before(from) || !at.Before(to) || n != before && n != before+1 {
					t.Fatalf("%s: %v is in %d, %v to %v, after %d", every, at, n, from, to, before)
				}
				if from := periodStart(every, n); every == "week" && from.Weekday() != time.Monday || every == "month" && from.Day() != 1 {
					t.Fatalf("%s: begins on %v", every, from)
				}
				before = n
			}
		}
	}
}

// TestTooManyPeriods holds that counting is given up by how many periods there
// are, not by how they come, and that dates far off do no harm.
func TestTooManyPeriods(t *testing.T) {
	for _, shards := range [][]int64{{10}, {4, 6}, {11}, {4, 7}, {10, 1}, {1, 10}} {
		total, last := &periodRows{every: "day", most: 10, rows: map[int64]int64{}}, int64(0)
		for _, n := range shards {
			part := &periodRows{every: "day", most: 10, rows: map[int64]int64{}}
			part.read = 2 * n
			for range n {
				part.add(last, 1)
				part.add(last, 1)
				last++
			}
			total.Merge(part)
		}
		if (total.rows == nil) != (last > 10) {
			t.Errorf("%v: %v", shards, total.rows)
		}
	}
	for _, days := range [][]int64{{0, 1 << 62}, {-1 << 62, 1 << 62}, {-1 << 62, 0}} {
		p := tableGapsParams{Every: "month"}
		g, err := p.periods(manifest.CheckSpec{})
		if err != nil {
			t.Fatal(err)
		}
		g.rows = map[int64]int64{}
		g.column = "d"
		g.Observe(&table.Batch{Rows: 2, First: 1, Columns: []table.Column{{Name: "d", Type: table.Type{Kind: table.Date}, Ints: days}}})
		if out := p.judge(Facts{Check: &g}); out.Verdict != report.Inconclusive {
			t.Errorf("%v: %+v", days, out)
		}
	}
}
