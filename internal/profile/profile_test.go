package profile

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/waybill-dev/waybill/internal/table"
)

const all = Range | Moments | Lengths | Distinct | Unique

// scan observes a file's rows cut into batches of at most size rows (0: as
// they come).
func scan(t testing.TB, a *Accumulator, path string, opts table.Options, size int) {
	t.Helper()
	r, err := table.Open(context.Background(), table.File{Name: filepath.Base(path), Path: path}, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			size = b.Rows
		}
		for from := 0; from < b.Rows; from += size {
			var rows []int32
			for i := from; i < min(from+size, b.Rows); i++ {
				rows = append(rows, int32(i))
			}
			if err := a.Observe(b.Select(rows, nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func write(t testing.TB, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func result(t testing.TB, a *Accumulator) *Profile {
	t.Helper()
	p, err := a.Profile()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newSpill(t testing.TB, memory int64) *Spill {
	s := NewSpill(t.TempDir(), memory)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestFacts(t *testing.T) {
	path := write(t, "f.csv", "n,s,q\n2,b,1\n4,\"\",x\n4,größe,\nnan,b,-3\n5,b,4.5\n5,,300\n7,c,1\n9,c,1\n,a,1\n")
	var needs Needs
	for _, c := range []string{"n", "s", "q", "absent"} {
		needs.Add(c, all)
	}
	needs.AddType("q", table.Type{Kind: table.Int, Bits: 8})
	a := New(needs, newSpill(t, 0))
	scan(t, a, path, table.Options{}, 0)
	p := result(t, a)
	if p.Rows != 9 || len(p.Columns) != 3 {
		t.Fatalf("%d rows, %d columns", p.Rows, len(p.Columns))
	}
	n := p.Columns["n"]
	// Sample standard deviation of 2 4 4 5 5 7 9, sqrt(34.857…/6).
	if n.Nulls != 1 || n.Numbers != 7 || n.NaNs != 1 || n.Min != 2 || n.Max != 9 || n.Sum != 36 || math.Abs(n.StdDev-2.267786838055363) > 1e-15 || n.Mean != 36.0/7 {
		t.Errorf("n: %+v", n)
	}
	if n.Distinct != 6 || n.Top[0] != (Count{"4", 2}) || n.Top[1] != (Count{"5", 2}) {
		t.Errorf("n: %d distinct, top %v", n.Distinct, n.Top)
	}
	if n.Duplicates != 2 || !reflect.DeepEqual(n.DuplicateOf, []Duplicate{{Place{0, 2}, Place{0, 3}, "4", true}, {Place{0, 5}, Place{0, 6}, "5", true}}) {
		t.Errorf("n: %d duplicates %+v", n.Duplicates, n.DuplicateOf)
	}
	s := p.Columns["s"]
	if s.Nulls != 1 || s.MinText != "" || s.MaxText != "größe" || s.MinLength != 0 || s.MaxLength != 5 {
		t.Errorf("s: %+v", s)
	}
	q := p.Columns["q"]
	want := Examples{{Place{0, 2}, "x"}, {Place{0, 5}, "4.5"}, {Place{0, 6}, "300"}}
	if q.Misfits != 3 || !reflect.DeepEqual(q.MisfitExamples, want) {
		t.Errorf("q: %d misfits %+v", q.Misfits, q.MisfitExamples)
	}
}

// TestCutIntoShards is the property everything relies on: however the rows
// are cut into batches and shards, the profile is the same to the last bit.
func TestCutIntoShards(t *testing.T) {
	type row struct {
		I *int64  `parquet:"i"`
		F float64 `parquet:"f"`
		D string  `parquet:"d,dict"`
		L string  `parquet:"l"`
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]row, 20_000)
	for i := range rows {
		rows[i] = row{F: math.Ldexp(rng.NormFloat64(), rng.IntN(80)-40), D: fmt.Sprint("d", rng.IntN(30)), L: strings.Repeat("long ", 4) + fmt.Sprint(rng.IntN(50_000))}
		if n := rng.Int64() - math.MaxInt64/2; i%3 > 0 {
			rows[i].I = &n
		}
	}
	path := filepath.Join(t.TempDir(), "f.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := parquet.Write(f, rows, parquet.MaxRowsPerRowGroup(1500)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	var needs Needs
	for _, c := range []string{"i", "f", "d", "l"} {
		needs.Add(c, all)
	}
	needs.AddType("i", table.Type{Kind: table.Int, Bits: 32})
	whole := New(needs, newSpill(t, 0))
	scan(t, whole, path, table.Options{}, 0)
	want := result(t, whole)
	if want.Rows != int64(len(rows)) || want.Columns["l"].Duplicates == 0 || want.Columns["i"].Misfits == 0 {
		t.Fatalf("the data tests nothing: %+v", want.Columns["l"])
	}
	parts, err := table.Parts(context.Background(), table.File{Name: "f.parquet", Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for try := range 5 {
		spill := newSpill(t, []int64{0, 1}[try%2])
		var shards []*Accumulator
		for from := 0; from < parts; {
			to := from + 1 + rng.IntN(5)
			a := New(needs, spill)
			scan(t, a, path, table.Options{Parts: table.Range{From: from, To: to}}, 1+rng.IntN(3000))
			shards = append(shards, a)
			from = to
		}
		rng.Shuffle(len(shards), func(i, j int) { shards[i], shards[j] = shards[j], shards[i] })
		total := New(needs, spill)
		for _, s := range shards {
			if err := total.Merge(s); err != nil {
				t.Fatal(err)
			}
		}
		if got := result(t, total); !reflect.DeepEqual(got, want) {
			for name, c := range want.Columns {
				if !reflect.DeepEqual(got.Columns[name], c) {
					t.Errorf("try %d, %s:\n%+v\nwant\n%+v", try, name, got.Columns[name], c)
				}
			}
		}
	}
}

func TestExactSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		var s, o exactSum
		want := new(big.Rat)
		for i := range 500 {
			x := math.Float64frombits(rng.Uint64())
			if math.IsNaN(x) || math.IsInf(x, 0) {
				continue
			}
			n := float64(1 + rng.IntN(3)*rng.IntN(70_000))
			if math.Abs(x) > 1e300 || math.Abs(x) < 1e-290 {
				n = 1 // the exact product has no place in two float64
			}
			into := &s
			if i%2 == 0 {
				into = &o
			}
			into.addProduct(x, n)
			want.Add(want, new(big.Rat).Mul(new(big.Rat).SetFloat64(x), new(big.Rat).SetFloat64(n)))
		}
		s.merge(&o)
		got := new(big.Rat).SetFrac(s.value(), new(big.Int).Lsh(big.NewInt(1), 1075))
		if got.Cmp(want) != 0 {
			t.Fatalf("got %v, want %v", got.FloatString(5), want.FloatString(5))
		}
	}
	var s, sq exactSum
	for _, x := range []float64{1e100, 1, -1e100} {
		s.addProduct(x, 1)
	}
	if total, _, _ := moments(&s, &sq, 3); total != 1 {
		t.Errorf("1e100 + 1 - 1e100 = %v", total)
	}
}

// TestKeySet holds the sorted, spilled sets against a map.
func TestKeySet(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, memory := range []int64{1, 300_000, 0} {
		spill := newSpill(t, memory)
		set, other := &keySet{spill: spill}, &keySet{spill: spill}
		seen, want := map[string]bool{}, int64(0)
		c := table.Column{Type: table.Type{Kind: table.String}, Offsets: []uint32{0, 0}}
		for i := range 40_000 {
			text := fmt.Sprint(rng.IntN(100_000))
			if i%2 == 0 {
				text += " and a tail that makes it long"
			}
			if seen[text] {
				want++
			}
			seen[text] = true
			c.Data, c.Offsets[1] = []byte(text), uint32(len(text))
			into := set
			if i%3 == 0 {
				into = other
			}
			if err := into.add(&c, 0, Place{i % 7, int64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := set.merge(other); err != nil {
			t.Fatal(err)
		}
		got, found, err := set.duplicates()
		if err != nil || got != want || len(found) != MaxPlaces {
			t.Errorf("%d bytes: %d duplicates, want %d; %v", memory, got, want, err)
		}
		if memory == 1 && len(set.runs) < 2 {
			t.Error("nothing was spilled")
		}
	}
}

func TestKeysOfSpecialValues(t *testing.T) {
	c := table.Column{Type: table.Type{Kind: table.Float, Bits: 64}, Floats: []float64{0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0x7ff8000000000001)}}
	keyOf := func(i int) [2]uint64 { hi, lo := makeKey(&c, i); return [2]uint64{hi, lo} }
	if keyOf(0) != keyOf(1) || keyOf(2) != keyOf(3) || keyOf(0) == keyOf(2) {
		t.Error("zeros or NaNs differ")
	}
	text := func(s string) [2]uint64 {
		c := table.Column{Type: table.Type{Kind: table.String}, Data: []byte(s), Offsets: []uint32{0, uint32(len(s))}}
		hi, lo := makeKey(&c, 0)
		return [2]uint64{hi, lo}
	}
	if text("") == text("\x00") || text("a") == text("a\x00") || text("123456789012345") == text("1234567890123456") {
		t.Error("texts share a key")
	}
}

func TestManyDistinctValues(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("v\n")
	for i := range MaxDistinct + 1 {
		fmt.Fprintf(&csv, "%d\n", i)
	}
	var needs Needs
	needs.Add("v", Distinct)
	a := New(needs, nil)
	scan(t, a, write(t, "f.csv", csv.String()), table.Options{}, 0)
	if v := result(t, a).Columns["v"]; v.Distinct != MaxDistinct+1 || v.Top != nil {
		t.Errorf("%d distinct, top %v", v.Distinct, v.Top)
	}
}

func BenchmarkProfile(b *testing.B) {
	var csv strings.Builder
	csv.WriteString("id,label,text,price\n")
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 200_000 {
		fmt.Fprintf(&csv, "%d,%d,some words of text %d,%.2f\n", i, i%3, rng.IntN(1000), rng.Float64()*100)
	}
	path := write(b, "f.csv", csv.String())
	for _, c := range []struct {
		name string
		want Want
	}{{"range", Range}, {"moments", Moments}, {"distinct", Distinct}, {"unique", Unique}, {"all", all}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(csv.Len()))
			for b.Loop() {
				var needs Needs
				for _, n := range []string{"id", "label", "text", "price"} {
					needs.Add(n, c.want)
				}
				a := New(needs, newSpill(b, 0))
				r, err := table.Open(context.Background(), table.File{Name: "f.csv", Path: path}, table.Options{})
				if err != nil {
					b.Fatal(err)
				}
				for {
					batch, err := r.Next()
					if err == io.EOF {
						break
					}
					if err := a.Observe(batch); err != nil {
						b.Fatal(err)
					}
				}
				r.Close()
				result(b, a)
			}
		})
	}
}
