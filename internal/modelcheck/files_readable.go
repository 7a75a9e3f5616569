package modelcheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/report"
)

var filesReadable = Rule{
	ID:     "files.readable",
	Doc:    "Every file whose format waybill knows keeps the rules of that format. Files of other formats are left alone.",
	Group:  report.GroupFiles,
	Always: true,
	run:    runFilesReadable,
}

func runFilesReadable(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	var findings []report.Finding
	var formats []string
	read := 0
	for _, f := range m.files {
		got, err := m.inspect(ctx, f)
		if err != nil {
			return nil, err
		}
		switch {
		case got.bad != nil:
			findings = append(findings, unreadable(got.bad, m.locationOf(spec, f.Path)))
		case got.facts.Format != "":
			read++
			formats = append(formats, got.facts.Format)
		}
	}
	if len(findings) > 0 {
		return findings, nil
	}
	// One finding says that the check has run; a stage may require its group.
	message := fmt.Sprintf("%s, none of a format that waybill reads: their contents were not checked", count(len(m.files), "file"))
	if read > 0 {
		slices.Sort(formats)
		message = fmt.Sprintf("read %d of %s: each keeps the rules of its format (%s)",
			read, count(len(m.files), "file"), strings.Join(slices.Compact(formats), ", "))
	}
	return []report.Finding{{
		Verdict: report.Pass,
		Message: message,
		Details: map[string]any{"files": len(m.files), "read": read},
	}}, nil
}

func unreadable(bad *modelfile.FormatError, at *report.Location) report.Finding {
	return report.Finding{
		Verdict:  report.Fail,
		Rule:     bad.Rule,
		Subject:  bad.Path,
		Location: at,
		Message:  fmt.Sprintf("%s is not a valid %s file: %s", bad.Path, bad.Format, bad.Reason),
		Expected: modelfile.RuleDoc(bad.Rule),
		Observed: fmt.Sprintf("at byte %d: %s", bad.Offset, bad.Reason),
		Hint:     bad.Hint,
		Details:  map[string]any{"path": bad.Path, "format": bad.Format, "offset": bad.Offset},
	}
}

// asFormatError tells what is wrong with a file from what went wrong reading
// it.
func asFormatError(err error) (*modelfile.FormatError, error) {
	var bad *modelfile.FormatError
	if errors.As(err, &bad) {
		return bad, nil
	}
	return nil, err
}
