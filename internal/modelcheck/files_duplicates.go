package modelcheck

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var filesDuplicates = Rule{
	ID:    "files.duplicates",
	Doc:   "No two files are the same, and no two tensors of one format but those that are tied. All weights that could be equal are read.",
	Group: report.GroupFiles,
	Params: map[string]any{
		"tied": map[string]any{"type": "array", "items": map[string]any{"type": "string", "minLength": 1},
			"description": "Globs of names of tensors that may equal each other, such as an embedding and the output that shares it."},
		"min": map[string]any{"type": "string", "format": "waybill-size", "default": "64kB", "description": "Smaller tensors and files may be equal: masks, and norms that begin alike."},
	},
	run: runFilesDuplicates,
}

func runFilesDuplicates(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	tied := texts(spec.Params["tied"])
	if err := checkGlobs(spec, tied); err != nil {
		return nil, err
	}
	least := int64(64_000)
	if written, ok := spec.Params["min"].(string); ok {
		var err error
		if least, err = manifest.ParseSize(written); err != nil {
			return nil, fmt.Errorf("%s: min: %w", spec.Pos, err)
		}
	}
	least = max(least, 1) // what is empty is always equal
	var findings []report.Finding
	files, err := m.equalFiles(ctx, least)
	if err != nil {
		return nil, err
	}
	copies := map[string]bool{}
	for _, same := range files {
		for _, f := range same[1:] {
			copies[f.Path] = true
		}
		findings = append(findings, report.Finding{
			Verdict: report.Fail, Subject: same[0].Path, Location: m.locationOf(spec, same[1].Path),
			Message:  fmt.Sprintf("%s are the same file (%s)", listNames(same, func(f manifest.File) string { return f.Path }), size(same[0].Size)),
			Expected: "each file once", Observed: count(len(same), "equal file"), Hint: "keep one of them under files:",
		})
	}
	all, unknown, err := m.tensors(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(t weights) bool { return copies[t.path] })
	groups, err := m.equalTensors(ctx, all, least)
	if err != nil {
		return nil, err
	}
	for _, same := range groups {
		if len(findings) == maxOdd || !slices.ContainsFunc(same, func(t weights) bool { return !matchesAny(tied, t.Name) }) {
			continue
		}
		findings = append(findings, report.Finding{
			Verdict: report.Fail, Subject: escaped(same[0].Name), Location: m.locationOf(spec, same[0].path),
			Message:  fmt.Sprintf("the tensors %s have the same bytes (%s)", listNames(same, func(t weights) string { return quoted(t.Name) }), size(same[0].Bytes)),
			Expected: "each tensor once", Observed: count(len(same), "equal tensor"),
			Hint:    "store one of them; if they are tied, name both under tied: of this check",
			Details: map[string]any{"path": same[0].path, "tensors": len(same), "bytes": same[0].Bytes},
		})
	}
	switch {
	case findings != nil:
		return findings, nil
	case unknown.why != "":
		return []report.Finding{{Verdict: report.Inconclusive, Message: "not all weights could be compared: " + unknown.String(), Hint: unknown.hint}}, nil
	}
	return []report.Finding{{Verdict: report.Pass, Message: fmt.Sprintf("no two of %s and %s are the same", count(len(m.files), "file"), count(len(all), "tensor"))}}, nil
}

// listNames names some of several.
func listNames[T any](of []T, name func(T) string) string {
	const most = 4
	var out []string
	for _, one := range of[:min(len(of), most)] {
		out = append(out, name(one))
	}
	if len(of) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(out, ", "), len(of)-most)
	}
	return strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

// equal puts together what has the same key, where that is more than one, in
// the order in which it stands.
func equal[T any, K comparable](of []T, key func(int) (K, bool)) [][]T {
	at := map[K]int{}
	var groups [][]T
	for i, one := range of {
		k, ok := key(i)
		if !ok {
			continue
		}
		g, seen := at[k]
		if !seen {
			at[k] = len(groups)
			groups = append(groups, []T{one})
			continue
		}
		groups[g] = append(groups[g], one)
	}
	return slices.DeleteFunc(groups, func(g []T) bool { return len(g) < 2 })
}

func (m *model) equalFiles(ctx context.Context, least int64) ([][]manifest.File, error) {
	var out [][]manifest.File
	for _, same := range equal(m.files, func(i int) (int64, bool) { return m.files[i].Size, m.files[i].Size >= least }) {
		sums := make([][sha256.Size]byte, len(same))
		err := readers(ctx, len(same), func(i int, buffer []byte) error {
			var err error
			sums[i], err = m.sum(ctx, same[i].Path, 0, same[i].Size, buffer)
			return err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, equal(same, func(i int) ([sha256.Size]byte, bool) { return sums[i], true })...)
	}
	return out, nil
}

// equalTensors compares by digest those that have the same type, shape and size.
func (m *model) equalTensors(ctx context.Context, all []weights, least int64) ([][]weights, error) {
	type kind struct {
		format, dtype, shape string
		bytes                int64
	}
	var may []weights
	for _, same := range equal(all, func(i int) (kind, bool) {
		t := all[i]
		return kind{t.format, t.Dtype, fmt.Sprint(t.Shape), t.Bytes}, t.Bytes >= least
	}) {
		may = append(may, same...)
	}
	sums := make([][sha256.Size]byte, len(may))
	err := readers(ctx, len(may), func(i int, buffer []byte) error {
		var err error
		sums[i], err = m.sum(ctx, may[i].path, may[i].Offset, may[i].Bytes, buffer)
		return err
	})
	if err != nil {
		return nil, err
	}
	type same struct {
		kind
		sum [sha256.Size]byte
	}
	return equal(may, func(i int) (same, bool) {
		return same{kind{may[i].format, may[i].Dtype, fmt.Sprint(may[i].Shape), may[i].Bytes}, sums[i]}, true
	}), nil
}

// sum is the digest of n bytes of a file.
func (m *model) sum(ctx context.Context, path string, at, n int64, buffer []byte) (out [sha256.Size]byte, err error) {
	file, err := m.root.Open(filepath.FromSlash(path))
	if err != nil {
		return out, err
	}
	defer file.Close()
	h := sha256.New()
	if err := pieces(ctx, file, at, n, buffer, func(b []byte) { h.Write(b) }); err != nil {
		return out, fmt.Errorf("read %s: %w", path, err)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
