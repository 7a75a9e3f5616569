package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/artifact"
	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/ledger"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// The checks of Verify.
const (
	checkManifest       = "verify.manifest"
	checkBlob           = "verify.blob"
	checkVerifyEvidence = "verify.evidence"
	checkContent        = "verify.content"
	checkImage          = "verify.image"
)

// lookups is how many questions Verify asks at a time.
const lookups = 8

// VerifyOptions configure Verify.
type VerifyOptions struct {
	// Deep reads every blob and hashes it again.
	Deep bool
	// Progress is told, with Deep, how much of a blob was read, one call at a
	// time; before that, with an empty name, how many bytes each artifact has. It
	// may be nil.
	Progress func(name string, done, total int64)
}

// Verify looks whether the registry has all that refs name: the manifest, every
// blob in it, and the evidence. A bare name means the lock in the working tree;
// no refs mean all locks. Each thing that is missing or other than it should be
// is a FAIL. A registry that does not answer is an error.
func Verify(ctx context.Context, w *workspace.Workspace, refs []ref.Reference, opts VerifyOptions) (*report.Report, error) {
	claims, err := readClaims(ctx, w, refs)
	if err != nil {
		return nil, err
	}
	reg, err := w.Registry()
	if err != nil {
		return nil, err
	}
	var findings []report.Finding
	for _, c := range claims {
		v := &verifier{claim: c, w: w, isLayout: reg.IsLayout(), opts: opts}
		if err := v.verify(ctx); err != nil {
			return nil, fmt.Errorf("verify %s: %w", c.title, err)
		}
		findings = append(findings, v.findings...)
	}
	return report.New(findings), nil
}

// claim is what a lock or the ledger says that the registry has.
type claim struct {
	name, title string // title for people: "sentiment", "sentiment v1.2.0"
	lockPath    string // "" when the ledger says it,
	commit      string // of this commit
	content     ref.Digest
	digest      ref.Digest            // of the encoding, "" when it was never pushed
	size        int64                 // of its manifest, 0 when not recorded
	evidence    map[string]ref.Digest // by kind, of the payloads
	hasImage    bool                  // the manifest says kubernetes: true
	image       ref.Digest            // as the ledger recorded it, "" when it did not
}

func readClaims(ctx context.Context, w *workspace.Workspace, refs []ref.Reference) ([]claim, error) {
	var claims []claim
	if len(refs) == 0 {
		for _, a := range w.Artifacts {
			c, err := lockClaim(w, a)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			claims = append(claims, c)
		}
		if len(claims) == 0 {
			return nil, workspace.Usage("verify: no artifact has a lock yet; run \"waybill push\"")
		}
		return claims, nil
	}
	var l *workspace.Ledger
	for _, r := range refs {
		if r.Bare() {
			a, err := w.Artifact(r.Name)
			if err != nil {
				return nil, err
			}
			c, err := lockClaim(w, a)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, workspace.Usage("verify %s: it has no lock; run \"waybill push %s\"", a.Name, a.Name)
			}
			if err != nil {
				return nil, err
			}
			claims = append(claims, c)
			continue
		}
		if l == nil {
			var err error
			if l, err = w.Ledger(ctx); err != nil {
				return nil, err
			}
		}
		c, err := ledgerClaim(ctx, w, l, r)
		if err != nil {
			return nil, err
		}
		claims = append(claims, c)
	}
	return claims, nil
}

// lockClaim returns fs.ErrNotExist when a has no lock.
func lockClaim(w *workspace.Workspace, a *manifest.Artifact) (claim, error) {
	lock, err := w.Lock(a)
	if err != nil {
		return claim{}, err
	}
	c := claim{name: a.Name, title: a.Name, lockPath: a.LockPath(), content: lock.ContentDigest,
		digest: lock.Encoding.Digest, size: lock.Encoding.Size, evidence: map[string]ref.Digest{}, hasImage: hasImage(a)}
	for kind, e := range lock.Evidence {
		if isAbout(e, lock) {
			c.evidence[kind] = e.Digest
		}
	}
	return c, nil
}

// isAbout tells whether evidence of the lock was computed from its content.
// What old weights predicted is recorded, but not attached to new ones.
func isAbout(e manifest.EvidenceRef, lock *manifest.Lock) bool {
	return e.Model == "" || e.Model == lock.ContentDigest
}

func hasImage(a *manifest.Artifact) bool { return a.Model != nil && a.Model.Kubernetes }

func ledgerClaim(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger, r ref.Reference) (claim, error) {
	resolved, err := w.Resolve(ctx, l, r)
	if err != nil {
		return claim{}, err
	}
	if resolved.Version.IsZero() {
		a, err := w.Artifact(r.Name)
		if err != nil {
			return claim{}, err
		}
		return lockClaim(w, a)
	}
	c := claim{name: resolved.Name, title: resolved.Name + " " + resolved.Version.String(),
		commit:  resolved.Commit,
		content: resolved.ContentDigest, digest: resolved.Digest, evidence: map[string]ref.Digest{}}
	// A clone that does not have the commit cannot tell.
	if a, err := w.ArtifactAt(resolved.Commit, resolved.Name); err == nil {
		c.hasImage = hasImage(a)
	}
	if known := l.State.Artifacts[resolved.Name]; known != nil {
		if v := known.Version(resolved.Version); v != nil && v.Evidence != nil {
			maps.Copy(c.evidence, v.Evidence.Others)
			delete(c.evidence, ledger.Image) // no evidence about the bytes, but the bytes again
			c.image = v.Image()
			c.hasImage = c.hasImage || c.image != ""
			if v.Evidence.Report != "" {
				c.evidence[evidence.Report] = v.Evidence.Report
			}
		}
	}
	return c, nil
}

// verifier looks for what one claim names.
type verifier struct {
	claim
	w        *workspace.Workspace
	isLayout bool
	opts     VerifyOptions
	findings []report.Finding
}

// blob is one to look for.
type blob struct {
	check, name string // name for people
	desc        ocispec.Descriptor
}

func (v *verifier) verify(ctx context.Context) error {
	if v.digest == "" {
		v.fail(checkManifest, "", v.content, "the lock names content that was not pushed")
		return nil
	}
	desc, data, err := v.fetch(ctx)
	if err != nil || data == nil {
		return err
	}
	blobs, err := manifestBlobs(data)
	if err != nil {
		v.fail(checkManifest, "", v.digest, fmt.Sprintf("what the lock names is not the manifest of an artifact: %v", err))
		return nil
	}
	more, err := v.evidenceBlobs(ctx, desc)
	if err != nil {
		return err
	}
	image, err := v.findImage(ctx)
	if err != nil {
		return err
	}
	more = append(more, imageBlobs(image)...)
	missing, err := v.look(ctx, append(blobs, more...))
	if err != nil {
		return err
	}
	for _, b := range missing {
		v.fail(b.check, b.name, ref.Digest(b.desc.Digest), fmt.Sprintf("the registry does not have %s of %d bytes", b.name, b.desc.Size))
	}
	if len(missing) == 0 {
		if err := v.compare(ctx, blobs, more, image); err != nil {
			return err
		}
	}
	if len(v.findings) == 0 {
		word := "has"
		if v.opts.Deep {
			word = "has, unchanged,"
		}
		v.add(report.Finding{Check: checkContent, Verdict: report.Pass,
			Message: fmt.Sprintf("%s: the registry %s the manifest and %d blobs", v.title, word, len(blobs)+len(more))})
	}
	return nil
}

// fetch reads the manifest; without data there is a finding about it.
func (v *verifier) fetch(ctx context.Context) (ocispec.Descriptor, []byte, error) {
	repo, err := v.w.Repository(v.name)
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	desc, data, err := repo.Manifest(ctx, v.digest)
	switch {
	case errors.Is(err, workspace.ErrNotFound):
		v.fail(checkManifest, "", v.digest, fmt.Sprintf("%s does not have its manifest", repo))
		return desc, nil, nil
	case err != nil && v.isLayout && ctx.Err() == nil:
		v.fail(checkManifest, "", v.digest, err.Error()) // a folder is there; what it has is damaged
		return desc, nil, nil
	case err != nil:
		return desc, nil, err
	case v.size != 0 && desc.Size != v.size:
		v.fail(checkManifest, "", v.digest, fmt.Sprintf("the manifest has %d bytes, the lock says %d", desc.Size, v.size))
		return desc, nil, nil
	}
	return desc, data, nil
}

// manifestBlobs are the config and the layers.
func manifestBlobs(data []byte) ([]blob, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	blobs := []blob{{checkBlob, "the config", m.Config}}
	for i, l := range m.Layers {
		name := l.Annotations[ocispec.AnnotationTitle]
		if name == "" {
			name = fmt.Sprintf("layer %d", i+1)
		}
		blobs = append(blobs, blob{checkBlob, name, l})
	}
	for _, b := range blobs {
		if _, err := ref.ParseDigest(string(b.desc.Digest)); err != nil {
			return nil, fmt.Errorf("%s: %w", b.name, err)
		}
		if b.desc.Size < 0 {
			return nil, fmt.Errorf("%s: negative size", b.name)
		}
	}
	return blobs, nil
}

// evidenceBlobs returns the payloads of the evidence, and makes a finding of
// each that is not among the referrers.
func (v *verifier) evidenceBlobs(ctx context.Context, subject ocispec.Descriptor) ([]blob, error) {
	if len(v.evidence) == 0 {
		return nil, nil
	}
	repo, err := v.w.Repository(v.name)
	if err != nil {
		return nil, err
	}
	found, err := evidence.List(ctx, repo, subject, "")
	if err != nil {
		return nil, err
	}
	var blobs []blob
	for _, kind := range slices.Sorted(maps.Keys(v.evidence)) {
		i := slices.IndexFunc(found, func(f evidence.Found) bool {
			return f.Kind == kind && string(f.Layer.Digest) == string(v.evidence[kind])
		})
		if i < 0 {
			v.fail(checkVerifyEvidence, kind, v.evidence[kind], fmt.Sprintf("the registry does not list its %s", kind))
			continue
		}
		blobs = append(blobs, blob{checkVerifyEvidence, kind, found[i].Layer})
	}
	return blobs, nil
}

// look returns the blobs that the registry does not have with their size.
func (v *verifier) look(ctx context.Context, blobs []blob) ([]blob, error) {
	repo, err := v.w.Repository(v.name)
	if err != nil {
		return nil, err
	}
	has := make([]bool, len(blobs))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for i, b := range blobs {
		group.Go(func() (err error) {
			has[i], err = repo.HasBlob(inner, b.desc)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var missing []blob
	for i, b := range blobs {
		if !has[i] {
			missing = append(missing, b)
		}
	}
	return missing, nil
}

// compare holds what is in the manifest against the claim, and with Deep what
// the blobs are with what they should be.
func (v *verifier) compare(ctx context.Context, blobs, more []blob, image *artifact.Image) error {
	repo, err := v.w.Repository(v.name)
	if err != nil {
		return err
	}
	remote, err := artifact.Read(ctx, repo, v.digest)
	var chunks map[string][]chunk
	switch {
	case err != nil:
		// All of it was there a moment ago.
		if _, err := repo.Resolve(ctx, string(v.digest)); err != nil {
			return err
		}
		v.fail(checkContent, "", v.content, fmt.Sprintf("what the registry has cannot be read: %v", err))
	case remote.ContentDigest != v.content:
		v.fail(checkContent, "", v.content, fmt.Sprintf("the manifest holds other content, sha256:%s…", remote.ContentDigest.Short()))
	default:
		chunks = chunksOf(remote)
	}
	if image != nil {
		chunks = imageChunks(image)
	}
	if !v.opts.Deep {
		return nil
	}
	return v.deep(ctx, append(blobs, more...), chunks)
}

// fail adds a FAIL about what should have the digest want.
func (v *verifier) fail(check, subject string, want ref.Digest, what string) {
	hint := "run: waybill push " + v.name
	if v.commit != "" {
		hint += fmt.Sprintf(", in a working tree of commit %.12s that has its files", v.commit)
	}
	v.add(report.Finding{Check: check, Subject: subject, Verdict: report.Fail, Expected: string(want),
		Message: v.title + ": " + what, Hint: hint})
}

func (v *verifier) add(f report.Finding) {
	f.Artifact, f.Group = v.name, report.GroupState
	if v.lockPath != "" {
		f.Location = &report.Location{File: v.lockPath}
	} else {
		f.Subject = v.title + " " + f.Subject
	}
	v.findings = append(v.findings, f)
}

// oneAtATime makes progress safe for several goroutines.
func oneAtATime(progress func(name string, done, total int64)) func(name string, done, total int64) {
	if progress == nil {
		return func(string, int64, int64) {}
	}
	var mu sync.Mutex
	return func(name string, done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		progress(name, done, total)
	}
}
