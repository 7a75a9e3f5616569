package check

import (
	"context"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/compat"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelcheck"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// baselineText is how many bytes of configurations and vocabularies are
// fetched of another version. The digests of the rest are compared all the
// same.
const baselineText = 8 << 20

// baselineOf finds what callers of another version of t rely on, nil when
// there is no such version yet.
func baselineOf(ctx context.Context, w *workspace.Workspace, t Target, reference string) (*modelcheck.Baseline, error) {
	r := ref.Reference{Name: t.Artifact.Name}
	if reference != "" {
		var err error
		if r, err = ref.ParseRelative(reference, t.Artifact.Name); err != nil {
			return nil, err
		}
	}
	l, err := w.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	if isFirst(l, r) {
		return nil, nil
	}
	what, err := w.Resolve(ctx, l, r)
	if err != nil {
		return nil, err
	}
	return BaselineInterface(ctx, w, what)
}

// BaselineInterface is what callers of a version rely on: what its manifest
// declares, and what its files in the registry tell, of which only the headers
// are fetched. What cannot be had is Problem; an error is that of ctx.
func BaselineInterface(ctx context.Context, w *workspace.Workspace, what workspace.Resolved) (*modelcheck.Baseline, error) {
	out := &modelcheck.Baseline{Name: what.Name + "@" + what.Version.String()}
	if what.Version.IsZero() {
		out.Name = what.Name + "@" + what.ContentDigest.Short()
	}
	fail := func(err error) (*modelcheck.Baseline, error) {
		out.Problem = err.Error()
		return out, ctx.Err()
	}
	a, err := w.ArtifactAt(what.Commit, what.Name)
	if err != nil {
		return fail(err)
	}
	repo, err := w.Repository(what.Name)
	if err != nil {
		return fail(err)
	}
	remote, err := artifact.Read(ctx, repo, what.Digest)
	if err != nil {
		return fail(err)
	}
	open := func(path string) (io.ReaderAt, int64, error) {
		i := slices.IndexFunc(remote.Files, func(f manifest.File) bool { return f.Path == path })
		f := remote.Files[i]
		return artifact.NewBlobReader(ctx, repo, ocispec.Descriptor{Digest: digest.Digest(f.Digest), Size: f.Size}, &artifact.Ranges{}), f.Size, nil
	}
	if out.Described, out.Problem, err = modelcheck.Describe(ctx, a, remote.Files, open, modelfile.FilesOptions{TextBudget: baselineText}); err != nil {
		return fail(err)
	}
	return out, nil
}

// Interface is what callers of t rely on. problem says why it is not known.
func (t Target) Interface(ctx context.Context) (d compat.Described, problem string, err error) {
	return modelcheck.DescribeDir(ctx, t.Artifact, t.Dir, t.Files)
}
