package datacheck

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
)

// outlierData has, as CSV, the numbers of testdata/outliers.py and groups of them.
func outlierData(of string) string {
	var out strings.Builder
	out.WriteString("n\n")
	switch of {
	case "isotopes":
		out.WriteString("199.31\n199.53\n200.19\n200.82\n201.92\n201.95\n202.18\n245.57\n")
	case "steps":
		for i := range 20 {
			fmt.Fprintf(&out, "%d\n", i)
		}
		out.WriteString("100\n-60.5\n")
	}
	return out.String()
}

// TestOutlierLimits has the numbers that testdata/outliers.py prints.
func TestOutlierLimits(t *testing.T) {
	for _, c := range []struct {
		data, params string
		low, high    float64
		below, above int
	}{
		{"isotopes", "method: iqr", 197.05125, 204.98125, 0, 1},
		{"isotopes", "method: zscore, factor: 2", 174.728621, 238.138879, 0, 1},
		{"isotopes", "method: mad", 196.206916, 206.533084, 0, 1},
		{"steps", "method: iqr", -11.5, 30.5, 1, 1},
		{"steps", "method: zscore, factor: 2", -40.7190283, 61.5826646, 1, 1},
		{"steps", "method: zscore", -66.2944515, 87.1580878, 0, 1},
		{"steps", "method: mad", -19.039659, 38.039659, 1, 1},
	} {
		found, err := checkFiles(t, "{check: column.outliers, column: n, "+c.params+"}", Options{}, map[string]string{"data.csv": outlierData(c.data)})
		if err != nil {
			t.Fatal(err)
		}
		d := found[0].Details
		if d["low"] != c.low || d["high"] != c.high || d["below"] != c.below || d["above"] != c.above {
			t.Errorf("%s %s: %v", c.data, c.params, d)
		}
		if want := c.below+c.above > 0; (found[0].Verdict == report.Fail) != want {
			t.Errorf("%s %s: %s", c.data, c.params, found[0].Message)
		}
	}
}

func TestColumnOutliers(t *testing.T) {
	steps := outlierData("steps")
	same := "n\n" + strings.Repeat("5\n", 9)
	runTextCases(t, []textCase{
		{"fails", "{check: column.outliers, column: n}", steps, report.Fail, "n: 2 of 22 numbers (9.09 %) do not lie between -11.5 and 30.5; farthest: data.csv rows 21, 22"},
		{"max", "{check: column.outliers, column: n, max: 0.1}", steps, report.Pass, "at most 10 % may; farthest:"},
		{"where", "{check: column.outliers, column: n, where: 'n != \"100\" and n != \"-60.5\"'}", steps, report.Pass, "n: all numbers lie between "},
		{"constant", "{check: column.outliers, column: n, method: mad}", same, report.Pass, "all numbers are the same (9 numbers)"},
		{"no spread", "{check: column.outliers, column: n}", same + "6\n", report.Inconclusive, "not decided by iqr: at least half of the numbers are the same"},
		{"no deviation", "{check: column.outliers, column: n, method: mad}", same + "6\n", report.Inconclusive, "not decided by mad: at least half"},
		{"few", "{check: column.outliers, column: n}", "n\n1\n2\n3\n900\n", report.Inconclusive, "there are only 4 numbers"},
		{"few for z-scores", "{check: column.outliers, column: n, method: zscore}", outlierData("isotopes"), report.Inconclusive, "none of 8 numbers can be that many standard deviations"},
		{"text", "{check: column.outliers, column: n}", steps + "x\n", report.Inconclusive, "1 of 23 values is no finite number"},
		{"nan", "{check: column.outliers, column: n}", steps + "nan\n", report.Inconclusive, "is no finite number"},
		{"huge", "{check: column.outliers, column: n}", "n\n-1e308\n-1e308\n-1e308\n1e308\n1e308\n1e308\n", report.Inconclusive, "too large"},
		{"nulls", "{check: column.outliers, column: n}", "n,m\n,1\n", report.Inconclusive, "there are no values to check"},
	})
	for entry, want := range map[string]string{
		"{check: column.outliers, column: n, factor: 0}":    "factor 0 is not greater than 0",
		"{check: column.outliers, column: n, max: 2}":       "max 2 is not a share",
		"{check: column.outliers, column: n, mostly: 0.99}": "does not take mostly",
	} {
		if _, err := checkFiles(t, entry, Options{}, map[string]string{"data.csv": steps}); err == nil || !strings.HasPrefix(err.Error(), "dataset.yaml:7:5: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", entry, err)
		}
	}
	f := store(t, filepath.Join(t.TempDir(), "d.parquet"), []review{{Lang: "en"}})
	if found := runParquet(t, "{check: column.outliers, column: lang}", f); found.Verdict != report.Fail || !strings.Contains(found.Message, "is of type string") {
		t.Errorf("%+v", found)
	}
}

// TestTooManyForOutliers holds that the check gives up openly.
func TestTooManyForOutliers(t *testing.T) {
	kept := new(atomic.Int64)
	kept.Store(11)
	v := &outlierCheck{numbers: numbers{column: "n", kept: kept, most: 10, count: 11}}
	spec := parse(t, "apiVersion: waybill.dev/v1\nkind: Dataset\nname: reviews\nlicense: MIT\nfiles: [f.csv]\nchecks:\n  - {check: column.outliers, column: n}\n").Checks[0]
	out := columnOutliersParams{Method: "iqr"}.judge(spec, outlierMethods["iqr"], 1.5, Facts{Rows: 11, Check: v, Profile: &profile.Profile{}})
	if out.Verdict != report.Inconclusive || !strings.Contains(out.Message, "more than 10 numbers") {
		t.Errorf("%+v", out)
	}
}

func TestColumnOutliersInShards(t *testing.T) {
	var rows []string
	for i := range 600 {
		rows = append(rows, fmt.Sprintf("%d,%v", i%3, math.Tan(float64(i))))
	}
	for _, params := range []string{"max: 0.01", "method: zscore", "method: mad, max: 0.2", "groupBy: g"} {
		sameInShards(t, "{check: column.outliers, column: n, "+params+"}", "g,n", rows)
	}
}
