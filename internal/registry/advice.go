package registry

import (
	"fmt"
	"net/http"
	"strings"

	"oras.land/oras-go/v2/registry/remote/errcode"
)

// refusal is what a registry said no with; status 401 when there was nothing
// to log in with.
type refusal struct {
	status int
	code   string // of distribution-spec 1.1, "Error Codes"; may be empty
}

func (r refusal) isLogin() bool {
	return r.status == http.StatusUnauthorized || r.status == http.StatusForbidden
}

// isUpload tells whether it is an upload that is not there, not a repository.
func (r refusal) isUpload() bool {
	return r.status == http.StatusNotFound && (r.code == errcode.ErrorCodeBlobUploadUnknown || r.code == errcode.ErrorCodeBlobUploadInvalid)
}

// path returns the repository without its host.
func (o operation) path() string {
	_, path, _ := strings.Cut(o.repository, "/")
	return path
}

// adviseGHCR: packages start private, and one that a laptop pushed belongs to
// no repository, so that no workflow may touch it.
func adviseGHCR(o operation, r refusal) string {
	need := "read"
	if o.push {
		need = "write"
	}
	switch {
	case r.isLogin() && o.workflow:
		advice := fmt.Sprintf(`give the job "permissions: packages: %s"; if it has that, connect the repository to the package %s in the package's settings`, need, o.path())
		if r.status == http.StatusForbidden && o.push {
			advice += ", with the role Write"
		}
		return advice
	case r.isLogin() && o.push:
		return "the token lacks write:packages: log in with one that has it: docker login ghcr.io"
	case r.isLogin(), r.status == http.StatusNotFound && !o.push:
		return "packages start private: log in with a token that has read:packages (docker login ghcr.io), or make the package public in its settings"
	}
	return ""
}

// adviseECR: logins last 12 hours, repositories do not come into being by a push.
func adviseECR(o operation, r refusal) string {
	switch {
	case r.isLogin() && o.workflow:
		return "log in with the step aws-actions/amazon-ecr-login before this one (a login lasts 12 hours), with a role that may use the repository"
	case r.isLogin() && o.host == "public.ecr.aws":
		return "logins last 12 hours: aws ecr-public get-login-password --region us-east-1 | docker login --username AWS --password-stdin " + o.host
	case r.isLogin():
		region := ""
		if parts := strings.Split(o.host, "."); len(parts) > 3 && parts[1] == "dkr" {
			region = " --region " + parts[3]
		}
		return "logins last 12 hours: aws ecr get-login-password" + region + " | docker login --username AWS --password-stdin " + o.host
	case r.status == http.StatusNotFound && o.push && o.host == "public.ecr.aws":
		_, name, _ := strings.Cut(o.path(), "/")
		return "create the repository first: aws ecr-public create-repository --region us-east-1 --repository-name " + name
	case r.status == http.StatusNotFound && o.push:
		return "create the repository first: aws ecr create-repository --repository-name " + o.path()
	}
	return ""
}

func adviseGAR(o operation, r refusal) string {
	switch {
	case r.isLogin() && o.workflow:
		return "log in with the step google-github-actions/auth before this one, and run: gcloud auth configure-docker " + o.host
	case r.isLogin():
		return "log in: gcloud auth configure-docker " + o.host
	}
	return ""
}

func adviseACR(o operation, r refusal) string {
	name, _, _ := strings.Cut(o.host, ".")
	switch {
	case r.isLogin() && o.workflow:
		return "log in with the step azure/login before this one, and run: az acr login --name " + name
	case r.isLogin():
		return "log in: az acr login --name " + name
	}
	return ""
}

// adviseDockerHub: the limit of pulls is per address for whoever is not logged in.
func adviseDockerHub(o operation, r refusal) string {
	if r.status == http.StatusTooManyRequests {
		return "Docker Hub limits how much is pulled without a login: docker login"
	}
	return ""
}
