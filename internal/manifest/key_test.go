package manifest

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseKey(t *testing.T) {
	for s, want := range map[string]Key{
		"spec.predictor.model.storageUri":            {{Name: "spec"}, {Name: "predictor"}, {Name: "model"}, {Name: "storageUri"}},
		"images[name=ghcr.io/acme/sentiment].digest": {{Name: "images"}, {List: true, Field: "name", Is: "ghcr.io/acme/sentiment"}, {Name: "digest"}},
		`images[name="a]b"].digest`:                  {{Name: "images"}, {List: true, Field: "name", Is: "a]b"}, {Name: "digest"}},
		"[0][12].image":                              {{List: true}, {List: true, Index: 12}, {Name: "image"}},
		`metadata.annotations."waybill.dev/version"`: {{Name: "metadata"}, {Name: "annotations"}, {Name: "waybill.dev/version"}},
		`a[0=1]`: {{Name: "a"}, {List: true, Field: "0", Is: "1"}},
	} {
		got, err := ParseKey(s)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", s, got, err)
		}
		if got.String() != s {
			t.Errorf("%s: printed as %s", s, got)
		}
	}
	for _, s := range []string{"", strings.Repeat("a", 1025), strings.Repeat("[0]", 65), "[1000000]", "[99999999999999999999]", "a[0", "a[", "a[b=", "a[b=c", `a[b="c]`, "a\x00", `"\xff"`, "[-1]"} {
		if k, err := ParseKey(s); err == nil {
			t.Errorf("%q: read as %v", s, k)
		}
	}
}

// FuzzKey: what ParseKey reads is printed so that it is read as the same.
func FuzzKey(f *testing.F) {
	for _, s := range []string{"a.b", `a."b.c"[0]`, `[name="x\"y"].z`, "a[b=c.d]", `"ü".ü`, "a[0=1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseKey(s)
		if err != nil {
			return
		}
		again, err := ParseKey(k.String())
		if err != nil && len(k.String()) > maxKeyLength {
			return // quotes that were short have become long
		}
		if err != nil || !reflect.DeepEqual(k, again) {
			t.Errorf("%q: %v, printed as %s, read as %v, %v", s, []KeyPart(k), k, []KeyPart(again), err)
		}
	})
}
