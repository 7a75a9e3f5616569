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

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
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
	return c.metrics(ctx, p, found)
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

// metrics computes those that a report shows of the task and those that gates
// name. What is undefined is left out: the gates say why.
func (c *computation) metrics(ctx context.Context, p string, found manifest.EvidenceRef) error {
	e := c.a.Model.Evaluation
	if e.Label == "" {
		return nil
	}
	s := predictions.Spec{
		Files: []table.File{{Name: p, Path: c.w.Path(p)}}, Task: metric.Task(e.Task), Key: e.Key, Label: e.Label, Prediction: e.Prediction,
		Score: e.Score, Scores: e.Scores, Positive: e.Positive, Threshold: e.Threshold, Query: e.Query,
	}
	labels, err := c.labels(ctx, &s, found)
	switch {
	case err != nil:
		return err
	case !labels:
		c.keepMetrics(found)
		return nil
	}
	set, err := predictions.Read(ctx, s)
	if bad := (*table.DataError)(nil); errors.As(err, &bad) {
		return nil
	}
	if missing := (*predictions.ColumnError)(nil); errors.As(err, &missing) {
		return workspace.Usage("%s: %w", e.Pos, err)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", c.a.Name, err)
	}
	if len(set.Problems) > 0 {
		return nil
	}
	wanted := metric.ForTask(set.Sample.Task)
	for _, g := range c.a.Model.Gates {
		if m, err := metric.Find(g.Metric, set.Sample.Task); err == nil {
			wanted = append(wanted, m)
		}
	}
	for _, m := range wanted {
		if v, err := m.Value(set.Sample); err == nil {
			if c.Lock.Metrics == nil {
				c.Lock.Metrics = map[string]float64{}
			}
			c.Lock.Metrics[m.Name] = round(v)
		}
	}
	return nil
}

// labels sees to it that predictions without labels are read with those of the
// evaluation dataset, and tells whether there are any: that dataset may not be
// in the working tree.
func (c *computation) labels(ctx context.Context, s *predictions.Spec, found manifest.EvidenceRef) (bool, error) {
	r, err := table.Open(ctx, s.Files[0], table.Options{Columns: []string{}})
	if bad := (*table.DataError)(nil); errors.As(err, &bad) {
		return true, nil // whoever reads the rows says so
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", c.a.Name, err)
	}
	defer r.Close()
	if r.Schema().Index(s.Label) >= 0 || found.Dataset == "" {
		return true, nil
	}
	for _, use := range c.a.Model.Datasets {
		if use.Role != "evaluate" {
			continue
		}
		d, err := c.w.Artifact(use.Ref.Name)
		if err != nil || d.Dataset == nil {
			return false, nil
		}
		files, err := artifact.Scan(ctx, c.w.Root(), d, c.w.Stats(), nil)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if content, err := manifest.ContentDigest(files); err != nil || content != found.Dataset {
			return false, err
		}
		for _, f := range files {
			if (use.Ref.Split == "" || f.Split == use.Ref.Split) && table.Format(f.Path) != "" {
				name := d.Resolve(f.Path)
				s.Dataset = append(s.Dataset, table.File{Name: name, Path: c.w.Path(name), Dialect: table.Dialect(d.Dataset.CSV)})
			}
		}
	}
	return len(s.Dataset) > 0, nil
}

// keepMetrics takes the metrics of an earlier lock of the same weights,
// predictions and rows: they have not changed.
func (c *computation) keepMetrics(found manifest.EvidenceRef) {
	for _, l := range c.before {
		if old := l.Evidence[evidence.Predictions]; old.Digest == found.Digest && old.Model == found.Model && old.Dataset == found.Dataset {
			c.Lock.Metrics = l.Metrics
		}
	}
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
