package action

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/sethvargo/go-githubactions"

	"github.com/waybill-dev/waybill/internal/action/runnertest"
)

// injection is a value that with the delimiter of go-githubactions v1.4.0 comes
// out as three outputs.
const injection = "harmless\n_GitHubActionsFileCommandDelimeter_\napproved=true\nrest<<_GitHubActionsFileCommandDelimeter_\nx"

var values = []string{
	"", "PASS", "two\nlines", "\n", "\n\n", "x\n", "\r", "x\r", "a\r\nb\r\n", "a\rb", "=", "a=b", "k<<EOF\nv\nEOF", "<<", "<<x",
	"waybill_\nadmin=true", "EOF\nadmin=true", injection, "\ufeffx", "\x00", "na\u00efve \u65e5\u672c\u8a9e", "::error::x", "%0A",
	strings.Repeat("y\n", 10_000),
}

func TestUpstreamLetsAValueWriteKeys(t *testing.T) {
	s := newStep(t)
	githubactions.New(githubactions.WithGetenv(s.getenv), githubactions.WithWriter(io.Discard)).SetOutput("title", injection)
	pairs, err := runnertest.ParseFile(s.read(t, "OUTPUT"), false)
	if err != nil || runnertest.Map(pairs)["approved"] != "true" {
		t.Fatalf("go-githubactions writes %v, %v: it no longer lets a value write further keys, and setKey may go", pairs, err)
	}
}

func TestOneKeyComesOut(t *testing.T) {
	for _, windows := range []bool{false, true} {
		for _, value := range values {
			s := newStep(t)
			if windows {
				s.eol = "\r\n"
			}
			for name, set := range map[string]func(string, string) error{"OUTPUT": s.SetOutput, "ENV": s.SetEnv, "STATE": s.SaveState} {
				if name != "OUTPUT" && strings.Contains(value, "\x00") {
					continue
				}
				if err := set("WAYBILL_TITLE", value); err != nil {
					t.Errorf("%s %.40q: %v", name, value, err)
				}
				pairs, err := runnertest.ParseFile(s.read(t, name), windows)
				if err != nil || len(pairs) != 1 || pairs[0] != (runnertest.Pair{Key: "WAYBILL_TITLE", Value: value}) {
					t.Errorf("windows %v, %s %.40q: the runner reads %.200q, %v", windows, name, value, pairs, err)
				}
			}
		}
	}
}

func TestKeyAfterAnOpenLine(t *testing.T) {
	s := newStep(t)
	s.write(t, "OUTPUT", "theirs=1")
	if err := s.SetOutput("ours", "2"); err != nil {
		t.Fatal(err)
	}
	pairs, err := runnertest.ParseFile(s.read(t, "OUTPUT"), false)
	if got := runnertest.Map(pairs); err != nil || len(got) != 2 || got["theirs"] != "1" || got["ours"] != "2" {
		t.Fatalf("got %v, %v", pairs, err)
	}
}

func TestDelimiterInValue(t *testing.T) {
	s := newStep(t)
	tokens := []string{"GUESSED", "GUESSED", "FRESH"}
	s.random = func() string { next := tokens[0]; tokens = tokens[1:]; return next }
	value := "x\nwaybill_GUESSED\nadmin=true"
	if err := s.SetOutput("title", value); err != nil {
		t.Fatal(err)
	}
	pairs, err := runnertest.ParseFile(s.read(t, "OUTPUT"), false)
	if err != nil || len(pairs) != 1 || pairs[0].Value != value {
		t.Fatalf("got %q, %v", pairs, err)
	}
	s.random = func() string { return "GUESSED" }
	if err := s.SetOutput("title", value); err == nil {
		t.Fatal("a value with every delimiter was written")
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		key         string
		output, env bool
	}{
		{"verdict", true, false}, {"comment-url", true, false}, {"_x", true, false}, {"WAYBILL_REPORT_PATH", true, true},
		{"WAYBILL_", true, false}, {"XWAYBILL_X", true, false}, {"WAYBILL_A\nPATH", false, false}, {"HTTPS_PROXY", true, false},
		{"", false, false}, {"a=b", false, false}, {"a<<b", false, false}, {"a\nb", false, false}, {"a\n", false, false},
		{"1a", false, false}, {"a b", false, false}, {"\ufeffa", false, false}, {strings.Repeat("a", 101), false, false},
		{"NODE_OPTIONS", true, false}, {"node_options", true, false}, {"PATH", true, false}, {"Path", true, false}, {"PYTHONPATH", true, false},
		{"GITHUB_TOKEN", true, false}, {"RUNNER_TEMP", true, false}, {"ACTIONS_CACHE_URL", true, false}, {"LD_PRELOAD", true, false},
		{"BASH_ENV", true, false}, {"GIT_SSH_COMMAND", true, false}, {"HOME", true, false},
	} {
		s := newStep(t)
		if err := s.SetOutput(c.key, "v"); (err == nil) != c.output {
			t.Errorf("SetOutput %.40q: %v", c.key, err)
		}
		if err := s.SaveState(c.key, "v"); (err == nil) != c.output {
			t.Errorf("SaveState %.40q: %v", c.key, err)
		}
		if err := s.SetEnv(c.key, "v"); (err == nil) != c.env {
			t.Errorf("SetEnv %.40q: %v", c.key, err)
		}
		if !c.output && len(s.read(t, "OUTPUT"))+len(s.read(t, "STATE")) > 0 || !c.env && len(s.read(t, "ENV")) > 0 {
			t.Errorf("%.40q was refused and written", c.key)
		}
	}
}

func TestValuesThatFitNowhere(t *testing.T) {
	s := newStep(t)
	if err := s.SetOutput("big", strings.Repeat("x", outputLimit/2)); err != nil {
		t.Error(err)
	}
	if err := s.SetOutput("big", strings.Repeat("x", outputLimit/2+1)); err == nil {
		t.Error("an output of more than 1 MB was written")
	}
	for _, value := range []string{"a\x00b", strings.Repeat("x", envLimit+1)} {
		if s.SetEnv("WAYBILL_V", value) == nil || s.SaveState("V", value) == nil {
			t.Errorf("%.10q was written", value)
		}
	}
}

func TestAddPath(t *testing.T) {
	s := newStep(t)
	dir := filepath.Join(s.dir, "a folder")
	if err := s.AddPath(dir); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "bin", dir + "\n/evil", dir + "\r/evil", dir + string(os.PathListSeparator) + "/evil", dir + "\x00", dir + "\xff"} {
		if err := s.AddPath(bad); err == nil {
			t.Errorf("%q was added", bad)
		}
	}
	if got := runnertest.ParsePath(s.read(t, "PATH")); len(got) != 1 || got[0] != dir {
		t.Fatalf("got %q", got)
	}
}

// TestFilesThatCannotBeWritten: an error that names the variable, no panic.
func TestFilesThatCannotBeWritten(t *testing.T) {
	for _, file := range []string{"", filepath.Join(t.TempDir(), "no", "such", "folder"), t.TempDir()} {
		s := newStep(t)
		for _, name := range []string{"OUTPUT", "ENV", "STATE", "PATH", "STEP_SUMMARY"} {
			s.env["GITHUB_"+name] = file
		}
		for name, err := range map[string]error{
			"GITHUB_OUTPUT": s.SetOutput("k", "v"), "GITHUB_ENV": s.SetEnv("WAYBILL_K", "v"), "GITHUB_STATE": s.SaveState("k", "v"),
			"GITHUB_PATH": s.AddPath(s.dir), "GITHUB_STEP_SUMMARY": s.AddSummary("x"),
		} {
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("file %q: got %v, want an error that names %s", file, err, name)
			}
		}
	}
}

func TestOnALaptop(t *testing.T) {
	s := newStep(t)
	delete(s.env, "GITHUB_ACTIONS")
	for _, err := range []error{s.SetOutput("k", "v"), s.SetEnv("WAYBILL_K", "v"), s.SaveState("k", "v"), s.AddPath(s.dir), s.AddSummary("x"),
		s.Artifacts("example.com/m@sha256:" + strings.Repeat("a", 64))} {
		if err != nil {
			t.Error(err)
		}
	}
	s.Mask("secret")
	s.Debug("detail")
	s.Annotate(findings(3))
	s.Group("Push sentiment")()
	s.Warning("no\x1b[2Jforge")
	if got, want := s.out.String(), "Push sentiment\nwarning: no\ufffd[2Jforge\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, name := range []string{"OUTPUT", "ENV", "STATE", "PATH", "STEP_SUMMARY", "ARTIFACTS"} {
		if data := s.read(t, name); len(data) > 0 {
			t.Errorf("%s has %q", name, data)
		}
	}
	if err := s.SetOutput("a=b", "v"); err == nil {
		t.Error("a bad key goes unseen on a laptop")
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newStep(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			w, err := s.Untrusted(s.out)
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(w, "::error::forged\n")
			if err := s.SetOutput(fmt.Sprintf("key%d", i), "a\nb"); err != nil {
				t.Error(err)
			}
			s.Notice("ours")
			w.Close()
		})
	}
	wg.Wait()
	pairs, err := runnertest.ParseFile(s.read(t, "OUTPUT"), false)
	if got := runnertest.Map(pairs); err != nil || len(got) != 20 || got["key7"] != "a\nb" {
		t.Errorf("the runner reads %q, %v", pairs, err)
	}
	if got := s.stdout(); len(got.Commands) != 20 || got.Stopped {
		t.Errorf("the runner reads %+v", got)
	}
}

func FuzzSetOutput(f *testing.F) {
	for _, v := range values {
		f.Add("title", v, "", false)
	}
	f.Add("a=b", "v", "open line", true)
	f.Add("bytes", "\xff\xfe\xed\xa0\x80", "A=1", false)
	f.Fuzz(func(t *testing.T, key, value, before string, windows bool) {
		s := newStep(t)
		if windows {
			s.eol = "\r\n"
		}
		s.write(t, "OUTPUT", before)
		had, broken := runnertest.ParseFile([]byte(before), windows)
		err := s.SetOutput(key, value)
		got, parseErr := runnertest.ParseFile(s.read(t, "OUTPUT"), windows)
		if broken != nil {
			return // what others left fails the step by itself
		}
		if err != nil {
			if len(got) != len(had) {
				t.Fatalf("refused (%v) and written: %q", err, got)
			}
			return
		}
		if utf8.ValidString(before) && !utf8.Valid(s.read(t, "OUTPUT")) {
			t.Fatal("the file is not UTF-8; what the runner makes of it is anybody's guess")
		}
		want := runnertest.Pair{Key: key, Value: strings.ToValidUTF8(value, "\ufffd")}
		if parseErr != nil || len(got) != len(had)+1 || got[len(had)] != want {
			t.Fatalf("the runner reads %q, %v; want %q after %q", got, parseErr, want, had)
		}
	})
}

func FuzzClip(f *testing.F) {
	f.Add("a\U0001f600b", 2)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 1 {
			return
		}
		if got := clip(s, limit); utf16Len(got) > limit || !utf8.ValidString(got) {
			t.Fatalf("clip to %d: %q", limit, got)
		}
	})
}
