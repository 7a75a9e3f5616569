package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

const (
	maxChangeSteps   = 100_000 // commits that LastChange looks at
	maxChangePeople  = 100
	maxChangeMessage = 64 << 10
)

// Identity is a name and an address as a commit has them: claims, nothing more.
type Identity struct{ Name, Email string }

// Change is the commit that gave a file the content that it has.
type Change struct {
	Hash                          string
	Parents                       []string
	AuthorName, AuthorEmail       string
	CommitterName, CommitterEmail string
	Message                       string
	// People are those of the commits that a merge brought and that touched the
	// file, when the merge itself gave it its content.
	People []Identity
	// Shallow: the walk ended where the clone does, or too far back. The change
	// may be older, and by somebody else.
	Shallow bool
}

// LastChange finds the commit that gave path the content it has in commit. Like
// git log's history simplification it goes on to a parent that has the same
// content, whichever parent that is: a merge that took the file as it was is
// not who changed it. An error is fs.ErrNotExist when commit has no such file.
func (r *Repo) LastChange(ctx context.Context, commit, path string) (Change, error) {
	c, err := r.lastChange(ctx, commit, path)
	if err != nil {
		return Change{}, fmt.Errorf("find who changed %s up to %s: %w", path, short(commit), err)
	}
	return c, nil
}

func (r *Repo) lastChange(ctx context.Context, commit, path string) (Change, error) {
	c, err := r.commit(commit)
	if err != nil {
		return Change{}, err
	}
	want, err := r.trail(c, path, nil)
	if err != nil {
		return Change{}, err
	}
	if want == nil {
		return Change{}, fs.ErrNotExist
	}
	for range maxChangeSteps {
		if err := ctx.Err(); err != nil {
			return Change{}, err
		}
		var next *commitObject
		var onward []plumbing.Hash
		cut := false
		for _, h := range c.parents {
			p, err := r.find(h)
			if err != nil {
				return Change{}, err
			}
			if p == nil {
				cut = true
				continue
			}
			had, err := r.trail(p, path, want)
			if err != nil {
				return Change{}, err
			}
			if had != nil && had[len(had)-1] == want[len(want)-1] {
				next, onward = p, had
				break
			}
		}
		if next == nil {
			out := changeOf(c)
			out.Shallow = cut
			if len(c.parents) > 1 && !cut {
				err = r.merged(ctx, c, path, &out)
			}
			return out, err
		}
		c, want = next, onward
	}
	out := changeOf(c)
	out.Shallow = true
	return out, nil
}

// trail is the tree of a commit, the folders down to path, and the file's
// content; nil when there is no such file. Where it meets known, the trail of
// another commit, the rest is the same and is not read.
func (r *Repo) trail(c *commitObject, path string, known []plumbing.Hash) ([]plumbing.Hash, error) {
	if !fs.ValidPath(path) || path == "." {
		return nil, &fs.PathError{Op: "find", Path: path, Err: fs.ErrInvalid}
	}
	at := fileEntry{mode: filemode.Dir, hash: c.tree}
	out := []plumbing.Hash{at.hash}
	for i, name := range strings.Split(path, "/") {
		if at.mode != filemode.Dir {
			return nil, nil
		}
		if i < len(known) && known[i] == at.hash {
			return append(out, known[i+1:]...), nil
		}
		entries, err := r.tree(at.hash)
		if err != nil {
			return nil, err
		}
		n := slices.IndexFunc(entries, func(e fileEntry) bool { return e.name == name })
		if n < 0 {
			return nil, nil
		}
		at = entries[n]
		out = append(out, at.hash)
	}
	if !isFile(at.mode) {
		return nil, nil
	}
	return out, nil
}

// find is a commit of the clone or the private store, nil when it is not there.
func (r *Repo) find(hash plumbing.Hash) (*commitObject, error) {
	o, err := r.encoded(plumbing.CommitObject, hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", hash, err)
	}
	return readCommit(o)
}

// merged adds the people of the commits that a merge brought, those that its
// first parent does not reach, and that touched path.
func (r *Repo) merged(ctx context.Context, merge *commitObject, path string, out *Change) error {
	before, whole, err := r.ancestors(ctx, merge.parents[:1], nil)
	if err != nil {
		return err
	}
	ours := make(map[plumbing.Hash]bool, len(before))
	for _, c := range before {
		ours[c.hash] = true
	}
	brought, all, err := r.ancestors(ctx, merge.parents[1:], ours)
	if err != nil {
		return err
	}
	out.Shallow = !whole || !all
	seen := map[Identity]bool{}
	for _, c := range brought {
		if err := ctx.Err(); err != nil {
			return err
		}
		touched, err := r.touched(c, path)
		if err != nil {
			return err
		}
		if !touched {
			continue
		}
		for _, who := range changeOf(c).identities() {
			if !seen[who] && len(out.People) < maxChangePeople {
				seen[who] = true
				out.People = append(out.People, who)
			}
		}
	}
	return nil
}

// ancestors lists commits and all before them, without those in except. whole is
// false when some are not here or there are too many.
func (r *Repo) ancestors(ctx context.Context, from []plumbing.Hash, except map[plumbing.Hash]bool) (found []*commitObject, whole bool, err error) {
	seen := map[plumbing.Hash]bool{}
	whole = true
	for queue := slices.Clone(from); len(queue) > 0; {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		h := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if seen[h] || except[h] {
			continue
		}
		seen[h] = true
		c, err := r.find(h)
		if err != nil {
			return nil, false, err
		}
		if c == nil || len(found) == maxChangeSteps {
			whole = false
			continue
		}
		found = append(found, c)
		queue = append(queue, c.parents...)
	}
	return found, whole, nil
}

// touched tells whether a commit gave path a content that none of its parents
// had, or took it away.
func (r *Repo) touched(c *commitObject, path string) (bool, error) {
	now, err := r.trail(c, path, nil)
	if err != nil {
		return false, err
	}
	for _, h := range c.parents {
		p, err := r.find(h)
		if err != nil {
			return false, err
		}
		if p == nil {
			continue
		}
		had, err := r.trail(p, path, now)
		if err != nil {
			return false, err
		}
		if (had == nil) == (now == nil) && (now == nil || had[len(had)-1] == now[len(now)-1]) {
			return false, nil
		}
	}
	return now != nil || len(c.parents) > 0, nil
}

func changeOf(c *commitObject) Change {
	out := Change{Hash: c.hash.String(), AuthorName: c.author.Name, AuthorEmail: c.author.Email,
		CommitterName: c.committer.Name, CommitterEmail: c.committer.Email, Message: c.message}
	if len(out.Message) > maxChangeMessage {
		out.Message = out.Message[:maxChangeMessage]
	}
	for _, p := range c.parents {
		out.Parents = append(out.Parents, p.String())
	}
	return out
}

// identities are the author, the committer and the co-authors.
func (c Change) identities() []Identity {
	return append([]Identity{{c.AuthorName, c.AuthorEmail}, {c.CommitterName, c.CommitterEmail}}, coAuthors(c.Message)...)
}

// Addresses are those of author, committer, co-authors and People, each once.
func (c Change) Addresses() []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, who := range append(c.identities(), c.People...) {
		if !seen[who.Email] {
			seen[who.Email] = true
			out = append(out, who.Email)
		}
	}
	return out
}

// coAuthors reads the trailers "Co-authored-by: NAME <EMAIL>"
// (git-interpret-trailers(1)). They count anywhere in the message: who is named
// there had a part in it, whether or not a blank line was forgotten.
func coAuthors(message string) []Identity {
	var out []Identity
	for line := range strings.Lines(message) {
		key, value, ok := strings.Cut(line, ":")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), "co-authored-by") || len(out) == maxChangePeople {
			continue
		}
		name, rest, _ := strings.Cut(value, "<")
		email, _, ok := strings.Cut(rest, ">")
		if email = strings.TrimSpace(email); ok && email != "" {
			out = append(out, Identity{strings.TrimSpace(name), email})
		}
	}
	return out
}
