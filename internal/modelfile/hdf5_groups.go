package modelfile

import "math"

// Groups of HDF5 as symbol tables (section III.A, III.B and III.D), and the
// arrays in them.

// tensors lists the arrays of numbers below a group. Offsets are those of
// arrays in one piece; of others it is 0.
func (h *hdf5Reader) tensors(o *hdf5Object, name string, depth int, f *Facts) {
	if o.table > 0 {
		h.symbols(o.table, o.heap, maxHDF5Depth, o)
	}
	at := o.data
	if at > 0 {
		at += h.start
	}
	if o.isArray && o.dtype != "" && o.dtype != "text" && o.dtype != "heap" {
		n, _ := product(o.shape)
		if len(f.Tensors) >= maxTensors || n > math.MaxInt64/16 || n > math.MaxInt64-f.Parameters {
			h.fail(0, "more than %d arrays, or more elements than can be counted", maxTensors)
			return
		}
		if f.Dtypes == nil {
			f.Dtypes = map[string]int64{}
		}
		f.Parameters += n
		f.Dtypes[o.dtype] += n
		f.Tensors = append(f.Tensors, Tensor{Name: clipText(name), Dtype: o.dtype, Shape: o.shape, Bytes: n * o.width, Offset: at})
	}
	for _, l := range o.links {
		if !h.ok() {
			return
		}
		if depth == 0 {
			h.hideLinks("groups in groups, more than 16 deep")
			return
		}
		below := l.name
		if name != "" {
			below = name + "/" + l.name
		}
		if h.kept += len(below); h.kept > maxHDF5Text {
			h.fail(0, "names of more than %d bytes", maxHDF5Text)
			return
		}
		h.tensors(h.object(l.to), below, depth-1, f)
	}
}

// symbols reads the B-tree of a group, version 1, and its nodes.
func (h *hdf5Reader) symbols(at, heap int64, depth int, o *hdf5Object) {
	if depth == 0 || !h.mark(at, "TREE") || !h.mark(heap, "HEAP") {
		return
	}
	names := h.address(heap + 24)
	level, n := h.numberAt(at+5, 1), int64(h.numberAt(at+6, 2))
	for i := range n {
		if !h.ok() {
			return
		}
		child := h.address(at + 24 + 8 + 16*i) // behind the key before it
		switch {
		case child < 0:
			h.fail(at, "a node of a group has no address")
		case level > 0:
			h.symbols(child, heap, depth-1, o)
		default:
			h.symbolNode(child, names, o)
		}
	}
}

func (h *hdf5Reader) symbolNode(at, names int64, o *hdf5Object) {
	if !h.mark(at, "SNOD") || names < 0 {
		return
	}
	n := int64(h.numberAt(at+6, 2))
	for i := range n {
		entry := at + 8 + 40*i
		offset, to, kind := h.numberAt(entry, 8), h.address(entry+8), h.numberAt(entry+16, 4)
		if !h.ok() {
			return
		}
		if kind == 2 {
			continue // a link by name
		}
		if offset > uint64(h.p.size) {
			h.fail(entry, "a name stands past the end")
			return
		}
		o.links = append(o.links, hdf5Link{h.nameAt(names + int64(offset)), to})
	}
}

// nameAt reads text up to its zero byte.
func (h *hdf5Reader) nameAt(at int64) string {
	var name []byte
	for len(name) < 4096 && h.err == nil {
		c := byte(h.numberAt(at+int64(len(name)), 1))
		if c == 0 {
			break
		}
		name = append(name, c)
	}
	if h.kept += len(name); h.kept > maxHDF5Text {
		h.fail(at, "names and texts of more than %d bytes", maxHDF5Text)
	}
	return string(name)
}
