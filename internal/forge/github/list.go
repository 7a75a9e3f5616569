package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

// list reads the pages of path, at most limit items. The items of a page are
// its elements, or what items takes from it.
func list[P, T any](ctx context.Context, c *Client, k call, path string, limit int, items func(P) []T) ([]T, error) {
	var answer P
	var all []T
	err := c.pages(ctx, k, path, limit, func() any {
		answer = *new(P)
		return &answer
	}, func() (int, bool) {
		part := items(answer)
		all = append(all, part...)
		return len(all), part != nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// pages is list for all types, since what is generic is compiled for each: each
// page is read into what page returns; take returns how many items there are so
// far and whether the page had a list.
func (c *Client) pages(ctx context.Context, k call, path string, limit int, page func() any, take func() (int, bool)) error {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	for number := 1; ; number++ {
		resp, err := c.do(ctx, k, http.MethodGet, fmt.Sprintf("%s%sper_page=100&page=%d", path, separator, number), nil, page())
		if err != nil {
			return err
		}
		n, there := take()
		switch {
		case !there:
			return badAnswer(k, "there is no list in it")
		case resp.nextPage == 0 && n <= limit:
			return nil
		case n >= limit || number*100 >= limit+100:
			return fmt.Errorf("%s: there are more than %d, the most that is read", k.what, limit)
		}
	}
}

func elements[T any](page []T) []T { return page }

// badAnswer is an answer that no honest server gives.
func badAnswer(k call, format string, args ...any) error {
	return fmt.Errorf("%s: the answer is not what GitHub's API describes: %s", k.what, fmt.Sprintf(format, args...))
}

// isHash tells whether s is the id of a Git object, of SHA-1 or SHA-256.
func isHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// isBranch tells whether s can be the name of a branch, by the rules of
// git-check-ref-format that matter in an address.
func isBranch(s string) bool {
	if s == "" || len(s) > 255 || !utf8.ValidString(s) || strings.HasPrefix(s, "-") || strings.HasSuffix(s, ".lock") {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".") {
			return false
		}
	}
	return !strings.Contains(s, "..") && !strings.Contains(s, "@{") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) })
}

const maxName = 255

// account reads who did something. Deleted accounts are nobody.
func account(u *github.User) forge.Account {
	login := clip(u.GetLogin(), 100)
	return forge.Account{
		Login: login,
		ID:    max(u.GetID(), 0),
		Bot:   u.GetType() == "Bot" || strings.HasSuffix(login, "[bot]"),
	}
}
