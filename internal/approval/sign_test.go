package approval

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/waybill-dev/waybill/internal/ledger"
)

func TestVerify(t *testing.T) {
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		key := newSigner(t, kind)
		v, err := directory(t, "OctoCat,ada@example.com "+public(key)+" a comment").Verify(sign(t, key, statement()), statement().At)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if v.Person != octocat || v.Statement != statement() || v.Key != ssh.FingerprintSHA256(key.PublicKey()) {
			t.Errorf("%s: %+v", kind, v)
		}
	}
}

// A key that an agent holds signs as one in a file does.
func TestSignThroughAgent(t *testing.T) {
	ring := agent.NewKeyring()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []any{rsaKey, edKey} {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	here, there := net.Pipe()
	defer here.Close()
	go agent.ServeAgent(ring, there)
	signers, err := agent.NewClient(here).Signers()
	if err != nil || len(signers) != 2 {
		t.Fatal(signers, err)
	}
	for _, s := range signers {
		if _, err := directory(t, "octocat "+public(s)).Verify(sign(t, s, statement()), statement().At); err != nil {
			t.Error(err)
		}
	}
}

// What the real ssh-keygen signs verifies here, and the other way round.
func TestOpenSSH(t *testing.T) {
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		dir := t.TempDir()
		if out, err := keygen(t, dir, "", "-q", "-t", kind, "-N", "", "-C", "octocat", "-f", "key"); err != nil {
			t.Fatal(out, err)
		}
		data, err := statement().Bytes()
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, "approval.json", string(data))
		line := "octocat namespaces=\"" + Namespace + "\",valid-before=\"20300101Z\" " + read(t, dir, "key.pub")
		d := directory(t, line)
		for _, hash := range []string{"sha256", "sha512"} {
			if out, err := keygen(t, dir, string(data), "-Y", "sign", "-n", Namespace, "-O", "hashalg="+hash, "-f", "key", "approval.json"); err != nil {
				t.Fatal(out, err)
			}
			if v, err := d.Verify(ledger.Signed{Statement: string(data), Signature: read(t, dir, "approval.json.sig")}, statement().At); err != nil || v.Person != octocat {
				t.Errorf("%s %s: %v", kind, hash, err)
			}
			if err := os.Remove(filepath.Join(dir, "approval.json.sig")); err != nil {
				t.Fatal(err)
			}
		}
		private, err := ssh.ParsePrivateKey([]byte(read(t, dir, "key")))
		if err != nil {
			t.Fatal(err)
		}
		ours := sign(t, private, statement())
		write(t, dir, "ours.sig", ours.Signature)
		write(t, dir, "allowed_signers", line)
		verify := []string{"-Y", "verify", "-f", "allowed_signers", "-I", "octocat", "-n", Namespace, "-s", "ours.sig"}
		if out, err := keygen(t, dir, ours.Statement, verify...); err != nil {
			t.Errorf("%s: ssh-keygen does not take our signature: %s", kind, out)
		}
		if out, err := keygen(t, dir, ours.Statement+"\n", verify...); err == nil {
			t.Errorf("%s: ssh-keygen took another text: %s", kind, out)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	key, other, small := newSigner(t, "ed25519"), newSigner(t, "ed25519"), newSigner(t, "small")
	good := sign(t, key, statement())
	elsewhere := statement()
	elsewhere.Stage = "staging"
	replaced := sign(t, key, elsewhere)
	replaced.Statement = good.Statement // the signature of another stage's approval
	forFile := func(namespace string) string {
		sig, err := sshsig.Sign(strings.NewReader(good.Statement), key, sshsig.HashSHA512, namespace)
		if err != nil {
			t.Fatal(err)
		}
		return string(sshsig.Armor(sig))
	}
	sha1 := func() string {
		rsaKey := newSigner(t, "rsa").(ssh.AlgorithmSigner)
		sig, err := sshsig.Sign(strings.NewReader(good.Statement), rsaKey, sshsig.HashSHA512, Namespace)
		if err != nil {
			t.Fatal(err)
		}
		sig.Signature.Format = ssh.KeyAlgoRSA
		return string(sshsig.Armor(sig))
	}
	d := directory(t, "octocat "+public(key), "Mallory "+public(other))
	for name, c := range map[string]struct {
		signed ledger.Signed
		says   string
	}{
		"one byte of the statement":  {ledger.Signed{Statement: strings.Replace(good.Statement, "pilot", "Pilot", 1), Signature: good.Signature}, "did not sign this"},
		"another stage's signature":  {replaced, "did not sign this"},
		"one byte of the signature":  {ledger.Signed{Statement: good.Statement, Signature: flip(good.Signature)}, "did not sign this"},
		"for Git commits":            {ledger.Signed{Statement: good.Statement, Signature: forFile("git")}, `made for the namespace "git"`},
		"a key of nobody":            {sign(t, newSigner(t, "ecdsa"), statement()), "allowed_signers does not have it"},
		"somebody outside people":    {sign(t, other, statement()), `allowed_signers:2 gives it to "Mallory"`},
		"a weak key":                 {sign(t, small, statement()), "an RSA key of 1024 bits"},
		"SHA-1":                      {ledger.Signed{Statement: good.Statement, Signature: sha1()}, `"ssh-rsa"`},
		"two signatures":             {ledger.Signed{Statement: good.Statement, Signature: good.Signature + good.Signature}, "more than one"},
		"text before the signature":  {ledger.Signed{Statement: good.Statement, Signature: "x\n" + good.Signature}, "expected -----BEGIN"},
		"another armor":              {ledger.Signed{Statement: good.Statement, Signature: strings.ReplaceAll(good.Signature, "SSH SIGNATURE", "PRIVATE KEY")}, "expected -----BEGIN"},
		"an endless signature":       {ledger.Signed{Statement: good.Statement, Signature: strings.Repeat("a", maxSignature+1)}, "at most 16384"},
		"no signature":               {ledger.Signed{Statement: good.Statement}, "not an SSH signature"},
		"a statement with a newline": {ledger.Signed{Statement: good.Statement + "\n", Signature: good.Signature}, "not canonical"},
	} {
		_, err := d.Verify(c.signed, statement().At)
		wants(t, name, err, c.says)
		if unknown := strings.HasPrefix(name, "a key of") || strings.HasPrefix(name, "somebody"); errors.Is(err, ErrUnknownKey) != unknown {
			t.Errorf("%s: is ErrUnknownKey: %v", name, !unknown)
		}
	}
	if _, err := d.Verify(good, statement().At); err != nil {
		t.Error(err)
	}
}

// T11: when a statement was made is its signer's word. A key that has expired
// signs nothing more, whatever date is written.
func TestT11Backdated(t *testing.T) {
	key, at := newSigner(t, "ed25519"), statement().At
	signed := sign(t, key, statement())
	until := func(end time.Time) *Directory {
		return directory(t, `octocat valid-before="`+end.Format("20060102150405Z")+`" `+public(key))
	}
	for name, c := range map[string]struct {
		d        *Directory
		recorded time.Time
		says     string
	}{
		"at once":                {until(at.Add(time.Hour)), at, ""},
		"a week later":           {until(at.Add(8 * 24 * time.Hour)), at.Add(7 * 24 * time.Hour), ""},
		"by a clock behind":      {until(at.Add(time.Hour)), at.Add(-10 * time.Minute), ""},
		"after the key's end":    {until(at.Add(time.Hour)), at.Add(2 * time.Hour), "the key was valid only until"},
		"signed after its end":   {until(at.Add(-time.Minute)), at.Add(-2 * time.Minute), "the key was valid only until"},
		"long after":             {until(at.Add(9 * 24 * time.Hour)), at.Add(7*24*time.Hour + time.Second), "sign it anew"},
		"before it was signed":   {until(at.Add(time.Hour)), at.Add(-11 * time.Minute), "sign it anew"},
		"no time was written at": {until(at.Add(time.Hour)), time.Time{}, "sign it anew"},
	} {
		switch _, err := c.d.Verify(signed, c.recorded); {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.says != "":
			wants(t, name, err, c.says)
		}
	}
}

// What a statement is compared with is what it says: nothing of it can be
// exchanged while the signature holds.
func TestSame(t *testing.T) {
	later := statement()
	later.At, later.Reason = later.At.Add(time.Hour), "again"
	if !later.Same(statement()) {
		t.Error("another time is another approval")
	}
	for name, change := range map[string]func(*Statement){
		"ledger":  func(s *Statement) { s.Ledger = strings.Repeat("b", 64) },
		"stage":   func(s *Statement) { s.Stage = "staging" },
		"content": func(s *Statement) { s.ContentDigest = s.Digest },
		"policy":  func(s *Statement) { s.PolicyDigest = s.Digest },
		"version": func(s *Statement) { s.Version.Patch++ },
	} {
		s := statement()
		change(&s)
		if s.Same(statement()) {
			t.Errorf("another %s is the same approval", name)
		}
	}
}

func TestKeyLimits(t *testing.T) {
	key := newSigner(t, "ed25519")
	for options, says := range map[string]string{
		`valid-before="20260301"`:                              "valid only until 2026-03-01T00:00:00Z",
		`valid-before="202603011200Z"`:                         "",
		`valid-before="20260301115959Z"`:                       "valid only until",
		`valid-after="20260301120001"`:                         "valid only from",
		`valid-after="20260301120000Z"`:                        "",
		`namespaces="git,file"`:                                "namespaces= does not allow",
		`namespaces="git,way*"`:                                "",
		`namespaces="*,!waybill-?pproval"`:                     "namespaces= does not allow",
		`NAMESPACES="waybill-approval",valid-after="20250101"`: "",
	} {
		_, err := directory(t, "octocat "+options+" "+public(key)).Verify(sign(t, key, statement()), statement().At)
		if says == "" && err != nil {
			t.Errorf("%s: %v", options, err)
		} else if says != "" {
			wants(t, options, err, says)
		}
	}
	// A line about somebody outside people does not widen what another allows.
	_, err := directory(t, `octocat namespaces="git" `+public(key), "stranger "+public(key)).Verify(sign(t, key, statement()), statement().At)
	wants(t, "a stranger's line", err, "allowed_signers:1: namespaces= does not allow")
	// A key with two lines may be used as either says.
	if _, err := directory(t, `octocat namespaces="git" `+public(key), "octocat "+public(key)).Verify(sign(t, key, statement()), statement().At); err != nil {
		t.Error(err)
	}
}

// securityKey is a FIDO key in software (OpenSSH, PROTOCOL.u2f); flags are what
// the device says of the person before it.
type securityKey struct {
	key   ed25519.PrivateKey
	flags byte
}

func (k securityKey) PublicKey() ssh.PublicKey {
	blob := ssh.Marshal(struct {
		Name        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, k.key.Public().(ed25519.PublicKey), "ssh:"})
	pub, err := ssh.ParsePublicKey(blob)
	if err != nil {
		panic(err)
	}
	return pub
}

func (k securityKey) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	rest := binary.BigEndian.AppendUint32([]byte{k.flags}, 7)
	signed := append(append(append([]byte{}, app[:]...), rest...), message[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(k.key, signed), Rest: rest}, nil
}

func TestSecurityKeyMustBeTouched(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for flags, says := range map[byte]string{1: "", 5: "", 0: "user presence", 4: "user presence"} {
		key := securityKey{private, flags}
		_, err := directory(t, "octocat "+public(key)).Verify(sign(t, key, statement()), statement().At)
		if says == "" && err != nil {
			t.Errorf("flags %d: %v", flags, err)
		} else if says != "" {
			wants(t, "untouched", err, says)
		}
	}
}

// flip changes one character in the middle of a signature's base64.
func flip(armored string) string {
	lines := strings.Split(armored, "\n")
	last := lines[len(lines)-3] // within the signature itself
	c := "A"
	if last[5] == 'A' {
		c = "B"
	}
	lines[len(lines)-3] = last[:5] + c + last[6:]
	return strings.Join(lines, "\n")
}
