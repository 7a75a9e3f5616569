package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// stallLooks is how often a body that is sent is looked at within the limit.
	stallLooks = 4
	// maxDrain is the longest answer that is read for the sake of its connection.
	maxDrain = 4 << 10
)

// watchdog breaks off requests on which nothing moves any more: a registry, or
// a proxy, that dies silently would be waited for without end. It watches
// questions until they are answered, and the bodies of requests and answers.
// How long a registry works on content that it has is the transport's to limit.
type watchdog struct {
	base  http.RoundTripper
	limit time.Duration
}

// stalledError is a net.Error, so that it is tried again like other timeouts.
type stalledError struct {
	what  string
	limit time.Duration
}

func (e *stalledError) Error() string { return fmt.Sprintf("%s for %v", e.what, e.limit) }
func (*stalledError) Timeout() bool   { return true }
func (*stalledError) Temporary() bool { return true }

// stalledOr returns err, or that it was the watchdog who broke off.
func stalledOr(ctx context.Context, err error) error {
	if stalled, ok := errors.AsType[*stalledError](context.Cause(ctx)); ok {
		return stalled
	}
	return err
}

func (w *watchdog) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	watched := req.WithContext(ctx)
	switch {
	case req.Body != nil && req.Body != http.NoBody:
		body, stop := w.watchSending(req, cancel)
		watched.Body = body
		defer stop()
	case req.Method == http.MethodGet, req.Method == http.MethodHead:
		timer := time.AfterFunc(w.limit, func() { cancel(&stalledError{"no answer", w.limit}) })
		defer timer.Stop()
	}
	resp, err := w.base.RoundTrip(watched)
	if err != nil {
		err = stalledOr(ctx, err)
		cancel(nil)
		return nil, err
	}
	resp.Request = req
	if resp.Body == http.NoBody {
		cancel(nil)
		return resp, nil
	}
	body := &watchedBody{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, limit: w.limit}
	body.drain = resp.ContentLength > 0 && resp.ContentLength <= maxDrain
	body.timer = time.AfterFunc(w.limit, func() { cancel(&stalledError{"nothing received", w.limit}) })
	body.timer.Stop() // until somebody reads
	resp.Body = body
	return resp, nil
}

// watchSending looks now and then how far the body of a request has come. It
// returns what to send in place of it, and what ends the watch.
func (w *watchdog) watchSending(req *http.Request, cancel context.CancelCauseFunc) (body io.ReadCloser, stop func()) {
	body, sent := measured(req)
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(max(w.limit/stallLooks, 1))
		defer ticker.Stop()
		var last int64
		for quiet := 0; quiet < stallLooks; {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			n, going := sent()
			if !going {
				return
			}
			if quiet++; n != last {
				last, quiet = n, 0
			}
		}
		cancel(&stalledError{"nothing sent", w.limit})
	}()
	return body, func() { close(done) }
}

// measured returns a body that tells how much of it was read, and whether there
// is more. A file stays one, for the system to send: its position tells. Only
// Linux moves that as it goes.
func measured(req *http.Request) (body io.ReadCloser, sent func() (n int64, going bool)) {
	length := req.ContentLength // 0 when it is not known
	if file, ok := req.Body.(*os.File); ok && runtime.GOOS == "linux" {
		if start, err := file.Seek(0, io.SeekCurrent); err == nil {
			return file, func() (int64, bool) {
				at, err := file.Seek(0, io.SeekCurrent)
				return at - start, err == nil && (length <= 0 || at-start < length)
			}
		}
	}
	counted := &countedBody{ReadCloser: req.Body}
	return counted, func() (int64, bool) {
		n := counted.n.Load()
		return n, !counted.closed.Load() && (length <= 0 || n < length)
	}
}

// countedBody counts what was read.
type countedBody struct {
	io.ReadCloser
	n      atomic.Int64
	closed atomic.Bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}

func (b *countedBody) Close() error {
	b.closed.Store(true)
	return b.ReadCloser.Close()
}

// watchedBody is an answer. The time counts only while somebody waits for it.
type watchedBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
	drain  bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF {
		err = stalledOr(b.ctx, err)
	}
	return n, err
}

// Close reads the rest of a short answer: net/http uses no connection again on
// which something is left.
func (b *watchedBody) Close() error {
	if b.drain {
		io.CopyN(io.Discard, b, maxDrain)
	}
	err := b.ReadCloser.Close()
	b.timer.Stop()
	b.cancel(nil)
	return err
}
