package parity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/table"
)

// put writes a file; its lines are given.
func put(t testing.TB, name string, lines ...string) table.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return table.File{Name: name, Path: path}
}

func compare(t testing.TB, s Spec) *Result {
	t.Helper()
	r, err := Compare(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Errorf("the result is no JSON: %v", err)
	}
	return r
}

type reference struct {
	Numbers []struct {
		A, B                                []string
		RTol, ATol, MaxAbs, MaxRel, MeanAbs float64
		NotFinite                           int64
		Close                               []int
	}
	Lists []struct {
		A, B                              [][]string
		OutsideRows, OutsideValues, Flips int64
	}
}

func numpy(t *testing.T) (r reference) {
	data, err := os.ReadFile("testdata/isclose.json")
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil || len(r.Numbers) < 100 || len(r.Lists) < 50 {
		t.Fatal("testdata/isclose.json:", err, len(r.Numbers))
	}
	return r
}

func close9(a, b float64) bool { return math.Abs(a/2-b/2) <= 1e-9*max(math.Abs(b), 1e-300) }

func TestNumbersAgreeWithNumpy(t *testing.T) {
	for i, c := range numpy(t).Numbers {
		s := Spec{A: put(t, "a.csv", append([]string{"v"}, c.A...)...), B: put(t, "b.csv", append([]string{"v"}, c.B...)...), AbsTol: c.ATol, RelTol: c.RTol}
		got := compare(t, s).Columns[0]
		var outside int64
		for _, isClose := range c.Close {
			outside += int64(1 - isClose)
		}
		if got.Values != int64(len(c.A)) || got.Outside != outside || got.OutsideValues != outside || got.NotFinite != c.NotFinite {
			t.Errorf("%d: values %d, outside %d and %d, not finite %d; want %d, %d, %d", i, got.Values, got.Outside, got.OutsideValues, got.NotFinite, len(c.A), outside, c.NotFinite)
		}
		if !close9(got.MaxAbs, c.MaxAbs) || !close9(got.MaxRel, c.MaxRel) || !close9(got.MeanAbs, c.MeanAbs) {
			t.Errorf("%d: greatest %g, relative %g, mean %g; want %g, %g, %g", i, got.MaxAbs, got.MaxRel, got.MeanAbs, c.MaxAbs, c.MaxRel, c.MeanAbs)
		}
	}
}

func TestListsAgreeWithNumpy(t *testing.T) {
	write := func(name string, rows [][]string) table.File {
		lines := []string{}
		for i, row := range rows {
			list := strings.ReplaceAll("["+strings.Join(row, ", ")+"]", "nan", `"NaN"`)
			lines = append(lines, fmt.Sprintf(`{"id": %d, "logits": %s}`, i, list))
		}
		return put(t, name, lines...)
	}
	for i, c := range numpy(t).Lists {
		for _, key := range []string{"", "id"} {
			got := compare(t, Spec{A: write("a.jsonl", c.A), B: write("b.jsonl", c.B), Key: key, Columns: []string{"logits"}, AbsTol: 0.25}).Columns[0]
			if got.Outside != c.OutsideRows || got.OutsideValues != c.OutsideValues || got.Flips != c.Flips || got.Lists != int64(len(c.A)) {
				t.Errorf("%d: rows %d, values %d, flips %d of %d; want %+v", i, got.Outside, got.OutsideValues, got.Flips, got.Lists, c)
			}
		}
	}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		a, b                    string
		outside, unlike, values int64
	}{
		{`1`, `1.0`, 0, 0, 1},
		{`1`, `"1"`, 0, 0, 0}, // the same text
		{`1`, `"one"`, 1, 1, 0},
		{`1`, `""`, 1, 1, 0},
		{`"yes"`, `"yes"`, 0, 0, 0},
		{`"yes"`, `"no"`, 1, 1, 0},
		{`true`, `true`, 0, 0, 0},
		{`null`, `1`, 1, 1, 0},
		{`[1,2]`, `[1,2,3]`, 1, 1, 0},
		{`[[1,2],[3]]`, `[[1,2],[3.0]]`, 0, 0, 3},
		{`[[1],[2,3]]`, `[[1,2],[3]]`, 1, 1, 0},
		{`[1,null]`, `[1,null]`, 1, 0, 2},
		{`["a","b"]`, `["a","b"]`, 0, 0, 0},
		{`["a","b"]`, `["a","c"]`, 1, 1, 0},
		{`["-Inf", 1]`, `["-Infinity", 1]`, 0, 0, 2},
		{`[]`, `[ ]`, 0, 0, 0},
		{`[1]`, `1`, 1, 1, 0},
	} {
		a := put(t, "a.jsonl", `{"v": `+c.a+`}`, `{"v": 0}`)
		b := put(t, "b.jsonl", `{"v": `+c.b+`}`, `{"v": 0}`)
		got := compare(t, Spec{A: a, B: b}).Columns[0]
		if got.Outside != c.outside || got.Unlike != c.unlike || got.Values != c.values+1 {
			t.Errorf("%s and %s: outside %d, unlike %d, values %d", c.a, c.b, got.Outside, got.Unlike, got.Values-1)
		}
	}
}

func TestWorst(t *testing.T) {
	a := put(t, "a.csv", "id,v", "p,1", "q,2", "r,3", "s,4", "t,5", "u,6", "v,nan")
	b := put(t, "b.csv", "v,id", "1,p", "2.5,q", "6,s", "3,r", "5.25,t", "106,u", "7,v")
	got := compare(t, Spec{A: a, B: b, Key: "id", AbsTol: 0.3})
	shown := ""
	for _, w := range got.Columns[0].Worst {
		shown += fmt.Sprintf("%s %d %d ", w.Key, w.A, w.B)
		if w.Difference != nil {
			shown += fmt.Sprint(*w.Difference, " ")
		}
	}
	if want := "v 7 7 u 6 6 100 s 4 3 2 q 2 2 0.5 t 5 5 0.25 "; shown != want {
		t.Errorf("worst rows: %s\nwant        %s", shown, want)
	}
	if got.Outside() != 4 || got.Rows != 7 {
		t.Errorf("outside %d of %d", got.Outside(), got.Rows)
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b []string
		spec Spec
		want string
	}{
		{"rows", []string{"v", "1", "2"}, []string{"v", "1"}, Spec{}, "a.csv has 2 rows and b.csv has 1; without a key, rows are compared by position"},
		{"fewer rows", []string{"v", "1"}, []string{"v", "1", "2", "3"}, Spec{}, "a.csv has 1 row and b.csv has 3; without a key, rows are compared by position"},
		{"none", []string{"v"}, []string{"v"}, Spec{}, "a.csv and b.csv have no rows"},
		{"none by key", []string{"v,k"}, []string{"v,k"}, Spec{Key: "k"}, "a.csv and b.csv have no rows"},
		{"column", []string{"v", "1"}, []string{"w", "1"}, Spec{Columns: []string{"v"}}, `b.csv has no column "v"`},
		{"common", []string{"v", "1"}, []string{"w", "1"}, Spec{}, "a.csv and b.csv have no column in common to compare"},
		{"key", []string{"v", "1"}, []string{"v", "1"}, Spec{Key: "id"}, `a.csv has no column "id"; b.csv has no column "id"`},
		{"empty", []string{"v,w", "1,", "2,"}, []string{"v,w", "1,", "2,"}, Spec{}, `column "w" has no value in any row`},
		{"alone", []string{"k,v", "x,1", "y,1", "z,1"}, []string{"k,v", "y,1", "w,1"}, Spec{Key: "k"},
			`a.csv: 2 rows whose "k" is not in b.csv; the first is row 1; b.csv: 1 row whose "k" is not in a.csv; the first is row 2`},
		{"twice", []string{"k,v", "x,1", "x,1"}, []string{"k,v", "x,1"}, Spec{Key: "k"}, `a.csv: 1 row whose "k" stands in an earlier row; the first is row 2`},
		{"null", []string{"k,v", "x,1", ",1"}, []string{"k,v", "x,1"}, Spec{Key: "k"}, `a.csv: 1 row without "k"; the first is row 2`},
	} {
		c.spec.A, c.spec.B = put(t, "a.csv", c.a...), put(t, "b.csv", c.b...)
		got := compare(t, c.spec)
		if problems := strings.Join(got.Problems, "; "); problems != c.want || got.Columns != nil {
			t.Errorf("%s: %s\nwant: %s\ncolumns %v", c.name, problems, c.want, got.Columns)
		}
	}
}

func TestErrors(t *testing.T) {
	good, bad := put(t, "a.csv", "v", "1"), put(t, "b.csv", "v", "1,2,3")
	ctx := context.Background()
	for _, tolerance := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := Compare(ctx, Spec{A: good, B: good, RelTol: tolerance}); err == nil {
			t.Errorf("tolerance %v was taken", tolerance)
		}
	}
	if _, err := Compare(ctx, Spec{A: good, B: bad}); !errors.As(err, new(*table.DataError)) {
		t.Errorf("a damaged file: %v", err)
	}
	if _, err := Compare(ctx, Spec{A: good, B: table.File{Name: "c.csv", Path: "testdata/none"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Rows are matched over any distance, and the result does not depend on it.
func TestOrder(t *testing.T) {
	var forward, backward []string
	for i := range 1000 {
		forward = append(forward, fmt.Sprintf("%d,%d,n%d", i, i%7, i%3))
		backward = append(backward, fmt.Sprintf("%d,%d,n%d", 999-i, (999-i)%5, (999-i)%3))
	}
	head := []string{"id,v,name"}
	a, b := put(t, "a.csv", append(head, forward...)...), put(t, "b.csv", append(head, backward...)...)
	got := compare(t, Spec{A: a, B: b, Key: "id"})
	if got.Rows != 1000 || got.Columns[0].Outside != 855 || got.Columns[1].Outside != 0 {
		t.Errorf("%d rows, outside %d and %d", got.Rows, got.Columns[0].Outside, got.Columns[1].Outside)
	}
}

// The reference is b, whichever row comes first.
func TestReference(t *testing.T) {
	a, b := put(t, "a.csv", "id,v", "x,1", "y,2"), put(t, "b.csv", "id,v", "y,8", "x,1")
	if got := compare(t, Spec{A: a, B: b, Key: "id"}).Columns[0]; got.MaxRel != 0.75 {
		t.Errorf("relative difference %v", got.MaxRel)
	}
	a, b = put(t, "a.csv", "id,v", "x,1", "y,2"), put(t, "b.csv", "id,v", "y,2", "x,4")
	if got := compare(t, Spec{A: a, B: b, Key: "id"}).Columns[0]; got.MaxRel != 0.75 || got.Worst[0].A != 1 || got.Worst[0].B != 2 {
		t.Errorf("relative difference %v, worst %v", got.MaxRel, got.Worst)
	}
	// A number of a typed file is not like a text without characters.
	var j judge
	if j.row(cell{isNumber: true, number: 1}, cell{}, 1, 1, nil); j.Unlike != 1 {
		t.Error("1 is like an empty text")
	}
}

func FuzzParseList(f *testing.F) {
	for _, seed := range []string{"[1, 2]", "[[1],[2,null]]", `["NaN", "-Inf"]`, "[", "[]]", "[1 2]", "[,]", "[1,]", "[[", "[1e999]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var out []float64
		_, _, ok := parseList(text, &out)
		if ok && strings.Count(string(text), "[") != strings.Count(string(text), "]") {
			t.Errorf("%q was read as a list", text)
		}
		var plain []float64
		if json.Unmarshal(text, &plain) == nil && len(text) > 0 && text[0] == '[' && !strings.Contains(string(text), "null") {
			if !ok || fmt.Sprint(out) != fmt.Sprint(plain) {
				t.Errorf("%q: %v, want %v", text, out, plain)
			}
		}
	})
}

func BenchmarkCompareByKey100k(b *testing.B) {
	lines := []string{"id,v"}
	for i := range 100_000 {
		lines = append(lines, fmt.Sprintf("%d,%g", i, math.Sqrt(float64(i))))
	}
	s := Spec{A: put(b, "a.csv", lines...), B: put(b, "b.csv", lines...), Key: "id"}
	for b.Loop() {
		if r := compare(b, s); r.Outside() != 0 {
			b.Fatal(r)
		}
	}
}
