package changes

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/waybill-dev/waybill/internal/datadiff"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// compareData brings the files that differ to hand and compares their rows.
func compareData(ctx context.Context, w *workspace.Workspace, from, to Side, key []string) (*datadiff.Data, error) {
	reading := datadiff.Differing(from.Files, to.Files)
	scratch, err := os.MkdirTemp("", "waybill-diff-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	have := func(s Side, files []manifest.File, folder string) (datadiff.Side, error) {
		side := datadiff.Side{Dir: s.Dir, Name: s.Artifact.Dir(), Files: files, CSV: s.Artifact.Dataset.CSV}
		if s.Dir != "" || len(files) == 0 {
			return side, nil
		}
		side.Dir = filepath.Join(scratch, folder)
		_, pull, err := open(ctx, w, s)
		if err != nil {
			return side, err
		}
		return side, pull(side.Dir, datadiff.Has(files))
	}
	before, err := have(from, reading.From, "from")
	if err != nil {
		return nil, err
	}
	after, err := have(to, reading.To, "to")
	if err != nil {
		return nil, err
	}
	opts := datadiff.Options{Key: key, Samples: w.Project.Samples, Temp: scratch}
	for _, c := range to.Artifact.Dataset.Columns {
		opts.Declared = append(opts.Declared, c.Name)
		if c.Unique {
			opts.Unique = append(opts.Unique, c.Name)
		}
	}
	data, err := datadiff.CompareData(ctx, before, after, reading, opts)
	var wrong *datadiff.KeyError
	if errors.As(err, &wrong) {
		return nil, workspace.Usage("%w", err)
	}
	return data, err
}
