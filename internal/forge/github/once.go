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
// find returns an absentError while it is not; any other error, also a 404 of
// the look itself, leaves the question open, and nothing is created then.
func createOnce[T any](ctx context.Context, c *Client, find, create func(context.Context) (T, error)) (T, error) {
	var out T
	err := c.once(ctx, func(ctx context.Context) error {
		there, err := find(ctx)
		if err == nil {
			out = there
		}
		return err
	}, func(ctx context.Context) (err error) {
		out, err = create(ctx)
		return err
	})
	return out, err
}

// once is createOnce for all types, since what is generic is compiled for each.
func (c *Client) once(ctx context.Context, find, create func(context.Context) error) error {
	for attempt := 0; ; attempt++ {
		err := create(ctx)
		var lost *lostError
		if err == nil || !errors.As(err, &lost) || attempt >= maxRetries {
			return err
		}
		pause := backoff(attempt)
		c.wire.log(fmt.Sprintf("GitHub: an answer was lost (%s); looking in %s whether it was done", reason(lost.cause), rounded(pause)))
		if sleepErr := c.sleep(ctx, pause); sleepErr != nil {
			return err
		}
		findErr := find(ctx)
		if findErr == nil {
			return nil
		}
		var absent *absentError
		if !errors.As(findErr, &absent) {
			return fmt.Errorf("%w; nobody knows whether it was done: %w", err, findErr)
		}
		if !worthRetrying(lost.cause) {
			return err
		}
	}
}

// absentError says that something is not in the list that was read: unlike
// GitHub's 404, which is also what a token gets that may not look.
type absentError struct{ *forge.NotFound }

func (e *absentError) Unwrap() error { return e.NotFound }

func absent(k call) error { return &absentError{&forge.NotFound{What: k.what}} }

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
