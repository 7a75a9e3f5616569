package modelcheck

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

var cardDatasets = Rule{
	ID:    "card.datasets",
	Doc:   "The card names the datasets that the model was made from, as manifest and lock have them, and no others.",
	Group: report.GroupCard,
	Params: map[string]any{
		"extra": map[string]any{"enum": []any{"refuse", "allow"}, "default": "refuse", "description": "Whether the card may name datasets that the manifest does not."},
	},
	run: onCard("CARD005", runCardDatasets),
}

// datasets returns the names of the datasets that the model is made with, and
// whether each is used for more than evaluation.
func (m *model) datasets() map[string]bool {
	out := map[string]bool{}
	add := func(role, name string) { out[name] = out[name] || role != "evaluate" }
	for _, d := range m.artifact.Model.Datasets {
		add(d.Role, d.Ref.Name)
	}
	if m.opts.Lock != nil && m.opts.Lock.Lineage != nil {
		for role, d := range m.opts.Lock.Lineage.Datasets {
			add(role, d.Name)
		}
	}
	return out
}

// names tells whether what a card calls a dataset is the one of that name here:
// on the Hub its owner stands before it.
func names(written, name string) bool {
	return strings.EqualFold(path.Base(written), name)
}

func runCardDatasets(_ context.Context, m *model, c *card.Card, spec manifest.CheckSpec) ([]report.Finding, error) {
	used := m.datasets()
	var findings []report.Finding
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if !used[name] || slices.ContainsFunc(c.Datasets, func(t card.Text) bool { return names(t.Value, name) }) {
			continue
		}
		line := 1
		if len(c.Datasets) > 0 {
			line = c.Datasets[0].Line
		}
		f := m.cardFinding("CARD005", report.Fail, line, fmt.Sprintf("the model was made from %s, which the card does not name", name))
		f.Subject, f.Expected, f.Observed = name, name+" under datasets:", listed(c.Datasets)
		f.Hint = "add it to datasets: of the card"
		findings = append(findings, f)
	}
	for _, t := range c.Datasets {
		known := false
		for name := range used {
			known = known || names(t.Value, name)
		}
		if known || spec.Params["extra"] == "allow" {
			continue
		}
		f := m.cardFinding("CARD005", report.Fail, t.Line, fmt.Sprintf("the card names the dataset %s, which the model was not made from", quoted(t.Value)))
		f.Subject, f.Expected, f.Observed = escaped(t.Value), "only datasets of the manifest and the lock", quoted(t.Value)
		f.Hint = "remove it from the card, add it to datasets: of " + m.artifact.Path + ", or write extra: allow"
		findings = append(findings, f)
	}
	if findings == nil {
		message := "the card and the manifest name no datasets"
		if len(used) > 0 {
			message = fmt.Sprintf("the card names the datasets that the model was made from (%s)", strings.Join(slices.Sorted(maps.Keys(used)), ", "))
		}
		findings = []report.Finding{m.cardFinding("", report.Pass, 0, message)}
	}
	return findings, nil
}

func listed(of []card.Text) string {
	if len(of) == 0 {
		return "none"
	}
	var out []string
	for _, t := range of {
		out = append(out, t.Value)
	}
	return escaped(strings.Join(out, ", "))
}
