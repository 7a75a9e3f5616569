package cli

import (
	"strings"

	"github.com/waybill-dev/waybill/internal/promotion"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

// outcomes prints what became of each request. A refusal prints its report;
// the worst verdict decides the exit code.
func (a *app) outcomes(os []*promotion.Outcome) error {
	worst := &report.Report{Verdict: report.Pass}
	for _, o := range os {
		if o.Report != nil && !o.Done && (o.Report.Verdict == report.Fail || worst.Verdict == report.Pass) {
			worst = o.Report
		}
	}
	a.verdict(worst)
	if a.format == "json" {
		return a.result(map[string]any{"apiVersion": report.APIVersion, "verdict": worst.Verdict, "outcomes": os})
	}
	page := &report.Report{}
	for _, o := range os {
		text := o.Message
		if len(o.Tags) > 0 {
			text += "\ntags: " + strings.Join(o.Tags, " ")
		}
		if a.format != "text" && a.format != "markdown" { // one document holds all
			page.Sections = append(page.Sections, report.TextSection("", text))
			if o.Report != nil {
				page.Findings = append(page.Findings, o.Report.Findings...)
				page.Sections = append(page.Sections, o.Report.Sections...)
			}
			continue
		}
		if err := render.Sections(a.out, a.format, []report.Section{report.TextSection("", text)}, a.options()); err != nil {
			return err
		}
		if o.Report != nil && (a.verbose || !o.Done && (o.Report.Verdict != report.Pass || o.Report.Summary.Warning > 0)) {
			if err := render.Report(a.out, a.format, o.Report, a.options()); err != nil {
				return err
			}
		}
	}
	if len(page.Sections) > 0 {
		page.Finish()
		return render.Report(a.out, a.format, page, a.options())
	}
	return nil
}
