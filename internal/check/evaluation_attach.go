package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// Attached is what became of attaching predictions.
type Attached struct {
	APIVersion string     `json:"apiVersion"`
	Artifact   string     `json:"artifact"`
	Version    string     `json:"version"`
	Dataset    ref.Digest `json:"dataset"` // content digest of the rows they are of
	Rows       int64      `json:"rows"`
	Digest     ref.Digest `json:"digest"` // of the file
	Message    string     `json:"message"`
}

// Attach stores what a registered version answers on the evaluation dataset as
// it is in the working tree now, so that gates can compare with that version on
// rows it was not evaluated on when it was pushed. The file is read as
// model.yaml says; rows that are missing or too many are refused.
func Attach(ctx context.Context, w *workspace.Workspace, r ref.Reference, f table.File) (_ *Attached, err error) {
	a, err := w.Artifact(r.Name)
	if err != nil {
		return nil, err
	}
	if a.Model == nil || a.Model.Evaluation == nil {
		return nil, workspace.Usage("%s has no evaluation: that would say how predictions are read", r.Name)
	}
	e := &evaluation{w: w, t: Target{Artifact: a}, scratch: &scratch{}}
	defer func() { err = errors.Join(err, e.scratch.remove()) }()
	if e.set, err = e.testSet(ctx); err != nil {
		return nil, err
	}
	if e.set == nil {
		return nil, workspace.Usage("%s names no evaluation dataset; add datasets: {evaluate: NAME:SPLIT} to %s", r.Name, a.Path)
	}
	l, err := w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	what, err := w.Resolve(ctx, l, r)
	if err != nil {
		return nil, err
	}
	set, err := e.read(ctx, f, a.Model.Evaluation, false)
	var why *cannot
	if errors.As(err, &why) {
		return nil, workspace.Usage("%s", why.message)
	}
	if err != nil {
		return nil, err
	}
	if len(set.Problems) > 0 {
		return nil, workspace.Usage("%s: %s", f.Name, set.Problems[0])
	}
	out := &Attached{APIVersion: report.APIVersion, Artifact: what.Name, Version: what.Version.String(), Dataset: e.set.content, Rows: set.N}
	return out, e.attach(ctx, what, f, set, out)
}

func (e *evaluation) attach(ctx context.Context, what workspace.Resolved, f table.File, set *predictions.Set, out *Attached) error {
	repo, err := e.w.Repository(what.Name)
	if err != nil {
		return err
	}
	remote, err := artifact.Read(ctx, repo, what.Digest)
	if err != nil {
		return err
	}
	digest, size, _, err := e.w.Stats().Digest(ctx, f.Path)
	if err != nil {
		return err
	}
	out.Digest = digest
	out.Message = fmt.Sprintf("stored what %s@%s answers on %s (%s)", what.Name, what.Version, e.set.name, report.Count(set.N, "row"))
	_, err = evidence.Attach(ctx, repo, remote.Desc, evidence.Item{
		Kind: evidence.Predictions, Name: attachedPrefix(e.set.content) + path.Base(f.Name), MediaType: "application/octet-stream",
		Digest: digest, Size: size, Open: func() (io.ReadCloser, error) { return os.Open(f.Path) },
	})
	return err
}
