package lock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/evaluate"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// predictions notes the file of predictions, what it was computed from, and the
// metrics in it. Metrics and evidence of other weights say nothing about these,
// so that of unchanged predictions beside changed weights only the reference
// stays.
func (c *computation) predictions(ctx context.Context) error {
	e := c.a.Model.Evaluation
	if e == nil || e.Predictions == "" {
		return nil
	}
	p := c.a.Resolve(e.Predictions)
	digest, size, err := c.digest(ctx, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: evaluation.predictions: %w", e.Pos, err)
	}
	found := manifest.EvidenceRef{File: e.Predictions, Digest: digest, Size: size}
	if err := c.bind(ctx, &found); err != nil {
		return err
	}
	c.Lock.Evidence = map[string]manifest.EvidenceRef{evidence.Predictions: found}
	if found.Model != c.Lock.ContentDigest {
		return nil
	}
	c.Evidence = []evidence.Item{{
		Kind: evidence.Predictions, Name: path.Base(p), MediaType: mediaType(p), Digest: digest, Size: size,
		Open: func() (io.ReadCloser, error) { return os.Open(c.w.Path(p)) },
	}}
	return c.metrics(ctx, p)
}

// bind fills in the model and dataset of predictions: those of the previous lock
// as long as the predictions are the same, or else what is in the tree now.
func (c *computation) bind(ctx context.Context, found *manifest.EvidenceRef) error {
	known := false
	for _, l := range c.before {
		old, ok := l.Evidence[evidence.Predictions]
		if !ok || old.Digest != found.Digest || old.Model == "" {
			continue
		}
		// Both sides of a merge may have them; those of these weights win.
		if !known || old.Model == c.Lock.ContentDigest {
			found.Model, found.Dataset, known = old.Model, old.Dataset, true
		}
	}
	if known {
		return nil
	}
	found.Model = c.Lock.ContentDigest
	for _, use := range c.a.Model.Datasets {
		if use.Role == "evaluate" {
			d, err := c.dataset(ctx, use.Role, use.Ref)
			if err != nil {
				return err
			}
			found.Dataset = d.ContentDigest
		}
	}
	return nil
}

// metrics computes the metrics that are defined. Contents that are no labels
// have none: the gates say what is wrong with them.
func (c *computation) metrics(ctx context.Context, p string) error {
	e := c.a.Model.Evaluation
	if e.Label == "" {
		return nil
	}
	r, err := evaluate.Compute(ctx, evaluate.Spec{
		File: table.File{Name: p, Path: c.w.Path(p)},
		Key:  e.Key, Label: e.Label, Prediction: e.Prediction, Score: e.Score, Positive: e.Positive,
	})
	if bad := (*table.DataError)(nil); errors.As(err, &bad) {
		return nil
	}
	if missing := (*evaluate.ColumnError)(nil); errors.As(err, &missing) {
		return workspace.Usage("%s: %w", e.Pos, err)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", c.a.Name, err)
	}
	plain, averaged := map[string]float64{}, map[string]float64{}
	for name, m := range r.Metrics {
		switch {
		case !m.Defined:
		case strings.Contains(name, "."):
			averaged[name] = round(m.Value)
		default:
			plain[name] = round(m.Value)
		}
	}
	if len(plain) == 0 {
		plain = averaged
	}
	if len(plain) > 0 {
		c.Lock.Metrics = plain
	}
	return nil
}

// round keeps nine significant digits: enough to tell two results apart, and
// the same for every order of summation.
func round(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 9, 64), 64)
	if err != nil {
		return v
	}
	return r
}

func mediaType(p string) string {
	switch strings.ToLower(path.Ext(p)) {
	case ".csv":
		return "text/csv"
	case ".tsv":
		return "text/tab-separated-values"
	case ".parquet":
		return "application/vnd.apache.parquet"
	case ".jsonl", ".ndjson":
		return "application/jsonl"
	case ".json":
		return "application/json"
	}
	return "application/octet-stream"
}
