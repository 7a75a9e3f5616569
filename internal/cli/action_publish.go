package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/render"
	"github.com/waybill-dev/waybill/internal/review"
)

// reportFiles are written beside review.File.
var reportFiles = []struct{ output, name string }{{"html", "report.html"}, {"sarif", "report.sarif"}, {"junit", "report.junit.xml"}}

// summaryLimit is below what the runner takes: see action.AddSummary.
const summaryLimit = 800_000

// publication is a story on its way to readers.
type publication struct {
	step  *step
	in    checkInputs
	story *review.Story
	what  review.Compared
	code  int // exitOutside when what had to be written was not
	// notes are what readers of the summary hear too.
	notes []string
	out   map[string]string
}

// all writes the story everywhere. An error is of this machine; what the forge
// refuses are notes, unless inputs insist.
func (p *publication) all(a *app) error {
	p.out = p.story.Outputs()
	p.out["comment-url"], p.out["check-run-url"] = "", ""
	if err := p.files(); err != nil {
		return err
	}
	client, err := p.step.client(a)
	if err != nil {
		return usageError{err}
	}
	if p.what.Note != "" {
		p.notes = append(p.notes, p.what.Note)
	}
	if client == nil {
		p.refused(p.in.comment, "nothing was written to the pull request: there is no forge here, which takes GITHUB_REPOSITORY and a token", false)
	} else {
		p.publish(a, client)
	}
	if p.out["check-run-url"] == "" {
		// A check run has its own annotations: each is shown once.
		p.step.Annotate(p.story.Report().Findings)
	}
	if err := p.step.AddSummary(p.summary()); err != nil {
		return err
	}
	order := slices.Sorted(maps.Keys(p.out))
	return p.step.outputs(p.out, order...)
}

// files writes the report files.
func (p *publication) files() error {
	if p.in.reportDir == "" {
		return nil
	}
	if err := os.MkdirAll(p.in.reportDir, 0o755); err != nil {
		return fmt.Errorf("write the report files: %w", err)
	}
	data, err := p.story.JSON()
	if err != nil {
		return err
	}
	put := func(output, name string, data []byte) error {
		p.out[output] = filepath.Join(p.in.reportDir, name)
		return cas.WriteFile(p.out[output], data, 0o644)
	}
	if err := put("report", review.File, data); err != nil {
		return err
	}
	r := p.story.Report()
	for _, f := range reportFiles {
		var b bytes.Buffer
		if err := render.Report(&b, f.output, r, render.Options{Verbose: true}); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
		if err := put(f.output, f.name, b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// marker tells the comments of jobs for different artifacts apart.
func marker(names []string) string {
	if len(names) == 0 {
		return "check"
	}
	sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(slices.Values(names)), "\n")))
	return "check-" + hex.EncodeToString(sum[:6])
}

func (p *publication) commentOptions() review.CommentOptions {
	return review.CommentOptions{Marker: marker(p.in.names), RunURL: p.step.context.RunURL(), Note: p.what.Note}
}

// publish writes comment and check run by trying to: no endpoint tells what a
// token may do, and an event does not either.
func (p *publication) publish(a *app, client *github.Client) {
	c := p.step.context
	o := review.PublishOptions{Comment: p.commentOptions()}
	o.Name = review.CheckRunName
	if len(p.in.names) > 0 {
		o.Name += " (" + render.Clip(strings.Join(p.in.names, ", "), 60) + ")"
	}
	o.ExternalID = fmt.Sprintf("%d/%d/%s", c.RunID, c.RunAttempt, o.Comment.Marker)
	if pr := c.PullRequest; pr != nil && p.in.comment != "false" {
		only := o
		only.PullRequest = int(pr.Number)
		done := p.try(a, client, only, p.in.comment)
		p.out["comment-url"] = done.CommentURL
	}
	if p.in.checkRun != "false" {
		only := o
		only.HeadSHA = p.what.Reviewed
		done := p.try(a, client, only, p.in.checkRun)
		p.out["check-run-url"] = done.CheckRunURL
	}
}

func (p *publication) try(a *app, client *github.Client, o review.PublishOptions, wanted string) review.Published {
	done, notes, err := review.Publish(a.ctx, client, p.story, o)
	for _, n := range notes {
		p.refused(wanted, p.explain(n), true)
	}
	if err != nil {
		p.refused(wanted, err.Error(), true)
	}
	return done
}

// explain says what helps: adding permissions does not where GitHub takes them
// away whatever the workflow says.
func (p *publication) explain(n review.Note) string {
	c := p.step.context
	who := ""
	switch {
	case c.Actor == "dependabot[bot]":
		who = "started by Dependabot"
	case c.PullRequest != nil && c.PullRequest.FromFork():
		who = "for a pull request from a fork"
	default:
		return n.Message
	}
	what, _, _ := strings.Cut(n.Message, ":")
	s := what + ": the token of a run " + who + " may only read, whatever permissions: says"
	if o := p.out["report"]; o != "" {
		s += "; upload the file of output report as an artifact, and let actions/comment write the comment in a second workflow (waybill init --github writes both)"
	}
	return s
}

// refused is something that was not written.
func (p *publication) refused(wanted, message string, loud bool) {
	switch {
	case wanted == "true":
		p.code = exitOutside
		p.step.Error(message)
	case loud:
		p.step.Warning(message)
	}
	p.notes = append(p.notes, message)
}

func (p *publication) summary() string {
	b := &strings.Builder{}
	b.WriteString(p.story.Comment(summaryLimit, p.commentOptions()))
	for _, n := range p.notes {
		if n != p.what.Note {
			b.WriteString("\n> " + render.Inert(render.Clip(n, 1000)) + "\n")
		}
	}
	return b.String()
}
