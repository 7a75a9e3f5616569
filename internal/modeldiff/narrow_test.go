package modeldiff

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestHalves: blocks of F16 are summed as decoded ones are, to the bit.
func TestHalves(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	draw := map[string]func() uint16{
		"any":         func() uint16 { return uint16(r.Uint32()) },
		"finite":      func() uint16 { h := uint16(r.Uint32()); return h &^ (h & 0x400) },
		"subnormal":   func() uint16 { return uint16(r.Uint32()) & 0x83ff },
		"zeros":       func() uint16 { return uint16(r.Uint32()) & 0x8000 },
		"weights":     func() uint16 { return 0x2000 + uint16(r.Uint32())&0x8fff },
		"the largest": func() uint16 { return 0x7bff | uint16(r.Uint32())&0x8000 },
	}
	for what, value := range draw {
		for range 200 {
			n := 4 * (1 + r.IntN(blockElements/4))
			var from, to []byte
			for range n {
				v := value()
				from = binary.LittleEndian.AppendUint16(from, v)
				if r.IntN(3) > 0 {
					v = value()
				}
				to = binary.LittleEndian.AppendUint16(to, v)
			}
			x, y := make([]float64, n), make([]float64, n)
			decodeF16(x, from)
			decodeF16(y, to)
			want, odd := sum{changed: 7}, false
			want.add(x, y)
			odd = want.nan != (Pair[int64]{}) || want.inf != (Pair[int64]{})
			got := sum{changed: 7}
			if took := got.addHalves(from, to); took == odd {
				t.Fatalf("%s: took the block: %v, with NaN or infinity: %v", what, took, odd)
			}
			if odd {
				want = sum{changed: 7}
			}
			if got != want {
				t.Fatalf("%s: got %+v, want %+v", what, got, want)
			}
		}
	}
	var s sum
	if s.addHalves(make([]byte, 6), make([]byte, 6)) {
		t.Error("took three elements")
	}
}

// TestPairs: the sums of bytes are exact, over more than a segment, and with
// one pair of bytes throughout.
func TestPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, dtype := range []string{"I8", "U8"} {
		for _, constant := range []bool{false, true} {
			count := 2*segmentElements + 13
			from, to := make([]byte, count), make([]byte, count)
			var difference, old int64
			want := Norms{Elements: int64(count)}
			for i := range from {
				from[i], to[i] = 0x80, 0x7f
				if !constant {
					from[i], to[i] = byte(r.Uint32()), byte(r.Uint32())
				}
				a, b := int64(from[i]), int64(to[i])
				if dtype == "I8" {
					a, b = int64(int8(from[i])), int64(int8(to[i]))
				}
				difference += (b - a) * (b - a)
				old += a * a
				if a != b {
					want.Changed++
				}
				want.MaxAbs = max(want.MaxAbs, float64(max(b-a, a-b)))
			}
			relative := *total([]sum{{difference: float64(difference), old: float64(old)}}).Relative
			for _, workers := range []int{1, 2} {
				a := map[string][]byte{"m.safetensors": safetensors(tensor{"t", dtype, []int64{int64(count)}, from})}
				b := map[string][]byte{"m.safetensors": safetensors(tensor{"t", dtype, []int64{int64(count)}, to})}
				got := *compareFiles(t, a, b, Options{Workers: workers}).Tensors.Changed[0].Norms
				if *got.Relative != relative {
					t.Errorf("%s: relative change %v, want %v", dtype, *got.Relative, relative)
				}
				if got.Relative = nil; got != want {
					t.Errorf("%s: got %+v, want %+v", dtype, got, want)
				}
			}
		}
	}
}

// TestWords: differences of 16-bit integers are as large as they can be, either
// way, in blocks of any length.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		sign     int64
		from, to []uint16
		want     sum
	}{
		{0x8000, []uint16{0x8000}, []uint16{0x7fff}, sum{difference: 65535 * 65535, old: 1 << 30, largest: 65535, changed: 1}},
		{0x8000, []uint16{5, 0x7fff, 1}, []uint16{5, 0x8000, 1}, sum{difference: 65535 * 65535, old: 26 + 32767*32767, largest: 65535, changed: 1}},
		{0, []uint16{0xffff, 0xffff}, []uint16{0, 0xfffe}, sum{difference: 65535*65535 + 1, old: 2 * 65535 * 65535, largest: 65535, changed: 2}},
		{0, []uint16{0}, []uint16{3}, sum{difference: 9, largest: 3, changed: 1}},
	} {
		var from, to []byte
		for i := range c.from {
			from = binary.LittleEndian.AppendUint16(from, c.from[i])
			to = binary.LittleEndian.AppendUint16(to, c.to[i])
		}
		var got sum
		if got.addWords(from, to, c.sign); got != c.want {
			t.Errorf("%v to %v: got %+v, want %+v", c.from, c.to, got, c.want)
		}
	}
}
