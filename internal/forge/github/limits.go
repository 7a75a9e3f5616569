package github

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
)

// limit is an answer that asks to come back later.
type limit struct {
	secondary bool
	wait      time.Duration
	until     time.Time
}

// readLimit tells whether resp refuses because of a rate limit, by the rules
// of docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api:
// wait for Retry-After; else until X-RateLimit-Reset when nothing remains;
// else at least a minute. The reset is compared with the server's clock, not
// with this machine's.
func readLimit(resp *http.Response, now time.Time) (limit, bool) {
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		return limit{}, false
	}
	server := now
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		server = t
	}
	answer := func(secondary bool, wait time.Duration) (limit, bool) {
		wait = max(wait, time.Second)
		return limit{secondary, wait, now.Add(wait)}, true
	}
	const day = 24 * 60 * 60
	if s, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 32); err == nil {
		return answer(true, time.Duration(min(s, day))*time.Second)
	}
	if resp.Header.Get("X-RateLimit-Remaining") == "0" {
		reset, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64)
		if err == nil && reset > 0 && reset < 1<<40 {
			return answer(false, min(time.Unix(reset, 0).Sub(server)+time.Second, day*time.Second))
		}
	}
	if resp.StatusCode == http.StatusTooManyRequests || saysSecondary(resp) {
		return answer(true, time.Minute)
	}
	return limit{}, false
}

// saysSecondary reads the message, which is all that some answers have.
func saysSecondary(resp *http.Response) bool {
	data, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(data))
	text := strings.ToLower(string(data[:min(len(data), 4096)]))
	return err == nil && (strings.Contains(text, "secondary rate limit") || strings.Contains(text, "secondary-rate-limits"))
}

// waitFor sleeps for a rate limit, or says until when it lasts.
func (w *wire) waitFor(ctx context.Context, l limit) error {
	w.mu.Lock()
	enough := l.wait <= w.budget
	if enough {
		w.budget -= l.wait
	}
	w.mu.Unlock()
	if !enough {
		return &forge.RateLimited{Secondary: l.secondary, Until: l.until}
	}
	w.log(fmt.Sprintf("GitHub asks to come back later (rate limit); waiting %s", rounded(l.wait)))
	return w.sleep(ctx, l.wait)
}
