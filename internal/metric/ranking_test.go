package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestRankingReference(t *testing.T) {
	type reference struct {
		Truth, Score []float64
		Query        []int32
		Want         map[string]float64
		Without      int
	}
	compared := 0
	for i, c := range readCases[reference](t, "ranking.json") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s := &Sample{Task: Ranking, N: len(c.Truth), Truth: c.Truth, Score: c.Score, Query: c.Query}
			if _, without := Queries(s); without != c.Without {
				t.Errorf("%d queries without a relevant row, want %d", without, c.Without)
			}
			if c.Want == nil {
				undefinedAs(t, "ndcg@5", s, "no query has a relevant row")
			}
			for name, want := range c.Want {
				compared++
				compare(t, name, s, &want)
			}
		})
	}
	if compared < 3000 {
		t.Errorf("compared %d values only", compared)
	}
}

func TestRankingDocExample(t *testing.T) {
	s := &Sample{Task: Ranking, N: 5, Truth: []float64{10, 0, 0, 1, 5}, Score: []float64{.1, .2, .3, 4, 70}, Query: make([]int32, 5)}
	want := 0.6956940443813076
	compare(t, "ndcg", s, &want)
	s.Score = []float64{1, 0, 0, 0, 1}
	want = 0.75
	compare(t, "ndcg@1", s, &want)
}

func TestRankingUnits(t *testing.T) {
	s := &Sample{Task: Ranking, N: 6, Query: []int32{9, 4, 9, 4, 2, 2}, Truth: []float64{1, 0, 0, 2, 0, 0}, Score: []float64{1, 2, 3, 1, 5, 5}}
	m, err := Find("hit_rate@1", Ranking)
	if err != nil {
		t.Fatal(err)
	}
	l, err := m.Loss(s)
	if err != nil || fmt.Sprint(l.Unit, l.Each, l.Binary) != "[4 9] [0 0] true" {
		t.Errorf("units, values, binary: %v %v %v (%v)", l.Unit, l.Each, l.Binary, err)
	}
	s.Score[2] = 1 // a tie: the hit is as likely as not
	if l, err = m.Loss(s); err != nil || fmt.Sprint(l.Unit, l.Each, l.Binary) != "[4 9] [0 0.5] false" {
		t.Errorf("units, values, binary: %v %v %v (%v)", l.Unit, l.Each, l.Binary, err)
	}
	if all, without := Queries(s); all != 3 || without != 1 {
		t.Errorf("%d queries, %d of them without", all, without)
	}
	s.Truth[0] = -2
	undefinedAs(t, "map", s, "a row has the relevance -2; it must not be less than 0")
	s.Truth[0] = math.MaxFloat64
	s.Truth[2] = math.MaxFloat64
	undefinedAs(t, "ndcg", s, "the relevances of a query are too large numbers")
}

// Metrics do not depend on the order of the file, and are from 0 to 1.
func TestRankingOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		s := &Sample{Task: Ranking, N: 60}
		var rows []int32
		for i, row := range rng.Perm(s.N) {
			s.Truth = append(s.Truth, float64(rng.IntN(3)))
			s.Score = append(s.Score, float64(rng.IntN(5)))
			s.Query = append(s.Query, int32(i/20))
			rows = append(rows, int32(row))
		}
		for _, name := range []string{"ndcg", "ndcg@3", "map", "map@4", "mrr", "recall@7", "precision@30", "hit_rate@2"} {
			m, err := Find(name, Ranking)
			if err != nil {
				t.Fatal(err)
			}
			a, err := m.Value(s)
			b, err2 := m.Value(s.Select(rows))
			if err != nil || err2 != nil || !close9(a, b) || a < 0 || a > 1 {
				t.Fatalf("%s = %v (%v), in another order %v (%v)", name, a, err, b, err2)
			}
		}
	}
}

func BenchmarkNDCG1M(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := &Sample{Task: Ranking, N: 1_000_000}
	for i := range s.N {
		s.Truth = append(s.Truth, float64(rng.IntN(4)))
		s.Score = append(s.Score, rng.NormFloat64())
		s.Query = append(s.Query, int32(i/50))
	}
	m, err := Find("ndcg@10", Ranking)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.Value(s); err != nil {
			b.Fatal(err)
		}
	}
}
