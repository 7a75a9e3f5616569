package modelcheck_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
)

func TestLicense(t *testing.T) {
	type change = func(*manifest.Artifact, *modelcheck.Options)
	is := func(license string) change {
		return func(a *manifest.Artifact, _ *modelcheck.Options) { a.License = license }
	}
	file := func(name, text string) change {
		return func(_ *manifest.Artifact, o *modelcheck.Options) {
			read := o.ReadFile
			o.ReadFile = func(n string) ([]byte, error) {
				if n == "models/sentiment/"+name {
					return []byte(text), nil
				}
				return read(n)
			}
		}
	}
	was := func(p *modelcheck.Previous, err error, now string) change {
		return func(a *manifest.Artifact, o *modelcheck.Options) {
			a.License = now
			o.Previous = func(_ context.Context, against string) (*modelcheck.Previous, error) {
				if against != "" && against != "#production" {
					t.Errorf("asked for %q", against)
				}
				return p, err
			}
		}
	}
	before := func(license string) *modelcheck.Previous {
		return &modelcheck.Previous{Name: "sentiment@v1.0.0", License: license}
	}
	list := func(of ...any) []any { return of }
	const apache = "Apache License\nVersion 2.0, January 2004\n"
	runCases(t, []checkCase{
		{spec("license.known"), "", nil, []string{"PASS license.known 20 the licence is Apache-2.0 (permissive)"}},
		{spec("license.known"), "", is("llama3.1"), []string{"PASS license.known 20 the licence is LicenseRef-Llama-3.1 (use-restricted, custom)"}},
		{spec("license.known"), "", is(""), []string{"FAIL license.known 20 the manifest declares no licence"}},
		{spec("license.known"), "", is("MIT AND"), []string{"FAIL license.known 20 the manifest's licence is not known"}},
		{spec("license.known"), "", is("MIT OR GPL-3.0"), []string{"FAIL license.known 20 the licence GPL-3.0 is known, but SPDX has deprecated it"}},

		{spec("license.allowed"), "", nil, []string{"ERROR check sentiment: license.allowed: models/sentiment/model.yaml:20:5: neither"}},
		{spec("license.allowed", "allow", list("free")), "", nil, []string{"ERROR check sentiment: license.allowed: models/sentiment/model.yaml:20:5: allow: license \"free\""}},
		{spec("license.allowed", "allow", list("MIT")), "", is(""), []string{"INCONCLUSIVE"}},
		{spec("license.allowed", "allow", list("MIT", "permissive")), "", nil, []string{"PASS license.allowed 20 the licence Apache-2.0 is allowed"}},
		{spec("license.allowed", "allow", list("MIT")), "", nil, []string{"FAIL license.allowed 20 the licence Apache-2.0 may not be used here: Apache-2.0 is permissive, which is not allowed"}},
		{spec("license.allowed", "deny", list("copyleft")), "", nil, []string{"PASS"}},
		{spec("license.allowed", "deny", list("copyleft")), "", is("AGPL-3.0-only"), []string{"FAIL license.allowed 20 the licence AGPL-3.0-only may not be used here: AGPL-3.0-only is copyleft, which is denied"}},
		{spec("license.allowed", "deny", list("copyleft")), "", is("GPL-3.0-only OR MIT"), []string{"PASS"}},
		{spec("license.allowed", "deny", list("copyleft")), "", is("GPL-3.0-only AND MIT"), []string{"FAIL"}},
		{spec("license.allowed", "deny", list("copyleft"), "allow", list("GPL-2.0-only")), "", is("GPL-2.0-only"), []string{"PASS"}},
		{spec("license.allowed", "allow", list("permissive"), "deny", list("apache-2.0")), "", nil, []string{"FAIL license.allowed 20 the licence Apache-2.0 may not be used here: Apache-2.0 is denied"}},
		{spec("license.allowed", "allow", list("non-commercial")), "", is("CC-BY-NC-SA-4.0"), []string{"FAIL license.allowed 20 the licence CC-BY-NC-SA-4.0 may not be used here: CC-BY-NC-SA-4.0 is share-alike, which"}},
		{spec("license.allowed", "allow", list("non-commercial", "share-alike")), "", is("CC-BY-NC-SA-4.0"), []string{"PASS"}},
		{spec("license.allowed", "allow", list("permissive")), "", is("LicenseRef-Acme"), []string{"FAIL"}},

		{spec("license.consistent"), "", nil, []string{"PASS license.consistent 20 the manifest and the card say Apache-2.0"}},
		{spec("license.consistent"), front("a: b"), nil, []string{"PASS license.consistent 20 only the manifest names a licence: Apache-2.0"}},
		{spec("license.consistent"), front("a: b"), is(""), []string{"INCONCLUSIVE license.consistent 20 nothing says"}},
		{spec("license.consistent"), "", file("LICENSE", apache), []string{"PASS license.consistent 20 the manifest, the card and LICENSE say Apache-2.0"}},
		{spec("license.consistent"), "", file("COPYING", "Mozilla Public License Version 2.0\n1. Definitions"), []string{"FAIL license.consistent 0 the manifest says Apache-2.0, COPYING says MPL-2.0"}},
		{spec("license.consistent"), "", file("LICENSE", "All rights reserved"), []string{"PASS license.consistent 20 the manifest and the card say"}},
		{spec("license.consistent"), "", is("MIT"), []string{"FAIL license.consistent 2 the manifest says MIT, the card says Apache-2.0"}},
		{spec("license.consistent"), front("license: [apache-2.0, mit]"), is("MIT OR Apache-2.0"), []string{"PASS"}},
		{spec("license.consistent"), front("license: other"), is("LicenseRef-Acme"), []string{"PASS"}},

		{spec("license.inherited"), "", nil, []string{"PASS license.inherited 20 the licence of the dataset reviews fits: CC-BY-4.0 is permissive"}},
		{spec("license.inherited"), "", is(""), []string{"INCONCLUSIVE license.inherited 20 the manifest declares no licence"}},
		{spec("license.inherited"), "", func(a *manifest.Artifact, _ *modelcheck.Options) { a.Model.Datasets = a.Model.Datasets[1:] }, []string{"PASS license.inherited 20 the model names no base model"}},
		{spec("license.inherited"), "", func(_ *manifest.Artifact, o *modelcheck.Options) { o.License = nil }, []string{"INCONCLUSIVE license.inherited 20 the licence of the dataset reviews is not known: it is not in this repository"}},
		{spec("license.inherited"), "", func(_ *manifest.Artifact, o *modelcheck.Options) {
			o.License = func(string) (string, bool) { return "CC-BY-NC-4.0", true }
		}, []string{"INCONCLUSIVE license.inherited 20 the terms of the dataset reviews may not allow the model's licence: CC-BY-NC-4.0 forbids"}},
		{spec("license.inherited", "reviewed", map[string]any{"reviews": "asked the authors"}), "", func(_ *manifest.Artifact, o *modelcheck.Options) { o.License = nil },
			[]string{"PASS license.inherited 20 the licence of reviews was looked at: asked the authors"}},
		{spec("license.inherited"), front("base_model: google/gemma-2-9b"), nil, []string{"FAIL license.inherited 2 the licence of the base model google/gemma-2-9b does not allow", "PASS"}},
		{spec("license.inherited"), front("base_model: google/gemma-2-9b"), is("gemma"), []string{"PASS license.inherited 2", "PASS"}},
		{spec("license.inherited"), front("base_model: [a/b, a/b]"), nil, []string{"INCONCLUSIVE license.inherited 2 the licence of the base model a/b is not known", "PASS"}},
		{spec("license.inherited", "licenses", map[string]any{"a/b": "MPL-2.0"}), front("base_model: a/b"), nil, []string{"INCONCLUSIVE license.inherited 2 whether the licence of the base model a/b allows", "PASS"}},
		{spec("license.inherited", "licenses", map[string]any{"a/b": "free"}), "", nil, []string{"ERROR check sentiment: license.inherited: models/sentiment/model.yaml:20:5: licenses: a/b"}},

		{spec("license.changed"), "", nil, []string{"PASS license.changed 20 the licence is Apache-2.0, as of sentiment@v1.2.0"}},
		{spec("license.changed", "against", "#production"), "", was(before("MIT"), nil, "ISC"), []string{"FAIL license.changed 20 the licence has changed from MIT (sentiment@v1.0.0) to ISC"}},
		{spec("license.changed", "allow", "isc"), "", was(before("MIT"), nil, "ISC"), []string{"PASS"}},
		{spec("license.changed", "allow", "x"), "", nil, []string{"ERROR"}},
		{spec("license.changed"), "", was(nil, nil, "ISC"), []string{"INCONCLUSIVE license.changed 20 there is no version to compare with"}},
		{spec("license.changed", "firstRelease", "allow"), "", was(nil, nil, "ISC"), []string{"PASS"}},
		{spec("license.changed"), "", was(nil, errors.New("no network"), "ISC"), []string{"ERROR check sentiment: license.changed: no network"}},
		{spec("license.changed"), "", was(before("MIT"), nil, ""), []string{"FAIL license.changed 20 sentiment@v1.0.0 was under MIT, and now no licence is declared"}},
		{spec("license.changed"), "", was(before(""), nil, ""), []string{"INCONCLUSIVE license.changed 20 the manifest declares no licence, nor did"}},
		{spec("license.changed"), "", was(before(""), nil, "MIT"), []string{"FAIL license.changed 20 sentiment@v1.0.0 declared no licence, and now it is MIT"}},
		{spec("license.changed"), "", was(before("free"), nil, "MIT"), []string{"INCONCLUSIVE license.changed 20 the licence of sentiment@v1.0.0 is not known"}},
		{spec("license.changed"), "", was(before("MIT"), nil, "free"), []string{"INCONCLUSIVE license.changed 20 the manifest's licence is not known"}},
		{spec("license.changed"), "", was(&modelcheck.Previous{Name: "sentiment@v1.0.0", Problem: "gone"}, nil, "MIT"), []string{"INCONCLUSIVE license.changed 20 the licence of sentiment@v1.0.0 is not known: gone"}},
		{spec("license.changed"), "", func(_ *manifest.Artifact, o *modelcheck.Options) { o.Previous = nil }, []string{"INCONCLUSIVE license.changed 20 other versions are not known here"}},
	})
}

// A licence file among the model's files counts, and so does what a file says
// of itself.
func TestLicenseOfFiles(t *testing.T) {
	dir := t.TempDir()
	var list []manifest.File
	// A GGUF file of version 3 without tensors and with one key.
	gguf := "GGUF\x03\x00\x00\x00" + strings.Repeat("\x00", 8) + "\x01" + strings.Repeat("\x00", 7) +
		"\x0f" + strings.Repeat("\x00", 7) + "general.license" + "\x08\x00\x00\x00" + "\x07" + strings.Repeat("\x00", 7) + "gpl-3.0"
	for _, f := range [][2]string{{"LICENSE", "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n"}, {"model.gguf", gguf}} {
		name, text := f[0], f[1]
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		list = append(list, manifest.File{Path: name, Size: int64(len(text))})
	}
	for license, want := range map[string]string{
		"GPL-3.0-or-later": "the manifest, LICENSE and model.gguf say GPL-3.0-or-later",
		"MIT":              "the manifest says MIT, LICENSE says GPL-3.0\nthe manifest says MIT, model.gguf says GPL-3.0",
	} {
		a := &manifest.Artifact{Name: "sentiment", Path: "model.yaml", License: license, Model: &manifest.Model{}, Checks: []manifest.CheckSpec{spec("license.consistent")}}
		findings, err := modelcheck.Run(t.Context(), a, dir, list, modelcheck.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range findings {
			if f.Check == "license.consistent" {
				got = append(got, f.Message)
			}
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("%s: %q, want %q", license, got, want)
		}
	}
}
