package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// Source is a blob to push.
type Source struct {
	Desc ocispec.Descriptor
	Name string // for people: the path
	// Open returns the bytes from their beginning, each time it is called.
	Open func() (io.ReadCloser, error)
}

// Push makes sure that repo has every source. A source whose bytes are no
// longer what its descriptor says is an error that names it; the blobs pushed
// by then stay, and a later Push skips them.
func Push(ctx context.Context, repo registry.Repository, sources []Source, opts Options) (Stats, error) {
	m := &meter{progress: opts.Progress}
	var unique []Source
	twins := map[ref.Digest][]Source{}
	for _, s := range sources {
		if err := checkDesc(s.Name, s.Desc); err != nil {
			return Stats{}, fmt.Errorf("push: %w", err)
		}
		d := ref.Digest(s.Desc.Digest)
		if _, ok := twins[d]; !ok {
			unique = append(unique, s)
		}
		twins[d] = append(twins[d], s)
	}
	err := each(ctx, len(unique), opts.Concurrency, func(ctx context.Context, i int) error {
		s := unique[i]
		if err := pushOne(ctx, repo, s, m); err != nil {
			return fmt.Errorf("push %s: %w", s.Name, err)
		}
		for _, twin := range twins[ref.Digest(s.Desc.Digest)][1:] {
			m.skip(twin.Name, twin.Desc.Size)
		}
		return nil
	})
	return m.stats, err
}

func pushOne(ctx context.Context, repo registry.Repository, s Source, m *meter) error {
	has, err := repo.HasBlob(ctx, s.Desc)
	if err != nil {
		return err
	}
	if has {
		m.skip(s.Name, s.Desc.Size)
		return nil
	}
	var ended atomic.Bool // a body ended before its size
	err = repo.PushBlob(ctx, s.Desc, func() (io.ReadCloser, error) {
		rc, err := s.Open()
		if err != nil {
			return nil, err
		}
		m.event(Event{Name: s.Name, Total: s.Desc.Size})
		return &body{ReadCloser: rc, m: m, name: s.Name, total: s.Desc.Size, ended: &ended}, nil
	})
	if err != nil {
		if ctx.Err() == nil && (ended.Load() || changed(s, err)) {
			return errors.New("it changed while it was being pushed; run the command again")
		}
		return err
	}
	m.moved(true, s.Desc.Size)
	m.event(Event{Name: s.Name, Done: s.Desc.Size, Total: s.Desc.Size})
	return nil
}

// changed tells whether a push failed because the source is no longer what its
// descriptor says. The push itself does not hash: the registry does, and only
// a refusal makes it worth reading the source once more.
func changed(s Source, err error) bool {
	for _, other := range []error{registry.ErrUnauthorized, registry.ErrUnreachable, registry.ErrNotFound} {
		if errors.Is(err, other) {
			return false
		}
	}
	rc, err := s.Open()
	if err != nil {
		return false // the first error says what is wrong
	}
	defer rc.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(rc, s.Desc.Size+1))
	return err == nil && (n != s.Desc.Size || ref.FromSum(hash.Sum(nil)) != ref.Digest(s.Desc.Digest))
}

// eventStep is how many bytes pass between two events of a blob: often enough
// for a smooth bar, seldom enough to cost nothing.
const eventStep = 1 << 20

// body reports what is read of a source.
type body struct {
	io.ReadCloser
	m              *meter
	name           string
	done, reported int64
	total          int64
	ended          *atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.done += int64(n)
	if err == io.EOF && b.done < b.total {
		b.ended.Store(true)
	}
	// The event of the last byte is sent when the registry has accepted it.
	if b.done-b.reported >= eventStep && b.done < b.total {
		b.reported = b.done
		b.m.event(Event{Name: b.name, Done: b.done, Total: b.total})
	}
	return n, err
}
