package github

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

const (
	maxCommitFiles = 1000
	maxBlob        = 32 << 20 // GitHub takes 100 MB, base64
	maxInline      = 64 << 10 // larger ones and binary ones go as blobs
)

// BranchHead returns the commit that a branch is at.
func (c *Client) BranchHead(ctx context.Context, branch string) (string, error) {
	k := call{what: c.on("read branch %s", clip(branch, maxName)), needs: forge.ToReadContents}
	if !isBranch(branch) {
		return "", fmt.Errorf("%s: that is no name of a branch", k.what)
	}
	var ref github.Reference
	if _, err := c.do(ctx, k, http.MethodGet, c.path("git/ref/heads/")+escapePath(branch), nil, &ref); err != nil {
		return "", err
	}
	sha := ref.GetObject().GetSHA()
	if !isHash(sha) || ref.GetRef() != "refs/heads/"+branch {
		return "", badAnswer(k, "it is about %q", clip(ref.GetRef(), maxName))
	}
	return sha, nil
}

// CommitFiles commits files on top of base and moves branch there, creating it
// when it does not exist. A nil content removes the file. It returns the new
// commit, or base when nothing would change. Files are written with mode 100644:
// one that was executable is not afterwards, since its mode would cost a request
// for the tree, and no file that is written for a reader needs the bit.
//
// The branch is only moved forward: when it exists and is not at base, that is
// forge.ErrMoved and the branch stays as it is. The commit names no author, so
// that GitHub signs it for an app (docs.github.com, "About commit signature
// verification", bots).
func (c *Client) CommitFiles(ctx context.Context, branch, base string, files map[string][]byte, message string) (string, error) {
	k := call{what: c.on("commit %d files to %s", len(files), clip(branch, maxName)), needs: forge.ToWriteContents, repeat: true}
	if !isBranch(branch) || !isHash(base) || len(files) == 0 || len(files) > maxCommitFiles || message == "" {
		return "", fmt.Errorf("%s: it needs a branch, the commit to start from, 1 to %d files and a message", k.what, maxCommitFiles)
	}
	head, err := c.BranchHead(ctx, branch)
	exists := err == nil
	if err != nil && !isNotFound(err) {
		return "", err
	}
	if exists && head != base {
		return "", moved(k, head)
	}
	commit, err := c.commit(ctx, k, forge.Base{Commit: base}, files, message)
	if err != nil || commit == base && exists {
		return commit, err
	}
	if exists {
		return commit, c.forward(ctx, k, branch, base, commit)
	}
	return commit, c.newBranch(ctx, k, branch, commit)
}

// commit writes blobs, tree and commit. Sent twice, they are the same objects
// or ones that nothing refers to.
func (c *Client) commit(ctx context.Context, k call, base forge.Base, files map[string][]byte, message string) (string, error) {
	if base.Tree == "" {
		var parent github.Commit
		if _, err := c.do(ctx, k, http.MethodGet, c.path("git/commits/%s", base.Commit), nil, &parent); err != nil {
			return "", err
		}
		if base.Tree = parent.GetTree().GetSHA(); !isHash(base.Tree) {
			return "", badAnswer(k, "commit %s has no tree", base.Commit[:12])
		}
	}
	entries, err := c.entries(ctx, k, files)
	if err != nil {
		return "", err
	}
	treeBody := map[string]any{"base_tree": base.Tree, "tree": entries}
	var tree github.Tree
	if _, err := c.do(ctx, k, http.MethodPost, c.path("git/trees"), treeBody, &tree); err != nil {
		return "", err
	}
	if !isHash(tree.GetSHA()) {
		return "", badAnswer(k, "the new tree has no id")
	}
	if tree.GetSHA() == base.Tree {
		return base.Commit, nil
	}
	commitBody := map[string]any{"message": message, "tree": tree.GetSHA(), "parents": []string{base.Commit}}
	var made github.Commit
	if _, err := c.do(ctx, k, http.MethodPost, c.path("git/commits"), commitBody, &made); err != nil {
		return "", err
	}
	if !isHash(made.GetSHA()) {
		return "", badAnswer(k, "the new commit has no id")
	}
	return made.GetSHA(), nil
}

func (c *Client) entries(ctx context.Context, k call, files map[string][]byte) ([]*github.TreeEntry, error) {
	var entries []*github.TreeEntry
	var paths []string
	for path := range files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		data := files[path]
		if !isPath(path) || len(data) > maxBlob {
			return nil, fmt.Errorf("%s: %s is no path within a repository, or has more than %d bytes", k.what, clip(path, maxName), maxBlob)
		}
		entry := &github.TreeEntry{Path: github.String(path), Mode: github.String("100644"), Type: github.String("blob")}
		switch {
		case data == nil: // SHA and Content nil: go-github writes "sha": null, which removes
		case len(data) <= maxInline && len(data) > 0 && utf8.Valid(data) && !strings.ContainsRune(string(data), 0):
			entry.Content = github.String(string(data))
		default:
			body := map[string]string{"content": base64.StdEncoding.EncodeToString(data), "encoding": "base64"}
			var blob github.Blob
			if _, err := c.do(ctx, k, http.MethodPost, c.path("git/blobs"), body, &blob); err != nil {
				return nil, err
			}
			if !isHash(blob.GetSHA()) {
				return nil, badAnswer(k, "a new blob has no id")
			}
			entry.SHA = blob.SHA
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// forward moves a branch that exists. Without force, GitHub answers 422 when
// the commit does not descend from where the branch is by now.
func (c *Client) forward(ctx context.Context, k call, branch, base, commit string) error {
	body := map[string]any{"sha": commit, "force": false}
	_, err := c.do(ctx, k, http.MethodPatch, c.path("git/refs/heads/")+escapePath(branch), body, nil)
	return c.unlessMoved(ctx, k, branch, base, commit, err)
}

func (c *Client) newBranch(ctx context.Context, k call, branch, commit string) error {
	body := map[string]any{"ref": "refs/heads/" + branch, "sha": commit}
	_, err := c.do(ctx, k, http.MethodPost, c.path("git/refs"), body, nil)
	return c.unlessMoved(ctx, k, branch, "", commit, err)
}

// unlessMoved looks where the branch is after a refusal: there already, because
// the first answer was lost, or elsewhere, because somebody was faster. Where it
// is still at base, which is "" for a new branch, something else was refused.
func (c *Client) unlessMoved(ctx context.Context, k call, branch, base, commit string, err error) error {
	var refused *refusedError
	if !errors.As(err, &refused) || refused.status != http.StatusUnprocessableEntity && refused.status != http.StatusConflict {
		return err
	}
	head, readErr := c.BranchHead(ctx, branch)
	switch {
	case readErr != nil, head == base:
		return err // a rule of the repository refuses; GitHub's words say which
	case head == commit:
		return nil
	case strings.Contains(strings.ToLower(refused.answer), "rule"):
		return err
	}
	return fmt.Errorf("%w (%s)", moved(k, head), refused.answer)
}

func moved(k call, head string) error {
	return fmt.Errorf("%s: %w, to %s; fetch it and try again", k.what, forge.ErrMoved, head[:12])
}

// isPath tells whether s is a file's path in a tree: relative, clean, and not
// within .git.
func isPath(s string) bool {
	if s == "" || len(s) > 4096 || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\\\n\r") {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") {
			return false
		}
	}
	return true
}

// escapePath escapes all but the slashes.
func escapePath(s string) string {
	parts := strings.Split(s, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

func queryEscape(s string) string { return url.QueryEscape(s) }
