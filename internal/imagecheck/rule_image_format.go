package imagecheck

import (
	"context"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

var imageFormat = Rule{
	ID:  "image.format",
	Doc: "Every image is of one of some formats, or has colours of some kinds, as its first bytes say.",
	Params: map[string]any{
		"formats": listOf(known, "The formats allowed. Default: all."),
		"modes":   listOf(modes, "The kinds of colours allowed; those of a palette are the colours in it. Default: all."),
	},
	bind: func(p *params) plan {
		formats, kinds := p.texts("formats", known), p.texts("modes", modes)
		if formats == nil && kinds == nil {
			p.mistake("needs formats or modes", "as in: formats: [jpeg, png]")
		}
		var allowed []string
		if formats != nil {
			allowed = append(allowed, strings.Join(formats, ", "))
		}
		if kinds != nil {
			allowed = append(allowed, strings.Join(kinds, ", "))
		}
		return plan{depth: head, judge: func(_ context.Context, d *dataset) ([]report.Finding, error) {
			t := tally{
				noun: "image", problem: "are of another kind", single: "is of another kind", holds: "every image is of an allowed kind", expected: strings.Join(allowed, "; "),
				hint: "convert them, or leave them out of files:",
			}
			for _, im := range d.images {
				t.checked++
				switch {
				case im.format == "":
					t.fail(im.example(im.reason))
				case formats != nil && !slices.Contains(formats, im.format):
					t.fail(im.example(im.format))
				case kinds == nil:
				case im.header == damaged:
					t.fail(im.example(im.reason))
				case im.header != sound:
					t.skip(im.example(im.reason))
				case !slices.Contains(kinds, im.mode):
					t.fail(im.example(im.mode))
				}
			}
			return []report.Finding{t.finding(d)}, nil
		}}
	},
}
