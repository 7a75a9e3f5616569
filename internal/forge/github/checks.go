package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

// Limits of GitHub's OpenAPI description, checks/create. Texts beyond them
// are cut, annotations left out.
const (
	maxCheckText         = 65_535
	maxAnnotationMessage = 64 << 10
	maxAnnotationTitle   = 255
	annotationBatch      = 50

	// MaxAnnotations is how many annotations of a check run are sent: nobody
	// reads more, and every 50 cost a request.
	MaxAnnotations = 500

	maxCheckRuns = 1000
)

// CreateCheckRun creates a check run with its first 50 annotations, and adds
// the others by 50. When the answer is lost, the run with the same name, commit
// and ExternalID is what it goes on with.
func (c *Client) CreateCheckRun(ctx context.Context, run forge.CheckRun) (forge.CheckRun, error) {
	k := call{what: c.on("create check run %s on %s", clip(run.Name, 100), clip(run.HeadSHA, 12)), needs: forge.ToCheck}
	if run.Name == "" || !isHash(run.HeadSHA) || run.ExternalID == "" {
		return forge.CheckRun{}, fmt.Errorf("%s: it needs a name, a commit and an external id", k.what)
	}
	body := github.CreateCheckRunOptions{
		Name: run.Name, HeadSHA: run.HeadSHA, ExternalID: &run.ExternalID, DetailsURL: optional(run.DetailsURL),
		Status: optional(run.Status), Conclusion: optional(run.Conclusion), Output: output(run, batch(run, 0)),
	}
	find := func(ctx context.Context) (forge.CheckRun, error) {
		all, err := c.ListCheckRuns(ctx, run.HeadSHA, run.Name)
		if err != nil {
			return forge.CheckRun{}, err
		}
		for i := range all {
			if all[i].ExternalID == run.ExternalID {
				return all[i], nil
			}
		}
		return forge.CheckRun{}, absent(k)
	}
	made, err := createOnce(ctx, c, find, func(ctx context.Context) (forge.CheckRun, error) {
		var answer github.CheckRun
		if _, err := c.do(ctx, k, http.MethodPost, c.path("check-runs"), body, &answer); err != nil {
			return forge.CheckRun{}, err
		}
		return checkRun(k, &answer)
	})
	if err != nil {
		return forge.CheckRun{}, err
	}
	run.ID, run.URL, run.App = made.ID, made.URL, made.App
	return run, c.annotate(ctx, run, 1)
}

// UpdateCheckRun changes the check run with run.ID. Its annotations are added
// to those that are there: GitHub has no way to take one away.
func (c *Client) UpdateCheckRun(ctx context.Context, run forge.CheckRun) (forge.CheckRun, error) {
	if run.ID <= 0 || run.Name == "" {
		return forge.CheckRun{}, errors.New("update a check run: it needs an id and a name")
	}
	return run, c.annotate(ctx, run, 0)
}

// annotate sends the batches of annotations from the given one on; the first
// carries the rest of the run too.
func (c *Client) annotate(ctx context.Context, run forge.CheckRun, from int) error {
	k := call{what: c.on("update check run %d (%s)", run.ID, clip(run.Name, 100)), needs: forge.ToCheck}
	batches := max((min(len(run.Annotations), MaxAnnotations)+annotationBatch-1)/annotationBatch, 1)
	before := 0
	if from == 0 && len(run.Annotations) > 0 {
		n, err := c.annotations(ctx, run.ID)
		if err != nil {
			return err
		}
		before = n
	}
	for i := from; i < batches; i++ {
		part := batch(run, i)
		body := github.UpdateCheckRunOptions{Name: run.Name, Output: output(run, part)}
		if i == 0 {
			body.DetailsURL, body.ExternalID = optional(run.DetailsURL), optional(run.ExternalID)
			body.Status, body.Conclusion = optional(run.Status), optional(run.Conclusion)
		}
		want := before + min((i+1)*annotationBatch, len(run.Annotations), MaxAnnotations)
		find := func(ctx context.Context) (bool, error) {
			n, err := c.annotations(ctx, run.ID)
			if err == nil && (n < want || len(part) == 0) {
				err = absent(k)
			}
			return true, err
		}
		_, err := createOnce(ctx, c, find, func(ctx context.Context) (bool, error) {
			_, err := c.do(ctx, k, http.MethodPatch, c.path("check-runs/%d", run.ID), body, nil)
			return true, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// annotations counts those that a check run has.
func (c *Client) annotations(ctx context.Context, id int64) (int, error) {
	k := call{what: c.on("read check run %d", id), needs: "checks: read"}
	var answer github.CheckRun
	_, err := c.do(ctx, k, http.MethodGet, c.path("check-runs/%d", id), nil, &answer)
	return max(answer.GetOutput().GetAnnotationsCount(), 0), err
}

// ListCheckRuns returns the check runs of a commit with a name, or all of them
// when name is "".
func (c *Client) ListCheckRuns(ctx context.Context, sha, name string) ([]forge.CheckRun, error) {
	k := call{what: c.on("list the check runs on %s", clip(sha, 12)), needs: "checks: read"}
	if !isHash(sha) {
		return nil, fmt.Errorf("%s: that is no commit", k.what)
	}
	query := url.Values{"filter": {"all"}}
	if name != "" {
		query.Set("check_name", name)
	}
	all, err := list(ctx, c, k, c.path("commits/%s/check-runs", sha)+"?"+query.Encode(), maxCheckRuns,
		func(p github.ListCheckRunsResults) []*github.CheckRun { return p.CheckRuns })
	if err != nil {
		return nil, err
	}
	var out []forge.CheckRun
	for _, a := range all {
		run, err := checkRun(k, a)
		if err != nil {
			return nil, err
		}
		if run.HeadSHA == sha && (name == "" || run.Name == name) {
			out = append(out, run)
		}
	}
	return out, nil
}

func batch(run forge.CheckRun, i int) []forge.Annotation {
	all := run.Annotations[:min(len(run.Annotations), MaxAnnotations)]
	return all[min(i*annotationBatch, len(all)):min((i+1)*annotationBatch, len(all))]
}

// output is what a check run shows. GitHub requires title and summary
// together, and wants columns only within one line.
func output(run forge.CheckRun, annotations []forge.Annotation) *github.CheckRunOutput {
	if run.Title == "" && run.Summary == "" && len(annotations) == 0 {
		return nil
	}
	title := run.Title
	if title == "" {
		title = run.Name
	}
	out := &github.CheckRunOutput{
		Title: github.String(cut(title, maxAnnotationTitle)), Summary: github.String(cut(run.Summary, maxCheckText)),
		Text: optional(cut(run.Text, maxCheckText)),
	}
	for _, a := range annotations {
		start, end := max(a.StartLine, 1), max(a.EndLine, a.StartLine, 1)
		item := &github.CheckRunAnnotation{
			Path: github.String(a.Path), StartLine: &start, EndLine: &end, AnnotationLevel: github.String(level(a.Level)),
			Message: github.String(cut(a.Message, maxAnnotationMessage)), Title: optional(cut(a.Title, maxAnnotationTitle)),
			RawDetails: optional(cut(a.RawDetails, maxAnnotationMessage)),
		}
		if start == end && a.StartColumn > 0 {
			item.StartColumn, item.EndColumn = github.Int(a.StartColumn), github.Int(max(a.EndColumn, a.StartColumn))
		}
		out.Annotations = append(out.Annotations, item)
	}
	return out
}

func level(s string) string {
	switch s {
	case forge.LevelFailure, forge.LevelWarning:
		return s
	}
	return forge.LevelNotice
}

// optional leaves out what is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func checkRun(k call, a *github.CheckRun) (forge.CheckRun, error) {
	if a.GetID() <= 0 || !isHash(a.GetHeadSHA()) {
		return forge.CheckRun{}, badAnswer(k, "a check run has the id %d and the commit %q", a.GetID(), clip(a.GetHeadSHA(), 64))
	}
	o := a.GetOutput()
	return forge.CheckRun{
		ID: a.GetID(), Name: cut(a.GetName(), 1024), HeadSHA: a.GetHeadSHA(), Status: clip(a.GetStatus(), 30), Conclusion: clip(a.GetConclusion(), 30),
		Title: cut(o.GetTitle(), 1024), Summary: cut(o.GetSummary(), maxCheckText), Text: cut(o.GetText(), maxCheckText),
		DetailsURL: webAddress(a.GetDetailsURL()), URL: webAddress(a.GetHTMLURL()),
		ExternalID: cut(a.GetExternalID(), 1024), App: clip(a.GetApp().GetSlug(), 100),
	}, nil
}
