package imagecheck

import (
	"context"
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/internal/report"
)

var imageAspect = Rule{
	ID:  "image.aspect",
	Doc: "The width of every image, divided by its height, lies between min and max.",
	Params: map[string]any{
		"min": number("Smallest ratio: 0.5 is twice as high as wide."),
		"max": number("Largest ratio: 2 is twice as wide as high."),
	},
	bind: func(p *params) plan {
		low, high := p.number("min", 0, math.MaxFloat64), p.number("max", 0, math.MaxFloat64)
		if low == nil && high == nil {
			p.mistake("needs min or max", "as in: min: 0.5, max: 2")
		}
		ordered(p, "", low, high)
		expected := ""
		switch {
		case low != nil && high != nil:
			expected = fmt.Sprintf("%g to %g", *low, *high)
		case low != nil:
			expected = fmt.Sprintf("≥ %g", *low)
		case high != nil:
			expected = fmt.Sprintf("≤ %g", *high)
		}
		return plan{depth: head, judge: func(_ context.Context, d *dataset) ([]report.Finding, error) {
			t := tally{
				noun: "image", problem: "are too narrow or too wide", single: "is too narrow or too wide", holds: "the ratio of width to height is within bounds for every image",
				expected: "width / height " + expected, hint: "crop or pad them, or leave them out of files:",
			}
			for _, im := range d.images {
				t.checked++
				switch {
				case im.header == damaged:
					t.fail(im.example(im.reason))
				case im.header != sound:
					t.skip(im.example(im.reason))
				default:
					if ratio := float64(im.width) / float64(im.height); outside(ratio, low, high) {
						t.fail(im.example(fmt.Sprintf("%d×%d, %.3g", im.width, im.height, ratio)))
					}
				}
			}
			return []report.Finding{t.finding(d)}, nil
		}}
	},
}
