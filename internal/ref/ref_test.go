package ref

import (
	"slices"
	"strings"
	"testing"
)

const someDigest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Reference
	}{
		{"sentiment", Reference{Name: "sentiment"}},
		{"sentiment@v1.2.0", Reference{Name: "sentiment", Version: Version{Major: 1, Minor: 2}}},
		{"s1@v1.0.0-rc.1+b2", Reference{Name: "s1", Version: Version{Major: 1, Pre: "rc.1", Build: "b2"}}},
		{"sentiment#production", Reference{Name: "sentiment", Stage: "production"}},
		{"sentiment@" + someDigest, Reference{Name: "sentiment", Digest: someDigest}},
		{"reviews:train", Reference{Name: "reviews", Split: "train"}},
		{"reviews@v1.0.0:test", Reference{Name: "reviews", Version: Version{Major: 1}, Split: "test"}},
		{"reviews#staging:test", Reference{Name: "reviews", Stage: "staging", Split: "test"}},
		{"reviews@" + someDigest + ":test", Reference{Name: "reviews", Digest: someDigest, Split: "test"}},
	} {
		got, err := Parse(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.in, got, c.want)
		}
		if got.String() != c.in {
			t.Errorf("%s prints as %s", c.in, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "a", "A1", "-ab", "ab-", "a_b", "a/b", "ab@", "ab@1.0.0", "ab@v1", "ab@v1.0", "ab@v01.0.0", "ab@V1.0.0",
		"ab#", "ab#Prod", "ab#a/b", "ab#prod#3", "ab#prod!", "ab@v1.0.0!", "ab@sha256:00", "ab@" + strings.ToUpper(someDigest),
		"ab:", "ab:a b", "ab@v1.0.0:", "ab:a:b", "ab@latest", "ab\n", "ab@v1.0.0\n", strings.Repeat("a", 65),
		"ab@v99999999999999999999.0.0", "ab@v1.0.0-" + strings.Repeat("a", 200),
	} {
		if got, err := Parse(in); err == nil {
			t.Errorf("%q was read as %+v", in, got)
		}
	}
}

func TestParseRelative(t *testing.T) {
	for in, want := range map[string]string{
		"#production": "sentiment#production", "@v1.2.0": "sentiment@v1.2.0",
		"other": "other", "other#staging": "other#staging",
	} {
		got, err := ParseRelative(in, "sentiment")
		if err != nil || got.String() != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
}

func TestVersionOrder(t *testing.T) {
	// semver.org 2.0.0, section 11.
	sorted := []string{"v1.0.0-alpha", "v1.0.0-alpha.1", "v1.0.0-alpha.beta", "v1.0.0-beta", "v1.0.0-beta.2", "v1.0.0-beta.11",
		"v1.0.0-rc.1", "v1.0.0", "v1.0.0+b1", "v2.0.0", "v2.1.0", "v2.1.1", "v10.0.0"}
	shuffled := slices.Clone(sorted)
	slices.Sort(shuffled)
	slices.SortFunc(shuffled, func(a, b string) int { return MustVersion(a).Compare(MustVersion(b)) })
	if !slices.Equal(sorted, shuffled) {
		t.Errorf("got %v", shuffled)
	}
}

func TestNextVersion(t *testing.T) {
	v := MustVersion("v1.2.3")
	for got, want := range map[Version]string{
		v.NextPatch(): "v1.2.4", v.NextMinor(): "v1.3.0", v.NextMajor(): "v2.0.0", MustVersion("v1.2.3-rc.1").NextPatch(): "v1.2.3",
	} {
		if got.String() != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := MustVersion("v1.0.0-rc.1+b.2").OCITag(); got != "v1.0.0-rc.1_b.2" {
		t.Errorf("OCI tag %s", got)
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"files", "license", "owners", "description"}
	for in, want := range map[string]string{"file": "files", "licence": "license", "onwers": "owners", "quux": "", "descripton": "description"} {
		if got := Nearest(in, keys); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"ab", "ab@v1.0.0", "ab#prod:test", "ab@" + someDigest + ":x", "ab@v1.0.0-rc.1+b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Parse(s)
		if err != nil {
			return
		}
		if r.String() != s {
			t.Errorf("%q prints as %q", s, r)
		}
		if _, err := Parse(r.String()); err != nil {
			t.Error(err)
		}
	})
}
