package datacheck

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/table"
)

// TestScore holds the areas under the curve to those that testdata/auc.py
// computes pair by pair, with scikit-learn.
func TestScore(t *testing.T) {
	data, err := os.ReadFile("testdata/auc.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Cases []struct {
			Name           string
			Values, Labels []string
			AUC            map[string]float64
			Weighted       float64
		}
	}
	if err := json.Unmarshal(data, &reference); err != nil || len(reference.Cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, c := range reference.Cases {
		byValue := map[string]bin{}
		for i, v := range c.Values {
			b := byValue[v]
			if b.labels == nil {
				b.labels = map[string]int64{}
			}
			b.rows++
			b.labels[c.Labels[i]]++
			byValue[v] = b
		}
		bins := slices.Collect(maps.Values(byValue))
		for label, want := range c.AUC {
			if got := pairAUC(bins, label, int64(len(c.Values))); math.Abs(got-want) > 1e-12 {
				t.Errorf("%s, %s: %v, want %v", c.Name, label, got, want)
			}
		}
		if got, ok := score(bins, []string{"a", "b", "c"}); !ok || math.Abs(got-c.Weighted) > 1e-12 {
			t.Errorf("%s: %v, %v, want %v", c.Name, got, ok, c.Weighted)
		}
	}
}

// TestRareLabelsHideNothing holds that labels of a few rows, such as misspelled
// ones, do not outweigh the rest: the column tells all others.
func TestRareLabelsHideNothing(t *testing.T) {
	bins := []bin{{5025, map[string]int64{"a": 5000, "A": 25}}, {5025, map[string]int64{"b": 5000, "B": 25}}}
	if got, ok := score(bins, []string{"A", "B", "a", "b"}); !ok || got < 0.99 {
		t.Errorf("%v, %v, want nearly 1", got, ok)
	}
}

func TestScoreOfExtremes(t *testing.T) {
	pure := []bin{{30, map[string]int64{"a": 30}}, {20, map[string]int64{"b": 20}}}
	if got, ok := score(pure, []string{"a", "b"}); got != 1 || !ok {
		t.Errorf("pure: %v, %v", got, ok)
	}
	if got, ok := score([]bin{{50, map[string]int64{"a": 30, "b": 20}}}, []string{"a", "b"}); got != 0.5 || !ok {
		t.Errorf("one bin: %v, %v", got, ok)
	}
	var single []bin
	for i := range 10 {
		single = append(single, bin{1, map[string]int64{fmt.Sprint(i % 2): 1}})
	}
	if got, ok := score(single, []string{"0", "1"}); ok {
		t.Errorf("single rows: %v", got)
	}
}

// TestNoiseIsNotTelling holds that a column of many values that has nothing to
// do with the label gets about 0.5.
func TestNoiseIsNotTelling(t *testing.T) {
	for _, values := range []int{2, 100, 2000, 5000} {
		rng := rand.New(rand.NewPCG(1, uint64(values)))
		v := &valueLabels{kind: table.String, most: maxPairs, pairs: map[valueLabel]int64{}}
		rows := 6000
		for range rows {
			v.add(valueLabel{valueID{isOther, rng.Uint64N(uint64(values)), 0}, fmt.Sprint(rng.IntN(2))}, 1)
		}
		got, ok := score(v.bins(), []string{"0", "1"})
		// Four standard errors of an area under the curve of noise.
		if off := 4 * math.Sqrt(1/(3*float64(rows))); !ok || math.Abs(got-0.5) > off {
			t.Errorf("%d values: %v, %v", values, got, ok)
		}
	}
}

// TestNumbersInOrder holds that numbers are put together as far as it takes,
// the same way in whatever order and shards they come.
func TestNumbersInOrder(t *testing.T) {
	numbers := []float64{math.Inf(-1), -1e300, -2, -1, -1e-300, 0, 1e-300, 1, 1.5, 2, 1e300, math.Inf(1)}
	for i, x := range numbers {
		if i > 0 && inOrder64(x) <= inOrder64(numbers[i-1]) {
			t.Errorf("%v is not after %v", x, numbers[i-1])
		}
	}
	if inOrder64(math.Copysign(0, -1)) != inOrder64(0) {
		t.Error("-0 is not 0")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	var all []valueLabel
	for range 3000 {
		x := rng.NormFloat64() * 1000
		all = append(all, valueLabel{valueID{isNumber, inOrder64(x), 0}, fmt.Sprint(x > 0)})
	}
	all = append(all, valueLabel{valueID{}, "true"}, valueLabel{valueID{class: isNoNumber}, "false"})
	count := func(of []valueLabel) *valueLabels {
		v := &valueLabels{kind: table.Float, most: 500, pairs: map[valueLabel]int64{}}
		for _, k := range of {
			v.add(k, 1)
		}
		return v
	}
	want := count(all)
	if want.shift == 0 || len(want.pairs) > 500 || len(want.pairs) < 200 {
		t.Fatalf("%d pairs, shift %d", len(want.pairs), want.shift)
	}
	for range 20 {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		a, b := rng.IntN(len(all)), rng.IntN(len(all))
		a, b = min(a, b), max(a, b)
		got := count(all[:a])
		got.merge(count(all[a:b]))
		got.merge(count(all[b:]))
		if got.shift != want.shift || !maps.Equal(got.pairs, want.pairs) {
			t.Fatalf("shift %d, want %d; %d pairs, want %d", got.shift, want.shift, len(got.pairs), len(want.pairs))
		}
	}
	if bins := want.bins(); len(bins) > maxBins+2 || len(bins) < maxBins/2 || bins[0].rows != 1 {
		t.Errorf("%d bins, the first of %d rows", len(bins), bins[0].rows)
	}
}

// TestFewNumbers holds that unique numbers of few rows are put together, and
// that few numbers stay apart.
func TestFewNumbers(t *testing.T) {
	for _, c := range []struct{ rows, numbers, bins int }{{60, 60, 6}, {60, 6, 6}, {2000, 2000, 100}, {5, 5, 1}, {1000, 3, 3}} {
		v := &valueLabels{kind: table.Int, most: maxPairs, pairs: map[valueLabel]int64{}}
		for i := range c.rows {
			v.add(valueLabel{valueID{isNumber, inOrder64(float64(i % c.numbers)), 0}, fmt.Sprint(2 * i / c.rows)}, 1)
		}
		if got := v.bins(); len(got) != c.bins {
			t.Errorf("%+v: %d bins", c, len(got))
		}
	}
}

func TestTextsAreGivenUp(t *testing.T) {
	for _, parts := range [][]int{{500}, {501}, {250, 250}, {250, 251}, {1, 500}} {
		v, n := &valueLabels{kind: table.String, most: 500, pairs: map[valueLabel]int64{}}, uint64(0)
		for _, part := range parts {
			o := &valueLabels{kind: table.String, most: 500, pairs: map[valueLabel]int64{}}
			for range part {
				n++
				o.add(valueLabel{valueID{isOther, n, 0}, "a"}, 1)
			}
			v.merge(o)
		}
		if (v.pairs == nil) != (n > 500) {
			t.Errorf("%v: given up %v", parts, v.pairs == nil)
		}
	}
}
