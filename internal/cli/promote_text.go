package cli

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/delivery"
	"github.com/waybill-dev/waybill/internal/report"
)

// deliveryText says, a line for each file, what became of it and what is left
// to do. It begins with a newline, or is "".
func deliveryText(r *delivery.Result) string {
	var b strings.Builder
	for _, f := range r.Files {
		name := report.Visible(f.Path)
		switch f.State {
		case delivery.Current:
			fmt.Fprintf(&b, "\n%s names it", name)
		case delivery.Committed:
			fmt.Fprintf(&b, "\n%s names it: commit %.12s", name, f.Commit)
		case delivery.Proposed:
			fmt.Fprintf(&b, "\nnot yet effective: merge %s, which writes %s", f.PullRequest, name)
		case delivery.Written:
			fmt.Fprintf(&b, "\nnot yet effective: %s was edited here; commit and push it", name)
		case delivery.Refused:
			fmt.Fprintf(&b, "\n%s was not written", name)
		case delivery.Planned:
			for _, c := range f.Changes {
				fmt.Fprintf(&b, "\n%s:%d: %s: %s would become %s", name, c.Line, report.Visible(c.Path), report.Visible(c.Text), report.Visible(c.To))
			}
		}
	}
	for _, e := range r.Recorded {
		fmt.Fprintf(&b, "\nrecorded as deployed by event %d", e.Seq)
	}
	return b.String()
}

// deployedReport is what was seen, with a table of what was recorded.
func deployedReport(seen *delivery.Seen) *report.Report {
	r := seen.Report
	var rows [][]string
	for _, e := range seen.Recorded {
		rows = append(rows, []string{e.Artifact, e.Version.String(), e.Stage, fmt.Sprint(e.Seq), fmt.Sprintf("%.12s", e.Commit)})
	}
	if len(rows) > 0 {
		r.Sections = append(r.Sections, report.TableSection("Recorded", []string{"Artifact", "Version", "Stage", ">Event", "Commit"}, rows))
	}
	if len(r.Findings) == 0 && len(rows) == 0 {
		r.Sections = append(r.Sections, report.TextSection("", "no stage that holds something has deployment files"))
	}
	r.Finish()
	return r
}
