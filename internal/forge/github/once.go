package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/waybill-dev/waybill/internal/forge"
)

// createOnce creates something whose request may not simply be repeated. When
// an answer is lost it looks whether the thing is there before it tries again.
// find returns ErrNotFound while it is not.
func createOnce[T any](ctx context.Context, c *Client, find, create func(context.Context) (T, error)) (T, error) {
	for attempt := 0; ; attempt++ {
		out, err := create(ctx)
		var lost *lostError
		if err == nil || !errors.As(err, &lost) || attempt >= maxRetries {
			return out, err
		}
		pause := backoff(attempt)
		c.wire.log(fmt.Sprintf("GitHub: an answer was lost (%s); looking in %s whether it was done", reason(lost.cause), rounded(pause)))
		if sleepErr := c.sleep(ctx, pause); sleepErr != nil {
			return out, err
		}
		there, findErr := find(ctx)
		if findErr == nil {
			return there, nil
		}
		if !errors.Is(findErr, forge.ErrNotFound) {
			return out, errors.Join(err, findErr)
		}
		if !worthRetrying(lost.cause) {
			return out, err
		}
	}
}

// sameName compares names of owners and repositories, in which case does not
// count.
func sameName(a, b string) bool { return a != "" && strings.EqualFold(a, b) }

// webAddress returns s if it is an address that may be shown as a link.
func webAddress(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > 2048 || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}
