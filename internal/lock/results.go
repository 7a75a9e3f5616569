package lock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/waybill-dev/waybill/internal/evidence"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// The payload of evidence.Results: the index of the files, which are its blobs.
const (
	indexName = "results.json"
	indexType = "application/vnd.waybill.results.v1+json"
)

// results notes the files that checks about evaluation name, and what each was
// made with. One that is not in the working tree stays as the previous lock has
// it: git ignores such files, so that a clone is without them, and what was
// pushed about these weights still holds. Taking a file out of the manifest
// takes it out of the lock.
//
// Only those of these weights are attached. Where all of these are absent there
// is nothing to attach: they were, when they were pushed.
func (c *computation) results(ctx context.Context) error {
	wanted, err := c.a.ResultFiles()
	if err != nil {
		return workspace.Usage("lock %s: %w", c.a.Name, err)
	}
	var found manifest.EvidenceRef
	present := map[string]bool{}
	for _, w := range wanted {
		f, err := c.result(ctx, w)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			var known bool
			if f, known = c.earlier(w); !known {
				continue
			}
		case err != nil:
			return fmt.Errorf("lock %s: the result file %s: %w", c.a.Name, w.Name, err)
		default:
			present[f.Path] = true
		}
		found.Files = append(found.Files, f)
	}
	if len(found.Files) == 0 {
		return nil
	}
	found.Model = weightsOf(found.Files, c.Lock.ContentDigest)
	index, err := found.Index()
	if err != nil {
		return fmt.Errorf("lock %s: %w", c.a.Name, err)
	}
	found.Digest, found.Size = ref.Of(index), int64(len(index))
	if c.Lock.Evidence == nil {
		c.Lock.Evidence = map[string]manifest.EvidenceRef{}
	}
	c.Lock.Evidence[evidence.Results] = found
	if item, ok := c.resultsItem(found, index, present); ok {
		c.Evidence = append(c.Evidence, item)
	}
	return nil
}

// weightsOf says of which weights the index of files is: these, if any file is
// of them.
func weightsOf(files []manifest.EvidenceFile, content ref.Digest) ref.Digest {
	var first ref.Digest
	for _, f := range files {
		if f.Model == content {
			return content
		}
		if first == "" {
			first = f.Model
		}
	}
	return first
}

// result is a file as it stands in the working tree. One with bytes that were
// known beside other weights is of those.
func (c *computation) result(ctx context.Context, w manifest.ResultFile) (manifest.EvidenceFile, error) {
	out := manifest.EvidenceFile{Path: w.Name}
	p := c.a.Resolve(w.Name)
	// Before hours are spent on its digest.
	if info, err := c.root.Lstat(p); err == nil && info.Size() > manifest.MaxResultSize {
		return out, workspace.Usage("%d bytes, at most %d; keep what the check needs", info.Size(), int64(manifest.MaxResultSize))
	}
	var err error
	if out.Digest, out.Size, err = c.digest(ctx, p); err != nil || w.Reference {
		return out, err
	}
	known := false
	for _, l := range c.before {
		// Both sides of a merge may have it; that of these weights wins.
		if old, ok := l.ResultOf(evidence.Results, out.Digest, c.Lock.ContentDigest); ok && (!known || old.Model == c.Lock.ContentDigest) {
			out.Model, out.Dataset, known = old.Model, old.Dataset, true
		}
	}
	if known {
		return out, nil
	}
	out.Model = c.Lock.ContentDigest
	for _, use := range c.a.Model.Datasets {
		if use.Role == "evaluate" {
			d, err := c.dataset(ctx, use.Role, use.Ref)
			if err != nil {
				return out, err
			}
			out.Dataset = d.ContentDigest
		}
	}
	return out, nil
}

// earlier is an absent file as the previous lock has it.
func (c *computation) earlier(w manifest.ResultFile) (found manifest.EvidenceFile, ok bool) {
	for _, l := range c.before {
		for _, f := range l.Evidence[evidence.Results].Files {
			if f.Path == w.Name && (f.Model == "") == w.Reference && (!ok || f.Model == c.Lock.ContentDigest) {
				found, ok = f, true
			}
		}
	}
	return found, ok
}

// resultsItem is what is attached; not ok where nothing is.
func (c *computation) resultsItem(found manifest.EvidenceRef, index []byte, present map[string]bool) (item evidence.Item, ok bool) {
	if found.Model != "" && found.Model != c.Lock.ContentDigest {
		return item, false
	}
	item = evidence.Item{Kind: evidence.Results, Name: indexName, MediaType: indexType, Digest: found.Digest, Size: found.Size, Open: opener(index)}
	blobs := map[ref.Digest]int{}
	for _, f := range found.Current() {
		p := c.a.Resolve(f.Path)
		ok = ok || present[f.Path]
		b := evidence.Blob{Name: f.Path, MediaType: mediaType(f.Path), Digest: f.Digest, Size: f.Size, Open: func() (io.ReadCloser, error) {
			file, err := os.Open(c.w.Path(p))
			if errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("the lock names this result file, but neither the registry nor the working tree has it; make it again: %w", err)
			}
			return file, err
		}}
		i, known := blobs[f.Digest]
		switch {
		case !known:
			blobs[f.Digest] = len(item.More)
			item.More = append(item.More, b)
		case present[f.Path]:
			item.More[i].Open = b.Open // of the same bytes, and here
		}
	}
	return item, ok
}

func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}
