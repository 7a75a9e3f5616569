package approval

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

// Limits of a file of signers.
const (
	maxSigners     = 256 << 10
	maxSignerLines = 2000
	maxLine        = 16 << 10 // an RSA key of 16,384 bits takes 2.8 kB
	maxPrincipals  = 50
	minRSA         = 2048
	maxRSA         = 16384 // as OpenSSH has it (SSHBUF_MAX_BIGNUM)
)

// keyTypes are those of which a person's signature is taken. ssh-dss is broken
// and gone from OpenSSH; certificates would let an authority sign as anybody.
var keyTypes = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
	ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA,
}

// Signer is a line of allowed_signers.
type Signer struct {
	Principals []string
	File       string
	Line       int

	key         ssh.PublicKey
	namespaces  []string // patterns; nil: every namespace
	after, till time.Time
}

func (s Signer) where() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// ParseSigners reads a file of signers, in the format of ssh-keygen(1), ALLOWED
// SIGNERS, as OpenSSH's sshsig.c reads it. file is for messages.
//
// Lines that would make a key anybody's are errors: patterns among the
// principals, and certificate authorities. Times of valid-after and
// valid-before without a Z are local to the reading machine in OpenSSH; here
// they are UTC, so that everybody reads the same.
func ParseSigners(file string, data []byte) ([]Signer, error) {
	if len(data) > maxSigners {
		return nil, fmt.Errorf("%s has %d bytes, at most %d", file, len(data), maxSigners)
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, fmt.Errorf("%s is not a text in UTF-8", file)
	}
	var out []Signer
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		if number > maxSignerLines || len(line) > maxLine {
			return nil, fmt.Errorf("%s:%d: at most %d lines of %d bytes", file, number, maxSignerLines, maxLine)
		}
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		s, err := parseSigner(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, number, err)
		}
		s.File, s.Line = file, number
		out = append(out, s)
	}
	return out, nil
}

// parseSigner reads "PRINCIPAL[,…] [OPTION[,…]] TYPE KEY [COMMENT]".
func parseSigner(line string) (Signer, error) {
	var s Signer
	principals, rest, err := cutPrincipals(line)
	if err != nil {
		return s, err
	}
	if slices.Contains(keyTypes, principals) {
		return s, errors.New("the line begins with a key: whose? Write their login before it, as in \"octocat ssh-ed25519 AAAA…\"")
	}
	if s.Principals, err = splitPrincipals(principals); err != nil {
		return s, err
	}
	if s.key, err = parseKey(rest); errors.Is(err, errNoKey) {
		if rest, err = s.options(rest); err == nil {
			s.key, err = parseKey(rest)
		}
	}
	return s, err
}

// cutPrincipals splits off the first field, which may stand in quotes.
func cutPrincipals(line string) (field, rest string, err error) {
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		field, rest, ok = strings.Cut(quoted, `"`)
		if !ok || rest != "" && !isSpace(rest[0]) {
			return "", "", errors.New("the quotes around the principals do not end, or text follows them at once")
		}
	} else if i := strings.IndexAny(line, " \t"); i >= 0 {
		field, rest = line[:i], line[i:]
	} else {
		field = line
	}
	if strings.Contains(field, `"`) {
		return "", "", errors.New("a quote within the principals")
	}
	return field, trimSpace(rest), nil
}

func splitPrincipals(field string) ([]string, error) {
	principals := strings.Split(field, ",")
	if len(principals) > maxPrincipals {
		return nil, fmt.Errorf("%d principals, at most %d", len(principals), maxPrincipals)
	}
	for _, p := range principals {
		switch {
		case p == "":
			return nil, errors.New("an empty principal: expected PRINCIPAL[,…] [OPTION[,…]] TYPE KEY, as in \"octocat ssh-ed25519 AAAA…\"")
		case strings.ContainsAny(p, "*?!"):
			return nil, fmt.Errorf("principal %q is a pattern: the key would be anybody's that it matches; name each person", clip(p))
		case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return nil, fmt.Errorf("principal %q has a control character", clip(p))
		}
	}
	return principals, nil
}

var errNoKey = errors.New("no key: expected one of the types " + strings.Join(keyTypes, ", ") + " and the key in base64, as in the .pub file")

// parseKey reads "TYPE KEY [COMMENT]".
func parseKey(text string) (ssh.PublicKey, error) {
	fields := strings.Fields(text)
	switch {
	case len(fields) == 0:
		return nil, errNoKey
	case fields[0] == "ssh-dss":
		return nil, errors.New("ssh-dss keys are too weak; use ssh-ed25519")
	case strings.HasSuffix(fields[0], "-cert-v01@openssh.com"):
		return nil, errors.New("this is a certificate; name the person's own key")
	case !slices.Contains(keyTypes, fields[0]) || len(fields) < 2:
		return nil, errNoKey
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return nil, fmt.Errorf("the key is not base64: %w", err)
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, fmt.Errorf("the key cannot be read: %w", err)
	}
	if key.Type() != fields[0] {
		return nil, fmt.Errorf("the key says that it is of type %q, not %s", clip(key.Type()), fields[0])
	}
	return key, CheckKey(key)
}

// CheckKey refuses keys that are too weak, or of a kind that does not belong to
// one person.
func CheckKey(key ssh.PublicKey) error {
	if !slices.Contains(keyTypes, key.Type()) {
		return fmt.Errorf("keys of type %q are not taken; use ssh-ed25519", clip(key.Type()))
	}
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if k, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok && (k.N.BitLen() < minRSA || k.N.BitLen() > maxRSA) {
			return fmt.Errorf("an RSA key of %d bits; it must have %d to %d; better use ssh-ed25519", k.N.BitLen(), minRSA, maxRSA)
		}
	}
	return nil
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' }

func trimSpace(s string) string { return strings.Trim(s, " \t") }
