package registry

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// retryPolicy decides whether a request is sent again. It is short with hosts
// that cannot be reached, so that a wrong name is reported within two
// seconds, and patient with hosts that answer "not now".
type retryPolicy struct {
	wait time.Duration // before the first retry; doubles
	now  func() time.Time
}

// maxRetryAfter is the longest pause that a registry may ask for.
const maxRetryAfter = 30 * time.Second

// Retry implements the policy of oras-go's retry transport: a negative
// duration means that resp and err are final.
func (p retryPolicy) Retry(attempt int, resp *http.Response, err error) (time.Duration, error) {
	if err != nil {
		if attempt < retriesFor(err) {
			return p.backoff(attempt), nil
		}
		return -1, nil
	}
	if attempt >= maxStatusRetries || !isTemporary(resp.StatusCode) {
		return -1, nil
	}
	return p.pause(attempt, resp)
}

// pause returns how long to wait after resp, which may be nil. It is an error
// when that is longer than anybody wants to watch.
func (p retryPolicy) pause(attempt int, resp *http.Response) (time.Duration, error) {
	pause := p.backoff(attempt)
	if resp == nil || !isTemporary(resp.StatusCode) {
		return pause, nil
	}
	if asked, ok := retryAfter(resp.Header.Get("Retry-After"), p.now()); ok {
		if asked > maxRetryAfter {
			return 0, &laterError{error: responseError(resp), asked: asked}
		}
		pause = max(pause, asked)
	}
	return pause, nil
}

// laterError is a refusal of a registry that wants to be left alone for longer
// than maxRetryAfter.
type laterError struct {
	error
	asked time.Duration
}

func (e *laterError) Unwrap() error { return e.error }

func retriesFor(err error) int {
	dns, isDNS := errors.AsType[*net.DNSError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return 0
	case isDNS && dns.IsNotFound:
		return 0
	case isNet && timeout.Timeout() && !isDNS:
		return 1 // each has cost dialTimeout already
	case isDNS, isDial(err):
		return 2
	case isCut(err):
		return 3
	}
	return 0
}

// maxStatusRetries is how often a request is sent again to a registry that
// answers "not now".
const maxStatusRetries = 4

func isTemporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// backoff doubles with each attempt and is spread by a tenth either way, so
// that parallel jobs do not come back all at once.
func (p retryPolicy) backoff(attempt int) time.Duration {
	pause := p.wait << min(attempt, 10)
	return pause - pause/10 + time.Duration(rand.Int64N(int64(pause/5)+1))
}

// retryAfter reads the header's two forms (RFC 9110, 10.2.3).
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	if value == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return at.Sub(now), true
	}
	return 0, false
}

// sleep waits, or returns the context's error.
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
