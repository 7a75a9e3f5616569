package predictions_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/table"
)

func TestDataset(t *testing.T) {
	for _, c := range []struct {
		name                 string
		predictions, dataset []string
		want                 string
		problem, note        string
	}{
		{"labels and columns of the dataset", []string{"id 1 2 3", "prediction a b b"}, []string{"id 3 1 2", "label b a a", "lang en de en"},
			"binary label [a a b] prediction [a b b]", "", ""},
		{"labels in both", []string{"id 1 2", "label 1 ∅", "prediction 1 0"}, []string{"id 2 1", "label False True", "lang en de"},
			"binary +1 label [1 0] prediction [1 0]", "", ""},
		{"other labels in both", []string{"id 1 2 3", "label a b a", "prediction a b b"}, []string{"id 3 1 2", "label b a a", "lang en de en"},
			"binary label [a a b] prediction [a b b]", "", "2 rows have another label in the file of predictions than in the evaluation dataset, which is taken, the first is row 2"},
		{"other numbers in both", []string{"id 1 2", "label 1 2.5", "prediction 1 2"}, []string{"id 2 1", "label 2.25 1", "lang en de"},
			"regression truth [1 2.25] estimate [1 2]", "", "row 2 has another label"},
		{"no labels in the dataset", []string{"id 1 2", "label a b", "prediction a b"}, []string{"id 2 1", "lang en de"},
			"binary label [a b] prediction [a b]", "", ""},
		{"no key in the dataset", []string{"id 1 2", "label a b", "prediction a b", "lang de en"}, []string{"uid 2 1", "label b b"},
			"binary label [a b] prediction [a b]", "", `the evaluation dataset has no column "id" (key)`},
		{"rows without prediction", []string{"id 1 2", "prediction a b"}, []string{"id 3 1 2 4", "label b a a a", "lang en de en de"},
			"", "2 of 4 rows of the evaluation dataset have no prediction, the first is row 1", ""},
		{"predictions of no row", []string{"id 1 2", "prediction a b"}, []string{"id 2", "label b", "lang en"},
			"", "row 1 of the predictions has a key that the evaluation dataset lacks", ""},
		{"a key twice in the dataset", []string{"id 1 2", "prediction a b"}, []string{"id 2 1 2", "label b a a", "lang en de en"},
			"", "row 3 of the evaluation dataset has the key of a row before it", ""},
		{"a key twice in the predictions", []string{"id 1 1", "prediction a b"}, []string{"id 2 1", "label b a", "lang en de"},
			"", "row 2 has the key of a row before it", ""},
		{"no key in a row", []string{"id 1", "prediction a"}, []string{"id ∅ 1", "label b a", "lang en de"},
			"", "row 1 of the evaluation dataset has no key", ""},
		{"a label missing in the dataset", []string{"id 1 2", "label a b", "prediction a b"}, []string{"id 2 1", "label ∅ a", "lang en de"},
			"", "row 2 has no label", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec(csv(t, c.predictions...))
			s.Dataset, s.Columns = []table.File{csv(t, c.dataset...)}, []string{"lang"}
			set := read(t, s)
			if problems := strings.Join(set.Problems, "\n"); problems != c.problem {
				t.Fatalf("problems %q, want %q", problems, c.problem)
			}
			if notes := strings.Join(set.Notes, "\n"); !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			if c.want == "" {
				return
			}
			if got := show(set.Sample); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if lang := set.Columns["lang"]; !slices.Equal(lang.Names, []string{"de", "en"}) || lang.Codes[0] != 0 || lang.Codes[1] != 1 {
				t.Errorf("lang %v", lang)
			}
		})
	}
	s := spec(csv(t, "id 1 2", "prediction a b"))
	s.Dataset = []table.File{csv(t, "id 1 2", "lang a b")}
	var column *predictions.ColumnError
	if _, err := predictions.Read(t.Context(), s); !errors.As(err, &column) || column.Role != "label" {
		t.Errorf("no label anywhere: %v", err)
	}
	s = spec(csv(t, "label 1 2", "prediction 1 2"))
	s.Key, s.Dataset = "", []table.File{csv(t, "id 1 2", "label 1 1")}
	if set := read(t, s); len(set.Notes) != 1 || !strings.Contains(set.Notes[0], "have no key") {
		t.Errorf("notes %q", set.Notes)
	}
	s = spec(file(t, "p.jsonl", `{"id":1,"label":["b","a"],"prediction":["a"]}`+"\n"+`{"id":2,"label":["a"],"prediction":["b"]}`))
	s.Dataset = []table.File{file(t, "d.jsonl", `{"id":2,"label":["a","c"]}`+"\n"+`{"id":1,"label":["a","b"]}`)}
	set := read(t, s)
	if got := show(set.Sample); got != "multilabel labels [a b] [a c] predictions [a] [b]" || len(set.Notes) != 1 || !strings.HasPrefix(set.Notes[0], "row 2 has another label") {
		t.Errorf("lists: %s, %q", got, set.Notes)
	}
	// A missing text of the dataset is found in the order of the predictions.
	s = spec(csv(t, "id 1 2 3", "label u v w", "prediction x y z"))
	s.Task, s.Dataset = metric.Text, []table.File{csv(t, "id 3 2 1", "label c ∅ u")}
	if set := read(t, s); len(set.Problems) != 1 || set.Problems[0] != "row 2 has no label" {
		t.Errorf("texts: %q", set.Problems)
	}
	// Queries and clusters may stand in the dataset as well.
	s = spec(csv(t, "id 1 2 3", "score 0.5 1 2"))
	s.Prediction, s.Score, s.Query, s.Cluster = "", "score", "query", "user"
	s.Dataset = []table.File{csv(t, "id 3 2", "label 0 1", "query x y", "user u u"), csv(t, "id 1", "label 2", "query x", "user v")}
	if got := show(sample(t, s)); got != "ranking score [0.5 1 2] truth [2 1 0] query [0 1 0] cluster [1 0 0]" {
		t.Errorf("ranking: %s", got)
	}
}
