// Package ref holds the words by which people and manifests name things:
// artifact and stage names, semantic versions, digests and references. It is
// pure: nothing here reads a file or asks a server.
package ref

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Digest is "sha256:" followed by 64 lower-case hexadecimal digits. The zero
// value means "none". A Digest made by ParseDigest or Of is always valid.
type Digest string

const digestPrefix = "sha256:"

// ParseDigest accepts exactly the form that Digest documents.
func ParseDigest(s string) (Digest, error) {
	hexPart, ok := strings.CutPrefix(s, digestPrefix)
	if !ok {
		return "", fmt.Errorf("digest %q: must begin with %q", clip(s), digestPrefix)
	}
	if len(hexPart) != 2*sha256.Size {
		return "", fmt.Errorf("digest %q: must have %d hexadecimal digits, has %d", clip(s), 2*sha256.Size, len(hexPart))
	}
	for i := range len(hexPart) {
		if c := hexPart[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", fmt.Errorf("digest %q: %q is not a lower-case hexadecimal digit", clip(s), c)
		}
	}
	return Digest(s), nil
}

// Of returns the digest of b.
func Of(b []byte) Digest {
	sum := sha256.Sum256(b)
	return FromSum(sum[:])
}

// FromSum makes a Digest of a finished SHA-256 sum.
func FromSum(sum []byte) Digest { return Digest(digestPrefix + hex.EncodeToString(sum)) }

// Hex returns the hexadecimal part.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), digestPrefix) }

// Short returns the first twelve hexadecimal digits, for people and for the
// lock-… tags.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (d Digest) Short() string {
	h := d.Hex()
	if len(h) > 12 {
		h = h[:12]
	}
	return h
}

// clip keeps hostile input out of error messages: 80 bytes are enough to
// recognise what was typed.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
