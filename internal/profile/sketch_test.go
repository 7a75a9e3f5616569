package profile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/table"
)

func TestHyperLogLog(t *testing.T) {
	for _, n := range []int{0, 1, 100, 10_000, 1_000_000} {
		for _, h := range []struct {
			name string
			of   func(int) uint64
		}{
			{"integers", func(i int) uint64 { return hashInt(int64(i)) }},
			{"floats", func(i int) uint64 { return hashFloat(float64(i) + 0.5) }},
			{"texts", func(i int) uint64 { return hashText(fmt.Appendf(nil, "user %d", i)) }},
		} {
			odd, even := newHyperLogLog(), newHyperLogLog()
			for i := range n {
				[]*hyperLogLog{odd, even}[i%2].add(h.of(i))
				odd.add(h.of(i / 3 * 3)) // both halves share some
			}
			odd.merge(even)
			// Four standard errors.
			if got := odd.estimate(); math.Abs(float64(got)-float64(n)) > 4*0.0081*float64(n) {
				t.Errorf("%s: %d of %d", h.name, got, n)
			}
		}
	}
}

func TestSameHashForSameValue(t *testing.T) {
	ints := table.Column{Type: table.Type{Kind: table.Int, Bits: 64}, Ints: []int64{-5, math.MaxInt64}}
	uints := table.Column{Type: table.Type{Kind: table.Uint, Bits: 64}, Ints: []int64{5, -1}}
	floats := table.Column{Type: table.Type{Kind: table.Float, Bits: 64}, Floats: []float64{0.1, 5, math.NaN(), math.Inf(-1), 1e300, math.Copysign(0, -1)}}
	bools := table.Column{Type: table.Type{Kind: table.Bool}, Bools: []bool{true}}
	times := table.Column{Type: table.Type{Kind: table.Timestamp, Unit: table.Milli, UTC: true}, Ints: []int64{1700000000123, 0}}
	for _, c := range []table.Column{ints, uints, floats, bools, times} {
		for i := range max(len(c.Ints), len(c.Floats), len(c.Bools)) {
			if text := c.AppendText(nil, i); fixedHash(&c, i) != read(text).hash && string(text) != "-0" {
				t.Errorf("%s: the hash of the text differs", text)
			}
		}
	}
	for _, pair := range [][2]string{{"01234", "1234"}, {"1", "true"}, {"a", "b"}, {"", "\x00"}, {"12345678", "12345678\x00"},
		{"9007199254740993", "9007199254740992"}, {"18446744073709551615", "-1"}} {
		if read([]byte(pair[0])).hash == read([]byte(pair[1])).hash {
			t.Errorf("%q and %q share a hash", pair[0], pair[1])
		}
	}
	// The hashes are part of the wire format.
	if h := []uint64{hashText([]byte("waybill")), hashText([]byte("a longer text")), hashInt(1), hashFloat(0.5)}; !slices.Equal(h, wireHashes) {
		t.Errorf("hashes changed: %#x", h)
	}
}

var wireHashes = []uint64{0x37e7a96d95522e04, 0x8a15ddf2ce0940cb, 0x1d60447fea35413, 0xe999acd41dfa6aa7}

// TestBuckets: the sketch is within its bound and does not depend on the
// order of additions and merges.
func TestBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for name, next := range map[string]func() float64{
		"normal":     rng.NormFloat64,
		"uniform":    func() float64 { return rng.Float64() * 100 },
		"instants":   func() float64 { return 1.7e12 + float64(rng.Int64N(1e9)) },
		"everything": func() float64 { return math.Ldexp(rng.NormFloat64(), rng.IntN(2000)-1000) },
	} {
		values := make([]float64, 200_000)
		for i := range values {
			values[i] = next()
		}
		whole := newBuckets()
		parts := []*buckets{newBuckets(), newBuckets(), newBuckets()}
		for i, v := range values {
			whole.add(v, 1)
			parts[i*i%3*i%3].add(values[len(values)-1-i], 1)
		}
		whole.finish()
		parts[2].merge(parts[0])
		parts[1].merge(parts[2])
		if whole.shift != parts[1].shift || !slices.Equal(whole.counts.sorted(), parts[1].counts.sorted()) {
			t.Errorf("%s: merged is not the same as whole: %d and %d buckets, shift %d and %d", name, whole.counts.used, parts[1].counts.used, whole.shift, parts[1].shift)
		}
		slices.Sort(values)
		sorted := whole.sorted(values[0], values[len(values)-1])
		for _, q := range []float64{0, 0.001, 0.3, 0.5, 0.9, 1} {
			at := int(q * float64(len(values)-1))
			got, low, high := quantile(sorted, int64(len(values)), q), values[at], values[min(at+1, len(values)-1)]
			slack := whole.bound() * (1 + 1e-9)
			if got < low-slack*math.Abs(low) || got > high+slack*math.Abs(high) {
				t.Errorf("%s: quantile %v is %v, want %v to %v within %v", name, q, got, low, high, whole.bound())
			}
		}
		if name != "everything" && whole.bound() > 0.002 {
			t.Errorf("%s: the bound is %v", name, whole.bound())
		}
	}
	extremes := newBuckets()
	for i := range uint64(maxBuckets * 3) {
		extremes.add(math.Float64frombits(i*0x1555555555), 1) // subnormal and up
		extremes.add(-math.MaxFloat64, 1)
		extremes.add(math.MaxFloat64, 1)
	}
	for _, w := range extremes.sorted(-math.MaxFloat64, math.MaxFloat64) {
		if math.IsNaN(w.v) || math.IsInf(w.v, 0) {
			t.Fatalf("a bucket stands for %v", w.v)
		}
	}
}

func TestFrequent(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	parts := []*frequent{newFrequent(), newFrequent()}
	truth := map[uint64]int64{}
	total := int64(0)
	for i := range 300_000 {
		hash := hashInt(rng.Int64N(1e9))
		if i%5 == 0 {
			hash = hashInt(-1 - int64(rng.ExpFloat64()*8))
		}
		c := parts[i/200_000].find(hash)
		c.count++
		c.text = fmt.Sprint(hash)
		truth[hash]++
		total++
	}
	f := parts[0]
	f.merge(parts[1])
	if f.lost == 0 || f.lost > total/(keepFrequent+1) {
		t.Errorf("lost %d of %d", f.lost, total)
	}
	for _, e := range f.entries {
		if n := truth[e.hash]; e.count > n || n > e.count+f.lost {
			t.Errorf("%d is known as %d, lost %d", n, e.count, f.lost)
		}
	}
	kept := map[string]bool{}
	for _, c := range f.top() {
		kept[c.Value] = true
	}
	for hash, n := range truth {
		if n > 3000 && !kept[fmt.Sprint(hash)] {
			t.Errorf("a value with %d rows is missing", n)
		}
	}
}

func TestShapes(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "AB-123 x": "a-9 a", "2024-01-31": "9-9-9", "Ärger  übel": "a a", "a@b.org": "a@a.a", "日本\t٣": "a 9", "((": "((",
		strings.Repeat("-", 40): strings.Repeat("-", 32) + "…",
	} {
		if got := string(appendShape(nil, []byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	var s shapes
	for i := range maxShapes + 1 {
		s.add([]byte(strings.Repeat("-a", i)), 1)
	}
	if !s.over || s.top() != nil {
		t.Error("patterns without end")
	}
}
