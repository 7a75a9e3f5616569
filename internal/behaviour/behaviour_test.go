package behaviour

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/table"
)

func read(t testing.TB, tolerance float64, lines ...string) *Result {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tests.csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Read(context.Background(), Spec{File: table.File{Name: "tests.csv", Path: path}, Tolerance: tolerance})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	return r
}

// summary is "name passed/cases" of each test, with the rows that failed.
func summary(r *Result) string {
	var out []string
	for _, t := range r.Tests {
		s := fmt.Sprintf("%s %d/%d", t.Name, t.Passed, t.Cases)
		for _, f := range t.Failing {
			s += fmt.Sprintf(" %s:%d<%d", f.Name, f.Row, f.Original)
		}
		out = append(out, s)
	}
	return strings.Join(append(out, r.Problems...), "; ")
}

const header = "test,kind,case,expected,prediction,score"

func TestKinds(t *testing.T) {
	lines := []string{header,
		"negation,MFT,,neg,neg,",
		"negation,mft,,neg,pos,",
		"negation,mft,,1,1.0,",
		"names,inv,a,,pos,0.90",
		"names,inv,b,,pos,0.90",
		"names,inv,a,,pos,0.84",
		"names,inv,b,,neg,0.90", // not the row after its original
		"names,inv,a,,pos,0.90",
		"praise,dir,x,increase,,0.50",
		"praise,dir,x,,,0.53",
		"praise,dir,y,,,0.50",
		"praise,dir,y,not_decrease,,0.46",
		"praise,dir,z,,,0.5",
		"praise,dir,z,decrease,,0.4",
		"praise,dir,z,not_increase,,0.54",
		"names,inv,b,,neg,0.90", // fails a case that failed before
	}
	for _, c := range []struct {
		tolerance float64
		want      string
	}{
		{0, "negation 2/3 :2<0; names 1/2 b:7<5; praise 1/3 y:12<11 z:15<13"},
		{0.05, "negation 2/3 :2<0; names 0/2 a:6<4 b:7<5; praise 2/3 x:10<9"},
		{0.2, "negation 2/3 :2<0; names 1/2 b:7<5; praise 1/3 x:10<9 z:14<13"},
	} {
		r := read(t, c.tolerance, lines...)
		if got := summary(r); got != c.want {
			t.Errorf("tolerance %v: %s\nwant: %s", c.tolerance, got, c.want)
		}
	}
}

// At a change of exactly the tolerance, nothing has moved.
func TestTolerance(t *testing.T) {
	for _, c := range []struct {
		expected string
		change   float64
		want     int64
	}{
		{"increase", 0.25, 0}, {"increase", 0.5, 1}, {"decrease", -0.25, 0}, {"decrease", -0.5, 1},
		{"not_increase", 0.25, 1}, {"not_increase", 0.5, 0}, {"not_decrease", -0.25, 1}, {"not_decrease", -0.5, 0},
	} {
		r := read(t, 0.25, header, "d,dir,x,"+c.expected+",,0", fmt.Sprintf("d,dir,x,,,%v", c.change))
		if len(r.Tests) != 1 || r.Tests[0].Passed != c.want {
			t.Errorf("%s by %v: %s", c.expected, c.change, summary(r))
		}
	}
}

func TestInterval(t *testing.T) {
	lines := []string{"test,kind,expected,prediction"}
	for i := range 20 {
		lines = append(lines, fmt.Sprintf("t,mft,1,%d", i%20/19))
	}
	r := read(t, 0, lines...)
	// scipy.stats.binomtest(1, 20).proportion_ci(0.90)
	got := r.Tests[0]
	if got.Passed != 1 || math.Abs(got.Lower-0.00256137877653028) > 1e-9 || math.Abs(got.Upper-0.21610616420686987) > 1e-9 || got.Rate != 0.05 || r.Confidence != 0.90 {
		t.Errorf("%+v", got)
	}
	if len(got.Failing) != failingCases || got.Failing[4].Row != 5 {
		t.Errorf("failing: %v", got.Failing)
	}
	// Without predictions the score decides.
	if got := summary(read(t, 0, "test,kind,case,score", "t,inv,a,1", "t,inv,a,1", "t,inv,b,1", "t,inv,b,1.5")); got != "t 1/2 b:4<3" {
		t.Error(got)
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		tolerance float64
		lines     []string
		want      string
	}{
		{0, []string{"test,prediction", "a,1"}, `tests.csv has no column "kind"`},
		{0, []string{header}, "tests.csv has no rows"},
		{0, []string{header, ",mft,,1,1,", "a,unit,,1,1,", "a,,,1,1,"}, "1 row: no test is named; the first is row 1; 2 rows: the kind is not mft, inv or dir; the first is row 2"},
		{0, []string{header, "a,mft,,1,1,", "a,inv,x,1,1,"}, "1 row: the kind is not that of the rows of this test before; the first is row 2"},
		{0, []string{header, "a,mft,,,1,", "a,mft,,1,,"}, "1 row: a row of an mft has no expected prediction; the first is row 1; 1 row: there is no prediction; the first is row 2"},
		{0, []string{header, "a,inv,x,,1,", "a,inv,y,,1,", "a,inv,y,,1,"}, "1 row: a case of one row, which has no variant to compare with; the first is row 1"},
		{0, []string{header, "a,inv,,,1,", "a,inv,x,,,"}, "1 row: a row of an inv or dir has no case; the first is row 1; 1 row: there is no prediction; the first is row 2"},
		{0.1, []string{header, "a,inv,x,,1,", "a,inv,x,,1,0.5"}, "1 row: a row of an inv has no score that is a finite number, which it needs with a tolerance or without a prediction; the first is row 1; 1 row: a case of one row, which has no variant to compare with; the first is row 2"},
		{0, []string{header, "a,dir,x,increase,,nan", "a,dir,x,increase,,1", "a,dir,x,increase,,2"}, "1 row: a row of a dir has no score that is a finite number; the first is row 1"},
		{0, []string{header, "a,dir,x,,,1", "a,dir,x,up,,1", "a,dir,x,,,1"}, "2 rows: what a dir expects is not increase, decrease, not_increase or not_decrease; the first is row 2"},
	} {
		if got := summary(read(t, c.tolerance, c.lines...)); got != c.want {
			t.Errorf("%q:\n%s\nwant: %s", c.lines, got, c.want)
		}
	}
	for _, s := range []Spec{{Tolerance: -1}, {Tolerance: math.NaN()}, {Confidence: 1}, {}} {
		if _, err := Read(context.Background(), s); err == nil {
			t.Errorf("%+v gave no error", s)
		}
	}
}

// What is kept of a file is bounded, whatever stands in it.
func TestTextsAreBounded(t *testing.T) {
	j := &judge{named: map[string]int{}, open: map[example]int{}, hasPrediction: true}
	j.row(&row{number: 1, test: "t", kind: "inv", name: "case", answer: "yes", expect: "ab"})
	j.row(&row{number: 2, test: "t", kind: "inv", name: "case", answer: "yes"})
	j.row(&row{number: 3, test: "mft", kind: "mft", name: "x", answer: "yes", expect: "yes"})
	if j.texts != len("t"+"case"+"yes"+"ab"+"mft"+"x") {
		t.Errorf("%d bytes", j.texts)
	}
}
