package profile

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/internal/table"
)

// hyperLogLog estimates how many different values there are, after Ph.
// Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality
// estimation algorithm" (2007), with 64-bit hashes and the estimator of O.
// Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
// (2017, algorithm 6), which needs no tables of corrections. The standard
// error is 1.04/sqrt(2^14) = 0.8 %. Merging takes the larger registers: the
// union of shards is exactly the sketch of the whole.
type hyperLogLog struct{ registers []uint8 }

const (
	hllBits = 14
	hllSize = 1 << hllBits
	hllMax  = 64 - hllBits + 1 // the largest register
)

func newHyperLogLog() *hyperLogLog { return &hyperLogLog{make([]uint8, hllSize)} }

func (h *hyperLogLog) add(hash uint64) {
	rank := uint8(bits.LeadingZeros64(hash<<hllBits|1<<(hllBits-1)) + 1)
	if r := &h.registers[hash>>(64-hllBits)]; rank > *r {
		*r = rank
	}
}

func (h *hyperLogLog) merge(o *hyperLogLog) {
	for i, r := range o.registers {
		h.registers[i] = max(h.registers[i], r)
	}
}

// appendPacked writes the registers in four bits each: how much they are above
// the least of them, or 15 for those that follow as bytes, which are few.
func (h *hyperLogLog) appendPacked(b []byte) []byte {
	least := slices.Min(h.registers)
	b = append(b, least)
	for i := 0; i < hllSize; i += 2 {
		b = append(b, min(h.registers[i]-least, packedMore)|min(h.registers[i+1]-least, packedMore)<<4)
	}
	for _, r := range h.registers {
		if r-least >= packedMore {
			b = append(b, r)
		}
	}
	return b
}

const packedMore = 15

// packed reads what appendPacked writes.
func (d *decoder) packed(registers []uint8) {
	least := d.take(1)[0]
	if least > hllMax {
		d.fail("a register of the estimate of distinct values is too large")
	}
	four := d.take(hllSize / 2)
	for i := range registers {
		above := four[i/2] >> (4 * (i % 2)) & packedMore
		if registers[i] = least + above; above == packedMore {
			registers[i] = d.take(1)[0]
		}
		if d.err != nil {
			return
		}
	}
}

func (h *hyperLogLog) estimate() int64 {
	var of [hllMax + 1]float64 // registers by value
	for _, r := range h.registers {
		of[r]++
	}
	const m = hllSize
	z := float64(m * tau(1-of[hllMax]/m))
	for k := hllMax - 1; k >= 1; k-- {
		z = 0.5 * (z + of[k])
	}
	z += float64(m * sigma(of[0]/m))
	if z == 0 || math.IsInf(z, 1) {
		return 0
	}
	return int64(math.Round(0.5 / math.Ln2 * m * m / z))
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += float64(x * y)
		y += y
		if z == before {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64((1 - x) * (1 - x) * y)
		if z == before {
			return z / 3
		}
	}
}

// The hashes are part of the wire format: sketches of different machines and
// versions merge. Each kind of value has its own seed.
const (
	seedText  = 0x9e3779b97f4a7c15
	seedInt   = 0xd1b54a32d192ed03
	seedUint  = 0x8cb92ba72f3d8dd7
	seedFloat = 0xaef17502108ef2d9
	seedTime  = 0xdb4f0b9175ae2165
)

// mix is the finalizer of G. L. Steele et al., "Fast Splittable Pseudorandom
// Number Generators" (2014): every bit of x changes half of the result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func hashInt(v int64) uint64 { return mix(uint64(v) ^ seedInt) }

func hashUint(v uint64) uint64 {
	if v <= math.MaxInt64 {
		return hashInt(int64(v))
	}
	return mix(v ^ seedUint)
}

func hashFloat(v float64) uint64 {
	if v == math.Trunc(v) && math.Abs(v) < 1<<63 {
		return hashInt(int64(v))
	}
	return mix(math.Float64bits(v) ^ seedFloat)
}

func hashTime(t time.Time) uint64 { return hashInstant(t.Unix(), t.Nanosecond()) }

// hashUnits is hashTime of a number of units since 1970.
func hashUnits(v int64, unit table.Unit) uint64 {
	return mix(uint64(v)*uint64(max(unit, 1)) ^ seedTime)
}

func hashInstant(seconds int64, nanoseconds int) uint64 {
	return mix(uint64(seconds)*1_000_000_000 + uint64(nanoseconds) ^ seedTime)
}

// hashText takes 8 bytes at a time through a multiplication of 64 by 64 bits,
// as wyhash does.
func hashText(b []byte) uint64 {
	h := uint64(len(b)) ^ seedText
	for len(b) >= 8 {
		h = fold(h^binary.LittleEndian.Uint64(b), 0xa0761d6478bd642f)
		b = b[8:]
	}
	var tail [8]byte
	copy(tail[:], b)
	h = fold(h^binary.LittleEndian.Uint64(tail[:]), 0xe7037ed1a0b428db)
	return mix(h)
}

func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
