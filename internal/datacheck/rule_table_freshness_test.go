package datacheck

import (
	"context"
	"testing"

	"github.com/waybill-dev/waybill/internal/report"
)

// The clock of these tests is 2026-03-10 12:00 UTC.
const timeFiles = `
-- dataset.yaml --
apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: {train: train.csv, test: test.csv}
columns: [{name: n, type: int64}, {name: at, type: timestamp}]
-- train.csv --
n,at,day,bad
1,2026-03-09T11:00:00Z,2026-03-02,soon
2,2026-03-10T00:30:00+02:00,2026-03-03,
3,2026-03-08 07:00:00,2026-03-05,now
4,,2026-03-06,2026-03-01
-- test.csv --
n,at,day,bad
5,2026-03-11T01:00:00Z,2026-03-09,2026-04-01
6,2026-03-11T03:00:00Z,2026-03-09,2026-03-09
7,2026-03-12T00:00:00Z,2026-03-13,
`

func TestFreshness(t *testing.T) {
	testAgainst(t, timeFiles, []againstCase{
		{`{check: table.freshness, column: at, split: train, maxAge: 14h}`, "PASS [at in train] train: at: the newest value, 2026-03-09 22:30:00Z, is 13h30m0s old at 2026-03-10 12:00:00Z"},
		{`{check: table.freshness, column: at, split: train, maxAge: 13h}`, "FAIL [at in train] train: at: the newest value, 2026-03-09 22:30:00Z, is 13h30m0s old at 2026-03-10 12:00:00Z, more than 13h"},
		{`{check: table.freshness, column: at, split: train, maxAge: 2d, where: n == 3}`, "FAIL [at in train where n == 3] train: at: the newest value, 2026-03-08 07:00:00Z, is 2d5h old at 2026-03-10 12:00:00Z, more than 2d (where n == 3)"},
		{`{check: table.freshness, column: day, split: train, maxAge: 5d}`, "PASS [day in train] train: day: the newest value, 2026-03-06, is 4d12h old at 2026-03-10 12:00:00Z"},
		// 13 hours ahead may be another time zone, 15 may not.
		{`{check: table.freshness, column: at, split: test, maxAge: 1d}`, "FAIL [at in test] test: at: 2 values lie in the future, up to 2026-03-12; first: test.csv rows 2, 3"},
		{`{check: table.freshness, column: at, split: test, maxAge: 1d, where: n == 5}`, "PASS [at in test where n == 5] test: at: the newest value is 2026-03-11 01:00:00Z, after 2026-03-10 12:00:00Z (where n == 5)"},
		{`{check: table.freshness, column: at, split: test, maxAge: 1d, future: allow}`, "PASS [at in test] test: at: the newest value is 2026-03-12, after 2026-03-10 12:00:00Z"},
		{`{check: table.freshness, column: at, split: test, maxAge: 1d, where: n == 7}`, "FAIL [at in test where n == 7] test: at: 1 value lies in the future, up to 2026-03-12; first: test.csv row 3 (where n == 7)"},
		{`{check: table.freshness, column: bad, maxAge: 1d}`,
			"FAIL [bad] bad: 1 value lies in the future, up to 2026-04-01; first: test.csv row 1; bad: the newest value, 2026-03-09, is 1d12h old at 2026-03-10 12:00:00Z, more than 1d; 2 values cannot be read as a date or time (first: train.csv rows 1, 3)"},
		{`{check: table.freshness, column: bad, maxAge: 1d, where: n < 4}`, "INCONCLUSIVE [bad where n < 4] bad: there are no dates or times to check; 2 values cannot be read as a date or time (first: train.csv rows 1, 3) (where n < 4)"},
		{`{check: table.freshness, column: at, maxAge: 1d, where: n == 4}`, "INCONCLUSIVE [at where n == 4] at: there are no dates or times to check (where n == 4)"},
		{`{check: table.freshness, column: n, maxAge: 1d}`, "FAIL [n] n: the column is of type int64, the check is about dates or times"},
		{`{check: table.freshness, column: day, split: train, maxAge: 5d, groupBy: n}`,
			"FAIL [day [n=1] in train] train: where n=1: day: the newest value, 2026-03-02, is 8d12h old at 2026-03-10 12:00:00Z, more than 5d\n" +
				"FAIL [day [n=2] in train] train: where n=2: day: the newest value, 2026-03-03, is 7d12h old at 2026-03-10 12:00:00Z, more than 5d\n" +
				"FAIL [day [n=3] in train] train: where n=3: day: the newest value, 2026-03-05, is 5d12h old at 2026-03-10 12:00:00Z, more than 5d\n" +
				"PASS [day [by n] in train] train: day: holds in 1 of 4 groups of n"},
		{`{check: table.freshness, column: at, maxAge: 1d, mostly: 0.5}`, "error: dataset.yaml:8:5: table.freshness does not take mostly"},
	}, againstRun{})
}

// Without a clock there is no age.
func TestFreshnessWithoutClock(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/train.csv", "day\n2026-01-01\n")
	a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [train.csv]\nchecks:\n  - {check: table.freshness, column: day, maxAge: 7d}\n")
	findings, _, err := Run(context.Background(), a, expand(t, a, dir), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := findings[len(findings)-1]; f.Verdict != report.Inconclusive || f.Message != "day: what time it is now is not known" {
		t.Errorf("%+v", f)
	}
}
