package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/registry"
)

// Source is a blob to push.
type Source struct {
	Desc ocispec.Descriptor
	Name string // for people: the path
	// Open returns the bytes from their beginning, each time it is called. An
	// *os.File is sent by the system, past this process.
	Open func() (io.ReadCloser, error)
	// MountFrom names artifacts of the same registry that should have the
	// blob, which then need not be sent.
	MountFrom []string
}

// Push makes sure that repo has every source. A source whose bytes are no
// longer what its descriptor says is an error that names it; the blobs pushed
// by then stay, and a later Push skips them.
func Push(ctx context.Context, repo registry.Repository, sources []Source, opts Options) (Stats, error) {
	m := &meter{progress: opts.Progress}
	var unique []Source
	twins := map[ref.Digest][]Source{}
	total := int64(0)
	for _, s := range sources {
		if err := checkDesc(s.Name, s.Desc); err != nil {
			return Stats{}, fmt.Errorf("push: %w", err)
		}
		d := ref.Digest(s.Desc.Digest)
		if _, ok := twins[d]; !ok {
			unique = append(unique, s)
		}
		twins[d] = append(twins[d], s)
		total += s.Desc.Size
	}
	m.event(Event{Total: total})
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

var errChanged = errors.New("it changed while it was being pushed; run the command again")

func pushOne(ctx context.Context, repo registry.Repository, s Source, m *meter) error {
	has, err := repo.HasBlob(ctx, s.Desc)
	if err != nil {
		return err
	}
	for _, from := range s.MountFrom {
		if has {
			break
		}
		// A registry that will not mount is no reason not to push.
		has, _ = repo.Mount(ctx, s.Desc, from)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if has {
		m.skip(s.Name, s.Desc.Size)
		return nil
	}
	u := &upload{Source: s, m: m}
	err = repo.PushBlob(ctx, s.Desc, u.open)
	u.watch(nil)
	if err == nil && u.touched() || err != nil && ctx.Err() == nil && u.mayHaveChanged(err) {
		if errors.Is(err, errChanged) || u.changed(ctx) {
			return errChanged
		}
	}
	if err != nil {
		return err
	}
	m.moved(true, s.Desc.Size)
	m.event(Event{Name: s.Name, Done: s.Desc.Size, Total: s.Desc.Size})
	return nil
}

// upload is a source on its way, and what is known of the file.
type upload struct {
	Source
	m     *meter
	ended atomic.Bool // a body ended before its size

	mu    sync.Mutex
	file  string // "" when the source is no file
	size  int64
	mtime time.Time
	stop  func() // ends the watching of a file
}

// open is what PushBlob calls for each try.
func (u *upload) open() (io.ReadCloser, error) {
	rc, err := u.Open()
	if err != nil {
		return nil, err
	}
	u.m.event(Event{Name: u.Name, Total: u.Desc.Size})
	f, ok := rc.(*os.File)
	if !ok {
		b := &body{ReadCloser: rc, upload: u}
		if seeker, ok := rc.(io.Seeker); ok {
			return &seekableBody{body: b, seeker: seeker}, nil
		}
		return b, nil
	}
	info, err := f.Stat()
	if err == nil && info.Size() != u.Desc.Size {
		err = errChanged
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	u.note(f.Name(), info)
	u.watch(f)
	return f, nil
}

// note remembers the file as it was when it was opened first.
func (u *upload) note(name string, info os.FileInfo) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.file == "" {
		u.file, u.size, u.mtime = name, info.Size(), info.ModTime()
	}
}

// watchEvery is often enough for a smooth bar.
const watchEvery = 100 * time.Millisecond

// watch reports how far f was sent, which only its position tells when the
// system sends it, until the next watch; nil ends that.
func (u *upload) watch(f *os.File) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stop != nil {
		u.stop()
		u.stop = nil
	}
	if f == nil || u.m.progress == nil {
		return
	}
	quit, done := make(chan struct{}), make(chan struct{})
	u.stop = func() {
		close(quit)
		<-done
	}
	go func() {
		defer close(done)
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		last := int64(0)
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			// The event of the last byte is sent when the registry has accepted it.
			at, err := f.Seek(0, io.SeekCurrent)
			if err == nil && at != last && at < u.Desc.Size {
				last = at
				u.m.event(Event{Name: u.Name, Done: at, Total: u.Desc.Size})
			}
		}
	}()
}

// touched tells whether the file is not the one that was opened any more.
func (u *upload) touched() bool {
	if u.file == "" {
		return false
	}
	info, err := os.Stat(u.file)
	return err != nil || info.Size() != u.size || !info.ModTime().Equal(u.mtime)
}

// mayHaveChanged tells whether a push may have failed because of the source.
func (u *upload) mayHaveChanged(err error) bool {
	if u.ended.Load() || errors.Is(err, errChanged) {
		return true
	}
	for _, other := range []error{registry.ErrUnauthorized, registry.ErrUnreachable, registry.ErrNotFound} {
		if errors.Is(err, other) {
			return u.touched()
		}
	}
	return true
}

// changed reads the source once more. The push itself does not hash: the
// registry does, and only a refusal or a touched file make this worth it.
func (u *upload) changed(ctx context.Context) bool {
	rc, err := u.Open()
	if err != nil {
		return false // the first error says what is wrong
	}
	defer rc.Close()
	hash := sha256.New()
	n, err := copyBuffer(ctx, hash, io.LimitReader(rc, u.Desc.Size+1), nil)
	return err == nil && (n != u.Desc.Size || ref.FromSum(hash.Sum(nil)) != ref.Digest(u.Desc.Digest))
}

// body reports what is read of a source that is no file.
type body struct {
	io.ReadCloser
	upload         *upload
	done, reported int64
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.done += int64(n)
	total := b.upload.Desc.Size
	if err == io.EOF && b.done < total {
		b.upload.ended.Store(true)
	}
	if b.done-b.reported >= eventStep && b.done < total {
		b.reported = b.done
		b.upload.m.event(Event{Name: b.upload.Name, Done: b.done, Total: total})
	}
	return n, err
}

// seekableBody lets an upload that broke go on in the middle.
type seekableBody struct {
	*body
	seeker io.Seeker
}

func (b *seekableBody) Seek(offset int64, whence int) (int64, error) {
	at, err := b.seeker.Seek(offset, whence)
	if err == nil {
		b.done, b.reported = at, at
	}
	return at, err
}
