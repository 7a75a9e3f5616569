package gitrepo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var configs = []string{
	"",
	"[a]\n\tb = c\n",
	"[a]b=c",
	"[A \"Sub.X\"]\n\tKey-1 = Value # comment\n ; another\n\tkey-1 = \" quoted # \" tail  \n",
	"[a]\r\n\tb = c\r\n\td\r\n",
	"\ufeff[a]\nb = 1\n",
	"[a.B]\nc = d\n[a \"q\\\"uo\\\\te\"]\nc = \"\\t\\n\\b\\\"\\\\\"\n",
	"[a]\nb = one \\\n  two \\\nthree\nc=\n[x]\n[y] z = 1\n",
	"[a]\nb = x;y\nc = \"x;y\" ; z\nd = a  b\t\n",
	"[remote \"origin\"]\n\turl = git@github.com:acme/x.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
	"[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic eDp5\n",
}

// The parser must see what git sees.
func TestConfigLikeGit(t *testing.T) {
	isolate(t)
	for _, text := range configs {
		file := filepath.Join(t.TempDir(), "config")
		write(t, filepath.Dir(file), "config", text)
		got, err := parseConfig([]byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if want := gitConfigList(t, file); want != listing(got) {
			t.Errorf("%q:\n%q\ngit says\n%q", text, listing(got), want)
		}
	}
}

func gitConfigList(t testing.TB, file string) string {
	var lines []string
	for _, entry := range strings.Split(git(t, filepath.Dir(file), "config", "-f", file, "--list", "-z"), "\x00") {
		if key, value, ok := strings.Cut(entry, "\n"); ok {
			lines = append(lines, key+"="+value)
		} else if key != "" {
			lines = append(lines, key+"=true")
		}
	}
	return strings.Join(lines, "\x00")
}

func listing(c config) string {
	var lines []string
	for _, s := range c {
		key := s.section + "." + s.key
		if s.sub != "" {
			key = s.section + "." + s.sub + "." + s.key
		}
		lines = append(lines, key+"="+s.value)
	}
	return strings.Join(lines, "\x00")
}

func TestConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a = b":                "line 1",
		"\n\n[a\n":             "line 3",
		"[a]\nb c\n":           "expected =",
		"[a]\n1b = c\n":        "expected a key",
		"[a]\nb = \"c\n":       "does not end",
		"[a]\nb = \\x\n":       "escape",
		"[a \"b\nc\"]\nd = e":  "does not end",
		"[a \"b\"\nc = d":      "expected ]",
		"[]\na = b":            "without a name",
		"[a]\nb = c\n[d \"e\"": "expected ]",
	} {
		if _, err := parseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestConfigIncludes(t *testing.T) {
	w := newWorld(t)
	home, _ := os.UserHomeDir()
	outside := t.TempDir()
	gitDir := filepath.ToSlash(filepath.Join(w.dir, ".git"))
	write(t, home, ".inc", "[got]\nhome = 1\n")
	write(t, outside, "credentials.config", "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic eDp5\n")
	for name, text := range map[string]string{
		"dir": "[got]\ndir = 1\n", "notdir": "[got]\nnotdir = 1\n", "branch": "[got]\nbranch = 1\n", "other": "[got]\nother = 1\n",
		"loop": "[include]\npath = loop\n[got]\nloop = 1\n", "relative": "[got]\nrelative = 1\nwho = included\n",
	} {
		write(t, filepath.Join(w.dir, ".git"), name, text)
	}
	file := filepath.Join(w.dir, ".git", "config")
	data, _ := os.ReadFile(file)
	text := "[got]\nwho = before\n[include]\npath = ~/.inc\npath = absent\npath = relative\n" +
		"[includeIf \"gitdir:" + gitDir + "\"]\npath = " + filepath.ToSlash(filepath.Join(outside, "credentials.config")) + "\n" +
		"[includeIf \"gitdir:clone/\"]\npath = dir\n[includeIf \"gitdir:/nowhere/\"]\npath = notdir\n" +
		"[includeIf \"onbranch:ma*\"]\npath = branch\n[includeIf \"onbranch:x\"]\npath = other\n[includeIf \"hasconfig:x\"]\npath = other\n" +
		"[includeIf \"gitdir/i:**/CLONE/.git\"]\npath = loop\n"
	if err := os.WriteFile(file, append(data, text...), 0o644); err != nil {
		t.Fatal(err)
	}
	r := open(t, w.dir)
	for key, want := range map[string]string{"home": "1", "relative": "1", "who": "included", "dir": "1", "notdir": "", "branch": "1", "other": "", "loop": "1"} {
		if got := r.config.get("got", "", key); got != want {
			t.Errorf("got.%s = %q, want %q", key, got, want)
		}
	}
	if got := r.config.get("http", "https://github.com/", "extraheader"); got != "AUTHORIZATION: basic eDp5" {
		t.Errorf("extraheader: %q", got)
	}
}

func TestConfigSources(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	home, _ := os.UserHomeDir()
	write(t, dir, "system", "[v]\nk = system\n[s]\nk = 1\n")
	write(t, home, ".gitconfig", "[v]\nk = home\n[h]\nk = 1\n")
	write(t, home, ".config/git/config", "[v]\nk = xdg\n[x]\nk = 1\n")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "")
	t.Setenv("GIT_CONFIG_SYSTEM", filepath.Join(dir, "system"))
	os.Unsetenv("GIT_CONFIG_GLOBAL")
	value := func(section string) string { return open(t, w.dir).config.get(section, "", "k") }
	if got := []string{value("v"), value("s"), value("x"), value("h")}; !slices.Equal(got, []string{"home", "1", "1", "1"}) {
		t.Errorf("system, XDG and home: %q", got)
	}
	git(t, w.dir, "config", "v.k", "local")
	git(t, w.dir, "config", "extensions.worktreeConfig", "true")
	if got := value("v"); got != "local" {
		t.Errorf("local: %q", got)
	}
	git(t, w.dir, "config", "--worktree", "v.k", "worktree")
	if got := value("v"); got != "worktree" {
		t.Errorf("worktree: %q", got)
	}
	t.Setenv("GIT_CONFIG_COUNT", "2")
	t.Setenv("GIT_CONFIG_KEY_0", "V.K")
	t.Setenv("GIT_CONFIG_VALUE_0", "environment")
	t.Setenv("GIT_CONFIG_KEY_1", "v.Sub.Name.k")
	t.Setenv("GIT_CONFIG_VALUE_1", "sub")
	if got := value("v"); got != "environment" || open(t, w.dir).config.get("v", "Sub.Name", "k") != "sub" {
		t.Errorf("environment: %q", got)
	}
	write(t, dir, "broken", "[v\n")
	t.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(dir, "broken"))
	if _, err := Open(w.dir); err == nil || !strings.Contains(err.Error(), "broken: line 1") {
		t.Errorf("a broken file: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	for _, text := range configs {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			return
		}
		for _, s := range c {
			if s.section == "" || s.key == "" || s.section != strings.ToLower(s.section) || s.key != strings.ToLower(s.key) {
				t.Errorf("%q gives %+v", data, s)
			}
		}
		c.rewrite("https://github.com/x", "insteadof")
	})
}
