package registry

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// address is a parsed "registry:" value: either dir is set, or host.
type address struct {
	host string // "ghcr.io", "localhost:5000"
	path string // "acme/reviews", may be empty
	dir  string // of an OCI layout, slash-separated, as written but cleaned
}

const layoutScheme = "oci-layout:"

// The grammar of OCI references, as distribution/reference has it, in lower
// case. A repository's name is at most 255 bytes long, host not counted.
var (
	hostRE = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$`)
	pathRE = regexp.MustCompile(`^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$`)
	tagRE  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
)

const (
	maxAddress    = 1024
	maxRepository = 255
)

const addressForms = `write it as "ghcr.io/owner/project", "localhost:5000/project" or "oci-layout:FOLDER"`

func parseAddress(s string) (address, error) {
	fail := func(format string, args ...any) (address, error) {
		return address{}, fmt.Errorf("registry %q: %s", clip(s), fmt.Sprintf(format, args...))
	}
	switch {
	case s == "":
		return fail("is empty; %s", addressForms)
	case len(s) > maxAddress:
		return fail("longer than %d bytes", maxAddress)
	case strings.HasPrefix(s, layoutScheme):
		dir, err := parseDir(strings.TrimPrefix(s, layoutScheme))
		if err != nil {
			return fail("%v", err)
		}
		return address{dir: dir}, nil
	}
	for _, scheme := range []string{"https://", "http://", "oci://", "docker://"} {
		if rest, ok := strings.CutPrefix(strings.ToLower(s), scheme); ok {
			return fail("must not begin with %s; write %q", scheme, clip(strings.TrimSuffix(rest, "/")))
		}
	}
	if strings.Contains(s, "://") {
		return fail("must not have a scheme; %s", addressForms)
	}
	if lower := strings.ToLower(s); lower != s {
		return fail("must be lower-case, as OCI requires; write %q", clip(lower))
	}
	host, rest, hasPath := strings.Cut(s, "/")
	switch {
	case !hostRE.MatchString(host), strings.HasPrefix(host, "[") && !isIPv6(host):
		return fail("%q is not a host name; %s", clip(host), addressForms)
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		return fail("must begin with a host; %s", addressForms)
	case hasPath && strings.HasSuffix(rest, "/"), hasPath && rest == "":
		return fail("must not end in /")
	case strings.ContainsAny(rest, ":@"):
		return fail("must not have a tag or digest: waybill appends the artifact's name")
	case hasPath && !pathRE.MatchString(rest):
		return fail("%q is not a repository path: use lower-case letters and digits, separated by one of . _ - or /", clip(rest))
	case len(rest) > maxRepository:
		return fail("longer than %d bytes", maxRepository)
	}
	return address{host: host, path: rest}, nil
}

func parseDir(dir string) (string, error) {
	switch {
	case dir == "":
		return "", errors.New("names no folder; write it as oci-layout:.waybill/registry")
	case strings.HasPrefix(dir, "//"):
		return "", errors.New("takes a folder, not a URL; write it as oci-layout:.waybill/registry")
	case strings.ContainsFunc(dir, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", errors.New("the folder has control characters in its name")
	case strings.Contains(dir, `\`):
		return "", errors.New(`use / between folders, on Windows too`)
	}
	return path.Clean(dir), nil
}

func (a address) String() string {
	switch {
	case a.dir != "":
		return layoutScheme + a.dir
	case a.path == "":
		return a.host
	}
	return a.host + "/" + a.path
}

// loopback tells whether the host is this machine, to which plain HTTP is
// spoken as every container tool does.
func (a address) loopback() bool {
	host := a.host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// folder returns where the layout is.
func (a address) folder(baseDir string) string {
	dir := filepath.FromSlash(a.dir)
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(baseDir, dir)
}

func checkTag(tag string) error {
	if !tagRE.MatchString(tag) {
		return fmt.Errorf("tag %q: use letters, digits, . _ and -, at most 128, not beginning with . or -", clip(tag))
	}
	return nil
}

// clip keeps hostile input out of error messages.
func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

// isIPv6 tells whether host, "[ADDRESS]" with or without a port, is one.
func isIPv6(host string) bool {
	addr, err := netip.ParseAddr(host[1:strings.IndexByte(host, ']')])
	return err == nil && addr.Is6()
}
