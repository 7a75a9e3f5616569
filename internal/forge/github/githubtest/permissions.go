package githubtest

import (
	"net/http"
	"slices"
	"strings"
)

// authorize finds out who asks, and whether they may. needs lists permissions,
// of which one suffices: "issues:write pull_requests:write"; "" needs nothing.
func (c *call) authorize(secret string, r route) *problem {
	if secret == "" && c.req.Header.Get("Authorization") != "" {
		return &problem{status: http.StatusUnauthorized, message: "Bad credentials"}
	}
	if secret != "" {
		c.token = c.tokens[secret]
		if c.token == nil {
			return &problem{status: http.StatusUnauthorized, message: "Bad credentials"}
		}
		c.user = c.login(c.token.Login)
	}
	if c.used[secret] >= c.rateLimit && !c.enterprise {
		return &problem{status: http.StatusForbidden, message: "API rate limit exceeded for " + or(secretOwner(c.user), "127.0.0.1") + "."}
	}
	if owner := c.req.PathValue("owner"); owner != "" {
		full := owner + "/" + c.req.PathValue("repo")
		c.repo = c.repos[strings.ToLower(full)]
		if c.repo == nil || c.repo.Private && !c.token.sees(full) {
			return notFound()
		}
	}
	if r.needs == "" {
		return nil
	}
	if c.permitted(r.needs) {
		return nil
	}
	switch {
	case c.token == nil:
		return &problem{status: http.StatusUnauthorized, message: "Requires authentication"}
	case r.hides:
		return notFound()
	}
	return c.forbidden()
}

func secretOwner(u *User) string {
	if u == nil {
		return ""
	}
	return u.Login
}

func (c *call) forbidden() *problem {
	who := "integration"
	if c.token.Person {
		who = "personal access token"
	}
	return &problem{status: http.StatusForbidden, message: "Resource not accessible by " + who}
}

// permitted tells whether the token has one of the permissions.
func (c *call) permitted(needs string) bool {
	for need := range strings.FieldsSeq(needs) {
		name, level, _ := strings.Cut(need, ":")
		if level == "read" && c.repo != nil && !c.repo.Private && publicly[name] {
			return true
		}
		if c.token == nil || c.repo != nil && !c.token.sees(c.repo.FullName()) {
			continue
		}
		if c.token.Permissions == nil {
			return true
		}
		if has := c.token.Permissions[name]; has == "write" || has == level {
			return true
		}
	}
	return false
}

// publicly lists what anyone may read in a public repository.
var publicly = map[string]bool{
	"contents": true, "pull_requests": true, "issues": true, "checks": true, "actions": true, "deployments": true, "metadata": true,
}

// sees tells whether a token is for a repository.
func (t *Token) sees(full string) bool {
	if t == nil {
		return false
	}
	return t.Repositories == nil || slices.ContainsFunc(t.Repositories, func(r string) bool { return strings.EqualFold(r, full) })
}

// acceptedPermissions is the header's form: alternatives divided by "; "
// (docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api).
func acceptedPermissions(needs string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(needs), "; "), ":", "=")
}
