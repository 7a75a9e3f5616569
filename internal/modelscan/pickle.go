package modelscan

import (
	"bytes"
	"io"
	"regexp"

	"github.com/waybill-dev/waybill/internal/pickle"
)

// torchMagic is what the first pickle of torch's old format holds
// (torch/serialization.py, MAGIC_NUMBER), in decimal.
const torchMagic = "119547037146038801333356"

// pickle scans the pickles of r, which begin at byte base of in. Content that
// does not claim to be a pickle may look like one by accident: it counts only if
// it imports something and either ends as pickles do, or calls that, or imports
// what no weights have, or is named like what is loaded as a pickle.
func (s *scan) pickle(in *input, r io.Reader, base int64, claimed bool) error {
	result, err := pickle.Scan(r, pickle.Options{Findings: true})
	if result == nil {
		return s.unfinished(in, err)
	}
	if err := s.unfinished(in, err); err != nil {
		return err
	}
	if !claimed && !isReal(result, in.hinted && loadedAsPickle(in.name)) {
		return nil
	}
	legacy := len(result.Streams) > 1 && result.Streams[0].Top != nil && result.Streams[0].Top.Kind == pickle.Int && result.Streams[0].Top.Text == torchMagic
	for _, p := range result.Problems {
		if legacy && p.Rule == "PKL010" {
			continue // five pickles and then the storages: that is the format
		}
		f := Finding{Rule: p.Rule, Path: in.path, Offset: base + p.Offset, Severity: Fail, Message: p.Message, Details: map[string]any{"opcode": p.Opcode}}
		if p.Warning {
			f.Severity = Warning
		}
		if p.Import != "" {
			f.Details["import"] = p.Import
		}
		s.find(f)
	}
	if result.Dropped > 0 {
		s.unread(in, "PKL009", -1, "%d more problems are not shown", result.Dropped)
	}
	return nil
}

// isReal tells a pickle from bytes that look like one; see scan.pickle.
func isReal(result *pickle.Result, named bool) bool {
	for _, st := range result.Streams {
		if named && st.Complete && len(st.PersistentIDs) > 0 {
			return true
		}
		for _, g := range st.Globals {
			if (st.Complete || named || g.Called) && identifier.MatchString(g.Module) && identifier.MatchString(g.Name) || g.Verdict.Class == pickle.Dangerous {
				return true
			}
		}
	}
	return false
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// startsOldPickle tells whether content may be a pickle without PROTO: its first
// byte is an opcode that puts something on the stack.
func startsOldPickle(head []byte) bool {
	return len(head) > 1 && bytes.IndexByte([]byte("(]})cNIJKMLPSTUVXFGBC\x80\x82\x83\x84\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96\x97"), head[0]) >= 0
}
