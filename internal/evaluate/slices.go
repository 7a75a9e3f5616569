package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/predictions"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Slice is some of the rows.
type Slice struct {
	Name string // "lang=de"
	Rows []int32
}

const (
	// maxSlices is how many slices are judged; those with the most rows are.
	maxSlices = 200
	// usualBins is into how many bins of about as many rows each a column of
	// numbers is divided.
	usualBins = 4
	maxBins   = 100
)

// Slices divides the rows by columns. A spec is the name of a column ("lang"),
// of two ("lang*device", every combination that occurs), and of a column of
// numbers with the number of its bins ("age:5"). Rows without a value are a
// slice of their own. An error says that a spec names no column.
func Slices(columns map[string]*predictions.Values, specs []string) (out []Slice, notes []string, err error) {
	for _, spec := range specs {
		g, err := grouping(columns, spec)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, g.slices()...)
	}
	if len(out) <= maxSlices {
		return out, nil, nil
	}
	sizes := make([]int, len(out))
	for i, s := range out {
		sizes[i] = len(s.Rows)
	}
	slices.Sort(sizes)
	slices.Reverse(sizes)
	least, ties := sizes[maxSlices-1], 0 // of how many rows a slice is kept
	for _, n := range sizes[:maxSlices] {
		if n == least {
			ties++
		}
	}
	var left, rows int64
	out = slices.DeleteFunc(out, func(s Slice) bool {
		if len(s.Rows) > least {
			return false
		}
		if len(s.Rows) == least && ties > 0 {
			ties--
			return false
		}
		left, rows = left+1, rows+int64(len(s.Rows))
		return true
	})
	return out, []string{fmt.Sprintf("only the largest %d slices are judged; %s with up to %s each are left out",
		maxSlices, plural(left, "smaller slice"), plural(int64(least), "row"))}, nil
}

// groups numbers the group of each row.
type groups struct {
	names []string
	code  []int32
}

// grouping reads a spec.
func grouping(columns map[string]*predictions.Values, spec string) (*groups, error) {
	if columns[spec] == nil {
		if first, second, both := strings.Cut(spec, "*"); both {
			x, err := single(columns, strings.TrimSpace(first))
			if err != nil {
				return nil, err
			}
			y, err := single(columns, strings.TrimSpace(second))
			if err != nil {
				return nil, err
			}
			return x.times(y), nil
		}
	}
	return single(columns, spec)
}

func single(columns map[string]*predictions.Values, spec string) (*groups, error) {
	name, bins := spec, usualBins
	if at := strings.LastIndexByte(spec, ':'); at >= 0 && columns[spec] == nil {
		n, err := strconv.Atoi(spec[at+1:])
		if err != nil || n < 2 || n > maxBins {
			return nil, fmt.Errorf("slice %q: the number of bins must be from 2 to %d", clip(spec), maxBins)
		}
		name, bins = spec[:at], n
	}
	v := columns[name]
	if v == nil {
		names := make([]string, 0, len(columns))
		for n := range columns {
			names = append(names, n)
		}
		slices.Sort(names)
		why := fmt.Sprintf("slice %q: the predictions have no column of that name that rows can be told apart by", clip(name))
		if near := ref.Nearest(name, names); near != "" {
			why += fmt.Sprintf("; did you mean %q?", near)
		}
		return nil, fmt.Errorf("%s", why)
	}
	if v.Numbers != nil {
		return binned(name, v.Numbers, bins), nil
	}
	return named(name, v), nil
}

// named has a group for each value of a column of names, in their order.
func named(column string, v *predictions.Values) *groups {
	order := make([]int32, len(v.Names))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(v.Names[a], v.Names[b]) })
	g := &groups{code: make([]int32, len(v.Codes))}
	number := make([]int32, len(v.Names))
	for i, code := range order {
		number[code] = int32(i)
		g.names = append(g.names, column+"="+clip(v.Names[code]))
	}
	none := int32(len(order))
	g.names = append(g.names, column+"=(none)")
	for i, code := range v.Codes {
		if g.code[i] = none; code != metric.Missing {
			g.code[i] = number[code]
		}
	}
	return g
}

// binned has a group for each interval between quantiles: bins of about as
// many rows each, fewer where values repeat.
func binned(column string, numbers []float64, bins int) *groups {
	sorted := slices.DeleteFunc(slices.Clone(numbers), math.IsNaN)
	slices.Sort(sorted)
	g := &groups{code: make([]int32, len(numbers))}
	var upper []float64 // of each bin, included
	for i := range bins {
		if len(sorted) == 0 {
			break
		}
		edge := sorted[(len(sorted)*(i+1)-1)/bins]
		if len(upper) > 0 && edge == upper[len(upper)-1] {
			continue
		}
		low := "[" + short(sorted[0])
		if len(upper) > 0 {
			low = "(" + short(upper[len(upper)-1])
		}
		upper = append(upper, edge)
		g.names = append(g.names, fmt.Sprintf("%s=%s, %s]", column, low, short(edge)))
	}
	none := int32(len(upper))
	g.names = append(g.names, column+"=(none)")
	for i, x := range numbers {
		if g.code[i] = none; !math.IsNaN(x) {
			at, _ := slices.BinarySearch(upper, x)
			g.code[i] = int32(at)
		}
	}
	return g
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

// times has a group for each combination that occurs.
func (g *groups) times(h *groups) *groups {
	out := &groups{code: make([]int32, len(g.code))}
	type both struct{ g, h int32 }
	var order []both
	seen := map[both]int32{}
	for i := range g.code {
		b := both{g.code[i], h.code[i]}
		if _, known := seen[b]; !known {
			seen[b] = 0
			order = append(order, b)
		}
	}
	sorting.By(order, func(a, b both) int { return slices.Compare([]int32{a.g, a.h}, []int32{b.g, b.h}) })
	for n, b := range order {
		seen[b] = int32(n)
		out.names = append(out.names, g.names[b.g]+", "+h.names[b.h])
	}
	for i := range g.code {
		out.code[i] = seen[both{g.code[i], h.code[i]}]
	}
	return out
}

// slices gathers the rows of each group that has any.
func (g *groups) slices() []Slice {
	counts := make([]int, len(g.names)+1)
	for _, code := range g.code {
		counts[code+1]++
	}
	for i := range g.names {
		counts[i+1] += counts[i]
	}
	rows := make([]int32, len(g.code))
	next := slices.Clone(counts)
	for i, code := range g.code {
		rows[next[code]] = int32(i)
		next[code]++
	}
	var out []Slice
	for i, name := range g.names {
		if part := rows[counts[i]:counts[i+1]:counts[i+1]]; len(part) > 0 {
			out = append(out, Slice{Name: report.Visible(name), Rows: part})
		}
	}
	return out
}
