package render

import (
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// scale maps numbers to the columns of a bar.
type scale struct {
	low, high float64
	columns   int
	decimals  int // enough to tell two neighbouring columns apart; -1: use an exponent
}

// intervalScale spans every value and limit that rows show and their intervals,
// with a little room at both ends; who draws sets the columns. An interval far
// wider than the others, of a slice with few rows, is cut, or all others would
// be dots. ok is false when there is nothing finite to span.
func intervalScale(rows []report.Interval) (s scale, ok bool) {
	low, high := math.Inf(1), math.Inf(-1)
	span := func(v float64) {
		if finite(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	for _, r := range rows {
		span(r.Value)
		if r.Limit != nil {
			span(*r.Limit)
		}
	}
	least, most := math.Inf(-1), math.Inf(1)
	if usual := medianSpan(rows); usual > 0 && low <= high {
		least, most = low-2*usual, high+2*usual
	}
	for _, r := range rows {
		if finite(r.Lower) {
			span(max(r.Lower, least))
		}
		if finite(r.Upper) {
			span(min(r.Upper, most))
		}
	}
	if low > high || !finite(high-low) {
		return scale{decimals: -1}, false
	}
	room := (high - low) / 20
	if room == 0 {
		room = max(math.Abs(low)/100, 1e-9)
	}
	decimals := decimalsFor(high-low, max(math.Abs(low), math.Abs(high)))
	return scale{low: low - room, high: high + room, decimals: decimals}, true
}

// column is where v stands, from 0 to columns-1.
func (s scale) column(v float64) int {
	at := math.Round((v - s.low) / (s.high - s.low) * float64(s.columns-1))
	return int(min(max(at, 0), float64(s.columns-1)))
}

// bar draws one interval: ├──●──┤, and │ where the limit is.
func (s scale) bar(r report.Interval) string {
	cells := []rune(strings.Repeat(" ", s.columns))
	if finite(r.Lower) && finite(r.Upper) && r.Lower <= r.Upper {
		from, to := s.column(r.Lower), s.column(r.Upper)
		for i := from; i <= to; i++ {
			cells[i] = '─'
		}
		cells[from], cells[to] = '├', '┤'
		if r.Lower < s.low {
			cells[from] = '◄' // it goes on
		}
		if r.Upper > s.high {
			cells[to] = '►'
		}
	}
	if r.Limit != nil && finite(*r.Limit) {
		at := s.column(*r.Limit)
		if cells[at] == ' ' {
			cells[at] = '│'
		} else {
			cells[at] = '┼'
		}
	}
	if finite(r.Value) {
		cells[s.column(r.Value)] = '●'
	}
	return strings.TrimRight(string(cells), " ")
}

// axis is the line under the bars: where the scale begins and ends.
func (s scale) axis() string {
	low, high := s.number(s.low), s.number(s.high)
	return low + strings.Repeat(" ", max(1, s.columns-width(low)-width(high))) + high
}

// number writes v with the decimals of the scale, so that numbers under each
// other line up.
func (s scale) number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "n/a"
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "-∞"
	case s.decimals < 0:
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return strconv.FormatFloat(v, 'f', s.decimals, 64)
}

// decimalsFor returns how many decimals show a hundredth of span, -1 when
// numbers of that magnitude are better written with an exponent.
func decimalsFor(span, magnitude float64) int {
	if magnitude >= 1e9 || magnitude > 0 && magnitude < 1e-4 {
		return -1
	}
	if span == 0 {
		span = magnitude
	}
	n := 0
	for n < 6 && span < 100 && span > 0 {
		span *= 10
		n++
	}
	return n
}

// eighths are the partial blocks that let a bar end within a column.
var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// block is a bar for n of most, columns wide at the most; what is not zero
// shows at least a sliver.
func block(n, most int64, columns int) string {
	if n <= 0 || most <= 0 {
		return ""
	}
	units := int(math.Round(float64(n) / float64(most) * float64(columns*8)))
	units = max(1, min(units, columns*8))
	return strings.Repeat("█", units/8) + eighths[units%8]
}

// binLabels are the ranges of a histogram. Edges that do not fit the counts
// leave nothing to say but the number of the bin.
func binLabels(h *report.Histogram) []string {
	labels := make([]string, len(h.Counts))
	fits := len(h.Edges) == len(h.Counts)+1
	var s scale
	if fits && len(labels) > 0 {
		first, last := h.Edges[0], h.Edges[len(h.Edges)-1]
		s.decimals = decimalsFor((last-first)/float64(len(labels)), max(math.Abs(first), math.Abs(last)))
		for s.decimals > 0 && allShort(h.Edges, s.decimals-1) {
			s.decimals--
		}
	}
	for i := range labels {
		if !fits {
			labels[i] = "bin " + strconv.Itoa(i+1)
			continue
		}
		end := ")"
		if i == len(labels)-1 {
			end = "]"
		}
		labels[i] = "[" + s.number(h.Edges[i]) + ", " + s.number(h.Edges[i+1]) + end
	}
	return labels
}

// allShort tells whether n decimals write every edge without loss.
func allShort(edges []float64, n int) bool {
	for _, e := range edges {
		back, err := strconv.ParseFloat(strconv.FormatFloat(e, 'f', n, 64), 64)
		if err != nil || back != e {
			return false
		}
	}
	return true
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
