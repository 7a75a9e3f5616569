package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
)

func (l *Lock) check() error {
	if l.APIVersion != APIVersion {
		return fmt.Errorf("apiVersion %q, this release reads %q", clip(l.APIVersion), APIVersion)
	}
	if l.Kind != KindModel && l.Kind != KindDataset {
		return fmt.Errorf("kind %q, expected Model or Dataset", clip(string(l.Kind)))
	}
	if err := ref.CheckName(l.Name); err != nil {
		return err
	}
	if err := checkDigest("contentDigest", l.ContentDigest); err != nil {
		return err
	}
	if err := l.checkEncoding(); err != nil {
		return err
	}
	if len(l.Encoding.Repository) > 1024 || strings.ContainsFunc(l.Encoding.Repository, isControl) {
		return fmt.Errorf("encoding.repository %q: not a repository", clip(l.Encoding.Repository))
	}
	if err := checkLockSize("encoding", l.Encoding.Size); err != nil {
		return err
	}
	if l.Total.Files < 0 || l.Total.Bytes < 0 {
		return fmt.Errorf("total: negative")
	}
	if err := l.checkFiles(); err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(l.Evidence)) {
		if err := l.Evidence[kind].check(); err != nil {
			return fmt.Errorf("evidence %q: %w", clip(kind), err)
		}
	}
	if l.Lineage != nil {
		return l.Lineage.check()
	}
	return nil
}

// checkEncoding accepts a dataset without encoding: which packs hold its files is
// known when they are pushed.
func (l *Lock) checkEncoding() error {
	if l.Encoding.Digest == "" && l.Kind == KindDataset {
		return nil
	}
	return checkDigest("encoding.digest", l.Encoding.Digest)
}

func (e EvidenceRef) check() error {
	if err := checkDigest("digest", e.Digest); err != nil {
		return err
	}
	if err := checkLockSize("payload", e.Size); err != nil {
		return err
	}
	if err := checkOptionalDigest("model", e.Model); err != nil {
		return err
	}
	if err := checkOptionalDigest("dataset", e.Dataset); err != nil {
		return err
	}
	if err := e.checkFiles(); err != nil || e.File == "" {
		return err
	}
	// Predictions may stand elsewhere in the repository; who opens them keeps
	// to its root.
	file := strings.TrimPrefix(e.File, "/")
	for strings.HasPrefix(file, "../") {
		file = file[3:]
	}
	return CheckPath(file)
}

func (l *Lineage) check() error {
	if err := checkOptionalDigest("lineage.code", l.Code); err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(l.Lockfiles)) {
		if err := checkDigest(fmt.Sprintf("lineage.lockfiles %q", clip(file)), l.Lockfiles[file]); err != nil {
			return err
		}
	}
	for _, role := range slices.Sorted(maps.Keys(l.Datasets)) {
		d := l.Datasets[role]
		if err := ref.CheckName(d.Name); err != nil {
			return fmt.Errorf("lineage %q: %w", clip(role), err)
		}
		if err := checkDigest(fmt.Sprintf("lineage %q", clip(role)), d.ContentDigest); err != nil {
			return err
		}
		if d.Split != "" {
			if err := ref.CheckSplit(d.Split); err != nil {
				return fmt.Errorf("lineage %q: %w", clip(role), err)
			}
		}
	}
	return nil
}

func (l *Lock) checkFiles() error {
	if len(l.Files) == 0 {
		if l.Total.Files > 0 && l.Total.Files <= MaxLockFiles {
			return fmt.Errorf("total says %d files, none is listed", l.Total.Files)
		}
		return nil
	}
	if len(l.Files) > MaxLockFiles {
		return fmt.Errorf("%d files are listed, at most %d", len(l.Files), MaxLockFiles)
	}
	var total Total
	for i, f := range l.Files {
		if err := f.check(); err != nil {
			return err
		}
		if i > 0 && l.Files[i-1].Path >= f.Path {
			return fmt.Errorf("files are not sorted by path at %q", clip(f.Path))
		}
		total.Files++
		total.Bytes += f.Size // at most MaxLockFiles times 2^53, which fits
	}
	if err := checkCollisions(l.Files); err != nil {
		return err
	}
	if total != l.Total {
		return fmt.Errorf("total says %d files of %d bytes, the list has %d of %d", l.Total.Files, l.Total.Bytes, total.Files, total.Bytes)
	}
	digest, err := ContentDigest(l.Files)
	if err != nil {
		return err
	}
	if digest != l.ContentDigest {
		return fmt.Errorf("contentDigest is %s, the files listed have %s", l.ContentDigest, digest)
	}
	return nil
}

func (f File) check() error {
	if err := CheckPath(f.Path); err != nil {
		return err
	}
	if err := checkDigest(f.Path, f.Digest); err != nil {
		return err
	}
	if f.Split != "" {
		if err := ref.CheckSplit(f.Split); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return checkLockSize(f.Path, f.Size)
}

// checkCollisions refuses paths that cannot all be files on one disk: two that
// differ only in case, or one that is the folder of another.
func checkCollisions(files []File) error {
	seen := make(map[string]string, len(files))
	for _, f := range files {
		lower := strings.ToLower(f.Path)
		if other, ok := seen[lower]; ok {
			return fmt.Errorf("paths %q and %q are one file where case does not count", clip(other), clip(f.Path))
		}
		seen[lower] = f.Path
	}
	for _, f := range files {
		lower := strings.ToLower(f.Path)
		for i := range len(lower) {
			if lower[i] != '/' {
				continue
			}
			if other, ok := seen[lower[:i]]; ok {
				return fmt.Errorf("path %q is a file and the folder of %q", clip(other), clip(f.Path))
			}
		}
	}
	return nil
}

// maxSize is the largest size that canonical JSON holds exactly.
const maxSize = 1<<53 - 1

func checkLockSize(what string, size int64) error {
	if size < 0 || size > maxSize {
		return fmt.Errorf("%s: impossible size %d", what, size)
	}
	return nil
}

func checkDigest(what string, d ref.Digest) error {
	if _, err := ref.ParseDigest(string(d)); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func checkOptionalDigest(what string, d ref.Digest) error {
	if d == "" {
		return nil
	}
	return checkDigest(what, d)
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
