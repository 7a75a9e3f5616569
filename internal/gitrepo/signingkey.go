package gitrepo

import "strings"

// SigningKey is user.signingKey, where gpg.format is ssh (git-config(1)): the
// path of a key, or with literal the public key itself. "" when there is none.
func (r *Repo) SigningKey() (key string, literal bool) {
	if !strings.EqualFold(r.config.get("gpg", "", "format"), "ssh") {
		return "", false
	}
	key = r.config.get("user", "", "signingkey")
	if rest, ok := strings.CutPrefix(key, "key::"); ok {
		return rest, true
	}
	return expandHome(key), strings.HasPrefix(key, "ssh-") // as before Git 2.35
}
