package github

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/internal/forge"
)

// DefaultBaseURL is the API of github.com.
const DefaultBaseURL = "https://api.github.com"

// Options are what a client is made with. Repository, HTTP and Now are
// required.
type Options struct {
	BaseURL    string // GITHUB_API_URL; "" is DefaultBaseURL; GHES has https://HOST/api/v3
	UploadURL  string // for assets of releases; "" is derived from BaseURL
	Repository string // OWNER/NAME, as in GITHUB_REPOSITORY
	Token      string // "" asks as nobody: public repositories can be read
	UserAgent  string // "" is waybill

	HTTP  *http.Client // its Transport sends everything; its other fields are not used
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error // nil is a timer
	Log   func(message string)                             // told of retries and waits; may be nil

	// MaxWait is how long the client waits for rate limits in its whole life.
	// Zero is three minutes, negative is not at all.
	MaxWait time.Duration

	// Timeout is how long one answer may take, beside a second for every
	// 256 KiB sent. Zero is a minute.
	Timeout time.Duration
}

// Client speaks to GitHub about one repository. It may be used by several
// goroutines.
type Client struct {
	owner, repo string
	graphQL     string
	http        *http.Client // through wire
	userAgent   string
	wire        *wire
	plain       http.RoundTripper // without token, for where the API redirects
	now         func() time.Time
	sleep       func(context.Context, time.Duration) error

	selfMu sync.Mutex
	self   forge.Account
}

var (
	ownerName = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})$`)
	repoName  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

// New returns a client. It sends nothing.
func New(o Options) (*Client, error) {
	owner, repo, ok := strings.Cut(o.Repository, "/")
	if !ok || !ownerName.MatchString(owner) || !repoName.MatchString(repo) || repo == "." || repo == ".." {
		return nil, fmt.Errorf("GitHub client: repository is %q; expected OWNER/NAME, as in GITHUB_REPOSITORY", o.Repository)
	}
	if o.HTTP == nil || o.Now == nil {
		return nil, errors.New("GitHub client: Options.HTTP and Options.Now are required")
	}
	if strings.ContainsAny(o.Token, "\r\n\x00 ") {
		return nil, errors.New("GitHub client: the token contains a space or line break; pass it without")
	}
	base, err := baseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	upload, err := uploadURL(o.UploadURL, base)
	if err != nil {
		return nil, err
	}
	w := newWire(o, base, upload)
	if o.UserAgent == "" {
		o.UserAgent = "waybill"
	}
	return &Client{
		owner: owner, repo: repo, graphQL: graphQLURL(base),
		http: &http.Client{Transport: w, CheckRedirect: w.checkRedirect}, userAgent: o.UserAgent, wire: w, plain: w.next, now: o.Now, sleep: w.sleep,
	}, nil
}

// baseURL reads GITHUB_API_URL. Plain http is for servers on this machine.
func baseURL(s string) (*url.URL, error) {
	if s == "" {
		s = DefaultBaseURL
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("GitHub client: GITHUB_API_URL is no plain address; expected https://api.github.com or https://HOST/api/v3")
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()):
	default:
		return nil, fmt.Errorf("GitHub client: the API's address begins with %q; the token is only sent over https", u.Scheme+":")
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	return u, nil
}

// uploadURL is where assets are sent: https://uploads.github.com,
// uploads.SUBDOMAIN.ghe.com, or HOST/api/uploads of GHES.
func uploadURL(s string, base *url.URL) (*url.URL, error) {
	if s != "" {
		return baseURL(s)
	}
	u := *base
	switch rest, isAPI := strings.CutPrefix(u.Host, "api."); {
	case strings.HasSuffix(u.Path, "/api/v3/"):
		u.Path = strings.TrimSuffix(u.Path, "v3/") + "uploads/"
	case isAPI && (rest == "github.com" || strings.HasSuffix(rest, ".ghe.com")):
		u.Host = "uploads." + rest
	}
	return &u, nil
}

// graphQLURL is beside v3 on GHES, and below the host elsewhere.
func graphQLURL(base *url.URL) string {
	u := *base
	u.Path = strings.TrimSuffix(u.Path, "v3/") + "graphql"
	return u.String()
}

// on names the repository in errors.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (c *Client) on(format string, args ...any) string {
	return fmt.Sprintf(format, args...) + " of " + c.owner + "/" + c.repo
}

// path is an address below the repository. Arguments are escaped, so that no
// branch or environment name reaches another endpoint.
func (c *Client) path(format string, args ...any) string {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = url.PathEscape(s)
		}
	}
	return fmt.Sprintf("repos/%s/%s/", c.owner, c.repo) + fmt.Sprintf(format, args...)
}

// call is one request with what its errors need.
type call struct {
	what   string           // "read pull request 7 of acme/reviews"
	needs  forge.Permission // what the token needs
	repeat bool             // may be sent again after an answer was lost
	accept string           // media type, where it is not the usual one
}

// do sends a request and decodes its answer into out, which may be nil.
func (c *Client) do(ctx context.Context, k call, method, path string, body, out any) (*response, error) {
	req, err := c.newRequest(method, path, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.what, err)
	}
	if k.accept != "" {
		req.Header.Set("Accept", k.accept)
	}
	if k.repeat || method == http.MethodGet {
		ctx = withRepeat(ctx)
	}
	resp, err := c.send(ctx, req, out)
	if err != nil {
		return resp, c.failed(k, err)
	}
	return resp, nil
}
