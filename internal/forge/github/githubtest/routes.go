package githubtest

import (
	"net/url"
	"slices"
	"strings"
	"sync"
)

// route is one endpoint. repo stands for /repos/{owner}/{repo}.
type route struct {
	pattern string
	needs   string // permissions, one of which suffices
	hides   bool   // answers 404 rather than 403
	handle  handler
}

const repo = "/repos/{owner}/{repo}"

// routesTable lists everything that the fake knows.
var routesTable = sync.OnceValue(func() []route {
	return slices.Concat(
		accountRoutes(), commentRoutes(), pullRoutes(), checkRoutes(), gitRoutes(),
		contentRoutes(), runRoutes(), releaseRoutes(), environmentRoutes(), deploymentRoutes(), rulesetRoutes(),
	)
})

// Routes returns the method and path of every endpoint, as GitHub's OpenAPI
// description writes them nearly: names of parameters differ.
func Routes() []string {
	var out []string
	for _, r := range routesTable() {
		out = append(out, r.pattern)
	}
	return out
}

// match finds the endpoint of a request and the values in its path, which is
// escaped. http.ServeMux cannot hold GitHub's paths: issues/{number}/comments
// and issues/comments/{id} overlap. Here a literal element wins over a
// parameter, first elements first.
func match(method, escaped string) (found route, values map[string]string, ok bool) {
	parts := strings.Split(escaped, "/")
	best := ""
	for _, r := range routesTable() {
		verb, pattern, _ := strings.Cut(r.pattern, " ")
		if verb != method {
			continue
		}
		if v, rank, fits := fit(strings.Split(pattern, "/"), parts); fits && rank > best {
			found, values, best, ok = r, v, rank, true
		}
	}
	return found, values, ok
}

// fit compares element by element; {name...} takes all that remain. The rank
// is a letter an element, the greater the better.
func fit(pattern, parts []string) (values map[string]string, rank string, ok bool) {
	values = map[string]string{}
	for i, p := range pattern {
		if i >= len(parts) {
			return nil, "", false
		}
		name, isParam := strings.CutPrefix(p, "{")
		if !isParam {
			if p != parts[i] {
				return nil, "", false
			}
			rank += "l"
			continue
		}
		raw, rest := parts[i], false
		name = strings.TrimSuffix(name, "}")
		if name, rest = strings.CutSuffix(name, "..."); rest {
			raw = strings.Join(parts[i:], "/")
		}
		value, err := url.PathUnescape(raw)
		if err != nil || value == "" {
			return nil, "", false
		}
		values[name] = value
		if rest {
			return values, rank + "a", true
		}
		rank += "b"
	}
	return values, rank, len(parts) == len(pattern)
}
