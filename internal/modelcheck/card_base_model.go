package modelcheck

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var cardBaseModel = Rule{
	ID:    "card.base-model",
	Doc:   "The base models that the card names are names of models: of the repository, or of the Hugging Face Hub.",
	Group: report.GroupCard,
	Params: map[string]any{
		"required": map[string]any{"type": "boolean", "default": false, "description": "Whether the card must name one."},
	},
	run: onCard("CARD004", runCardBaseModel),
}

// hubName is the name of a model on the Hub (huggingface_hub,
// utils/_validators.py, validate_repo_id).
var hubName = regexp.MustCompile(`^(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$`)

func runCardBaseModel(_ context.Context, m *model, c *card.Card, spec manifest.CheckSpec) ([]report.Finding, error) {
	var findings []report.Finding
	for _, b := range c.BaseModels {
		why := ""
		switch {
		case strings.EqualFold(b.Value, m.artifact.Name):
			why = "is this model itself"
		case !hubName.MatchString(b.Value) || strings.Contains(b.Value, "--") || strings.Contains(b.Value, "..") || strings.HasSuffix(b.Value, ".git"):
			why = "is no name of a model"
		default:
			continue
		}
		f := m.cardFinding("CARD004", report.Fail, b.Line, fmt.Sprintf("the card's base model %s %s", quoted(b.Value), why))
		f.Subject, f.Expected, f.Observed = escaped(b.Value), "OWNER/NAME, or the name of a model here", quoted(b.Value)
		f.Hint = "write base_model: OWNER/NAME as the Hugging Face Hub has it"
		if name, ok := strings.CutPrefix(b.Value, "https://huggingface.co/"); ok && hubName.MatchString(name) {
			f.Hint = "write base_model: " + name
		}
		findings = append(findings, f)
	}
	switch {
	case findings != nil:
	case len(c.BaseModels) > 0:
		findings = []report.Finding{m.cardFinding("", report.Pass, c.BaseModels[0].Line, fmt.Sprintf("the card names %s", count(len(c.BaseModels), "base model")))}
	case flag(spec.Params["required"], false):
		f := m.cardFinding("CARD004", report.Fail, 1, "the card names no base model")
		f.Expected, f.Observed, f.Hint = "base_model: in the front matter", "none", "add base_model: OWNER/NAME, or remove required: true"
		findings = []report.Finding{f}
	default:
		findings = []report.Finding{m.cardFinding("", report.Pass, 0, "the card names no base model")}
	}
	return findings, nil
}
