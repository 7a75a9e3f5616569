package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/workspace"
)

// reach is what must be kept.
type reach struct {
	names    map[string]bool     // of artifacts
	digests  map[ref.Digest]bool // of encodings
	contents map[string]bool     // short content digests, as in tags
}

func (r *reach) use(name string, encoding, content ref.Digest) {
	r.names[name] = true
	r.contents[content.Short()] = true
	if encoding != "" {
		r.digests[encoding] = true
	}
}

// readReach reads what ledger, working tree, and all tips of this clone and of
// the remote name.
func readReach(ctx context.Context, w *workspace.Workspace, l *workspace.Ledger) (*reach, error) {
	r := &reach{names: map[string]bool{}, digests: map[ref.Digest]bool{}, contents: map[string]bool{}}
	if len(l.State.Unknown) > 0 {
		return nil, fmt.Errorf("%w: the ledger has events of a newer waybill; upgrade", ErrReach)
	}
	for name, known := range l.State.Artifacts {
		r.names[name] = true
		for _, v := range known.Versions {
			r.use(name, v.Digest, v.ContentDigest)
		}
	}
	for _, a := range w.Artifacts {
		r.names[a.Name] = true
		lock, err := w.Lock(a)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrReach, err)
		}
		r.use(a.Name, lock.Encoding.Digest, lock.ContentDigest)
	}
	tips, err := tipCommits(w, l)
	if err != nil {
		return nil, err
	}
	return r, r.readLocks(ctx, w, tips)
}

// tipCommits lists the commits at which this clone's references stand, and those
// of the remote. It refuses a clone that does not have all of them.
func tipCommits(w *workspace.Workspace, l *workspace.Ledger) ([]string, error) {
	if w.Repo.IsShallow() {
		return nil, fmt.Errorf("%w: this clone is shallow; run: git fetch --unshallow --tags", ErrReach)
	}
	if l.Remote != nil {
		remote := l.Remote.Name()
		if l.Refs == nil {
			return nil, fmt.Errorf("the remote %s could not be asked for its branches, and nothing is deleted without that", remote)
		}
		if missing := w.Repo.Missing(l.Refs); len(missing) > 0 {
			return nil, fmt.Errorf("%w: %d branches and tags of %s are not in this clone (%s); run: git fetch --tags %s '+refs/heads/*:refs/remotes/%s/*'",
				ErrReach, len(missing), remote, strings.Join(missing[:min(3, len(missing))], ", "), remote, remote)
		}
	}
	tips, err := w.Repo.Tips(l.Refs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReach, err)
	}
	return slices.Compact(slices.Sorted(maps.Values(tips))), nil
}

// readLocks adds what all locks in commits name. One that cannot be read may
// name anything.
func (r *reach) readLocks(ctx context.Context, w *workspace.Workspace, commits []string) error {
	files, err := w.Repo.FilesAt(ctx, commits, func(name string) bool {
		return name == "model.lock.json" || name == "dataset.lock.json"
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrReach, err)
	}
	for _, f := range files {
		data, err := w.Repo.ReadFileAt(f)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrReach, err)
		}
		lock, err := manifest.ParseLock(f.Path, data)
		if err != nil {
			return fmt.Errorf("%w: commit %.12s: %w; a branch or tag that nobody needs can be deleted", ErrReach, f.Commit, err)
		}
		r.use(lock.Name, lock.Encoding.Digest, lock.ContentDigest)
	}
	return nil
}
