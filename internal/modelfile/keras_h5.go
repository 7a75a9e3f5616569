package modelfile

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

// KerasH5 is what there is to judge in a file of HDF5 that Keras loads.
type KerasH5 struct {
	// Config is the configuration of the model: the attribute model_config of
	// the root (keras/src/legacy/saving/legacy_h5_format.py), which begins at
	// byte ConfigAt of the file. "" without one.
	Config   string
	ConfigAt int64
	// External are data that HDF5 takes from other files, 100 at most.
	External []HDF5External
	// Opaque says what could not be looked into, "" for nothing: Config may be
	// there all the same. Partial says that links to other files may be, too.
	Opaque  string
	Partial bool
}

// HDF5External is something that stands in another file.
type HDF5External struct {
	Object string // the path of what stands there, "model_weights/dense/kernel"
	File   string // as the file names it
	How    string // "an external link", "external data", "a virtual array"
}

const maxExternal = 100

// InspectKerasH5 reads the structure of an HDF5 file, which may stand behind a
// block of the user's, and no arrays. It follows all hard links once. Errors are
// a *FormatError without Path, with what was found up to there, or of r.
func InspectKerasH5(ctx context.Context, r io.ReaderAt, size int64) (*KerasH5, error) {
	start, err := hdf5Start(ctx, r, size)
	if err != nil {
		return &KerasH5{}, err
	}
	if start < 0 || size-start < minSuperblock {
		return &KerasH5{Opaque: "no superblock"}, nil
	}
	h := newHDF5(ctx, r, start, size)
	k := &KerasH5{}
	if root := h.root(); root != nil {
		k.Config = root.texts["model_config"]
		if k.Config != "" {
			k.ConfigAt = start + root.configAt
		}
		h.walk(root)
	}
	k.External, k.Opaque, k.Partial = h.external, h.opaque, h.partial
	return k, h.located(h.err)
}

// minSuperblock is the length of the shortest one, of version 2.
const minSuperblock = 48

// hdf5Start finds the mark: at byte 0, 512, 1024, 2048 and so on (section
// II.A). It is -1 without one.
func hdf5Start(ctx context.Context, r io.ReaderAt, size int64) (int64, error) {
	var mark [len(hdf5Mark)]byte
	for at := int64(0); at <= size-int64(len(mark)); at = max(512, 2*at) {
		if err := ctx.Err(); err != nil {
			return -1, err
		}
		if n, err := r.ReadAt(mark[:], at); n < len(mark) {
			return -1, cutShort(err)
		}
		if string(mark[:]) == hdf5Mark {
			return at, nil
		}
		if at > size/2 {
			break
		}
	}
	return -1, nil
}

// located makes offsets of errors those of the file.
func (h *hdf5Reader) located(err error) error {
	var bad *FormatError
	if errors.As(err, &bad) && h.start > 0 {
		moved := *bad
		moved.Offset += h.start
		return &moved
	}
	return err
}

// walk goes through all objects below root, each once, for what stands in
// other files.
func (h *hdf5Reader) walk(root *hdf5Object) {
	type item struct {
		o    *hdf5Object
		at   int64
		name string
	}
	items := []item{{o: root}}
	seen := map[int64]bool{}
	for named := 0; len(items) > 0 && h.ok(); {
		x := items[len(items)-1]
		items = items[:len(items)-1]
		if x.o == nil {
			if seen[x.at] {
				continue
			}
			seen[x.at] = true
			x.o = h.object(x.at)
		}
		if x.o.table > 0 {
			h.symbols(x.o.table, x.o.heap, maxHDF5Depth, x.o)
		}
		for ; named < len(h.external); named++ {
			h.external[named].Object = pathBelow(x.name, h.external[named].Object)
		}
		for _, l := range x.o.links {
			items = append(items, item{at: l.to, name: pathBelow(x.name, l.name)})
		}
	}
}

// pathBelow makes a path to be shown, of limited length.
func pathBelow(path, name string) string {
	const most = 500
	switch {
	case path == "" || name == "":
		name = path + name
	default:
		name = path + "/" + name
	}
	if len(name) > most {
		name = "…" + strings.ToValidUTF8(name[len(name)-most:], "")
	}
	return name
}

// outside notes what stands in another file.
func (h *hdf5Reader) outside(object, file, how string) {
	if h.err == nil && len(h.external) < maxExternal {
		h.external = append(h.external, HDF5External{object, clipText(file), how})
	}
}

// externalLink reads the value of a link of class 64 (section IV.A.2.g): its
// length, a version and flags, and two texts that end with a zero byte.
func (h *hdf5Reader) externalLink(name string, at, end int64) {
	n := min(int64(h.numberAt(at, 2)), end-at-2)
	file, object := "", ""
	if n > 1 {
		file, object, _ = strings.Cut(h.textAt(at+3, n-1), "\x00")
		object = strings.TrimRight(object, "\x00")
	}
	h.outside(name, file+":"+object, "an external link")
}

// externalFiles reads a list of external data files (section IV.A.2.h). Their
// names stand in a local heap (section III.D).
func (h *hdf5Reader) externalFiles(at, end int64) {
	used, heap := int64(h.numberAt(at+6, 2)), h.address(at+8)
	if heap < 0 || !h.mark(heap, "HEAP") {
		return
	}
	names := h.address(heap + 24)
	for i := int64(0); i < used && at+16+24*(i+1) <= end && names >= 0 && h.ok(); i++ {
		offset := h.numberAt(at+16+24*i, 8)
		if offset > uint64(h.p.size) {
			h.fail(at, "a name stands past the end")
			return
		}
		h.outside("", h.nameAt(names+int64(offset)), "external data")
	}
}

// virtual reads where the parts of a virtual array stand (section VII.C,
// "Virtual Dataset"): of a list of them the first says enough.
func (h *hdf5Reader) virtual(at int64) {
	heap := h.address(at)
	if heap <= 0 {
		return // it has no parts yet
	}
	from, n, ok := h.heapObject(heap, h.numberAt(at+8, 4))
	if !ok || n < 10 {
		return
	}
	piece := h.pieceAt(from, min(n, 4096))
	if len(piece) < 10 || binary.LittleEndian.Uint64(piece[1:]) == 0 {
		return
	}
	file, _, _ := strings.Cut(string(piece[9:]), "\x00")
	if piece[0] != 0 || file == "." { // of this file; others may follow
		h.hideLinks("a virtual array of parts in this file")
		return
	}
	h.outside("", file, "a virtual array")
}
