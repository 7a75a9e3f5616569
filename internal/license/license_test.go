package license

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"MIT", "MIT"},
		{" apache-2.0\t", "Apache-2.0"},
		{"mit or gpl-2.0-only and bsd-3-clause", "MIT OR GPL-2.0-only AND BSD-3-Clause"},
		{"(MIT OR ISC) AND Zlib", "(MIT OR ISC) AND Zlib"},
		{"((MIT))OR(ISC AND(Zlib))", "MIT OR ISC AND Zlib"},
		{"MIT AND (ISC AND (Zlib AND X11))", "MIT AND ISC AND Zlib AND X11"},
		{"GPL-2.0+", "GPL-2.0-or-later"},
		{"gpl-3.0", "GPL-3.0"},
		{"CDDL-1.0+", "CDDL-1.0+"},
		{"GPL-2.0-only WITH classpath-exception-2.0 OR MIT", "GPL-2.0-only WITH Classpath-exception-2.0 OR MIT"},
		{"CDDL-1.0+ with AdditionRef-x", "CDDL-1.0+ WITH AdditionRef-x"},
		{"LicenseRef-Acme.1", "LicenseRef-Acme.1"},
		{"DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2 AND MIT", "DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2 AND MIT"},
		{strings.Repeat("(", 16) + "MIT" + strings.Repeat(")", 16), "MIT"},

		{"", "0 a licence is missing at the end"},
		{"MIT AND", "7 a licence is missing at the end"},
		{"MIT ISC", `4 "ISC" follows a complete expression`},
		{"AND MIT", "0 a licence is missing before AND"},
		{"(MIT", "4 a parenthesis is not closed"},
		{"(MIT ISC)", `5 "ISC" stands where AND, OR or a closing`},
		{"MIT)", `3 ")" follows`},
		{"()", "1 a licence is missing before )"},
		{"MIT Or ISC", `4 "Or" follows`},
		{"MIT WITH", "8 an exception is missing"},
		{"MIT WITH MIT", `9 "MIT" is not among the exceptions`},
		{"(MIT OR ISC) WITH LLVM-exception", `13 "WITH" follows`},
		{"licenseref-x", `0 "licenseref-x" is not in the SPDX licence list`},
		{"LicenseRef-", `0 "LicenseRef-" is not in`},
		{"LicenseRef-a_b", `0 "LicenseRef-a_b" is not in`},
		{"DocumentRef-a", `0 "DocumentRef-a" is not in`},
		{"MIT+ + ISC", `5 "+" follows`},
		{"ISC AND Apache 2.0", `8 "Apache" is not in the SPDX licence list 3.29.0; did you mean Apache-2.0?`},
		{"apache_2.0", `0 "apache_2.0" is not in the SPDX licence list 3.29.0; did you mean Apache-2.0?`},
		{"Acme", `0 "Acme" is not in the SPDX licence list 3.29.0; for a licence that SPDX does not list write LicenseRef-NAME`},
		{strings.Repeat("(", 18) + "MIT", "17 more than 16 parentheses"},
		{strings.Repeat(" ", 1001), "0 has 1001 bytes"},
	} {
		e, err := Parse(c.in)
		got := ""
		if err != nil {
			bad := err.(*SyntaxError)
			got = string(rune('0'+bad.Offset%10)) + " " + bad.Reason
			if bad.Offset > 9 {
				got = "1" + got
			}
			if bad.Hint != "" {
				got += "; " + bad.Hint
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("Parse(%q): %s, want %s", c.in, got, c.want)
			}
			continue
		}
		if got = e.String(); got != c.want {
			t.Errorf("Parse(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

func TestPrecedence(t *testing.T) {
	e, err := Parse("MIT AND ISC OR Zlib AND (X11 OR NCSA)")
	if err != nil || e.Op != Or || len(e.Of) != 2 || e.Of[0].Op != And || e.Of[1].Op != And || e.Of[1].Of[1].Op != Or || len(e.Licenses()) != 5 {
		t.Errorf("%v %+v", err, e)
	}
}

// One operator in parentheses of itself is one list.
func TestFlat(t *testing.T) {
	e, err := Parse("MIT AND (ISC AND (Zlib AND X11))")
	if err != nil || e.Op != And || len(e.Of) != 4 {
		t.Errorf("%v %+v", err, e)
	}
}

// Every id of the list is read, and its properties do not depend on the way.
func TestList(t *testing.T) {
	l := spdx()
	if l.version == "" || len(l.licenses) < 700 || len(l.exceptions) < 70 || len(l.deprecated) < 30 {
		t.Fatalf("%s: %d licences, %d exceptions, %d deprecated", l.version, len(l.licenses), len(l.exceptions), len(l.deprecated))
	}
	for lower, id := range l.licenses {
		e, err := Parse(lower)
		if err != nil || !strings.EqualFold(e.ID, id) && !strings.HasSuffix(id, "+") {
			t.Errorf("%s: %v %v", id, e, err)
		}
	}
	for id := range known {
		if _, ok := l.licenses[strings.ToLower(id)]; !ok && !strings.HasPrefix(id, "LicenseRef-") {
			t.Errorf("known has %s, which is not in the list", id)
		}
	}
	for from, id := range hub {
		if _, err := Parse(id); err != nil {
			t.Errorf("%s: %v", from, err)
		}
		if e, err := Read(strings.ToUpper(from)); err != nil || e.ID != id {
			t.Errorf("Read(%s) = %v, %v", from, e, err)
		}
	}
	for _, id := range usual {
		if _, ok := l.licenses[strings.ToLower(id)]; !ok {
			t.Errorf("usual names %s, which is not in the list", id)
		}
	}
	for _, p := range phrases {
		if _, err := Parse(p.id); err != nil {
			t.Error(err)
		}
	}
}

// The Hub's ids, as its documentation lists them, are all read.
func TestHub(t *testing.T) {
	for id := range strings.FieldsSeq(`apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
		afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0
		cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
		cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl
		lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
		llama2 llama3 llama3.1 gemma unknown other`) {
		e, err := Read(id)
		if err != nil {
			t.Error(err)
			continue
		}
		if p := PropertiesOf(e); p&Unknown != 0 && id != "cc" && id != "unknown" {
			t.Errorf("%s: %s has no known properties", id, e)
		}
	}
}

func TestProperties(t *testing.T) {
	for id, want := range map[string]string{
		"MIT": "permissive", "Apache-2.0": "permissive", "CC-BY-4.0": "permissive", "CC-BY-NC-SA-4.0": "share-alike, non-commercial",
		"CC-BY-NC-ND-3.0-IGO": "non-commercial, no-derivatives", "GPL-3.0-or-later": "copyleft", "LGPL-2.1": "weak-copyleft",
		"AGPL-3.0-only": "copyleft, network-copyleft", "creativeml-openrail-m": "use-restricted", "llama3.1": "use-restricted, custom",
		"LicenseRef-Acme": "unknown", "MIT OR GPL-2.0+": "permissive, copyleft", "ODbL-1.0": "share-alike", "BSD-3-Clause-No-Nuclear-License": "use-restricted",
	} {
		e, err := Read(id)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := PropertiesOf(e).String(); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	for _, name := range PropertyNames() {
		if p, ok := ParseProperty(name); !ok || p.String() != name {
			t.Error(name, p, ok)
		}
	}
	if _, ok := ParseProperty("free"); ok {
		t.Error("free is a property")
	}
}

func TestCompatible(t *testing.T) {
	words := map[Answer]string{Yes: "yes", No: "no", Unclear: "unclear"}
	for _, c := range []struct{ derivative, base, want string }{
		{"MIT", "MIT", "yes MIT is the same licence"},
		{"MIT", "Apache-2.0", "yes Apache-2.0 is permissive: keep its notices"},
		{"LicenseRef-Acme", "MIT", "yes"},
		{"GPL-2.0-only", "Apache-2.0", "no Apache-2.0 has terms about patents"},
		{"GPL-2.0-or-later", "Apache-2.0", "yes"},
		{"GPL-3.0-only", "Apache-2.0", "yes"},
		{"gpl-2.0", "Apache-2.0", "unclear Apache-2.0 has terms about patents that GPL-2.0 allows from version 3 on"},
		{"GPL-3.0-only", "BSD-4-Clause", "no BSD-4-Clause asks for more than GPL-3.0-only allows"},
		{"AGPL-3.0-only", "Apache-1.1", "no"},
		{"LGPL-3.0-only", "BSD-3-Clause", "yes"},
		{"MIT", "BSD-4-Clause", "yes"},
		{"GPL-3.0-only", "EUPL-1.2", "unclear EUPL-1.2 requires its own or a compatible licence"},
		{"MPL-2.0", "EUPL-1.2", "unclear"},
		{"MIT", "EUPL-1.2", "no"},
		{"GPL-3.0-only", "OSL-3.0", "no OSL-3.0 holds for use over a network"},
		{"MIT", "GPL-3.0-only", "no GPL-3.0-only requires that derivatives stay under it, MIT does not"},
		{"gpl-3.0", "GPL-3.0-or-later", "yes"},
		{"GPL-3.0-only", "GPL-2.0-or-later", "yes GPL-2.0-or-later allows GPL-3.0-only"},
		{"GPL-3.0-only", "GPL-2.0-only", "unclear"},
		{"GPL-2.0-only", "GPL-3.0-or-later", "unclear"},
		{"GPL-3.0-only", "AGPL-3.0-only", "no AGPL-3.0-only holds for use over a network"},
		{"MIT", "GPL-2.0-only WITH Classpath-exception-2.0", "unclear"},
		{"MIT", "MPL-2.0", "unclear MPL-2.0 requires that changes to the work stay under it"},
		{"GPL-3.0-only", "LGPL-3.0-only", "yes"},
		{"apache-2.0", "cc-by-nc-4.0", "no CC-BY-NC-4.0 forbids commercial use, Apache-2.0 allows it"},
		{"cc-by-nc-sa-4.0", "cc-by-nc-4.0", "yes"},
		{"cc-by-nc-4.0", "cc-by-nc-sa-4.0", "no CC-BY-NC-SA-4.0 requires"},
		{"MIT", "CC-BY-SA-4.0", "no"},
		{"CC-BY-SA-4.0", "CC-BY-SA-3.0", "yes"},
		{"CC-BY-SA-3.0", "CC-BY-SA-4.0", "unclear"},
		{"GPL-3.0-only", "CC-BY-SA-4.0", "yes"},
		{"MIT", "CC-BY-ND-4.0", "no CC-BY-ND-4.0 does not allow that changed works are shared"},
		{"LicenseRef-Acme", "CC-BY-NC-4.0", "unclear"},
		{"Apache-2.0", "creativeml-openrail-m", "no LicenseRef-CreativeML-OpenRAIL-M forbids some uses"},
		{"bigcode-openrail-m", "creativeml-openrail-m", "unclear"},
		{"creativeml-openrail-m", "creativeml-openrail-m", "yes"},
		{"creativeml-openrail-m", "Apache-2.0", "yes"},
		{"Apache-2.0", "llama3.1", "no"},
		{"llama3.1", "llama3", "unclear"},
		{"MIT", "LicenseRef-Acme", "unclear the terms of LicenseRef-Acme are not known"},
		{"MIT", "unknown", "unclear"},
		{"MIT", "GPL-3.0-only OR ISC", "yes ISC is permissive"},
		{"MIT", "GPL-3.0-only AND ISC", "no"},
		{"MIT OR GPL-3.0-only", "GPL-3.0-only", "no"},
		{"MIT AND GPL-3.0-only", "GPL-3.0-only", "yes"},
		{"ISC OR MIT", "MIT OR ISC", "yes MIT OR ISC is the same"},
	} {
		d, err := Read(c.derivative)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Read(c.base)
		if err != nil {
			t.Fatal(err)
		}
		got := Compatible(d, b)
		if s := words[got.Answer] + " " + got.Reason; !strings.HasPrefix(s, c.want) {
			t.Errorf("%s from %s: %s, want %s", c.derivative, c.base, s, c.want)
		}
	}
}

func TestAgree(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Apache-2.0", "apache-2.0", true}, {"GPL-3.0-only", "gpl-3.0", true}, {"GPL-3.0-only", "GPL-3.0-or-later", false},
		{"BSD-3-Clause", "bsd", true}, {"LicenseRef-Acme", "other", true}, {"MIT", "other", false}, {"MIT", "Apache-2.0", false},
		{"MIT OR ISC", "ISC OR MIT", true}, {"MIT OR ISC", "ISC AND MIT", false}, {"MIT OR ISC", "MIT", false}, {"MIT OR MIT", "MIT OR ISC", false},
		{"LGPL-2.1", "gpl", false}, {"creativeml-openrail-m", "openrail", true}, {"MIT WITH AdditionRef-x", "MIT", false},
	} {
		a, err := Read(c.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Read(c.b)
		if err != nil {
			t.Fatal(err)
		}
		if Agree(a, b) != c.want || Agree(b, a) != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, !c.want)
		}
	}
}

func TestOfModel(t *testing.T) {
	if e := OfModel("meta-llama/Llama-3.1-8B-Instruct"); e == nil || e.ID != "LicenseRef-Llama-3.1" {
		t.Error(e)
	}
	if e := OfModel("acme/Llama-3.1-8B"); e != nil {
		t.Error(e)
	}
	for _, m := range models {
		if hub[m.license] == "" || m.prefix != strings.ToLower(m.prefix) {
			t.Error(m)
		}
	}
}

func TestRecognize(t *testing.T) {
	// text writes a body as people have it in their files.
	text := func(id string) string {
		for _, b := range bodies {
			if b.id == id {
				return "Copyright (c) 2026, Acme\n\n" + strings.ReplaceAll(strings.ReplaceAll(b.words, " … ", "\n\n * Acme, Inc. "), " to ", "\nTO ") + ".\n"
			}
		}
		return ""
	}
	const (
		apache = "                                 Apache License\n                           Version 2.0, January 2004\n"
	)
	for _, c := range []struct{ text, want string }{
		{text("MIT"), "MIT"},
		{"The MIT License (MIT)\n\n" + text("MIT"), "MIT"},
		{strings.Replace(text("MIT"), "the software is provided", "The Software shall be used for Good, not Evil. The software is provided", 1), ""},
		{text("MIT") + "The Software shall be used for Good, not Evil.", ""},
		{strings.Replace(text("MIT"), "without", "with", 1), ""},
		{text("ISC"), "ISC"},
		{strings.Repeat("one word and another ", 200) + text("ISC"), ""},
		{apache, "Apache-2.0"},
		{apache + text("MIT"), ""},
		{text("BSD-2-Clause"), "BSD-2-Clause"},
		{text("BSD-3-Clause"), "BSD-3-Clause"},
		{text("BSD-2-Clause") + "4. All advertising materials", ""},
		{"GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", "GPL-3.0"},
		{"GNU LESSER GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", "LGPL-3.0"},
		{"GNU AFFERO GENERAL PUBLIC LICENSE\n   Version 3, 19 November 2007", "AGPL-3.0"},
		{"LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nLlama 3.1 Version", "LicenseRef-Llama-3.1"},
		{"Creative Commons Attribution-NonCommercial 4.0 International Public License", "CC-BY-NC-4.0"},
		{"# SPDX-License-Identifier: MIT OR Apache-2.0 -->\nwhatever", "MIT OR Apache-2.0"},
		{"All rights reserved.", ""},
		{"", ""},
		{strings.Repeat("x", 1<<20), ""},
	} {
		got := ""
		if e := Recognize(c.text); e != nil {
			got = e.String()
		}
		if got != c.want {
			t.Errorf("%.40q: %q, want %q", c.text, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"MIT", "(MIT OR ISC) AND GPL-2.0+ WITH Classpath-exception-2.0", "DocumentRef-a:LicenseRef-b", "((", "mit or", "LicenseRef-é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(e.String())
		if err != nil && len(e.String()) <= maxLength {
			t.Fatalf("%q became %q, which is not read: %v", s, e, err)
		}
		if err == nil && (again.String() != e.String() || !Same(again, e)) {
			t.Fatalf("%q became %q, then %q", s, e, again)
		}
		if got := Compatible(e, e); got.Answer != Yes {
			t.Fatalf("%q is not compatible with itself: %s", e, got.Reason)
		}
		Recognize(s)
	})
}
