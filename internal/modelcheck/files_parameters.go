package modelcheck

import (
	"context"
	"fmt"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var filesParameters = Rule{
	ID:    "files.parameters",
	Doc:   "The model has at most so many parameters, counted over all files whose format waybill knows.",
	Group: report.GroupFiles,
	Params: map[string]any{
		"max": map[string]any{"type": "integer", "minimum": 0, "description": "The most parameters (elements of tensors) allowed."},
	},
	Required: []string{"max"},
	run:      runFilesParameters,
}

// opaqueLimit is the size past which a file of unknown format may well hold
// weights: then the parameters of the model are not known. Smaller ones
// (configurations, vocabularies) are taken to hold none.
const opaqueLimit = 16 << 20

func runFilesParameters(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	limit, ok := wholeNumber(spec.Params["max"])
	if !ok {
		return nil, fmt.Errorf("%s: max: %v is not a whole number", spec.Pos, spec.Params["max"])
	}
	total, counted, unknown, err := m.parameters(ctx)
	if err != nil {
		return nil, err
	}
	finding := report.Finding{
		Expected: "≤ " + report.Thousands(limit),
		Observed: report.Thousands(total),
		Details:  map[string]any{"parameters": total, "max": limit},
	}
	switch {
	case total > limit:
		finding.Verdict = report.Fail
		finding.Message = fmt.Sprintf("the model has %s parameters, at most %s are allowed", report.Thousands(total), report.Thousands(limit))
		finding.Hint = "use a smaller model or raise max"
	case unknown.why != "":
		finding.Verdict = report.Inconclusive
		finding.Message = fmt.Sprintf("the parameters cannot be counted: %s", unknown)
		finding.Observed = ""
		if counted > 0 {
			finding.Observed = fmt.Sprintf("%s in %s", report.Thousands(total), count(counted, "file"))
		}
		finding.Hint = unknown.hint
	default:
		finding.Verdict = report.Pass
		finding.Message = fmt.Sprintf("the model has %s parameters in %s", report.Thousands(total), count(counted, "file"))
	}
	return []report.Finding{finding}, nil
}

// parameters counts those of all files. unknown says why there may be more.
func (m *model) parameters(ctx context.Context) (total int64, counted int, unknown unread, err error) {
	for _, f := range m.files {
		got, err := m.inspect(ctx, f)
		if err != nil {
			return 0, 0, unknown, err
		}
		switch {
		case got.bad != nil:
			unknown.add(f.Path+" cannot be read", mend)
		case got.facts.Format != "" && got.facts.Dtypes == nil:
			unknown.add(fmt.Sprintf("%s is a %s file, whose tensors waybill does not read", f.Path, got.facts.Format), convert)
		case got.facts.Format != "":
			counted++
			// Saturating: a sum past int64 is past every limit.
			if total += got.facts.Parameters; total < 0 {
				total = 1<<63 - 1
			}
		case f.Size > opaqueLimit:
			unknown.add(fmt.Sprintf("%s (%s) is of no format that waybill reads", f.Path, size(f.Size)), convert)
		}
	}
	if counted == 0 && unknown.why == "" {
		unknown.add("no file is of a format that waybill reads", convert)
	}
	return total, counted, unknown, nil
}

// wholeNumber reads a parameter of type integer. JSON Schema takes 1e6 and
// 5.0 for integers, so they arrive as floats.
func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case float64:
		n := int64(v)
		return n, v == float64(n) && v >= 0 && v < 1<<63
	}
	return 0, false
}
