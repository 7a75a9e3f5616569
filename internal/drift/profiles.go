package drift

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/stats"
	"github.com/waybill-dev/waybill/internal/table"
)

// A profile may stand for a file. Columns of which it lists every value are
// as good as the data; of other numbers it has a histogram, on which the
// measures of bins and the Wasserstein distance can be computed.

// histogram is numbers as a profile has them.
type histogram struct {
	edges, counts []float64
	deviation     float64 // standard deviation of the data
}

const (
	profileBins  = 20 // of the histogram that is made of data to compare it with a profile
	profileNames = "numbers in the equal-width bins of the profiles, split on the union of their edges"
)

var profileKind = regexp.MustCompile(`^\s*\{[^{}\[\]]*"kind"\s*:\s*"Profile"`)

// openProfile returns the profile that f is, or nil.
func openProfile(f table.File) (*profile.Document, error) {
	if !strings.HasSuffix(strings.ToLower(f.Name), ".json") {
		return nil, nil
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.Name, err)
	}
	defer file.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("read %s: %w", f.Name, err)
	}
	if !profileKind.Match(head[:n]) {
		return nil, nil
	}
	d, err := profile.Read(io.MultiReader(bytes.NewReader(head[:n]), file))
	if err != nil {
		return nil, &table.DataError{File: f.Name, Reason: err.Error(), Err: err}
	}
	return d, nil
}

// FromProfile returns the side that a profile stands for, with the columns
// named, nil for all.
func FromProfile(d *profile.Document, columns []string) *Side {
	s := &Side{rows: d.Rows, columns: map[string]*column{}, profile: true}
	wanted := set(columns)
	for i := range d.Columns {
		c := &d.Columns[i]
		s.names = append(s.names, c.Name)
		if (columns == nil || wanted[c.Name]) && s.columns[c.Name] == nil {
			s.columns[c.Name] = profileColumn(c, d.Rows)
		}
	}
	return s
}

func profileColumn(c *profile.DocumentColumn, rows int64) *column {
	k := newColumn(maxValues, profile.MaxDistinct)
	k.odd, k.profile = c.NaNs, true
	numeric := profileNumbers.MatchString(c.Type)
	known, fileType, ok := c.Values(rows)
	switch {
	case ok:
		k.odd = 0
		if numeric {
			k.numbers.rows = make(map[float64]*int64, len(known))
		} else {
			k.words.rows = make(map[string]*int64, len(known))
		}
		for i, v := range known {
			number, is := 0.0, false
			if numeric {
				number, is = table.ParseNumber([]byte(v.Value))
			} else if timeType.MatchString(fileType) {
				var t time.Time
				t, is = table.ParseTime([]byte(v.Value))
				number = seconds(t)
			}
			switch {
			case is && number-number != 0:
				k.odd += v.Rows
				continue
			case is:
				k.finite += v.Rows
				if !numeric {
					k.times += v.Rows
				}
				k.numbers.put(number, &known[i].Rows)
				continue
			}
			k.texts += v.Rows
			k.words.put(v.Value, &known[i].Rows)
		}
	case complete(c):
		for _, t := range c.Top {
			if v, ok := table.ParseNumber([]byte(t.Value)); ok && numeric {
				if v-v == 0 {
					k.finite += t.Count
					k.numbers.put(v, &t.Count)
				}
				continue
			}
			k.texts += t.Count
			k.words.put(t.Value, &t.Count)
		}
	case numeric && usable(c):
		k.finite = c.Count - c.NaNs
		k.numbers = counter[float64]{over: true}
		k.histogram = &histogram{edges: c.Histogram.Edges}
		for _, n := range c.Histogram.Counts {
			k.histogram.counts = append(k.histogram.counts, float64(n))
		}
		if c.StdDev != nil {
			n := float64(k.finite)
			k.histogram.deviation = *c.StdDev * math.Sqrt((n-1)/n)
		}
	default:
		k.estimate = c.Distinct
		k.texts, k.odd, k.words, k.partial, k.instants = c.Count, 0, counter[string]{over: true}, true, timeType.MatchString(c.Type)
	}
	return k
}

// profileNumbers are the types of numbers; times are not among them, since
// profiles and files may measure them in different units.
var profileNumbers = regexp.MustCompile(`^(int|uint|float)[0-9]*$|^decimal$`)

// timeType are the types of columns whose values files give as instants.
var timeType = regexp.MustCompile(`^(date|timestamp)`)

// complete tells whether the profile lists every value.
func complete(c *profile.DocumentColumn) bool {
	total := int64(0)
	for _, t := range c.Top {
		if t.Count <= 0 || t.Count > c.Count-total {
			return false
		}
		total += t.Count
	}
	return c.TopError == 0 && !c.DistinctEstimate && total == c.Count
}

// usable tells whether the histogram is what it should be: the profile may
// come from anybody.
func usable(c *profile.DocumentColumn) bool {
	h := c.Histogram
	if h == nil || len(h.Counts) == 0 || len(h.Edges) != len(h.Counts)+1 || len(h.Counts) > 10_000 {
		return false
	}
	total := int64(0)
	for i, n := range h.Counts {
		if width := h.Edges[i+1] - h.Edges[i]; !(width > 0) || math.IsInf(width, 0) || n < 0 || n > c.Count-total {
			return false
		}
		total += n
	}
	width := h.Edges[len(h.Counts)] - h.Edges[0]
	return total > 0 && total == c.Count-c.NaNs && (c.StdDev == nil || *c.StdDev >= 0 && *c.StdDev <= width)
}

// sample returns the numbers of the column, sorted, or nil when a profile
// only has their histogram or there would be too many.
func (k *column) sample() []float64 {
	if len(k.values.values) == 0 && k.finite <= maxValues {
		// Not kept, or the columns of a large profile would take the memory that
		// it saved.
		values := make([]float64, 0, k.finite)
		for _, v := range slices.Sorted(maps.Keys(k.numbers.rows)) {
			for range *k.numbers.rows[v] {
				values = append(values, v)
			}
		}
		return values
	}
	if !slices.IsSorted(k.values.values) {
		slices.Sort(k.values.values)
	}
	return k.values.values
}

// binned is the column as a profile would have it.
func (k *column) binned() *histogram {
	if k.histogram != nil {
		return k.histogram
	}
	v := k.sample()
	if len(v) == 0 {
		return nil
	}
	h := &histogram{edges: stats.WidthEdges(v[0], last(v), profileBins), deviation: stats.StdDev(v)}
	h.counts, _ = stats.Histogram(v, h.edges)
	return h
}

// splitBins are the counts of both histograms in the bins of both.
func (d *data) splitBins() (union, reference, current []float64) {
	x, y := d.histograms[0], d.histograms[1]
	union = slices.Concat(x.edges, y.edges)
	slices.Sort(union)
	union = slices.Compact(union)
	return union, stats.Rebucket(x.edges, x.counts, union), stats.Rebucket(y.edges, y.counts, union)
}

// histogramDistance is the Wasserstein distance of two histograms, uniform
// within their bins. Between two edges the difference of the distributions is
// a line from a to b.
func (d *data) histogramDistance() float64 {
	union, reference, current := d.splitBins()
	p, q := stats.Proportions(reference), stats.Proportions(current)
	total, a := 0.0, 0.0
	for i := range p {
		b := a + (p[i] - q[i])
		area := (math.Abs(a) + math.Abs(b)) / 2
		if a*b < 0 {
			area = (float64(a*a) + float64(b*b)) / (2 * (math.Abs(a) + math.Abs(b)))
		}
		total += float64(area * (union[i+1] - union[i]))
		a = b
	}
	return total
}

// hasMore tells whether the data could be compared where its profile cannot:
// values that are known but too many to list, or dates and times.
func (k *column) hasMore() bool { return k.instants || k.profile && k.finite > maxValues }
