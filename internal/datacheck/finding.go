package datacheck

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
)

// How reports write things, by short names.
var (
	percent    = report.Percent
	count      = report.Count
	shown      = report.Rounded
	mask       = report.Mask
	escapeLong = report.Visible
)

// maxSample is how many characters of a value are shown.
const maxSample = 80

// tally is the outcome of a check that counts rows.
type tally struct {
	column   string
	checked  int64
	failed   int64
	examples profile.Examples
	noun     string // what was counted: "row", "value"
	problem  string // of those that failed: "are null"
	holds    string // of all when none failed: "none is null"
	expected string
	observed string // "" for the count of failures
	hint     string
	nulls    bool     // the examples have no value
	most     *float64 // largest share that may fail, for checks that have a parameter for it
}

// finding makes a finding of a tally, by the entry's mostly:.
func (t tally) finding(spec manifest.CheckSpec, f Facts) report.Finding {
	out := report.Finding{Subject: t.column, Expected: t.expected, Observed: t.observed}
	if t.checked == 0 {
		out.Verdict = report.Inconclusive
		out.Message = fmt.Sprintf("%s: there are no %ss to check", t.column, t.noun)
		if f.Rows > 0 {
			out.Message = fmt.Sprintf("%s: there are no values to check; %s without one", t.column, count(f.Rows, "row"))
		}
		out.Observed = "no " + t.noun + "s"
		return out
	}
	// Quotients, not products, are compared with the shares of a manifest: 55
	// of 100 are 0.55, but 0.55 * 100 is more than 55.
	share := float64(t.failed) / float64(t.checked)
	holding := float64(t.checked-t.failed) / float64(t.checked)
	out.Details = map[string]any{"rows": t.checked, "failed": t.failed, "share": share}
	if spec.Mostly != nil && *spec.Mostly < 1 {
		out.Expected += fmt.Sprintf(" for at least %s of the %ss", percent(*spec.Mostly), t.noun)
	}
	counted := fmt.Sprintf("%s of %s (%s) %s", report.Thousands(t.failed), count(t.checked, t.noun), percent(share), t.problem)
	if out.Observed == "" {
		out.Observed = counted
	}
	switch {
	case t.failed == 0:
		out.Verdict = report.Pass
		out.Message = fmt.Sprintf("%s: %s (%s)", t.column, t.holds, count(t.checked, t.noun))
		return out
	case t.most != nil && share <= *t.most:
		out.Verdict = report.Pass
		out.Message = fmt.Sprintf("%s: %s; at most %s may", t.column, counted, percent(*t.most))
	case spec.Mostly != nil && holding >= *spec.Mostly:
		out.Verdict = report.Pass
		out.Message = fmt.Sprintf("%s: %s; at most %s may", t.column, counted, percent(1-*spec.Mostly))
	default:
		out.Verdict = report.Fail
		out.Message = fmt.Sprintf("%s: %s", t.column, counted)
		out.Hint = t.hint
	}
	if first := f.places(t.examples); first != "" {
		out.Message += "; first: " + first
	}
	out.Details["examples"] = f.examples(t.examples, !t.nulls)
	return out
}

// places lists where examples stand: "data/a.csv rows 3, 17".
func (f *Facts) places(examples profile.Examples) string {
	var out strings.Builder
	file := -1
	for i, e := range examples {
		switch {
		case e.Place.File != file:
			if i > 0 {
				out.WriteString("; ")
			}
			file = e.Place.File
			word := "row"
			if i+1 < len(examples) && examples[i+1].Place.File == file {
				word = "rows"
			}
			fmt.Fprintf(&out, "%s %s %s", escape(f.name(file)), word, strconv.FormatInt(e.Place.Row, 10))
		default:
			out.WriteString(", " + strconv.FormatInt(e.Place.Row, 10))
		}
	}
	return out.String()
}

func (f *Facts) name(file int) string {
	if file < len(f.files) {
		return f.files[file].Name
	}
	return "?"
}

// examples is the machine-readable form of examples, with as much of the
// values as may be shown.
func (f *Facts) examples(examples profile.Examples, values bool) []any {
	out := make([]any, len(examples))
	for i, e := range examples {
		row := map[string]any{"file": f.name(e.Place.File), "row": e.Place.Row}
		if v, ok := f.sample(e.Value); ok && values {
			row["value"] = v
		}
		out[i] = row
	}
	return out
}

// sample returns what may be shown of a value, if anything.
func (f *Facts) sample(value string) (string, bool) {
	switch f.samples {
	case manifest.SamplesFull:
		return escape(value), true
	case manifest.SamplesMasked:
		return escape(mask(value)), true
	}
	return "", false
}

// escape makes text from data fit to be shown: control characters as Go
// escapes them, and not too long.
func escape(s string) string {
	runes := 0
	for i := range s {
		if runes++; runes > maxSample {
			s = s[:i] + "…"
			break
		}
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// shownText makes text of the manifest fit to be shown: unlike escape it leaves
// the backslashes of patterns alone.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func shownText(s string) string {
	if r := []rune(s); len(r) > maxSample {
		s = string(r[:maxSample]) + "…"
	}
	return escapeLong(s)
}

func number(v float64) string {
	if a := math.Abs(v); a == 0 || a >= 1e-6 && a < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func isAre(n int64, singular, plural string) string {
	if n == 1 {
		return singular
	}
	return plural
}
