// Package approval is about consent that a person signs: what is signed, with
// which keys, and who a key belongs to.
//
// An approval is a Statement, signed on the approver's machine with their SSH
// key in the namespace "waybill-approval" (OpenSSH, PROTOCOL.sshsig), and kept in
// the ledger's approve event. Anybody can check it with what OpenSSH brings:
//
//	ssh-keygen -Y verify -f allowed_signers -I octocat -n waybill-approval -s approval.sig < approval.json
//
// Keys are those of the file allowed_signers beside waybill.yaml (ssh-keygen(1),
// ALLOWED SIGNERS), on the default branch; people are those of waybill.yaml. The
// package reads neither: it is given both.
//
//	signers, err := approval.ParseSigners(approval.SignersFile, data)
//	people, err := approval.NewDirectory(project.People, signers)
//	v, err := people.Verify(*event.Signed, event.Time) // then compare v.Statement with what is decided
//
// A signature proves who agreed and to what, not when: Statement.At is the
// signer's word, which Verify holds against the time of the event.
package approval

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Namespace keeps signatures for other purposes, such as commits, from
// counting as approvals, and the other way round (PROTOCOL.sshsig, "Signed
// Data").
const Namespace = "waybill-approval"

// SignersFile is where the keys stand, beside waybill.yaml.
const SignersFile = "allowed_signers"

// What a statement says of itself.
const (
	APIVersion = "waybill.dev/v1"
	Kind       = "Approval"
)

// Limits, checked before anything is decoded. The first two are the ledger's.
const (
	maxStatement = 8 << 10
	maxSignature = 16 << 10
	maxReason    = 4096
)

// Statement is what an approver agrees to: this content, into this stage, under
// this policy.
type Statement struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"` // "Approval"
	// Ledger is the hash of the ledger's first event: an approval for another
	// repository does not count in this one.
	Ledger        string      `json:"ledger"`
	Artifact      string      `json:"artifact"`
	Version       ref.Version `json:"version"`
	Stage         string      `json:"stage"`
	ContentDigest ref.Digest  `json:"contentDigest"`
	Digest        ref.Digest  `json:"digest"`
	PolicyDigest  ref.Digest  `json:"policyDigest"`
	At            time.Time   `json:"at"` // UTC, whole seconds
	Reason        string      `json:"reason,omitempty"`
}

// Bytes are what is signed: canonical JSON (RFC 8785) without a newline at the
// end. It refuses what ParseStatement would refuse.
func (s Statement) Bytes() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("approval: %w", err)
	}
	data, err := canonical.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("approval: %w", err)
	}
	if len(data) > maxStatement {
		return nil, fmt.Errorf("approval: the statement has %d bytes, at most %d; shorten the reason", len(data), maxStatement)
	}
	return data, nil
}

// ParseStatement reads what Bytes wrote and nothing else: there is one way to
// write a statement, and no field that a reader would not see.
func ParseStatement(data []byte) (Statement, error) {
	if len(data) > maxStatement {
		return Statement{}, fmt.Errorf("approval: the statement has %d bytes, at most %d", len(data), maxStatement)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var s Statement
	if err := dec.Decode(&s); err != nil {
		return Statement{}, fmt.Errorf("approval: not a statement of this release of waybill: %w", err)
	}
	again, err := s.Bytes()
	if err != nil {
		return Statement{}, err
	}
	if !bytes.Equal(again, data) {
		return Statement{}, errors.New("approval: the statement is not canonical JSON as waybill writes it; sign the file as it was written, without a newline at the end")
	}
	return s, nil
}

// Same tells whether two statements agree to the same; when and why may differ.
func (s Statement) Same(other Statement) bool {
	s.At, s.Reason, other.At, other.Reason = time.Time{}, "", time.Time{}, ""
	return s == other
}

func (s Statement) check() error {
	if s.APIVersion != APIVersion || s.Kind != Kind {
		return fmt.Errorf("apiVersion %q, kind %q: expected %s, %s", clip(s.APIVersion), clip(s.Kind), APIVersion, Kind)
	}
	if len(s.Ledger) != 64 || strings.Trim(s.Ledger, "0123456789abcdef") != "" {
		return fmt.Errorf("ledger %q is not 64 hexadecimal digits", clip(s.Ledger))
	}
	if s.Version.IsZero() {
		return errors.New("the statement has no version")
	}
	_, version := ref.ParseVersion(s.Version.String())
	_, content := ref.ParseDigest(string(s.ContentDigest))
	_, encoding := ref.ParseDigest(string(s.Digest))
	_, policy := ref.ParseDigest(string(s.PolicyDigest))
	if err := cmp.Or(ref.CheckName(s.Artifact), ref.CheckStage(s.Stage), version, content, encoding, policy); err != nil {
		return err
	}
	if s.At.Unix() <= 0 || s.At.Year() > 9999 || s.At.Nanosecond() != 0 || s.At.Location() != time.UTC {
		return fmt.Errorf("at %v: expected a time like 2026-03-01T12:00:00Z", s.At)
	}
	if len(s.Reason) > maxReason || !utf8.ValidString(s.Reason) || strings.ContainsRune(s.Reason, 0) {
		return fmt.Errorf("the reason is not text of at most %d bytes", maxReason)
	}
	return nil
}

// clip keeps hostile input out of error messages.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
