package pickle

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// JoblibArray tells how many bytes of an array joblib wrote into the stream
// after a joblib.numpy_pickle.NumpyArrayWrapper (NumpyArrayWrapper.read_array
// and NumpyUnpickler.load_build in joblib/numpy_pickle.py): a byte and as many
// bytes of padding as it says, since joblib 1.1, then the items; an array of
// objects is a pickle instead.
func JoblibArray(built *Value) (Inline, error) {
	if made(built) != "joblib.numpy_pickle.NumpyArrayWrapper" || built.State == nil {
		return Inline{}, nil
	}
	shape, dtype := built.Get("shape"), built.Get("dtype")
	if shape == nil || shape.Kind != Tuple || int64(len(shape.Items)) != shape.Int {
		return Inline{}, errors.New("the wrapper has no shape")
	}
	size, objects, err := itemSize(dtype)
	if err != nil {
		return Inline{}, err
	}
	if objects {
		return Inline{Pickle: true}, nil
	}
	total := size
	for _, d := range shape.Items {
		if d.Kind != Int || d.Text != "" || d.Int < 0 || d.Int > 0 && total > math.MaxInt64/2/d.Int {
			return Inline{}, fmt.Errorf("its shape %s is none", shape)
		}
		total *= d.Int
	}
	padding := built.Get("numpy_array_alignment_bytes")
	return Inline{Bytes: total, Padding: padding != nil && padding.Kind == Int}, nil
}

// made is the class of an object: what is called, or, in protocols 0 and 1,
// what is given to the function that makes objects.
func made(v *Value) string {
	path := v.Path()
	switch path {
	case "copyreg._reconstructor", "copy_reg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__":
		if len(v.Args) > 0 && v.Args[0].Kind == Import {
			return v.Args[0].Path()
		}
	}
	return path
}

// itemSize is the size of an item of a numpy.dtype as it is pickled:
// dtype('f8', False, True) with the state (version, byte order, subarray,
// names, fields, item size, alignment, flags), of which the size is -1 where
// the name tells it.
func itemSize(dtype *Value) (size int64, objects bool, err error) {
	if dtype.Path() != "numpy.dtype" || len(dtype.Args) == 0 || dtype.Args[0].Kind != String || dtype.Args[0].Text == "" {
		return 0, false, fmt.Errorf("its dtype %s is none that is known", dtype)
	}
	name := dtype.Args[0].Text
	if state := dtype.State; state != nil && len(state.Items) > 5 {
		if len(state.Items) > 7 && state.Items[7].Int&1 != 0 { // NPY_ITEM_REFCOUNT
			return 0, true, nil
		}
		if n := state.Items[5]; n.Kind == Int && n.Int >= 0 && n.Text == "" {
			// Of types whose name tells the size NumPy ignores the state's.
			if strings.IndexByte("VSUa", name[0]) < 0 {
				return 0, false, fmt.Errorf("the size %d that its dtype %s gives is not that of the type", n.Int, quote(name))
			}
			return n.Int, false, nil
		}
	}
	if name[0] == 'O' {
		return 0, true, nil
	}
	n, err := strconv.ParseInt(name[1:], 10, 32)
	if err != nil || n < 0 {
		return 0, false, fmt.Errorf("its dtype %s is none that is known", quote(name))
	}
	if name[0] == 'U' {
		n *= 4
	}
	return n, false, nil
}

// inline goes over raw bytes. A loader that does not expect them runs them as
// opcodes, so they are looked at as such too.
func (m *machine) inline(in Inline) {
	if m.src.at() < m.frameEnd {
		m.once("PKL007", "raw data begin before the end of the frame, in which pickle.py would look for opcodes")
	}
	m.frameEnd = 0
	if in.Padding {
		head := m.src.peek(1)
		if len(head) == 1 && opcodes[head[0]].name != "" {
			m.asOpcodes()
		}
		m.src.skip(int64(m.src.byte()))
	} else if !in.Pickle {
		m.asOpcodes()
	}
	m.src.skip(in.Bytes)
	if in.Pickle && !m.src.ended {
		if m.depth > 0 {
			m.broken("pickles in pickles in pickles")
			return
		}
		inner := *m.scan
		inner.depth++
		inner.opts.Inline = noInline
		sub := newMachine(&inner, m.src)
		sub.run()
		m.memory, m.slab, m.doubted = inner.memory, inner.slab, inner.doubted
		m.adopt(&sub.stream)
		if !sub.stream.Complete {
			m.stopped = true
		}
	}
}

// adopt takes over what a pickle within the stream imports and calls.
func (m *machine) adopt(s *Stream) {
	for _, g := range s.Globals {
		key := globalKey{g.Module, g.Name}
		if known, ok := m.globals[key]; ok {
			own := &m.stream.Globals[known.index]
			own.Count += g.Count
			own.Called = own.Called || g.Called
			continue
		}
		if m.names += len(g.Module) + len(g.Name); len(m.globals) >= maxGlobals || m.names > maxNames {
			m.once("PKL013", "so many different imports that those from here on were not looked at")
			break
		}
		if m.globals == nil {
			m.globals = map[globalKey]*imported{}
		}
		m.globals[key] = &imported{&Value{Kind: Import, Offset: g.Offset, Text: g.Module, Name: g.Name, Int: int64(len(m.stream.Globals)), memoized: true}, len(m.stream.Globals)}
		m.stream.Globals = append(m.stream.Globals, g)
	}
	for _, c := range s.Calls {
		key := callKey{name: c.Op + " " + c.Callee}
		if at, ok := m.calls[key]; ok {
			m.stream.Calls[at].Count += c.Count
			continue
		}
		if m.calls == nil {
			m.calls = map[callKey]int{}
		}
		m.calls[key] = len(m.stream.Calls)
		m.stream.Calls = append(m.stream.Calls, c)
	}
	m.stream.Partial = m.stream.Partial || s.Partial
}

// maxDoubted is how many bytes are run both ways.
const maxDoubted = 32 << 20

// outerStack is how much of the stack raw data that are run see.
const outerStack = 16

// text is v if it is one, of which names are made; other values of a stream are
// unknown to the raw data in it.
func text(v *Value) *Value {
	if v != nil && v.Kind == String {
		return v
	}
	return unknown[0]
}

// asOpcodes runs the next bytes, to see what pickle.load would do with them.
// Numbers stop being opcodes soon.
func (m *machine) asOpcodes() {
	if m.doubted > maxDoubted {
		m.once("PKL013", "so much of the file can be read in two ways that the rest was read in one")
		return
	}
	data := m.src.peek(nestedWindow)
	inner := &scan{result: &Result{}, kept: map[string]int{}, opts: Options{Allow: m.opts.Allow, Inline: noInline}, depth: nestedDepth,
		limits: Limits{Memory: 1 << 20, Stack: 1 << 16, Streams: 1, Problems: 1}, memory: 1 << 20}
	sub := newMachine(inner, &source{buf: data, end: len(data), size: -1})
	sub.outer = m
	for _, v := range m.stack[max(0, len(m.stack)-outerStack):] {
		sub.push(text(v))
	}
	sub.run()
	m.doubted += sub.src.at() + 1
	if sub.imports() || len(data) == nestedWindow && sub.src.ended {
		names := ""
		for _, g := range sub.stream.Globals[:min(len(sub.stream.Globals), 3)] {
			names += " " + quotePath(g.Module+"."+g.Name)
		}
		m.report("PKL014", "what joblib reads as an array are opcodes for pickle.load, which imports:"+names)
		m.result.Problems[len(m.result.Problems)-1].Warning = false
	}
}
