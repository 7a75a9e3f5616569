package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// versions looks whether the registry has what was registered, unchanged, and
// under its tag.
func (e *examiner) versions(ctx context.Context, known *ledger.Artifact) {
	encodings, tags := true, true
	for _, v := range known.Versions {
		ok, err := e.encoding(ctx, known.Name, v)
		if err != nil {
			e.noAnswer(known.Name, err)
			return
		}
		encodings = encodings && ok
		if ok, err = e.ociTag(ctx, known.Name, v.Version.OCITag(), v.Digest, nil); err != nil {
			e.noAnswer(known.Name, err)
			return
		}
		tags = tags && ok
		if ok, err = e.imageTag(ctx, known.Name, v); err != nil {
			e.noAnswer(known.Name, err)
			return
		}
		tags = tags && ok
	}
	if encodings {
		e.add(report.Finding{Check: checkEncoding, Artifact: known.Name, Verdict: report.Pass,
			Message: fmt.Sprintf("%s: the registry has all %d registered versions", known.Name, len(known.Versions))})
	}
	if tags {
		e.add(report.Finding{Check: checkOCITag, Artifact: known.Name, Verdict: report.Pass,
			Message: fmt.Sprintf("%s: the registry's tags are those of the ledger", known.Name)})
	}
}

// encoding returns an error only when the registry gave no answer.
func (e *examiner) encoding(ctx context.Context, name string, v ledger.Version) (ok bool, err error) {
	f := report.Finding{Check: checkEncoding, Artifact: name, Subject: v.Version.String(), Verdict: report.Fail, Expected: string(v.ContentDigest)}
	_, err = e.reg.resolve(ctx, name, string(v.Digest))
	if errors.Is(err, workspace.ErrNotFound) {
		f.Message = fmt.Sprintf("%s %s: the registry does not have %s any more", name, v.Version, v.Digest)
		f.Hint = fmt.Sprintf("in a working tree of commit %.12s that has the files: waybill push %s", v.Commit, name)
		e.add(f)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	repo, err := e.w.Repository(name)
	if err != nil {
		return false, err
	}
	remote, err := artifact.Read(ctx, repo, v.Digest)
	switch {
	case err != nil:
		f.Message = fmt.Sprintf("%s %s: what the registry has cannot be read: %v", name, v.Version, err)
	case remote.ContentDigest != v.ContentDigest:
		f.Message, f.Observed = fmt.Sprintf("%s %s: the registry has other content than the ledger says", name, v.Version), string(remote.ContentDigest)
	default:
		return true, nil
	}
	e.add(f)
	return false, nil
}

// imageTag looks at the tag of a version's image, if the registry has one and
// the manifest of that time asked for it. One that it does not have is a matter
// for Verify.
func (e *examiner) imageTag(ctx context.Context, name string, v ledger.Version) (ok bool, err error) {
	a, err := e.w.ArtifactAt(v.Commit, name)
	if err != nil || !hasImage(a) {
		return true, nil
	}
	repo, err := e.w.Repository(name)
	if err != nil {
		return false, err
	}
	remote, err := artifact.Read(ctx, repo, v.Digest)
	if err != nil {
		return true, nil // a finding about the encoding
	}
	image, err := artifact.FindImage(ctx, repo, remote)
	if errors.Is(err, workspace.ErrNotFound) || errors.Is(err, artifact.ErrImages) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return e.ociTag(ctx, name, artifact.ImageTag(v.Version.OCITag()), ref.Digest(image.Desc.Digest), func() error {
		return proveImage(ctx, e.w, name, image)
	})
}

// ociTag looks at a tag of the registry. Before it is mended prove, which may be
// nil, is asked whether want may have it.
func (e *examiner) ociTag(ctx context.Context, name, tag string, want ref.Digest, prove func() error) (ok bool, err error) {
	desc, err := e.reg.resolve(ctx, name, tag)
	if err == nil && string(desc.Digest) == string(want) {
		return true, nil
	}
	f := report.Finding{Check: checkOCITag, Artifact: name, Subject: tag, Verdict: report.Fail, Hint: hintFix,
		Expected: string(want), Message: fmt.Sprintf("%s: the registry has no tag %s", name, tag)}
	if err == nil {
		f.Observed = string(desc.Digest)
		f.Message = fmt.Sprintf("%s: the registry's tag %s is %s, ledger says %s", name, tag, desc.Digest, want)
	} else if !errors.Is(err, workspace.ErrNotFound) {
		return false, err
	}
	if e.fix {
		var err error
		if prove != nil {
			err = prove()
		}
		if err == nil {
			err = e.retag(ctx, name, tag, want)
		}
		if err == nil {
			e.fixed(checkOCITag, name, tag, fmt.Sprintf("%s: the registry's tag %s names %s again", name, tag, want))
			return false, nil
		}
		f.Message += fmt.Sprintf("; mending failed: %v", err)
	}
	e.add(f)
	return false, nil
}

func (e *examiner) retag(ctx context.Context, name, tag string, want ref.Digest) error {
	desc, err := e.reg.resolve(ctx, name, string(want))
	if err != nil {
		return err
	}
	repo, err := e.w.Repository(name)
	if err != nil {
		return err
	}
	return repo.Tag(ctx, desc, tag)
}

// evidence looks whether the registry lists what the lock records about its
// content.
func (e *examiner) evidence(ctx context.Context, a *manifest.Artifact, lock *manifest.Lock) {
	kinds := slices.DeleteFunc(slices.Sorted(maps.Keys(lock.Evidence)), func(kind string) bool {
		return !isAbout(lock.Evidence[kind], lock)
	})
	if len(kinds) == 0 {
		e.add(report.Finding{Check: checkEvidence, Artifact: a.Name, Verdict: report.Pass, Message: a.Name + ": the lock records no evidence"})
		return
	}
	if !lock.Pushed() {
		e.notPushed(a.Name, kinds[0])
		return
	}
	subject, err := e.reg.resolve(ctx, a.Name, string(lock.Encoding.Digest))
	if errors.Is(err, workspace.ErrNotFound) {
		e.notPushed(a.Name, kinds[0])
		return
	}
	if err != nil {
		e.noAnswer(a.Name, err)
		return
	}
	repo, err := e.w.Repository(a.Name)
	if err != nil {
		e.noAnswer(a.Name, err)
		return
	}
	found, err := evidence.List(ctx, repo, subject, "")
	if err != nil && !errors.Is(err, workspace.ErrNotFound) {
		e.noAnswer(a.Name, err)
		return
	}
	for _, kind := range kinds {
		want := lock.Evidence[kind]
		if slices.ContainsFunc(found, func(have evidence.Found) bool {
			return have.Kind == kind && string(have.Layer.Digest) == string(want.Digest)
		}) {
			e.add(report.Finding{Check: checkEvidence, Artifact: a.Name, Subject: kind, Verdict: report.Pass,
				Message: fmt.Sprintf("%s: the registry lists the %s of the lock", a.Name, kind)})
			continue
		}
		f := report.Finding{Check: checkEvidence, Artifact: a.Name, Subject: kind, Verdict: report.Fail,
			Expected: string(want.Digest), Hint: "waybill push " + a.Name,
			Message: fmt.Sprintf("%s: the registry does not list the %s of the lock", a.Name, kind)}
		if e.fix {
			item, err := e.recorded(ctx, a, kind, want)
			if err == nil {
				_, err = evidence.Attach(ctx, repo, subject, item)
			}
			if err == nil {
				e.fixed(checkEvidence, a.Name, kind, fmt.Sprintf("%s: %s attached again", a.Name, kind))
				continue
			}
			f.Message += fmt.Sprintf("; mending failed: %v", err)
		}
		e.add(f)
	}
}

// notPushed says so as a warning: work that was not pushed yet contradicts
// nothing, and what is registered has a finding about its encoding.
func (e *examiner) notPushed(name, kind string) {
	e.add(report.Finding{Check: checkEvidence, Artifact: name, Subject: kind, Severity: report.Warning, Verdict: report.Fail, Hint: "waybill push " + name,
		Message: fmt.Sprintf("%s: the content of the lock is not in the registry, nor are its %s", name, kind)})
}

// recorded is evidence as the lock records it. Its payload may still be in the
// registry, where only the list of referrers lost it; otherwise it is the file
// in the working tree, if that is unchanged.
func (e *examiner) recorded(ctx context.Context, a *manifest.Artifact, kind string, want manifest.EvidenceRef) (evidence.Item, error) {
	rel := path.Clean(a.Resolve(want.File))
	if want.File == "" || !filepath.IsLocal(filepath.FromSlash(rel)) {
		return evidence.Item{}, fmt.Errorf("the lock names no file in this repository")
	}
	open := func() (io.ReadCloser, error) {
		digest, _, _, err := e.w.Stats().Digest(ctx, e.w.Path(rel))
		if err != nil {
			return nil, err
		}
		if digest != want.Digest {
			return nil, fmt.Errorf("%s changed since it was locked: it is %s, the lock has %s", rel, digest, want.Digest)
		}
		root, err := os.OpenRoot(e.w.Root()) // no symbolic link leads out of it
		if err != nil {
			return nil, err
		}
		defer root.Close()
		return root.Open(filepath.FromSlash(rel))
	}
	return evidence.Item{Kind: kind, Name: path.Base(rel), MediaType: mediaType(rel), Digest: want.Digest, Size: want.Size, Open: open}, nil
}

func mediaType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".parquet":
		return "application/vnd.apache.parquet"
	case ".csv":
		return "text/csv"
	}
	return "application/octet-stream"
}
