package review

import (
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// samplesOrder is from what shows least.
var samplesOrder = []manifest.Samples{manifest.SamplesNone, manifest.SamplesMasked, manifest.SamplesFull}

// shown is the project of the head with as much of rows shown as all agree to: a
// change cannot allow itself more than its base does, nor can a workflow.
func (s *sides) shown(head *manifest.Project, asked manifest.Samples) *manifest.Project {
	out, base := *head, manifest.SamplesNone
	if s.project != nil && !s.unreadable {
		base = s.project.Samples
	}
	out.Samples = slices.MinFunc([]manifest.Samples{head.Samples, base, cmp.Or(asked, manifest.SamplesFull)},
		func(a, b manifest.Samples) int { return slices.Index(samplesOrder, a) - slices.Index(samplesOrder, b) })
	return &out
}
