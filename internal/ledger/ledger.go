// Package ledger is the append-only record of what happened to artifacts:
// registrations, approvals, promotions, deployments, rollbacks and holds. It
// holds the rules and does no I/O; package gitrepo stores its files on the
// branch waybill/ledger and pushes them.
//
// The words:
//
//	event   one line of canonical JSON, numbered by seq from 1
//	chain   every event names the SHA-256 of the line before it
//	head    seq and hash of the newest event
//	log     the verified events, in order
//	state   what the events add up to: versions, stages, holds
//	tags    the Git tags that the events imply, for GTO and DVC
//
// Reading: verify, then fold. A folded State may be kept with MarshalCache
// under the commit it was read from, and loaded again without the events.
//
//	log, err := ledger.Read(names, read)      // *CorruptError: refuse, change nothing
//	state, err := ledger.Fold(log.Events())
//	state, err := ledger.Fold(log.AsOf(t))    // as it stood then
//
// Writing: draft the event, let Next number, date and check it, append, push
// tags and branch together. Who loses the race for the branch throws the
// event away, reads again and decides again.
//
//	events, err := ledger.Next(state.Head, state, now, ledger.Event{Kind: ledger.KindHold, …})
//	tags, err := ledger.Tags(event, state)    // for each, before state.Apply(event)
//	files, err := ledger.Append(read, state.Head, lines)
//
// # Compatibility
//
// Readers outlive writers: fields that this release does not know are ignored
// (the chain is over the bytes, so they are still proved), and events of
// another apiVersion or kind are kept, listed by Log.Unknown and skipped by
// Fold. Nothing may be appended behind them, because what they mean for the
// state is not known: Next refuses.
//
// The chain proves order, not authorship: whoever can push can append.
package ledger

import (
	"errors"
	"fmt"
	"strings"
)

// APIVersion is written into every event.
const APIVersion = "waybill.dev/v1"

// EventsPerFile is how many events a file holds before the next one begins.
const EventsPerFile = 100

// Limits that are checked before anything is allocated for a line.
const (
	maxLine      = 64 << 10
	maxFile      = EventsPerFile * (maxLine + 1)
	maxSeq       = 100_000_000 // the file name has six digits
	maxLogin     = 100
	maxRun       = 1024
	maxReason    = 4096
	maxApprovals = 100
	maxEvidence  = 100
	maxStatement = 8 << 10
	maxSignature = 16 << 10
	maxInteger   = 1<<53 - 1 // RFC 8785: numbers are IEEE doubles
)

// folder is where the event files are on the ledger's branch.
const folder = "events/"

// FileName returns the file that holds event seq, counted from 1:
// "events/000000.jsonl" has the events 1 to 100.
func FileName(seq int64) string {
	return fmt.Sprintf("%s%06d.jsonl", folder, (seq-1)/EventsPerFile)
}

// lineNumber is the line of event seq within its file, counted from 1.
func lineNumber(seq int64) int { return int((seq-1)%EventsPerFile) + 1 }

// Head is the end of a chain. The zero value is an empty ledger.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"` // of the newest line; "" when Seq is 0
}

// genesis is what the first event names as the line before it.
var genesis = strings.Repeat("0", 64)

// previous is what the next event must name as the line before it.
func (h Head) previous() string {
	if h.Seq == 0 {
		return genesis
	}
	return h.Hash
}

// Sentinels that callers branch on.
var (
	// ErrClock: the newest event of the artifact lies so far ahead of this
	// machine's clock that one of the two is wrong.
	ErrClock = errors.New("clocks disagree")
	// ErrUnchanged: this content is registered already; there is nothing to do.
	ErrUnchanged = errors.New("already registered")
	// ErrNewer: the ledger has events that only a newer waybill understands.
	ErrNewer = errors.New("written by a newer waybill")
	// ErrNoGood: no earlier version of the stage can be gone back to.
	ErrNoGood = errors.New("no version to go back to")
)

// CorruptError says that the ledger is not what waybill wrote. Nothing is
// repaired or dropped: a person has to see it.
type CorruptError struct {
	File   string // as on the branch waybill/ledger
	Line   int    // counted from 1; 0 when the file as a whole is meant
	Seq    int64  // of the event that should stand there; 0 when unknown
	Reason string
}

func (e *CorruptError) Error() string {
	var at strings.Builder
	fmt.Fprintf(&at, "ledger: %s", clip(e.File))
	if e.Line > 0 {
		fmt.Fprintf(&at, ":%d", e.Line)
	}
	if e.Seq > 0 {
		fmt.Fprintf(&at, " (event %d)", e.Seq)
	}
	return fmt.Sprintf("%s: %s; nothing was changed; after fetching the branch, \"git log waybill/ledger -- %s\" shows who changed the file",
		&at, e.Reason, clip(e.File))
}

// corruptAt places a reason at the line of event seq.
func corruptAt(seq int64, reason string) *CorruptError {
	return &CorruptError{File: FileName(seq), Line: lineNumber(seq), Seq: seq, Reason: reason}
}

// clip keeps hostile input out of error messages: 80 bytes are enough to
// recognise what was written.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
