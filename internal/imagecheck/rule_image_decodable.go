package imagecheck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

var imageDecodable = Rule{
	ID:  "image.decodable",
	Doc: "Every image can be decoded to its end and is of the format that its extension says.",
	Params: map[string]any{
		"formats":   listOf(decodable, "The formats allowed. Default: all that can be decoded."),
		"max":       map[string]any{"type": "number", "minimum": 0, "maximum": 1, "description": "Largest share of the images that may fail: 0.01 is 1 %. Default: 0."},
		"maxPixels": map[string]any{"type": "integer", "minimum": 1, "maximum": largestPixels, "description": "Images with more pixels are not decoded and fail. Default: 100000000."},
	},
	bind: func(p *params) plan {
		formats := p.texts("formats", decodable)
		if formats == nil {
			formats = decodable
		}
		most := p.number("max", 0, 1)
		limit := int64(maxPixels)
		if n := p.count("maxPixels", largestPixels); n != nil {
			limit = *n
		}
		return plan{depth: whole, maxPixels: limit, judge: func(_ context.Context, d *dataset) ([]report.Finding, error) {
			t := tally{
				noun: "image", problem: "cannot be used", single: "cannot be used", holds: "every image can be decoded to its end", most: most,
				expected: "images that can be decoded, of the format that their extension says",
				hint:     "write these images again from their source, or leave them out of files:",
			}
			for _, im := range d.images {
				t.checked++
				named := extensions[extension(im.Path)]
				pixels := int64(im.width) * int64(im.height)
				switch {
				case im.format != "" && !slices.Contains(formats, im.format):
					t.fail(im.example(fmt.Sprintf("is %s, not %s", im.format, strings.Join(formats, ", "))))
				case im.header == damaged || im.body == damaged || im.body == huge:
					t.fail(im.example(im.reason))
				case im.format != named:
					t.fail(im.example(fmt.Sprintf("is %s, its extension says %s", im.format, named)))
				case pixels > limit: // decoded because another entry allows it
					t.fail(im.example(tooLarge(pixels, limit)))
				case im.problem() != "":
					t.skip(im.example(im.reason))
				}
			}
			return []report.Finding{t.finding(d)}, nil
		}}
	},
}
