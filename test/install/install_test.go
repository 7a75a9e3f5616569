// Package install_test runs scripts/install.sh on a runner of its own: with
// the tools that a test allows, folders with spaces in their names, and a
// mirror that can fail.
package install_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const installed = "cache/waybill/1.2.3/x64/waybill"

func TestDownload(t *testing.T) {
	for _, fetcher := range []string{"curl", "wget"} {
		t.Run(fetcher, func(t *testing.T) {
			m := newMachine(t, fetcher)
			binary, _ := m.installs()
			if binary != filepath.Join(m.dir, installed) || m.read(installed) != string(content) {
				t.Errorf("installed %s, not what the mirror has in %s", binary, installed)
			}
			if !strings.Contains(m.read("output"), "version="+version+"\n") {
				t.Errorf("output version is missing: %s", m.read("output"))
			}
			// The layout is the one that tool caches have.
			if got, want := m.files("cache", "temp"), []string{installed, "cache/waybill/1.2.3/x64.complete"}; !slices.Equal(got, want) {
				t.Errorf("left %q, want %q", got, want)
			}

			m.mirror.Close() // the second time nothing is fetched
			if again, _ := m.installs(); again != binary {
				t.Errorf("installed %s, then %s", binary, again)
			}
		})
	}
}

func TestChangedCache(t *testing.T) {
	m := newMachine(t, "curl")
	m.installs()
	m.write(installed, "#!/bin/sh\necho stolen\n", 0o755)
	// A job that has it open keeps what it has: the file is replaced whole.
	open := filepath.Join(m.dir, "work", "open")
	if err := os.Link(filepath.Join(m.dir, installed), open); err != nil {
		t.Fatal(err)
	}
	if _, said := m.installs(); !strings.Contains(said, "::warning") || m.read(installed) != string(content) {
		t.Errorf("the changed binary is still there, or nothing was said:\n%s", said)
	}
	if data, err := os.ReadFile(open); err != nil || !strings.Contains(string(data), "stolen") {
		t.Errorf("the file was written over, not replaced (%v)", err)
	}
	// Without the marker an installer may have died; the file is not trusted.
	if err := os.Remove(filepath.Join(m.dir, "cache/waybill/1.2.3/x64.complete")); err != nil {
		t.Fatal(err)
	}
	m.installs()
	if len(m.asked()) != 3 {
		t.Errorf("%d requests instead of 3", len(m.asked()))
	}
}

func TestOnPath(t *testing.T) {
	m := newMachine(t, "curl")
	m.write("bin/waybill", "#!/bin/sh\necho another\n", 0o755)
	if binary, _ := m.installs(); binary != filepath.Join(m.dir, installed) {
		t.Errorf("a waybill with other bytes was taken: %s", binary)
	}
	m = newMachine(t, "curl")
	m.write("bin/waybill", string(content), 0o755)
	if binary, _ := m.installs(); binary != filepath.Join(m.dir, "bin/waybill") || len(m.asked()) > 0 {
		t.Errorf("took %s after %q instead of the one on the PATH", binary, m.asked())
	}
}

func TestGiven(t *testing.T) {
	for _, variable := range []string{"WAYBILL_BINARY", "INPUT_BINARY"} {
		m := newMachine(t, "curl")
		m.env[variable] = m.write("my tools/wb-1.0", "#!/bin/sh\necho mine\n", 0o755)
		m.write("my tools/git", "#!/bin/sh\n", 0o755)
		binary, _ := m.installs()
		if data, err := os.ReadFile(binary); err != nil || !strings.Contains(string(data), "echo mine") || len(m.asked()) > 0 {
			t.Errorf("%s: took %s (%v), asked for %q", variable, binary, err, m.asked())
		}
		if others, _ := filepath.Glob(filepath.Join(filepath.Dir(binary), "*")); len(others) != 1 {
			t.Errorf("%s: more came onto the PATH: %q", variable, others)
		}
	}
	m := newMachine(t, "curl")
	m.env["WAYBILL_BINARY"] = "/no/such/file"
	m.fails("/no/such/file, which the input binary or WAYBILL_BINARY names, is not an executable file")
}

func TestBadSum(t *testing.T) {
	m := newMachine(t, "curl")
	m.answers(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		_, _ = w.Write([]byte("#!/bin/sh\necho stolen\n"))
		return true
	})
	m.fails("nothing was installed")
	if len(m.asked()) != 1 {
		t.Errorf("a wrong file was fetched %d times", len(m.asked()))
	}
}

func TestFaults(t *testing.T) {
	half := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(content[:len(content)/2])
	}
	for _, fetcher := range []string{"curl", "wget"} {
		t.Run(fetcher, func(t *testing.T) {
			m := newMachine(t, fetcher)
			m.answers(func(n int, w http.ResponseWriter, _ *http.Request) bool {
				switch n {
				case 1:
					http.Error(w, "no", http.StatusServiceUnavailable)
				case 2:
					half(w)
				}
				return n < 3
			})
			m.installs()
			if m.read(installed) != string(content) {
				t.Error("what was installed is not whole")
			}

			m = newMachine(t, fetcher)
			m.answers(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				http.Error(w, "no", http.StatusNotFound)
				return true
			})
			m.fails("cannot be fetched (exit code")
			if len(m.asked()) != 3 {
				t.Errorf("%d tries instead of 3", len(m.asked()))
			}
		})
	}
	m := newMachine(t, "curl")
	m.answers(func(_ int, w http.ResponseWriter, _ *http.Request) bool { half(w); return true })
	m.fails("cannot be fetched")
}

func TestTable(t *testing.T) {
	for _, line := range []string{
		"abc  v1.2.3/" + asset,
		sum(content) + "  ../../" + asset,
		sum(content) + "  latest/" + asset,
		sum(content) + "  v1.2.3/waybill-plan9-amd64",
		strings.ToUpper(sum(content)) + "  v1.2.3/" + asset,
	} {
		m := newMachine(t, "curl")
		m.table(line)
		m.fails("no valid line")
	}
	// A mirror cannot be a file or an option of curl.
	for _, url := range []string{"file:///etc", "--output", "ftp://example.org"} {
		m := newMachine(t, "curl")
		m.env["WAYBILL_DOWNLOAD_URL"] = url
		m.fails("begins with neither")
	}
}

func TestConcurrent(t *testing.T) {
	m := newMachine(t, "curl")
	m.env["GITHUB_PATH"], m.env["GITHUB_OUTPUT"] = "", ""
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if said, ok := m.run(); !ok {
				t.Errorf("one of eight failed:\n%s", said)
			}
		})
	}
	wg.Wait()
	if m.read(installed) != string(content) {
		t.Error("what was installed is not whole")
	}
	if left := m.files("cache", "temp"); len(left) != 2 {
		t.Errorf("left %q", left)
	}
}

// TestSource: without a release waybill is built, once for each tree.
func TestSource(t *testing.T) {
	m := newMachine(t)
	m.table()
	m.fails("no Go to build it from source")

	m.tool("go", `echo "$* GOOS=${GOOS-} GOFLAGS=${GOFLAGS-}" >>"$HOME/calls"
case $1 in
  env) echo go1.26.0 ;;
  build) while [ "$1" != -o ]; do shift; done; printf '#!/bin/sh\n' >"$2" ;;
esac`)
	m.env["GOOS"], m.env["GOFLAGS"] = "plan9", "-mod=mod"
	binary, said := m.installs()
	if !regexp.MustCompile(`/cache/waybill/devel-[0-9a-f]{12}/x64/waybill$`).MatchString(binary) || !strings.Contains(said, "::warning title=waybill::No release belongs to this commit") {
		t.Errorf("installed %s:\n%s", binary, said)
	}
	if again, _ := m.installs(); again != binary {
		t.Errorf("installed %s, then %s", binary, again)
	}
	builds := func(want int) {
		t.Helper()
		calls := m.read("calls")
		if strings.Count(calls, "build -trimpath") != want || !strings.Contains(calls, "./cmd/waybill GOOS= GOFLAGS=-gcflags=cold=-l\n") {
			t.Errorf("want %d builds; Go was called so:\n%s", want, calls)
		}
	}
	builds(1)
	m.write(strings.TrimPrefix(binary, m.dir+"/"), "damaged", 0o755)
	m.installs()
	builds(2)
	m.write("action/internal/cli/cli_test.go", "// a test changes nothing\n", 0o644)
	m.installs()
	builds(2)
	m.write("action/internal/cli/cli.go", "// changed\n", 0o644)
	if changed, _ := m.installs(); changed == binary {
		t.Error("another tree has the same binary")
	}
	builds(3)
	m.write("action/scripts/buildflags", "echo '-gcflags=cold=-l -gcflags=other=-l'\n", 0o755)
	m.installs()
	builds(4)

	m = newMachine(t)
	m.table()
	m.tool("go", `[ "$1" = env ] && echo go1.20`)
	m.fails("cannot be built from source with go1.20")
}
