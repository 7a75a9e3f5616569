package stats

import "testing"

func BenchmarkBootstrapSixStatisticsOfEightCells(b *testing.B) {
	cells := []int64{40_000, 3_000, 2_000, 5_000, 30_000, 5_000, 4_000, 11_000}
	statistics := func(cells []int64, out []float64) {
		total := int64(0)
		for _, c := range cells {
			total += c
		}
		for j := range out {
			out[j] = float64(cells[j]) / float64(total)
		}
	}
	for b.Loop() {
		BootstrapCells(cells, statistics, 6, Resampling{Seed: 1, Resamples: 10_000, Confidence: 0.9})
	}
}

func BenchmarkBootstrapDrawingTwoThousandTimesAHundredThousandRows(b *testing.B) {
	count := make([]uint32, 100_000)
	for b.Loop() {
		random := newSource(1)
		for range 2000 {
			clear(count)
			random.tally(count, nil)
		}
	}
}
