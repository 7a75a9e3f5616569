package registry

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// What people read who may not, on each kind of registry.
func TestAdvice(t *testing.T) {
	refused := func(status int, code, message string) error {
		e := &errcode.ErrorResponse{StatusCode: status}
		if code != "" {
			e.Errors = errcode.Errors{{Code: code, Message: message}}
		}
		return e
	}
	denied := refused(403, "DENIED", "permission_denied: write_package")
	const account = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme"
	for name, test := range map[string]struct {
		url            string
		push, workflow bool
		err            error
		kind           error
		want           string // after "REPOSITORY: OPERATION: "
	}{
		"ghcr, push, workflow": {"ghcr.io/acme", true, true, denied, ErrUnauthorized, `403 denied: permission_denied: write_package; ` +
			`give the job "permissions: packages: write"; if it has that, connect the repository to the package acme/sentiment in the package's settings, with the role Write`},
		"ghcr, push, laptop": {"ghcr.io/acme", true, false, denied, ErrUnauthorized, `403 denied: permission_denied: write_package; ` +
			`the token lacks write:packages: log in with one that has it: docker login ghcr.io`},
		"ghcr, pull, workflow": {"ghcr.io/acme", false, true, refused(403, "DENIED", ""), ErrUnauthorized, `403 denied; ` +
			`give the job "permissions: packages: read"; if it has that, connect the repository to the package acme/sentiment in the package's settings`},
		"ghcr, pull, laptop, 401": {"ghcr.io/acme", false, false, refused(401, "UNAUTHORIZED", "authentication required"), ErrUnauthorized, `401 unauthorized: authentication required; ` +
			`packages start private: log in with a token that has read:packages (docker login ghcr.io), or make the package public in its settings`},
		"ghcr, pull, laptop, 404": {"ghcr.io/acme", false, false, errdef.ErrNotFound, ErrNotFound, `not found; ` +
			`packages start private: log in with a token that has read:packages (docker login ghcr.io), or make the package public in its settings`},
		"ecr, push, no repository": {account, true, false, refused(404, "NAME_UNKNOWN", "The repository does not exist"), ErrNotFound, `404 name unknown: The repository does not exist; ` +
			`create the repository first: aws ecr create-repository --repository-name acme/sentiment`},
		"ecr, laptop": {account, true, false, refused(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again."), ErrUnauthorized,
			`403 denied: Your authorization token has expired. Reauthenticate and try again.; ` +
				`logins last 12 hours: aws ecr get-login-password --region eu-west-1 | docker login --username AWS --password-stdin 123456789012.dkr.ecr.eu-west-1.amazonaws.com`},
		"ecr, nothing stored": {account, false, false, auth.ErrBasicCredentialNotFound, ErrUnauthorized,
			`401 unauthorized: no credentials for 123456789012.dkr.ecr.eu-west-1.amazonaws.com; ` +
				`logins last 12 hours: aws ecr get-login-password --region eu-west-1 | docker login --username AWS --password-stdin 123456789012.dkr.ecr.eu-west-1.amazonaws.com`},
		"ecr, workflow": {account, true, true, refused(401, "", ""), ErrUnauthorized, `401 unauthorized; ` +
			`log in with the step aws-actions/amazon-ecr-login before this one (a login lasts 12 hours), with a role that may use the repository`},
		"ecr public, laptop": {"public.ecr.aws/acme", true, false, refused(403, "", ""), ErrUnauthorized, `403 forbidden; ` +
			`logins last 12 hours: aws ecr-public get-login-password --region us-east-1 | docker login --username AWS --password-stdin public.ecr.aws`},
		"ecr public, no repository": {"public.ecr.aws/acme/x", true, false, refused(404, "NAME_UNKNOWN", ""), ErrNotFound, `404 name unknown; ` +
			`create the repository first: aws ecr-public create-repository --region us-east-1 --repository-name x/sentiment`},
		"gar, laptop": {"europe-docker.pkg.dev/acme", true, false, refused(403, "DENIED", ""), ErrUnauthorized, `403 denied; ` +
			`log in: gcloud auth configure-docker europe-docker.pkg.dev`},
		"gar, workflow": {"gcr.io/acme", false, true, refused(401, "", ""), ErrUnauthorized, `401 unauthorized; ` +
			`log in with the step google-github-actions/auth before this one, and run: gcloud auth configure-docker gcr.io`},
		"acr, laptop":   {"acme.azurecr.io/x", true, false, refused(401, "", ""), ErrUnauthorized, `401 unauthorized; log in: az acr login --name acme`},
		"acr, workflow": {"acme.azurecr.io/x", true, true, refused(401, "", ""), ErrUnauthorized, `401 unauthorized; log in with the step azure/login before this one, and run: az acr login --name acme`},
		"docker hub": {"docker.io/acme", false, false, refused(429, "TOOMANYREQUESTS", "You have reached your unauthenticated pull rate limit."), ErrUnreachable,
			`429 toomanyrequests: You have reached your unauthenticated pull rate limit.; Docker Hub limits how much is pulled without a login: docker login`},
		"docker hub, 401":           {"docker.io/acme", true, false, refused(401, "", ""), ErrUnauthorized, `401 unauthorized; log in first: docker login docker.io`},
		"elsewhere, push":           {"registry.example/x", true, true, refused(403, "", ""), ErrUnauthorized, `403 forbidden; the account may not push here: ask the registry's owner, or log in as another: docker login registry.example`},
		"elsewhere, no repository":  {"registry.example/x", true, false, refused(404, "", ""), ErrNotFound, `404 not found; ` + nextCreate},
		"elsewhere, nothing to say": {"registry.example/x", false, false, refused(404, "", ""), ErrNotFound, `404 not found`},
	} {
		env := map[string]string{}
		if test.workflow {
			env["GITHUB_ACTIONS"] = "true"
		}
		reg, err := Open(test.url, "", Options{Getenv: func(key string) string { return env[key] }})
		if err != nil {
			t.Fatal(err)
		}
		op := reg.remote.operation(test.url+"/sentiment", "work")
		op.push = test.push
		got := reg.remote.fail(op, test.err)
		if want := test.url + "/sentiment: work: " + test.want; got.Error() != want || !errors.Is(got, test.kind) {
			t.Errorf("%s:\ngot  %v\nwant %s", name, got, want)
		}
	}
}

// A proxy that hides TLS from the registry has its own sentence.
func TestPlainLocationBehindTLS(t *testing.T) {
	reg, err := Open("registry.example/acme", "", Options{Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := reg.Repository("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	r := repo.(*remoteRepository)
	u := &upload{repo: r, origin: mustURL(t, r.endpoint("blobs/uploads/"))}
	got := r.host.fail(r.pushing("push"), u.checkOrigin(mustURL(t, "http://registry.example/v2/x")))
	if want := "registry.example/acme/sentiment: push: the registry wants the upload in plain HTTP, http://registry.example, which is refused; " +
		"the registry believes that it is spoken to in plain HTTP: its proxy must send X-Forwarded-Proto: https"; got.Error() != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	for _, same := range []string{"https://registry.example/x", "https://registry.example:443/x"} {
		if err := u.checkOrigin(mustURL(t, same)); err != nil {
			t.Errorf("%s: %v", same, err)
		}
	}
}

func TestBrokenStreams(t *testing.T) {
	for _, message := range []string{
		"stream error: stream ID 3; INTERNAL_ERROR; received from peer",
		"http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=\"\"",
		"http2: client connection lost",
	} {
		err := operation{repository: "registry.example/x", host: "registry.example", name: "read blob"}.fail(errors.New(message))
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "connection lost") {
			t.Errorf("%v", err)
		}
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
