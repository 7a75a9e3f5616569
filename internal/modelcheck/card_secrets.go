package modelcheck

import (
	"context"
	"fmt"
	"regexp"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/pii"
	"github.com/waybill-dev/waybill/internal/report"
)

var cardSecrets = Rule{
	ID:    "card.secrets",
	Doc:   "The card has no keys, and no personal data but how to reach its authors.",
	Group: report.GroupCard,
	Params: map[string]any{
		"kinds": map[string]any{
			"type": "array", "minItems": 1, "uniqueItems": true, "items": map[string]any{"enum": anyTexts(pii.Names())},
			"default": []any{"key", "credit-card", "iban"}, "description": "What is looked for. An e-mail address is how most cards say whom to ask.",
		},
	},
	run: onCard("CARD010", runCardSecrets),
}

// verifyToken is what the Hub signs a result with that it measured itself: it
// has the form of a key, and is made to be shown (huggingface_hub,
// repocard_data.py, EvalResult.verify_token).
var verifyToken = regexp.MustCompile(`^[ -]*verifyToken: *["']?eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+["']?[ \r]*$`)

func runCardSecrets(_ context.Context, m *model, c *card.Card, spec manifest.CheckSpec) ([]report.Finding, error) {
	kinds := pii.Key | pii.Card | pii.IBAN
	if asked := texts(spec.Params["kinds"]); len(asked) > 0 {
		kinds = 0
		for _, name := range asked {
			kind, ok := pii.Parse(name)
			if !ok {
				return nil, fmt.Errorf("%s: kinds: %q, expected some of %s", spec.Pos, name, pii.All)
			}
			kinds |= kind
		}
	}
	const most = 20
	finder := pii.New(kinds)
	var findings []report.Finding
	var matches []pii.Match
	for line, text := range c.All {
		if verifyToken.MatchString(text) {
			continue
		}
		matches = finder.Find(matches[:0], []byte(text))
		for _, found := range matches {
			shown := pii.Mask(found.Kind, []byte(text[found.Start:found.End]))
			f := m.cardFinding("CARD010", report.Fail, line, fmt.Sprintf("the card has what looks like a secret or personal data: %s (%s)", escaped(shown), found.Kind))
			f.Subject, f.Expected, f.Observed = fmt.Sprintf("%s %d", found.Kind, len(findings)+1), "none", fmt.Sprintf("%s in line %d", found.Kind, line)
			f.Hint = "remove it; a key that was pushed must be revoked, since Git keeps it"
			if findings = append(findings, f); len(findings) == most {
				return findings, nil
			}
		}
	}
	if findings == nil {
		findings = []report.Finding{m.cardFinding("", report.Pass, 0, fmt.Sprintf("the card has nothing that looks like one of %s", kinds))}
	}
	return findings, nil
}

func anyTexts(of []string) []any {
	out := make([]any, len(of))
	for i, s := range of {
		out[i] = s
	}
	return out
}
