package predictions

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/table"
)

func TestMaxRows(t *testing.T) {
	defer func(was int) { maxBytes = was }(maxBytes)
	path := filepath.Join(t.TempDir(), "p.csv")
	if err := os.WriteFile(path, []byte("id,label,prediction\n"+strings.Repeat("1,1,1\n", 4)), 0o644); err != nil {
		t.Fatal(err)
	}
	s := Spec{Files: []table.File{{Name: "p.csv", Path: path}}, Label: "label", Prediction: "prediction"}
	maxBytes = 4 * 8 * 5
	if _, err := Read(t.Context(), s); err != nil {
		t.Error(err)
	}
	s.Files = append(s.Files, s.Files[0])
	var data *table.DataError
	if _, err := Read(t.Context(), s); !errors.As(err, &data) || !strings.Contains(err.Error(), "more than 4 rows of 2 columns") {
		t.Error(err)
	}
}

// Rows of several batches, with dictionaries of their own, are the same set in
// CSV and in Parquet, in one file and in two.
func TestBatches(t *testing.T) {
	type row struct {
		ID         int64   `parquet:"id"`
		Label      string  `parquet:"label,dict"`
		Prediction string  `parquet:"prediction"`
		Score      float64 `parquet:"score"`
		User       int32   `parquet:"user"`
		Lang       *string `parquet:"lang,dict,optional"`
	}
	rows := make([]row, table.BatchRows+10_000)
	var lines strings.Builder
	for i := range rows {
		r := row{int64(i), fmt.Sprint("c", i/50_000), fmt.Sprint("c", i%3), float64(i) / 4, int32(i / 3), nil}
		lang := ""
		if i%5 > 0 {
			lang = []string{"en", "de", "fr"}[i/40_000]
			r.Lang = &lang
		}
		rows[i] = r
		fmt.Fprintf(&lines, "%d,%s,%s,%g,%d,%s\n", r.ID, r.Label, r.Prediction, r.Score, r.User, lang)
	}
	dir := t.TempDir()
	read := func(files ...string) *Set {
		s := Spec{Key: "id", Label: "label", Prediction: "prediction", Cluster: "user", Columns: []string{"lang", "score"}, Scores: map[string]string{"c0": "score", "c1": "score", "c2": "score"}}
		for _, f := range files {
			s.Files = append(s.Files, table.File{Name: f, Path: filepath.Join(dir, f)})
		}
		set, err := Read(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if len(set.Problems) > 0 {
			t.Fatal(set.Problems)
		}
		return set
	}
	const header = "id,label,prediction,score,user,lang\n"
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	half := strings.Index(lines.String(), "\n30000,") + 1
	write("all.csv", header+lines.String())
	write("1.csv", header+lines.String()[:half])
	write("2.csv", header+lines.String()[half:])
	if err := parquet.WriteFile(filepath.Join(dir, "p.parquet"), rows, parquet.MaxRowsPerRowGroup(45_000)); err != nil {
		t.Fatal(err)
	}
	want := read("all.csv")
	if want.N != int64(len(rows)) || want.Sample.Label[60_000] != 1 || want.Sample.Cluster[60_001] != 20_000 ||
		!reflect.DeepEqual(want.Columns["lang"].Names, []string{"de", "en"}) || want.Columns["lang"].Codes[60_001] != 0 || want.Columns["score"].Numbers[6] != 1.5 {
		t.Errorf("%+v", want.Columns["lang"].Names)
	}
	for _, files := range [][]string{{"p.parquet"}, {"1.csv", "2.csv"}} {
		if got := read(files...); !reflect.DeepEqual(got, want) {
			t.Errorf("%s differ from all.csv", files)
		}
	}
}

func TestKeyText(t *testing.T) {
	for text, want := range map[string]string{"17.0": "17", "17.00": "17.00", "-17.0": "-17", "-.0": "-.0", ".0": ".0", "1.1.0": "1.1.0", "v1.0": "v1.0", "x": "x", "": ""} {
		if got := withoutPoint([]byte(text)); string(got) != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
