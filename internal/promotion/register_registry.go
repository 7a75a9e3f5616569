package promotion

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/check"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// encoding checks that the registry has what digest names and that it holds
// the content: the thing released is the thing that was tested.
func encoding(ctx context.Context, w *workspace.Workspace, name string, content, digest ref.Digest) (report.Finding, error) {
	f := finding(name, "promotion.content", "")
	repo, err := w.Repository(name)
	if err != nil {
		return f, err
	}
	remote, err := artifact.Read(ctx, repo, digest)
	if isNotFound(err) {
		f.Verdict, f.Message = report.Fail, fmt.Sprintf("%s does not have %s", repo, digest)
		f.Hint = "run \"waybill push " + name + "\" where its files are"
		return f, nil
	}
	if err != nil {
		return f, err
	}
	f.Message = "the registry holds exactly this content"
	if remote.ContentDigest != content {
		f.Verdict, f.Message = report.Fail, "the registry's manifest holds other content"
		f.Expected, f.Observed = string(content), string(remote.ContentDigest)
	}
	return f, nil
}

// findImage checks that the registry has the image of a model that wants one,
// and returns its digest. The image is made anew from what was checked, since
// anybody who may push can attach one that holds something else.
func findImage(ctx context.Context, w *workspace.Workspace, t check.Target) (ref.Digest, report.Finding, error) {
	f := finding(t.Artifact.Name, "promotion.image", "")
	repo, err := w.Repository(t.Artifact.Name)
	if err != nil {
		return "", f, err
	}
	enc, err := artifact.Encode(t.Artifact.Kind, t.Files)
	if err != nil {
		return "", f, err
	}
	image, err := artifact.BuildImage(ctx, enc, t.Files, artifact.Files(t.Dir), nil)
	if err != nil {
		return "", f, err
	}
	digest := ref.Digest(image.Desc.Digest)
	_, err = repo.Resolve(ctx, string(digest))
	if isNotFound(err) {
		f.Verdict, f.Message, f.Expected = report.Fail, fmt.Sprintf("%s does not have its image, which kubernetes: true asks for", repo), string(digest)
		f.Hint = "run \"waybill push " + t.Artifact.Name + "\" where its files are"
		return "", f, nil
	}
	f.Message = "the registry has the image of this content"
	return digest, f, err
}

// freeTag checks that the registry has no tag of the version yet, unless it is
// this content's. A tag that names something else was set by somebody who
// numbers versions in the same place, and moving it would change what they have.
func freeTag(ctx context.Context, w *workspace.Workspace, name, tag string, digest ref.Digest) (report.Finding, error) {
	f := finding(name, "promotion.tag", tag)
	repo, err := w.Repository(name)
	if err != nil {
		return f, err
	}
	desc, err := repo.Resolve(ctx, tag)
	if isNotFound(err) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	if string(desc.Digest) != string(digest) {
		f.Verdict, f.Expected, f.Observed = report.Fail, string(digest), string(desc.Digest)
		f.Message = fmt.Sprintf("the registry's tag %s names sha256:%s… already; is another repository using %s?", tag, f.Observed[7:19], repo)
		f.Hint = "use a registry of its own for each repository, or another version: waybill register " + name + " --version vX.Y.Z"
	}
	return f, nil
}

// attach stores the report beside the bytes and returns what the event says
// of it and of the image, "" for none.
func attach(ctx context.Context, w *workspace.Workspace, a *manifest.Artifact, lock *manifest.Lock, image ref.Digest, r *report.Report) (*ledger.Evidence, error) {
	repo, err := w.Repository(a.Name)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	subject, err := repo.Resolve(ctx, string(lock.Encoding.Digest))
	if err != nil {
		return nil, err
	}
	ev := &ledger.Evidence{Report: ref.Of(data), Verdicts: map[string]string{}, Others: map[string]ref.Digest{}}
	if _, err := evidence.Attach(ctx, repo, subject, evidence.Item{
		Kind: evidence.Report, Name: "report.json", MediaType: "application/json", Digest: ev.Report, Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}); err != nil {
		return nil, err
	}
	for g, v := range r.ByGroup() {
		ev.Verdicts[g] = string(v)
	}
	for kind, e := range lock.Evidence {
		ev.Others[kind] = e.Digest
	}
	// Deployment files are made to name it, so that it is never a lock's word.
	delete(ev.Others, ledger.Image)
	if image != "" {
		ev.Others[ledger.Image] = image
	}
	return ev, nil
}

// tagOCI names what was registered after its version. The ledger has it by now:
// should this fail, "waybill doctor --fix" does it.
func tagOCI(ctx context.Context, w *workspace.Workspace, name, tag string, digest ref.Digest) error {
	repo, err := w.Repository(name)
	if err == nil {
		desc, errResolve := repo.Resolve(ctx, string(digest))
		if err = errResolve; err == nil {
			err = repo.Tag(ctx, desc, tag)
		}
	}
	if err != nil {
		return fmt.Errorf("%s is registered, but its OCI tag %s could not be set: %w; run \"waybill doctor --fix\"", name, tag, err)
	}
	return nil
}
