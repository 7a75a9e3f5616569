package datacheck

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

const labelFiles = `
-- dataset.yaml --
apiVersion: waybill.dev/v1
kind: Dataset
name: reviews
license: MIT
files: {train: train.csv, test: test.csv}
columns: [{name: n, type: int64}]
-- train.csv --
n,label,none
1,good,
2,bad,
3,good,
4,,
-- test.csv --
n,label,none
5,good,
6,odd,
7,new,
8,odd,
-- baseline/train.csv --
n,label
1,good
2,bad
3,gone
-- baseline/test.csv --
n,label
5,odd
6,
`

func TestLabelNew(t *testing.T) {
	cases := []againstCase{
		{`{check: label.new, column: label, against: "#production"}`,
			"FAIL [label] label: 1 of 7 values (14.3 %) is not in reviews@v1.2.0 (#production) (1 new value: new); first: test.csv row 3; 1 value of reviews@v1.2.0 (#production) is gone: gone"},
		{`{check: label.new, column: label, against: "#production", split: train}`,
			"PASS [label in train] train: label: every value is in reviews@v1.2.0 (#production) too (3 values); 1 value of reviews@v1.2.0 (#production) is gone: gone"},
		{`{check: label.new, column: label, against: "#production", split: train, vanished: fail}`,
			"FAIL [label in train] train: label: every value is in reviews@v1.2.0 (#production) too (3 values); 1 value of reviews@v1.2.0 (#production) is gone: gone"},
		{`{check: label.new, column: label, against: "#production", mostly: 0.8}`,
			"PASS [label] label: 1 of 7 values (14.3 %) is not in reviews@v1.2.0 (#production) (1 new value: new); at most 20 % may; first: test.csv row 3; 1 value of reviews@v1.2.0 (#production) is gone: gone"},
		{`{check: label.new, column: label, against: "#staging"}`, "INCONCLUSIVE [label] cannot be compared with #staging: there is none yet: no reviews in staging is registered"},
		{`{check: label.new, column: none, against: "#production", split: train}`, "INCONCLUSIVE [none in train] train: none: cannot be compared with reviews@v1.2.0 (#production): it has no column none"},
	}
	full := againstRun{samples: manifest.SamplesFull}
	testAgainst(t, labelFiles, cases, full)
	full.profiles = true
	testAgainst(t, labelFiles, cases[:5], full)
	if _, fetched := runAgainst(t, labelFiles, "  - "+cases[0].checks, full); len(fetched) > 0 {
		t.Error("fetched", fetched)
	}
	full.profiles = false
	testAgainst(t, labelFiles, []againstCase{
		{`{check: label.new, column: label, between: [train, test]}`,
			"FAIL [label in train, test] train, test: label: 3 of 4 values (75 %) are not in train (2 new values: odd, new); first: test.csv rows 2, 3, 4; 1 value of train is gone: bad"},
		{`{check: label.new, column: label, between: [test, train], where: label != "bad"}`,
			"PASS [label in test, train where label != \"bad\"] test, train: label: every value is in test too (2 values); 2 values of test are gone: odd, new (where label != \"bad\")"},
		{`{check: label.new, column: label, against: "#production", where: n == 4}`, "INCONCLUSIVE [label where n == 4] label: there are no values to check; 1 row without one (where n == 4)"},
		{`{check: label.new, column: label, against: "#production", where: n == 6}`, "INCONCLUSIVE [label where n == 6] label: there are no values in reviews@v1.2.0 (#production) to compare with (where n == 6)"},
		{`{check: label.new, column: label}`, "error: dataset.yaml:8:5: label.new compares with other data or between two splits; give against:, or between: [train, test]"},
		{`{check: label.new, column: label, against: "#production", groupBy: n}`, "error: dataset.yaml:8:5: label.new does not take groupBy"},
	}, full)
	// Values are shown as far as they may be.
	testAgainst(t, labelFiles, []againstCase{{`{check: label.new, column: label, between: [train, test]}`,
		"FAIL [label in train, test] train, test: label: 3 of 4 values (75 %) are not in train (2 new values); first: test.csv rows 2, 3, 4; 1 value of train is gone"}}, againstRun{})
}

// TestTooManyLabels holds that counting is given up by how many values there
// are, not by how they come.
func TestTooManyLabels(t *testing.T) {
	for _, shards := range [][]int{{maxLabels}, {4, maxLabels - 4}, {maxLabels + 1}, {maxLabels, 1}, {1, maxLabels}} {
		total, last := newLabelSides("s", nil), 0
		for _, n := range shards {
			c := table.Column{Name: "s", Type: table.Type{Kind: table.String}, Offsets: []uint32{0}}
			for range n {
				c.Data = fmt.Appendf(c.Data, "v%d", last)
				c.Offsets = append(c.Offsets, uint32(len(c.Data)))
				last++
			}
			part := newLabelSides("s", nil)
			part.Observe(&table.Batch{Rows: n, First: 1, Columns: []table.Column{c}})
			total.Merge(part)
		}
		if l := total.of[1]; (l.values == nil) != (last > maxLabels) || l.total != int64(last) {
			t.Errorf("%v: %d values of %d", shards, len(l.values), l.total)
		}
	}
}

// TestLabelNewOfFormats holds that values are the same in all formats, and in
// profiles.
func TestLabelNewOfFormats(t *testing.T) {
	rows := someReviews(300)
	for _, column := range []string{"id", "text", "label", "lang", "price"} {
		for _, names := range [][2]string{{"data.parquet", "data.csv"}, {"data.csv", "data.parquet"}, {"data.jsonl", "data.parquet"}} {
			for _, profiles := range []bool{false, true} {
				dir := t.TempDir()
				if err := os.Mkdir(dir+"/baseline", 0o755); err != nil {
					t.Fatal(err)
				}
				store(t, dir+"/"+names[0], rows[:200])
				store(t, dir+"/baseline/"+names[1], rows)
				a := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [\"data.*\"]\nchecks:\n  - {check: label.new, against: \"#production\", column: "+column+"}\n")
				findings, _, err := Run(context.Background(), a, expand(t, a, dir), Options{Baselines: &folders{t: t, a: a, dir: dir, profiles: profiles}})
				if err != nil {
					t.Fatal(err)
				}
				if f := findings[len(findings)-1]; f.Verdict != report.Pass {
					t.Errorf("%s of %v, profiles %v: %s", column, names, profiles, f.Message)
				}
			}
		}
	}
}
