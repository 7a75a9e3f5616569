package evaluate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/table"
)

func ExampleCompute() {
	r, err := evaluate.Compute(context.Background(), evaluate.Spec{
		File: table.File{Name: "eval/predictions.csv", Path: "testdata/predictions.csv"},
		Key:  "id", Label: "label", Prediction: "prediction",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	bound := 0.8
	verdict, message, _, observed := evaluate.Judge(*r, evaluate.Gate{Metric: "accuracy", Min: &bound})
	fmt.Println(verdict, message)
	fmt.Println(observed)
	// Output:
	// FAIL accuracy is 0.7500, below the minimum of 0.80
	// 0.7500 (n = 8, 95 % interval 0.4093 to 0.9285)
}

// file writes a table and returns it; the extension of name is its format.
func file(t testing.TB, name, content string) table.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return table.File{Name: name, Path: path}
}

// csv makes a file of rows "label prediction", separated by commas in rows.
func csv(t testing.TB, labels, predictions []string) table.File {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,label,prediction\n")
	for i := range labels {
		fmt.Fprintf(&b, "%d,%s,%s\n", i, labels[i], predictions[i])
	}
	return file(t, "p.csv", b.String())
}

func spec(f table.File) evaluate.Spec {
	return evaluate.Spec{File: f, Key: "id", Label: "label", Prediction: "prediction"}
}

func compute(t testing.TB, s evaluate.Spec) *evaluate.Result {
	t.Helper()
	r, err := evaluate.Compute(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range r.Metrics {
		if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) || m.Defined == (m.Reason != "") || !m.Defined && m.Value != 0 {
			t.Errorf("%s: %+v", name, m)
		}
	}
	return r
}

// TestAgreesWithScikitLearn compares every metric with what scikit-learn says
// (see testdata/expected.py).
func TestAgreesWithScikitLearn(t *testing.T) {
	var cases []struct {
		Name                         string
		Labels, Predictions, Classes []string
		Positive                     *string
		Confusion                    [][]int64
		Metrics                      map[string]*float64
	}
	data, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 78 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s := spec(csv(t, c.Labels, c.Predictions))
			if c.Positive != nil {
				s.Positive = *c.Positive
			}
			r := compute(t, s)
			if r.N != int64(len(c.Labels)) || !reflect.DeepEqual(r.Confusion, c.Confusion) {
				t.Errorf("%d rows, matrix %v, want %d, %v", r.N, r.Confusion, len(c.Labels), c.Confusion)
			}
			var classes []string
			for _, class := range r.Classes {
				classes = append(classes, class.Name)
			}
			if !slices.Equal(classes, c.Classes) {
				t.Errorf("classes %q, want %q", classes, c.Classes)
			}
			if len(c.Metrics) != len(evaluate.Names()) || len(r.Metrics) != len(c.Metrics) {
				t.Errorf("%d metrics, scikit-learn has %d", len(r.Metrics), len(c.Metrics))
			}
			for name, want := range c.Metrics {
				got := r.Metrics[name]
				if got.Defined != (want != nil) || want != nil && math.Abs(got.Value-*want) > 1e-12 {
					t.Errorf("%s: got %+v, want %v", name, got, want)
				}
				if got.Of > 0 && math.Abs(float64(got.Hits)/float64(got.Of)-got.Value) > 1e-15 {
					t.Errorf("%s: %+v is not its own proportion", name, got)
				}
			}
		})
	}
}

// The same rows are the same result in every format and type of column.
func TestFormatsAgree(t *testing.T) {
	type row struct {
		ID         int64   `parquet:"id"`
		Label      int32   `parquet:"label"`
		Prediction float64 `parquet:"prediction"`
	}
	type textRow struct {
		ID         string `parquet:"id"`
		Label      bool   `parquet:"label"`
		Prediction string `parquet:"prediction,dict"`
	}
	labels, predictions := []int32{1, 0, 1, 1, 0}, []int32{1, 1, 0, 1, 0}
	var rows []row
	var texts []textRow
	csvText, jsonText := "id,label,prediction\n", ""
	for i := range labels {
		rows = append(rows, row{int64(i), labels[i], float64(predictions[i])})
		texts = append(texts, textRow{fmt.Sprint("k", i), labels[i] == 1, fmt.Sprint(predictions[i])})
		csvText += fmt.Sprintf("%d,%d,%d.0\n", i, labels[i], predictions[i])
		jsonText += fmt.Sprintf(`{"id":"%d","label":%d,"prediction":%t}`+"\n", i, labels[i], predictions[i] == 1)
	}
	dir := t.TempDir()
	for name, write := range map[string]func(string) error{
		"numbers.parquet": func(p string) error { return parquet.WriteFile(p, rows) },
		"texts.parquet":   func(p string) error { return parquet.WriteFile(p, texts) },
		"p.csv":           func(p string) error { return os.WriteFile(p, []byte(csvText), 0o644) },
		"p.jsonl":         func(p string) error { return os.WriteFile(p, []byte(jsonText), 0o644) },
	} {
		path := filepath.Join(dir, name)
		if err := write(path); err != nil {
			t.Fatal(err)
		}
		r := compute(t, spec(table.File{Name: name, Path: path}))
		if want := [][]int64{{1, 1}, {1, 2}}; !reflect.DeepEqual(r.Confusion, want) || r.Positive != "1" || len(r.Problems) > 0 {
			t.Errorf("%s: matrix %v, positive %q, %q", name, r.Confusion, r.Positive, r.Problems)
		}
		if m := r.Metrics["precision"]; m.Hits != 2 || m.Of != 3 {
			t.Errorf("%s: precision %+v", name, m)
		}
	}
}

func TestLabels(t *testing.T) {
	for _, c := range []struct {
		label, prediction string
		same              bool
	}{
		{"1", "1.0", true}, {"1", "1e0", true}, {"-0", "0", true}, {"0.50", "0.5", true}, {"1", "01", false}, {"1", "+1", false},
		{"true", "TRUE", true}, {"true", "False", false}, {"9007199254740993", "9007199254740992", false},
		{"9007199254740993", "9007199254740993", true}, {"a", "A", false}, {"cat", " cat", false}, {"1.5.2", "1.5", false}, {"1.", "1", false},
		{"1e", "1", false}, {"-", "-0", false}, {"0x1", "1", false}, {"1_000", "1000", false}, {"1e400", "1e401", false},
	} {
		r := compute(t, spec(csv(t, []string{c.label, c.label}, []string{c.prediction, c.label})))
		want := int64(1)
		if c.same {
			want = 2
		}
		// A mismatch of names and numbers leaves the matrix, which tells.
		var correct int64
		for _, class := range r.Classes {
			correct += class.Correct
		}
		if correct != want {
			t.Errorf("%s and %s: %d of 2 rows agree, want %d", c.label, c.prediction, correct, want)
		}
	}
}

// What makes metrics undefined is said, and no metric has a value.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, content, says string }{
		{"no rows", "id,label,prediction\n", "there are no rows"},
		{"a missing prediction", "id,label,prediction\n1,1,1\n2,1,\n", "row 2 has no prediction"},
		{"empty text as prediction", "id,label,prediction\n1,1,1\n2,1,\"\"\n", "row 2 has no prediction"},
		{"NaN as prediction", "id,label,prediction\n1,1,1\n2,1,NaN\n3,1,nan\n", "2 rows have no prediction, the first is row 2"},
		{"a missing label", "id,label,prediction\n1,,1\n2,1,1\n", "row 1 has no label"},
		{"a key twice", "id,label,prediction\n1,1,1\n2,1,1\n1,1,1\n", "row 3 has the key of a row before it"},
		{"keys twice", "id,label,prediction\n1,1,1\n1,1,1\n1,1,1\n", "2 rows have the key of a row before them, the first is row 2"},
		{"no key", "id,label,prediction\n1,1,1\n,1,1\n", "row 2 has no key"},
		{"names and numbers", "id,label,prediction\n1,cat,0\n2,dog,1\n3,dog,2\n", "written differently"},
		{"numbers and names", "id,label,prediction\n1,0,cat\n2,1,dog\n", "written differently"},
		{"all missing", "id,label,prediction\n1,,\n", "row 1 has no label"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := compute(t, spec(file(t, "p.csv", c.content)))
			if !strings.Contains(strings.Join(r.Problems, "\n"), c.says) {
				t.Errorf("problems %q, want %q", r.Problems, c.says)
			}
			for _, name := range evaluate.Names() {
				if m := r.Metrics[name]; m.Defined || !strings.Contains(m.Reason, c.says) {
					t.Errorf("%s: %+v", name, m)
				}
			}
		})
	}
	s := spec(file(t, "p.csv", "id,label,score\n1,1,0.5\n"))
	s.Prediction, s.Score = "", "score"
	if r := compute(t, s); r.Metrics["accuracy"].Defined || !strings.Contains(r.Metrics["accuracy"].Reason, "set prediction:") {
		t.Errorf("without a prediction: %+v", r)
	}
}

func TestPositive(t *testing.T) {
	for _, c := range []struct {
		name, labels, predictions string
		positive                  any
		want                      string
		says                      string // why precision is undefined
	}{
		{"1", "0 1 1", "0 1 0", nil, "1", ""},
		{"true", "false true", "false true", nil, "true", ""},
		{"positive", "negative positive", "positive positive", nil, "positive", ""},
		{"-1 and 1", "-1 1", "1 1", nil, "1", ""},
		{"only negatives", "0 0", "0 0", nil, "1", `"1" was never predicted`},
		{"only negative", "negative", "negative", nil, "positive", `"positive" was never predicted`},
		{"not clear", "ham spam", "ham spam", nil, "", `set positive: to one of "ham", "spam"`},
		{"many", "0 1 2", "0 1 2", nil, "", "there are 3 labels"},
		{"declared", "ham spam", "ham spam", "spam", "spam", ""},
		{"declared among many", "0 1 2", "0 1 2", int64(2), "2", ""},
		{"declared as float", "0 1", "1 1", 1.0, "1", ""},
		{"declared as bool", "False True", "True True", true, "true", ""},
		{"declared as bool, written as numbers", "0 1", "1 1", true, "1", ""},
		{"declared and absent", "ham spam", "ham spam", "eggs", "eggs", `no row has "eggs"`},
		{"declared false", "0 1", "0 1", int64(0), "0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec(csv(t, strings.Fields(c.labels), strings.Fields(c.predictions)))
			s.Positive = c.positive
			r := compute(t, s)
			m := r.Metrics["precision"]
			if r.Positive != c.want || m.Defined != (c.says == "") || !strings.Contains(m.Reason, c.says) {
				t.Errorf("positive %q, precision %+v", r.Positive, m)
			}
		})
	}
}

func TestComputeErrors(t *testing.T) {
	f := file(t, "eval/p.csv"[5:], "id,label,predicton,extra\n1,1,1,2\n")
	_, err := evaluate.Compute(t.Context(), spec(f))
	var column *evaluate.ColumnError
	if !errors.As(err, &column) || column.Role != "prediction" || column.Column != "prediction" ||
		!strings.Contains(err.Error(), `did you mean "predicton"?`) || !strings.Contains(err.Error(), `"extra"`) {
		t.Errorf("a missing column: %v", err)
	}
	s := spec(f)
	s.Prediction, s.Score = "predicton", "probability"
	if _, err := evaluate.Compute(t.Context(), s); !errors.As(err, &column) || column.Role != "score" {
		t.Errorf("a missing score: %v", err)
	}
	s.Score, s.Prediction = "", "label"
	if _, err := evaluate.Compute(t.Context(), s); err == nil || !strings.Contains(err.Error(), "same column") {
		t.Errorf("label as prediction: %v", err)
	}
	s.Label = ""
	if _, err := evaluate.Compute(t.Context(), s); err == nil || !strings.Contains(err.Error(), `set "label:"`) {
		t.Errorf("no label: %v", err)
	}
	if _, err := evaluate.Compute(t.Context(), spec(table.File{Name: "p.csv", Path: "none"})); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := evaluate.Compute(ctx, spec(file(t, "p.csv", "id,label,prediction\n1,1,1\n"))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	var many strings.Builder
	many.WriteString("id,label,prediction\n")
	for i := range evaluate.MaxClasses + 1 {
		fmt.Fprintf(&many, "%d,%d.25,%d.25\n", i, i, i)
	}
	var data *table.DataError
	for name, content := range map[string]string{
		"more than 10000 different": many.String(),
		"at most 1024":              "id,label,prediction\n1,a,b\n2," + strings.Repeat("x", 2000) + ",b\n",
	} {
		if _, err := evaluate.Compute(t.Context(), spec(file(t, "p.csv", content))); !errors.As(err, &data) || !strings.Contains(err.Error(), name) || data.Line == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	lists := file(t, "p.jsonl", `{"id":1,"label":[1,2],"prediction":1}`)
	if _, err := evaluate.Compute(t.Context(), spec(lists)); !errors.As(err, &data) || !strings.Contains(err.Error(), "list") {
		t.Errorf("a list as label: %v", err)
	}
}

// More labels than the matrix holds change no metric.
func TestManyClasses(t *testing.T) {
	var labels, predictions []string
	for i := range 4 * evaluate.MatrixClasses {
		labels = append(labels, fmt.Sprint("c", i/2))
		predictions = append(predictions, fmt.Sprint("c", i/2+i%2))
	}
	r := compute(t, spec(csv(t, labels, predictions)))
	if r.Confusion != nil || len(r.Classes) != 2*evaluate.MatrixClasses+1 || r.Metrics["accuracy"].Value != 0.5 {
		t.Errorf("%d classes, accuracy %+v, matrix %v", len(r.Classes), r.Metrics["accuracy"], r.Confusion)
	}
	if m := r.Metrics["recall.macro"]; m.Defined || !strings.Contains(m.Reason, "no row has the label \"c40\"") {
		t.Errorf("recall.macro %+v", m)
	}
	if m := r.Metrics["recall.weighted"]; m.Value != 0.5 {
		t.Errorf("recall.weighted %+v", m)
	}
}

func FuzzCompute(f *testing.F) {
	f.Add("id,label,prediction\n1,1,1.0\n2,true,0\n", "1")
	f.Add("id,label,prediction\n1,a,b\n1,\"\",NaN\n", "")
	f.Add("id,label,prediction\n1,1e999,-0\n", "true")
	f.Fuzz(func(t *testing.T, content, positive string) {
		s := spec(file(t, "p.csv", content))
		if positive != "" {
			s.Positive = positive
		}
		r, err := evaluate.Compute(t.Context(), s)
		if err != nil {
			return
		}
		for name, m := range r.Metrics {
			if !(m.Value >= 0 && m.Value <= 1) || m.Defined == (m.Reason != "") || m.Hits > m.Of {
				t.Errorf("%s: %+v", name, m)
			}
		}
		evaluate.Sections(*r, 0)
	})
}

func BenchmarkCompute1MRows(b *testing.B) {
	var s strings.Builder
	s.WriteString("id,label,prediction,score\n")
	for i := range 1_000_000 {
		fmt.Fprintf(&s, "row-%07d,%d,%d,0.%06d\n", i, i%2, (i/3)%2, i%1_000_000)
	}
	f := file(b, "p.csv", s.String())
	b.SetBytes(int64(s.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if r, err := evaluate.Compute(b.Context(), spec(f)); err != nil || r.N != 1_000_000 || len(r.Problems) > 0 {
			b.Fatal(err)
		}
	}
}
