package modelcheck

import (
	"context"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/card"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

var cardVersion = Rule{
	ID:    "card.version",
	Doc:   "The version that the card names is the one these files are registered as, or one still to come.",
	Group: report.GroupCard,
	Params: map[string]any{
		"required": map[string]any{"type": "boolean", "default": false, "description": "Whether the card must name a version."},
	},
	run: onCard("CARD008", runCardVersion),
}

func runCardVersion(ctx context.Context, m *model, c *card.Card, spec manifest.CheckSpec) ([]report.Finding, error) {
	one := func(v report.Verdict, message, expected, hint string) ([]report.Finding, error) {
		f := m.cardFinding("", v, max(c.Version.Line, 1), message)
		f.Expected, f.Hint = expected, hint
		if f.Observed = quoted(c.Version.Value); c.Version.Value == "" {
			f.Observed = "none"
		}
		return []report.Finding{f}, nil
	}
	if c.Version.Value == "" {
		if flag(spec.Params["required"], false) {
			return one(report.Fail, "the card names no version", "version: in the front matter", "add version: to the card, or remove required: true")
		}
		return one(report.Pass, "the card names no version", "", "")
	}
	says, err := ref.ParseVersion("v" + strings.TrimPrefix(c.Version.Value, "v"))
	if err != nil {
		return one(report.Fail, fmt.Sprintf("the card's version %s is no version", quoted(c.Version.Value)), "a version like 1.4.0", "write MAJOR.MINOR.PATCH")
	}
	if m.opts.Registered == nil {
		return one(report.Inconclusive, fmt.Sprintf("the card says %s; the versions that are registered are not known", says), "", "run \"waybill check\" in the repository")
	}
	is, err := m.opts.Registered(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case !is.This.IsZero() && says != is.This:
		return one(report.Fail, fmt.Sprintf("the card says %s, these files are registered as %s", says, is.This), is.This.String(), "write version: "+strings.TrimPrefix(is.This.String(), "v"))
	case is.This.IsZero() && !is.Newest.IsZero() && says.Compare(is.Newest) <= 0:
		return one(report.Fail, fmt.Sprintf("the card says %s, and %s is registered already, with other files", says, is.Newest), "a version after "+is.Newest.String(),
			"write the version that these files are to become")
	}
	return one(report.Pass, fmt.Sprintf("the card's version is %s", says), "", "")
}
