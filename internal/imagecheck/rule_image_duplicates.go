package imagecheck

import (
	"context"
	"fmt"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

var imageDuplicates = Rule{
	ID:  "image.duplicates",
	Doc: "No image is the same file as an earlier one; with two splits, no image of the second is in the first.",
	bind: func(p *params) plan {
		p.atMostTwo()
		return plan{judge: func(_ context.Context, d *dataset) ([]report.Finding, error) {
			t := repeats(d, false)
			first := map[ref.Digest]*picture{}
			earlier, later := d.sides()
			for _, im := range earlier {
				if _, ok := first[im.Digest]; !ok {
					first[im.Digest] = im
				}
			}
			if len(earlier) == 0 {
				t.checked = 0
				return []report.Finding{t.finding(d)}, nil
			}
			for _, im := range later {
				t.checked++
				if other, ok := first[im.Digest]; ok && other != im {
					t.fail(example{file: im.name, reason: "the same as " + escape(other.name), more: map[string]any{"same": other.name}})
				}
			}
			return []report.Finding{t.finding(d)}, nil
		}}
	},
}

// atMostTwo refuses splits that can be taken neither for one whole nor for two
// sides.
func (p *params) atMostTwo() {
	if len(p.spec.Splits) > 2 {
		p.mistake("compares two splits, or looks within one", "write between: [train, test], or leave it out for all images together")
	}
}

// sides returns the images that may be repeated, and those that may repeat
// them: of two splits the first and the second, else all and all.
func (d *dataset) sides() (earlier, later []*picture) {
	if len(d.spec.Splits) < 2 {
		return d.images, d.images
	}
	for _, im := range d.images {
		if im.Split == d.spec.Splits[0] {
			earlier = append(earlier, im)
		} else {
			later = append(later, im)
		}
	}
	return earlier, later
}

// repeats is the tally of checks that look for one image in two files.
func repeats(d *dataset, alike bool) *tally {
	t := &tally{noun: "image", hint: "keep one of them"}
	t.problem, t.single, t.holds = "repeat an earlier image", "repeats an earlier image", "no image repeats another"
	if alike {
		t.problem, t.single, t.holds = "look like an earlier image", "looks like an earlier image", "no image looks like another"
	}
	if s := d.spec.Splits; len(s) == 2 {
		first, second := escape(s[0]), escape(s[1])
		say := func(format string) string { return fmt.Sprintf(format, second, first) }
		t.problem, t.single, t.holds = say("of %s are in %s as well"), say("of %s is in %s as well"), say("no image of %s is in %s")
		if alike {
			t.problem, t.single, t.holds = say("of %s look like one of %s"), say("of %s looks like one of %s"), say("no image of %s looks like one of %s")
		}
		t.hint = "drop them from one of the splits: a model that saw them in training is judged too well"
	}
	t.expected = t.holds
	return t
}
