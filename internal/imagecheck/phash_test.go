package imagecheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"
)

// Of pictures of one scene and of different scenes, imagehash (testdata/make.py)
// says the same: alike or not. The bits are not the same, since imagehash keeps
// the constant coefficients and makes images small by Lanczos' filter.
func TestPerceptualHashAgainstImagehash(t *testing.T) {
	var want map[string]int
	if err := json.Unmarshal(stored(t, "phash.json"), &want); err != nil {
		t.Fatal(err)
	}
	hashes := map[string]uint64{}
	hash := func(name string) uint64 {
		if h, ok := hashes[name]; ok {
			return h
		}
		data := stored(t, "looks/"+name)
		m, err := decode(sniff(data), bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		h, flat := perceptualHash(m)
		if flat {
			t.Errorf("%s is flat", name)
		}
		hashes[name] = h
		return h
	}
	if len(want) != 16*15/2 {
		t.Fatalf("%d pairs", len(want))
	}
	for pair, theirs := range want {
		a, b, _ := strings.Cut(pair, " ")
		ours := bits.OnesCount64(hash(a) ^ hash(b))
		t.Logf("%s: %d, imagehash %d", pair, ours, theirs)
		if a[0] == b[0] && (ours > 6 || theirs > 6) || a[0] != b[0] && (ours < 16 || theirs < 16) {
			t.Errorf("%s: distance %d, imagehash says %d", pair, ours, theirs)
		}
	}
}

// The hash does not depend on how the pixels are stored.
func TestHashOfAllImageTypes(t *testing.T) {
	m := noise(1, 50, 70)
	want, _ := perceptualHash(m)
	type canvas interface {
		image.Image
		Set(x, y int, c color.Color)
	}
	for _, c := range []canvas{
		image.NewNRGBA(m.Rect), image.NewRGBA64(m.Rect), image.NewNRGBA64(m.Rect), image.NewCMYK(m.Rect), image.NewGray(m.Rect), image.NewGray16(m.Rect),
		image.NewNRGBA(image.Rect(-9, 5, 41, 75)), image.NewRGBA(image.Rect(0, 0, 80, 90)).SubImage(image.Rect(30, 20, 80, 90)).(canvas),
	} {
		b := c.Bounds()
		for y := range b.Dy() {
			for x := range b.Dx() {
				c.Set(b.Min.X+x, b.Min.Y+y, m.At(x, y))
			}
		}
		if got, _ := perceptualHash(c); bits.OnesCount64(got^want) > 1 {
			t.Errorf("%T: %x, want %x", c, got, want)
		}
	}
}

func TestFlatAndTransparent(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {31, 7}, {32, 32}, {100, 333}, {1, 500}} {
		for _, shade := range []uint8{0, 1, 127, 254, 255} {
			m := image.NewGray(image.Rect(0, 0, size[0], size[1]))
			for i := range m.Pix {
				m.Pix[i] = shade
			}
			if hash, flat := perceptualHash(m); !flat || hash != 0 {
				t.Errorf("%v of shade %d: %x, %v", size, shade, hash, flat)
			}
		}
	}
	// Transparent is white, whatever colour lies below.
	seen, hidden := image.NewNRGBA(image.Rect(0, 0, 40, 40)), image.NewNRGBA(image.Rect(0, 0, 40, 40))
	for i := range 40 * 40 {
		if i%40 < 15 && i/40 < 22 {
			seen.Set(i%40, i/40, color.Black)
			hidden.Set(i%40, i/40, color.Black)
		} else {
			seen.Set(i%40, i/40, color.White)
			hidden.Set(i%40, i/40, color.NRGBA{0, 90, 0, 0})
		}
	}
	a, _ := perceptualHash(seen)
	b, flat := perceptualHash(hidden)
	if a != b || flat {
		t.Errorf("%x and %x", a, b)
	}
}

// All pairs within the distance are found: the index says what comparing each
// with each says.
func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var images []*picture
	for range 600 {
		h := r.Uint64()
		if n := len(images); n > 0 && r.IntN(2) == 0 {
			h = images[r.IntN(n)].hash
			for range r.IntN(13) {
				h ^= 1 << r.IntN(64)
			}
		}
		images = append(images, &picture{hash: h})
	}
	for distance := 0; distance <= maxDistance; distance++ {
		for _, earlier := range []bool{true, false} {
			known, asked := images[:300], images[300:]
			if earlier {
				known, asked = images, images
			}
			got, err := nearest(context.Background(), known, asked, distance, earlier, maxCompared)
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for i, im := range asked {
				want := match{of: -1}
				for j, other := range known {
					d := bits.OnesCount64(im.hash ^ other.hash)
					if d <= distance && (!earlier || j < i) && (want.of < 0 || d < want.distance) {
						want = match{of: j, distance: d}
					}
				}
				if want.of != got[i].of || want.of >= 0 && want.distance != got[i].distance {
					t.Fatalf("distance %d, image %d: %v, want %v", distance, i, got[i], want)
				}
				if want.of >= 0 {
					found++
				}
			}
			if found == 0 {
				t.Errorf("distance %d: nothing to find", distance)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := nearest(ctx, images, images, 6, true, maxCompared); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}
