package predictions_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/table"
)

// What makes metrics undefined is said, and there is no sample.
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
		{"a missing estimate", "id,label,prediction\n1,1.5,2\n2,1,\n", "row 2 has no prediction"},
		{"an infinite estimate", "id,label,prediction\n1,1.5,2\n2,1,-Inf\n", "row 2 has no finite number as prediction"},
		{"a missing score", "id,label,prediction,score\n1,1,1,\n2,0,0,0.5\n", "row 1 has no score"},
		{"NaN as score", "id,label,prediction,score\n1,1,1,nan\n2,0,0,0.5\n", "row 1 has no score"},
		{"a score that is no number", "id,label,prediction,score\n1,1,1,high\n2,0,0,inf\n", "2 rows have no finite number as score, the first is row 1"},
		{"a missing answer", "id,label,prediction\n1,x,y\n2,x,\n3,,x\n4,x," + strings.Repeat("x", 2000) + "\n5,,\"\"\n6,x,\n", "2 rows have no label, the first is row 3\n2 rows have no prediction, the first is row 2"},
		{"no user", "id,label,prediction,user\n1,1,1,\n2,0,0,x\n", "row 1 has no cluster"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec(file(t, "p.csv", c.content))
			if strings.Contains(c.content, "score") {
				s.Score = "score"
			}
			if strings.Contains(c.content, "user") {
				s.Cluster = "user"
			}
			set := read(t, s)
			if set.Sample != nil || !strings.Contains(strings.Join(set.Problems, "\n"), c.says) {
				t.Errorf("problems %q, want %q", set.Problems, c.says)
			}
		})
	}
	for says, change := range map[string]func(*predictions.Spec){
		"set prediction:":      func(s *predictions.Spec) { s.Prediction = "" },
		"set task: multiclass": func(s *predictions.Spec) { s.Task = metric.Binary },
		"3 classes and scores of one": func(s *predictions.Spec) {
			s.Prediction, s.Score = "", "score"
		},
		"which is none of": func(s *predictions.Spec) { s.Task = "guess" },
	} {
		s := spec(csv(t, "id 1 2 3", "label a b c", "prediction a b c", "score 0 0 1"))
		change(&s)
		if set := read(t, s); len(set.Problems) != 1 || !strings.Contains(set.Problems[0], says) {
			t.Errorf("problems %q, want %q", set.Problems, says)
		}
	}
	// Of several files the row's is named.
	set := read(t, spec(file(t, "1.csv", "id,label,prediction\n1,1,1\n2,0,0\n"), file(t, "2.csv", "id,label,prediction\n1,0,1\n4,0,0\n")))
	if len(set.Problems) != 1 || set.Problems[0] != "row 1 of 2.csv has the key of a row before it" {
		t.Errorf("%q", set.Problems)
	}
}

func TestErrors(t *testing.T) {
	f := file(t, "p.csv", "id,label,predicton,extra\n1,1,1,2\n")
	_, err := predictions.Read(t.Context(), spec(f))
	var column *predictions.ColumnError
	if !errors.As(err, &column) || column.Role != "prediction" || column.Column != "prediction" ||
		!strings.Contains(err.Error(), `did you mean "predicton"?`) || !strings.Contains(err.Error(), `"extra"`) {
		t.Errorf("a missing column: %v", err)
	}
	for role, change := range map[string]func(*predictions.Spec){
		"key":     func(s *predictions.Spec) { s.Key = "uid" },
		"label":   func(s *predictions.Spec) { s.Label = "truth" },
		"score":   func(s *predictions.Spec) { s.Score = "probability" },
		"query":   func(s *predictions.Spec) { s.Query = "question" },
		"cluster": func(s *predictions.Spec) { s.Cluster = "user" },
		"column":  func(s *predictions.Spec) { s.Columns = []string{"extra", "lang"} },
	} {
		s := spec(f)
		s.Prediction = "predicton"
		change(&s)
		if _, err := predictions.Read(t.Context(), s); !errors.As(err, &column) || column.Role != role {
			t.Errorf("a missing %s: %v", role, err)
		}
	}
	for says, change := range map[string]func(*predictions.Spec){
		"same column":           func(s *predictions.Spec) { s.Prediction = "label" },
		`set "label:"`:          func(s *predictions.Spec) { s.Label = "" },
		"no file":               func(s *predictions.Spec) { s.Files = nil },
		`set "query:"`:          func(s *predictions.Spec) { s.Task = metric.Ranking },
		"the class \"1\" twice": func(s *predictions.Spec) { s.Scores = map[string]string{"1": "extra", "1.0": "extra"} },
	} {
		s := spec(f)
		change(&s)
		if _, err := predictions.Read(t.Context(), s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if _, err := predictions.Read(t.Context(), spec(table.File{Name: "p.csv", Path: "none"})); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := predictions.Read(ctx, spec(file(t, "p.csv", "id,label,prediction\n1,1,1\n"))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	lists := spec(file(t, "p.jsonl", `{"id":1,"label":[1,2],"prediction":1}`))
	lists.Task = metric.Binary
	var data *table.DataError
	if _, err := predictions.Read(t.Context(), lists); !errors.As(err, &data) || !strings.Contains(err.Error(), "list") {
		t.Errorf("a list as label: %v", err)
	}
}
