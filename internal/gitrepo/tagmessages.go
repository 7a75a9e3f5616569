package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// maxTagBytes bounds a tag object that is read; waybill's own have less than
// 3,000 bytes.
const maxTagBytes = 64 << 10

// TagMessages returns the messages of annotated tags by the ids of their
// objects, as Advertised.Tags has them. Those that are not in the clone are
// fetched, without what they point to where the server can do that, and kept in
// the store. An object that is no tag, or is larger than any of waybill's, has
// no message.
func (l *LedgerStore) TagMessages(ctx context.Context, ids []string) (map[string]string, error) {
	out := map[string]string{}
	var missing []string
	for _, id := range ids {
		if !isHash(id) {
			return nil, fmt.Errorf("read tags: %q is not an object name", clip(id))
		}
		if data, ok := l.tagObject(id); ok {
			out[id] = tagMessage(data)
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	objects, err := l.fetchTags(ctx, missing)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if o.kind != "tag" || len(o.data) > maxTagBytes {
			continue
		}
		// Losing it costs only another fetch.
		_, _ = l.objects.write(o.kind, o.data)
		out[o.id] = tagMessage(o.data)
	}
	return out, nil
}

// tagObject looks a tag up in the store and in the clone.
func (l *LedgerStore) tagObject(id string) ([]byte, bool) {
	if data, err := l.objects.read("tag", id, maxTagBytes); err == nil {
		return data, true
	}
	hash := plumbing.NewHash(id)
	if n, err := l.remote.repo.size(hash); err != nil || n > maxTagBytes {
		return nil, false
	}
	o, err := l.remote.repo.encoded(plumbing.TagObject, hash)
	if err != nil {
		return nil, false
	}
	in, err := o.Reader()
	if err != nil {
		return nil, false
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxTagBytes))
	return data, err == nil && objectID("tag", data) == id
}

// fetchTags asks for tag objects. What the default branch brings along is named
// as known, so that it is not sent: tags of versions point there.
func (l *LedgerStore) fetchTags(ctx context.Context, ids []string) ([]packObject, error) {
	session, refs, err := l.remote.upload(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	adv := l.remote.remember(refs)
	q := request{want: ids[0], also: ids[1:], filter: packp.FilterTreeDepth(0)}
	if head := adv.Heads[adv.DefaultBranch]; head != "" {
		q.haves = []string{head}
	}
	return l.remote.downloadObjects(ctx, session, refs.Capabilities, q, nil)
}

// tagMessage is what follows the headers of a tag object.
func tagMessage(data []byte) string {
	_, message, _ := bytes.Cut(data, []byte("\n\n"))
	return string(message)
}
