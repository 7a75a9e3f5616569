package modelcheck

import (
	"context"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var cardSections = Rule{
	ID:    "card.sections",
	Doc:   "The card says what the model is for, what it cannot do and how it was evaluated, in words of its own.",
	Group: report.GroupCard,
	Params: map[string]any{
		"sections": map[string]any{
			"type": "array", "minItems": 1, "items": map[string]any{"type": "string", "minLength": 1},
			"default":     []any{"intended use", "limitations", "evaluation"},
			"description": "The sections that must be there, by words of their titles.",
		},
	},
	run: onCard("CARD007", runCardSections),
}

// usualTitles are what cards call the sections that are asked for by default:
// the Hub's template, and "Model Cards for Model Reporting" (Mitchell et al.,
// 2019, section 4).
var usualTitles = map[string][]string{
	"intended use": {"intended use", "direct use", "uses", "use cases"},
	"limitations":  {"limitation", "out-of-scope", "caveats", "risks"},
	"evaluation":   {"evaluation", "results", "performance", "metrics", "benchmark"},
}

func runCardSections(_ context.Context, m *model, c *card.Card, spec manifest.CheckSpec) ([]report.Finding, error) {
	wanted := texts(spec.Params["sections"])
	if len(wanted) == 0 {
		wanted = []string{"intended use", "limitations", "evaluation"}
	}
	var findings []report.Finding
	fail := func(want string, line int, message, observed, hint string) {
		f := m.cardFinding("CARD007", report.Fail, line, message)
		f.Subject, f.Expected, f.Observed, f.Hint = want, "a section about "+want, observed, hint
		findings = append(findings, f)
	}
	for _, want := range wanted {
		words, ok := usualTitles[strings.ToLower(want)]
		if !ok {
			words = []string{strings.ToLower(want)}
		}
		switch s := c.Section(words...); {
		case s == nil:
			fail(want, 0, fmt.Sprintf("the card has no section about %s", want), "none", fmt.Sprintf("add a heading with %q, and say it below", want))
		case s.Empty():
			fail(want, s.Line, fmt.Sprintf("the card's section %s says nothing", quoted(s.Title)), "empty, or text of a template", "say it, or remove the heading and what asks for it")
		}
	}
	if findings == nil {
		findings = []report.Finding{m.cardFinding("", report.Pass, 0, fmt.Sprintf("the card has the sections asked for (%s)", strings.Join(wanted, ", ")))}
	}
	return findings, nil
}
