package imagecheck

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

var imageSize = Rule{
	ID:  "image.size",
	Doc: "Every image has a width, a height and a number of bytes within bounds.",
	Params: map[string]any{
		"minWidth":  integer("Smallest width in pixels."),
		"maxWidth":  integer("Largest width in pixels."),
		"minHeight": integer("Smallest height in pixels."),
		"maxHeight": integer("Largest height in pixels."),
		"minBytes":  sizeParam("Smallest file, like 1KB."),
		"maxBytes":  sizeParam("Largest file, like 10MB."),
	},
	bind: func(p *params) plan {
		minWidth, maxWidth := p.count("minWidth", math.MaxInt32), p.count("maxWidth", math.MaxInt32)
		minHeight, maxHeight := p.count("minHeight", math.MaxInt32), p.count("maxHeight", math.MaxInt32)
		minBytes, maxBytes := p.size("minBytes"), p.size("maxBytes")
		ordered(p, "Width", minWidth, maxWidth)
		ordered(p, "Height", minHeight, maxHeight)
		ordered(p, "Bytes", minBytes, maxBytes)
		var expected []string
		for _, b := range []struct {
			low, high *int64
			what      string
		}{{minWidth, maxWidth, "pixels wide"}, {minHeight, maxHeight, "pixels high"}, {minBytes, maxBytes, "bytes"}} {
			switch {
			case b.low != nil && b.high != nil:
				expected = append(expected, fmt.Sprintf("%s to %s %s", report.Thousands(*b.low), report.Thousands(*b.high), b.what))
			case b.low != nil:
				expected = append(expected, fmt.Sprintf("≥ %s %s", report.Thousands(*b.low), b.what))
			case b.high != nil:
				expected = append(expected, fmt.Sprintf("≤ %s %s", report.Thousands(*b.high), b.what))
			}
		}
		if expected == nil {
			p.mistake("needs a bound", "as in: minWidth: 64")
		}
		out := plan{}
		pixels := minWidth != nil || maxWidth != nil || minHeight != nil || maxHeight != nil
		if pixels {
			out.depth = head
		}
		out.judge = func(_ context.Context, d *dataset) ([]report.Finding, error) {
			t := tally{
				noun: "image", problem: "are too small or too large", single: "is too small or too large", holds: "the size of every image is within bounds",
				expected: strings.Join(expected, ", "), hint: "resize them, leave them out of files:, or change the bounds",
			}
			for _, im := range d.images {
				t.checked++
				switch {
				case outside(im.Size, minBytes, maxBytes):
					t.fail(im.example(count(im.Size, "byte")))
				case !pixels:
				case im.header == damaged:
					t.fail(im.example(im.reason))
				case im.header != sound:
					t.skip(im.example(im.reason))
				case outside(int64(im.width), minWidth, maxWidth) || outside(int64(im.height), minHeight, maxHeight):
					t.fail(im.example(fmt.Sprintf("%d×%d", im.width, im.height)))
				}
			}
			return []report.Finding{t.finding(d)}, nil
		}
		return out
	},
}

func outside[T int64 | float64](v T, low, high *T) bool {
	return low != nil && v < *low || high != nil && v > *high
}
