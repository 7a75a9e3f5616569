package gitrepo

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// historyDepth is how far behind the default branch's head a commit may be for
// Contains to find it from a shallow clone.
const historyDepth = 1000

// has reports whether a commit is in the clone itself.
func (r *Repo) has(commit string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.stores {
		if s.HasEncodedObject(plumbing.NewHash(commit)) == nil {
			return true
		}
	}
	return false
}

// reopenPolicy makes a pack visible that was just added to the private store.
func (r *Repo) reopenPolicy() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.policy = nil
}

// partial reports whether blobs may be missing though their commit is here
// (git clone --filter).
func (r *Repo) partial() bool {
	if r.config.get("extensions", "", "partialclone") != "" {
		return true
	}
	for _, name := range r.config.subsections("remote", "promisor") {
		if r.config.truth("remote", name, "promisor") {
			return true
		}
	}
	return false
}

// shallow lists the commits whose parents a shallow clone left out.
func (r *Repo) shallow() []string {
	f, err := os.Open(filepath.Join(r.commonDir, "shallow"))
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); isHash(line) {
			out = append(out, line)
		}
	}
	return out
}

// Contains reports whether commit is the head of the remote's default branch,
// as adv shows it, or one of its ancestors. A full clone answers by itself. In
// a shallow clone, or when the branch has moved on, the remote is asked for the
// commits between, up to 1,000 back; a commit further behind counts as not
// contained.
func (r *Repo) Contains(ctx context.Context, adv *Advertised, commit string) (bool, error) {
	head := adv.Heads[adv.DefaultBranch]
	if head == "" || !isHash(commit) {
		return false, nil
	}
	if head == commit {
		return true, nil
	}
	known := func(id string) ([]string, bool) {
		c, err := r.commit(id)
		if err != nil {
			return nil, false
		}
		parents := make([]string, len(c.parents))
		for i, p := range c.parents {
			parents[i] = p.String()
		}
		return parents, true
	}
	found, whole, err := reaches(ctx, head, commit, known)
	if err != nil || found || whole || adv.remote == nil {
		return found, err
	}
	fetched, err := adv.remote.commits(ctx, head, commit)
	if err != nil {
		return false, fmt.Errorf("is %s in %s: %w", short(commit), adv.DefaultBranch, err)
	}
	found, _, err = reaches(ctx, head, commit, func(id string) ([]string, bool) {
		if parents, ok := fetched[id]; ok {
			return parents, true
		}
		return known(id)
	})
	return found, err
}

// reaches walks from one commit towards another. whole is false when a parent
// was not to be had, so that "not found" may be wrong.
func reaches(ctx context.Context, from, to string, parents func(string) ([]string, bool)) (found, whole bool, err error) {
	whole = true
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if err := ctx.Err(); err != nil {
			return false, false, err
		}
		if queue[0] == to {
			return true, whole, nil
		}
		next, ok := parents(queue[0])
		whole = whole && ok
		for _, p := range next {
			if !seen[p] {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	return false, whole, nil
}

// commits fetches commit -> parents from head back to (and without) commit. The
// objects are not kept.
func (m *Remote) commits(ctx context.Context, head, commit string) (map[string][]string, error) {
	session, refs, err := m.upload(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	q := request{want: head, depth: historyDepth, filter: packp.FilterTreeDepth(0)}
	if m.repo.has(commit) {
		q.haves, q.shallows = []string{commit}, []string{commit}
	}
	objects, err := m.downloadObjects(ctx, session, refs.Capabilities, q, nil)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, o := range objects {
		if o.kind != "commit" {
			continue
		}
		_, parents, err := parseCommit(o.data)
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", short(o.id), err)
		}
		out[o.id] = parents
	}
	return out, nil
}
