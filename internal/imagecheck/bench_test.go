package imagecheck

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkRun checks a folder of 10,000 images of 128×128 pixels, half of
// them PNG, half JPEG: their headers alone, decoded, and compared.
func BenchmarkRun(b *testing.B) {
	tr := tree{}
	for i := range 500 {
		m := noise(uint64(i), 128, 128)
		for j := range 10 {
			m.Pix[4*j]++ // other bytes, the same look
			tr[fmt.Sprintf("train/a/%d-%d.png", i, j)] = asPNG(m)
			tr[fmt.Sprintf("train/a/%d-%d.jpg", i, j)] = asJPEG(m, 60+j)
		}
	}
	dir, files := tr.write(b)
	for _, check := range []string{"image.size, minWidth: 64", "image.decodable", "image.near-duplicates", "image.duplicates"} {
		b.Run(check[len(prefix):], func(b *testing.B) {
			a, err := parse("{check: " + check + "}")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := Run(context.Background(), a, dir, files, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNearest compares a million hashes with each other.
func BenchmarkNearest(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	images := make([]*picture, maxNear)
	for i := range images {
		images[i] = &picture{hash: r.Uint64()}
	}
	for _, distance := range []int{6, maxDistance} {
		b.Run(fmt.Sprint(distance), func(b *testing.B) {
			for b.Loop() {
				if _, err := nearest(context.Background(), images, images, distance, true, maxCompared); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
