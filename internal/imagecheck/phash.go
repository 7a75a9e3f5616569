package imagecheck

import (
	"image"
	"image/color"
	"math"
	"slices"
)

// perceptualHash is the DCT hash of Zauner, "Implementation and Benchmarking
// of Perceptual Image Hash Functions" (2010), section 3.2: the image in gray,
// 32×32 pixels, its two-dimensional DCT-II, of which the 8×8 coefficients of
// the lowest frequencies, without the constant ones, are held to their median.
// Images that look alike differ in few of the 64 bits, unlike ones in about 32.
//
// Unlike there, the image is made small by exact area means instead of a 7×7
// mean and every n-th pixel, and transparent pixels are white. All is
// reckoned in integers, so that the bits are the same on every machine.
//
// An image of one colour has no frequencies, and no hash.
func perceptualHash(m image.Image) (hash uint64, flat bool) {
	small := shrink(m)
	var rows [side][9]int64 // of the DCT along x
	for y := range side {
		for u := 1; u <= 8; u++ {
			for x := range side {
				rows[y][u] += small[y][x] * cosines[u][x]
			}
		}
	}
	var coefficients [64]int64
	flat = true
	for v := 1; v <= 8; v++ {
		for u := 1; u <= 8; u++ {
			sum := int64(0)
			for y := range side {
				sum += rows[y][u] * cosines[v][y]
			}
			coefficients[(v-1)*8+u-1] = sum
			flat = flat && sum == 0
		}
	}
	sorted := coefficients
	slices.Sort(sorted[:])
	for i, c := range coefficients {
		if 2*c > sorted[31]+sorted[32] {
			hash |= 1 << i
		}
	}
	return hash, flat
}

// side is that of the small image.
const side = 32

// cosines are those of the DCT, in units of 2^-14. They are rounded so coarsely
// that no difference between machines in the last bit of a cosine shows.
var cosines = func() (out [9][side]int64) {
	for u := range out {
		for x := range side {
			out[u][x] = int64(math.Round(16384 * math.Cos(float64((2*x+1)*u)*math.Pi/(2*side))))
		}
	}
	return out
}()

// shrink returns the mean brightness of 32×32 equal areas, 0 to 4080. A pixel
// on a border counts for each area by how much of it lies there.
func shrink(m image.Image) (out [side][side]int64) {
	bounds := m.Bounds()
	w, h := bounds.Dx(), bounds.Dy()
	across, down := spans(w), spans(h)
	gray := make([]uint8, w)
	var sums [side][side]int64
	for y := range h {
		grayRow(m, bounds.Min.Y+y, gray)
		var row [side]int64
		for i, s := range across {
			sum := int64(gray[s.from]) * s.first
			if s.to > s.from {
				for _, g := range gray[s.from+1 : s.to] {
					sum += int64(g) * side
				}
				sum += int64(gray[s.to]) * s.last
			}
			row[i] = sum
		}
		for j, s := range down {
			weight := int64(0)
			switch {
			case y == s.from:
				weight = s.first
			case y == s.to:
				weight = s.last
			case y > s.from && y < s.to:
				weight = side
			}
			if weight > 0 {
				for i := range row {
					sums[j][i] += row[i] * weight
				}
			}
		}
	}
	for j := range sums {
		for i := range sums[j] {
			out[j][i] = sums[j][i] * 16 / (int64(w) * int64(h))
		}
	}
	return out
}

// span is an area along one axis: pixels from to to, of which the first and
// the last count in part. A whole pixel counts side, the area n.
type span struct {
	from, to    int
	first, last int64
}

func spans(n int) (out [side]span) {
	for i := range out {
		low, high := i*n, (i+1)*n // in units of 1/side pixel
		s := span{from: low / side, to: (high - 1) / side}
		s.first = int64(min(high, (s.from+1)*side) - low)
		s.last = int64(high - s.to*side)
		out[i] = s
	}
	return out
}

// grayRow is the brightness of a row (ITU-R BT.601, as JPEG's Y) on white.
func grayRow(m image.Image, y int, out []uint8) {
	b := m.Bounds()
	switch m := m.(type) {
	case *image.YCbCr:
		copy(out, m.Y[m.YOffset(b.Min.X, y):])
	case *image.Gray:
		copy(out, m.Pix[m.PixOffset(b.Min.X, y):])
	case *image.RGBA: // premultiplied
		p := m.Pix[m.PixOffset(b.Min.X, y):]
		for x := range out {
			out[x] = luma(uint32(p[4*x])*257, uint32(p[4*x+1])*257, uint32(p[4*x+2])*257, uint32(p[4*x+3])*257)
		}
	case *image.NRGBA:
		p := m.Pix[m.PixOffset(b.Min.X, y):]
		for x := range out {
			out[x] = luma(color.NRGBA{p[4*x], p[4*x+1], p[4*x+2], p[4*x+3]}.RGBA())
		}
	case *image.Paletted:
		p := m.Pix[m.PixOffset(b.Min.X, y):]
		var shades [256]uint8
		for i, c := range m.Palette {
			shades[i] = luma(c.RGBA())
		}
		for x := range out {
			out[x] = shades[p[x]]
		}
	default:
		for x := range out {
			out[x] = luma(m.At(b.Min.X+x, y).RGBA())
		}
	}
}

func luma(r, g, b, a uint32) uint8 {
	white := 65535 - a
	return uint8((19595*(r+white) + 38470*(g+white) + 7471*(b+white) + 1<<15) >> 24)
}
