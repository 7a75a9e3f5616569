package review

import (
	"encoding/json"
	"path"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/report"
)

// CheckRunName is the name of the check run where no other is given.
const CheckRunName = "waybill"

// Limits of GitHub's check runs, as its OpenAPI description and reference have
// them; annotations beyond MaxAnnotations help nobody.
const (
	MaxAnnotations   = 500
	maxRunTitle      = 250
	maxAnnotateTitle = 255
	maxAnnotateText  = 4000
)

// CheckRun is the story as a check run, whose HeadSHA and ExternalID the caller
// knows. INCONCLUSIVE asks for action: GitHub lets neutral pass.
func (s *Story) CheckRun() forge.CheckRun {
	run := forge.CheckRun{Name: CheckRunName, Status: forge.StatusCompleted, Conclusion: forge.ConclusionSuccess,
		Title: render.Clip(string(s.Verdict)+": "+counts(s.Summary), maxRunTitle), Summary: s.Comment(CommentLimit, CommentOptions{}), Annotations: s.annotations()}
	switch s.Blocking() {
	case report.Fail:
		run.Conclusion = forge.ConclusionFailure
	case report.Pass:
	default:
		run.Conclusion = forge.ConclusionActionRequired
	}
	if s.Bootstrap {
		run.Title = render.Clip(run.Title+" (introducing waybill: nothing blocks)", maxRunTitle)
	}
	return run
}

// annotations are the findings that have a place in the repository, worst first.
func (s *Story) annotations() []forge.Annotation {
	out := []forge.Annotation{}
	all := s.Report().Findings
	for class := range 3 {
		for i := range all {
			f := &all[i]
			if len(out) == MaxAnnotations {
				return out
			}
			if classOf(f) == class && f.Location != nil && inRepository(f.Location.File) {
				out = append(out, annotation(f, class))
			}
		}
	}
	return out
}

func annotation(f *report.Finding, class int) forge.Annotation {
	a := forge.Annotation{Path: f.Location.File, StartLine: max(1, f.Location.Line), Level: forge.LevelFailure}
	a.EndLine = a.StartLine
	if f.Location.Line > 0 && f.Location.Column > 0 {
		a.StartColumn, a.EndColumn = f.Location.Column, f.Location.Column
	}
	if class > 0 {
		a.Level = forge.LevelWarning
	}
	title := f.Check
	if f.Artifact != "" {
		title = f.Artifact + ": " + title
	}
	lines := []string{f.Message}
	for _, more := range []struct{ word, text string }{{"expected: ", f.Expected}, {"observed: ", f.Observed}, {"→ ", f.Hint}} {
		if more.text != "" {
			lines = append(lines, more.word+more.text)
		}
	}
	for i, l := range lines {
		lines[i] = render.Visible(l)
	}
	a.Title, a.Message = render.Clip(render.Visible(title), maxAnnotateTitle), render.Clip(strings.Join(lines, "\n"), maxAnnotateText)
	return a
}

// inRepository tells whether a path can be one of the repository's.
func inRepository(p string) bool {
	return p != "" && len(p) <= 1024 && path.Clean(p) == p && !strings.HasPrefix(p, "/") && p != ".." && !strings.HasPrefix(p, "../") &&
		!strings.ContainsFunc(p, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' || r == '\uFFFD' })
}

// MaxMatrix is how many jobs a matrix may have on GitHub.
const MaxMatrix = 256

// Outputs are those of the action: the verdict (PASS while waybill is being
// introduced), how many findings fail, are inconclusive or warn, and the changed
// artifacts as JSON for a matrix.
func (s *Story) Outputs() map[string]string {
	type entry struct {
		Name   string `json:"name"`
		Kind   string `json:"kind"`
		Change Change `json:"change"`
		Path   string `json:"path"`
	}
	list := []entry{}
	for _, a := range s.Artifacts {
		if len(list) < MaxMatrix {
			list = append(list, entry{clip(a.Name, 200), clip(a.Kind, 20), a.Change, clip(a.Path, 1024)})
		}
	}
	changed, err := json.Marshal(list)
	if err != nil { // strings always marshal
		changed = []byte("[]")
	}
	return map[string]string{
		"verdict": string(s.Blocking()), "fail": strconv.Itoa(s.Summary.Fail), "inconclusive": strconv.Itoa(s.Summary.Inconclusive),
		"warning": strconv.Itoa(s.Summary.Warning), "changed": string(changed),
	}
}
