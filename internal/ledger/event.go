package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Kind is what an event says happened.
type Kind string

const (
	KindRegister    Kind = "register"     // a content digest became a version
	KindApprove     Kind = "approve"      // somebody let a content digest into a stage
	KindPromote     Kind = "promote"      // a version was assigned to a stage
	KindDeploy      Kind = "deploy"       // the deployment file of a stage reached its branch
	KindReject      Kind = "reject"       // a gate was decided FAIL
	KindRollback    Kind = "rollback"     // a stage went back: From leaves, Version enters
	KindHold        Kind = "hold"         // a version may enter no stage until released
	KindReleaseHold Kind = "release-hold" // the end of a hold
	KindDeprecate   Kind = "deprecate"    // a version, or the whole artifact, should not be used any more
)

// Actor is who did it. ID is the forge's numeric id, which survives renames;
// 0 means that no forge knows the actor (a local repository).
type Actor struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
}

// Approval is one person's consent that an event rests on.
type Approval struct {
	ID    int64     `json:"id"`
	Login string    `json:"login"`
	At    time.Time `json:"at"`
	// Via says where it was given: "review", "environment", "signed".
	Via string `json:"via,omitempty"`
}

// Signed is an approval as its giver signed it: the text that was signed and an
// armored SSH signature over it (OpenSSH, PROTOCOL.sshsig). Package approval
// knows what they say.
type Signed struct {
	Statement string `json:"statement"`
	Signature string `json:"signature"`
}

// Evidence is what a registration rests on: the stored report of its checks,
// its verdict by check group (the words of package report), and other stored
// results by kind. In JSON it is one object; Others stand beside "report" and
// "verdicts":
//
//	{"predictions":"sha256:…","report":"sha256:…","verdicts":{"data":"PASS"}}
type Evidence struct {
	Report   ref.Digest
	Verdicts map[string]string
	Others   map[string]ref.Digest
}

// Image is the kind of Evidence.Others that names the container image of a
// version: the same files again, in the form that clusters mount.
const Image = "image"

// MarshalJSON writes the form that Evidence documents.
func (e Evidence) MarshalJSON() ([]byte, error) {
	all := make(map[string]any, len(e.Others)+2)
	for kind, d := range e.Others {
		all[kind] = d
	}
	if e.Report != "" {
		all["report"] = e.Report
	}
	if len(e.Verdicts) > 0 {
		all["verdicts"] = e.Verdicts
	}
	return canonical.Marshal(all)
}

// Event is one line of the ledger. What each kind must have is in the table
// kinds; Time is UTC in whole seconds.
type Event struct {
	APIVersion    string      `json:"apiVersion"`
	Seq           int64       `json:"seq"`
	Previous      string      `json:"previous"` // SHA-256 of the line before, 64 hexadecimal digits; zeros first
	Time          time.Time   `json:"time,omitzero"`
	Kind          Kind        `json:"kind"`
	Artifact      string      `json:"artifact,omitempty"`
	ArtifactKind  string      `json:"artifactKind,omitempty"` // "Model" or "Dataset"; register only
	Version       ref.Version `json:"version,omitzero"`
	From          ref.Version `json:"from,omitzero"` // rollback: the bad version that leaves
	Stage         string      `json:"stage,omitempty"`
	ContentDigest ref.Digest  `json:"contentDigest,omitempty"`
	Digest        ref.Digest  `json:"digest,omitempty"` // of the encoding, for pulls and deployment files
	Commit        string      `json:"commit,omitempty"` // 40 or 64 hexadecimal digits; deploy: of the deployment file
	Actor         Actor       `json:"actor,omitzero"`
	Approvals     []Approval  `json:"approvals,omitempty"`
	Evidence      *Evidence   `json:"evidence,omitempty"`
	Signed        *Signed     `json:"signed,omitempty"` // approve only
	PolicyDigest  ref.Digest  `json:"policyDigest,omitempty"`
	Run           string      `json:"run,omitempty"` // URL or id of the run attempt that wrote it
	Reason        string      `json:"reason,omitempty"`

	hash string // of the line it was read from or will be written as; "" = not known yet
}

// Hash returns the SHA-256 of a line without its newline, as the next event's
// Previous names it.
func Hash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// Hash returns the hash of the event's line: of the line it was read from, if
// it was, with all fields that this release does not know.
func (e Event) Hash() (string, error) {
	if e.hash != "" {
		return e.hash, nil
	}
	line, err := e.Line()
	if err != nil {
		return "", err
	}
	return Hash(line), nil
}

// Known tells whether this release knows what the event means.
func (e Event) Known() bool {
	_, ok := kinds[e.Kind]
	return ok && e.APIVersion == APIVersion
}

// Line returns the event as its line, without a newline. It refuses what
// Parse would refuse.
func (e Event) Line() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("ledger: write event %d: %w", e.Seq, err)
	}
	line, err := canonical.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("ledger: write event %d: %w", e.Seq, err)
	}
	if len(line) > maxLine {
		return nil, fmt.Errorf("ledger: write event %d: the line has %d bytes, at most %d; shorten reason or approvals", e.Seq, len(line), maxLine)
	}
	return line, nil
}

// Parse reads one line, without its newline. The line must be canonical JSON,
// so that there is one way to write an event and no key stands twice. An event
// of another apiVersion or kind is returned with seq, previous and whatever
// else could be read; Known tells.
func Parse(line []byte) (Event, error) {
	e, err := new(decoder).parse(string(line))
	if err != nil {
		return Event{}, err
	}
	e.hash = Hash(line)
	return e, nil
}

// fields is a set of the fields whose presence depends on the kind.
type fields uint8

const (
	hasArtifactKind fields = 1 << iota
	hasVersion
	hasFrom
	hasStage
	hasContent
	hasDigest
	hasCommit
)

var fieldNames = []string{"artifactKind", "version", "from", "stage", "contentDigest", "digest", "commit"}

func (f fields) String() string {
	var names []string
	for i, name := range fieldNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// kinds says what each kind must have and may have. Approvals, evidence,
// policyDigest, run and reason may always be there, signed with approve. Readers ask only for what
// must be there; writers also leave out what may not.
var kinds = map[Kind]struct{ must, may fields }{
	KindRegister:    {must: hasArtifactKind | hasVersion | hasContent | hasDigest | hasCommit},
	KindApprove:     {must: hasStage | hasContent, may: hasVersion | hasDigest | hasCommit},
	KindPromote:     {must: hasVersion | hasStage | hasContent | hasDigest, may: hasCommit},
	KindDeploy:      {must: hasVersion | hasStage | hasContent | hasDigest | hasCommit},
	KindReject:      {must: hasContent, may: hasVersion | hasStage | hasDigest | hasCommit},
	KindRollback:    {must: hasVersion | hasFrom | hasStage | hasContent | hasDigest, may: hasCommit},
	KindHold:        {must: hasVersion, may: hasContent | hasDigest},
	KindReleaseHold: {must: hasVersion, may: hasContent | hasDigest},
	KindDeprecate:   {may: hasVersion | hasContent | hasDigest},
}

func (e *Event) fields() fields {
	var f fields
	for i, present := range []bool{e.ArtifactKind != "", !e.Version.IsZero(), !e.From.IsZero(), e.Stage != "",
		e.ContentDigest != "", e.Digest != "", e.Commit != ""} {
		if present {
			f |= 1 << i
		}
	}
	return f
}

// check tells why e cannot be written.
func (e *Event) check() error {
	if err := e.checkNames(); err != nil {
		return err
	}
	if err := checkTime("time", e.Time); err != nil {
		return err
	}
	if err := cmp.Or(checkDigest("contentDigest", e.ContentDigest), checkDigest("digest", e.Digest), checkDigest("policyDigest", e.PolicyDigest)); err != nil {
		return err
	}
	return e.checkDecoded()
}

// checkDecoded is what is left to check of an event whose names, versions,
// times and digests the decoder has read.
func (e *Event) checkDecoded() error {
	if err := e.checkChain(); err != nil {
		return err
	}
	kind, ok := kinds[e.Kind]
	if !ok || e.APIVersion != APIVersion {
		return fmt.Errorf("apiVersion %q, kind %q: this release does not know it", clip(e.APIVersion), clip(string(e.Kind)))
	}
	if missing := kind.must &^ e.fields(); missing != 0 {
		return fmt.Errorf("a %s event must have %s", e.Kind, missing)
	}
	switch {
	case e.Artifact == "":
		return fmt.Errorf("a %s event must have artifact", e.Kind)
	case e.Time.IsZero():
		return fmt.Errorf("a %s event must have time", e.Kind)
	}
	if k := e.ArtifactKind; k != "" && k != "Model" && k != "Dataset" {
		return fmt.Errorf("artifactKind %q, expected Model or Dataset", clip(k))
	}
	if c := e.Commit; c != "" && (len(c) != 40 && len(c) != 64 || !isHex(c)) {
		return fmt.Errorf("commit %q is not 40 or 64 hexadecimal digits", clip(c))
	}
	return e.checkAnnexes()
}

func (e *Event) checkChain() error {
	if e.Seq < 1 || e.Seq > maxSeq {
		return fmt.Errorf("seq %d is not between 1 and %d", e.Seq, int64(maxSeq))
	}
	if len(e.Previous) != 64 || !isHex(e.Previous) {
		return fmt.Errorf("previous %q is not 64 hexadecimal digits", clip(e.Previous))
	}
	return nil
}

func (e *Event) checkNames() error {
	if err := ref.CheckName(e.Artifact); err != nil {
		return err
	}
	if e.Stage != "" {
		if err := ref.CheckStage(e.Stage); err != nil {
			return err
		}
	}
	for _, v := range []ref.Version{e.Version, e.From} {
		if v.IsZero() {
			continue
		}
		if _, err := ref.ParseVersion(v.String()); err != nil {
			return err
		}
	}
	return nil
}

// checkAnnexes checks who did it, why, and on what grounds.
func (e *Event) checkAnnexes() error {
	if err := checkActor(e.Actor.ID, e.Actor.Login); err != nil {
		return fmt.Errorf("actor: %w", err)
	}
	if len(e.Approvals) > maxApprovals {
		return fmt.Errorf("%d approvals, at most %d", len(e.Approvals), maxApprovals)
	}
	for i, a := range e.Approvals {
		if err := cmp.Or(checkActor(a.ID, a.Login), checkTime("at", a.At), checkText("via", a.Via, maxLogin)); err != nil {
			return fmt.Errorf("approvals[%d]: %w", i, err)
		}
	}
	if err := checkText("run", e.Run, maxRun); err != nil {
		return err
	}
	if err := checkText("reason", e.Reason, maxReason); err != nil {
		return err
	}
	if e.Signed != nil {
		if err := cmp.Or(checkSigned("signed.statement", e.Signed.Statement, maxStatement), checkSigned("signed.signature", e.Signed.Signature, maxSignature)); err != nil {
			return err
		}
	}
	if e.Evidence != nil {
		return e.Evidence.check()
	}
	return nil
}

func checkSigned(what, s string, limit int) error {
	if s == "" || strings.IndexByte(s, 0) >= 0 {
		return fmt.Errorf("%s is empty, or has a zero byte", what)
	}
	return checkText(what, s, limit)
}

func (e *Evidence) check() error {
	if err := checkDigest("evidence.report", e.Report); err != nil {
		return err
	}
	if len(e.Verdicts) > maxEvidence || len(e.Others) > maxEvidence {
		return fmt.Errorf("evidence has more than %d entries", maxEvidence)
	}
	for group, verdict := range e.Verdicts {
		if !isWord(group) || !isWord(strings.ToLower(verdict)) {
			return fmt.Errorf("evidence.verdicts: %q: %q is not a check group and its verdict", clip(group), clip(verdict))
		}
	}
	for kind, d := range e.Others {
		if !isWord(kind) || kind == "report" || kind == "verdicts" {
			return fmt.Errorf("evidence: %q is not a kind of evidence", clip(kind))
		}
		if _, err := ref.ParseDigest(string(d)); err != nil {
			return fmt.Errorf("evidence.%s: %w", kind, err)
		}
	}
	return nil
}

// clone shares nothing that a caller could change.
func (s *Signed) clone() *Signed {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}

// clone shares nothing that a caller could change.
func (e *Evidence) clone() *Evidence {
	if e == nil {
		return nil
	}
	return &Evidence{Report: e.Report, Verdicts: maps.Clone(e.Verdicts), Others: maps.Clone(e.Others)}
}

func checkActor(id int64, login string) error {
	if id < 0 || id > maxInteger {
		return fmt.Errorf("id %d is not between 0 and 2^53-1", id)
	}
	if login == "" {
		return fmt.Errorf("login is empty")
	}
	return checkText("login", login, maxLogin)
}

// checkTime refuses what a tag cannot carry: times before 1970, fractions.
func checkTime(what string, t time.Time) error {
	if t.Unix() < 0 || t.Year() > 9999 || t.Nanosecond() != 0 || t.Location() != time.UTC {
		return fmt.Errorf("%s %v: write it like 2026-03-01T12:00:00Z", what, t)
	}
	return nil
}

func checkDigest(what string, d ref.Digest) error {
	if d == "" {
		return nil
	}
	if _, err := ref.ParseDigest(string(d)); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func checkText(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%s has %d bytes, at most %d", what, len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not UTF-8", what)
	}
	return nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isWord accepts lower-case words of letters, digits, - and _: check groups,
// kinds of evidence and kinds of events, now and later.
func isWord(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
