package minhash

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestShingles(t *testing.T) {
	for _, c := range []struct {
		a, b        string
		n           int
		common, all int
	}{
		{"the cat sat", "The cat, sat!", 3, 1, 1},
		{"the cat sat", "the cat sat down", 3, 1, 2},
		{"a b c d", "a b c e", 1, 3, 5},
		{"a b c d", "a b c e", 2, 2, 4},
		{"a b a b a b", "a b", 2, 1, 2},
		{"ok", "OK.", 3, 1, 1},
		{"ok", "no", 3, 0, 2},
		{"ab c", "a bc", 2, 0, 2}, // gaps count
		{"", "?!", 3, 0, 0},
		{"ÄRGER große", "ärger GROßE", 1, 2, 2},
		{"a\xffb", "a b", 1, 2, 2}, // what is not UTF-8 is a gap
		{"one two three four", "four three two one", 1, 4, 4},
		{"one two three four", "four three two one", 2, 0, 6},
	} {
		a, b := Words([]byte(c.a), c.n), Words([]byte(c.b), c.n)
		if common, all := Jaccard(a, b); common != c.common || all != c.all {
			t.Errorf("%q and %q by %d words: %d of %d in common, want %d of %d", c.a, c.b, c.n, common, all, c.common, c.all)
		}
		if !slices.IsSorted(a) || len(slices.Compact(slices.Clone(a))) != len(a) {
			t.Errorf("%q: not a set", c.a)
		}
	}
	for _, c := range []struct {
		a, b        string
		n           int
		common, all int
	}{
		{"abcd", "abce", 2, 2, 4},
		{"ab  cd", " AB-cd.", 3, 3, 3},
		{"机器学习", "机器学会", 2, 2, 4},
		{"x", "X", 5, 1, 1},
		{" ", "", 5, 0, 0},
	} {
		if common, all := Jaccard(Characters([]byte(c.a), c.n), Characters([]byte(c.b), c.n)); common != c.common || all != c.all {
			t.Errorf("%q and %q by %d characters: %d of %d in common, want %d of %d", c.a, c.b, c.n, common, all, c.common, c.all)
		}
	}
}

func TestAtLeast(t *testing.T) {
	a, b := Words([]byte("a b c d e"), 1), Words([]byte("a b c d"), 1)
	for similarity, want := range map[float64]bool{0.8: true, 0.81: false, 0.3: true, 1: false} {
		if AtLeast(a, b, similarity) != want || AtLeast(b, a, similarity) != want {
			t.Errorf("4 of 5 at least %v: %v", similarity, !want)
		}
	}
	if !AtLeast(a, a, 1) || AtLeast(nil, nil, 0) || AtLeast(a, nil, 0.1) {
		t.Error("the same, or nothing")
	}
}

// TestFor holds schemes to the formula 1-(1-s^r)^b of Mining of Massive
// Datasets, section 3.4.2, whose example is 20 bands of 5 rows.
func TestFor(t *testing.T) {
	for s, want := range map[float64]float64{0.2: 0.006, 0.3: 0.047, 0.4: 0.186, 0.5: 0.470, 0.6: 0.802, 0.7: 0.975, 0.8: 0.9996} {
		if got := (Scheme{20, 5}).Recall(s); math.Abs(got-want) > 0.0006 {
			t.Errorf("at %v: %v, want %v", s, got, want)
		}
	}
	for s, want := range map[float64]Scheme{1: {1, 128}, 0.9: {12, 10}, 0.8: {21, 6}, 0.5: {42, 3}, 0.3: {64, 2}, 0: {128, 1}} {
		if got := For(s); got != want {
			t.Errorf("for %v: %v, want %v", s, got, want)
		}
	}
	for s := 0.3; s <= 1; s += 0.01 {
		if r := For(s).Recall(s); r < leastRecall {
			t.Errorf("at %v only %v are found", s, r)
		}
	}
}

// pair returns two sets of which common elements of all are in both.
func pair(rng *rand.Rand, common, all int) (a, b Set) {
	for i := range all {
		x := mix(rng.Uint64())
		if i < common || i%2 == 0 {
			a = append(a, x)
		}
		if i < common || i%2 == 1 {
			b = append(b, x)
		}
	}
	return newSet(a), newSet(b)
}

func meet(s Scheme, a, b Set) bool {
	x, y := s.Keys(nil, a), s.Keys(nil, b)
	for i := range x {
		if x[i] == y[i] {
			return true
		}
	}
	return false
}

// TestRecall holds the share of pairs found to the formula, and to what
// datasketch finds of as many pairs made in the same way; see
// testdata/recall.py.
func TestRecall(t *testing.T) {
	data, err := os.ReadFile("testdata/datasketch.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Pairs int `json:"pairs"`
		Cases []struct {
			Bands, Rows, Common, All int
			Found                    float64
		} `json:"cases"`
	}
	if err := json.Unmarshal(data, &reference); err != nil || len(reference.Cases) == 0 {
		t.Fatal("no cases", err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range reference.Cases {
		s, n := Scheme{c.Bands, c.Rows}, reference.Pairs
		found := 0
		for range n {
			if a, b := pair(rng, c.Common, c.All); meet(s, a, b) {
				found++
			}
		}
		got, want := float64(found)/float64(n), s.Recall(float64(c.Common)/float64(c.All))
		// Four standard deviations of a share of n, for each of the two.
		off := 4*math.Sqrt(want*(1-want)/float64(n)) + 0.001
		if math.Abs(got-want) > off {
			t.Errorf("%+v: %v of the pairs are found, want %v", c, got, want)
		}
		if math.Abs(got-c.Found) > 2*off {
			t.Errorf("%+v: %v of the pairs are found, by datasketch %v", c, got, c.Found)
		}
	}
}

// TestFixed has keys and shingles as they must be on every machine and in
// every version that is compared with this one.
func TestFixed(t *testing.T) {
	set := Words([]byte("Größe: the quick brown fox"), 3)
	want := Set{0x337452e8506b0712, 0x6677e569eb5d7fae, 0xfcdd4d1005307db6}
	if !slices.Equal(set, want) {
		t.Errorf("%#x", set)
	}
	if got, want := (Scheme{2, 3}).Keys(nil, set), []uint64{0x338d2624e3626f4a, 0x2d1d44e855818bc7}; !slices.Equal(got, want) {
		t.Errorf("%#x", got)
	}
	if keys := (Scheme{2, 3}).Keys(nil, nil); keys != nil {
		t.Errorf("the empty set has keys %v", keys)
	}
}

func BenchmarkKeys(b *testing.B) {
	text := []byte(strings.Repeat("some words of a review that is thirty words long or so, ", 3))
	s := For(0.8)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.Keys(nil, Words(text, 3))
	}
}
