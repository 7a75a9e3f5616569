package approval

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/waybill-dev/waybill/internal/manifest"
)

func TestParseSigners(t *testing.T) {
	key, rsa := public(newSigner(t, "ed25519")), public(newSigner(t, "rsa"))
	signers, err := ParseSigners(SignersFile, []byte("# people\r\n\r\n"+
		`octocat,583231+octocat@users.noreply.github.com `+key+" octocat's laptop\r\n"+
		`  "hubot,The Bot"	namespaces="waybill-approval,a\"b",valid-after="20260101",valid-before="20270101000000Z" `+rsa+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(signers) != 2 || signers[0].Line != 3 || signers[1].Line != 4 {
		t.Fatalf("%+v", signers)
	}
	if !slices.Equal(signers[1].Principals, []string{"hubot", "The Bot"}) || !slices.Equal(signers[1].namespaces, []string{"waybill-approval", `a"b`}) {
		t.Errorf("%+v", signers[1])
	}
}

func TestParseSignersRefuses(t *testing.T) {
	key := public(newSigner(t, "ed25519"))
	blob := strings.Fields(key)[1]
	for line, says := range map[string]string{
		"* " + key:                         "is a pattern",
		"*@example.com " + key:             "is a pattern",
		"octocat,!hubot " + key:            "is a pattern",
		"octo?at " + key:                   "is a pattern",
		"octocat, " + key:                  "an empty principal",
		key:                                "begins with a key",
		"octocat":                          "no key",
		"octocat ssh-ed25519":              "no key",
		"octocat cert-authority " + key:    "could sign as anybody",
		"octocat CERT-AUTHORITY " + key:    "could sign as anybody",
		"octocat ssh-dss AAAAB3NzaC1kc3M=": "too weak",
		"octocat ssh-ed25519-cert-v01@openssh.com AAAA=":                "a certificate",
		"octocat ssh-ed25519 !!!":                                       "not base64",
		"octocat ssh-ed25519 AAAA":                                      "cannot be read",
		"octocat ecdsa-sha2-nistp256 " + blob:                           "says that it is of type",
		"octocat " + public(newSigner(t, "small")):                      "1024 bits",
		`octocat verify-required ` + key:                                "neither a type of key nor an option",
		`octocat namespaces=git ` + key:                                 "must stand in quotes",
		`octocat namespaces="git ` + key:                                "do not end",
		`octocat namespaces ` + key:                                     "needs a value",
		`octocat namespaces="" ` + key:                                  "needs a value",
		`octocat namespaces="a",namespaces="b" ` + key:                  "twice",
		`octocat namespaces="a"; ` + key:                                "separated by commas",
		`octocat namespaces="a"`:                                        "no key",
		`octocat namespaces="a", ` + key:                                "neither a type of key nor an option",
		`octocat valid-after="2026-01-01" ` + key:                       "YYYYMMDD",
		`octocat valid-after="20261301" ` + key:                         "YYYYMMDD",
		`octocat valid-after="20260101ZZ" ` + key:                       "YYYYMMDD",
		`octocat valid-after="20260102",valid-before="20260101" ` + key: "never valid",
		`"octocat ` + key:                                               "quotes around the principals do not end",
		`"octocat"` + key:                                               "text follows them",
		`octo"cat ` + key:                                               "a quote within",
		"octocat\x00 " + key:                                            "not a text",
		"octocat\x01 " + key:                                            "control character",
		"\xff " + key:                                                   "not a text",
		strings.Repeat("a,", maxPrincipals) + "b " + key:                "at most 50",
		strings.Repeat("a", maxLine) + " " + key:                        "at most 2000 lines",
	} {
		_, err := ParseSigners(SignersFile, []byte("\n"+line+"\n"))
		wants(t, fmt.Sprintf("%.60q", line), err, says)
		if err != nil && says != "not a text" && !strings.Contains(err.Error(), "allowed_signers:2: ") {
			t.Errorf("%.60q: %v does not say where", line, err)
		}
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("%.60q: the message has %d bytes", line, len(err.Error()))
		}
	}
	if _, err := ParseSigners(SignersFile, []byte(strings.Repeat("\n", maxSignerLines+1))); err == nil {
		t.Error("endless lines were read")
	}
	if _, err := ParseSigners(SignersFile, []byte(strings.Repeat("#", maxSigners+1))); err == nil {
		t.Error("an endless file was read")
	}
}

func TestDirectory(t *testing.T) {
	d := directory(t,
		"octocat,ada@example.com "+public(newSigner(t, "ed25519")),
		"ada@example.com,other@example.com "+public(newSigner(t, "ed25519")))
	for name, want := range map[string]string{
		"octocat": "octocat", "OCTOCAT": "octocat", "hubot": "Hubot", "ada@example.com": "octocat", "Ada@Example.com": "octocat",
		"583231+octocat@users.noreply.github.com": "octocat", "octocat@users.noreply.github.com": "octocat",
		"583231+before-the-rename@users.noreply.github.com": "octocat",
		"480938+octocat@users.noreply.github.com":           "", // the id says hubot
		"1+octocat@users.noreply.github.com":                "",
		"+octocat@users.noreply.github.com":                 "",
		"583231+octocat@users.noreply.github.com.evil.com":  "",
		"other@example.com":                                 "", // beside an address, not beside a login
		"octocat@example.com":                               "", "nobody": "", "": "",
	} {
		if p, ok := d.Person(name); p.Login != want || ok != (want != "") {
			t.Errorf("%q is %q (%v), want %q", name, p.Login, ok, want)
		}
	}
	if p, ok := d.ByID(480938); !ok || p != hubot {
		t.Error(p, ok)
	}
	for groups, want := range map[string]int{"": 2, "ops": 1, "ml-leads,ops": 2, "nobody": 0} {
		if got := len(d.Members(strings.FieldsFunc(groups, func(r rune) bool { return r == ',' }))); got != want {
			t.Errorf("%q has %d members, want %d", groups, got, want)
		}
	}
}

// Whoever shares a key can give two approvals alone.
func TestDirectoryRefuses(t *testing.T) {
	key, other := public(newSigner(t, "ed25519")), public(newSigner(t, "ed25519"))
	for name, c := range map[string]struct {
		lines []string
		says  []string
	}{
		"two lines":        {[]string{"octocat " + key, "hubot " + key}, []string{"allowed_signers:1 and allowed_signers:2", "octocat and Hubot"}},
		"one line":         {[]string{"octocat,hubot " + key}, []string{"allowed_signers:1: one key for two people"}},
		"by an address":    {[]string{"octocat,a@b.c " + other, "a@b.c " + key, "hubot " + key}, []string{"allowed_signers:2 and allowed_signers:3"}},
		"by GitHub's":      {[]string{"octocat,480938+hubot@users.noreply.github.com " + key}, []string{"one key for two people"}},
		"a shared address": {[]string{"octocat,a@b.c " + key, "hubot,A@b.c " + other}, []string{"allowed_signers:1 and allowed_signers:2 give the address"}},
	} {
		signers, err := ParseSigners(SignersFile, []byte(strings.Join(c.lines, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		_, err = NewDirectory(people, signers)
		for _, says := range c.says {
			wants(t, name, err, says)
		}
	}
	for _, p := range []manifest.Person{{Login: "OctoCat", ID: 7}, {Login: "new", ID: octocat.ID}} {
		_, err := NewDirectory(map[string][]manifest.Person{"a": {octocat}, "b": {p}}, nil)
		wants(t, p.Login, err, "two ")
	}
}

func TestLineIsRead(t *testing.T) {
	key := newSigner(t, "ed25519")
	if _, err := directory(t, Line("octocat", key.PublicKey())).Verify(sign(t, key, statement()), statement().At); err != nil {
		t.Error(err)
	}
	if got, err := SigningKey(sign(t, key, statement())); err != nil || ssh.FingerprintSHA256(got) != ssh.FingerprintSHA256(key.PublicKey()) {
		t.Error(err)
	}
}

func FuzzParseSigners(f *testing.F) {
	key := public(newSigner(f, "ed25519"))
	for _, line := range []string{"octocat " + key, `"a,b c" namespaces="a\"*",valid-after="20260101Z",valid-before="203001010000" ` + key, "# x\n\n* " + key,
		"octocat cert-authority " + key, "octocat ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQA="} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		signers, err := ParseSigners(SignersFile, data)
		if err != nil {
			return
		}
		for _, s := range signers {
			if s.key == nil || len(s.Principals) == 0 || CheckKey(s.key) != nil {
				t.Fatalf("%q was read as %+v", data, s)
			}
			for _, p := range s.Principals {
				if p == "" || strings.ContainsAny(p, "*?!") {
					t.Fatalf("principal %q", p)
				}
			}
			s.covers(Namespace)
		}
		if d, err := NewDirectory(people, signers); err == nil {
			for _, s := range signers {
				_, _ = d.Owner(s.key, noon)
			}
		}
	})
}
