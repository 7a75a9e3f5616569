package predictions_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/table"
)

func TestTasks(t *testing.T) {
	for _, c := range []struct {
		name    string
		columns []string
		change  func(*predictions.Spec)
		want    string
		note    string
	}{
		{"binary", []string{"label 0 1", "prediction 1 1.0"}, nil, "binary +1 label [0 1] prediction [1 1]", ""},
		{"booleans and numbers", []string{"label 0 1", "prediction True false"}, nil, "binary +1 label [0 1] prediction [1 0]", ""},
		{"two names", []string{"label ham spam", "prediction ham ham"}, nil, "binary label [ham spam] prediction [ham ham]", ""},
		{"only negatives", []string{"label 0 0", "prediction 0 0"}, nil, "binary +1 label [0 0] prediction [0 0]", ""},
		{"digits are classes", []string{"label 0 9 3", "prediction 1 9 9"}, nil, "multiclass label [0 9 3] prediction [1 9 9]", ""},
		{"digits declared numbers", []string{"label 0 9", "prediction 1 9"}, func(s *predictions.Spec) { s.Task = metric.Regression },
			"regression truth [0 9] estimate [1 9]", ""},
		{"integers and estimates", []string{"label 1 2 300", "prediction 1 2.5 299"}, nil, "regression truth [1 2 300] estimate [1 2.5 299]", ""},
		{"looks like scores", []string{"label 1 0", "prediction 0.9 0.2"}, nil, "regression truth [1 0] estimate [0.9 0.2]", "if they are scores"},
		{"a third class", []string{"label a b", "prediction a c"}, nil, "multiclass label [a b] prediction [a c]", ""},
		{"positive of many", []string{"label a b", "prediction a c"}, func(s *predictions.Spec) { s.Positive = "c" }, "multiclass +c label [a b] prediction [a c]", ""},
		{"positive absent", []string{"label a b", "prediction a b"}, func(s *predictions.Spec) { s.Positive = "c" }, "binary +c label [a b] prediction [a b]", `no row has "c"`},
		{"positive of booleans", []string{"label 0 1", "prediction 1 1"}, func(s *predictions.Spec) { s.Positive = true }, "binary +1 label [0 1] prediction [1 1]", ""},
		{"only scores", []string{"label 0 1 1", "p 0.4 0.5 0.1"}, func(s *predictions.Spec) { s.Prediction, s.Score = "", "p" },
			"binary +1 label [0 1 1] prediction [0 1 0] score [0.4 0.5 0.1]", ""},
		{"only scores, all positive", []string{"label 1 1", "p 0.4 0.5"}, func(s *predictions.Spec) { s.Prediction, s.Score = "", "p" },
			"binary +1 label [1 1] prediction [0 1] score [0.4 0.5]", ""},
		{"only scores of the first class", []string{"label a b b", "p 0.4 0.5 0.1"}, func(s *predictions.Spec) { s.Prediction, s.Score, s.Positive = "", "p", "a" },
			"binary +a label [a b b] prediction [b a b] score [0.4 0.5 0.1]", ""},
		{"only logits", []string{"label 0 1 1", "p -3 0.5 4"}, func(s *predictions.Spec) { s.Prediction, s.Score = "", "p" },
			"binary +1 label [0 1 1] score [-3 0.5 4]", "set threshold:"},
		{"logits with a threshold", []string{"label 0 1 1", "p -3 0.5 4"}, func(s *predictions.Spec) {
			s.Prediction, s.Score, s.Threshold = "", "p", new(float64)
		}, "binary +1 label [0 1 1] prediction [0 1 1] score [-3 0.5 4]", ""},
		{"scores of classes", []string{"label b a", "pa 0.5 0.1", "pb 0.5 0.3", "pc 0 0.6"}, func(s *predictions.Spec) {
			s.Prediction, s.Scores = "", map[string]string{"a": "pa", "b": "pb", "c": "pc"}
		}, "multiclass label [b a] prediction [a c] scores [[0.5 0.1] [0.5 0.3] [0 0.6]]", "in 1 row two classes have the highest score"},
		{"binary with scores of both", []string{"label 0 1", "p0 0.75 0.5", "p1 0.25 0.5"}, func(s *predictions.Spec) {
			s.Task, s.Prediction, s.Scores = metric.Binary, "", map[string]string{"0": "p0", "1": "p1"}
		}, "binary +1 label [0 1] prediction [0 1] score [0.25 0.5]", ""},
		{"a class without scores", []string{"label b c", "prediction a a", "pa 0.5 0.1", "pb 0.5 0.3"}, func(s *predictions.Spec) {
			s.Scores = map[string]string{"a": "pa", "b": "pb"}
		}, "multiclass label [b c] prediction [a a]", `"c"`},
		{"ranking", []string{"label 3 0 1", "p 0.5 0.25 2", "q x y x"}, func(s *predictions.Spec) { s.Prediction, s.Score, s.Query = "", "p", "q" },
			"ranking score [0.5 0.25 2] truth [3 0 1] query [0 1 0]", ""},
		{"clusters", []string{"label 1 0 1", "prediction 1 1 1", "user u v u"}, func(s *predictions.Spec) { s.Cluster = "user" },
			"binary +1 label [1 0 1] prediction [1 1 1] cluster [0 1 0]", ""},
		{"declared text", []string{"label yes No", "prediction yes no"}, func(s *predictions.Spec) { s.Task = metric.Text }, "text reference [yes No] answer [yes no]", ""},
		{"long texts", []string{"label a 1.0", "prediction 01 " + strings.Repeat("x", 1025)}, nil,
			"text reference [a 1.0] answer [01 " + strings.Repeat("x", 1025) + "]", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec(csv(t, c.columns...))
			s.Key = ""
			if c.change != nil {
				c.change(&s)
			}
			set := read(t, s)
			if len(set.Problems) > 0 {
				t.Fatal(set.Problems)
			}
			if got := show(set.Sample); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if notes := strings.Join(set.Notes, "\n"); !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

// Columns of many values change their form while they are read.
func TestManyValues(t *testing.T) {
	numbers, integers, words := "label", "prediction", "prediction"
	labels := "label"
	n := predictions.MaxClasses + 5
	for i := range n {
		numbers += fmt.Sprintf(" %d.5", i)
		integers += fmt.Sprintf(" %d", i)
		words += fmt.Sprintf(" w%d", i)
		labels += fmt.Sprintf(" w%d", i%3)
	}
	s := func(columns ...string) predictions.Spec { s := spec(csv(t, columns...)); s.Key = ""; return s }
	got := sample(t, s(numbers, integers))
	if got.Task != metric.Regression || got.Truth[n-1] != float64(n)-0.5 || got.Estimate[n-1] != float64(n-1) || got.Truth[0] != 0.5 {
		t.Errorf("%s: %v", got.Task, got.Truth[n-1])
	}
	if got := sample(t, s(strings.Replace(integers, "prediction", "label", 1), integers)); got.Task != metric.Regression {
		t.Errorf("many integers: %s", got.Task)
	}
	other := "prediction"
	these := strings.Replace(integers, "prediction", "label", 1)
	for i := range n {
		other += fmt.Sprintf(" %d", (i+n)%9000+5000)
	}
	if got := sample(t, s(strings.Join(strings.Fields(these)[:9001], " "), strings.Join(strings.Fields(other)[:9001], " "))); got.Task != metric.Regression {
		t.Errorf("many integers of both together: %s", got.Task)
	}
	if got := sample(t, s(labels, words)); got.Task != metric.Text || got.Answer[n-1] != fmt.Sprint("w", n-1) || got.Reference[1] != "w1" {
		t.Errorf("many words: %s", got.Task)
	}
	if set := read(t, s(numbers, words)); len(set.Problems) != 1 || !strings.Contains(set.Problems[0], "written differently") {
		t.Errorf("numbers and words: %q", set.Problems)
	}
	set := read(t, s(strings.Replace(numbers, " 7.5", " inf", 1), integers))
	if len(set.Problems) != 1 || set.Problems[0] != "row 8 has no finite number as label" {
		t.Errorf("an infinite number: %q", set.Problems)
	}
	declared := s(labels, words)
	declared.Task = metric.Multiclass
	var data *table.DataError
	if _, err := predictions.Read(t.Context(), declared); !errors.As(err, &data) || data.Line != predictions.MaxClasses+2 || !strings.Contains(err.Error(), "more than 10000 different") {
		t.Errorf("too many classes: %v", err)
	}
}

func TestLists(t *testing.T) {
	lines := `{"id":1,"label":["b","a","b"],"prediction":[]}
{"id":2,"label":[1,true],"prediction":["1"]}`
	want := "multilabel labels [a b] [1 true] predictions [] [1]"
	if got := show(sample(t, spec(file(t, "p.jsonl", lines)))); got != want {
		t.Errorf("JSON lines: %s", got)
	}
	quoted := "id,label,prediction\n1,\"[\"\"b\"\",\"\"a\"\"]\",[]\n2,\"[1, true]\",[1]\n"
	if got := show(sample(t, spec(file(t, "p.csv", quoted)))); got != want {
		t.Errorf("CSV: %s", got)
	}
	type row struct {
		ID         int64    `parquet:"id"`
		Label      []string `parquet:"label,list"`
		Prediction []string `parquet:"prediction,list"`
	}
	path := filepath.Join(t.TempDir(), "p.parquet")
	if err := parquet.WriteFile(path, []row{{1, []string{"b", "a"}, []string{}}, {2, []string{"1", "true"}, []string{"1"}}}); err != nil {
		t.Fatal(err)
	}
	if got := show(sample(t, spec(table.File{Name: "p.parquet", Path: path}))); got != want {
		t.Errorf("Parquet: %s", got)
	}
	s := spec(file(t, "p.jsonl", `{"id":1,"label":["a"],"pa":0.7,"pb":0.5}`+"\n"+`{"id":2,"label":[],"pa":0.2,"pb":0.1}`))
	s.Prediction, s.Scores = "", map[string]string{"a": "pa", "b": "pb"}
	if got := show(sample(t, s)); got != "multilabel scores [[0.7 0.2] [0.5 0.1]] labels [a] [] predictions [a b] []" {
		t.Errorf("scores: %s", got)
	}
	var data *table.DataError
	for content, says := range map[string]string{
		`{"id":1,"label":"a","prediction":"a"}` + "\n" + `{"id":2,"label":[1],"prediction":"a"}`:     "row 2: is a list",
		`{"id":1,"label":[1],"prediction":[1]}` + "\n" + `{"id":2,"label":"a","prediction":[1]}`:     "row 2: is no list",
		`{"id":1,"label":[1],"prediction":[1]}` + "\n" + `{"id":2,"label":[[1]],"prediction":[1]}`:   "row 2: is a list with an element that is no class",
		`{"id":1,"label":{"a":1},"prediction":"b"}`:                                                  "row 1: is a struct",
		`{"id":1,"label":[1],"prediction":[1]}` + "\n" + `{"id":2,"label":[null],"prediction":[""]}`: "no class",
	} {
		if _, err := predictions.Read(t.Context(), spec(file(t, "p.jsonl", content))); !errors.As(err, &data) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", content, err, says)
		}
	}
	set := read(t, spec(file(t, "p.jsonl", `{"id":1,"label":["a"],"prediction":"a"}`)))
	if len(set.Problems) != 1 || !strings.Contains(set.Problems[0], "one of label and prediction is a list") {
		t.Errorf("a list and a class: %q", set.Problems)
	}
}

func TestLabels(t *testing.T) {
	for _, c := range []struct {
		label, prediction string
		same              bool
	}{
		{"1", "1.0", true}, {"1", "1e0", true}, {"-0", "0", true}, {"0.50", "0.5", true}, {"1", "01", false}, {"1", "+1", false},
		{"true", "TRUE", true}, {"true", "False", false}, {"9007199254740993", "9007199254740992", false},
		{"9007199254740993", "9007199254740993", true}, {"a", "A", false}, {"cat", "cat\u00a0", false}, {"1.5.2", "1.5", false}, {"1.", "1", false},
		{"1e", "1", false}, {"-", "-0", false}, {"0x1", "1", false}, {"1_000", "1000", false}, {"1e400", "1e401", false},
	} {
		// The name among the labels keeps what is no number from a mismatch.
		s := spec(file(t, "p.csv", fmt.Sprintf("id,label,prediction\n1,%s,%s\n2,x,x\n3,1,1\n", c.label, c.prediction)))
		s.Task = metric.Multiclass
		if got := sample(t, s); (got.Label[0] == got.Prediction[0]) != c.same {
			t.Errorf("%s and %s: %v and %v of %q", c.label, c.prediction, got.Label[0], got.Prediction[0], got.Classes)
		}
	}
}

// The same rows are the same sample in every format and type of column.
func TestFormatsAgree(t *testing.T) {
	type row struct {
		ID         int64   `parquet:"id"`
		Label      int32   `parquet:"label"`
		Prediction float64 `parquet:"prediction"`
		Score      float32 `parquet:"score"`
	}
	type textRow struct {
		ID         float64 `parquet:"id"`
		Label      bool    `parquet:"label"`
		Prediction string  `parquet:"prediction,dict"`
		Score      float64 `parquet:"score"`
	}
	labels, answers := []int32{1, 0, 1, 1, 0}, []int32{1, 1, 0, 1, 0}
	var rows []row
	var texts []textRow
	csvText, jsonText := "id,label,prediction,score\n", ""
	for i := range labels {
		id := int64(1_000_000 + i)
		rows = append(rows, row{id, labels[i], float64(answers[i]), 0.5})
		texts = append(texts, textRow{float64(id), labels[i] == 1, fmt.Sprint(answers[i]), 0.5})
		csvText += fmt.Sprintf("%d,%d,%d.0,0.50\n", id, labels[i], answers[i])
		jsonText += fmt.Sprintf(`{"id":"%d","label":%d,"prediction":%t,"score":0.5}`+"\n", id, labels[i], answers[i] == 1)
	}
	dir := t.TempDir()
	var first *predictions.Set
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
		s := spec(table.File{Name: name, Path: path})
		s.Score = "score"
		set := read(t, s)
		if first == nil {
			first = set
		}
		if p := predictions.Join(first, set); len(p.Problems) > 0 {
			t.Errorf("%s: %q", name, p.Problems)
		}
		if got, want := set.Sample, "binary +1 label [1 0 1 1 0] prediction [1 1 0 1 0] score [0.5 0.5 0.5 0.5 0.5]"; strings.ReplaceAll(strings.ReplaceAll(show(got), "true", "1"), "false", "0") != want {
			t.Errorf("%s: %s", name, show(got))
		}
	}
}

func TestColumns(t *testing.T) {
	var words, ids strings.Builder
	ids.WriteString("id")
	words.WriteString("word")
	n := predictions.MaxClasses + 1
	columns := []string{"", "", "label", "prediction", "lang", "age", "stars", "price", "flag"}
	for i := range n {
		fmt.Fprintf(&ids, " %d", i)
		fmt.Fprintf(&words, " w%d", i)
		for j, v := range []string{"", "", "1", "1", []string{"en", "de", "∅"}[i%3], fmt.Sprint(20 + i%50), fmt.Sprint(i % 5), []string{"1.5", "2", "∅"}[i%3], []string{"True", "FALSE"}[i%2]} {
			columns[j] += " " + v
		}
	}
	columns[0], columns[1] = ids.String(), words.String()
	s := spec(csv(t, columns...))
	s.Columns = []string{"lang", "age", "stars", "price", "flag", "word", "lang", "id"}
	set := read(t, s)
	if got := strings.Join(set.Notes, "\n"); got != `the column "word" has more than 10,000 different values, or values that are no single short ones, so that it cannot be a slice` {
		t.Errorf("notes %q", got)
	}
	lang, age, stars, price, flag := set.Columns["lang"], set.Columns["age"], set.Columns["stars"], set.Columns["price"], set.Columns["flag"]
	if !slices.Equal(lang.Names, []string{"de", "en"}) || !slices.Equal(lang.Codes[:3], []int32{1, 0, metric.Missing}) {
		t.Errorf("lang %v %v", lang.Names, lang.Codes[:3])
	}
	if age.Codes != nil || age.Numbers[51] != 21 || set.Columns["id"].Numbers[n-1] != float64(n-1) {
		t.Errorf("age %v", age.Names)
	}
	if !slices.Equal(stars.Names, []string{"0", "1", "2", "3", "4"}) || stars.Codes[3] != 3 {
		t.Errorf("stars %v", stars.Names)
	}
	if price.Numbers[0] != 1.5 || price.Numbers[1] != 2 || !math.IsNaN(price.Numbers[2]) {
		t.Errorf("price %v", price.Numbers[:3])
	}
	if !slices.Equal(flag.Names, []string{"false", "true"}) || flag.Codes[0] != 1 {
		t.Errorf("flag %v", flag.Names)
	}
	if len(set.Columns) != 6 {
		t.Errorf("%d columns", len(set.Columns))
	}
}
