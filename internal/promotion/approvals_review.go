package promotion

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/forge"
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// reviews adds those of the pull requests that brought the lock. A review is of
// a commit: it counts when that is the last one of the pull request, and when
// the lock there is, byte for byte, the lock that was registered. So it does
// after a squash or a rebase, which write new commits, and not when the lock was
// changed on the way in.
func (b *ballot) reviews(ctx context.Context) {
	o := b.brought(ctx)
	if o.err != nil {
		b.doubt("the forge for the pull request", o.err)
		return
	}
	for _, p := range o.pulls {
		all, err := b.on.Forge.Reviews(ctx, p.Number)
		if err != nil {
			b.doubt(fmt.Sprintf("the forge for the reviews of pull request #%d", p.Number), err)
			continue
		}
		b.reviewsOf(ctx, p, all)
	}
}

func (b *ballot) reviewsOf(ctx context.Context, p forge.PullRequest, all []forge.Review) {
	var fresh []consent
	for _, r := range latest(all) {
		c := consent{person: manifest.Person{Login: r.User.Login, ID: r.User.ID}, via: viaReview, at: r.Submitted, where: fmt.Sprintf("#%d", p.Number)}
		why := ""
		switch {
		case r.State == forge.ReviewDismissed:
			why = "it was dismissed"
		case r.State == forge.ReviewChanges:
			why = "they ask for changes"
		case r.Commit != p.Head.SHA || r.Commit == "":
			why = fmt.Sprintf("it is of commit %.12s, and what was merged is %.12s", report.Visible(r.Commit), p.Head.SHA)
		}
		if why != "" {
			b.not = append(b.not, discounted{c, why})
			continue
		}
		fresh = append(fresh, c)
	}
	if len(fresh) == 0 {
		return
	}
	same, err := b.sameLock(ctx, p.Head.SHA)
	switch {
	case err != nil:
		b.doubt(fmt.Sprintf("the forge for the lock at the head of pull request #%d", p.Number), err)
	case same:
		b.consents = append(b.consents, fresh...)
	default:
		for _, c := range fresh {
			b.not = append(b.not, discounted{c, fmt.Sprintf("the lock that they saw, at %.12s, is not the one that was registered", p.Head.SHA)})
		}
	}
}

// latest is what each person said last. A comment takes nothing back.
func latest(all []forge.Review) []forge.Review {
	all = slices.Clone(all)
	sorting.By(all, func(x, y forge.Review) int { return cmp.Or(x.Submitted.Compare(y.Submitted), cmp.Compare(x.ID, y.ID)) })
	last := map[int64]int{}
	for i, r := range all {
		if r.User.ID > 0 && slices.Contains([]string{forge.ReviewApproved, forge.ReviewChanges, forge.ReviewDismissed}, r.State) {
			last[r.User.ID] = i
		}
	}
	var out []forge.Review
	for i, r := range all {
		if at, ok := last[r.User.ID]; ok && at == i {
			out = append(out, r)
		}
	}
	return out
}

// sameLock tells whether the lock at a commit of the forge is the registered
// one, and that this is about the version's content.
func (b *ballot) sameLock(ctx context.Context, commit string) (bool, error) {
	path, data, err := b.lock(ctx)
	if err != nil {
		return false, err
	}
	lock, err := manifest.ParseLock(path, data)
	if err != nil || lock.ContentDigest != b.version.ContentDigest {
		return false, nil
	}
	there, err := b.on.Forge.Contents(ctx, path, commit, gitrepo.MaxFileBytes)
	return err == nil && bytes.Equal(there, data), err
}
