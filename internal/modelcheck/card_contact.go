package modelcheck

import (
	"context"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var cardContact = Rule{
	ID:    "card.contact",
	Doc:   "The card says whom to ask.",
	Group: report.GroupCard,
	run:   onCard("CARD009", runCardContact),
}

func runCardContact(_ context.Context, m *model, c *card.Card, _ manifest.CheckSpec) ([]report.Finding, error) {
	if t := c.Contact(); t.Value != "" {
		return []report.Finding{m.cardFinding("", report.Pass, t.Line, "the card says whom to ask")}, nil
	}
	for line, text := range c.Lines {
		for _, owner := range m.artifact.Owners {
			if strings.Contains(text, owner) {
				return []report.Finding{m.cardFinding("", report.Pass, line, fmt.Sprintf("the card names the owner %s", owner))}, nil
			}
		}
	}
	f := m.cardFinding("CARD009", report.Fail, 0, "the card does not say whom to ask")
	f.Expected, f.Observed = "a section about contact, a line like \"Maintained by: …\", or an owner of the manifest", "none"
	f.Hint = "add a section \"Contact\""
	return []report.Finding{f}, nil
}
