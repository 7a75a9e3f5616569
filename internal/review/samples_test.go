package review

import (
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
)

func TestShown(t *testing.T) {
	const none, masked, full = manifest.SamplesNone, manifest.SamplesMasked, manifest.SamplesFull
	with := func(s manifest.Samples) *manifest.Project { return &manifest.Project{Samples: s} }
	for _, c := range []struct {
		base              *manifest.Project
		unreadable        bool
		head, asked, want manifest.Samples
	}{
		{with(full), false, full, "", full},
		{with(full), false, full, masked, masked},
		{with(masked), false, full, full, masked},
		{with(none), false, full, "", none},
		{with(full), false, none, full, none},
		{nil, false, full, full, none},
		{with(full), true, full, full, none}, // base is the head's, as sides has it then
	} {
		head := with(c.head)
		s := &sides{project: c.base, unreadable: c.unreadable}
		if got := s.shown(head, c.asked).Samples; got != c.want || head.Samples != c.head {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
