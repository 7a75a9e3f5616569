package approval

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
)

// ErrUnknownKey: the signature is of a key that allowed_signers does not give to
// anybody of people.
var ErrUnknownKey = errors.New("unknown key")

// Verified is an approval whose signature holds.
type Verified struct {
	Statement Statement
	Person    manifest.Person
	Key       string // fingerprint: SHA256:…
}

// Sign makes a signature as "ssh-keygen -Y sign -n waybill-approval" does.
func Sign(signer ssh.Signer, s Statement) (ledger.Signed, error) { return KeyOf(signer).Approve(s) }

// How far the time that a statement gives may lie from the time at which it was
// written down: clocks differ, and what is signed on another machine takes a
// while to arrive.
const (
	maxAhead = 10 * time.Minute
	maxKept  = 7 * 24 * time.Hour
)

// Verify checks that somebody of the directory signed, with a key that was
// valid both when the statement says that it was made and when it was recorded,
// which is the time of its event. When a statement was made is its signer's
// word alone: without the second, who kept a key that has expired could go on
// approving with it, at a date in the past. It does not compare the statement
// with anything. Errors wrap ErrUnknownKey when nobody has the key.
func (d *Directory) Verify(s ledger.Signed, recorded time.Time) (Verified, error) {
	statement, err := ParseStatement([]byte(s.Statement))
	if err != nil {
		return Verified{}, err
	}
	sig, err := parseSignature(s.Signature)
	if err != nil {
		return Verified{}, fmt.Errorf("approval: the signature: %w", err)
	}
	v := Verified{Statement: statement, Key: ssh.FingerprintSHA256(sig.PublicKey)}
	for _, at := range []time.Time{statement.At, recorded} {
		if v.Person, err = d.Owner(sig.PublicKey, at); err != nil {
			return Verified{}, fmt.Errorf("approval: key %s: %w", v.Key, err)
		}
	}
	if ahead := statement.At.Sub(recorded); ahead > maxAhead || -ahead > maxKept {
		return Verified{}, fmt.Errorf("approval: it says that it was signed at %s and was recorded at %s; at most %s before and %s after are taken; sign it anew",
			statement.At.Format(time.RFC3339), recorded.UTC().Format(time.RFC3339), maxKept, maxAhead)
	}
	// x/crypto refuses signatures of security keys that nobody touched
	// (OpenSSH, PROTOCOL.u2f, "Signature formats": the flag user presence).
	if err := sshsig.Verify(strings.NewReader(s.Statement), sig, sig.PublicKey, sig.HashAlgorithm, Namespace); err != nil {
		return Verified{}, fmt.Errorf("approval: key %s did not sign this: %w", v.Key, err)
	}
	return v, nil
}

// Owner finds whose key it is, and whether it may be used to approve something
// at a time. Errors wrap ErrUnknownKey when nobody has the key.
func (d *Directory) Owner(key ssh.PublicKey, at time.Time) (manifest.Person, error) {
	blob := string(key.Marshal())
	lines := d.keys[blob]
	if len(lines) == 0 {
		return manifest.Person{}, fmt.Errorf("%w: %s does not have it", ErrUnknownKey, SignersFile)
	}
	id, ok := d.owners[blob]
	if !ok {
		return manifest.Person{}, fmt.Errorf("%w: %s gives it to %q, and people of %s has no such login", ErrUnknownKey,
			lines[0].where(), clip(strings.Join(lines[0].Principals, ",")), manifest.ProjectFile)
	}
	var why error
	for _, l := range lines {
		if !d.names(l, id) {
			continue
		}
		if !l.covers(Namespace) {
			why = fmt.Errorf("%s: namespaces= does not allow %s", l.where(), Namespace)
			continue
		}
		if err := l.valid(at); err != nil {
			why = fmt.Errorf("%s: %w, and the approval is of %s", l.where(), err, at.UTC().Format(time.RFC3339))
			continue
		}
		return d.ids[id], nil
	}
	return manifest.Person{}, why
}

// names tells whether a line is about somebody of people.
func (d *Directory) names(l Signer, id int64) bool {
	for _, p := range l.Principals {
		if person, ok := d.Person(p); ok && person.ID == id {
			return true
		}
	}
	return false
}

// parseSignature reads an armored signature (PROTOCOL.sshsig, "Armored format")
// and nothing before, after or within it. The hash is sha256 or sha512; RSA
// signatures are of SHA-2, as the protocol demands.
func parseSignature(armored string) (*sshsig.Signature, error) {
	if len(armored) > maxSignature {
		return nil, fmt.Errorf("%d bytes, at most %d", len(armored), maxSignature)
	}
	if !strings.HasPrefix(armored, "-----BEGIN "+sshsig.PEMType+"-----") {
		return nil, errors.New("it is not an SSH signature: expected -----BEGIN SSH SIGNATURE-----")
	}
	block, rest := pem.Decode([]byte(armored))
	if block == nil || block.Type != sshsig.PEMType || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it is damaged, or more than one SSH signature")
	}
	sig, err := sshsig.ParseSignature(block.Bytes)
	if err != nil {
		return nil, err
	}
	if sig.Namespace != Namespace {
		return nil, fmt.Errorf("it was made for the namespace %q, not for %q; sign with: ssh-keygen -Y sign -n %s -f KEY", clip(sig.Namespace), Namespace, Namespace)
	}
	if err := CheckKey(sig.PublicKey); err != nil {
		return nil, err
	}
	switch format, kind := sig.Signature.Format, sig.PublicKey.Type(); {
	case kind == ssh.KeyAlgoRSA && (format == ssh.KeyAlgoRSASHA256 || format == ssh.KeyAlgoRSASHA512):
	case kind != ssh.KeyAlgoRSA && format == kind:
	default:
		return nil, fmt.Errorf("a signature of format %q by a key of type %s", clip(format), kind)
	}
	return sig, nil
}
