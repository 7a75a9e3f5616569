package policy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
)

func (c *comparison) project(was, is *manifest.Project) {
	c.name, c.at = "", &report.Location{File: manifest.ProjectFile, Line: 1}
	if was.Registry != is.Registry {
		c.changed("registry", was.Registry, is.Registry, "the registry is another one")
	}
	if samplesShown(is.Samples) > samplesShown(was.Samples) {
		c.weaker("samples", string(was.Samples), string(is.Samples), "reports show more of the rows of data")
	}
	for _, group := range slices.Sorted(maps.Keys(is.People)) {
		before, known := was.People[group]
		if !known {
			continue
		}
		for _, p := range is.People[group] {
			if !slices.ContainsFunc(before, func(q manifest.Person) bool { return q.ID == p.ID }) {
				c.weaker("people "+group+" "+p.Login, "", fmt.Sprintf("%s (%d)", p.Login, p.ID), "%s may approve as one of %s", p.Login, group)
			}
		}
	}
	for _, s := range was.Stages {
		now, ok := is.Stage(s.Name)
		if !ok {
			c.weaker("stage "+s.Name, s.Name, "", "the stage %s is gone, and its gate with it", s.Name)
			continue
		}
		c.at = now.Pos.Location()
		c.stage(s, now)
	}
	c.at = &report.Location{File: manifest.ProjectFile, Line: 1}
	for _, f := range was.Freezes {
		c.freeze(f, is.Freezes)
	}
}

func samplesShown(s manifest.Samples) int {
	return slices.Index([]manifest.Samples{manifest.SamplesNone, manifest.SamplesMasked, manifest.SamplesFull}, s)
}

func (c *comparison) stage(was, is manifest.Stage) {
	name := "stage " + is.Name
	// An empty from: lets every version in; one more entry is one more way in.
	switch more := missing(is.From, was.From); {
	case len(was.From) > 0 && len(is.From) == 0:
		c.weaker(name+" from", list(was.From), "any", "%s no longer asks that a version was in %s before", is.Name, list(was.From))
	case len(was.From) > 0 && len(more) > 0:
		c.weaker(name+" from", list(was.From), list(is.From), "%s may be entered from %s too", is.Name, list(more))
	}
	if is.Soak < was.Soak {
		c.weaker(name+" soak", was.Soak.String(), is.Soak.String(), "a version may enter %s after a shorter time", is.Name)
	}
	if is.RollbackSoak < was.RollbackSoak {
		c.weaker(name+" rollback soak", was.RollbackSoak.String(), is.RollbackSoak.String(), "a rollback of %s may go back to a version that was there for a shorter time", is.Name)
	}
	switch {
	case was.Environment != "" && is.Environment == "":
		c.weaker(name+" environment", was.Environment, "", "%s has no environment any more, whose review counted", is.Name)
	case was.Environment != is.Environment && was.Environment != "":
		c.changed(name+" environment", was.Environment, is.Environment, "%s has another environment", is.Name)
	}
	if gone := missing(was.Requires, is.Requires); len(gone) > 0 {
		c.weaker(name+" requires", list(was.Requires), list(is.Requires), "%s no longer requires the checks of %s", is.Name, list(gone))
	}
	c.approvals(name, "entering "+is.Name, was.Approvals, is.Approvals)
	// Without rules of its own a rollback has those above.
	if !reflect.DeepEqual(was.Rollback, was.Approvals) || !reflect.DeepEqual(is.Rollback, is.Approvals) {
		c.approvals(name+" rollback", "a rollback of "+is.Name, was.Rollback, is.Rollback)
	}
}

func (c *comparison) approvals(subject, what string, was, is manifest.Approvals) {
	if is.Required < was.Required {
		c.weaker(subject+" approvals", fmt.Sprint(was.Required), fmt.Sprint(is.Required), "%s needs fewer approvals", what)
	}
	if was.Required == 0 {
		return // the rest had no effect
	}
	switch more := missing(is.From, was.From); {
	case len(was.From) > 0 && len(is.From) == 0:
		c.weaker(subject+" approvers", list(was.From), "anybody", "anybody may approve %s", what)
	case len(was.From) > 0 && len(more) > 0:
		c.weaker(subject+" approvers", list(was.From), list(is.From), "%s may approve %s too", list(more), what)
	}
	if gone := missing(was.Exclude, is.Exclude); len(gone) > 0 {
		c.weaker(subject+" exclude", list(was.Exclude), list(is.Exclude), "the %s may approve %s", list(gone), what)
	}
	if was.MaxAge > 0 && (is.MaxAge == 0 || is.MaxAge > was.MaxAge) {
		c.weaker(subject+" maxAge", was.MaxAge.String(), age(is.MaxAge), "older approvals count for %s", what)
	}
}

func age(d time.Duration) string {
	if d == 0 {
		return "any age"
	}
	return d.String()
}

// freeze reports days that are frozen no more, or for less.
func (c *comparison) freeze(was manifest.Freeze, now []manifest.Freeze) {
	const day = 24 * time.Hour
	open := 0
	var allowed []string
	for d := was.From; !d.After(was.To); d = d.Add(day) {
		frozen := false
		var free []string // what all freezes of the day allow
		for _, f := range now {
			switch {
			case d.Before(f.From) || d.After(f.To):
			case !frozen:
				frozen, free = true, f.Allow
			default:
				free = missing(free, missing(free, f.Allow))
			}
		}
		if !frozen {
			open++
		}
		for _, what := range missing(free, was.Allow) {
			if !slices.Contains(allowed, what) {
				allowed = append(allowed, what)
			}
		}
	}
	span := was.From.Format(time.DateOnly) + " to " + was.To.Format(time.DateOnly)
	if open > 0 {
		c.weaker("freeze "+span, span, "", "%s of the freeze %s are frozen no more", report.Count(int64(open), "day"), span)
	}
	if len(allowed) > 0 {
		c.weaker("freeze "+span+" allow", list(was.Allow), list(allowed), "the freeze %s allows %s too", span, list(allowed))
	}
}
