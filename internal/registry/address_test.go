package registry

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for _, test := range []struct {
		in       string
		want     address
		loopback bool
	}{
		{"ghcr.io/acme/reviews", address{host: "ghcr.io", path: "acme/reviews"}, false},
		{"ghcr.io", address{host: "ghcr.io"}, false},
		{"localhost/x", address{host: "localhost", path: "x"}, true},
		{"localhost:5000/x", address{host: "localhost:5000", path: "x"}, true},
		{"127.0.0.1:41234", address{host: "127.0.0.1:41234"}, true},
		{"127.1.2.3:80/a/b", address{host: "127.1.2.3:80", path: "a/b"}, true},
		{"[::1]:5000/x", address{host: "[::1]:5000", path: "x"}, true},
		{"registry:5000/a__b/c.d/e-f", address{host: "registry:5000", path: "a__b/c.d/e-f"}, false},
		{"10.0.0.1:5000/x", address{host: "10.0.0.1:5000", path: "x"}, false},
		{"localhost.evil.example/x", address{host: "localhost.evil.example", path: "x"}, false},
		{"oci-layout:.waybill/registry", address{dir: ".waybill/registry"}, false},
		{"oci-layout:./a//b/", address{dir: "a/b"}, false},
		{"oci-layout:../shared", address{dir: "../shared"}, false},
		{"oci-layout:/srv/models", address{dir: "/srv/models"}, false},
		{"oci-layout:.", address{dir: "."}, false},
	} {
		got, err := parseAddress(test.in)
		if err != nil || got != test.want || got.loopback() != test.loopback {
			t.Errorf("%s: %+v, loopback %v, %v; want %+v, %v", test.in, got, got.loopback(), err, test.want, test.loopback)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "is empty; write it as",
		"https://ghcr.io/acme/":                `must not begin with https://; write "ghcr.io/acme"`,
		"HTTP://localhost:5000":                `must not begin with http://; write "localhost:5000"`,
		"oci://ghcr.io/x":                      `must not begin with oci://; write "ghcr.io/x"`,
		"s3://bucket/x":                        "must not have a scheme",
		"ghcr.io/Acme/Reviews":                 `must be lower-case, as OCI requires; write "ghcr.io/acme/reviews"`,
		"acme/reviews":                         "must begin with a host",
		"ghcr.io/":                             "must not end in /",
		"ghcr.io/acme/":                        "must not end in /",
		"ghcr.io/acme:v1":                      "must not have a tag or digest",
		"ghcr.io/acme@sha256:00":               "must not have a tag or digest",
		"ghcr.io/a//b":                         "is not a repository path",
		"ghcr.io/../b":                         "is not a repository path",
		"ghcr.io/a b":                          "is not a repository path",
		"user:pw@ghcr.io/x":                    "is not a host name",
		"ghcr.io:port/x":                       "is not a host name",
		"-a.b/x":                               "is not a host name",
		"ghcr.io/\x1b[31m":                     "is not a repository path",
		"ghcr.io/" + strings.Repeat("a", 256):  "longer than 255",
		"ghcr.io/" + strings.Repeat("a", 2000): "longer than 1024",
		"oci-layout:":                          "names no folder",
		"oci-layout://host/x":                  "takes a folder, not a URL",
		`oci-layout:C:\x`:                      "use / between folders",
		"oci-layout:a\x00b":                    "control characters",
	} {
		if got, err := parseAddress(in); err == nil {
			t.Errorf("%q: accepted as %+v", in, got)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestOpenRelativeToProject(t *testing.T) {
	base := t.TempDir()
	reg, err := Open("oci-layout:.waybill/registry", base, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(base, ".waybill", "registry"); reg.layout.dir != want {
		t.Errorf("folder %s, want %s", reg.layout.dir, want)
	}
	if reg.String() != "oci-layout:.waybill/registry" {
		t.Errorf("String = %s", reg)
	}
	for _, name := range []string{"", "A", "a/b", "../x", "a_b"} {
		if _, err := reg.Repository(name); err == nil {
			t.Errorf("Repository(%q): accepted", name)
		}
	}
	if _, err := (&remoteHost{path: strings.Repeat("a", 250)}).repository("sentiment"); err == nil {
		t.Error("a repository of 260 bytes: accepted")
	}
}

func TestPlainHTTPOnlyOnLoopback(t *testing.T) {
	for url, want := range map[string]bool{"localhost:5000": true, "ghcr.io": false, "10.0.0.1:5000": false} {
		reg, err := Open(url, "", Options{})
		if err != nil || reg.remote.plainHTTP != want {
			t.Errorf("%s: plain HTTP %v, %v; want %v", url, reg.remote.plainHTTP, err, want)
		}
	}
	if reg, err := Open("registry.lan:5000", "", Options{PlainHTTP: true}); err != nil || !reg.remote.plainHTTP {
		t.Errorf("PlainHTTP is not obeyed: %v", err)
	}
}

// What is accepted is printed in a form that means the same, and never leads
// to another scheme, user or tag.
func FuzzOpenURL(f *testing.F) {
	for _, seed := range []string{
		"ghcr.io/acme/reviews", "localhost:5000/x", "127.0.0.1:1", "[::1]:5000/x", "oci-layout:.waybill/registry",
		"oci-layout:../x", "https://ghcr.io", "a@b/c", "ghcr.io/a:b", "GHCR.io/x", "a.b/../c", "oci-layout:/", "a.b/c%2fd",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		reg, err := Open(s, "base", Options{})
		if err != nil {
			if len(err.Error()) > 1500 {
				t.Errorf("message of %d bytes", len(err.Error()))
			}
			return
		}
		again, err := Open(reg.String(), "base", Options{})
		if err != nil || again.url != reg.url {
			t.Fatalf("%q prints as %q: %v", s, reg, err)
		}
		repo, err := reg.Repository("sentiment")
		if err != nil {
			return // too long
		}
		if repo.String() != reg.String()+"/sentiment" {
			t.Errorf("repository %q of %q", repo, reg)
		}
		if remote, ok := repo.(*remoteRepository); ok {
			if err := remote.repo.Reference.Validate(); err != nil {
				t.Errorf("%q: %v", s, err)
			}
			if strings.ContainsAny(remote.endpoint("x"), "@?# \\") {
				t.Errorf("%q: endpoint %q", s, remote.endpoint("x"))
			}
		}
	})
}
