package lock

import (
	"bytes"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// TakeSide resolves the conflicts that git left in a lock, all to one side:
// ours (HEAD) or theirs (the branch that is merged). Git's diff3 style, with the
// common ancestor between the sides, is understood as well. It refuses a result
// that is no valid lock, or in which the sides do not fit together: git takes
// over without conflict what only one side changed.
func TakeSide(data []byte, ours bool) ([]byte, error) {
	side, flag := "theirs", "--theirs"
	if ours {
		side, flag = "ours", "--ours"
	}
	text, err := resolve(data, ours)
	if err != nil {
		return nil, err
	}
	l, err := manifest.ParseLock("lock, "+side, text)
	if err != nil {
		return nil, workspace.Usage("%w", err)
	}
	if len(l.Files) > 0 && !encodes(l) {
		if l.Kind == manifest.KindModel {
			return nil, workspace.Usage("lock %s: %s: the merge mixed both sides, the encoding is not that of the files; run \"waybill lock\" with the files at hand instead of %s", l.Name, side, flag)
		}
		// It may be that of packs, which the files alone do not tell: the next
		// push finds the one that is.
		l.Encoding.Digest, l.Encoding.Size = "", 0
	}
	return l.Bytes()
}

// encodes tells whether the lock's encoding is the plain one of its files.
func encodes(l *manifest.Lock) bool {
	enc, err := artifact.Encode(l.Kind, l.Files)
	return err == nil && enc.Digest() == l.Encoding.Digest
}

// resolve removes the marks and the lines of the other side.
func resolve(data []byte, ours bool) ([]byte, error) {
	const (
		both = iota
		inOurs
		inBase
		inTheirs
	)
	var out []byte
	at, conflicts, number := both, 0, 0
	for line := range bytes.Lines(data) {
		number++
		from := at
		var to int
		switch {
		case isMark(line, '<'):
			from, to = both, inOurs
			conflicts++
		case isMark(line, '|'):
			from, to = inOurs, inBase
		case isMark(line, '='):
			to = inTheirs
			if at != inOurs && at != inBase {
				from = -1
			}
		case isMark(line, '>'):
			from, to = inTheirs, both
		default:
			if at == both || at == inOurs && ours || at == inTheirs && !ours {
				out = append(out, line...)
			}
			continue
		}
		if from != at {
			return nil, workspace.Usage("lock: line %d: the marks of the merge conflict are not as git writes them; mend them, or run \"waybill lock\" with the files at hand", number)
		}
		at = to
	}
	switch {
	case conflicts == 0:
		return nil, workspace.Usage("lock: has no merge conflict, there is no side to take; run \"waybill lock\" to bring it up to date")
	case at != both:
		return nil, workspace.Usage("lock: a merge conflict is not closed by >>>>>>>; run \"waybill lock\" with the files at hand")
	}
	return out, nil
}

// isMark tells whether a line is seven times c, alone or followed by a label.
func isMark(line []byte, c byte) bool {
	rest, ok := bytes.CutPrefix(line, bytes.Repeat([]byte{c}, 7))
	return ok && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\n' || rest[0] == '\r')
}
