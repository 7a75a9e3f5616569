package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	maxAnswer  = 16 << 20 // bytes of one answer of the API; a page of 100 of anything is far below
	maxRetries = 4        // after network errors and 5xx
	firstPause = time.Second

	defaultMaxWait = 3 * time.Minute
	defaultTimeout = time.Minute
	slowest        = 256 << 10 // bytes a second, of what is sent or downloaded
)

// wire sends requests below base and upload: with the token, again when that
// is safe, and with answers that are read whole and capped. It is the
// transport under all requests.
type wire struct {
	next         http.RoundTripper
	base, upload *url.URL
	token        string
	now          func() time.Time
	sleep        func(context.Context, time.Duration) error
	log          func(message string)
	timeout      time.Duration

	mu     sync.Mutex
	budget time.Duration // left for rate limits
	cache  cache
}

func newWire(o Options, base, upload *url.URL) *wire {
	w := &wire{next: o.HTTP.Transport, base: base, upload: upload, token: o.Token, now: o.Now, sleep: o.Sleep, log: o.Log, budget: o.MaxWait, timeout: o.Timeout}
	if w.next == nil {
		w.next = http.DefaultTransport
	}
	if w.sleep == nil {
		w.sleep = sleep
	}
	if w.log == nil {
		w.log = func(string) {}
	}
	if w.timeout == 0 {
		w.timeout = defaultTimeout
	}
	if w.budget == 0 {
		w.budget = defaultMaxWait
	}
	return w
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

type repeatKey struct{}

// withRepeat marks requests that may be sent again after an answer was lost.
func withRepeat(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatKey{}, true)
}

// lostError is a request of which nobody knows whether it was carried out.
type lostError struct{ cause error }

func (e *lostError) Error() string { return e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// foreignError is a redirect that would carry the request elsewhere.
type foreignError struct{ host string }

func (e *foreignError) Error() string {
	return fmt.Sprintf("the API redirects to another host, %q; the token is not sent there", e.host)
}

// own tells whether u is the API or its upload host.
func (w *wire) own(u *url.URL) bool {
	if u.Scheme != w.base.Scheme {
		return false
	}
	return u.Host == w.base.Host || u.Host == w.upload.Host
}

func (w *wire) checkRedirect(req *http.Request, via []*http.Request) error {
	if !w.own(req.URL) {
		return &foreignError{clip(req.URL.Host, 100)}
	}
	switch {
	case req.Method != via[0].Method: // 301, 302 and 303 make net/http read instead, which would pass for the write
		return fmt.Errorf("the API redirects a %s with %d, as when a repository was renamed; use its new name", via[0].Method, req.Response.StatusCode)
	case len(via) >= 3:
		return errors.New("the API redirects more than 3 times")
	}
	return nil
}

// RoundTrip sends req until there is an answer worth handing on.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if !w.own(req.URL) {
		return nil, &foreignError{clip(req.URL.Host, 100)}
	}
	ctx := req.Context()
	repeat, _ := ctx.Value(repeatKey{}).(bool)
	for attempt := 0; ; attempt++ {
		resp, err := w.once(req)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil {
			limit, limited := readLimit(resp, w.now())
			if limited {
				if err := w.waitFor(ctx, limit); err != nil {
					return nil, err
				}
				continue // nothing was done; the budget ends this
			}
			if resp.StatusCode < 500 {
				hideLimits(resp)
				return resp, nil
			}
			err = &statusError{status: resp.StatusCode}
		}
		sent := !neverSent(err)
		if sent && !repeat {
			return nil, &lostError{err}
		}
		if attempt >= maxRetries || !worthRetrying(err) {
			return nil, err
		}
		pause := backoff(attempt)
		w.log(fmt.Sprintf("GitHub: %s %s: %s; trying again in %s", req.Method, clip(req.URL.Path, 200), reason(err), rounded(pause)))
		if err := w.sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// hideLimits takes the limits away from go-github's CheckResponse, which has
// errors of its own for them.
func hideLimits(resp *http.Response) {
	for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"} {
		resp.Header.Del(name)
	}
}

// once sends req and reads the answer whole.
func (w *wire) once(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), w.timeout+time.Duration(max(req.ContentLength, 0)/slowest)*time.Second)
	defer cancel()
	out := req.Clone(ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	if w.token != "" {
		out.Header.Set("Authorization", "Bearer "+w.token)
	}
	known := w.offer(out)
	resp, err := w.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := readCapped(resp.Body, maxAnswer)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	resp.Request = req
	resp.Body = io.NopCloser(bytes.NewReader(data))
	if resp.StatusCode == http.StatusNotModified && known != nil {
		return known.response(req), nil
	}
	w.keep(out, resp, data)
	return resp, nil
}

// tooLargeError is an answer past the cap.
type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("it is larger than %d bytes, the most that is read", e.limit)
}

func readCapped(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &tooLargeError{limit}
	}
	return data, nil
}

// statusError is a 5xx answer: nobody knows what was done.
type statusError struct{ status int }

func (e *statusError) Error() string {
	return fmt.Sprintf("GitHub answered %d %s; try again later (https://www.githubstatus.com)", e.status, strings.ToLower(http.StatusText(e.status)))
}

// neverSent tells whether an error happened before the server could see the
// request.
func neverSent(err error) bool {
	var dial *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &dns)
}

func worthRetrying(err error) bool {
	var large *tooLargeError
	var dns *net.DNSError
	var status *statusError
	switch {
	case errors.As(err, &large), errors.As(err, &dns) && dns.IsNotFound:
		return false
	case errors.As(err, &status):
		return status.status != http.StatusNotImplemented
	}
	var op *net.OpError
	var timeout net.Error
	return errors.As(err, &op) || errors.As(err, &timeout) && timeout.Timeout() ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "http2: ") ||
		strings.Contains(err.Error(), "connection")
}

// backoff doubles with each attempt and is spread by a quarter either way, so
// that the jobs of one matrix do not come back all at once.
func backoff(attempt int) time.Duration {
	pause := firstPause << min(attempt, 6)
	return pause*3/4 + time.Duration(rand.Int64N(int64(pause/2)))
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

// reason is err without addresses, in one line.
func reason(err error) string { return clip(withoutAddress(err).Error(), 200) }

// withoutAddress takes addresses, whose query may hold a signature, out of an
// error of net/http: of the request, and of a redirect that it cannot read.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if strings.HasPrefix(err.Error(), "failed to parse Location header") {
		return errors.New("it redirects to what is no address")
	}
	return err
}
