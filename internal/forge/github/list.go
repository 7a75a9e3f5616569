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
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	var all []T
	for page := 1; ; page++ {
		var answer P
		resp, err := c.do(ctx, k, http.MethodGet, fmt.Sprintf("%s%sper_page=100&page=%d", path, separator, page), nil, &answer)
		if err != nil {
			return nil, err
		}
		part := items(answer)
		if part == nil {
			return nil, badAnswer(k, "there is no list in it")
		}
		all = append(all, part...)
		switch {
		case resp.nextPage == 0 && len(all) <= limit:
			return all, nil
		case len(all) >= limit || page*100 >= limit+100:
			return nil, fmt.Errorf("%s: there are more than %d, the most that is read", k.what, limit)
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
