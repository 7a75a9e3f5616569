package datacheck

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// TestQuantileAgainstSorting: what counting on either side of the bounds says is
// what sorting all numbers does, in shards and with bounds on and next to numbers.
func TestQuantileAgainstSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	exact, crossed, failed := 0, 0, 0
	for try := range 3000 {
		values := make([]float64, 1+rng.IntN(40))
		if try%50 == 0 {
			values = make([]float64, 20_000+(try/50+1)%2) // more than are told apart
		}
		for i := range values {
			switch try % 4 {
			case 0:
				values[i] = rng.NormFloat64() * 1e3
			case 1:
				values[i] = float64(rng.IntN(5))
			case 2:
				values[i] = math.Ldexp(rng.NormFloat64(), rng.IntN(2000)-1000)
			case 3:
				values[i] = float64(-rng.IntN(1e6)) / 100
			}
		}
		q := []float64{0, 0.5, 0.9, 1, rng.Float64()}[rng.IntN(5)]
		if try%50 == 0 {
			q = 0.5 // one of the numbers, or between two
		}
		sorted := slices.Clone(values)
		want := quantile(sorted, q)
		near := func() *float64 {
			v := sorted[rng.IntN(len(sorted))]
			if rng.IntN(2) == 0 {
				v = want
			}
			switch rng.IntN(4) {
			case 0:
				v = math.Nextafter(v, math.Inf(1))
			case 1:
				v = math.Nextafter(v, math.Inf(-1))
			case 2:
				v += float64(0.3 * (sorted[min(1, len(sorted)-1)] - v))
			}
			return &v
		}
		bounds := boundsParams{Min: near(), Max: near()}
		if try%100 == 0 {
			bounds = boundsParams{Min: &want, Max: &want}
		}
		needs := profile.Needs{}
		needs.Add("n", profile.Spread)
		check, facts := newBounded("n", bounds), profile.New(needs, nil)
		for at := 0; at < len(values); {
			to := min(at+1+rng.IntN(len(values)), len(values))
			part, more := newBounded("n", bounds), profile.New(needs, nil)
			b := &table.Batch{Rows: to - at, Columns: []table.Column{{Name: "n", Type: table.Type{Kind: table.Float, Bits: 64}, Floats: values[at:to]}}}
			part.Observe(b)
			if err := more.Observe(b); err != nil {
				t.Fatal(err)
			}
			check.Merge(part)
			if err := facts.Merge(more); err != nil {
				t.Fatal(err)
			}
			at = to
		}
		p, err := facts.Profile()
		if err != nil {
			t.Fatal(err)
		}
		c := p.Columns["n"]
		got, about := check.quantile(c, q)
		if got < *bounds.Min != (want < *bounds.Min) || got > *bounds.Max != (want > *bounds.Max) {
			t.Fatalf("%d numbers: the %v quantile is %v, counted %v: another side of %v or %v", len(values), q, want, got, *bounds.Min, *bounds.Max)
		}
		switch {
		case !about && got != want:
			t.Fatalf("%d numbers: the %v quantile is %v, not %v", len(values), q, want, got)
		case about && math.Abs(got-want) > c.Within*math.Abs(want)*(1+1e-9):
			t.Fatalf("%d numbers: the %v quantile is %v, not within %v of %v", len(values), q, want, c.Within, got)
		case !about && c.Within > 0:
			crossed++
		case !about:
			exact++
		}
		if got < *bounds.Min || got > *bounds.Max {
			failed++
		}
	}
	if exact < 1000 || crossed < 2 || failed < 500 || failed > 2900 {
		t.Errorf("the data tests little: %d exact, %d between numbers next to the bound, %d outside", exact, crossed, failed)
	}
}

// TestQuantileOfManyNumbers shows what is said of more numbers than are told
// apart, and that groups keep less.
func TestQuantileOfManyNumbers(t *testing.T) {
	rows := make([]review, 40_000)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range rows {
		v := rng.ExpFloat64()
		rows[i] = review{Label: int64(i % 2), Lang: []string{"en", "de"}[i%2], Price: &v}
	}
	path := filepath.Join(t.TempDir(), "d.parquet")
	if err := parquet.WriteFile(path, rows, parquet.MaxRowsPerRowGroup(9000)); err != nil {
		t.Fatal(err)
	}
	f := table.File{Name: "d.parquet", Path: path}
	for _, c := range []struct {
		entry   string
		verdict report.Verdict
		message string
	}{
		{"{check: column.median, column: price, min: 0.7}", report.Fail, "price: the median of 40,000 values is about 0.69"},
		{"{check: column.median, column: price, min: 0.6, max: 0.8}", report.Pass, "price: the median of 40,000 values is about 0.69"},
		{"{check: column.quantile, column: price, q: 0.999, max: 5}", report.Fail, "price: the 0.999 quantile of 40,000 values is about "},
		{"{check: column.quantile, column: price, q: 1, max: 5}", report.Fail, "price: the 1 quantile of 40,000 values is 1"},
		{"{check: column.median, column: price, max: 0.6, groupBy: lang}", report.Fail, `where lang="de": price: the median of 20,000 values is about 0.`},
		{"{check: column.median, column: label, max: 0.5}", report.Pass, "label: the median of 40,000 values is 0.5"},
	} {
		found := runParquet(t, c.entry, f)
		if found.Verdict != c.verdict || !strings.HasPrefix(found.Message, c.message) {
			t.Errorf("%s: %s %s", c.entry, found.Verdict, found.Message)
		}
		if about := strings.Contains(found.Message, "about"); about != (found.Details["within"] != nil) || about != strings.HasPrefix(found.Observed, "about ") {
			t.Errorf("%s: observed %s, details %v", c.entry, found.Observed, found.Details)
		}
	}
}
