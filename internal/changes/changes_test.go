package changes

import (
	"encoding/json"
	"testing"

	"github.com/waybill-dev/waybill/internal/datadiff"
)

func TestCompareMetrics(t *testing.T) {
	got := compareMetrics(map[string]float64{"same": 1, "gone": 2, "moved": 3}, map[string]float64{"same": 1, "moved": 4, "new": 5})
	var text string
	for _, m := range got {
		text += m.Name + " " + metricText(m.Pair.From) + ">" + metricText(m.Pair.To) + "\n"
	}
	if want := "gone 2>\nmoved 3>4\nnew >5\n"; text != want {
		t.Errorf("got\n%swant\n%s", text, want)
	}
}

// TestJSONForms: of a model there are always metrics, of a dataset never.
func TestJSONForms(t *testing.T) {
	for want, d := range map[bool]*Diff{true: {Metrics: compareMetrics(nil, nil)}, false: {Diff: datadiff.Diff{Data: &datadiff.Data{}}}} {
		data, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var keys map[string]any
		if err := json.Unmarshal(data, &keys); err != nil {
			t.Fatal(err)
		}
		if _, has := keys["metrics"]; has != want {
			t.Errorf("%s", data)
		}
	}
}
