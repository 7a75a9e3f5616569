package evalcheck

import (
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// text is what files say, on one line, as far as people read it.
func text(s string) string { return shortened(s, 300) }

// name is what a file calls something.
func name(s string) string { return shortened(s, 80) }

func quoted(s string) string { return strconv.Quote(name(s)) }

func shortened(s string, most int) string {
	n := 0
	for i := range s {
		if n++; n > most {
			s = s[:i] + "…"
			break
		}
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// sample is what may be shown of a value of the data; "" for nothing.
func (e *Env) sample(value string) string {
	switch e.Samples {
	case manifest.SamplesFull:
		return quoted(value)
	case manifest.SamplesMasked:
		return quoted(report.Mask(value))
	}
	return ""
}

// decimal writes a number from −1 to 1, or near to that, with three decimals,
// or as many as it takes to be seen on its side of the limit.
func decimal(v, limit float64) string {
	for digits := 3; digits < 15; digits++ {
		s := strconv.FormatFloat(v, 'f', digits, 64)
		if shown, _ := strconv.ParseFloat(s, 64); (shown < limit) == (v < limit) && (shown > limit) == (v > limit) {
			return strings.TrimPrefix(s, "-")
		}
	}
	return strconv.FormatFloat(math.Abs(v), 'g', -1, 64)
}

// bound writes a limit as the manifest has it.
func bound(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// percent is a share, with as many digits as show its side of the limit.
func percent(v, limit float64) string {
	if s := report.Percent(v); v == limit || s != report.Percent(limit) {
		return s
	}
	return strings.TrimSuffix(decimal(100*v, 100*limit), "0") + " %"
}

// rounded is a number of a report.
func rounded(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	if err != nil {
		return v
	}
	return r + 0 // no negative zero
}

// joined lists a few names, and counts the rest.
func joined(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + report.Count(int64(len(names)-most), "other")
}
