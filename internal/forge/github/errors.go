package github

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"

	"github.com/waybill-dev/waybill/internal/forge"
)

// failed says what was being done, and turns GitHub's refusals into forge's
// errors.
func (c *Client) failed(k call, err error) error {
	var limited *forge.RateLimited
	if errors.As(err, &limited) {
		limited.What = k.what
		return limited
	}
	var refused *github.ErrorResponse
	if errors.As(err, &refused) && refused.Response != nil {
		return refusal(k, refused)
	}
	var twoFactor *github.TwoFactorAuthError
	if errors.As(err, &twoFactor) {
		return &forge.NotAllowed{What: k.what, Needs: string(k.needs), Status: http.StatusUnauthorized}
	}
	err = withoutAddress(err)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) {
		return fmt.Errorf("%s: the answer is not what GitHub's API describes: %w; is GITHUB_API_URL right?", k.what, err)
	}
	return fmt.Errorf("%s: %w", k.what, err)
}

// isOutage tells errors that pass from answers.
func isOutage(err error) bool {
	var limited *forge.RateLimited
	return err != nil && !errors.Is(err, forge.ErrNotAllowed) && !isNotFound(err) && (errors.As(err, &limited) || worthRetrying(err))
}

// refusedError is an answer of 4xx that is neither about permissions nor existence.
type refusedError struct {
	what   string
	status int
	answer string
}

func (e *refusedError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %d %s", e.what, e.status, e.answer))
}

func refusal(k call, r *github.ErrorResponse) error {
	status := r.Response.StatusCode
	answer := sayings(r)
	needs := acceptedPermissions(r.Response.Header.Get("X-Accepted-GitHub-Permissions"), string(k.needs))
	if lower := strings.ToLower(answer); strings.Contains(lower, "archived") || strings.Contains(lower, "locked") {
		needs = "" // no permission helps
	}
	write := r.Response.Request != nil && r.Response.Request.Method != http.MethodGet
	switch {
	case status == http.StatusNotFound && !write:
		return &forge.NotFound{What: k.what, Needs: needs}
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound:
		return &forge.NotAllowed{What: k.what, Needs: needs, Status: status, Answer: answer}
	}
	return &refusedError{k.what, status, answer}
}

// acceptedPermissions reads X-Accepted-GitHub-Permissions, such as
// "issues=write; pull_requests=write", whose alternatives are separated by
// semicolons (docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api).
// It returns the first in the words of a workflow, or needs when that is one
// of them, or when the header says nothing. metadata is left out: every token
// may read it.
func acceptedPermissions(header, needs string) string {
	if len(header) > 500 {
		return needs
	}
	first := ""
	for alternative := range strings.SplitSeq(header, ";") {
		var lines []string
		for item := range strings.SplitSeq(alternative, ",") {
			name, level, ok := strings.Cut(strings.TrimSpace(item), "=")
			if !ok || !isWord(name) || !isWord(level) {
				return needs
			}
			if name == "metadata" {
				continue
			}
			lines = append(lines, strings.ReplaceAll(name, "_", "-")+": "+level)
		}
		all := strings.Join(lines, ", ")
		if all == needs {
			return needs
		}
		if first == "" {
			first = all
		}
	}
	return cmp.Or(first, needs)
}

func isWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// sayings is what GitHub said, in one short line.
func sayings(r *github.ErrorResponse) string {
	s := r.Message
	for i, e := range r.Errors {
		if i == 3 {
			break
		}
		if e.Message != "" {
			s += ": " + e.Message
		} else if e.Field != "" {
			s += ": " + e.Field + " " + e.Code
		}
	}
	return clip(s, 300)
}

// clip makes one printable line of at most n bytes of what came from outside.
func clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), 4*n)], "?"))
	return cut(strings.TrimSpace(s), n)
}

// cut shortens s to n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const more = "…"
	s = s[:n-len(more)]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + more
}

// checkAnswer is nil for an answer of 2xx.
func checkAnswer(resp *http.Response) error { return github.CheckResponse(resp) }
