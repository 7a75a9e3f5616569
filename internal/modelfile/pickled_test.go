package modelfile_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// Estimators that scikit-learn wrote (see testdata/make_models.py).
func TestPickledEstimators(t *testing.T) {
	var library map[string]struct{ Sklearn string }
	if err := json.Unmarshal([]byte(sample(t, "models.json")), &library); err != nil {
		t.Fatal(err)
	}
	for name, labels := range map[string][]string{"words.pkl": {"cat", "dog", "größe"}, "numbers.pkl": {"0", "1", "2"}} {
		f := facts(t, name)
		inputs := []modelfile.Value{{Name: "X", Kind: "tensor", Shape: []int64{-1, 2}}}
		if f.Format != "pickle" || f.Architecture != "LogisticRegression" || !reflect.DeepEqual(f.Labels, labels) || !reflect.DeepEqual(f.Inputs, inputs) ||
			f.Frameworks["sklearn"] != library["words.pkl"].Sklearn || f.Dtypes != nil || f.Details["class"] != "sklearn.linear_model._logistic.LogisticRegression" {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	if f, err := inspect(t, sample(t, "words.pkl")[:700], "words.pkl"); err != nil || f.Format != "" {
		t.Errorf("a stream that breaks off: %+v, %v", f, err)
	}
}

const boosted = `{"learner":{"attributes":{},"feature_names":["age","größe"],"feature_types":["float","int"],` +
	`"gradient_booster":{"model":{"trees":[{"left_children":[1,-1]}]},"name":"gbtree"},` +
	`"learner_model_param":{"base_score":"5E-1","num_class":"3","num_feature":"2"},"objective":{"name":"multi:softprob"}},"version":[2,1,4]}`

func TestXGBoost(t *testing.T) {
	f, err := inspect(t, boosted, "model.json")
	if err != nil {
		t.Fatal(err)
	}
	inputs := []modelfile.Value{{Name: "X", Kind: "tensor", Shape: []int64{-1, 2}}}
	if f.Format != "xgboost" || f.Architecture != "gbtree" || f.Frameworks["xgboost"] != "2.1.4" || f.Details["objective"] != "multi:softprob" ||
		f.Details["classes"] != int64(3) || !reflect.DeepEqual(f.Inputs, inputs) || !reflect.DeepEqual(f.Details["features"], []string{"age", "größe"}) {
		t.Errorf("got %+v", f)
	}
	for n := 12; n < len(boosted)-1; n++ {
		var bad *modelfile.FormatError
		if _, err := inspect(t, boosted[:n], "m"); !errors.As(err, &bad) || bad.Rule != "XGB001" {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if f, err := inspect(t, `{"learning": 1}`, "model.json"); err != nil || f.Format != "" {
		t.Errorf("other JSON: %+v, %v", f, err)
	}
}

const leaves = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective=binary sigmoid:1\n" +
	"feature_names=age size\nfeature_infos=[0:1] none\ntree_sizes=20 30\n\nTree=0\nnum_leaves=2\n"

func TestLightGBM(t *testing.T) {
	for _, file := range []string{leaves, strings.ReplaceAll(leaves, "\n", "\r\n")} {
		f, err := inspect(t, file, "model.txt")
		if err != nil {
			t.Fatal(err)
		}
		inputs := []modelfile.Value{{Name: "X", Kind: "tensor", Shape: []int64{-1, 2}}}
		if f.Format != "lightgbm" || f.Details["objective"] != "binary sigmoid:1" || f.Details["trees"] != int64(2) || !reflect.DeepEqual(f.Inputs, inputs) {
			t.Errorf("got %+v", f)
		}
	}
	for _, file := range []string{leaves[:60], strings.Replace(leaves, "idx=1", "idx=7", 1), strings.Replace(leaves, "idx=1", "idx=-9", 1)} {
		var bad *modelfile.FormatError
		if _, err := inspect(t, file, "m"); !errors.As(err, &bad) || bad.Rule != "LGB001" || modelfile.RuleDoc(bad.Rule) == "" {
			t.Errorf("%q: got %v", file, err)
		}
	}
}
