package manifest

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

func TestResultFiles(t *testing.T) {
	entry := func(check string, params map[string]any) CheckSpec { return CheckSpec{Check: check, Params: params} }
	a := &Artifact{Path: "m/model.yaml", Model: &Model{}, Checks: []CheckSpec{
		entry("evaluation.parity", map[string]any{"file": "eval/b.csv", "reference": "./eval/a.csv"}),
		entry("evaluation.latency", map[string]any{"file": "eval/a.csv", "percentile": 99.0}),
		entry("evaluation.parity", map[string]any{"file": "eval/b.csv", "reference": "eval/c.csv"}),
		entry("evaluation.churn", map[string]any{"against": "#production", "file": 1.0, "reference": ""}),
		entry("files.size", map[string]any{"file": "other.csv"}),
	}}
	got, err := a.ResultFiles()
	// What is measured as well as compared with is bound to the weights.
	want := []ResultFile{{"eval/a.csv", false}, {"eval/b.csv", false}, {"eval/c.csv", true}}
	if err != nil || len(got) != len(want) {
		t.Fatal(got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if got, err := (&Artifact{Dataset: &Dataset{}, Checks: a.Checks}).ResultFiles(); got != nil || err != nil {
		t.Errorf("of a dataset: %v, %v", got, err)
	}
	for _, bad := range []string{"../a.csv", "/a.csv", "a//b", "a/../../b", "C:a", ".git/config", "a\x00", "a*"} {
		a.Checks = []CheckSpec{entry("evaluation.latency", map[string]any{"file": bad})}
		if got, err := a.ResultFiles(); err == nil {
			t.Errorf("%q is taken as %v", bad, got)
		}
	}
	a.Checks = nil
	for i := range MaxResultFiles + 1 {
		a.Checks = append(a.Checks, entry("evaluation.latency", map[string]any{"file": strings.Repeat("a", i+1)}))
	}
	if _, err := a.ResultFiles(); err == nil || !strings.Contains(err.Error(), "at most 256") {
		t.Errorf("too many: %v", err)
	}
}

// TestEvidenceFiles holds that a lock whose list of results was changed by hand,
// or by a merge, is refused.
func TestEvidenceFiles(t *testing.T) {
	one, two, none := ref.Of([]byte("1")), ref.Of([]byte("2")), ref.Digest("")
	sealed := func(e EvidenceRef) EvidenceRef {
		data, err := e.Index()
		if err != nil {
			t.Fatal(err)
		}
		e.Digest, e.Size = ref.Of(data), int64(len(data))
		return e
	}
	file := func(path string, model ref.Digest) EvidenceFile {
		return EvidenceFile{Path: path, Digest: one, Size: 1, Model: model}
	}
	good := sealed(EvidenceRef{Model: one, Files: []EvidenceFile{file("a", one), file("b", two), file("c", none)}})
	if err := good.check(); err != nil || len(good.Current()) != 2 {
		t.Fatal(err, good.Current())
	}
	changed := good
	changed.Files = []EvidenceFile{file("a", one), file("b", one), file("c", none)}
	for why, e := range map[string]EvidenceRef{
		"the files listed have": changed,
		"not sorted":            sealed(EvidenceRef{Files: []EvidenceFile{file("b", none), file("a", none)}}),
		"leaves its folder":     sealed(EvidenceRef{Files: []EvidenceFile{file("../a", none)}}),
		"a: model":              sealed(EvidenceRef{Model: one, Files: []EvidenceFile{file("a", "x")}}),
		"at most 256":           sealed(EvidenceRef{Files: make([]EvidenceFile, MaxResultFiles+1)}),
		"impossible size":       sealed(EvidenceRef{Files: []EvidenceFile{{Path: "a", Digest: one, Size: MaxResultSize + 1}}}),
	} {
		if err := e.check(); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want %q", err, why)
		}
	}
}
