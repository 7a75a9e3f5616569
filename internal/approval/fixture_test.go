package approval

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

var (
	octocat = manifest.Person{Login: "octocat", ID: 583231}
	hubot   = manifest.Person{Login: "Hubot", ID: 480938}
	people  = map[string][]manifest.Person{"ml-leads": {octocat, hubot}, "ops": {hubot}}
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func statement() Statement {
	return Statement{APIVersion: APIVersion, Kind: Kind, Ledger: strings.Repeat("a", 64), Artifact: "sentiment", Version: ref.MustVersion("v0.2.0"),
		Stage: "production", ContentDigest: ref.Of([]byte("content")), Digest: ref.Of([]byte("encoding")), PolicyDigest: ref.Of([]byte("policy")),
		At: noon, Reason: "passed the pilot: <ok> \"é\""}
}

func newSigner(t testing.TB, kind string) ssh.Signer {
	t.Helper()
	var key any
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "small":
		key, err = rsa.GenerateKey(rand.Reader, 1024)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func public(s ssh.Signer) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

func directory(t testing.TB, lines ...string) *Directory {
	t.Helper()
	signers, err := ParseSigners(SignersFile, []byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDirectory(people, signers)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func sign(t testing.TB, signer ssh.Signer, s Statement) ledger.Signed {
	t.Helper()
	signed, err := Sign(signer, s)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// keygen runs the real ssh-keygen in a folder of its own.
func keygen(t testing.TB, dir, stdin string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("ssh-keygen is not installed")
	}
	cmd := exec.Command("ssh-keygen", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func wants(t testing.TB, what string, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v does not say %q", what, err, says)
	}
}
