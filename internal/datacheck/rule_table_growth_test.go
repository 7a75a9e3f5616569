package datacheck

import "testing"

// growthFiles are 11 rows where there were 10, and 2 where there was 1.
const growthFiles = `
-- dataset.yaml --
apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: {train: train.csv, test: test.csv}
columns: [{name: n, type: int64}]
-- train.csv --
n,s
1,a
2,a
3,b
4,b
5,b
6,b
7,b
8,b
9,b
-- test.csv --
n,s
10,a
11,a
-- baseline/train.csv --
n,s
1,a
2,a
3,a
4,a
5,b
6,b
7,b
8,b
9,b
-- baseline/test.csv --
n,s
10,b
`

func TestTableGrowth(t *testing.T) {
	cases := []againstCase{
		{`{check: table.growth, against: "#production", min: -0.1, max: 0.1}`, "PASS [] there are 11 rows, 10 % more than the 10 of reviews@v1.2.0 (#production)"},
		{`{check: table.growth, against: "#production", max: 0.09}`, "FAIL [] there are 11 rows, 10 % more than the 10 of reviews@v1.2.0 (#production)"},
		{`{check: table.growth, against: "#production", min: 0.2}`, "FAIL [] there are 11 rows, 10 % more than the 10 of reviews@v1.2.0 (#production)"},
		{`{check: table.growth, against: "#production", split: test, max: 0.5}`, "FAIL [in test] test: there are 2 rows, 100 % more than the 1 of reviews@v1.2.0 (#production)"},
		{`{check: table.growth, against: "#production", split: train, min: 0, max: 0}`, "PASS [in train] train: there are 9 rows, as many as in reviews@v1.2.0 (#production)"},
		{`{check: table.growth, against: "#staging", max: 1}`, "INCONCLUSIVE [] cannot be compared with #staging: there is none yet: no reviews in staging is registered"},
		{`{check: table.growth, against: "#staging", max: 1, firstRelease: allow}`, "PASS [] there is no #staging yet, and the check allows a first release"},
	}
	testAgainst(t, growthFiles, cases, againstRun{})
	testAgainst(t, growthFiles, cases, againstRun{profiles: true})
	testAgainst(t, growthFiles, []againstCase{
		{`{check: table.growth, against: "#production", min: -0.3, where: s == "a"}`, "PASS [where s == \"a\"] there are 4 rows, as many as in reviews@v1.2.0 (#production) (where s == \"a\")"},
		{`{check: table.growth, against: "#production", min: -0.3, where: n > 50}`, "INCONCLUSIVE [where n > 50] there are 0 rows, and none in reviews@v1.2.0 (#production) to compare with (where n > 50)"},
		{`{check: table.growth, against: "#production"}`, "error: dataset.yaml:8:5: table.growth needs min or max"},
		{`{check: table.growth, against: "#production", min: 1, max: 0.5}`, "error: dataset.yaml:8:5: table.growth: min 1 is greater than max 0.5"},
		{`{check: table.growth, against: "#production", max: -1.5}`, "error: dataset.yaml:8:5: table.growth: max -1.5 is below -1"},
		{`{check: table.growth, against: "#production", max: 1, groupBy: s}`, "error: dataset.yaml:8:5: table.growth does not take groupBy"},
	}, againstRun{})
	// A profile says how many rows there are: nothing is fetched.
	if _, fetched := runAgainst(t, growthFiles, `  - {check: table.growth, against: "#production", max: 1}`, againstRun{profiles: true}); len(fetched) > 0 {
		t.Error("fetched", fetched)
	}
	for by, want := range map[float64]string{0.125: "12.5 % more", -0.5: "50 % fewer", 0: "0 % more", 15: "15.0 times more"} {
		if got := changed(by); got != want {
			t.Errorf("%v: %s, want %s", by, got, want)
		}
	}
}
