package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/xeipuuv/gojsonschema"

	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/schemas"
)

// MaxJSON bounds what JSON writes and Parse reads.
const MaxJSON = 1 << 20

// schema is compiled once, when it is first needed.
var schema = sync.OnceValues(func() (*gojsonschema.Schema, error) {
	return gojsonschema.NewSchema(gojsonschema.NewBytesLoader(schemas.Review()))
})

// Parse reads a story that anybody may have written: it is held to
// schemas/review.json and to MaxJSON, unknown keys are refused, and what it says
// about itself (verdicts, counts) is computed anew from its findings. Only a
// verdict that is worse than theirs stands.
func Parse(data []byte) (*Story, error) {
	fail := func(err error) (*Story, error) { return nil, fmt.Errorf("read the review: %w", err) }
	if len(data) > MaxJSON {
		return fail(fmt.Errorf("it has %d bytes, at most %d are read", len(data), MaxJSON))
	}
	said := func(err error) (*Story, error) {
		return fail(errors.New(render.Visible(render.Clip(err.Error(), maxMessage))))
	}
	// Of keys that are there twice the last counts, here and for the schema:
	// encoding/json would merge their values into the struct.
	var document any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&document); err != nil {
		return said(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fail(errors.New("something follows the JSON object"))
	}
	data, err := json.Marshal(document)
	if err != nil {
		return said(err)
	}
	compiled, err := schema()
	if err != nil {
		return fail(err)
	}
	result, err := compiled.Validate(gojsonschema.NewBytesLoader(data))
	if err != nil {
		return said(err)
	}
	if !result.Valid() {
		e := result.Errors()[0]
		return fail(fmt.Errorf("%s: %s", render.Visible(render.Clip(e.Field(), maxName)), render.Visible(render.Clip(e.Description(), maxMessage))))
	}
	s := &Story{}
	dec = json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return said(err)
	}
	s.finish()
	return s, nil
}

// JSON is the story as a document that Parse reads, of at most MaxJSON bytes.
// Details of findings, which may hold rows of data, are not in it. What is too
// long is left out, first what passed, then curves, then from the end.
func (s *Story) JSON() ([]byte, error) {
	for _, b := range []bounds{
		{findings: 1000, sections: 100, stages: 50, passed: true, drawings: true},
		{findings: 1000, sections: 100, stages: 50, drawings: true},
		{findings: 300, sections: 20, stages: 50},
		{findings: 50, sections: 5, stages: 10},
		{findings: 10, stages: 5},
		{findings: 2, artifacts: 200},
		{findings: 1, artifacts: 50},
		{findings: 1, artifacts: 5},
	} {
		data, err := json.Marshal(s.bounded(b))
		if err != nil {
			return nil, fmt.Errorf("write the review: %w", err)
		}
		if len(data) <= MaxJSON {
			return data, nil
		}
	}
	return nil, fmt.Errorf("write the review: it has more than %d bytes", MaxJSON)
}

// bounds is how much of a story is kept.
type bounds struct {
	artifacts, findings, sections, stages int // how many; all but the first of each artifact
	passed, drawings                      bool
}

const maxArtifacts = 500 // as in the schema

func (s *Story) bounded(b bounds) *Story {
	out := *s
	if b.artifacts == 0 {
		b.artifacts = maxArtifacts
	}
	if over := len(s.Artifacts) - b.artifacts; over > 0 {
		out.Omitted += over
	}
	out.Findings = b.findingsOf(s.Findings, &out.Omitted)
	out.Artifacts = make([]Artifact, 0, len(s.Artifacts))
	for _, a := range s.Artifacts[:min(len(s.Artifacts), b.artifacts)] {
		a.Name, a.Path, a.Headline = clip(a.Name, 200), clip(a.Path, 1024), clip(a.Headline, 2000)
		a.Parts, a.Because, a.Dependents = clipped(a.Parts, 20, 64), clipped(a.Because, 100, 200), clipped(a.Dependents, 100, 200)
		a.Findings = b.findingsOf(a.Findings, &out.Omitted)
		a.Evaluation, a.Diff = b.sectionsOf(a.Evaluation, &out.Omitted), b.sectionsOf(a.Diff, &out.Omitted)
		a.Stages = b.stagesOf(a.Stages, &out.Omitted)
		out.Artifacts = append(out.Artifacts, a)
	}
	return &out
}

func (b bounds) findingsOf(all []report.Finding, omitted *int) []report.Finding {
	out := []report.Finding{}
	for _, f := range all {
		if len(out) == b.findings || !b.passed && f.Verdict == report.Pass {
			*omitted++
			continue
		}
		f.Details = nil
		for _, s := range []struct {
			of   *string
			most int
		}{{&f.ID, 64}, {&f.Check, 200}, {&f.Rule, 200}, {&f.Group, 64}, {&f.Artifact, 200}, {&f.Message, 2000}, {&f.Expected, 1000},
			{&f.Observed, 1000}, {&f.Hint, 2000}, {&f.Doc, 500}, {&f.Subject, 500}} {
			*s.of = clip(*s.of, s.most)
		}
		if f.Location != nil {
			f.Location = &report.Location{File: clip(f.Location.File, 1024), Line: max(0, f.Location.Line), Column: max(0, f.Location.Column)}
		}
		out = append(out, f)
	}
	return out
}

func (b bounds) stagesOf(all []Stage, omitted *int) []Stage {
	out := []Stage{}
	*omitted += max(0, len(all)-b.stages)
	for _, s := range all[:min(len(all), b.stages)] {
		s.Name, s.Now, s.Would = clip(s.Name, 200), clip(s.Now, 200), clip(s.Would, 200)
		s.Conditions = slices.Clone(s.Conditions[:min(len(s.Conditions), 50)])
		for i := range s.Conditions {
			c := &s.Conditions[i]
			c.Message, c.Hint = clip(c.Message, 2000), clip(c.Hint, 2000)
		}
		if s.Conditions == nil {
			s.Conditions = []Condition{}
		}
		out = append(out, s)
	}
	return out
}

func (b bounds) sectionsOf(all []report.Section, omitted *int) []report.Section {
	out := []report.Section{}
	for _, s := range all {
		drawing := s.Curves != nil || s.Matrix != nil || s.Histogram != nil
		if len(out) == b.sections || drawing && !b.drawings || !fitsSchema(&s) {
			*omitted++
			continue
		}
		out = append(out, s)
	}
	return out
}

// fitsSchema shortens a section to what the schema allows, and tells whether that
// was possible.
func fitsSchema(s *report.Section) bool {
	s.Title = clip(s.Title, 500)
	switch {
	case s.Text != nil:
		text := clip(*s.Text, 8000)
		s.Text = &text
	case s.Table != nil:
		t := *s.Table
		if len(t.Columns) > 50 {
			return false
		}
		t.Columns = slices.Clone(t.Columns)
		for i := range t.Columns {
			t.Columns[i].Title = clip(t.Columns[i].Title, 500)
		}
		if t.Columns == nil {
			t.Columns = []report.Column{}
		}
		if over := len(t.Rows) - 200; over > 0 {
			t.Rows, t.Omitted = t.Rows[:200], t.Omitted+over
		}
		rows := make([][]string, len(t.Rows))
		for i, r := range t.Rows {
			rows[i] = clipped(r, 50, 2000)
		}
		t.Rows = rows
		s.Table = &t
	case s.Intervals != nil:
		v := *s.Intervals
		v.Unit, v.Rows = clip(v.Unit, 64), slices.Clone(v.Rows[:min(len(v.Rows), 200)])
		v.Rows = slices.DeleteFunc(v.Rows, func(r report.Interval) bool {
			return !finite(r.Value, r.Lower, r.Upper) || r.Limit != nil && !finite(*r.Limit)
		})
		for i := range v.Rows {
			v.Rows[i].Label = clip(v.Rows[i].Label, 500)
		}
		s.Intervals = &v
	case s.Histogram != nil:
		return len(s.Histogram.Counts) <= 200 && len(s.Histogram.Edges) <= 201 && finite(s.Histogram.Edges...)
	case s.Curves != nil:
		return len(s.Curves.Lines) <= 20 && finite(s.Curves.X.Low, s.Curves.X.High, s.Curves.Y.Low, s.Curves.Y.High) && !slices.ContainsFunc(s.Curves.Lines, func(l report.Line) bool {
			return !finite(slices.Concat(l.X, l.Y, l.Lower, l.Upper)...) || len(l.X) > 500 || len(l.Y) > 500 || len(l.Lower) > 500 || len(l.Upper) > 500 || len(l.Label) > 200
		}) && len(s.Curves.X.Label) <= 200 && len(s.Curves.Y.Label) <= 200
	case s.Matrix != nil:
		return len(s.Matrix.Row) <= 200 && len(s.Matrix.Column) <= 200 && len(s.Matrix.Labels) <= 100 && len(s.Matrix.Counts) <= 100 && !slices.ContainsFunc(s.Matrix.Labels, func(l string) bool { return len(l) > 200 })
	}
	return true
}

func finite(values ...float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

func clip(s string, n int) string { return render.Clip(s, n) }

func clipped(list []string, most, length int) []string {
	out := []string{}
	for _, s := range list[:min(len(list), most)] {
		out = append(out, clip(s, length))
	}
	return out
}
