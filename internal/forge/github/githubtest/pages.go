package githubtest

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// page cuts a list to the page that was asked for and links to the others
// (docs.github.com/rest/using-the-rest-api/using-pagination-in-the-rest-api):
// 30 elements unless told, at most 100.
func page[T any](c *call, all []T, render func(T) object) list {
	query := c.req.URL.Query()
	size := positive(query.Get("per_page"), 30)
	if size > 100 {
		size = 100
	}
	number := positive(query.Get("page"), 1)
	last := max(1, (len(all)+size-1)/size)
	out := list{}
	for i := (number - 1) * size; i >= 0 && i < len(all) && i < number*size; i++ {
		out = append(out, render(all[i]))
	}
	var links []string
	link := func(rel string, n int) {
		q := url.Values{}
		for k, v := range query {
			q[k] = v
		}
		q.Set("page", strconv.Itoa(n))
		links = append(links, fmt.Sprintf(`<%s?%s>; rel="%s"`, c.url("%s", c.req.URL.Path), q.Encode(), rel))
	}
	if number > 1 {
		link("prev", min(number-1, last))
	}
	if number < last {
		link("next", number+1)
		link("last", last)
	}
	if number > 1 {
		link("first", 1)
	}
	if links != nil {
		c.w.Header().Set("Link", strings.Join(links, ", "))
	}
	return out
}

func positive(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 || n > 1<<20 {
		return otherwise
	}
	return n
}

// newestFirst returns a copy in the other order.
func newestFirst[T any](all []T) []T {
	out := make([]T, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		out = append(out, all[i])
	}
	return out
}

func render[T any](all []T, one func(T) object) list {
	out := list{}
	for _, v := range all {
		out = append(out, one(v))
	}
	return out
}
