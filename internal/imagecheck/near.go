package imagecheck

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const (
	// maxDistance is the largest distance that can be asked for. Beyond it the
	// index has to look at too many places, and hashes of images that have
	// nothing in common come near.
	maxDistance = 10
	// maxCompared bounds the candidates that are compared. A million images
	// whose hashes are spread evenly take a billion at distance 6.
	maxCompared = 1 << 34
)

var errTooAlike = errors.New("too many candidates")

// match is the image most like another: an index, -1 for none.
type match struct {
	of       int
	distance int
}

// nearest finds for each image of asked the one of known whose hash differs
// least, in at most distance bits; of several the first. With earlier, asked
// is known, and only images before it count. More than limit candidates are
// errTooAlike.
//
// It is multi-index hashing (Norouzi, Punjani, Fleet, "Fast Search in Hamming
// Space with Multi-Index Hashing", CVPR 2012): of four parts of 16 bits, two
// hashes that differ in at most r bits have one that differs in at most r/4.
func nearest(ctx context.Context, known, asked []*picture, distance int, earlier bool, limit int64) ([]match, error) {
	index := newIndex(known)
	probes := masks(distance / 4)
	out := make([]match, len(asked))
	// Equal hashes are asked for once, by the first image that has it: the
	// others repeat that one.
	first := map[uint64]int{}
	var ask []int
	for i, im := range asked {
		if _, ok := first[im.hash]; !ok {
			first[im.hash] = i
			ask = append(ask, i)
		}
	}
	var compared, next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			const chunk = 256
			for {
				from := int(next.Add(chunk)) - chunk
				if from >= len(ask) {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				n := int64(0)
				for _, i := range ask[from:min(from+chunk, len(ask))] {
					before := math.MaxInt
					if earlier {
						before = i
					}
					out[i] = index.search(asked[i].hash, before, distance, probes, &n)
				}
				if compared.Add(n) > limit {
					return errTooAlike
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, im := range asked {
		if j := first[im.hash]; j != i {
			out[i] = out[j]
			if earlier {
				out[i] = match{of: j}
			}
		}
	}
	return out, nil
}

// masks returns all numbers of 16 bits of which at most n are set.
func masks(n int) (out []uint16) {
	for m := range 1 << 16 {
		if bits.OnesCount16(uint16(m)) <= n {
			out = append(out, uint16(m))
		}
	}
	return out
}

// index finds hashes by their four parts.
type index struct {
	hashes []uint64
	first  []int // the first image with that hash
	parts  [4]struct {
		start []uint32 // by value of the part: where its hashes begin in order
		order []uint32 // indices in hashes
	}
}

func newIndex(images []*picture) *index {
	x := &index{}
	order := make([]int, len(images))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(images[a].hash, images[b].hash), a-b) })
	for _, i := range order {
		if n := len(x.hashes); n == 0 || x.hashes[n-1] != images[i].hash {
			x.hashes, x.first = append(x.hashes, images[i].hash), append(x.first, i)
		}
	}
	for p := range x.parts {
		start := make([]uint32, 1<<16+1)
		for _, h := range x.hashes {
			start[part(h, p)+1]++
		}
		for v := range 1 << 16 {
			start[v+1] += start[v]
		}
		fill := slices.Clone(start)
		list := make([]uint32, len(x.hashes))
		for i, h := range x.hashes {
			v := part(h, p)
			list[fill[v]] = uint32(i)
			fill[v]++
		}
		x.parts[p].start, x.parts[p].order = start, list
	}
	return x
}

func part(h uint64, p int) int { return int(h >> (16 * p) & 0xffff) }

// search counts what it compares in n.
func (x *index) search(h uint64, before, distance int, probes []uint16, n *int64) match {
	best := match{of: -1, distance: distance + 1}
	for p := range x.parts {
		value := uint16(part(h, p))
		for _, m := range probes {
			v := int(value ^ m)
			candidates := x.parts[p].order[x.parts[p].start[v]:x.parts[p].start[v+1]]
			*n += int64(len(candidates))
			for _, c := range candidates {
				d := bits.OnesCount64(h ^ x.hashes[c])
				if i := x.first[c]; i < before && (d < best.distance || d == best.distance && d <= distance && i < best.of) {
					best = match{of: i, distance: d}
				}
			}
		}
	}
	return best
}
