package testregistry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// grant is what a token allows: "repository:acme/sentiment:pull".
type grant map[string]bool

// authorize lets the request pass, or answers with a challenge.
func (r *Registry) authorize(w http.ResponseWriter, req *http.Request, name string) bool {
	action := "pull"
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		action = "push"
	}
	switch r.options.auth {
	case "basic":
		if r.hasPassword(req) {
			return true
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test registry"`)
	case "bearer":
		token, _ := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
		r.mu.Lock()
		granted, ok := r.tokens[token]
		r.mu.Unlock()
		if ok && (name == "" || granted["repository:"+name+":"+action]) {
			return true
		}
		if req.Method == http.MethodDelete {
			action = "delete"
			if granted["repository:"+name+":delete"] {
				return true
			}
		}
		challenge := fmt.Sprintf(`Bearer realm="http://%s/token",service="test registry"`, r.URL)
		if name != "" {
			challenge += fmt.Sprintf(`,scope="repository:%s:%s"`, name, action)
		}
		w.Header().Set("WWW-Authenticate", challenge)
	default:
		return true
	}
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return false
}

func (r *Registry) hasPassword(req *http.Request) bool {
	user, password, ok := req.BasicAuth()
	return ok && user == r.options.user && password == r.options.password
}

// serveToken gives out tokens (distribution's token specification). With
// anonymous pull, whoever has no password gets one that can only read.
func (r *Registry) serveToken(w http.ResponseWriter, req *http.Request) {
	known := r.hasPassword(req)
	if _, _, tried := req.BasicAuth(); !known && (tried || !r.options.anonymousPull) {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "incorrect username or password")
		return
	}
	granted := grant{}
	for _, scopes := range req.URL.Query()["scope"] {
		for scope := range strings.FieldsSeq(scopes) {
			i := strings.LastIndex(scope, ":")
			if i < 0 {
				continue
			}
			for action := range strings.SplitSeq(scope[i+1:], ",") {
				if known || action == "pull" {
					granted[scope[:i+1]+action] = true
				}
			}
		}
	}
	r.mu.Lock()
	token := "token-" + r.nextNumber()
	r.tokens[token] = granted
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": 300})
}
