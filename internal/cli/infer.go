package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"github.com/waybill-dev/waybill/internal/infer"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
	"github.com/waybill-dev/waybill/internal/table"
)

// infer proposes what a manifest in the folder dir, which the system knows as
// root, could say about files. It returns nil when they have no rows.
func (a *app) infer(root, dir string, files []string) (*infer.Proposal, error) {
	bySplit := splitsOf(files)
	if bySplit == nil {
		bySplit = map[string][]string{"": files}
	}
	var splits []infer.Split
	for name, of := range bySplit {
		split := infer.Split{Name: name}
		for _, f := range of {
			if table.Format(f) == "" {
				return nil, usageError{fmt.Errorf("--infer: %s is of no format that can be read as a table: .csv, .tsv, .jsonl, .ndjson, .json (also with .gz or .zst), .parquet or .arrow; add it without --infer", path.Join(dir, f))}
			}
			split.Files = append(split.Files, table.File{Name: path.Join(dir, f), Path: filepath.Join(root, filepath.FromSlash(f))})
		}
		splits = append(splits, split)
	}
	sorting.By(splits, func(a, b infer.Split) int { return cmp.Compare(a.Name, b.Name) })
	p, err := infer.Dataset(a.ctx, splits)
	switch {
	case errors.Is(err, infer.ErrNothing):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("--infer: %w; mend the file, or add it without --infer", err)
	}
	return p, nil
}

func proposed(p *infer.Proposal) string {
	out := fmt.Sprintf(", %s and %s, inferred from %s", report.Count(int64(p.Columns), "column"), report.Count(int64(p.Checks), "check"), report.Count(p.Rows, "row"))
	if p.LeftOut > 0 {
		out += fmt.Sprintf("; %s left out, the file says why", report.Count(int64(p.LeftOut), "column"))
	}
	return out
}
