package modelfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"path/filepath"
	"strings"
)

// HDF5 files (The HDF Group, "HDF5 File Format Specification Version 3.0"), as
// far as a model's attributes and the list of its arrays need: superblocks 0 to
// 3, object headers 1 and 2, attributes in headers, texts of fixed length and
// in the global heap, groups as symbol tables and as links. What is stored
// otherwise (attributes and links in fractal heaps, filters of the format
// itself, other sizes of offsets) is said to be opaque, not guessed at. The
// data of arrays are not read.

var hdf5 = format{
	name:      "hdf5",
	byContent: func(head []byte) bool { return bytes.HasPrefix(head, []byte(hdf5Mark)) },
	byName: func(name string) bool { // a block of the user's may stand before the mark
		ext := strings.ToLower(filepath.Ext(name))
		return ext == ".h5" || ext == ".hdf5"
	},
	rules: map[string]string{
		ruleHDF5: "The structures of an HDF5 file stand where it says, have their marks and lie within it.",
	},
	read: readHDF5,
}

const (
	ruleHDF5     = "HDF001"
	hdf5Mark     = "\x89HDF\r\n\x1a\n"
	maxHDF5Steps = 500_000
	maxHDF5Text  = 16 << 20
	maxHDF5Depth = 16 // groups in groups
)

func readHDF5(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error {
	start, err := hdf5Start(ctx, r, size)
	if err != nil {
		return err
	}
	if start < 0 {
		f.Format = ""
		return nil
	}
	h := newHDF5(ctx, r, start, size)
	return h.located(h.facts(f))
}

func (h *hdf5Reader) facts(f *Facts) error {
	root := h.root()
	if h.err != nil {
		return h.err
	}
	if root != nil && root.texts["model_config"] != "" {
		if err := h.keras(root, f); err != nil {
			return err
		}
	}
	if root != nil && h.opaque == "" {
		h.tensors(root, "", maxHDF5Depth, f)
	}
	detail(f, "opaque", h.opaque)
	if h.opaque != "" {
		f.Tensors, f.Dtypes, f.Parameters = nil, nil, 0
	}
	return h.err
}

// keras reads the attributes of a model of Keras before version 3.
func (h *hdf5Reader) keras(root *hdf5Object, f *Facts) error {
	f.Format = "keras-h5"
	if v := root.texts["keras_version"]; v != "" {
		f.Frameworks = map[string]string{"keras": clipText(v)}
	}
	detail(f, "backend", clipText(root.texts["backend"]))
	var config map[string]any
	if decodeJSON([]byte(root.texts["model_config"]), &config) != nil || config == nil {
		return broken(ruleHDF5, 0, h.hint, "its attribute model_config is not a JSON object")
	}
	kerasFacts(config, f)
	return nil
}

// hdf5Reader reads one file.
type hdf5Reader struct {
	*cursor
	start    int64 // of the superblock in the file: addresses are from there
	kept     int   // bytes of texts
	opaque   string
	partial  bool // links may be among what is opaque
	external []HDF5External
}

// newHDF5 reads the file that begins at start, behind a block of the user's.
func newHDF5(ctx context.Context, r io.ReaderAt, start, size int64) *hdf5Reader {
	if start > 0 {
		r = io.NewSectionReader(r, start, size-start)
	}
	return &hdf5Reader{start: start, cursor: newCursor(ctx, r, size-start, binary.LittleEndian, ruleHDF5, "it may be cut short: copy it again, or save the model again", maxHDF5Steps)}
}

// hide notes what cannot be looked into; the first is told.
func (h *hdf5Reader) hide(what string) {
	if h.opaque == "" {
		h.opaque = what
	}
}

// hideLinks is hide for what links may stand in.
func (h *hdf5Reader) hideLinks(what string) {
	h.hide(what)
	h.partial = true
}

// address reads one; an undefined one (all bits set) is -1.
func (h *hdf5Reader) address(at int64) int64 {
	v := h.numberAt(at, 8)
	if v == 1<<64-1 {
		return -1
	}
	if v > uint64(h.p.size) {
		h.fail(at, "an address of %d in a file of %d bytes", v, h.p.size)
		return -1
	}
	return int64(v)
}

// mark checks a signature.
func (h *hdf5Reader) mark(at int64, want string) bool {
	if got := h.pieceAt(at, int64(len(want))); h.err == nil && string(got) != want {
		h.fail(at, "%q should stand here", want)
	}
	return h.err == nil
}

// root reads the superblock (section II.A) and the object it names. Sizes of
// offsets and lengths other than 8 are opaque: nothing writes them. The base
// address is where the superblock stands, whatever it says (H5Fsuper.c,
// H5F__super_read): blocks of the user's are put before files, and taken off.
func (h *hdf5Reader) root() *hdf5Object {
	version, sizes, header := h.numberAt(8, 1), uint64(0), int64(0)
	switch version {
	case 0, 1:
		at := int64(24)
		if version == 1 {
			at += 4
		}
		sizes = h.numberAt(13, 2)
		header = at + 4*8 + 8 // of the root's symbol table entry, past its name
	case 2, 3:
		sizes = h.numberAt(9, 2)
		header = 12 + 3*8
	default:
		h.hide("a superblock of an unknown version")
		return nil
	}
	if h.err != nil {
		return nil
	}
	if sizes != 0x0808 {
		h.hide("offsets and lengths of other sizes than 8")
		h.partial = sizes&0xff != 0 && sizes>>8 != 0 // the library refuses others as well
		return nil
	}
	return h.object(h.address(header))
}

// hdf5Object is an object header: a group or an array.
type hdf5Object struct {
	texts       map[string]string // attributes that are texts
	configAt    int64             // where model_config stands
	links       []hdf5Link
	table, heap int64 // of a group as a symbol table, 0 without
	dtype       string
	width       int64
	shape       []int64
	isArray     bool
	data        int64 // where they stand in one piece, 0 otherwise
}

type hdf5Link struct {
	name string
	to   int64
}

// object reads the object header at at (section IV.A.1).
func (h *hdf5Reader) object(at int64) *hdf5Object {
	o := &hdf5Object{texts: map[string]string{}}
	if at < 0 || h.err != nil {
		h.fail(0, "an object has no address")
		return o
	}
	if string(h.pieceAt(at, 4)) == "OHDR" {
		h.header2(at, o)
	} else {
		h.header1(at, o)
	}
	return o
}

// block is a part of the file in which messages stand.
type block struct{ at, end int64 }

// header1 reads messages of version 1, and the blocks that continue them.
func (h *hdf5Reader) header1(at int64, o *hdf5Object) {
	if v := h.numberAt(at, 1); v != 1 {
		h.fail(at, "an object header of version %d", v)
		return
	}
	blocks := []block{{at + 16, at + 16 + int64(h.numberAt(at+8, 4))}}
	for i := 0; i < len(blocks) && i < 1000; i++ {
		for at, end := blocks[i].at, blocks[i].end; at+8 <= end && h.ok(); {
			kind, n, flags := h.numberAt(at, 2), int64(h.numberAt(at+2, 2)), h.numberAt(at+4, 1)
			if at += 8; n > end-at {
				h.fail(at, "a message of %d bytes where %d are left", n, end-at)
			} else if more, ok := h.message(kind, flags, at, n, o); ok {
				blocks = append(blocks, more)
			}
			at += n
		}
	}
}

// header2 reads messages of version 2.
func (h *hdf5Reader) header2(at int64, o *hdf5Object) {
	flags := h.numberAt(at+5, 1)
	from := at + 6
	if flags&0x20 != 0 {
		from += 16
	}
	if flags&0x10 != 0 {
		from += 4
	}
	wide := 1 << (flags & 3)
	n := int64(h.numberAt(from, wide))
	from += int64(wide)
	if !h.holds(from, n) {
		return
	}
	head := int64(4)
	if flags&4 != 0 {
		head += 2
	}
	blocks := []block{{from, from + n}}
	for i := 0; i < len(blocks) && i < 1000; i++ {
		for at, end := blocks[i].at, blocks[i].end; at+head <= end && h.ok(); {
			kind, n, flags := h.numberAt(at, 1), int64(h.numberAt(at+1, 2)), h.numberAt(at+3, 1)
			if at += head; n > end-at {
				h.fail(at, "a message of %d bytes where %d are left", n, end-at)
			} else if more, ok := h.message(kind, flags, at, n, o); ok && h.mark(more.at, "OCHK") {
				blocks = append(blocks, block{more.at + 4, more.end - 4})
			}
			at += n
		}
	}
}

// message reads one (section IV.A.2), or says where others follow.
func (h *hdf5Reader) message(kind, flags uint64, at, n int64, o *hdf5Object) (more block, ok bool) {
	const shared = 2
	if flags&shared != 0 {
		switch kind {
		case 0x01, 0x03, 0x0c:
			h.hide("messages that objects share")
		case 0x06, 0x07, 0x08, 0x11:
			h.hideLinks("messages that objects share")
		}
		return more, false
	}
	switch kind {
	case 0x01: // dataspace
		o.shape, o.isArray = h.dataspace(at, at+n)
	case 0x02, 0x15: // link info, attribute info: where they stand in heaps
		h.info(kind, at)
	case 0x03:
		o.dtype, o.width, _ = h.datatype(at)
	case 0x06:
		h.link(at, at+n, o)
	case 0x07:
		h.externalFiles(at, at+n)
	case 0x08:
		if h.numberAt(at, 1) >= 4 && h.numberAt(at+1, 1) == 3 {
			h.virtual(at + 2)
		}
		if h.numberAt(at, 2) == 0x0103 { // layout 3, contiguous
			if o.data = h.address(at + 2); o.data < 0 {
				o.data = 0
			}
		}
	case 0x0c:
		h.attribute(at, at+n, o)
	case 0x10:
		from, length := h.address(at), int64(h.numberAt(at+8, 8))
		if from > 0 && h.holds(from, length) {
			return block{from, from + length}, true
		}
	case 0x11:
		o.table, o.heap = h.address(at), h.address(at+8)
	}
	return more, false
}

// info says whether attributes or links stand in a fractal heap.
func (h *hdf5Reader) info(kind uint64, at int64) {
	flags, wide := h.numberAt(at+1, 1), int64(2)
	if kind == 0x02 {
		wide = 8
	}
	at += 2
	if flags&1 != 0 {
		at += wide
	}
	if h.address(at) >= 0 && h.err == nil {
		if kind == 0x02 {
			h.hideLinks("links in a fractal heap")
			return
		}
		h.hide("attributes in a fractal heap")
	}
}

// dataspace reads dimensions; an array of none has one element.
func (h *hdf5Reader) dataspace(at, end int64) (shape []int64, ok bool) {
	version, rank := h.numberAt(at, 1), int64(h.numberAt(at+1, 1))
	from := at + 4
	if version == 1 {
		from = at + 8
	} else if version != 2 {
		h.hide("a dataspace of an unknown version")
		return nil, false
	}
	if rank > 32 || from+8*rank > end { // H5S_MAX_RANK
		h.fail(at, "a dataspace of %d dimensions", rank)
		return nil, false
	}
	shape = make([]int64, rank)
	for i := range shape {
		shape[i] = int64(h.numberAt(from+8*int64(i), 8))
	}
	_, fits := product(shape)
	if !fits || version == 2 && h.numberAt(at+3, 1) == 2 { // null
		return nil, false
	}
	return shape, true
}

// datatype reads the class (section IV.A.2.d): numbers as Tensor.Dtype has
// them, "text" of fixed length and "heap" for text in the global heap.
func (h *hdf5Reader) datatype(at int64) (dtype string, width int64, ok bool) {
	b := h.pieceAt(at, 8)
	if len(b) != 8 {
		return "", 0, false
	}
	width = int64(binary.LittleEndian.Uint32(b[4:]))
	switch b[0] & 0x0f {
	case 0:
		name := "U"
		if b[1]&8 != 0 {
			name = "I"
		}
		dtype = map[int64]string{1: name + "8", 2: name + "16", 4: name + "32", 8: name + "64"}[width]
	case 1:
		dtype = map[int64]string{2: "F16", 4: "F32", 8: "F64"}[width]
	case 3:
		dtype = "text"
	case 8:
		dtype = "BOOL" // as h5py writes it, an enumeration
	case 9:
		if b[1]&0x0f == 1 {
			dtype = "heap"
		}
	}
	return dtype, width, true
}

// attribute reads one in the object header (section IV.A.2.m), if it is text.
func (h *hdf5Reader) attribute(at, end int64, o *hdf5Object) {
	version, flags := h.numberAt(at, 1), h.numberAt(at+1, 1)
	n, types, space := int64(h.numberAt(at+2, 2)), int64(h.numberAt(at+4, 2)), int64(h.numberAt(at+6, 2))
	from, pad := at+8, func(n int64) int64 { return n }
	switch {
	case version == 1:
		pad = func(n int64) int64 { return (n + 7) &^ 7 }
	case version == 3:
		from++
	case version != 2:
		h.hide("an attribute of an unknown version")
		return
	}
	if version > 1 && flags&3 != 0 {
		h.hide("attributes of shared types")
		return
	}
	if from+pad(n)+pad(types)+pad(space) > end {
		h.fail(at, "an attribute is longer than its message")
		return
	}
	name := strings.TrimRight(h.textAt(from, n), "\x00")
	from += pad(n)
	dtype, width, _ := h.datatype(from)
	shape, _ := h.dataspace(from+pad(types), from+pad(types)+pad(space))
	from += pad(types) + pad(space)
	if len(shape) > 0 || h.err != nil {
		return
	}
	switch {
	case dtype == "text" && width <= end-from:
	case dtype == "heap" && end-from >= 16:
		n, heap, index := int64(h.numberAt(from, 4)), h.address(from+4), h.numberAt(from+12, 4)
		var length int64
		var ok bool
		if from, length, ok = h.heapObject(heap, index); !ok {
			return
		}
		width = min(n, length)
	default:
		return
	}
	o.texts[name] = strings.TrimRight(h.textAt(from, width), "\x00")
	if name == "model_config" {
		o.configAt = from
	}
}

func (h *hdf5Reader) textAt(at, n int64) string {
	if h.kept += int(min(n, maxHDF5Text)); h.kept > maxHDF5Text {
		h.fail(at, "names and texts of more than %d bytes", maxHDF5Text)
	}
	return string(h.pieceAt(at, n))
}

// heapObject finds an object of a collection of the global heap (section III.E).
func (h *hdf5Reader) heapObject(at int64, index uint64) (from, n int64, ok bool) {
	if at <= 0 || !h.mark(at, "GCOL") {
		return 0, 0, false
	}
	end := at + int64(min(h.numberAt(at+8, 8), uint64(h.p.size)))
	for at += 16; at+16 <= end && h.ok(); {
		id, length := h.numberAt(at, 2), h.numberAt(at+8, 8)
		if id == 0 || length > uint64(end-at) {
			break
		}
		if id == index {
			return at + 16, int64(length), true
		}
		at += 16 + (int64(length)+7)&^7
	}
	h.fail(at, "what should stand in the heap does not")
	return 0, 0, false
}

// link reads one in the object header (section IV.A.2.g). Links by name and
// into other files are not followed, and the latter noted.
func (h *hdf5Reader) link(at, end int64, o *hdf5Object) {
	flags := h.numberAt(at+1, 1)
	from, kind := at+2, uint64(0)
	if flags&8 != 0 {
		kind = h.numberAt(from, 1)
		from++
	}
	if flags&4 != 0 {
		from += 8
	}
	if flags&16 != 0 {
		from++
	}
	wide := 1 << (flags & 3)
	n := h.numberAt(from, wide)
	if from += int64(wide); n > uint64(max(0, end-from)) {
		h.fail(at, "a link is longer than its message")
		return
	}
	name := h.textAt(from, int64(n))
	from += int64(n)
	switch {
	case kind == 64:
		h.externalLink(name, from, end)
		h.hide("links into other files")
	case kind == 0 && from+8 <= end:
		o.links = append(o.links, hdf5Link{name, h.address(from)})
	}
}
