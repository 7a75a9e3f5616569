package datacheck

import (
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type tableVolumeParams struct {
	Versions     *int64   `param:"versions" doc:"How many earlier versions to look at. Default: 10."`
	Factor       *float64 `param:"factor" doc:"From which robust z-score on a growth is unusual. Default: 3.5."`
	FirstRelease string   `param:"firstRelease" enum:"allow" doc:"allow passes while fewer than four earlier versions are known."`
}

const (
	// leastVersions is how many earlier versions make a history.
	leastVersions = 4
	maxVersions   = 1000
	// leastSpread is the least that growths are taken to differ by: versions that
	// all grew alike would make every other growth unusual.
	leastSpread = 0.01
)

// tableVolume judges the growth since the last version rather than the rows:
// of a dataset that grows, every version has more rows than those before it,
// and one that lost half of them has as many as an earlier one.
//
// The score is the modified z-score of B. Iglewicz and D. C. Hoaglin, "How to
// Detect and Handle Outliers" (1993): 0.6745 (x - median) / MAD, unusual past
// 3.5. Median and MAD, unlike mean and standard deviation, are not moved by the
// one version in a few that was unusual itself.
var tableVolume = Rule{
	ID:     "table.volume",
	Doc:    "The rows have grown since the last version as they usually do from version to version. Versions count whose profile was pushed.",
	Params: tableVolumeParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p tableVolumeParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		// Of earlier versions only the rows of splits are known.
		if err := refuse(spec, "mostly", "column", "groupBy", "where"); err != nil {
			return plan, err
		}
		versions, factor := int64(10), 3.5
		if p.Versions != nil {
			versions = *p.Versions
		}
		if p.Factor != nil {
			factor = *p.Factor
		}
		if versions < leastVersions || versions > maxVersions {
			return plan, mistake(spec, fmt.Sprintf("table.volume: versions %d is not between %d and %d", versions, leastVersions, maxVersions), "")
		}
		if !(factor > 0) {
			return plan, mistake(spec, fmt.Sprintf("table.volume: factor %s is not above 0", number(factor)), "")
		}
		plan.Compare = &Comparison{History: int(versions), FirstRelease: p.FirstRelease}
		plan.Judge = func(f Facts) []report.Finding {
			return []report.Finding{judgeVolume(f.Rows, history(f.History, spec.Splits), factor, p.FirstRelease == "allow")}
		}
		return plan, nil
	},
}

// volume is the rows of an earlier version.
type volume struct {
	version string
	rows    int64
}

// history is the rows of some splits (none means all) of the versions that have
// them, the oldest first.
func history(past []Past, splits []string) []volume {
	var out []volume
	for i := len(past) - 1; i >= 0; i-- {
		v, known := volume{version: past[i].Version}, true
		if len(splits) == 0 {
			for _, n := range past[i].Rows {
				v.rows += n
			}
		}
		for _, s := range splits {
			n, ok := past[i].Rows[s]
			v.rows, known = v.rows+n, known && ok
		}
		if known {
			out = append(out, v)
		}
	}
	return out
}

func judgeVolume(rows int64, past []volume, factor float64, first bool) report.Finding {
	out := report.Finding{Verdict: report.Inconclusive, Expected: fmt.Sprintf("a growth of which the robust z-score is at most %s", number(factor))}
	if len(past) < leastVersions {
		out.Observed = count(int64(len(past)), "earlier version")
		out.Message = fmt.Sprintf("the rows of %s are known, %d are needed", out.Observed, leastVersions)
		out.Hint = "\"waybill push\" records the rows with the profile; \"firstRelease: allow\" passes until then"
		if first {
			out.Verdict, out.Hint = report.Pass, ""
			out.Message += "; the check allows it"
		}
		return out
	}
	var usual []float64
	for i := 1; i < len(past); i++ {
		if past[i-1].rows > 0 {
			usual = append(usual, growth(past[i].rows, past[i-1].rows))
		}
	}
	last := past[len(past)-1]
	if last.rows == 0 || len(usual) < leastVersions-1 {
		out.Observed = "versions without rows"
		out.Message = "the growth is not known: earlier versions had no rows"
		return out
	}
	middle := quantile(usual, 0.5)
	off := make([]float64, len(usual))
	for i, g := range usual {
		off[i] = math.Abs(g - middle)
	}
	spread := max(quantile(off, 0.5)/0.6745, leastSpread)
	now := growth(rows, last.rows)
	z := shown((now - middle) / spread)
	out.Verdict, out.Observed = report.Pass, fmt.Sprintf("%s than %s, z-score %s", changed(now), last.version, significant(z))
	out.Message = fmt.Sprintf("there %s, %s than in %s; the %d versions before usually had %s than their predecessors (robust z-score %s)",
		rowsThere(rows), changed(now), last.version, len(past), changed(middle), significant(z))
	out.Details = map[string]any{"rows": rows, "before": last.rows, "change": shown(now), "usual": shown(middle), "spread": shown(spread), "zScore": z, "versions": len(past)}
	if math.Abs(z) > factor {
		out.Verdict, out.Hint = report.Fail, "was a file left out, or loaded twice?"
	}
	return out
}
