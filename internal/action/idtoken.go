package action

import (
	"context"
	"errors"
	"fmt"

	"github.com/sethvargo/go-githubactions"
)

// IDToken asks GitHub for a token that says which workflow of which repository
// runs, for an audience such as a cloud's registry, and masks it.
func (a *Action) IDToken(ctx context.Context, audience string) (string, error) {
	token, err := a.gha.GetIDToken(ctx, audience)
	var missing *githubactions.EnvMissingError
	var refused *githubactions.RequestFailedError
	switch {
	case errors.As(err, &missing):
		return "", fmt.Errorf("ask for an ID token for %q: %s is not set: the job needs \"permissions: id-token: write\", which pull requests from forks never get", audience, missing.Name)
	case errors.As(err, &refused):
		return "", fmt.Errorf("ask for an ID token for %q: GitHub answered %d: %s", audience, refused.StatusCode, clip(oneLine(refused.Body), 300))
	case err != nil:
		return "", fmt.Errorf("ask for an ID token for %q: %w", audience, err)
	case token == "":
		return "", fmt.Errorf("ask for an ID token for %q: GitHub's answer has no token", audience)
	}
	a.Mask(token)
	return token, nil
}
