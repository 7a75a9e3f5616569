package profile

import (
	"math"
	"math/big"
)

// exactSum adds float64 values without any rounding, after Radford M. Neal,
// "Fast Exact Summation Using Small and Large Superaccumulators" (2015): a
// fixed-point number wide enough for every float64, in chunks of 32 bits kept
// in int64, so that carries are rarely needed. Its value does not depend on
// the order of additions, and merging is adding. Infinities and NaN must not
// be added.
type exactSum struct {
	chunks [chunkCount]int64
	adds   int  // since the last carry
	tooBig bool // a product overflowed
}

const (
	chunkBits = 32
	// Exponents take 2047 bits, a mantissa 53 more, a weight 53 more, and
	// sums of 2^60 of them another 60.
	chunkCount = (2047+53+53+60)/chunkBits + 2
	// Every addition puts less than 2^32 into a chunk.
	addsPerCarry = 1 << 30
)

// addProduct adds x*n exactly; n is a whole number below 2^53.
func (s *exactSum) addProduct(x, n float64) {
	product := x * n
	if math.IsInf(product, 0) || math.IsNaN(product) {
		s.tooBig = true
		return
	}
	s.add(product)
	if n != 1 {
		s.add(math.FMA(x, n, -product))
	}
}

func (s *exactSum) add(x float64) {
	bits := math.Float64bits(x)
	exponent := uint(bits >> 52 & 0x7ff)
	mantissa := bits & (1<<52 - 1)
	if exponent > 0 {
		mantissa |= 1 << 52
	} else if exponent = 1; mantissa == 0 {
		return
	}
	// The value is mantissa * 2^(exponent-1075): the exponent is a bit place.
	i, shift := exponent/chunkBits, exponent%chunkBits
	low := mantissa << shift
	high := uint64(0)
	if shift > 0 {
		high = mantissa >> (64 - shift)
	}
	a, b, c := int64(low&0xffffffff), int64(low>>32), int64(high)
	if bits>>63 != 0 {
		a, b, c = -a, -b, -c
	}
	s.chunks[i] += a
	s.chunks[i+1] += b
	s.chunks[i+2] += c
	if s.adds++; s.adds >= addsPerCarry {
		s.carry()
	}
}

// carry brings every chunk but the last back below 2^32.
func (s *exactSum) carry() {
	for i := range len(s.chunks) - 1 {
		over := s.chunks[i] >> chunkBits
		s.chunks[i] -= over << chunkBits
		s.chunks[i+1] += over
	}
	s.adds = 0
}

func (s *exactSum) merge(o *exactSum) {
	s.carry()
	o.carry()
	for i, c := range o.chunks {
		s.chunks[i] += c
	}
	s.adds = 1
	s.tooBig = s.tooBig || o.tooBig
}

// value returns the sum as a whole number of 2^-1075.
func (s *exactSum) value() *big.Int {
	total, chunk := new(big.Int), new(big.Int)
	for i := len(s.chunks) - 1; i >= 0; i-- {
		total.Lsh(total, chunkBits)
		total.Add(total, chunk.SetInt64(s.chunks[i]))
	}
	return total
}

// moments turns the sums of n values and of their squares into sum, mean and
// standard deviation of the sample, each rounded once.
func moments(sum, sq *exactSum, n int64) (total, mean, deviation float64) {
	if n == 0 {
		return 0, 0, 0
	}
	if sum.tooBig {
		return math.NaN(), math.NaN(), math.NaN()
	}
	unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 1075))
	exact := func(s *exactSum) *big.Rat { return new(big.Rat).Mul(new(big.Rat).SetInt(s.value()), unit) }
	t := exact(sum)
	total, _ = t.Float64()
	m := new(big.Rat).Quo(t, new(big.Rat).SetInt64(n))
	mean, _ = m.Float64()
	if n < 2 {
		return total, mean, 0
	}
	if sq.tooBig {
		return total, mean, math.NaN()
	}
	v := exact(sq)
	v.Sub(v, new(big.Rat).Mul(t, m))
	v.Quo(v, new(big.Rat).SetInt64(n-1))
	variance := new(big.Float).SetPrec(128).SetRat(v)
	if variance.Sign() <= 0 { // squares of subnormals round to nothing
		return total, mean, 0
	}
	deviation, _ = variance.Sqrt(variance).Float64()
	return total, mean, deviation
}
