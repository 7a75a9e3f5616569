package promotion

import (
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

func TestChangeAfter(t *testing.T) {
	breaks, adds := []string{"gone"}, []string{"new"}
	for _, c := range []struct {
		was, latest string
		change      change
		want        string
	}{
		{"v1.2.3", "v1.2.3", change{}, "v1.2.4"},
		{"v1.2.3", "v1.2.3", change{adds: adds}, "v1.3.0"},
		{"v1.2.3", "v1.2.3", change{breaks: breaks, adds: adds}, "v2.0.0"},
		{"v0.2.3", "v0.2.3", change{breaks: breaks}, "v0.3.0"},
		{"v0.2.3", "v0.2.3", change{adds: adds}, "v0.3.0"},
		{"v0.2.3", "v0.2.3", change{problem: "no such file"}, "v0.2.4"},
		// What a pre-release announced is what follows it, unless it is too little.
		{"v1.2.3", "v2.0.0-rc.1", change{}, "v2.0.0"},
		{"v1.2.3", "v2.0.0-rc.1", change{breaks: breaks}, "v2.0.0"},
		{"v1.2.3", "v1.3.0-rc.1", change{breaks: breaks}, "v2.0.0"},
		{"v1.2.3", "v1.3.0-rc.1", change{adds: adds}, "v1.3.0"},
	} {
		if got := c.change.after(ref.MustVersion(c.was), ref.MustVersion(c.latest)); got.String() != c.want {
			t.Errorf("after %s, with %s there, %+v: got %s, want %s", c.was, c.latest, c.change, got, c.want)
		}
	}
}

func TestCompareSchemas(t *testing.T) {
	before := schema{"train": {"id": "int64", "text": "string", "note": ""}}
	for _, c := range []struct {
		name, breaks, adds string
		after              schema
	}{
		{"the same", "", "", before},
		{"a column more", "", "the column stars of train is new", schema{"train": {"id": "int64", "text": "string", "note": "", "stars": "int8"}}},
		{"a column less", "the column note of train is gone", "", schema{"train": {"id": "int64", "text": "string"}}},
		{"another type", "the column id of train was int64 and is string", "", schema{"train": {"id": "string", "text": "string", "note": ""}}},
		{"a type that nobody told", "", "", schema{"train": {"id": "", "text": "string", "note": "float64"}}},
		{"another split", "there are no tables of train any more", "the tables of test are new", schema{"test": {"id": "int64"}}},
		{"a split more", "", "the tables of test are new", schema{"train": before["train"], "test": {"id": "int64"}}},
	} {
		got := compareSchemas(before, c.after)
		if strings.Join(got.breaks, ";") != c.breaks || strings.Join(got.adds, ";") != c.adds || !got.compared {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

func TestAdditions(t *testing.T) {
	port := func(name string, optional bool) compat.Port { return compat.Port{Name: name, Optional: optional} }
	was := compat.Interface{Inputs: []compat.Port{port("text", false)}, Outputs: []compat.Port{port("label", false)}, Labels: []string{"no", "yes"}}
	now := compat.Interface{
		Inputs:  []compat.Port{port("text", false), port("language", true), port("user", false)}, // the last one breaks callers
		Outputs: []compat.Port{port("label", false), port("score", false)},
		Labels:  []string{"no", "yes", "perhaps"},
	}
	want := []string{"the output score is new", "the optional input language is new", "the label perhaps is new"}
	if got := additions(was, now); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := additions(compat.Interface{}, now); got != nil {
		t.Errorf("a side that tells nothing has additions: %q", got)
	}
}

func TestExplain(t *testing.T) {
	s := &successor{artifact: &manifest.Artifact{Name: "sentiment", Path: "model.yaml"}}
	was, v := ref.MustVersion("v1.0.0"), ref.MustVersion("v2.0.0")
	f := s.explain(change{breaks: []string{"a", "b\x1b[31m", "c", "d", "e"}}, was, v)
	if f.Verdict != report.Pass || !strings.Contains(f.Message, "a, b") || strings.Contains(f.Message, "\x1b") || !strings.HasSuffix(f.Message, "2 more") {
		t.Errorf("got %+v", f)
	}
	// What is not known is told and stops nothing.
	if f = s.explain(change{problem: "unreadable"}, was, v); f.Verdict != report.Inconclusive || f.Severity != report.Warning {
		t.Errorf("got %+v", f)
	}
	if f = s.explain(change{}, was, v); f != nil {
		t.Errorf("nothing was compared, and this is said: %+v", f)
	}
}

func TestParseBump(t *testing.T) {
	for in, want := range map[string]Bump{"": Patch, "auto": Auto, "minor": Minor} {
		if got, err := ParseBump(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	if _, err := ParseBump("most"); err == nil {
		t.Error("most is a bump")
	}
}
