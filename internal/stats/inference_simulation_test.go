package stats_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/waybill-dev/waybill/internal/stats"
)

// drawPairs draws n rows: the first model is right on accuracy of them, the
// second on as many less difference, and they disagree on discordance.
func drawPairs(rng *rand.Rand, n int, accuracy, difference, discordance float64) stats.Pairs {
	first, second := (discordance+difference)/2, (discordance-difference)/2
	var p stats.Pairs
	for range n {
		switch u := rng.Float64(); {
		case u < first:
			p.First++
		case u < discordance:
			p.Second++
		case u < accuracy+second:
			p.Both++
		default:
			p.Neither++
		}
	}
	return p
}

// A gate that asks for a lower bound above −margin passes a model that is
// worse by the margin in no more than 5 of 100 cases.
func TestNewcombeFalsePass(t *testing.T) {
	const runs = 6000
	limit := 0.05 + 3*math.Sqrt(0.05*0.95/runs)
	for i, c := range []struct {
		n                             int
		accuracy, margin, discordance float64
	}{
		{30, 0.8, 0.1, 0.3}, {50, 0.6, 0.05, 0.1}, {100, 0.9, 0.05, 0.06}, {100, 0.5, 0.02, 0.4},
		{200, 0.95, 0.02, 0.03}, {300, 0.9, 0.02, 0.1}, {1000, 0.8, 0.01, 0.05}, {1000, 0.97, 0.01, 0.012},
	} {
		rng := rand.New(rand.NewPCG(11, uint64(i)))
		passes := 0
		for range runs {
			if _, lower, _ := stats.NewcombePaired(drawPairs(rng, c.n, c.accuracy, -c.margin, c.discordance), 0.9); lower > -c.margin {
				passes++
			}
		}
		share := float64(passes) / runs
		t.Logf("%+v: %.4f", c, share)
		if share > limit {
			t.Errorf("%+v: %.4f of worse models pass", c, share)
		}
	}
}

// The same, counted out over all tables of n rows, for the proportions that
// give either interval the most trouble: both right on half of the rows on
// which the models agree, and rows lost but hardly any won.
func TestPairedSize(t *testing.T) {
	for _, c := range []struct {
		n               int64
		margin, won     float64
		tango, newcombe float64 // the greatest chances of a false pass allowed
	}{
		{20, 0.1, 0, 0.05, 0.13},
		{50, 0.05, 0, 0.05, 0.08},
		{50, 0.1, 0, 0.055, 0.12},
		{80, 0.05, 0, 0.055, 0.09},
		{50, 0.1, 0.05, 0.055, 0.07},
		{80, 0.02, 0.03, 0.055, 0.055},
	} {
		lost := c.margin + c.won
		share := [4]float64{(1 - lost - c.won) / 2, c.won, lost, (1 - lost - c.won) / 2}
		var tango, newcombe float64
		for won := range c.n + 1 {
			for lost := range c.n + 1 - won {
				_, lower, _ := stats.TangoPaired(stats.Pairs{First: won, Second: lost, Neither: c.n - won - lost}, 0.9)
				for both := range c.n + 1 - won - lost {
					p := stats.Pairs{Both: both, First: won, Second: lost, Neither: c.n - won - lost - both}
					chance := multinomial(p, share)
					if lower > -c.margin {
						tango += chance
					}
					if _, lower, _ := stats.NewcombePaired(p, 0.9); lower > -c.margin {
						newcombe += chance
					}
				}
			}
		}
		t.Logf("%+v: Tango %.4f, Newcombe %.4f", c, tango, newcombe)
		if tango > c.tango || newcombe > c.newcombe {
			t.Errorf("%+v: Tango %.4f, Newcombe %.4f", c, tango, newcombe)
		}
	}
}

func multinomial(p stats.Pairs, share [4]float64) float64 {
	log, _ := math.Lgamma(float64(p.N()) + 1)
	for i, k := range []int64{p.Both, p.First, p.Second, p.Neither} {
		if k > 0 {
			l, _ := math.Lgamma(float64(k) + 1)
			log += float64(k)*math.Log(share[i]) - l
		}
	}
	return math.Exp(log)
}

// With as many rows as PairsNeeded asks for, a model that is as good passes in
// at least 80 of 100 cases.
func TestPairsNeededPower(t *testing.T) {
	const runs = 1500
	limit := 0.8 - 3*math.Sqrt(0.8*0.2/runs) - 0.02
	for i, c := range []struct{ accuracy, difference, margin, discordance float64 }{
		{0.8, 0, 0.05, 0.2}, {0.9, 0, 0.02, 0.06}, {0.7, 0.01, 0.02, 0.1}, {0.8, -0.01, 0.05, 0.1}, {0.6, 0.04, -0.01, 0.12},
	} {
		n, ok := stats.PairsNeeded(c.discordance, c.difference, c.margin, 0.05, 0.8)
		if !ok {
			t.Fatalf("%+v: no number of rows", c)
		}
		rng := rand.New(rand.NewPCG(12, uint64(i)))
		passes := 0
		for range runs {
			if _, lower, _ := stats.TangoPaired(drawPairs(rng, int(n), c.accuracy, c.difference, c.discordance), 0.9); lower > -c.margin {
				passes++
			}
		}
		share := float64(passes) / runs
		t.Logf("%+v: %.4f with %d rows", c, share, n)
		if share < limit || share > 0.9 {
			t.Errorf("%+v: %.4f pass with %d rows", c, share, n)
		}
	}
}

// The same for means, by Student's t.
func TestMeansNeededPower(t *testing.T) {
	const runs = 4000
	n, ok := stats.MeansNeeded(2, 0.1, 0.4, 0.05, 0.8)
	if !ok || n != 99 {
		t.Fatalf("%d rows, %v", n, ok)
	}
	rng := rand.New(rand.NewPCG(13, 0))
	passes := 0
	d := make([]float64, n)
	for range runs {
		for i := range d {
			d[i] = 0.1 + 2*rng.NormFloat64()
		}
		if stats.MeanInterval(d, 0.9).Lower > -0.4 {
			passes++
		}
	}
	if share := float64(passes) / runs; math.Abs(share-0.8) > 0.02+3*math.Sqrt(0.8*0.2/runs) {
		t.Errorf("%.4f pass with %d rows", share, n)
	}
}

// Order statistics cover the quantile, whatever the distribution, each bound by
// itself.
func TestQuantileRanksCover(t *testing.T) {
	const n, runs, q = 400, 4000, 0.95
	lower, upper, ok := stats.QuantileRanks(n, q, 0.9)
	if !ok {
		t.Fatal("400 values do not bound p95")
	}
	rng := rand.New(rand.NewPCG(14, 0))
	var above, below int64
	for range runs {
		var k int64 // how many values lie below the true quantile
		for range n {
			if rng.Float64() < q {
				k++
			}
		}
		if k < lower {
			above++ // the lower bound is above the quantile
		}
		if k >= upper {
			below++
		}
	}
	limit := int64(runs * (0.05 + 3*math.Sqrt(0.05*0.95/runs)))
	if above > limit || below > limit || above < runs/100 || below < runs/100 {
		t.Errorf("of %d, %d lower bounds are too high and %d upper ones too low", runs, above, below)
	}
}
