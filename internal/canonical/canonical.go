// Package canonical writes JSON in exactly one way, so that equal values have
// equal bytes and therefore equal digests on every machine.
//
// The compact form is RFC 8785 (JSON Canonicalization Scheme): keys sorted by
// UTF-16 code unit, no insignificant space, numbers as ECMAScript prints them.
// The indented form is the same value with two-space indentation and a final
// newline; lock files use it, because people read them in diffs.
package canonical

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
)

// Marshal returns v as compact canonical JSON. Integers beyond 2^53 lose
// precision in RFC 8785, so callers keep them as strings.
func Marshal(v any) ([]byte, error) {
	plain, err := marshalPlain(v)
	if err != nil {
		return nil, err
	}
	out, err := jsoncanonicalizer.Transform(plain)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return out, nil
}

// MarshalIndent returns v as canonical JSON indented by two spaces, ending in
// a newline.
func MarshalIndent(v any) ([]byte, error) {
	compact, err := Marshal(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(2 * len(compact))
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// marshalPlain is json.Marshal without the escaping of <, > and &.
func marshalPlain(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return buf.Bytes(), nil
}
