package modelfile_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"
)

var pipelines = []string{"pipeline.pkl", "pipeline.joblib", "pipeline.joblib.zlib", "pipeline.joblib.gzip", "pipeline.joblib.bz2", "pipeline.joblib.xz", "pipeline.joblib.lzma", "small.skops"}

// One pipeline, written in every way there is, says the same.
func TestPipelines(t *testing.T) {
	for _, name := range pipelines {
		f := facts(t, name)
		if f.Architecture != "Pipeline" || f.Details["class"] != "sklearn.pipeline.Pipeline" || f.Frameworks["sklearn"] != library(t).Sklearn ||
			!reflect.DeepEqual(f.Labels, []string{"cat", "dog", "größe"}) || !reflect.DeepEqual(f.Inputs, rows(3)) ||
			!reflect.DeepEqual(f.Details["features"], []string{"age", "size", "größe"}) ||
			!reflect.DeepEqual(f.Details["steps"], []string{"scale: StandardScaler", "model: LogisticRegression"}) {
			t.Errorf("%s: got %+v", name, f)
		}
		format := "joblib"
		switch name {
		case "pipeline.pkl", "pipeline.joblib":
			format = "pickle"
		case "small.skops":
			if format = "skops"; f.Frameworks["skops"] != library(t).Skops {
				t.Errorf("%s: got %v", name, f.Frameworks)
			}
		}
		if f.Format != format {
			t.Errorf("%s: format %q, want %q", name, f.Format, format)
		}
	}
	f := facts(t, "search.joblib")
	if f.Architecture != "GridSearchCV" || f.Details["estimator"] != "Pipeline" || len(f.Labels) != 3 || !reflect.DeepEqual(f.Inputs, rows(3)) {
		t.Errorf("a search: got %+v", f)
	}
}

func TestJoblibRefuses(t *testing.T) {
	whole := sample(t, "pipeline.joblib.zlib")
	refuses(t, "checksum", whole[:len(whole)-1]+"x", "JOB001")
	refuses(t, "cut", sample(t, "pipeline.joblib.gzip")[:500], "JOB001")
	for name, content := range map[string]string{"text": strings.Repeat("just some text ", 100), "a cut pickle": sample(t, "pipeline.joblib")[:900]} {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		w.Write([]byte(content))
		w.Close()
		if f, err := inspect(t, b.String(), "m"); err != nil || f.Format != "" {
			t.Errorf("%s: got %+v, %v", name, f, err)
		}
	}
	// A small file that becomes a large one is not read to its end.
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, 1)
	w.Write([]byte("\x80\x04\x8e\x00\x00\x00\x20\x00\x00\x00\x00"))
	zeros := make([]byte, 1<<20)
	for range 300 {
		w.Write(zeros)
	}
	w.Close()
	if f, err := inspect(t, b.String(), "m"); err != nil || f.Format != "joblib" || f.Details["notRead"] == nil {
		t.Errorf("got %+v, %v", f, err)
	}
}

// Those of xz and lzma take windows of 8 MiB each time.
func init() {
	small = append(small, "pipeline.pkl", "pipeline.joblib", "pipeline.joblib.zlib", "pipeline.joblib.bz2", "search.joblib", "linear.ubj")
}
