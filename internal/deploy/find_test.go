package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// TestFind: what a file says now is read as it would be written.
func TestFind(t *testing.T) {
	a, other := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	for text, c := range map[string]struct{ value, part, digest, version string }{
		a:                          {"", PartDigest, a, ""},
		"oci://x/y@" + a:           {"", PartRef, a, ""},
		"x/y:v1.2.0@" + a:          {"", PartRef, a, ""},
		"v1.2.0-rc.1+b":            {"", PartVersion, "", "v1.2.0-rc.1+b"},
		"1.2.0":                    {"", PartVersion, "", "v1.2.0"},
		"x:v1.2.0_b":               {"x:{tag}", PartTemplate, "", "v1.2.0+b"},
		"v1.2.0 of x@" + a:         {"{version} of {ref}", PartTemplate, a, "v1.2.0"},
		"v1.2.0 " + a:              {"{version} {digest}", PartTemplate, a, "v1.2.0"},
		"oci+native://x@" + a:      {"oci+native://{image}", PartTemplate, a, ""},
		"x@" + a + " not " + other: {"{image} not " + other, PartTemplate, a, ""},
		a + " not " + other:        {"{image-digest} not " + other, PartTemplate, a, ""},
		"x/y of " + a:              {"{repository} of {image-digest}", PartTemplate, a, ""},
		"x":                        {"{ref}", PartTemplate, "", ""},
		"somebody wrote " + a:      {"{repository}", PartTemplate, a, ""},
		"v1.2.0 " + a + "0":        {"{version} {digest}", PartTemplate, "", ""},
		a + " and v9.9.9, unasked": {"x {digest}", PartTemplate, a, ""},
	} {
		target := manifest.DeployTarget{Key: "a", Value: c.value}
		got, err := Find("x.yaml", []byte(fmt.Sprintf("# a file\na: '%s'\n", text)), []manifest.DeployTarget{target}, "sentiment", "production")
		want := Place{Path: "a", Line: 2, Column: 4, Part: c.part, Text: text, Digest: ref.Digest(c.digest)}
		if c.version != "" {
			want.Version = ref.MustVersion(c.version)
		}
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
}

// TestValue: what cannot be written is not.
func TestValue(t *testing.T) {
	data := []byte("a: sha256:" + strings.Repeat("a", 64))
	for name, spoil := range map[string]func(*Value){
		"digest":      func(v *Value) { v.Digest = "sha256:abc" },
		"upper case":  func(v *Value) { v.Digest = ref.Digest(strings.ToUpper(string(v.Digest))) },
		"no digest":   func(v *Value) { v.Digest = "" },
		"artifact":    func(v *Value) { v.Artifact = "x:y" },
		"stage":       func(v *Value) { v.Stage = "" },
		"repository":  func(v *Value) { v.Repository = "" },
		"new line":    func(v *Value) { v.Repository = "x\ny" },
		"scheme":      func(v *Value) { v.Repository = "oci://x" },
		"image":       func(v *Value) { v.Image = "sha256:abc" },
		"with digest": func(v *Value) { v.Repository = "x@sha256:aa" },
	} {
		v := production
		spoil(&v)
		if out, _, err := Edit("x.yaml", data, []manifest.DeployTarget{{Key: "a"}}, v); err == nil {
			t.Errorf("%s: wrote %s", name, out)
		}
	}
	v := production
	v.Version = ref.Version{}
	if _, changes, err := Edit("x.yaml", data, []manifest.DeployTarget{{Key: "a"}}, v); err != nil || len(changes) != 1 {
		t.Errorf("a version is not needed here: %v", err)
	}
	for _, value := range []string{"{version}", "{tag}"} {
		if out, _, err := Edit("x.yaml", data, []manifest.DeployTarget{{Key: "a", Value: value}}, v); err == nil {
			t.Errorf("no version, but wrote %s", out)
		}
	}
}

// TestNoImage: where there is no image, nothing else is written in its place.
func TestNoImage(t *testing.T) {
	v := production
	v.Image = ""
	a := "sha256:" + strings.Repeat("a", 64)
	for _, value := range []string{"{image}", "{image-digest}", "oci+native://{repository}@{image-digest}"} {
		_, _, err := Edit("x.yaml", []byte("a: "+a), []manifest.DeployTarget{{Key: "a", Value: value}}, v)
		if err == nil || !strings.Contains(err.Error(), "x.yaml:1:4: a takes the container image, and the ledger records none for sentiment v1.5.0") || !strings.Contains(err.Error(), "set kubernetes: true in its model.yaml, push, and register a new version") {
			t.Errorf("%s: %v", value, err)
		}
	}
	for part, text := range map[string]string{PartImage: "x@" + a, PartImageDigest: a} {
		data := fmt.Sprintf("a: %s # {\"$waybill\": \"sentiment:production:%s\"}\n", text, part)
		if out, _, err := Edit("x.yaml", []byte(data), []manifest.DeployTarget{{}}, v); err == nil || !strings.Contains(err.Error(), "kubernetes: true") {
			t.Errorf("%s: %v, wrote %s", part, err, out)
		}
	}
	if _, changes, err := Edit("x.yaml", []byte("a: "+a), []manifest.DeployTarget{{Key: "a"}}, v); err != nil || len(changes) != 1 {
		t.Errorf("an image is not needed here: %v", err)
	}
}

// TestPlain: plain text gets quotes where a reader would take it for something
// else, and only there.
func TestPlain(t *testing.T) {
	for s, want := range map[string]bool{
		"v1.5.0": true, "1.5.0": true, "ghcr.io/acme/x@sha256:abc": true, "oci://localhost:5000/x": true, "1.5.0-rc.1+b": true, "/x": true,
		"1.10": false, "15": false, "1e5": false, "0x10": false, "12:30:45": false, "1_000": false, ".5": false, "2026-01-02": false,
		"yes": false, "No": false, "NULL": false, "y": false, "true": false, ".inf": false, "": false, "...": false, "---": false,
		"a: b": false, "a #b": false, "a:": false, "- a": false, "{a}": false, "a,b": false, "*a": false, "&a": false, "!a": false, "'a": false, "@a": false, "é": false,
	} {
		if isPlain(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func TestHostile(t *testing.T) {
	for name, data := range map[string]string{
		"too large": strings.Repeat("#", maxSize+1),
		"commas":    "a: [" + strings.Repeat(",", maxSize-10) + "]",
		"deep":      "a: " + strings.Repeat("[", 400_000),
		"deep keys": strings.Repeat("? ", 400_000),
		"documents": strings.Repeat("---\n", 100_000),
		"not UTF-8": "a: \xff",
		"aliases":   "a: &a [x]\nb: &b [*a,*a]\nc: *b\n",
	} {
		for _, file := range []string{"x.yaml", "x.json"} {
			if _, _, err := Edit(file, []byte(data), []manifest.DeployTarget{{Key: "a.b"}, {}}, production); err == nil || len(err.Error()) > 500 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// BenchmarkEdit changes one value in a values.yaml of a megabyte.
func BenchmarkEdit(b *testing.B) {
	var s strings.Builder
	for i := 0; s.Len() < 1<<20; i++ {
		fmt.Fprintf(&s, "service%d:\n  image: ghcr.io/acme/x # which is it\n  replicas: 2\n  env: [{name: A, value: \"b\"}]\n", i)
	}
	fmt.Fprintf(&s, "model:\n  digest: sha256:%064d\n", 0)
	data := []byte(s.String())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, changes, err := Edit("values.yaml", data, []manifest.DeployTarget{{Key: "model.digest"}}, production); err != nil || len(changes) != 1 {
			b.Fatal(err)
		}
	}
}
