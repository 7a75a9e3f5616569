package datacheck

import "testing"

const stabilityFiles = `
-- dataset.yaml --
apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: {train: train.csv, test: test.csv, more: more.csv}
columns: [{name: n, type: int64}]
-- train.csv --
n,s
1,a
3,a
4,
8,a
9,b
-- test.csv --
n,s
2,a
5,a
-- more.csv --
n,s
6,c
7,c
-- baseline/train.csv --
n,s
1,a
2,a
8,a
6,c
-- baseline/test.csv --
n,s
3,a
4,
5,a
8,a
-- baseline/more.csv --
n,s
`

func TestSplitStability(t *testing.T) {
	testAgainst(t, stabilityFiles, []againstCase{
		{`{check: split.stability, column: n, against: "#production"}`,
			"FAIL [n] n: 4 of 7 rows (57.1 %) are not in the split of reviews@v1.2.0 (#production): 2 from test to train, 1 from train to more, 1 from train to test; first: train.csv rows 2, 3; test.csv row 1; more.csv row 1"},
		{`{check: split.stability, columns: [n, s], against: "#production", max: 0.5}`,
			"PASS [n, s] n, s: 3 of 6 rows (50 %) are not in the split of reviews@v1.2.0 (#production): 1 from test to train, 1 from train to more, 1 from train to test; at most 50 % may; first: train.csv row 2; test.csv row 1; more.csv row 1"},
		{`{check: split.stability, column: n, against: "#production", where: n == 5 or n == 8}`, "PASS [n where n == 5 or n == 8] n: every row is in the same split as in reviews@v1.2.0 (#production) (2 rows) (where n == 5 or n == 8)"},
		{`{check: split.stability, column: n, against: "#production", where: n == 9}`, "INCONCLUSIVE [n where n == 9] n: no row of the data is in reviews@v1.2.0 (#production) (where n == 9)"},
		{`{check: split.stability, column: n, against: "#staging", firstRelease: allow}`, "PASS [n] there is no #staging yet, and the check allows a first release"},
		{`{check: split.stability, against: "#production"}`, "error: dataset.yaml:8:5: split.stability needs the columns of the key"},
		{`{check: split.stability, column: n, against: "#production", split: train}`, "error: dataset.yaml:8:5: split.stability does not take splits"},
		{`{check: split.stability, column: n, against: "#production", groupBy: s}`, "error: dataset.yaml:8:5: split.stability does not take groupBy"},
	}, againstRun{})
	testAgainst(t, `
-- dataset.yaml --
apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: [all.csv]
columns: [{name: n, type: int64}]
-- all.csv --
n
1
-- baseline/all.csv --
n
1
`, []againstCase{{`{check: split.stability, column: n, against: "#production"}`, "INCONCLUSIVE [n] n: neither the data nor reviews@v1.2.0 (#production) has splits"}}, againstRun{})
}
