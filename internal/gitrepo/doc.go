// Package gitrepo is the one place that speaks Git: the user's repository, its
// remote, and the ledger branch that lives there.
//
//	repo, err := gitrepo.Open(".")             // any folder of a working tree
//	head, err := repo.Head()
//	data, err := repo.ReadFile(head.Hash, "models/sentiment/model.yaml")
//
//	remote, err := repo.Remote(ctx)            // the branch's remote, else origin
//	adv, err := remote.Refs(ctx)               // one round trip
//	store, err := remote.Ledger(ctx)           // no network: the last known ledger
//	parent, err := store.Fetch(ctx)            // only what is new
//	names, read, err := store.Files()
//	commit, err := store.Commit(parent, changed, message, author, now)
//	err = store.Push(ctx, parent, commit, tags, true)
//	if errors.Is(err, gitrepo.ErrLost) { … }   // someone was faster: fetch, decide again
//
// The user's working tree, index, branches and remote-tracking branches are
// never written. The only things written are tags ([Repo.StoreTags], when
// asked) and a private bare repository at waybill/ledger.git in the common Git
// folder. That repository is a cache: it holds one commit of the ledger and one
// of the default branch, and may be deleted at any time.
//
// Object names ("hashes") are strings of 40 lower-case hexadecimal digits.
// Paths of files in a revision are relative to the repository's root and use
// slashes. Repositories with SHA-256 object names or reftables are refused with
// a clear error.
//
// A Repo may be used by several goroutines; a Remote and a LedgerStore by one
// at a time.
package gitrepo

import "errors"

var (
	// ErrNoRepository: the folder is not in the working tree of a Git
	// repository (or only in one that this package cannot use).
	ErrNoRepository = errors.New("not a usable Git repository")

	// ErrNoCommits: the repository, or the remote's default branch, has no
	// commit yet.
	ErrNoCommits = errors.New("no commits yet")

	// ErrNoRemote: the repository has no remote, or several and none of them is
	// named origin or belongs to the current branch.
	ErrNoRemote = errors.New("no remote")

	// ErrLost: what was to be replaced at the remote is no longer what the
	// caller read. Nothing was changed; fetch and decide again.
	ErrLost = errors.New("the remote has moved on")

	// ErrRefused: the remote understood and said no: a hook, a protected
	// branch, a tag that exists already. Nothing was changed.
	ErrRefused = errors.New("refused by the remote")

	// ErrTags: the ledger branch was moved, so the event is recorded, but not
	// all of its tags could be created. Remotes without atomic pushes bring
	// this about, and git's own server for a tag whose target it does not have:
	// it leaves that tag out even of an atomic push.
	ErrTags = errors.New("recorded in the ledger, but not all tags were created")

	// ErrRewritten: the ledger at the remote does not continue the one that was
	// read here before.
	ErrRewritten = errors.New("the ledger was rewritten at the remote")

	// ErrUnauthorized: the remote wants other credentials.
	ErrUnauthorized = errors.New("not authorized")

	// ErrUnreachable: the remote could not be talked to.
	ErrUnreachable = errors.New("cannot talk to the remote")
)
