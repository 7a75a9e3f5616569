package transfer

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// check tells what is inconsistent in the index.
func (x *Index) check() error {
	if !isChunkerName(x.Chunker) {
		return fmt.Errorf("chunker %s: is not a name of up to %d of the characters a-z 0-9 . -", quote(x.Chunker), maxIndexChunker)
	}
	stored, err := checkBlobs(x.Blobs)
	if err != nil {
		return err
	}
	if len(x.Files) > maxIndexFiles {
		return fmt.Errorf("has %d files, more than %d", len(x.Files), maxIndexFiles)
	}
	var total int64
	chunks, paths := 0, 0
	for i := range x.Files {
		f := &x.Files[i]
		if i > 0 && f.Path <= x.Files[i-1].Path {
			return fmt.Errorf("file %s: does not come after %s; paths are unique and sorted", quote(f.Path), quote(x.Files[i-1].Path))
		}
		if err := f.check(x.Blobs); err != nil {
			return fmt.Errorf("file %s: %w", quote(f.Path), err)
		}
		chunks += len(f.Chunks)
		paths += len(f.Path)
		total += f.Size
		if total > maxIndexContent {
			return fmt.Errorf("file %s: with it all files have %d bytes, more than %d", quote(f.Path), total, int64(maxIndexContent))
		}
	}
	switch {
	case chunks > maxIndexChunks:
		return fmt.Errorf("has %d chunks, more than %d", chunks, maxIndexChunks)
	case paths > maxIndexPaths:
		return fmt.Errorf("all paths together have %d bytes, more than %d", paths, maxIndexPaths)
	case (total-freeRepetition)/maxRepetition > stored:
		return fmt.Errorf("makes %d bytes of files of %d bytes of blobs, more than %d to 1", total, stored, maxRepetition)
	}
	return x.checkPlaces(chunks)
}

// checkBlobs returns how many bytes the blobs have.
func checkBlobs(blobs []Blob) (stored int64, err error) {
	if len(blobs) > maxIndexBlobs {
		return 0, fmt.Errorf("has %d blobs, more than %d", len(blobs), maxIndexBlobs)
	}
	seen := make(map[ref.Digest]bool, len(blobs))
	for i, b := range blobs {
		if _, err := ref.ParseDigest(string(b.Digest)); err != nil {
			return 0, fmt.Errorf("blob %d: %w", i, err)
		}
		if b.Size < 1 || b.Size > maxIndexContent {
			return 0, fmt.Errorf("blob %d, %s: has %d bytes, must have 1 to %d", i, b.Digest, b.Size, int64(maxIndexContent))
		}
		if seen[b.Digest] {
			return 0, fmt.Errorf("blob %d, %s: is listed twice", i, b.Digest)
		}
		seen[b.Digest] = true
		stored += b.Size
	}
	return stored, nil
}

var noBytes = ref.Of(nil)

func (f *IndexedFile) check(blobs []Blob) error {
	if err := checkIndexedPath(f.Path); err != nil {
		return err
	}
	whole, err := sumOf(f.Digest)
	if err != nil {
		return err
	}
	if f.Size < 0 || f.Size > maxIndexContent {
		return fmt.Errorf("has %d bytes, must have 0 to %d", f.Size, int64(maxIndexContent))
	}
	if (f.Size == 0) != (f.Digest == noBytes) {
		return fmt.Errorf("%d bytes cannot have the digest %s", f.Size, f.Digest)
	}
	var size int64
	for i, c := range f.Chunks {
		if c.Length < 1 || c.Length > MaxChunk {
			return fmt.Errorf("chunk %d has %d bytes, must have 1 to %d", i, c.Length, MaxChunk)
		}
		if int64(c.Blob) >= int64(len(blobs)) {
			return fmt.Errorf("chunk %d lies in blob %d, and there are %d", i, c.Blob, len(blobs))
		}
		if b := blobs[c.Blob]; c.Offset < 0 || c.Offset > b.Size-int64(c.Length) {
			return fmt.Errorf("chunk %d reaches from %d over %d bytes, and blob %s has %d", i, c.Offset, c.Length, b.Digest, b.Size)
		}
		size += int64(c.Length)
	}
	if size != f.Size {
		return fmt.Errorf("its chunks have %d bytes, the file has %d", size, f.Size)
	}
	if len(f.Chunks) == 1 && f.Chunks[0].Sum != whole {
		return errors.New("its only chunk has another digest")
	}
	return nil
}

// checkPlaces refuses chunks that share bytes of a blob, unless they are the
// same.
func (x *Index) checkPlaces(n int) error {
	type place struct{ file, chunk int32 }
	places := make([]place, 0, n)
	for i := range x.Files {
		for k := range x.Files[i].Chunks {
			places = append(places, place{int32(i), int32(k)})
		}
	}
	at := func(p place) *Chunk { return &x.Files[p.file].Chunks[p.chunk] }
	sorting.By(places, func(p, q place) int {
		a, b := at(p), at(q)
		return cmp.Or(cmp.Compare(a.Blob, b.Blob), cmp.Compare(a.Offset, b.Offset))
	})
	for i := 1; i < len(places); i++ {
		a, b := at(places[i-1]), at(places[i])
		if a.Blob != b.Blob || a.Offset+int64(a.Length) <= b.Offset {
			continue
		}
		if a.Offset != b.Offset || a.Length != b.Length || a.Sum != b.Sum {
			return fmt.Errorf("files %s and %s: chunks that differ share bytes of blob %s",
				quote(x.Files[places[i-1].file].Path), quote(x.Files[places[i].file].Path), x.Blobs[a.Blob].Digest)
		}
	}
	return nil
}

// checkIndexedPath refuses what must not reach a file system. Whether all
// paths can stand together in one folder is for the caller to check.
func checkIndexedPath(p string) error {
	switch {
	case len(p) > maxIndexPath:
		return fmt.Errorf("its path is longer than %d bytes", maxIndexPath)
	case p == "." || !fs.ValidPath(p):
		return errors.New("its path is not a clean relative one")
	case strings.Contains(p, `\`):
		return errors.New(`its path has a \`)
	case strings.ContainsFunc(p, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return errors.New("its path has a control character")
	}
	return nil
}

func isChunkerName(s string) bool {
	return s != "" && len(s) <= maxIndexChunker && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-'
	})
}

// quote shows a hostile path: 80 bytes are enough to recognise it.
func quote(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q…", s[:80])
	}
	return fmt.Sprintf("%q", s)
}
