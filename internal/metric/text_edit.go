package metric

import "math"

// maxEditWork is how many pairs of words or characters are compared at most:
// some seconds of work. maxEditText is the longest text, in bytes.
const (
	maxEditWork = 4_000_000_000
	maxEditText = 1 << 20
)

// errorRate is the least number of units that must be inserted, left out or
// replaced to make the references of the answers, by the units of the
// references. It may be above 1.
func errorRate(name, title, unit string, split func(string) []string) Metric {
	return Metric{Name: name, Title: title, Better: Lower, High: math.Inf(1), Tasks: textTasks, Whole: func(s *Sample) (*Whole, error) {
		if len(s.Reference) == 0 {
			return nil, undefined("there are no rows")
		}
		edits, lengths := make([]float64, len(s.Reference)), make([]float64, len(s.Reference))
		work, all := 0.0, 0.0
		d := distances{numbers: make(map[string]int32)}
		for i, reference := range s.Reference {
			if longest := max(len(reference), len(s.Answer[i])); longest > maxEditText {
				return nil, undefined("a text has %d bytes; edits are counted of texts of at most %d", longest, maxEditText)
			}
			a, b := split(reference), split(s.Answer[i])
			if work += float64(float64(len(a)) * float64(len(b))); work > maxEditWork {
				return nil, undefined("the texts are too long to count edits of; at most %d pairs of %ss are compared", int64(maxEditWork), unit)
			}
			edits[i], lengths[i] = float64(d.between(a, b)), float64(len(a))
			all += lengths[i]
		}
		if all == 0 {
			return nil, undefined("no reference has a %s", unit)
		}
		return &Whole{Value: func(weight []uint32) float64 {
			changed, of := 0.0, 0.0 // whole numbers: their sums are exact
			for i, n := range edits {
				w := times(weight, i)
				changed += float64(w * n)
				of += float64(w * lengths[i])
			}
			if of == 0 {
				return math.NaN()
			}
			return changed / of
		}}, nil
	}}
}

// distances computes edit distances (Levenshtein 1966) with Wagner and
// Fischer's table (1974), of which it keeps one row.
type distances struct {
	numbers map[string]int32 // of each unit seen, so that comparing is cheap
	a, b    []int32
	row     []int
}

func (d *distances) between(a, b []string) int {
	clear(d.numbers)
	d.a, d.b = d.number(d.a[:0], a), d.number(d.b[:0], b)
	d.row = d.row[:0]
	for j := range len(b) + 1 {
		d.row = append(d.row, j)
	}
	for i, x := range d.a {
		diagonal := d.row[0]
		d.row[0] = i + 1
		for j, y := range d.b {
			replaced := diagonal
			if x != y {
				replaced++
			}
			diagonal = d.row[j+1]
			d.row[j+1] = min(replaced, diagonal+1, d.row[j]+1)
		}
	}
	return d.row[len(b)]
}

func (d *distances) number(out []int32, units []string) []int32 {
	for _, u := range units {
		n, ok := d.numbers[u]
		if !ok {
			n = int32(len(d.numbers))
			d.numbers[u] = n
		}
		out = append(out, n)
	}
	return out
}
