package approval

import (
	"strings"
	"testing"
)

// T11: what a change of allowed_signers lets people do is told; what it takes
// from them is not.
func TestT11Loosen(t *testing.T) {
	one, two := public(newSigner(t, "ed25519")), public(newSigner(t, "ed25519"))
	parse := func(text string) []Signer {
		s, err := ParseSigners(SignersFile, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct{ base, head, says string }{
		"nothing":            {"a " + one, "a " + one, ""},
		"order and case":     {"a " + one + "\nb " + two, "B " + two + "\nA " + one, ""},
		"a person":           {"a " + one, "a " + one + "\nb " + two, "b may approve with a key that was not theirs, SHA256:"},
		"a person by a line": {"a " + one, "a,b " + one, "b may approve"},
		"another key":        {"a " + one, "a " + two, "a may approve with a key that was not theirs"},
		"a file":             {"", "a " + one, "a may approve"},
		"an address alone":   {"", "a@example.com " + one, "a@example.com may approve"},
		"no end":             {`a valid-before="20270101Z" ` + one, "a " + one, "a may approve for longer"},
		"a later end":        {`a valid-before="20270101Z" ` + one, `a valid-before="20280101Z" ` + one, "a may approve for longer"},
		"an earlier start":   {`a valid-after="20270101Z" ` + one, `a valid-after="20260101Z" ` + one, "a may approve for longer"},
		"a namespace":        {`a namespaces="git" ` + one, "a " + one, "a may approve with a key"},
		"an address gone":    {"a,a@example.com " + one, "a " + one, "a@example.com is nobody's address any more"},
		"an address more":    {"a " + one, "a,a@example.com " + one, ""},
		"an end":             {"a " + one, `a valid-before="20280101Z" ` + one, ""},
		"an earlier end":     {`a valid-before="20280101Z" ` + one, `a valid-before="20270101Z" ` + one, ""},
		"a person less":      {"a " + one + "\nb " + two, "a " + one, ""},
		"another purpose":    {"a " + one, "a " + one + "\nb namespaces=\"git\" " + two, ""},
	} {
		found := Loosen(parse(c.base), parse(c.head))
		switch {
		case c.says == "" && len(found) > 0:
			t.Errorf("%s: %+v", name, found)
		case c.says != "" && (len(found) != 1 || !strings.HasPrefix(found[0].What, c.says)):
			t.Errorf("%s: %+v does not say %q", name, found, c.says)
		}
	}
}
