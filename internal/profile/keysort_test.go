package profile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/table"
)

func TestSortKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for name, of := range map[string]func(i int) key{
		"random":     func(int) key { return key{rng.Uint64(), rng.Uint64(), rng.Uint32N(3), rng.Uint64N(100)} },
		"small":      func(i int) key { return key{tagInt << 56, rng.Uint64N(1000), 0, uint64(i)} },
		"negative":   func(i int) key { return key{tagInt << 56, uint64(rng.Int64N(1000) - 500), 1, uint64(i)} },
		"one value":  func(i int) key { return key{5, 5, rng.Uint32N(2), uint64(rng.IntN(9))} },
		"descending": func(i int) key { return key{5, uint64(90_000 - i), 0, 0} },
		"two words":  func(i int) key { return key{rng.Uint64N(3), rng.Uint64N(3) << 62, 0, uint64(rng.IntN(5))} },
		"skewed":     func(i int) key { return key{0, rng.Uint64() >> rng.IntN(64), 0, uint64(i)} },
	} {
		for _, n := range []int{0, 1, radixLeast, radixLeast + 1, 300, 20_000} {
			keys := make([]key, n)
			for i := range keys {
				keys[i] = of(i)
			}
			want := slices.Clone(keys)
			slices.SortFunc(want, compareKeys)
			if sortKeys(keys); !slices.Equal(keys, want) {
				t.Errorf("%s: %d keys are not sorted", name, n)
			}
		}
	}
}

// TestKeySpans holds columns that count up by one, in part and more than once,
// to a map, however they are cut into shards.
func TestKeySpans(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for try := range 60 {
		spill := newSpill(t, int64(try%2))
		var needs Needs
		needs.Add("id", Unique)
		whole, shard := New(needs, spill), New(needs, spill)
		seen := map[int64]bool{}
		var want int64
		var again []Place
		row, next := int64(1), int64(0)
		if try%5 == 0 {
			next = -50 // -1 is the last of all keys, 0 the first
		}
		for range 1 + rng.IntN(12) {
			n := 1 + rng.IntN(40)
			if try%3 > 0 && rng.IntN(4) == 0 {
				next = rng.Int64N(200)
			}
			c := table.Column{Name: "id", Type: table.Type{Kind: table.Int, Bits: 64}}
			for i := range n {
				if try%4 == 3 && rng.IntN(100) == 0 {
					next += rng.Int64N(3)
				}
				c.Ints = append(c.Ints, next)
				if seen[next] {
					want++
					again = append(again, Place{0, row + int64(i)})
				}
				seen[next] = true
				next++
			}
			if rng.IntN(3) == 0 { // the same with a dictionary
				dict := table.Column{Type: c.Type, Ints: slices.Clone(c.Ints)}
				c.Dict, c.Ints = &dict, nil
				for i := range n {
					c.Codes = append(c.Codes, uint32(i))
				}
			}
			if err := shard.Observe(&table.Batch{Rows: n, First: row, Columns: []table.Column{c}}); err != nil {
				t.Fatal(err)
			}
			row += int64(n)
			if rng.IntN(3) == 0 {
				if err := whole.Merge(shard); err != nil {
					t.Fatal(err)
				}
				shard = New(needs, spill)
			}
		}
		if err := whole.Merge(shard); err != nil {
			t.Fatal(err)
		}
		p, err := whole.Profile()
		if err != nil {
			t.Fatal(err)
		}
		var got []Place
		for _, d := range p.Columns["id"].DuplicateOf {
			got = append(got, d.Again)
			if !d.Known || !seen[mustInt(t, d.Value)] {
				t.Errorf("value %q", d.Value)
			}
		}
		if p.Columns["id"].Duplicates != want || !slices.Equal(got, again[:min(len(again), MaxPlaces)]) {
			t.Errorf("try %d: %d duplicates at %v, want %d at %v", try, p.Columns["id"].Duplicates, got, want, again)
		}
	}
}

func mustInt(t *testing.T, text string) int64 {
	t.Helper()
	v, ok := table.ParseInt([]byte(text))
	if !ok {
		t.Fatalf("%q is no integer", text)
	}
	return v
}

// TestTypedKeys holds keys of values as they are stored to keys of their text.
func TestTypedKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	const n = 400
	columns := []table.Column{
		{Name: "int", Type: table.Type{Kind: table.Int, Bits: 64}},
		{Name: "uint", Type: table.Type{Kind: table.Uint, Bits: 64}},
		{Name: "ts", Type: table.Type{Kind: table.Timestamp, Unit: table.Unit(time.Millisecond), UTC: true}},
		{Name: "float", Type: table.Type{Kind: table.Float, Bits: 64}},
		{Name: "bool", Type: table.Type{Kind: table.Bool}},
		{Name: "text", Type: table.Type{Kind: table.String}, Offsets: []uint32{0}},
	}
	floats := []float64{0, math.Copysign(0, -1), 1, 0.5, math.NaN(), math.Float64frombits(0x7ff8000000000001), math.Inf(1)}
	for range n {
		columns[0].Ints = append(columns[0].Ints, rng.Int64N(4)-2)
		columns[1].Ints = append(columns[1].Ints, -rng.Int64N(2)<<rng.IntN(9))
		columns[2].Ints = append(columns[2].Ints, 1_700_000_000_000+rng.Int64N(3))
		columns[3].Floats = append(columns[3].Floats, floats[rng.IntN(len(floats))])
		columns[4].Bools = append(columns[4].Bools, rng.IntN(2) == 0)
		columns[5].Data = append(columns[5].Data, []string{"", "a", "aa", "a text that is too long for a key"}[rng.IntN(4)]...)
		columns[5].Offsets = append(columns[5].Offsets, uint32(len(columns[5].Data)))
	}
	b := &table.Batch{Rows: n, First: 1, Columns: columns}
	for range 60 {
		var names []string
		for _, c := range columns {
			if rng.IntN(2) == 0 {
				names = append(names, c.Name)
			}
		}
		var facts []string
		for _, typed := range []bool{false, true} {
			spill := newSpill(t, 0)
			s := compound{key: Key{Columns: names, Typed: typed}, set: keySet{spill: spill}}
			if err := s.observe(b); err != nil {
				t.Fatal(err)
			}
			f, err := s.result()
			if err != nil {
				t.Fatal(err)
			}
			facts = append(facts, fmt.Sprintf("%+v", *f))
		}
		if facts[0] != facts[1] {
			t.Errorf("%v: as text\n%s\nas stored\n%s", names, facts[0], facts[1])
		}
	}
}
