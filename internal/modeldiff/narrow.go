package modeldiff

import (
	"encoding/binary"
	"math"
)

// Types of one and two bytes, whose elements would cost more than their bytes
// cost to be hashed, were they decoded first.

// pairs counts how often each byte stands before another one: of a million
// elements there are few different pairs. A segment has fewer elements than a
// count can hold.
type pairs [1 << 16]uint32

// count takes in bytes side by side, eight at a time.
func (p *pairs) count(from, to []byte) {
	const even = 0x00ff_00ff_00ff_00ff
	to = to[:len(from)]
	for len(from) >= 8 && len(to) >= 8 {
		x, y := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(to)
		u, v := x&even<<8|y&even, x&^even|y>>8&even
		p[uint16(u)]++
		p[uint16(v)]++
		p[uint16(u>>16)]++
		p[uint16(v>>16)]++
		p[uint16(u>>32)]++
		p[uint16(v>>32)]++
		p[u>>48]++
		p[v>>48]++
		from, to = from[8:], to[8:]
	}
	for i, x := range from {
		p[uint16(x)<<8|uint16(to[i])]++
	}
}

// addPairs takes in what was counted, and counts anew. sign is 0x80 for bytes
// that are signed. The sums of a segment are whole numbers below 2^53, and exact.
func (s *sum) addPairs(p *pairs, sign int64) {
	var difference, old, largest int64
	for i, count := range p {
		if count == 0 {
			continue
		}
		n, a := int64(count), int64(i>>8)^sign
		d := int64(i&0xff) ^ sign - a
		a -= sign
		old += n * a * a
		if d != 0 {
			difference += n * d * d
			s.changed += n
			largest = max(largest, d, -d)
		}
	}
	clear(p[:])
	s.difference += float64(difference)
	s.old += float64(old)
	s.largest = max(s.largest, float64(largest))
}

// addWords takes in a block of 16-bit integers, 64 Ki of them at most; sign is
// 0x8000 for those that are signed. Its sums are whole numbers, and exact.
func (s *sum) addWords(from, to []byte, sign int64) {
	changed := int64(0)
	var d0, d1, o0, o1, largest, least int64
	for len(from) >= 4 && len(to) >= 4 {
		x, y := binary.LittleEndian.Uint32(from), binary.LittleEndian.Uint32(to)
		a, b := int64(x&0xffff)^sign-sign, int64(x>>16)^sign-sign
		d, e := int64(y&0xffff)^sign-sign-a, int64(y>>16)^sign-sign-b
		o0 += a * a
		o1 += b * b
		d0 += d * d
		d1 += e * e
		if d != 0 {
			changed++
		}
		if e != 0 {
			changed++
		}
		largest, least = max(largest, d, e), min(least, d, e)
		from, to = from[4:], to[4:]
	}
	if len(from) >= 2 && len(to) >= 2 {
		a := int64(binary.LittleEndian.Uint16(from)) ^ sign - sign
		d := int64(binary.LittleEndian.Uint16(to)) ^ sign - sign - a
		o0 += a * a
		d0 += d * d
		if d != 0 {
			changed++
		}
		largest, least = max(largest, d), min(least, d)
	}
	s.difference += float64(d0 + d1)
	s.old += float64(o0 + o1)
	s.changed += changed
	s.largest = max(s.largest, float64(max(largest, -least)))
}

// addHalves takes in a block of F16, as add does behind decodeF16, to the bit:
// values stay times 2^-112, which is taken off the sums, and the largest
// difference is the root of the largest square, which is exact in base two.
// It takes in nothing, and says so, when a value is NaN or infinite, or the
// block, of 64 Ki elements at most, is no multiple of four.
func (s *sum) addHalves(from, to []byte) bool {
	const exponents, one, over = 0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400, 0x8000_8000_8000_8000
	if len(from)%8 != 0 {
		return false
	}
	odd, changed := uint64(0), uint64(0)
	var d0, d1, o0, o1, largest float64
	for len(from) >= 8 && len(to) >= 8 {
		x, y := binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint64(to)
		odd |= (x&exponents + one) | (y&exponents + one) // carries into the sign of those that are odd
		changed += differing(x, y)
		a0, a1, a2, a3 := lowHalf(uint32(x)), highHalf(uint32(x)), lowHalf(uint32(x>>32)), highHalf(uint32(x>>32))
		e0, e1, e2, e3 := lowHalf(uint32(y))-a0, highHalf(uint32(y))-a1, lowHalf(uint32(y>>32))-a2, highHalf(uint32(y>>32))-a3
		o0 = o0 + float64(a0*a0) + float64(a2*a2)
		o1 = o1 + float64(a1*a1) + float64(a3*a3)
		e0, e1, e2, e3 = float64(e0*e0), float64(e1*e1), float64(e2*e2), float64(e3*e3)
		d0 = d0 + e0 + e2
		d1 = d1 + e1 + e3
		if e0 > largest {
			largest = e0
		}
		if e1 > largest {
			largest = e1
		}
		if e2 > largest {
			largest = e2
		}
		if e3 > largest {
			largest = e3
		}
		from, to = from[8:], to[8:]
	}
	if odd&over != 0 {
		return false
	}
	s.difference += (d0 + d1) * 0x1p224
	s.old += (o0 + o1) * 0x1p224
	s.largest = max(s.largest, math.Sqrt(largest)*0x1p112)
	for ; changed > 0; changed >>= 16 {
		s.changed += int64(changed & 0xffff)
	}
	return true
}

// differing has a one in each of four lanes of 16 bits where the F16 of x and y
// are two values; 0 and -0 are one.
func differing(x, y uint64) uint64 {
	const magnitude, ones = 0x7fff_7fff_7fff_7fff, 0x0001_0001_0001_0001
	x &= (x&magnitude + magnitude) | magnitude // the sign of a zero goes
	y &= (y&magnitude + magnitude) | magnitude
	d := x ^ y
	return (d&magnitude + magnitude | d) >> 15 & ones
}

// lowHalf and highHalf are the F16 in the halves of u, times 2^-112; see decodeF16.
func lowHalf(u uint32) float64 {
	return float64(math.Float32frombits(u&0x8000<<16 | u&0x7fff<<13))
}

func highHalf(u uint32) float64 {
	return float64(math.Float32frombits(u&0x80000000 | u&0x7fff0000>>3))
}
