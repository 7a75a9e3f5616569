package cli

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/delivery"
	"github.com/waybill-dev/waybill/internal/deploy"
)

// Only addresses of pull requests are links in a summary: what a deployment file
// says is text, however much it looks like an address.
func TestSummaryLinks(t *testing.T) {
	pr := "https://github.com/acme/reviews/pull/1"
	d := &delivery.Result{Files: []delivery.File{
		{Path: "a.yaml", State: delivery.Proposed, PullRequest: pr},
		{Path: "b.yaml", State: delivery.Planned, Changes: []deploy.Change{{Place: deploy.Place{Path: "x", Text: "https://evil.example/><img/src=x>@octocat"}, To: "oci://y"}}},
	}}
	var got strings.Builder
	for line := range strings.SplitSeq(deliveryText(d), "\n") {
		got.WriteString(inertLine(line, d.Files) + "\n")
	}
	if !strings.Contains(got.String(), "merge <"+pr+">, which writes") {
		t.Errorf("no link to the pull request:\n%s", &got)
	}
	for _, bad := range []string{"<https://evil", "<img", "@octocat"} {
		if strings.Contains(got.String(), bad) {
			t.Errorf("%q acts:\n%s", bad, &got)
		}
	}
}
