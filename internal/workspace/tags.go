package workspace

import (
	"github.com/waybill-dev/waybill/internal/gitrepo"
	"github.com/waybill-dev/waybill/internal/ledger"
)

// TagID is the object id that Git gives to a tag of the ledger.
func TagID(t ledger.Tag) string { return gitrepo.TagObjectID(GitTags([]ledger.Tag{t})[0]) }
