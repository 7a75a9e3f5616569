package modeldiff

import (
	"encoding/binary"
	"math"
)

// Norms say by how much the values of a tensor changed. Values that are NaN or
// infinite on a side are counted, and left out of all else but Changed.
type Norms struct {
	// Relative is ‖new−old‖₂ / ‖old‖₂; nil when the old tensor is all zeros, or
	// a sum is beyond float64.
	Relative *float64 `json:"relative,omitempty"`
	// MaxAbs is the largest |new−old|.
	MaxAbs   float64     `json:"maxAbs"`
	Elements int64       `json:"elements"`
	Changed  int64       `json:"changedElements"` // whose value is another one; 0 and -0 are one value
	NaN      Pair[int64] `json:"nan"`
	Inf      Pair[int64] `json:"inf"`
}

// Share is the share of elements that changed.
func (n *Norms) Share() float64 { return float64(n.Changed) / float64(max(n.Elements, 1)) }

// sum is what a segment adds to the norms.
type sum struct {
	difference, old, largest float64
	elements, changed        int64
	nan, inf                 Pair[int64]
}

// total adds the segments in order, so that it does not depend on who summed
// them. Products are rounded before they are added: arm64 would fuse them.
func total(sums []sum) *Norms {
	n := &Norms{}
	var difference, old float64
	for _, s := range sums {
		difference += s.difference
		old += s.old
		n.MaxAbs = max(n.MaxAbs, s.largest)
		n.Elements += s.elements
		n.Changed += s.changed
		n.NaN.From += s.nan.From
		n.NaN.To += s.nan.To
		n.Inf.From += s.inf.From
		n.Inf.To += s.inf.To
	}
	if r := math.Sqrt(difference) / math.Sqrt(old); !math.IsNaN(r) && !math.IsInf(r, 0) && !math.IsInf(old, 0) {
		n.Relative = &r
	}
	n.MaxAbs = min(n.MaxAbs, math.MaxFloat64)
	return n
}

// elements says how two tensors are read as numbers side by side; n is 0 when
// they cannot be.
type elements struct {
	n        int64
	from, to numeric
	whole    bool // both are 64-bit integers, which float64 cannot hold
	small    bool // both are bytes, which need no float64
	half     bool // both are F16
	word     bool // both are I16, or U16
	sign     int64
}

// numeric is how one type is read. Types are little-endian.
type numeric struct {
	width  int64
	decode func(out []float64, in []byte)
}

// numerics are the types whose elements are numbers, as readers of formats name
// them. Quantised blocks of GGUF are not: their bytes alone are compared.
var numerics = map[string]numeric{
	"F64": {8, decodeF64}, "F32": {4, decodeF32}, "F16": {2, decodeF16}, "BF16": {2, decodeBF16},
	"I64": {8, func(out []float64, in []byte) {
		for i := range out {
			out[i] = float64(int64(binary.LittleEndian.Uint64(in[8*i:])))
		}
	}},
	"U64": {8, func(out []float64, in []byte) {
		for i := range out {
			out[i] = float64(binary.LittleEndian.Uint64(in[8*i:]))
		}
	}},
	"I32": {4, func(out []float64, in []byte) {
		for i := range out {
			out[i] = float64(int32(binary.LittleEndian.Uint32(in[4*i:])))
		}
	}},
	"U32": {4, func(out []float64, in []byte) {
		for i := range out {
			out[i] = float64(binary.LittleEndian.Uint32(in[4*i:]))
		}
	}},
	"I16": {2, func(out []float64, in []byte) {
		for i := range out {
			out[i] = float64(int16(binary.LittleEndian.Uint16(in[2*i:])))
		}
	}},
	"U16": {2, func(out []float64, in []byte) {
		for i := range out {
			out[i] = float64(binary.LittleEndian.Uint16(in[2*i:]))
		}
	}},
	"I8": {1, func(out []float64, in []byte) {
		for i := range out {
			out[i] = float64(int8(in[i]))
		}
	}},
	"U8": {1, decodeU8}, "BOOL": {1, decodeU8},
}

func decodeU8(out []float64, in []byte) {
	for i := range out {
		out[i] = float64(in[i])
	}
}

func decodeF64(out []float64, in []byte) {
	for i := range out {
		out[i] = math.Float64frombits(binary.LittleEndian.Uint64(in[8*i:]))
	}
}

func decodeF32(out []float64, in []byte) {
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(in[4*i:])))
	}
}

// decodeBF16 reads the upper halves of float32s, four at a time.
func decodeBF16(out []float64, in []byte) {
	for len(out) >= 4 && len(in) >= 8 {
		u := binary.LittleEndian.Uint64(in)
		a, b := uint32(u), uint32(u>>32)
		out[0] = float64(math.Float32frombits(a << 16))
		out[1] = float64(math.Float32frombits(a &^ 0xffff))
		out[2] = float64(math.Float32frombits(b << 16))
		out[3] = float64(math.Float32frombits(b &^ 0xffff))
		out, in = out[4:], in[8:]
	}
	for i := range out {
		out[i] = float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(in[2*i:])) << 16))
	}
}

// decodeF16 reads IEEE 754 binary16: its exponent and fraction, put where
// float32 has them, are the value times 2^-112, subnormals included. NaN and
// infinity have the largest exponent; blocks that have any are gone over again.
func decodeF16(out []float64, in []byte) {
	const exponents, one, over = 0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400, 0x8000_8000_8000_8000
	odd := uint64(0)
	all, from := out, in
	for len(out) >= 4 && len(in) >= 8 {
		u := binary.LittleEndian.Uint64(in)
		odd |= u&exponents + one // carries into the sign of those that are odd
		a, b := uint32(u), uint32(u>>32)
		out[0] = float64(math.Float32frombits(a&0x8000<<16|a&0x7fff<<13)) * 0x1p112
		out[1] = float64(math.Float32frombits(a&0x80000000|a&0x7fff0000>>3)) * 0x1p112
		out[2] = float64(math.Float32frombits(b&0x8000<<16|b&0x7fff<<13)) * 0x1p112
		out[3] = float64(math.Float32frombits(b&0x80000000|b&0x7fff0000>>3)) * 0x1p112
		out, in = out[4:], in[8:]
	}
	for i := range out {
		h := uint32(binary.LittleEndian.Uint16(in[2*i:]))
		odd |= uint64(h&0x7c00 + 0x400)
		out[i] = float64(math.Float32frombits(h&0x8000<<16|h&0x7fff<<13)) * 0x1p112
	}
	if odd&over == 0 {
		return
	}
	for i := range all {
		if h := uint32(binary.LittleEndian.Uint16(from[2*i:])); h&0x7c00 == 0x7c00 {
			all[i] = float64(math.Float32frombits(h&0x8000<<16 | 0x7f800000 | h&0x3ff<<13))
		}
	}
}

func elementsOf(p *two) elements {
	from, ok := numerics[p.from.Dtype]
	to, both := numerics[p.to.Dtype]
	if !ok || !both || p.from.format == "npy" || p.to.format == "npy" { // npy has either order of bytes
		return elements{}
	}
	n := p.from.Bytes / from.width
	if n*from.width != p.from.Bytes || n*to.width != p.to.Bytes {
		return elements{}
	}
	e := elements{n: n, from: from, to: to}
	if p.from.Dtype == p.to.Dtype {
		e.whole = p.from.Dtype == "I64" || p.from.Dtype == "U64"
		e.small = from.width == 1
		e.half = p.from.Dtype == "F16"
		e.word = p.from.Dtype == "I16" || p.from.Dtype == "U16"
		switch p.from.Dtype {
		case "I8":
			e.sign = 0x80
		case "I16":
			e.sign = 0x8000
		}
	}
	return e
}

// Elements that are read, and decoded, at once. A segment of any type has as
// many bytes as segmentBytes at most.
const (
	segmentElements = segmentBytes / 8
	pieceElements   = pieceBytes / 8
	blockElements   = 1024
)

func (e elements) segments() int64 { return segments(e.n, segmentElements) }

func sumSegment(s segment, b *buffers) error {
	j := s.job
	e := j.of
	if b.x == nil {
		b.x, b.y = make([]float64, blockElements), make([]float64, blockElements)
	}
	if e.small && b.pairs == nil {
		b.pairs = new(pairs)
	}
	var out sum
	at := int64(s.n) * segmentElements
	end := min(at+segmentElements, e.n)
	out.elements = end - at
	for at < end {
		n := min(end-at, pieceElements)
		if err := readBoth(j, b, at*e.from.width, n*e.from.width, at*e.to.width, n*e.to.width); err != nil {
			return err
		}
		for k := int64(0); k < n; k += blockElements {
			m := min(n-k, blockElements)
			x, y := b.x[:m], b.y[:m]
			from, to := b.from[k*e.from.width:(k+m)*e.from.width], b.to[k*e.to.width:(k+m)*e.to.width]
			if e.small {
				b.pairs.count(from, to)
				continue
			}
			if e.word {
				out.addWords(from, to, e.sign)
				continue
			}
			if e.half && out.addHalves(from, to) {
				continue
			}
			e.from.decode(x, from)
			if e.whole {
				out.addWhole(x, from, to)
				continue
			}
			e.to.decode(y, to)
			out.add(x, y)
		}
		at += n
	}
	if e.small {
		out.addPairs(b.pairs, e.sign)
	}
	j.sums[s.n] = out
	return nil
}

// add takes in a block. Two sums in turn let the processor add at once.
func (s *sum) add(x, y []float64) {
	y = y[:len(x)]
	var d0, d1, o0, o1 float64
	largest, changed := s.largest, int64(0)
	i := 0
	for ; i+1 < len(x); i += 2 {
		a, b := x[i], x[i+1]
		d, e := y[i]-a, y[i+1]-b
		if d-d != 0 || e-e != 0 { // NaN or infinite, or beyond float64
			s.difference, s.old, s.largest, s.changed = s.difference+d0+d1, s.old+o0+o1, largest, s.changed+changed
			d0, d1, o0, o1, changed = 0, 0, 0, 0, 0
			s.addOdd(a, y[i])
			s.addOdd(b, y[i+1])
			largest = s.largest
			continue
		}
		o0 += float64(a * a)
		o1 += float64(b * b)
		d0 += float64(d * d)
		d1 += float64(e * e)
		if d != 0 {
			changed++
			if d = math.Abs(d); d > largest {
				largest = d
			}
		}
		if e != 0 {
			changed++
			if e = math.Abs(e); e > largest {
				largest = e
			}
		}
	}
	s.difference, s.old, s.largest, s.changed = s.difference+(d0+d1), s.old+(o0+o1), largest, s.changed+changed
	for ; i < len(x); i++ {
		s.addOdd(x[i], y[i])
	}
}

// addOdd takes in one element, whatever it is.
func (s *sum) addOdd(x, y float64) {
	odd := false
	count := func(v float64, nan, inf *int64) {
		if math.IsNaN(v) {
			*nan++
			odd = true
		} else if math.IsInf(v, 0) {
			*inf++
			odd = true
		}
	}
	count(x, &s.nan.From, &s.inf.From)
	count(y, &s.nan.To, &s.inf.To)
	if x != y && !(math.IsNaN(x) && math.IsNaN(y)) {
		s.changed++
	}
	if odd {
		return
	}
	d := y - x
	s.old += float64(x * x)
	s.difference += float64(d * d)
	s.largest = max(s.largest, math.Abs(d))
}

// addWhole takes in 64-bit integers: their difference is exact, in wrapping
// arithmetic, where it fits into 64 bits.
func (s *sum) addWhole(x []float64, from, to []byte) {
	for i, v := range x {
		a, b := binary.LittleEndian.Uint64(from[8*i:]), binary.LittleEndian.Uint64(to[8*i:])
		s.old += float64(v * v)
		if a == b {
			continue
		}
		s.changed++
		d := math.Abs(float64(int64(b - a)))
		s.difference += float64(d * d)
		s.largest = max(s.largest, d)
	}
}
