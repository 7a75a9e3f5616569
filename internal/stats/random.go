package stats

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// source is a stream of random numbers that a seed decides, now and in every
// later version: it takes only whole numbers from the library, whose PCG
// (M. E. O'Neill, 2014, with the output function DXSM) is fixed, and makes
// everything else of them itself.
type source struct{ *rand.PCG }

func newSource(seed uint64) source {
	return source{rand.NewPCG(seed, 0x9e3779b97f4a7c15)}
}

// uniform is a number in [0, 1), a multiple of 2^−53.
func (s source) uniform() float64 { return float64(s.Uint64()>>11) * (1.0 / (1 << 53)) }

// tally draws n = len(count) or, with members, len(members) times one of as
// many places, and adds to count how often each was drawn; members tells which
// element of count a place is. Draws are exactly uniform (D. Lemire, "Fast
// random integer generation in an interval", ACM Transactions on Modeling and
// Computer Simulation 29, 2019), two from each number of the stream.
func (s source) tally(count []uint32, members []int32) {
	n := uint32(len(count))
	if members != nil {
		n = uint32(len(members))
	}
	if n == 0 {
		return
	}
	refused := -n % n
	for left := n; left > 0; {
		x := s.Uint64()
		for _, half := range [2]uint32{uint32(x >> 32), uint32(x)} {
			high, low := bits.Mul32(half, n)
			if low < refused || left == 0 {
				continue
			}
			if members != nil {
				high = uint32(members[high])
			}
			count[high]++
			left--
		}
	}
}

// mostRows is a trillion.
const mostRows = 1_000_000_000_000

// multinomial fills drawn with how often each cell comes up in total draws,
// total being the sum of cells and the chance of each its share.
func (s source) multinomial(drawn, cells []int64, total int64) {
	clear(drawn)
	draws := total
	for i, c := range cells {
		if draws == 0 {
			return
		}
		drawn[i] = sampleBinomial(s, draws, float64(c)/float64(total))
		draws -= drawn[i]
		total -= c
	}
}

// sampleBinomial is how many of n trials succeed when each does with
// probability p. It is exact up to the rounding of logarithms, which is nothing
// for n up to mostRows.
func sampleBinomial(s source, n int64, p float64) int64 {
	switch {
	case n <= 0 || !(p > 0):
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - sampleBinomial(s, n, 1-p)
	case float64(n)*p < 10:
		return binomialByInversion(s, n, p)
	}
	return binomialByRejection(s, n, p)
}

// binomialByInversion adds up probabilities until they pass a uniform number:
// for n·p below 10, where these are few.
func binomialByInversion(s source, n int64, p float64) int64 {
	odds := p / (1 - p)
	none := math.Exp(float64(n) * math.Log1p(-p))
	for {
		u, probability := s.uniform(), none
		// Past 110 lie less than 1e-70 of the probability, as long as n·p < 10:
		// rounding got us there.
		for k := int64(0); k <= min(n, 110); k++ {
			if u < probability {
				return k
			}
			u -= probability
			probability = float64(probability * (float64(n-k) / float64(k+1) * odds))
		}
	}
}

// binomialByRejection is algorithm BTRS, for n·p of 10 or more and p up to ½:
// W. Hörmann, "The generation of binomial random variates" (Journal of
// Statistical Computation and Simulation 46, 1993), transformed rejection with
// squeeze. NumPy and TensorFlow have it from there too.
func binomialByRejection(s source, n int64, p float64) int64 {
	count := float64(n)
	mean := float64(count * p)
	deviation := math.Sqrt(mean * (1 - p))
	b := 1.15 + float64(2.53*deviation)
	a := -0.0873 + float64(0.0248*b) + float64(0.01*p)
	inside := 0.92 - 4.2/b // v_r
	alpha := (2.83 + 5.1/b) * deviation
	odds := p / (1 - p)
	mode := math.Floor((count + 1) * p)
	for {
		u := s.uniform() - 0.5
		v := s.uniform()
		edge := 0.5 - math.Abs(u)
		k := math.Floor(float64((2*a/edge+b)*u) + mean + 0.5)
		if edge >= 0.07 && v <= inside {
			return int64(k)
		}
		if !(k >= 0 && k <= count) { // edge may be 0
			continue
		}
		v = math.Log(v * alpha / (a/(edge*edge) + b))
		if v <= relativeToMode(count, odds, mode, k) {
			return int64(k)
		}
	}
}

// relativeToMode is the logarithm of how probable k is, divided by how probable
// the mode is: what BTRS compares with.
func relativeToMode(count, odds, mode, k float64) float64 {
	return float64((mode+0.5)*math.Log((mode+1)/(odds*(count-mode+1)))) +
		float64((count+1)*math.Log((count-mode+1)/(count-k+1))) +
		float64((k+0.5)*math.Log(odds*(count-k+1)/(k+1))) +
		stirlingRest(mode) + stirlingRest(count-mode) - stirlingRest(k) - stirlingRest(count-k)
}

// stirlingRest is ln k! − (½ln 2π + (k+½)·ln(k+1) − (k+1)): Hörmann's f_c.
func stirlingRest(k float64) float64 {
	if k < 10 {
		return [...]float64{
			0.08106146679532726, 0.04134069595540929, 0.02767792568499834,
			0.02079067210376509, 0.01664469118982119, 0.01387612882307075,
			0.01189670994589177, 0.01041126526197209, 0.009255462182712733,
			0.008330563433362871,
		}[int(k)]
	}
	square := (k + 1) * (k + 1)
	return (1.0/12 - (1.0/360-1.0/1260/square)/square) / (k + 1)
}
