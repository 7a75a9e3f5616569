package imagecheck

import (
	"context"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/report"
)

// maxNear is how many images are compared.
const maxNear = 1_000_000

var imageNearDuplicates = Rule{
	ID:  "image.near-duplicates",
	Doc: "No image looks like an earlier one, by its perceptual hash; with two splits, no image of the second looks like one of the first.",
	Params: map[string]any{
		"distance": map[string]any{"type": "integer", "minimum": 0, "maximum": maxDistance, "description": "In how many of the 64 bits the hashes of images that look alike differ at most. Default: 6."},
	},
	bind: func(p *params) plan {
		p.atMostTwo()
		distance := int64(6)
		if n := p.count("distance", maxDistance); n != nil {
			distance = *n
		}
		return plan{depth: hashed, judge: func(ctx context.Context, d *dataset) ([]report.Finding, error) {
			f, err := judgeNear(ctx, d, int(distance))
			return []report.Finding{f}, err
		}}
	},
}

func judgeNear(ctx context.Context, d *dataset, distance int) (report.Finding, error) {
	t := repeats(d, true)
	t.expected += fmt.Sprintf(" (at most %d of 64 bits differ)", distance)
	give := func(message, observed, hint string) (report.Finding, error) {
		return report.Finding{Verdict: report.Inconclusive, Message: message, Expected: t.expected, Observed: observed, Hint: hint}, nil
	}
	if len(d.images) > maxNear {
		return give(fmt.Sprintf("%s are too many to compare; %s can be", count(int64(len(d.images)), "image"), report.Thousands(maxNear)), count(int64(len(d.images)), "image"), "name a split")
	}
	earlier, later := d.sides()
	known, asked := comparable(earlier), comparable(later)
	flat := int64(0)
	for _, im := range later {
		switch {
		case im.problem() != "":
			t.checked++
			t.skip(im.example(im.reason))
		case im.flat:
			flat++
		default:
			t.checked++
		}
	}
	if flat > 0 {
		t.details = map[string]any{"flat": flat}
	}
	if len(known) == 0 {
		t.checked = t.undecided
	}
	matches, err := nearest(ctx, known, asked, distance, len(d.spec.Splits) < 2, maxCompared)
	if err == errTooAlike {
		return give("so many images are somewhat alike that comparing all of them was given up", "too many candidates", "ask for a smaller distance")
	}
	if err != nil {
		return report.Finding{}, err
	}
	for i, m := range matches {
		if m.of < 0 {
			continue
		}
		other := known[m.of].name
		t.fail(example{file: asked[i].name, reason: fmt.Sprintf("like %s, distance %d", escape(other), m.distance), more: map[string]any{"like": other, "distance": m.distance}})
	}
	out := t.finding(d)
	if len(d.spec.Splits) == 2 {
		missing(&out, d, earlier)
	}
	return out, nil
}

// missing withdraws a PASS when images of the first split could not be read:
// what they show may be in the second.
func missing(f *report.Finding, d *dataset, earlier []*picture) {
	lost := slices.DeleteFunc(slices.Clone(earlier), func(im *picture) bool { return im.problem() == "" })
	if len(lost) == 0 {
		return
	}
	unknown := fmt.Sprintf("%s of %s cannot be compared with", count(int64(len(lost)), "image"), escape(d.spec.Splits[0]))
	f.Message += "; " + unknown + ", first: " + places([]example{lost[0].example(lost[0].reason)})
	if f.Verdict == report.Pass {
		f.Verdict, f.Observed = report.Inconclusive, unknown
	}
}

// comparable are the images that have a hash.
func comparable(images []*picture) (out []*picture) {
	for _, im := range images {
		if im.body == sound && !im.flat {
			out = append(out, im)
		}
	}
	return out
}
