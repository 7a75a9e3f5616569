package modelcheck

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/pii"
	"github.com/waybill-dev/waybill/internal/report"
)

var filesSecrets = Rule{
	ID:    "files.secrets",
	Doc:   "No text file of the model, and no metadata of its weights, has keys or tokens.",
	Group: report.GroupFiles,
	Params: map[string]any{
		"ignore": map[string]any{"type": "array", "items": map[string]any{"type": "string", "minLength": 1}, "description": "Globs of files that are left alone, such as a vocabulary made of all that people write."},
		"kinds": map[string]any{
			"type": "array", "minItems": 1, "uniqueItems": true, "items": map[string]any{"enum": anyTexts(pii.Names())},
			"default": []any{"key"}, "description": "What is looked for.",
		},
	},
	run: runFilesSecrets,
}

// maxSecrets is how many secrets are findings of their own.
const maxSecrets = 20

func runFilesSecrets(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	ignore := texts(spec.Params["ignore"])
	if err := checkGlobs(spec, ignore); err != nil {
		return nil, err
	}
	kinds := pii.Key
	if asked := texts(spec.Params["kinds"]); len(asked) > 0 {
		kinds = 0
		for _, name := range asked {
			kind, ok := pii.Parse(name)
			if !ok {
				return nil, fmt.Errorf("%s: kinds: %q, expected some of %s", spec.Pos, name, pii.All)
			}
			kinds |= kind
		}
	}
	finder := pii.New(kinds)
	var findings []report.Finding
	searched := 0
	for _, f := range m.files {
		if matchesAny(ignore, f.Path) {
			continue
		}
		found := func(where string, kind pii.Kinds, text []byte) bool {
			if len(findings) == maxSecrets {
				return false
			}
			findings = append(findings, report.Finding{
				Verdict: report.Fail, Subject: fmt.Sprintf("%s %s %d", f.Path, kind, len(findings)+1), Location: m.locationOf(spec, f.Path),
				Message:  fmt.Sprintf("%s has what looks like a secret or personal data in %s: %s (%s)", f.Path, where, escaped(pii.Mask(kind, text)), kind),
				Expected: "none", Observed: fmt.Sprintf("%s in %s", kind, where),
				Hint:    "revoke it, then remove it from the file and publish the model again",
				Details: map[string]any{"path": f.Path, "kind": kind.String()},
			})
			return true
		}
		got, err := m.inspect(ctx, f)
		if err != nil {
			return nil, err
		}
		if got.facts != nil {
			for _, key := range slices.Sorted(maps.Keys(got.facts.Metadata)) {
				text := []byte(got.facts.Metadata[key])
				for _, one := range finder.Find(nil, text) {
					found("the metadata "+quoted(key), one.Kind, text[one.Start:one.End])
				}
			}
			if got.facts.Metadata != nil {
				searched++
			}
		}
		isText, err := m.isText(f)
		if err != nil {
			return nil, err
		}
		if !isText {
			continue
		}
		searched++
		if err := m.searchText(ctx, f, finder, found); err != nil {
			return nil, err
		}
	}
	if findings == nil {
		findings = []report.Finding{{Verdict: report.Pass, Message: fmt.Sprintf("the texts of %d of %s have nothing that looks like one of %s", searched, count(len(m.files), "file"), kinds)}}
	}
	return findings, nil
}

// searchText reads a text of any length in pieces that overlap, so that a
// secret across their border is found, and found once. It ends when found says
// that there are enough.
func (m *model) searchText(ctx context.Context, f manifest.File, finder *pii.Finder, found func(where string, kind pii.Kinds, text []byte) bool) error {
	file, _, err := m.open(f)
	if err != nil {
		return err
	}
	defer file.Close()
	const overlap = 8 << 10
	b := make([]byte, 0, maxPiece)
	line := 1 // of b[0]
	var matches []pii.Match
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(file, b[len(b):cap(b)])
		b = b[:len(b)+n]
		last := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !last {
			return fmt.Errorf("read %s: %w", f.Path, err)
		}
		end := len(b) - overlap // matches that begin behind it are for the next piece
		if last {
			end = len(b)
		}
		at := 0
		for at < end {
			matches = finder.Find(matches[:0], b[at:])
			if len(matches) == 0 || at+matches[0].Start >= end {
				break
			}
			first := matches[0]
			if !found(fmt.Sprintf("line %d", line+bytes.Count(b[:at+first.Start], []byte("\n"))), first.Kind, b[at+first.Start:at+first.End]) {
				return nil
			}
			at += first.End
		}
		if last {
			return nil
		}
		at = max(at, end)
		line += bytes.Count(b[:at], []byte("\n"))
		b = b[:copy(b, b[at:])]
	}
}
