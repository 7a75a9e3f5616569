package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"syscall"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/cas"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// Item is a blob to pull and where it goes.
type Item struct {
	Desc ocispec.Descriptor
	Path string // slash-separated, inside the root
	Perm fs.FileMode
}

// Pull makes every item's file what its descriptor says. Files that are it
// already are kept. The others are fetched and verified beside their targets;
// only when all are complete are they renamed into place, so an error before
// that leaves every file as it was. An error while renaming says so; running
// the command again completes it.
//
// A full disk is an error for which errors.Is(err, syscall.ENOSPC) holds.
func Pull(ctx context.Context, repo registry.Repository, items []Item, root *cas.Root, opts Options) (Stats, error) {
	m := &meter{progress: opts.Progress}
	groups, err := group(items)
	if err != nil {
		return Stats{}, fmt.Errorf("pull: %w", err)
	}
	// To look at what is there; root only writes.
	folder, err := os.OpenRoot(root.Name())
	if err != nil {
		return Stats{}, fmt.Errorf("pull: %w", err)
	}
	defer folder.Close()
	all := staged{root: root}
	defer all.abort()
	err = each(ctx, len(groups), opts.Concurrency, func(ctx context.Context, i int) error {
		g := groups[i]
		if err := pullOne(ctx, repo, g, folder, &all, m); err != nil {
			return fmt.Errorf("pull %s: %w", g[0].Path, explain(err))
		}
		return nil
	})
	if err == nil {
		err = all.commit()
	}
	return m.stats, err
}

// group brings items of one digest together, in the order of the first.
func group(items []Item) ([][]Item, error) {
	var groups [][]Item
	index := map[ref.Digest]int{}
	paths := map[string]bool{}
	for _, it := range items {
		if err := checkDesc(it.Path, it.Desc); err != nil {
			return nil, err
		}
		if paths[it.Path] {
			return nil, fmt.Errorf("%s is listed twice", it.Path)
		}
		paths[it.Path] = true
		d := ref.Digest(it.Desc.Digest)
		i, ok := index[d]
		if !ok {
			i = len(groups)
			index[d] = i
			groups = append(groups, nil)
		}
		if ok && groups[i][0].Desc.Size != it.Desc.Size {
			return nil, fmt.Errorf("%s and %s have one digest and two sizes", groups[i][0].Path, it.Path)
		}
		groups[i] = append(groups[i], it)
	}
	return groups, nil
}

// staged are files that are complete and wait for the others.
type staged struct {
	root  *cas.Root
	mu    sync.Mutex
	files []*cas.Pending
	paths []string
}

// create begins a file, which from here on is either committed or aborted.
func (s *staged) create(it Item) (io.Writer, error) {
	p, err := s.root.Create(it.Path, it.Perm)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, p)
	s.paths = append(s.paths, it.Path)
	return p, nil
}

func (s *staged) commit() error {
	for i, p := range s.files {
		if err := p.Commit(); err != nil {
			return fmt.Errorf("put %s in place (%d of %d files are): %w; run the command again", s.paths[i], i, len(s.files), explain(err))
		}
	}
	return nil
}

// abort removes what was not committed.
func (s *staged) abort() {
	for _, p := range s.files {
		p.Abort()
	}
}

// pullOne stages the files of one digest, all filled from one read.
func pullOne(ctx context.Context, repo registry.Repository, items []Item, folder *os.Root, all *staged, m *meter) error {
	desc := items[0].Desc
	var missing []Item
	local := "" // a file with these bytes but another mode
	for _, it := range items {
		same, mode, err := existing(ctx, folder, it)
		switch {
		case err != nil:
			return err
		case same && mode:
			m.skip(it.Path, desc.Size)
			local = it.Path
		case same:
			local = it.Path
			fallthrough
		default:
			missing = append(missing, it)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var writers []io.Writer
	for _, it := range missing {
		w, err := all.create(it)
		if err != nil {
			return err
		}
		writers = append(writers, w)
	}
	open := func() (io.ReadCloser, error) { return repo.Blob(ctx, desc) }
	if local != "" {
		open = func() (io.ReadCloser, error) { return folder.Open(local) }
	}
	src, err := open()
	if err != nil {
		return err
	}
	defer src.Close()
	m.event(Event{Name: missing[0].Path, Total: desc.Size})
	if err := verify(ctx, io.MultiWriter(writers...), src, desc, func(done int64) {
		m.event(Event{Name: missing[0].Path, Done: done, Total: desc.Size})
	}); err != nil {
		return fmt.Errorf("%s: %w", repo, err)
	}
	m.event(Event{Name: missing[0].Path, Done: desc.Size, Total: desc.Size})
	if local == "" {
		m.moved(false, desc.Size)
		missing = missing[1:]
	}
	for _, it := range missing {
		m.skip(it.Path, desc.Size)
	}
	return nil
}

// existing tells whether the file of it is there with the right bytes, and
// with the right mode as well. What cannot be kept is not an error here:
// creating the file says what is in the way.
func existing(ctx context.Context, folder *os.Root, it Item) (same, mode bool, err error) {
	info := stat(folder, it.Path)
	if info == nil || info.Size() != it.Desc.Size {
		return false, false, nil
	}
	f, err := folder.Open(it.Path)
	if err != nil {
		return false, false, nil
	}
	defer f.Close()
	if err := verify(ctx, io.Discard, f, it.Desc, func(int64) {}); err != nil {
		return false, false, ctx.Err()
	}
	const executable = 0o100
	return true, runtime.GOOS == "windows" || (info.Mode()^it.Perm)&executable == 0, nil
}

// stat returns what is known of the regular file at path, nil when there is
// none or when it is reached through a symbolic link.
func stat(folder *os.Root, path string) fs.FileInfo {
	for i, c := range path {
		if c != '/' {
			continue
		}
		if info, err := folder.Lstat(path[:i]); err != nil || !info.IsDir() {
			return nil
		}
	}
	info, err := folder.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return info
}

// verify copies src to dst and checks that it is what desc says. It reads at
// most one byte more than that.
func verify(ctx context.Context, dst io.Writer, src io.Reader, desc ocispec.Descriptor, progress func(done int64)) error {
	hash := sha256.New()
	src = io.LimitReader(src, desc.Size+1)
	buf := make([]byte, min(desc.Size+1, 256<<10))
	var done, reported int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := src.Read(buf)
		if done += int64(n); done > desc.Size {
			return fmt.Errorf("%w: more than the %d bytes it should have", ErrCorrupt, desc.Size)
		}
		hash.Write(buf[:n])
		if _, err := dst.Write(buf[:n]); err != nil {
			return err
		}
		if done-reported >= eventStep && done < desc.Size {
			reported = done
			progress(done)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", done, desc.Size, err)
		}
	}
	if done < desc.Size {
		return fmt.Errorf("%w: %d of %d bytes", ErrCorrupt, done, desc.Size)
	}
	if got := ref.FromSum(hash.Sum(nil)); got != ref.Digest(desc.Digest) {
		return fmt.Errorf("%w: digest is %s, not %s", ErrCorrupt, got, desc.Digest)
	}
	return nil
}

// ErrCorrupt is in the chain of errors about bytes that are not what their
// descriptor says: the registry, or something between, damaged them.
var ErrCorrupt = errors.New("the registry's answer is corrupt")

// explain adds what to do about errors of the disk.
func explain(err error) error {
	const windowsDiskFull = syscall.Errno(112) // ERROR_DISK_FULL, which is not ENOSPC
	if errors.Is(err, syscall.ENOSPC) || runtime.GOOS == "windows" && errors.Is(err, windowsDiskFull) {
		return fmt.Errorf("%w; free some space and run the command again", err)
	}
	return err
}
