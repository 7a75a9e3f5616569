// Package writeback brings files that a workflow made, locks above all, back
// into the repository through the forge: onto a branch, or as a pull request.
//
//	commit, err := writeback.Branch(ctx, gh, files, writeback.Options{Onto: "main", From: head, Message: "Lock sentiment"})
//	done, err := writeback.PullRequest(ctx, gh, files, writeback.Options{…})
//
// Nothing is pushed with git: a checkout without credentials is enough, and
// GitHub signs commits that an app makes through its API.
//
// A branch may move between checkout and commit. As long as the files in
// question did not change on it, the commit is made on top of where it is now;
// otherwise that is ErrConflict, and nothing is written.
package writeback

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Forge is what has to be asked; *github.Client has it.
type Forge interface {
	BranchHead(ctx context.Context, branch string) (string, error)
	Contents(ctx context.Context, path, ref string, limit int64) ([]byte, error)
	CommitFiles(ctx context.Context, branch, base string, files map[string][]byte, message string) (string, error)
	FindPullRequest(ctx context.Context, head, base string) (forge.PullRequest, error)
	CreatePullRequest(ctx context.Context, p forge.NewPullRequest) (forge.PullRequest, error)
}

// File is a file from the repository's root: as it was in the commit that was
// checked out, nil where it was not there, and as it is to be. One that is to
// be as it was is not written, but must not have changed on the branch either.
type File struct {
	Path          string
	Before, After []byte
}

func (f File) changed() bool { return !bytes.Equal(f.Before, f.After) }

// Changed tells whether there is anything to write.
func Changed(files []File) bool { return slices.ContainsFunc(files, File.changed) }

// Options say where to and with which words.
type Options struct {
	Onto    string // the branch that the files are for
	From    string // the commit that was checked out
	Branch  string // of the pull request; "" is one named after the content
	Message string // of the commit; its first line is the pull request's title
	Body    string // of the pull request, in Markdown
}

// Result is what is there now. Commit and PullRequest are empty where the
// branch had the files already.
type Result struct {
	Branch, Commit string
	PullRequest    forge.PullRequest
}

// ErrConflict: the branch has other files by now than those that were checked
// out.
var ErrConflict = errors.New("changed meanwhile")

const (
	tries   = 10       // against others who commit to the branch
	maxFile = 32 << 20 // bytes
)

// Branch commits files onto o.Onto, which is made at o.From when it does not
// exist. It returns the commit, "" when the branch has them already.
func Branch(ctx context.Context, f Forge, files []File, o Options) (string, error) {
	var commit string
	err := untilStill(func() error {
		head, err := f.BranchHead(ctx, o.Onto)
		if errors.Is(err, forge.ErrNotFound) {
			head, err = o.From, nil
		}
		if err != nil {
			return err
		}
		write, err := merge(ctx, f, files, o, head)
		if err != nil || len(write) == 0 {
			return err
		}
		commit, err = f.CommitFiles(ctx, o.Onto, head, write, o.Message)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("write back to %s: %w", o.Onto, err)
	}
	return commit, nil
}

// PullRequest commits files onto a branch of their own and opens a pull request
// to o.Onto. The same files have the same branch, so that running it again opens
// no second one; on a branch that o names, what an open pull request has is
// brought up to date.
func PullRequest(ctx context.Context, f Forge, files []File, o Options) (Result, error) {
	r := Result{Branch: cmp.Or(o.Branch, BranchName(files, o.Onto))}
	err := untilStill(func() error {
		head, err := f.BranchHead(ctx, o.Onto)
		if err != nil {
			return err
		}
		write, err := merge(ctx, f, files, o, head)
		if err != nil || len(write) == 0 {
			return err
		}
		r.Commit, err = commitApart(ctx, f, write, o, r.Branch, head)
		return err
	})
	if err == nil && r.Commit != "" {
		title, _, _ := strings.Cut(o.Message, "\n")
		r.PullRequest, err = f.CreatePullRequest(ctx, forge.NewPullRequest{Title: title, Body: o.Body, Head: r.Branch, Base: o.Onto})
	}
	if err != nil {
		return r, fmt.Errorf("write back by a pull request to %s: %w", o.Onto, err)
	}
	return r, nil
}

// BranchName is the branch of a pull request with these files.
func BranchName(files []File, onto string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", onto)
	files = slices.Clone(files)
	sorting.By(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	for _, file := range files {
		if file.changed() {
			fmt.Fprintf(h, "%q %x\n", file.Path, sha256.Sum256(file.After))
		}
	}
	return "waybill/lock-" + hex.EncodeToString(h.Sum(nil)[:6])
}

// commitApart sees to it that branch has the files.
func commitApart(ctx context.Context, f Forge, write map[string][]byte, o Options, branch, head string) (string, error) {
	at, err := f.BranchHead(ctx, branch)
	if errors.Is(err, forge.ErrNotFound) {
		return f.CommitFiles(ctx, branch, head, write, o.Message)
	}
	if err != nil {
		return "", err
	}
	same := true
	for path, want := range write {
		now, err := contents(ctx, f, path, at)
		if err != nil {
			return "", err
		}
		same = same && now != nil && bytes.Equal(now, want)
	}
	if same {
		return at, nil
	}
	// Without an open pull request the branch is what an earlier one left, and
	// may not merge any more.
	if _, err := f.FindPullRequest(ctx, branch, o.Onto); err != nil {
		if errors.Is(err, forge.ErrNotFound) {
			err = fmt.Errorf("the branch %s is there with other files and no open pull request; delete it, or name another one", branch)
		}
		return "", err
	}
	return f.CommitFiles(ctx, branch, at, write, o.Message)
}

// merge returns what has to be written on top of head, nil when it has all of
// it.
func merge(ctx context.Context, f Forge, files []File, o Options, head string) (map[string][]byte, error) {
	write := map[string][]byte{}
	for _, file := range files {
		now := file.Before
		if head != o.From {
			var err error
			if now, err = contents(ctx, f, file.Path, head); err != nil {
				return nil, err
			}
		}
		switch {
		case bytes.Equal(now, file.After) && (now == nil) == (file.After == nil):
		case bytes.Equal(now, file.Before) && (now == nil) == (file.Before == nil):
			write[file.Path] = file.After
		default:
			return nil, fmt.Errorf("%s: %w on %s, after %.12s was checked out; run the job again on its newest commit", file.Path, ErrConflict, o.Onto, o.From)
		}
	}
	return write, nil
}

// contents is nil for a file that the commit does not have.
func contents(ctx context.Context, f Forge, path, commit string) ([]byte, error) {
	data, err := f.Contents(ctx, path, commit, maxFile)
	switch {
	case errors.Is(err, forge.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case data == nil:
		return []byte{}, nil
	}
	return data, nil
}

// untilStill tries again as long as somebody else was faster.
func untilStill(try func() error) error {
	var err error
	for range tries {
		if err = try(); !errors.Is(err, forge.ErrMoved) {
			return err
		}
	}
	return err
}
