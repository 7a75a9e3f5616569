package predictions_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/table"
)

// file writes a table and returns it; the extension of name is its format.
func file(t testing.TB, name, content string) table.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return table.File{Name: name, Path: path}
}

func spec(files ...table.File) predictions.Spec {
	return predictions.Spec{Files: files, Key: "id", Label: "label", Prediction: "prediction"}
}

// csv makes a file of rows from columns that begin with their name: csv(t, "id 1 2", "label a b").
func csv(t testing.TB, columns ...string) table.File {
	t.Helper()
	var rows [][]string
	for _, c := range columns {
		rows = append(rows, strings.Fields(c))
	}
	var b strings.Builder
	for i := range rows[0] {
		for j := range rows {
			if j > 0 {
				b.WriteByte(',')
			}
			if rows[j][i] != "∅" {
				b.WriteString(rows[j][i])
			}
		}
		b.WriteByte('\n')
	}
	return file(t, "p.csv", b.String())
}

func read(t testing.TB, s predictions.Spec) *predictions.Set {
	t.Helper()
	set, err := predictions.Read(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	check(t, set)
	return set
}

// sample reads predictions that have no problem.
func sample(t testing.TB, s predictions.Spec) *metric.Sample {
	t.Helper()
	set := read(t, s)
	if len(set.Problems) > 0 {
		t.Fatal(set.Problems)
	}
	return set.Sample
}

// check holds a set to what it promises.
func check(t testing.TB, set *predictions.Set) {
	t.Helper()
	if (set.Sample == nil) != (len(set.Problems) > 0) {
		t.Fatalf("sample %v, problems %q", set.Sample, set.Problems)
	}
	if set.Sample == nil {
		return
	}
	checkSample(t, set.Sample)
	if set.N != int64(set.Sample.N) {
		t.Errorf("N %d and %d", set.N, set.Sample.N)
	}
	for name, v := range set.Columns {
		if max(len(v.Codes), len(v.Numbers)) != set.Sample.N || (v.Codes == nil) == (v.Numbers == nil) {
			t.Errorf("column %q: %d codes, %d numbers", name, len(v.Codes), len(v.Numbers))
		}
		for _, code := range v.Codes {
			if code < metric.Missing || int(code) >= len(v.Names) {
				t.Fatalf("column %q: code %d of %d", name, code, len(v.Names))
			}
		}
	}
}

func checkSample(t testing.TB, s *metric.Sample) {
	t.Helper()
	numbers := map[string][]float64{"score": s.Score, "truth": s.Truth, "estimate": s.Estimate}
	for i, scores := range s.Scores {
		numbers[fmt.Sprint("score ", i)] = scores
	}
	if s.Scores != nil && len(s.Scores) != len(s.Classes) {
		t.Errorf("scores of %d classes, there are %d", len(s.Scores), len(s.Classes))
	}
	for name, column := range numbers {
		if column != nil && len(column) != s.N {
			t.Errorf("%s has %d of %d rows", name, len(column), s.N)
		}
		for _, f := range column {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				t.Errorf("%s has %v", name, f)
			}
		}
	}
	codes := func(name string, column []int32, limit int) {
		for _, code := range column {
			if code < 0 || int(code) >= limit {
				t.Errorf("%s has %d of %d", name, code, limit)
			}
		}
	}
	for name, column := range map[string][]int32{"label": s.Label, "prediction": s.Prediction, "query": s.Query, "cluster": s.Cluster} {
		limit := len(s.Classes)
		if name == "query" || name == "cluster" {
			limit = s.N
		}
		if codes(name, column, limit); column != nil && len(column) != s.N {
			t.Errorf("%s has %d of %d rows", name, len(column), s.N)
		}
	}
	for name, sets := range map[string][][]int32{"labels": s.LabelSet, "predictions": s.PredictionSet} {
		if sets != nil && len(sets) != s.N {
			t.Errorf("%s has %d of %d rows", name, len(sets), s.N)
		}
		for _, set := range sets {
			if codes(name, set, len(s.Classes)); set == nil || !slices.IsSorted(set) || len(slices.Compact(slices.Clone(set))) != len(set) {
				t.Errorf("%s has %v", name, set)
			}
		}
	}
	if len(s.Reference) != len(s.Answer) || s.Reference != nil && len(s.Reference) != s.N {
		t.Errorf("%d references, %d answers", len(s.Reference), len(s.Answer))
	}
	if int(s.Positive) >= len(s.Classes) {
		t.Errorf("positive %d of %d", s.Positive, len(s.Classes))
	}
}

// show is a sample as a person would write it down.
func show(s *metric.Sample) string {
	name := func(codes []int32) (names []string) {
		for _, c := range codes {
			names = append(names, s.Classes[c])
		}
		return names
	}
	var b strings.Builder
	b.WriteString(string(s.Task))
	if s.Positive >= 0 {
		fmt.Fprintf(&b, " +%s", s.Classes[s.Positive])
	}
	for _, c := range []struct {
		name  string
		value any
		is    bool
	}{
		{"label", name(s.Label), s.Label != nil}, {"prediction", name(s.Prediction), s.Prediction != nil},
		{"score", s.Score, s.Score != nil}, {"scores", s.Scores, s.Scores != nil},
		{"truth", s.Truth, s.Truth != nil}, {"estimate", s.Estimate, s.Estimate != nil},
		{"reference", s.Reference, s.Reference != nil}, {"answer", s.Answer, s.Answer != nil},
		{"query", s.Query, s.Query != nil}, {"cluster", s.Cluster, s.Cluster != nil},
	} {
		if c.is {
			fmt.Fprintf(&b, " %s %v", c.name, c.value)
		}
	}
	for i, sets := range [][][]int32{s.LabelSet, s.PredictionSet} {
		if sets != nil {
			fmt.Fprintf(&b, " %s", []string{"labels", "predictions"}[i])
			for _, set := range sets {
				fmt.Fprintf(&b, " %v", name(set))
			}
		}
	}
	return b.String()
}
