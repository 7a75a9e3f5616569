package install_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestMissingTools(t *testing.T) {
	newMachine(t).fails("neither curl nor wget is here")

	m := newMachine(t, "curl")
	if err := os.Remove(filepath.Join(m.dir, "bin/sha256sum")); err != nil {
		t.Fatal(err)
	}
	m.fails("cannot be verified")
	if len(m.asked()) > 0 {
		t.Error("fetched what cannot be verified")
	}
	for _, other := range []string{"shasum", "openssl"} {
		t.Run(other, func(t *testing.T) {
			m := newMachine(t, "curl", other)
			if err := os.Remove(filepath.Join(m.dir, "bin/sha256sum")); err != nil {
				t.Fatal(err)
			}
			if other == "shasum" {
				m.link("perl")
			}
			m.installs()
		})
	}
}

func TestPlatforms(t *testing.T) {
	for _, c := range []struct{ os, arch, want string }{
		{"Linux", "ARM", "no waybill for the processor ARM"},
		{"Linux", "X86", "no waybill for the processor X86"},
		{"FreeBSD", "X64", "no waybill for the system FreeBSD"},
		{"macOS", "ARM64", "no valid line for waybill-darwin-arm64"},
	} {
		m := newMachine(t, "curl")
		m.env["RUNNER_OS"], m.env["RUNNER_ARCH"] = c.os, c.arch
		m.fails(c.want)
	}
}

// TestWindows: bash and its tools speak of /c/…, the runner of C:\….
func TestWindows(t *testing.T) {
	m := newMachine(t, "curl")
	m.tool("cygpath", `[ "$1" = -w ] && printf 'C:\\%s\n' "${2##*/}" || printf '%s\n' "$2"`)
	m.env["RUNNER_OS"] = "Windows"
	m.table(sum(content) + "  " + version + "/waybill-windows-amd64.exe\r")
	said, ok := m.run()
	if !ok || m.read("path") != "C:\\x64\n" || m.read("output") != "binary=C:\\waybill.exe\nversion=v1.2.3\n" {
		t.Errorf("succeeded: %v, path %q, output %q:\n%s", ok, m.read("path"), m.read("output"), said)
	}
	if m.read(installed+".exe") != string(content) {
		t.Errorf("left %q", m.files("cache"))
	}
}

func TestFolders(t *testing.T) {
	m := newMachine(t, "curl")
	m.env["RUNNER_TOOL_CACHE"] = m.write("file", "", 0o644) + "/cache"
	binary, said := m.installs()
	if !strings.HasPrefix(binary, m.env["RUNNER_TEMP"]) || !strings.Contains(said, "::notice") {
		t.Errorf("a cache that cannot be written: installed %s:\n%s", binary, said)
	}

	m = newMachine(t, "curl")
	delete(m.env, "RUNNER_TOOL_CACHE")
	if binary, _ := m.installs(); !strings.HasPrefix(binary, m.env["RUNNER_TEMP"]) {
		t.Errorf("no tool cache: installed %s", binary)
	}

	m = newMachine(t, "curl")
	delete(m.env, "RUNNER_TOOL_CACHE")
	delete(m.env, "RUNNER_TEMP")
	m.env["TMPDIR"] = filepath.Join(m.dir, "temp")
	m.installs()

	m = newMachine(t, "curl")
	m.env["RUNNER_TOOL_CACHE"] = filepath.Join(m.dir, "cache", "a\nPATH=b")
	if said, ok := m.run(); ok || m.read("path") != "" || !strings.Contains(said, "line break") || strings.Contains(said, "\nPATH=b/waybill/1.2.3/x64/waybill;") {
		t.Errorf("a line break in a path: succeeded: %v, path %q:\n%s", ok, m.read("path"), said)
	}
}

func TestProxy(t *testing.T) {
	for _, c := range []struct{ fetcher, variable, url string }{
		{"curl", "http_proxy", "http://mirror.invalid/mirror"},
		{"wget", "http_proxy", "http://mirror.invalid/mirror"},
		{"curl", "HTTPS_PROXY", "https://mirror.invalid/mirror"},
		{"wget", "HTTPS_PROXY", "https://mirror.invalid/mirror"},
	} {
		t.Run(c.fetcher+" "+c.variable, func(t *testing.T) {
			m := newMachine(t, c.fetcher)
			// The mirror also answers as a proxy; it opens no tunnels.
			m.env[c.variable], m.env["WAYBILL_DOWNLOAD_URL"] = m.mirror.URL, c.url
			if c.variable == "http_proxy" {
				m.installs()
			} else {
				m.fails("cannot be fetched")
			}
			if len(m.asked()) == 0 || !strings.Contains(m.asked()[0], "mirror.invalid") {
				t.Errorf("the proxy was asked %q", m.asked())
			}
		})
	}
	for _, fetcher := range []string{"curl", "wget"} {
		m := newMachine(t, fetcher)
		proxy := httptest.NewServer(http.NotFoundHandler())
		defer proxy.Close()
		m.env["http_proxy"], m.env["NO_PROXY"] = proxy.URL, "127.0.0.1"
		m.installs()
	}
}

// TestOldBash: macOS has bash 3.2, which knows none of these.
func TestOldBash(t *testing.T) {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`(?m)declare -A|local -n|mapfile|readarray|\$\{\w+(,,|\^\^|@)|\|&|&>>|wait -n|printf '%\(`).Find(text); found != nil {
		t.Errorf("bash 3.2 does not know %q", found)
	}
}

// TestHyphens: actions map inputs to names with hyphens, which bash cannot
// read but has to hand on to waybill.
func TestHyphens(t *testing.T) {
	m := newMachine(t)
	m.env["INPUT_WORKING-DIRECTORY"] = "models"
	m.write("action/scripts/install.sh", "#!/usr/bin/env bash\nenv\n", 0o755)
	if said, ok := m.run(); !ok || !strings.Contains(said, "INPUT_WORKING-DIRECTORY=models\n") {
		t.Errorf("bash does not hand on the variable:\n%s", said)
	}
}
