package transfer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
)

// IndexDelta is an index told by what differs from another one, its base. The
// digests of a hundred thousand files are three megabytes that do not compress;
// a version that changes a hundred of them need not store them all again.
//
// Its stored form is frozen: zstd of "waybill delta 1\n" and then
//
//	base     32 bytes of SHA-256 of the stored base
//	removed  count of paths of the base that are gone, each: bytes that it
//	         shares with the one before, length of the rest, rest
//	         what follows the magic of an Index: all its blobs, but only the
//	         files that the base does not have, or has otherwise
type IndexDelta struct {
	Base    ref.Digest
	Removed []string // sorted
	Changed Index    // its Blobs are those of the whole index
}

const deltaMagic = "waybill delta 1\n"

// Delta returns what differs in x from base, which is stored under that digest.
func (x *Index) Delta(base *Index, stored ref.Digest) *IndexDelta {
	d := &IndexDelta{Base: stored, Changed: Index{Chunker: x.Chunker, Blobs: x.Blobs}}
	old := base.Files
	for i := range x.Files {
		f := &x.Files[i]
		for len(old) > 0 && old[0].Path < f.Path {
			d.Removed = append(d.Removed, old[0].Path)
			old = old[1:]
		}
		same := len(old) > 0 && old[0].Path == f.Path && x.sameFile(f, base, &old[0])
		if len(old) > 0 && old[0].Path == f.Path {
			old = old[1:]
		}
		if !same {
			d.Changed.Files = append(d.Changed.Files, *f)
		}
	}
	for i := range old {
		d.Removed = append(d.Removed, old[i].Path)
	}
	return d
}

// sameFile tells whether f of x and g of y have the same content in the same
// places.
func (x *Index) sameFile(f *IndexedFile, y *Index, g *IndexedFile) bool {
	return f.Digest == g.Digest && f.Size == g.Size && f.Executable == g.Executable &&
		slices.EqualFunc(f.Chunks, g.Chunks, func(a, b Chunk) bool {
			return a.Sum == b.Sum && a.Offset == b.Offset && a.Length == b.Length && x.Blobs[a.Blob].Digest == y.Blobs[b.Blob].Digest
		})
}

// Apply returns the index that d and its base describe, consistent as one that
// DecodeIndex returns.
func (d *IndexDelta) Apply(base *Index) (*Index, error) {
	x, err := d.apply(base)
	if err == nil {
		err = x.check()
	}
	if err != nil {
		return nil, fmt.Errorf("chunk index: %w", err)
	}
	return x, nil
}

func (d *IndexDelta) apply(base *Index) (*Index, error) {
	numbers, err := d.renumber(base)
	if err != nil {
		return nil, err
	}
	x := &Index{Chunker: d.Changed.Chunker, Blobs: d.Changed.Blobs, Files: make([]IndexedFile, 0, len(base.Files)+len(d.Changed.Files))}
	removed, changed := d.Removed, d.Changed.Files
	for i := range base.Files {
		f := base.Files[i]
		for len(changed) > 0 && changed[0].Path < f.Path {
			x.Files = append(x.Files, changed[0])
			changed = changed[1:]
		}
		switch {
		case len(removed) > 0 && removed[0] == f.Path:
			removed = removed[1:]
			continue
		case len(changed) > 0 && changed[0].Path == f.Path:
			continue // the loop above takes the new one
		}
		f.Chunks = slices.Clone(f.Chunks)
		for k := range f.Chunks {
			number := numbers[f.Chunks[k].Blob]
			if number == nowhere {
				return nil, fmt.Errorf("file %s: its blob %s is not listed any more", quote(f.Path), base.Blobs[f.Chunks[k].Blob].Digest)
			}
			f.Chunks[k].Blob = uint32(number)
		}
		x.Files = append(x.Files, f)
	}
	if len(removed) > 0 {
		return nil, fmt.Errorf("file %s: is removed, and the base does not have it", quote(removed[0]))
	}
	x.Files = append(x.Files, changed...)
	return x, nil
}

// renumber returns which number the base's blobs have in d, nowhere when none.
func (d *IndexDelta) renumber(base *Index) ([]int32, error) {
	now := make(map[ref.Digest]int32, len(d.Changed.Blobs))
	for i, b := range d.Changed.Blobs {
		now[b.Digest] = int32(i)
	}
	numbers := make([]int32, len(base.Blobs))
	for i, b := range base.Blobs {
		n, ok := now[b.Digest]
		if !ok {
			n = nowhere
		} else if d.Changed.Blobs[n].Size != b.Size {
			return nil, fmt.Errorf("blob %s: has two sizes", b.Digest)
		}
		numbers[i] = n
	}
	return numbers, nil
}

// Encode returns the stored form.
func (d *IndexDelta) Encode() ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("encode chunk index: %w", err) }
	if err := d.check(); err != nil {
		return fail(err)
	}
	sum, err := sumOf(d.Base)
	if err != nil {
		return fail(err)
	}
	raw := append([]byte(deltaMagic), sum[:]...)
	raw = binary.AppendUvarint(raw, uint64(len(d.Removed)))
	before := ""
	for _, p := range d.Removed {
		raw = appendPath(raw, before, p)
		before = p
	}
	if raw, err = d.Changed.appendBody(raw); err != nil {
		return fail(err)
	}
	data, err := compressIndex(raw)
	if err != nil {
		return fail(err)
	}
	return data, nil
}

// DecodeIndexDelta reads the stored form, which is hostile until checked.
func DecodeIndexDelta(data []byte) (*IndexDelta, error) {
	d, err := decodeDelta(data)
	if err != nil {
		return nil, fmt.Errorf("chunk index: %w", err)
	}
	return d, nil
}

func decodeDelta(data []byte) (*IndexDelta, error) {
	raw, err := decompressIndex(data)
	if err != nil {
		return nil, err
	}
	r := &indexReader{rest: raw}
	if string(r.bytes(len(deltaMagic))) != deltaMagic {
		return nil, fmt.Errorf("does not begin with %q", deltaMagic)
	}
	sum := r.sum()
	d := &IndexDelta{Base: ref.FromSum(sum[:])}
	const leastPath = 2 // bytes
	d.Removed = make([]string, r.count("removed files", leastPath, maxIndexFiles))
	before := ""
	for i := range d.Removed {
		d.Removed[i] = r.path(before)
		if r.err != nil {
			return nil, fmt.Errorf("removed file %d, after %s: %w", i, quote(before), r.err)
		}
		before = d.Removed[i]
	}
	if r.err != nil {
		return nil, r.err
	}
	changed, err := r.index()
	if err != nil {
		return nil, err
	}
	d.Changed = *changed
	return d, d.check()
}

// check tells what is inconsistent in the delta alone.
func (d *IndexDelta) check() error {
	changed := d.Changed.Files
	for i, p := range d.Removed {
		if i > 0 && p <= d.Removed[i-1] {
			return fmt.Errorf("removed file %s: does not come after %s; paths are unique and sorted", quote(p), quote(d.Removed[i-1]))
		}
		if err := checkIndexedPath(p); err != nil {
			return fmt.Errorf("removed file %s: %w", quote(p), err)
		}
		at, both := slices.BinarySearchFunc(changed, p, func(f IndexedFile, p string) int { return strings.Compare(f.Path, p) })
		if both {
			return errors.New("file " + quote(changed[at].Path) + ": is both removed and there")
		}
	}
	return d.Changed.check()
}
