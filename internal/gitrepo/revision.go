package gitrepo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// step is one suffix of a revision: ~n (n first parents up), ^n (the n-th
// parent), or ^0, ^{} and ^{commit} (the commit itself).
type step struct {
	parent int // ~ follows parent 1
	times  int
}

// ResolveRevision turns what people type into a commit: HEAD, @, branch, tag,
// remote-tracking branch, full reference name, or at least four digits of an
// object name, followed by any of ~, ~N, ^, ^N, ^{} and ^{commit}. Reflogs,
// searches and ranges (@{1}, :/text, a..b) are not understood.
func (r *Repo) ResolveRevision(rev string) (string, error) {
	base, steps, err := parseRevision(rev)
	var hash string
	if err == nil {
		hash, err = r.resolveBase(base)
	}
	for i := 0; err == nil && i < len(steps); i++ {
		hash, err = r.follow(hash, steps[i])
	}
	if err != nil {
		return "", fmt.Errorf("revision %q: %w", clip(rev), err)
	}
	return hash, nil
}

// parseRevision splits a revision into its name and its suffixes.
func parseRevision(rev string) (base string, steps []step, err error) {
	cut := strings.IndexAny(rev, "~^")
	if cut < 0 {
		cut = len(rev)
	}
	base, rest := rev[:cut], rev[cut:]
	if base == "@" {
		base = "HEAD"
	}
	if err := checkRefName("refs/" + base); err != nil && base != "HEAD" {
		return "", nil, errors.New("not a name that a branch, a tag or a commit can have")
	}
	for rest != "" {
		op := rest[0]
		rest = rest[1:]
		if op == '^' && strings.HasPrefix(rest, "{") {
			inner, after, ok := strings.Cut(rest[1:], "}")
			if !ok || inner != "" && inner != "commit" {
				return "", nil, errors.New("only ^{} and ^{commit} are understood")
			}
			rest = after
			continue
		}
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n := 1
		if digits > 0 {
			if n, err = strconv.Atoi(rest[:digits]); err != nil || n > 1<<20 {
				return "", nil, fmt.Errorf("%c%s is too far", op, clip(rest[:digits]))
			}
		}
		rest = rest[digits:]
		switch {
		case op == '~':
			steps = append(steps, step{parent: 1, times: n})
		case op == '^' && n > 0:
			steps = append(steps, step{parent: n, times: 1})
		case op != '^':
			return "", nil, fmt.Errorf("unexpected %q", op)
		}
		if len(steps) > 1000 {
			return "", nil, errors.New("too many suffixes")
		}
	}
	return base, steps, nil
}

func (r *Repo) follow(hash string, s step) (string, error) {
	for range s.times {
		c, err := r.commit(hash)
		if err != nil {
			return "", err
		}
		if s.parent > len(c.parents) {
			return "", fmt.Errorf("commit %s has %d parents", short(hash), len(c.parents))
		}
		hash = c.parents[s.parent-1].String()
	}
	return hash, nil
}

// resolveBase looks a name up by the rules of gitrevisions(7). A full object
// name wins over a reference of that name, as in git.
func (r *Repo) resolveBase(base string) (string, error) {
	if isHash(strings.ToLower(base)) {
		return r.peel(plumbing.NewHash(base))
	}
	for _, format := range []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s", "refs/remotes/%s/HEAD"} {
		name := fmt.Sprintf(format, base)
		if format == "%s" && !strings.HasPrefix(base, "refs/") && strings.Trim(base, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
			continue // only HEAD, FETCH_HEAD and the like live outside refs/
		}
		hash, err := r.reference(plumbing.ReferenceName(name))
		if err == nil {
			return r.peel(plumbing.NewHash(hash))
		}
	}
	if base == "HEAD" {
		return "", ErrNoCommits
	}
	if len(base) >= 4 && len(base) < 40 && strings.Trim(strings.ToLower(base), "0123456789abcdef") == "" {
		return r.abbreviated(strings.ToLower(base))
	}
	return "", errors.New("no such branch, tag or commit in this clone; run git fetch --tags, or use a commit")
}

// abbreviated finds the one commit (or tag of a commit) whose name begins with
// prefix.
func (r *Repo) abbreviated(prefix string) (string, error) {
	even, err := hex.DecodeString(prefix[:len(prefix)&^1])
	if err != nil {
		return "", err
	}
	found := ""
	for _, s := range r.stores {
		r.mu.Lock()
		hashes, err := s.HashesWithPrefix(even)
		r.mu.Unlock()
		if err != nil {
			return "", err
		}
		for _, h := range hashes {
			if !strings.HasPrefix(h.String(), prefix) {
				continue
			}
			commit, err := r.peel(h)
			if err != nil || commit == found {
				continue // a blob or tree cannot be meant
			}
			if found != "" {
				return "", fmt.Errorf("ambiguous: %s and %s begin so", short(found), short(commit))
			}
			found = commit
		}
	}
	if found == "" {
		return "", errors.New("no such branch, tag or commit in this clone; run git fetch --tags, or use a commit")
	}
	return found, nil
}

// errNotCommit means that a tag leads to a tree or a file.
var errNotCommit = errors.New("not a commit")

// peel follows annotated tags to their commit.
func (r *Repo) peel(hash plumbing.Hash) (string, error) {
	for range 10 {
		o, err := r.encoded(plumbing.AnyObject, hash)
		if err != nil {
			return "", missing("object "+hash.String(), err)
		}
		switch o.Type() {
		case plumbing.CommitObject:
			return hash.String(), nil
		case plumbing.TagObject:
			data, err := readObject(o)
			var target plumbing.Hash
			if err == nil {
				target, err = tagTarget(data)
			}
			if err != nil {
				return "", fmt.Errorf("tag %s: %w", hash, err)
			}
			hash = target
		default:
			return "", fmt.Errorf("%s is a %s: %w", short(hash.String()), o.Type(), errNotCommit)
		}
	}
	return "", errors.New("a chain of tags does not end")
}

// checkRefName holds to git-check-ref-format(1).
func checkRefName(name string) error {
	bad := func(why string) error { return fmt.Errorf("reference name %q: %s", clip(name), why) }
	if name == "" || len(name) > 1024 {
		return bad("must have 1 to 1024 bytes")
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return bad("a part between slashes is empty, begins with a dot or ends with .lock")
		}
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte("~^:?*[\\", c) >= 0 {
			return bad(fmt.Sprintf("contains %q", c))
		}
	}
	if strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") || name == "@" {
		return bad("contains .. or @{, or ends with a dot")
	}
	return nil
}
