package action

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// eventLimit is how large an event's payload may be: GitHub caps them at 25 MB.
const eventLimit = 25 << 20

// Context is what runs and why. Texts that others chose, such as branches, are
// checked for form, so that they can be shown on one line; they are still
// theirs.
type Context struct {
	// EventName is what started the workflow, such as pull_request.
	EventName string
	// Repository is Owner/Repo.
	Repository, Owner, Repo string
	// SHA is the commit that was checked out: of a pull request the merge
	// commit, not its head.
	SHA string
	// Ref is the full ref, such as refs/pull/7/merge; RefName its short form.
	Ref, RefName string
	// BaseRef and HeadRef are branches, of a pull request only.
	BaseRef, HeadRef string
	RunID            int64
	RunAttempt       int64
	// Actor started the first attempt, TriggeringActor this one. Off GitHub they
	// need not be logins: act has nektos/act.
	Actor           string
	ActorID         int64
	TriggeringActor string
	// APIURL, ServerURL and GraphQLURL are GitHub's, or those of the server.
	APIURL, ServerURL, GraphQLURL string
	// Workspace is where the repository is checked out; Temp is emptied after
	// the job; ToolCache may outlive it.
	Workspace, Temp, ToolCache string
	// Workflow is its name, WorkflowRef its file and commit.
	Workflow, WorkflowRef, Job string
	// Event is the payload as it came, nil without one.
	Event json.RawMessage
	// DefaultBranch is the repository's, as the event has it.
	DefaultBranch string
	// PullRequest, MergeGroup and WorkflowRun are nil for events of another kind.
	PullRequest *PullRequest
	MergeGroup  *MergeGroup
	WorkflowRun *WorkflowRun
}

// RunURL is the page of the run, "" where there is none.
func (c *Context) RunURL() string {
	if c.Repository == "" || c.RunID == 0 {
		return ""
	}
	return fmt.Sprintf("%s/%s/actions/runs/%d", c.ServerURL, c.Repository, c.RunID)
}

var (
	repositoryForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}$`)
	nameForm       = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
	loginForm      = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}(\[bot\])?$`)
	hashForm       = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	wordForm       = regexp.MustCompile(`^[a-z_]{1,100}$`)
)

// Context reads what runs and why from the environment and the event's payload.
// On a laptop nearly all of it is empty.
func (a *Action) Context() (*Context, error) {
	r := reader{}
	c := &Context{
		EventName:       r.form(wordForm, "GITHUB_EVENT_NAME", a.getenv("GITHUB_EVENT_NAME")),
		Repository:      r.form(repositoryForm, "GITHUB_REPOSITORY", a.getenv("GITHUB_REPOSITORY")),
		SHA:             r.form(hashForm, "GITHUB_SHA", a.getenv("GITHUB_SHA")),
		Ref:             r.text("GITHUB_REF", a.getenv("GITHUB_REF")),
		RefName:         r.text("GITHUB_REF_NAME", a.getenv("GITHUB_REF_NAME")),
		BaseRef:         r.text("GITHUB_BASE_REF", a.getenv("GITHUB_BASE_REF")),
		HeadRef:         r.text("GITHUB_HEAD_REF", a.getenv("GITHUB_HEAD_REF")),
		RunID:           r.number("GITHUB_RUN_ID", a.getenv("GITHUB_RUN_ID")),
		RunAttempt:      r.number("GITHUB_RUN_ATTEMPT", a.getenv("GITHUB_RUN_ATTEMPT")),
		Actor:           r.text("GITHUB_ACTOR", a.getenv("GITHUB_ACTOR")),
		ActorID:         r.number("GITHUB_ACTOR_ID", a.getenv("GITHUB_ACTOR_ID")),
		TriggeringActor: r.text("GITHUB_TRIGGERING_ACTOR", a.getenv("GITHUB_TRIGGERING_ACTOR")),
		APIURL:          r.url("GITHUB_API_URL", a.getenv("GITHUB_API_URL"), "https://api.github.com"),
		ServerURL:       r.url("GITHUB_SERVER_URL", a.getenv("GITHUB_SERVER_URL"), "https://github.com"),
		GraphQLURL:      r.url("GITHUB_GRAPHQL_URL", a.getenv("GITHUB_GRAPHQL_URL"), "https://api.github.com/graphql"),
		Workspace:       a.getenv("GITHUB_WORKSPACE"),
		Temp:            a.getenv("RUNNER_TEMP"),
		ToolCache:       a.getenv("RUNNER_TOOL_CACHE"),
		Workflow:        clip(report.Visible(a.getenv("GITHUB_WORKFLOW")), 200),
		WorkflowRef:     r.text("GITHUB_WORKFLOW_REF", a.getenv("GITHUB_WORKFLOW_REF")),
		Job:             clip(report.Visible(a.getenv("GITHUB_JOB")), 200),
	}
	c.Owner, c.Repo, _ = strings.Cut(c.Repository, "/")
	if r.err != nil {
		return nil, fmt.Errorf("read the runner's environment: %w", r.err)
	}
	if name := a.getenv("GITHUB_EVENT_PATH"); name != "" {
		if err := c.readEvent(name); err != nil {
			return nil, fmt.Errorf("read the event %s in %s: %w", c.EventName, name, err)
		}
	}
	return c, nil
}

func (c *Context) readEvent(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, eventLimit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if len(data) > eventLimit {
		return fmt.Errorf("the payload is larger than %d MiB", eventLimit>>20)
	}
	return c.parseEvent(data)
}

// reader checks values and keeps the first error. What is empty stays empty.
type reader struct{ err error }

func (r *reader) fail(what, value, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s is %q: want %s", what, clip(value, 100), want)
	}
}

func (r *reader) form(form *regexp.Regexp, what, value string) string {
	if value != "" && !form.MatchString(value) {
		r.fail(what, value, "the form "+form.String())
		return ""
	}
	return value
}

// text is one line without control characters.
func (r *reader) text(what, value string) string {
	if len(value) > 1024 || value != strings.ToValidUTF8(report.Visible(value), "") {
		r.fail(what, value, "at most 1,024 bytes of text on one line")
		return ""
	}
	return value
}

func (r *reader) number(what, value string) int64 {
	if value == "" {
		return 0
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		r.fail(what, value, "a number")
		return 0
	}
	return n
}

// url is an address without user, query and fragment, and without the slash at
// its end.
func (r *reader) url(what, value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		r.fail(what, value, "an address that begins with https://")
		return ""
	}
	return strings.TrimRight(value, "/")
}
