package deploy

import (
	"bytes"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// TestProve: results that differ in more than the value are not returned. No
// file is known for which Edit would make one; so they are made here.
func TestProve(t *testing.T) {
	a, d := "sha256:"+strings.Repeat("a", 64), string(production.Digest)
	data := []byte("a: " + a + " # one\nb: [x, &y z, *y]\n---\nc: 1\n")
	list := []manifest.DeployTarget{{Key: "a"}}
	f, err := read("x.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	spots, err := f.locate(list, "sentiment", "production")
	if err != nil {
		t.Fatal(err)
	}
	edits := []edit{{node: spots[0].node, start: 3, end: 3 + len(a), to: d}}
	good := f.apply(edits)
	if err := f.prove(good, edits, list, production); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]string{
		"not what was to be written": {d, a},
		"half of it":                 {d, d[:70]},
		"another value":              {"[x", "[w"},
		"another style":              {"[x", "['x'"},
		"another key":                {"b: ", "bb: "},
		"another document":           {"c: 1", "c: 2"},
		"another type":               {"c: 1", "c: '1'"},
		"a comment":                  {"# one", "# two"},
		"no comment":                 {" # one", ""},
		"an anchor":                  {"&y z, *y", "&w z, *w"},
		"an alias written out":       {"*y", "z"},
		"one more value":             {"*y]", "*y, q]"},
		"one document":               {"---\n", ""},
		"one more document":          {"c: 1\n", "c: 1\n---\nd: 1\n"},
		"a line":                     {"b: ", "\nb: "},
		"no YAML":                    {"]", ""},
	} {
		bad := bytes.Replace(good, []byte(c[0]), []byte(c[1]), 1)
		if bytes.Equal(bad, good) {
			t.Fatal(name, "is the same")
		}
		if err := f.prove(bad, edits, list, production); err == nil || !strings.Contains(err.Error(), "nothing was written") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTargetsMove: the second run would change another value.
func TestTargetsMove(t *testing.T) {
	list := targets(t, `
- {file: x, key: "l[0].name", value: "{version}"}
- {file: x, key: "l[1].name", value: "x-{version}"}
- {file: x, key: "l[name=v1.5.0].uri", value: "{ref}"}
`)
	out, _, err := Edit("x.yaml", []byte("l:\n- {name: v1.4.0, uri: x}\n- {name: v1.5.0, uri: x}\n"), list, production)
	if err == nil || !strings.Contains(err.Error(), "l[name=v1.5.0].uri names another value afterwards") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestLineEnds: lines end where yaml.v3 says they do.
func TestLineEnds(t *testing.T) {
	a, d := "sha256:"+strings.Repeat("a", 64), string(production.Digest)
	for _, end := range []string{"\n", "\r\n", "\r", "\u0085", "\u2028", "\u2029", "\n\r\n\r\n\n"} {
		data := "x: 'é" + end + " y'  # é" + end + "é: \"é\"" + end + "a:  '" + a + "'" + end + "m: " + a + ` # {"$waybill": "sentiment:production:digest"}` + end + "z: z"
		out, changes, err := Edit("x.yaml", []byte(data), []manifest.DeployTarget{{Key: "a"}, {}}, production)
		if want := strings.ReplaceAll(data, a, d); err != nil || len(changes) != 2 || string(out) != want {
			t.Errorf("%q: %v, got\n%q\nwant\n%q", end, err, out, want)
		}
	}
}
