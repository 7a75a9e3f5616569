package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// request is what to download: commit want as deep as depth (0: all of it),
// without what the commits in haves bring along. Those of the haves whose
// parents are not here are listed in shallows too.
type request struct {
	want     string
	also     []string // more to want
	haves    []string
	shallows []string
	depth    int
	filter   packp.Filter // used if the server knows filters

	// thin lets the pack leave out what the haves bring along. Without it git
	// sends a depth-1 commit whole, haves or not: only then does upload-pack
	// look into the trees of commits that are no ancestors.
	thin bool
}

var errPackTooLarge = fmt.Errorf("the pack has more than %d bytes", maxPackBytes)

// download runs one fetch on an open session and gives the pack to consume.
// go-git's Remote.Fetch is not used: it keeps refs and shallow marks in one
// place with the objects, and asks for the references again.
func (m *Remote) download(ctx context.Context, s transport.UploadPackSession, adv *capability.List, q request, consume func(pack io.Reader) error) error {
	req := packp.NewUploadPackRequestFromCapabilities(adv)
	req.Wants = []plumbing.Hash{plumbing.NewHash(q.want)}
	for _, id := range q.also {
		req.Wants = append(req.Wants, plumbing.NewHash(id))
	}
	for _, h := range q.haves {
		req.Haves = append(req.Haves, plumbing.NewHash(h))
	}
	for _, h := range q.shallows {
		req.Shallows = append(req.Shallows, plumbing.NewHash(h))
	}
	set := func(c capability.Capability) error {
		if adv.Supports(c) {
			return req.Capabilities.Set(c)
		}
		return nil
	}
	err := set(capability.NoProgress)
	if q.thin { // every upload-pack knows it; go-git hides that it was offered
		err = errors.Join(err, req.Capabilities.Set(capability.ThinPack))
	}
	if q.depth > 0 || len(q.shallows) > 0 {
		if !adv.Supports(capability.Shallow) {
			q.depth, req.Shallows = 0, nil
		}
		req.Depth = packp.DepthCommits(q.depth)
		err = errors.Join(err, set(capability.Shallow))
	}
	if q.filter != "" && adv.Supports(capability.Filter) {
		req.Filter = q.filter
		err = errors.Join(err, set(capability.Filter))
	}
	if err != nil {
		return m.fail("fetch from", m.fetch, err)
	}
	res, err := s.UploadPack(ctx, req)
	if err != nil {
		return m.fail("fetch from", m.fetch, err)
	}
	defer res.Close()
	var in io.Reader = res
	progress := &limitedBuffer{limit: 4 << 10}
	for _, band := range []struct {
		c capability.Capability
		t sideband.Type
	}{{capability.Sideband64k, sideband.Sideband64k}, {capability.Sideband, sideband.Sideband}} {
		if req.Capabilities.Supports(band.c) {
			d := sideband.NewDemuxer(band.t, res)
			d.Progress = progress
			in = d
			break
		}
	}
	if err := consume(in); err != nil {
		if text := strings.TrimSpace(progress.String()); text != "" {
			err = fmt.Errorf("%w (%s)", err, clip(text))
		}
		return m.fail("fetch from", m.fetch, err)
	}
	return nil
}

// downloadObjects is download into memory, within the limits of parsePack. base
// looks up what a thin pack may build on.
func (m *Remote) downloadObjects(ctx context.Context, s transport.UploadPackSession, adv *capability.List, q request, base func(id string) (rawObject, bool)) ([]packObject, error) {
	var objects []packObject
	err := m.download(ctx, s, adv, q, func(pack io.Reader) error {
		data, err := io.ReadAll(io.LimitReader(pack, maxPackBytes+1))
		if err != nil {
			return err
		}
		if len(data) > maxPackBytes {
			return errPackTooLarge
		}
		objects, err = parsePack(data, base)
		return err
	})
	return objects, err
}
