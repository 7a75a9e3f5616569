package modelcheck

import (
	"context"
	"fmt"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/schemas"
)

var filesSize = Rule{
	ID:    "files.size",
	Doc:   "The files together, or each of them, are at most so large.",
	Group: report.GroupFiles,
	Params: map[string]any{
		"max": map[string]any{"type": "string", "format": schemas.FormatSize, "description": "The largest size allowed, like 200MB or 1.5GiB."},
		"per": map[string]any{"enum": []any{"model", "file"}, "default": "model", "description": "What max holds for: all files together (model), or each file."},
	},
	Required: []string{"max"},
	run:      runFilesSize,
}

func runFilesSize(_ context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	written, _ := spec.Params["max"].(string)
	limit, err := manifest.ParseSize(written)
	if err != nil {
		return nil, fmt.Errorf("%s: max: %w", spec.Pos, err)
	}
	per, _ := spec.Params["per"].(string)
	switch per {
	case "", "model":
		return []report.Finding{modelSize(m, limit)}, nil
	case "file":
		return fileSizes(m, spec, limit), nil
	}
	return nil, fmt.Errorf("%s: per: %q, expected model or file", spec.Pos, per)
}

func modelSize(m *model, limit int64) report.Finding {
	total := int64(0)
	largest := manifest.File{}
	for _, f := range m.files {
		total += f.Size
		if f.Size > largest.Size {
			largest = f
		}
	}
	finding := report.Finding{
		Verdict:  report.Pass,
		Message:  fmt.Sprintf("the model has %s in %s, at most %s is allowed", beside(total, limit), count(len(m.files), "file"), size(limit)),
		Expected: "≤ " + size(limit),
		Observed: beside(total, limit),
		Details:  map[string]any{"bytes": total, "max": limit},
	}
	if total > limit {
		finding.Verdict = report.Fail
		finding.Hint = fmt.Sprintf("the largest is %s with %s; make it smaller or raise max", largest.Path, size(largest.Size))
	}
	return finding
}

func fileSizes(m *model, spec manifest.CheckSpec, limit int64) []report.Finding {
	var findings []report.Finding
	largest := manifest.File{}
	for _, f := range m.files {
		if f.Size > largest.Size {
			largest = f
		}
		if f.Size > limit {
			findings = append(findings, report.Finding{
				Verdict:  report.Fail,
				Subject:  f.Path,
				Location: m.locationOf(spec, f.Path),
				Message:  fmt.Sprintf("%s has %s, at most %s a file is allowed", f.Path, beside(f.Size, limit), size(limit)),
				Expected: "≤ " + size(limit),
				Observed: beside(f.Size, limit),
				Hint:     "split the file (shard the weights), make it smaller or raise max",
				Details:  map[string]any{"path": f.Path, "bytes": f.Size, "max": limit},
			})
		}
	}
	if findings == nil {
		findings = []report.Finding{{
			Verdict:  report.Pass,
			Message:  fmt.Sprintf("the largest of %s has %s, at most %s a file is allowed", count(len(m.files), "file"), beside(largest.Size, limit), size(limit)),
			Expected: "≤ " + size(limit),
			Observed: beside(largest.Size, limit),
			Details:  map[string]any{"bytes": largest.Size, "max": limit},
		}}
	}
	return findings
}
