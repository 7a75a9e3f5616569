package predictions_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/table"
)

func TestJoin(t *testing.T) {
	for _, c := range []struct {
		name                string
		candidate, baseline []string
		change              func(c, b *predictions.Spec)
		want                string // candidate | baseline
		problem, note       string
	}{
		{"by key", []string{"id 1 2 3", "label a b b", "prediction a a b"}, []string{"id 3 1 2", "label b a b", "prediction b b a"}, nil,
			"binary label [a b b] prediction [a a b] | binary label [a b b] prediction [b a b]", "", ""},
		{"by position", []string{"label a b", "prediction a a"}, []string{"label a b", "prediction b b"}, nil,
			"binary label [a b] prediction [a a] | binary label [a b] prediction [b b]", "", ""},
		{"the same keys in order", []string{"id 1 2", "label a b", "prediction a a"}, []string{"id 1 2", "label a b", "prediction b b"}, nil,
			"binary label [a b] prediction [a a] | binary label [a b] prediction [b b]", "", ""},
		{"one without key", []string{"id 1 2", "label a b", "prediction a a"}, []string{"label a b", "prediction b b"}, nil,
			"binary label [a b] prediction [a a] | binary label [a b] prediction [b b]", "", ""},
		{"a class of one model", []string{"id 1 2", "label a c", "prediction a d"}, []string{"id 2 1", "label c a", "prediction b a"}, nil,
			"multiclass label [a c] prediction [a d] | multiclass label [a c] prediction [a b]", "", ""},
		{"binary and a third class", []string{"id 1 2", "label 0 1", "prediction 0 1"}, []string{"id 1 2", "label 0 1", "prediction 0 2"}, nil,
			"multiclass +1 label [0 1] prediction [0 1] | multiclass +1 label [0 1] prediction [0 2]", "", "taken as multiclass"},
		{"booleans and numbers", []string{"id 1 2", "label 0 1", "prediction 0 1"}, []string{"id 1 2", "label false true", "prediction true true"}, nil,
			"binary +1 label [0 1] prediction [0 1] | binary +1 label [0 1] prediction [1 1]", "", ""},
		{"integers and estimates", []string{"id 1 2", "label 3 4", "prediction 3.5 4"}, []string{"id 2 1", "label 4 3", "prediction 3 3"}, nil,
			"regression truth [3 4] estimate [3.5 4] | regression truth [3 4] estimate [3 3]", "", ""},
		{"other rows", []string{"id 1 2 3", "label 0 1 1", "prediction 0 1 1"}, []string{"id 1 4", "label 0 1", "prediction 0 1"}, nil, "",
			"the candidate has 3 rows, the baseline 2: 2 of the candidate and 1 of the baseline have no partner", ""},
		{"fewer rows", []string{"id 1 2", "label 0 1", "prediction 0 1"}, []string{"id 1 2 3", "label 0 1 1", "prediction 0 1 1"}, nil, "",
			"0 of the candidate and 1 of the baseline have no partner", ""},
		{"another number of rows", []string{"label 0 1 1", "prediction 0 1 1"}, []string{"label 0 1", "prediction 0 1"}, nil, "",
			"the candidate has 3 rows, the baseline 2; name the column", ""},
		{"another truth", []string{"id 1 2", "label 0 1", "prediction 0 1"}, []string{"id 1 2", "label 0 0", "prediction 0 1"}, nil, "",
			"the truth differs in 1 row, the first is row 2 of the candidate: the two were evaluated", ""},
		{"another order", []string{"label 0 1", "prediction 0 1"}, []string{"label 1 0", "prediction 0 1"}, nil, "",
			"the truth differs in 2 rows, the first is row 1 of the candidate; rows without a key", ""},
		{"another task", []string{"id 1 2", "label 0.5 1", "prediction 0 1"}, []string{"id 1 2", "label a b", "prediction a b"}, nil, "",
			"the candidate's task is regression, the baseline's binary", ""},
		{"a problem of one", []string{"id 1 2", "label 0 1", "prediction 0 1"}, []string{"id 1 1", "label 1 1", "prediction 0 ∅"}, nil, "",
			"the baseline: row 2 has the key of a row before it\nthe baseline: row 2 has no prediction", ""},
		{"other positives", []string{"id 1 2", "label a b", "prediction a b"}, []string{"id 1 2", "label a b", "prediction b b"},
			func(c, b *predictions.Spec) { c.Positive, b.Positive = "a", "b" }, "", `"a" is the positive class of the candidate, and "b" that`, ""},
		{"the positive of one", []string{"id 1 2", "label a b", "prediction a b"}, []string{"id 1 2", "label a b", "prediction b b"},
			func(c, b *predictions.Spec) { b.Positive = "b" },
			"binary +b label [a b] prediction [a b] | binary +b label [a b] prediction [b b]", "", ""},
		{"queries", []string{"id 1 2 3", "label 1 0 1", "s 1 2 3", "q x y x"}, []string{"id 2 3 1", "label 0 1 1", "s 2 3 1", "q q p p"}, ranking,
			"ranking score [1 2 3] truth [1 0 1] query [0 1 0] | ranking score [1 2 3] truth [1 0 1] query [0 1 0]", "", ""},
		{"other queries", []string{"id 1 2 3", "label 1 0 1", "s 1 2 3", "q x y x"}, []string{"id 3 2 1", "label 1 0 1", "s 3 2 1", "q p q q"}, ranking, "",
			"the queries of the candidate's rows are others", ""},
		{"scores of a class the other lacks", []string{"id 1 2", "label a b", "prediction a c", "pa 0.5 0.2", "pb 0.5 0.3"}, []string{"id 1 2", "label a b", "prediction a b", "pa 0.9 0.1", "pb 0.1 0.9"},
			func(c, b *predictions.Spec) {
				b.Scores = map[string]string{"a": "pa", "b": "pb"}
			}, "multiclass label [a b] prediction [a c] | multiclass label [a b] prediction [a b] scores [[0.9 0.1] [0.1 0.9] [0 0]]", "", ""},
		{"logits of a class the other lacks", []string{"id 1 2", "label a b", "prediction a c"}, []string{"id 1 2", "label a b", "prediction a b", "pa 9 -2", "pb 1 3"},
			func(c, b *predictions.Spec) {
				b.Scores = map[string]string{"a": "pa", "b": "pb"}
			}, "multiclass label [a b] prediction [a c] | multiclass label [a b] prediction [a b] scores [[9 -2] [1 3] [-2 -2]]", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			candidate, baseline := spec(csv(t, c.candidate...)), spec(csv(t, c.baseline...))
			for columns, s := range map[*[]string]*predictions.Spec{&c.candidate: &candidate, &c.baseline: &baseline} {
				if !strings.HasPrefix((*columns)[0], "id") {
					s.Key = ""
				}
			}
			if c.change != nil {
				c.change(&candidate, &baseline)
			}
			a, b := read(t, candidate), read(t, baseline)
			before := fmt.Sprint(a.Sample, b.Sample)
			p := predictions.Join(a, b)
			if fmt.Sprint(a.Sample, b.Sample) != before {
				t.Error("a set was changed")
			}
			if problems := strings.Join(p.Problems, "\n"); !strings.Contains(problems, c.problem) || c.problem == "" && problems != "" {
				t.Fatalf("problems %q, want %q", problems, c.problem)
			}
			if notes := strings.Join(p.Notes, "\n"); !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
			if c.want == "" {
				if p.Candidate != nil || p.Baseline != nil {
					t.Error("a problem and a sample")
				}
				return
			}
			checkSample(t, p.Candidate)
			checkSample(t, p.Baseline)
			if got := show(p.Candidate) + " | " + show(p.Baseline); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if reflect.DeepEqual(p.Candidate.Classes, p.Baseline.Classes) == false || p.Paired != map[bool]string{true: `key "id"`, false: "position"}[candidate.Key != "" && baseline.Key != ""] {
				t.Errorf("classes %q and %q, paired by %s", p.Candidate.Classes, p.Baseline.Classes, p.Paired)
			}
		})
	}
}

func ranking(c, b *predictions.Spec) {
	for _, s := range []*predictions.Spec{c, b} {
		s.Prediction, s.Score, s.Query = "", "s", "q"
	}
}

// The order of the baseline's rows changes nothing.
func TestJoinPermuted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		n, k := 1+rng.IntN(40), 1+rng.IntN(5)
		row := make([][4]string, n)
		for i := range row {
			row[i] = [4]string{fmt.Sprint("k", i), fmt.Sprint(rng.IntN(k)), fmt.Sprint(rng.IntN(k)), fmt.Sprint(rng.IntN(k + 1))}
		}
		write := func(order []int, prediction int) *predictions.Set {
			var b strings.Builder
			b.WriteString("id,label,prediction,lang\n")
			for _, i := range order {
				fmt.Fprintf(&b, "%s,%s,%s,%s\n", row[i][0], row[i][1], row[i][prediction], row[i][2])
			}
			s := spec(file(t, "p.csv", b.String()))
			s.Columns, s.Cluster = []string{"lang"}, "lang"
			return read(t, s)
		}
		order := rng.Perm(n)
		candidate := write(order, 2)
		want := predictions.Join(candidate, write(order, 3))
		got := predictions.Join(candidate, write(rng.Perm(n), 3))
		if len(want.Problems) > 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("%d rows, %d classes: %+v, want %+v", n, k, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, content := range []string{
		"id,label,prediction\n1,1,1.0\n2,true,0\n",
		"id,label,prediction\n1,a,b\n1,\"\",NaN\n",
		"id,label,prediction,score,lang\n1,1e999,-0,0.5,en\n",
		"id,label,prediction\n1,\"[1,2]\",[]\n",
		"id,label,prediction,score\n1,0.5,1,inf\n2,1,2,3\n",
		`{"id":1,"label":["a"],"prediction":["b","a"]}` + "\n" + `{"id":2,"label":[],"prediction":null}`,
		`{"id":1,"label":1,"prediction":2.5,"lang":{"a":1}}`,
	} {
		for task := range tasks {
			f.Add(content, strings.HasPrefix(content, "{"), "1", uint8(task))
		}
	}
	f.Fuzz(func(t *testing.T, content string, lines bool, positive string, task uint8) {
		name := "p.csv"
		if lines {
			name = "p.jsonl"
		}
		s := spec(file(t, name, content))
		s.Task = tasks[int(task)%len(tasks)]
		if positive != "" {
			s.Positive = positive
		}
		if strings.Contains(content, "score") {
			s.Score = "score"
		}
		if strings.Contains(content, "lang") {
			s.Columns = []string{"lang"}
		}
		if s.Task == metric.Ranking {
			s.Query = "label"
		}
		set, err := predictions.Read(t.Context(), s)
		if err != nil {
			return
		}
		check(t, set)
		s.Dataset = s.Files
		again, err := predictions.Read(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		check(t, again)
		p := predictions.Join(set, again)
		if (len(set.Problems) == 0) != (len(p.Problems) == 0) {
			t.Fatalf("problems %q, joined with itself %q", set.Problems, p.Problems)
		}
		if p.Candidate != nil {
			checkSample(t, p.Candidate)
			checkSample(t, p.Baseline)
		}
	})
}

var tasks = []metric.Task{"", metric.Binary, metric.Multiclass, metric.Multilabel, metric.Regression, metric.Ranking, metric.Text}

func TestDefaultKey(t *testing.T) {
	a, b := csv(t, "id 1 2", "x 1 1"), csv(t, "id 2 3", "x 1 1")
	for want, files := range map[string][]table.File{
		"id": {a, b}, "": {a, csv(t, "id 1 1")}, " ": {a, csv(t, "x 1 2")}, "  ": {csv(t, "id 1 ∅", "x 1 2")}, "   ": nil,
	} {
		if got := predictions.DefaultKey(t.Context(), files...); got != strings.TrimSpace(want) {
			t.Errorf("%d files: %q, want %q", len(files), got, want)
		}
	}
}
