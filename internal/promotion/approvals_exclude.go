package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/report"
)

// What approvals: exclude: can name.
const (
	roleAuthor     = "author"     // who wrote the change, alone or with others
	roleCommitter  = "committer"  // who committed or pushed it
	roleDispatcher = "dispatcher" // who started the run that promotes
)

const (
	// webFlow is the account in whose name GitHub commits what people do on its
	// pages (api.github.com/users/web-flow).
	webFlow        = 19864447
	webFlowAddress = "noreply@github.com"
	// maxPullCommits is how many commits of a pull request GitHub lists (REST
	// docs, "List commits on a pull request").
	maxPullCommits = 250
	maxPulls       = 3 // that brought one commit
)

// excluded is who had a part in the change and may not approve it.
type excluded struct {
	ids        map[int64]string // what they did
	unknown    []string         // what could not be found out: while there is any, nobody counts
	hints      []string
	unverified []string // addresses that belong to nobody known
}

func (e *excluded) add(id int64, did string) {
	if e.ids == nil {
		e.ids = map[int64]string{}
	}
	if id > 0 && e.ids[id] == "" {
		e.ids[id] = did
	}
}

func (e *excluded) cannotTell(what, hint string) {
	e.unknown, e.hints = append(e.unknown, what), append(e.hints, hint)
}

// origin is the commit that gave the lock its content, with the pull requests
// that brought it to the default branch.
type origin struct {
	commit forge.Commit
	pulls  []forge.PullRequest
	err    error
}

func (b *ballot) brought(ctx context.Context) *origin {
	if b.origin == nil {
		b.origin = &origin{}
		b.origin.err = b.findOrigin(ctx, b.origin)
	}
	return b.origin
}

func (b *ballot) findOrigin(ctx context.Context, o *origin) error {
	path, _, err := b.lock(ctx)
	if err != nil {
		return err
	}
	commits, err := b.on.Forge.Commits(ctx, b.version.Commit, path, 1)
	if err != nil {
		return err
	}
	if len(commits) == 0 {
		return fmt.Errorf("no commit up to %.12s changed %s", b.version.Commit, path)
	}
	o.commit = commits[0]
	pulls, err := b.on.Forge.PullRequestsOfCommit(ctx, o.commit.SHA)
	if err != nil {
		return err
	}
	for _, p := range pulls {
		if p.Merged && p.Base.Ref == b.defaultBranch() {
			o.pulls = append(o.pulls, p)
		}
	}
	if len(o.pulls) > maxPulls {
		return fmt.Errorf("%d merged pull requests have commit %.12s, more than are read", len(o.pulls), o.commit.SHA)
	}
	return nil
}

// lock is the path of the lock that was registered, and what it says.
func (b *ballot) lock(ctx context.Context) (string, []byte, error) {
	if b.lockPath == "" {
		path, data, err := b.files.Lock(ctx)
		if err != nil {
			return "", nil, err
		}
		b.lockPath, b.lockData = path, data
	}
	return b.lockPath, b.lockData, nil
}

// exclude finds those whose approval of this version does not count.
func (b *ballot) exclude(ctx context.Context) excluded {
	var e excluded
	has := func(role string) bool { return slices.Contains(b.rule.Exclude, role) }
	if has(roleAuthor) || has(roleCommitter) {
		if b.on.Forge != nil {
			b.excludeByForge(ctx, &e, has(roleAuthor), has(roleCommitter))
		} else {
			b.excludeByHistory(ctx, &e, has(roleAuthor), has(roleCommitter))
		}
	}
	if has(roleDispatcher) {
		b.excludeDispatcher(ctx, &e)
	}
	return e
}

func (b *ballot) excludeByForge(ctx context.Context, e *excluded, author, committer bool) {
	o := b.brought(ctx)
	if o.err != nil {
		b.unasked(e, "the forge who changed the lock", o.err)
		return
	}
	commits := []forge.Commit{o.commit}
	for _, p := range o.pulls {
		if author && p.Author.ID <= 0 {
			e.cannotTell(fmt.Sprintf("pull request #%d, which brought it, has no author any more", p.Number), "register a version whose author has an account")
		} else if author {
			e.add(p.Author.ID, fmt.Sprintf("opened pull request #%d", p.Number))
		}
		more, err := b.on.Forge.PullRequestCommits(ctx, p.Number)
		if err != nil {
			b.unasked(e, fmt.Sprintf("the forge for the commits of pull request #%d", p.Number), err)
			continue
		}
		if len(more) >= maxPullCommits {
			e.cannotTell(fmt.Sprintf("pull request #%d has %d commits or more, and GitHub lists no more of them", p.Number, maxPullCommits), "bring the change in a smaller pull request")
		}
		commits = append(commits, more...)
	}
	for i, c := range commits {
		if author && !b.authors(e, c) && i == 0 && len(o.pulls) == 0 {
			e.cannotTell(fmt.Sprintf("commit %.12s, which changed the lock, came by no pull request, and no account has its author's address %q", c.SHA, report.Visible(c.AuthorEmail)),
				"write the address beside its owner's login in allowed_signers on the default branch, or bring the change in a pull request")
		}
		// Who rebases a pull request onto the branch commits it there anew: to
		// merge is no part in the change.
		if merged := i == 0 && len(o.pulls) > 0; committer && !merged && c.Committer.ID != webFlow {
			b.account(e, c.Committer, c.CommitterEmail, fmt.Sprintf("committed %.12s", c.SHA))
		}
	}
	if committer {
		b.pusher(ctx, e, o)
	}
}

// authors excludes those who wrote a commit; it tells whether its author is
// known.
func (b *ballot) authors(e *excluded, c forge.Commit) bool {
	for _, address := range coAuthors(c.Message) {
		b.address(e, address, fmt.Sprintf("are a co-author of %.12s", c.SHA))
	}
	return b.account(e, c.Author, c.AuthorEmail, fmt.Sprintf("wrote commit %.12s", c.SHA))
}

// pusher excludes who started the run that registered the version. Where that
// run is about the merge of the pull request, that is who merged: their part was
// to agree.
func (b *ballot) pusher(ctx context.Context, e *excluded, o *origin) {
	const did = "pushed or registered it"
	if m := runURL.FindStringSubmatch(b.version.Run); m != nil {
		id, _ := strconv.ParseInt(m[1], 10, 64) // the pattern holds it in range
		run, err := b.runOf(ctx, id)
		switch {
		case err == nil:
			merged := func(p forge.PullRequest) bool { return p.MergeCommit != "" && p.MergeCommit == run.HeadSHA }
			if run.Event != "push" || !slices.ContainsFunc(o.pulls, merged) {
				e.add(run.Actor.ID, did)
			}
			return
		case !errors.Is(err, forge.ErrNotFound):
			b.unasked(e, fmt.Sprintf("the forge about run %d, which registered it,", id), err)
			return
		}
		e.unverified = append(e.unverified, fmt.Sprintf("the one who started run %d, which is gone", id))
	}
	b.registrar(e, did)
}

// registrar excludes whom the register event names.
func (b *ballot) registrar(e *excluded, did string) {
	b.account(e, forge.Account{ID: b.version.By.ID}, b.version.By.Login, did)
}

// excludeByHistory is excludeByForge where only Git can be asked.
func (b *ballot) excludeByHistory(ctx context.Context, e *excluded, author, committer bool) {
	path, _, err := b.lock(ctx)
	if err != nil {
		b.unasked(e, "the repository for the lock", err)
		return
	}
	c, err := b.files.LastChange(ctx, path)
	if err != nil {
		b.unasked(e, "the repository who changed the lock", err)
		return
	}
	if c.Shallow {
		e.cannotTell("who changed the lock: this clone is shallow and does not reach back to it", "run: git fetch --unshallow; or, in a workflow, check out with fetch-depth: 0")
	}
	if author {
		b.address(e, c.AuthorEmail, fmt.Sprintf("wrote commit %.12s", c.Hash))
		for _, address := range coAuthors(c.Message) {
			b.address(e, address, fmt.Sprintf("are a co-author of %.12s", c.Hash))
		}
		for _, p := range c.People {
			b.address(e, p.Email, fmt.Sprintf("had a part in %.12s", c.Hash))
		}
	}
	if committer {
		if !strings.EqualFold(c.CommitterEmail, webFlowAddress) {
			b.address(e, c.CommitterEmail, fmt.Sprintf("committed %.12s", c.Hash))
		}
		// Who started the run that registered it may have merged the pull request,
		// which is no part in the change: the gate can ask the forge which it was.
		if !b.early || b.version.Run == "" {
			b.registrar(e, "registered it")
		}
	}
}

func (b *ballot) excludeDispatcher(ctx context.Context, e *excluded) {
	const did = "started this run"
	if b.on.Forge == nil {
		actor, err := b.files.Actor()
		if err != nil {
			b.unasked(e, "Git who you are", err)
			return
		}
		b.account(e, forge.Account{ID: actor.ID}, actor.Login, "run this")
		return
	}
	run, err := b.run(ctx)
	if err != nil {
		b.unasked(e, "the forge who started this run", err)
		return
	}
	if run.Actor.ID <= 0 || run.TriggeringActor.ID <= 0 {
		e.cannotTell("the forge does not say who started this run", "start it again as somebody who has an account")
	}
	e.add(run.Actor.ID, did)
	e.add(run.TriggeringActor.ID, did)
}

func (b *ballot) unasked(e *excluded, what string, err error) {
	f := b.unanswered(report.Finding{}, what, err)
	e.cannotTell(f.Message, f.Hint)
}
