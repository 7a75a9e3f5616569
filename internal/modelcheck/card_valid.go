package modelcheck

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

// A card that cannot be read is only a warning unless the manifest asks for
// more: the card is no part of the content, and can be mended after the fact.
var cardValid = Rule{
	ID:      "card.valid",
	Doc:     "The model card is there, and its front matter can be read.",
	Group:   report.GroupCard,
	Always:  true,
	Unasked: report.Warning,
	run:     runCardValid,
}

func runCardValid(_ context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
	const rule = "CARD001"
	if m.artifact.Model.Card == "" {
		if spec.Pos == (manifest.Pos{}) {
			return nil, nil
		}
		return []report.Finding{{
			Verdict: report.Fail, Rule: rule,
			Message:  "the manifest names no model card",
			Expected: "a card", Observed: "none",
			Hint: "write a README.md and add \"card: README.md\" to " + m.artifact.Path,
		}}, nil
	}
	r := m.readCard()
	if r.err != nil {
		return []report.Finding{{
			Verdict: report.Fail, Rule: rule,
			Message:  fmt.Sprintf("the model card %s cannot be read: %v", quoted(m.artifact.Model.Card), r.err),
			Expected: "a card", Observed: r.err.Error(),
			Hint: "write it, or mend card: in " + m.artifact.Path,
		}}, nil
	}
	var findings []report.Finding
	for _, p := range r.card.Problems {
		f := m.cardFinding(rule, report.Fail, p.Line, escaped(p.Reason))
		f.Subject, f.Message = escaped(p.Reason), fmt.Sprintf("the model card has a mistake: %s", escaped(p.Reason))
		f.Expected, f.Observed = "a card that can be read", escaped(p.Reason)
		if f.Hint = p.Hint; f.Hint == "" {
			f.Hint = "mend that line"
		}
		findings = append(findings, f)
	}
	if findings == nil {
		findings = []report.Finding{m.cardFinding("", report.Pass, 0, fmt.Sprintf("the model card can be read: front matter and %s", count(len(r.card.Sections), "section")))}
	}
	return findings, nil
}

// readCard is the card, or why there is none.
type readCard struct {
	card *card.Card
	err  error
}

func (m *model) readCard() *readCard {
	if m.card != nil {
		return m.card
	}
	m.card = &readCard{}
	switch name := m.artifact.Model.Card; {
	case name == "":
		m.card.err = errors.New("the manifest names none")
	case m.opts.ReadFile == nil:
		m.card.err = errors.New("the repository's files are not at hand")
	default:
		data, err := m.opts.ReadFile(m.artifact.Resolve(name))
		if m.card.err = err; err == nil {
			m.card.card = card.Parse(data)
		}
	}
	return m.card
}

// onCard makes a check of one that looks at the card: without a card it is
// INCONCLUSIVE. The findings point at the card unless they say otherwise.
func onCard(rule string, check func(context.Context, *model, *card.Card, manifest.CheckSpec) ([]report.Finding, error)) func(context.Context, *model, manifest.CheckSpec) ([]report.Finding, error) {
	return func(ctx context.Context, m *model, spec manifest.CheckSpec) ([]report.Finding, error) {
		r := m.readCard()
		if r.err != nil {
			return []report.Finding{{
				Verdict: report.Inconclusive, Rule: rule,
				Message: fmt.Sprintf("there is no model card to look at: %v", r.err),
				Hint:    "write a model card and name it under card: in " + m.artifact.Path,
			}}, nil
		}
		findings, err := check(ctx, m, r.card, spec)
		for i := range findings {
			if findings[i].Verdict != report.Pass && findings[i].Rule == "" {
				findings[i].Rule = rule
			}
			if findings[i].Location == nil {
				findings[i].Location = &report.Location{File: m.artifact.Resolve(m.artifact.Model.Card)}
			}
		}
		return findings, err
	}
}

// cardFinding is a finding about a line of the card, 0 for all of it.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (m *model) cardFinding(rule string, v report.Verdict, line int, message string) report.Finding {
	return report.Finding{
		Verdict: v, Rule: rule, Message: message,
		Location: &report.Location{File: m.artifact.Resolve(m.artifact.Model.Card), Line: line},
	}
}

// quoted and escaped make text of files fit to be shown: not too long, and
// without control characters.
func quoted(s string) string {
	const most = 80
	n := 0
	for i := range s {
		if n++; n > most {
			return strconv.Quote(s[:i] + "…")
		}
	}
	return strconv.Quote(s)
}

func escaped(s string) string {
	const most = 200
	n := 0
	for i := range s {
		if n++; n > most {
			s = s[:i] + "…"
			break
		}
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if !strconv.IsPrint(r) {
			r = '\ufffd'
		}
		out = append(out, r)
	}
	return string(out)
}

// flag reads a parameter of type boolean.
func flag(v any, otherwise bool) bool {
	if b, ok := v.(bool); ok {
		return b
	}
	return otherwise
}

// texts reads a parameter that is a list of texts.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func texts(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// number reads a parameter that is a number, 0 or more.
func number(v any, otherwise float64) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case int:
		return float64(v)
	case float64:
		return v
	}
	return otherwise
}
