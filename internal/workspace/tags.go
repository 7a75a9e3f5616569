package workspace

import (
	"context"

	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
)

// TagID is the object id that Git gives to a tag of the ledger.
func TagID(t ledger.Tag) string { return gitrepo.TagObjectID(GitTags([]ledger.Tag{t})[0]) }

// TagMessages returns the messages of annotated tags at the remote, by the ids
// of their objects.
func (l *Ledger) TagMessages(ctx context.Context, ids []string) (map[string]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return l.store.TagMessages(ctx, ids)
}
