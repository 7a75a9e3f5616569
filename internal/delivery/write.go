package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/writeback"
)

// write brings every file that has to change onto its way.
func (d *delivery) write(ctx context.Context) error {
	var straight []*File
	var errs []error
	for i := range d.result.Files {
		f := &d.result.Files[i]
		switch {
		case f.State == Current && d.opts.Forge != nil && d.came():
			errs = append(errs, d.withdraw(ctx, f))
		case f.State != Planned:
		case d.opts.Forge == nil:
			errs = append(errs, d.writeHere(f))
		case d.opts.Straight || d.via[f.Path] == manifest.ViaCommit:
			straight = append(straight, f)
		default:
			errs = append(errs, d.propose(ctx, f))
		}
	}
	if len(straight) > 0 {
		errs = append(errs, d.commitFiles(ctx, straight))
	}
	for _, f := range straight {
		// It would merge cleanly once the file says again what it said before.
		if d.opts.Straight && (f.State == Committed || f.State == Current) && d.came() {
			errs = append(errs, d.withdraw(ctx, f))
		}
	}
	return errors.Join(errs...)
}

// came tells whether the stage held something before: only then can an earlier
// pull request be open.
func (d *delivery) came() bool {
	return len(d.l.State.Artifacts[d.name].Stages[d.stage].History) > 0
}

// commitFiles writes onto the default branch, in one commit. Where that is not
// allowed, the files come as pull requests.
func (d *delivery) commitFiles(ctx context.Context, files []*File) error {
	var write []writeback.File
	for _, f := range files {
		write = append(write, writeback.File{Path: f.Path, Before: f.Before, After: f.After})
	}
	commit, err := writeback.Branch(ctx, d.opts.Forge, write, writeback.Options{Onto: d.branch, From: d.commit, Message: d.message()})
	switch {
	case err == nil:
		for _, f := range files {
			f.State, f.Commit = Committed, commit
			if commit == "" {
				f.State = Current
			}
		}
		return nil
	case errors.Is(err, writeback.ErrConflict), errors.Is(err, forge.ErrMoved), errors.Is(err, forge.ErrRateLimited), ctx.Err() != nil:
		return err
	}
	d.blocked(files[0], err)
	var errs []error
	for _, f := range files {
		errs = append(errs, d.propose(ctx, f))
	}
	return errors.Join(errs...)
}

// blocked says why files come as pull requests although they were to be
// committed.
func (d *delivery) blocked(f *File, err error) {
	p := d.problem(&report.Location{File: f.Path}, "nothing could be committed onto %s, so that it waits for a merge: %s", d.branch, report.Visible(err.Error()))
	p.Severity = report.Warning
	d.result.Findings = append(d.result.Findings, *p.hint("let the token of a GitHub App bypass the rules of the branch, or use via: pull-request"))
}

// propose opens the pull request of a file, or brings the open one up to date:
// its branch belongs to this program alone. What this run assigned itself cannot
// be there yet, and is not looked for: each promotion costs requests, of which a
// token has 1,000 an hour.
func (d *delivery) propose(ctx context.Context, f *File) error {
	branch := d.branchOf(f)
	if d.opts.Wrote != d.tenure.Event {
		pr, err := d.opts.Forge.FindPullRequest(ctx, branch, d.branch)
		if err != nil && !errors.Is(err, forge.ErrNotFound) {
			return err
		}
		if err == nil {
			same, err := d.proposes(ctx, &pr, f)
			if err != nil {
				return err
			}
			if same {
				f.State, f.Commit, f.PullRequest = Proposed, pr.Head.SHA, pr.URL
				return nil
			}
		}
	}
	tree, err := d.w.Repo.Tree(d.commit)
	if err != nil {
		return err
	}
	if f.Commit, err = d.opts.Forge.ReplaceBranch(ctx, branch, forge.Base{Commit: d.commit, Tree: tree}, map[string][]byte{f.Path: f.After}, d.message()); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	// An open one is returned as it is.
	pr, err := d.opts.Forge.CreatePullRequest(ctx, forge.NewPullRequest{Title: d.title(), Body: d.body(f), Head: branch, Base: d.branch})
	if err == nil && pr.Title != d.title() {
		err = d.opts.Forge.UpdatePullRequest(ctx, pr.Number, d.title(), d.body(f))
	}
	if err != nil {
		return fmt.Errorf("%s is on the branch %s: %w", f.Path, branch, err)
	}
	f.State, f.PullRequest = Proposed, pr.URL
	return nil
}

// proposes tells whether an open pull request is as it would be made: somebody
// who may push can add to its branch what nobody reads in a change of one value.
func (d *delivery) proposes(ctx context.Context, pr *forge.PullRequest, f *File) (bool, error) {
	if pr.Title != d.title() {
		return false, nil
	}
	there, err := d.opts.Forge.Contents(ctx, f.Path, pr.Head.SHA, maxFile)
	if err != nil || !bytes.Equal(there, f.After) {
		if errors.Is(err, forge.ErrNotFound) {
			err = nil
		}
		return false, err
	}
	all, err := d.opts.Forge.ChangedFiles(ctx, pr.Number)
	return err == nil && len(all) == 1 && all[0].Path == f.Path && all[0].Status == "modified", err
}

// withdraw closes a pull request that would write another version into a file
// that is as it should be: after a rollback, nobody may roll it forward by a
// merge.
func (d *delivery) withdraw(ctx context.Context, f *File) error {
	pr, err := d.opts.Forge.FindPullRequest(ctx, d.branchOf(f), d.branch)
	if err == nil {
		err = d.opts.Forge.ClosePullRequest(ctx, pr.Number)
	} else if errors.Is(err, forge.ErrNotFound) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("close the pull request that would write another version into %s: %w", f.Path, err)
	}
	return d.still(ctx, f)
}

// still holds that the branch has the file as it is to be: somebody may have
// merged a moment before the pull request was closed.
func (d *delivery) still(ctx context.Context, f *File) error {
	head, err := d.opts.Forge.BranchHead(ctx, d.branch)
	if err != nil || head == d.commit || head == f.Commit {
		return err
	}
	there, err := d.opts.Forge.Contents(ctx, f.Path, head, maxFile)
	if err != nil && !errors.Is(err, forge.ErrNotFound) {
		return err
	}
	if err != nil || !bytes.Equal(there, f.After) {
		return fmt.Errorf("%s: %w on %s", f.Path, writeback.ErrConflict, d.branch)
	}
	return nil
}

const maxFile = 8 << 20 // bytes; package deploy takes less

// branchOf is the same for the same file, whatever is written into it.
func (d *delivery) branchOf(f *File) string {
	sum := sha256.Sum256([]byte(f.Path))
	return fmt.Sprintf("waybill/deploy-%s-%s-%s", d.name, d.stage, hex.EncodeToString(sum[:4]))
}

// writeHere edits the file of the working tree, when nobody changed it there.
func (d *delivery) writeHere(f *File) error {
	root, err := os.OpenRoot(d.w.Root())
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Lstat(f.Path)
	var now []byte
	if err == nil && info.Mode().IsRegular() && info.Size() <= maxFile {
		now, err = root.ReadFile(f.Path)
	}
	switch {
	case err == nil && bytes.Equal(now, f.After) && now != nil:
	case err == nil && bytes.Equal(now, f.Before) && now != nil:
		if err := cas.WriteFile(d.w.Path(f.Path), f.After, info.Mode().Perm()); err != nil {
			return err
		}
	case err == nil || errors.Is(err, os.ErrNotExist):
		f.State = Refused
		d.result.Findings = append(d.result.Findings, *d.problem(&report.Location{File: f.Path},
			"%s is not as the branch %s has it, and stays as it is", f.Path, d.branch).hint("commit or stash your change and pull the branch; then run this again"))
		return nil
	default:
		return err
	}
	f.State = Written
	return nil
}
