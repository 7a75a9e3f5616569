package modelfile_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// The files of this test were written by the libraries themselves, see
// testdata/make_second.py; library is what they say of them.
func library(t testing.TB) (l struct {
	Sklearn, Xgboost, Skops, Catboost, Openvino string
	Trees, CatboostTrees                        int64
	Lightgbm                                    struct {
		Features []string
		Trees    int64
	}
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(sample(t, "second.json")), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func rows(n int64) []modelfile.Value {
	return []modelfile.Value{{Name: "X", Kind: "tensor", Shape: []int64{-1, n}}}
}

func TestXGBoostUBJSON(t *testing.T) {
	f, fromJSON := facts(t, "small.ubj"), facts(t, "small.xgboost.json")
	if f.Format != "xgboost" || f.Architecture != "gbtree" || f.Frameworks["xgboost"] != library(t).Xgboost || f.Details["objective"] != "multi:softprob" ||
		f.Details["trees"] != library(t).Trees || f.Details["classes"] != int64(3) || !reflect.DeepEqual(f.Inputs, rows(3)) ||
		!reflect.DeepEqual(f.Details["features"], []string{"age", "size", "größe"}) || !reflect.DeepEqual(f.Details["featureTypes"], []string{"float", "q", "float"}) {
		t.Errorf("got %+v", f)
	}
	for key, v := range fromJSON.Details {
		if !reflect.DeepEqual(f.Details[key], v) {
			t.Errorf("%s: %v in JSON, %v in UBJSON", key, v, f.Details[key])
		}
	}
	if f := facts(t, "dart.ubj"); f.Architecture != "dart" || f.Details["trees"] != int64(1) {
		t.Errorf("dart: %+v", f)
	}
	if f := facts(t, "linear.ubj"); f.Architecture != "gblinear" || f.Details["trees"] != nil {
		t.Errorf("gblinear: %+v", f)
	}
	const start = "{L\x00\x00\x00\x00\x00\x00\x00\x07learner{"
	deep := start + "i\x01a"
	for range 100 {
		deep += "[["
	}
	for name, file := range map[string]string{
		"cut":                   sample(t, "small.ubj")[:1000],
		"trailing":              sample(t, "small.ubj") + "}",
		"endless text":          start + "L\x7f\xff\xff\xff\xff\xff\xff\xff",
		"negative length":       start + "L\xff\xff\xff\xff\xff\xff\xff\xff",
		"unknown kind":          start + "i\x01aX",
		"deep":                  deep,
		"deep objects":          start + strings.Repeat("i\x01a{", 100) + strings.Repeat("}", 102),
		"kind without a number": start + "i\x01a[$d}}",
		"numbers past the end":  start + "i\x01a[$d#U\x20}}",
	} {
		refuses(t, name, file, "XGB002")
	}
}

// refuses holds a file to the finding of a rule.
func refuses(t *testing.T, name, file, rule string) {
	t.Helper()
	f, err := inspect(t, file, "m")
	var bad *modelfile.FormatError
	if !errors.As(err, &bad) || bad.Rule != rule || modelfile.RuleDoc(bad.Rule) == "" || bad.Hint == "" || bad.Offset < 0 || bad.Offset > int64(len(file)) {
		t.Errorf("%s: got %+v, %v, want %s", name, f, err, rule)
	}
}

func TestLightGBMAgreesWithLibrary(t *testing.T) {
	f := facts(t, "small.lightgbm.txt")
	if l := library(t).Lightgbm; f.Format != "lightgbm" || f.Details["trees"] != l.Trees || f.Details["classes"] != int64(3) ||
		!reflect.DeepEqual(f.Details["features"], l.Features) || f.Details["objective"] != "multiclass num_class:3" {
		t.Errorf("got %+v", f)
	}
}
