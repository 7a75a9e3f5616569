package cli

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/waybill-dev/waybill/internal/doctor"
	"github.com/waybill-dev/waybill/internal/forge/github"
	"github.com/waybill-dev/waybill/internal/gitrepo"
)

// doctorGitHub reports what is set for a repository, OWNER/NAME or "" for that
// of the workflow or the remote.
func (a *app) doctorGitHub(repository string) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	host, name := a.remoteRepository(w.Repo)
	name = cmp.Or(repository, a.getenv("GITHUB_REPOSITORY"), name)
	if name == "" {
		return usageError{errors.New("the remote does not tell which repository on GitHub is meant: name it, --repo OWNER/NAME")}
	}
	base, token := a.apiOf(host)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	client, err := github.New(github.Options{
		BaseURL: base, Repository: name, Token: token, UserAgent: "waybill/" + version,
		HTTP: &http.Client{Transport: transport}, Now: a.now, Log: func(m string) { a.note("%s", m) },
	})
	if err != nil {
		return usageError{err}
	}
	r, err := doctor.Settings(a.ctx, client, w.Project, gitrepo.LedgerBranch)
	if err != nil {
		return err
	}
	return a.report(r)
}

// apiOf is where the API of a host is, and the token for it, by the names that
// gh has for tokens: that of github.com is not sent to a host that only a
// remote names.
func (a *app) apiOf(host string) (base, token string) {
	base = a.getenv("GITHUB_API_URL")
	if base != "" || host == "" || host == "github.com" {
		return base, cmp.Or(a.getenv("GITHUB_TOKEN"), a.getenv("GH_TOKEN"))
	}
	return "https://" + host + "/api/v3", cmp.Or(a.getenv("GH_ENTERPRISE_TOKEN"), a.getenv("GITHUB_ENTERPRISE_TOKEN"))
}
