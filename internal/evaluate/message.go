package evaluate

import (
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// number is a number of a report: 12 significant digits, which are the same
// on every architecture; nil for what is none.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = round(v)
	return &v
}

func round(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	if err != nil {
		return v
	}
	return r + 0 // no negative zero
}

// changed says how x differs from y: "fell by 0.052 (0.910 to 0.858)".
func changed(x, y float64, digits int) string {
	from, to := decimal(y, digits), decimal(x, digits)
	switch {
	case x == y:
		return "did not change (" + to + ")"
	case x < y:
		return "fell by " + decimal(y-x, digits) + " (" + from + " to " + to + ")"
	}
	return "rose by " + decimal(x-y, digits) + " (" + from + " to " + to + ")"
}

// spread is how many decimals show what decides: two digits of the width of
// the interval, but not many more than the margin has.
func spread(i *inference, margin float64) int {
	scale := math.Abs(i.value) / 10
	if i.bounded() {
		scale = (i.upper - i.lower) / 2
	}
	scale = max(scale, margin/100)
	if scale == 0 || math.IsInf(scale, 0) || math.IsNaN(scale) {
		return 3
	}
	return min(max(1-int(math.Floor(math.Log10(scale))), 0), 12)
}

// digitsBeside is how many decimals show numbers on their side of limit.
func digitsBeside(digits int, limit float64, numbers ...float64) int {
	for ; digits < 15; digits++ {
		clear := true
		shownLimit, _ := strconv.ParseFloat(decimal(limit, digits), 64)
		for _, v := range numbers {
			shown, err := strconv.ParseFloat(decimal(v, digits), 64)
			clear = clear && (err != nil || (shown < shownLimit) == (v < limit) && (shown > shownLimit) == (v > limit))
		}
		if clear {
			break
		}
	}
	return digits
}

// decimal writes a number with so many decimals. It is rounded first as numbers
// of a report are: −0.0355 is not shown with another last digit than 0.0355.
func decimal(v float64, digits int) string {
	v = round(v)
	if math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// signed writes a difference with its sign, the true minus.
func signed(v float64, digits int) string {
	s := decimal(v, digits)
	if rest, negative := strings.CutPrefix(s, "-"); negative {
		if strings.Trim(rest, "0.") == "" {
			return rest
		}
		return "−" + rest
	}
	if strings.Trim(s, "0.") == "" {
		return s
	}
	return "+" + s
}

// showBound writes a bound as the manifest has it, with two digits at least.
func showBound(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if at := strings.IndexByte(s, '.'); at < 0 || len(s)-at < 3 {
		return strconv.FormatFloat(f, 'f', 2, 64)
	}
	return s
}

// showBeside writes a value with four digits, or as many as it takes to be
// seen on its side of the bounds: 0.79996 is not shown as 0.8000 where 0.80
// was asked for.
func showBeside(f float64, bounds ...*float64) string {
	for digits := 4; digits < 17; digits++ {
		s := strconv.FormatFloat(f, 'f', digits, 64)
		shown, _ := strconv.ParseFloat(s, 64)
		clear := true
		for _, b := range bounds {
			clear = clear && (b == nil || (shown < *b) == (f < *b) && (shown > *b) == (f > *b))
		}
		if clear {
			return s
		}
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func percent(confidence float64) string {
	return strconv.FormatFloat(math.Round(confidence*1e6)/1e4, 'f', -1, 64) + " %"
}

// plural writes a number of rows or queries.
func plural(n int64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return report.Thousands(n) + " " + several(unit)
}

func several(unit string) string {
	if stem, ok := strings.CutSuffix(unit, "y"); ok {
		return stem + "ies"
	}
	return unit + "s"
}

// clip keeps what a file calls things from filling a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
