package sorting_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/sorting"
)

type pair struct{ key, place int }

func byKey(a, b pair) int { return cmp.Compare(a.key, b.key) }

func TestLikeSlices(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		x := make([]pair, n)
		for i := range x {
			x[i] = pair{rng.IntN(10), i}
		}
		stable, sorted := slices.Clone(x), slices.Clone(x)
		sorting.Stable(stable, byKey)
		sorting.By(sorted, byKey)
		slices.SortStableFunc(x, byKey)
		if !slices.Equal(stable, x) {
			t.Fatalf("Stable: %v, want %v", stable, x)
		}
		if !slices.IsSortedFunc(sorted, byKey) {
			t.Fatalf("By: %v", sorted)
		}
	}
}
