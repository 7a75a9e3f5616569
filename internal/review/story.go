// Package review tells the story of a pull request: what changed between two
// commits, what was checked, what differs, which rules were loosened, and what
// a promotion would meet in each stage.
//
//	s, err := review.Tell(ctx, w, review.Options{Base: base, Head: head})
//	body := s.Comment(review.CommentLimit, review.CommentOptions{Marker: "check"})
//	published, notes, err := review.Publish(ctx, client, s, review.PublishOptions{…})
//
// A Story is drawn as a comment, a check run, outputs and JSON. Its JSON travels
// from a workflow that may not write to one that may, which reads it with Parse
// and believes nothing in it: everything that is drawn is escaped, whoever told
// it.
package review

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// Kind is the kind of the document that a Story is.
const Kind = "Review"

// Change says what became of an artifact.
type Change string

const (
	Added     Change = "added"
	Changed   Change = "changed"
	Removed   Change = "removed"
	Dependent Change = "dependent" // it did not change, what it is made from did
)

// What of an artifact changed.
const (
	PartManifest    = "manifest"
	PartLock        = "lock"
	PartCard        = "card"
	PartFiles       = "files"
	PartCode        = "code"
	PartPredictions = "predictions"
)

// Story is what a pull request does. Its JSON form is public and versioned
// like a report's; schemas/review.json describes it.
type Story struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Base       string `json:"base,omitempty"` // commit, "" when there is none to compare with
	Head       string `json:"head"`
	// Bootstrap: the base has no waybill.yaml yet, so that nothing blocks.
	Bootstrap bool `json:"bootstrap,omitempty"`
	// Verdict is that of all findings. What a workflow does about it is
	// Blocking's to say.
	Verdict report.Verdict `json:"verdict"`
	Summary report.Summary `json:"summary"`
	// Project is set when waybill.yaml itself was added, changed or removed.
	Project Change `json:"project,omitempty"`
	// Total counts all artifacts of the head, changed or not.
	Total     int        `json:"total"`
	Artifacts []Artifact `json:"artifacts"` // those with something to say, worst first
	// Findings are of no artifact: rules that were loosened, manifests of the
	// base that cannot be read.
	Findings []report.Finding `json:"findings"`
	// Omitted counts what JSON left out to keep within MaxJSON.
	Omitted int `json:"omitted,omitempty"`
}

// Artifact is the part of the story about one artifact.
type Artifact struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"` // Model or Dataset
	Path   string `json:"path"` // of the manifest
	Change Change `json:"change"`
	// Parts is what changed of it; Because names the changed artifacts that a
	// Dependent is made from.
	Parts   []string `json:"parts"`
	Because []string `json:"because"`
	// Dependents are the models made from a dataset.
	Dependents []string       `json:"dependents"`
	From       ref.Digest     `json:"from,omitempty"` // content digests
	To         ref.Digest     `json:"to,omitempty"`
	Verdict    report.Verdict `json:"verdict"`
	Summary    report.Summary `json:"summary"`
	// Headline is one line about what differs: "+120 rows, 2 columns added".
	Headline string           `json:"headline,omitempty"`
	Findings []report.Finding `json:"findings"`
	// Evaluation are sections of the checks: metrics with intervals, curves,
	// profiles. Diff are sections of what differs from the base.
	Evaluation []report.Section `json:"evaluation"`
	Diff       []report.Section `json:"diff"`
	Stages     []Stage          `json:"stages"`
}

// Stage is what a promotion of this content would meet in a stage.
type Stage struct {
	Name    string         `json:"name"`
	Now     string         `json:"now,omitempty"`   // version that is there
	Would   string         `json:"would,omitempty"` // version that would enter
	Verdict report.Verdict `json:"verdict"`
	// Conditions are those of its gate, by which Verdict comes about.
	Conditions []Condition `json:"conditions"`
}

// Condition is one condition of a stage's gate.
type Condition struct {
	Verdict report.Verdict `json:"verdict"`
	Message string         `json:"message"`
	Hint    string         `json:"hint,omitempty"`
}

// Blocking is the verdict that a workflow acts on: PASS while waybill is being
// introduced.
func (s *Story) Blocking() report.Verdict {
	if s.Bootstrap {
		return report.Pass
	}
	return s.Verdict
}

// Report is everything that was found, as one report. Its sections say of which
// artifact they are.
func (s *Story) Report() *report.Report {
	findings := slices.Clone(s.Findings)
	var sections []report.Section
	for _, a := range s.Artifacts {
		findings = append(findings, a.Findings...)
		for _, section := range slices.Concat(a.Evaluation, a.Diff) {
			if !strings.HasPrefix(section.Title, a.Name+": ") {
				section.Title = a.Name + ": " + section.Title
			}
			sections = append(sections, section)
		}
	}
	r := report.New(findings, sections...)
	r.Title = "pull request"
	return r
}
