package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

const (
	maxConfigBytes  = 4 << 20
	maxIncludeDepth = 10 // as git has it
	maxEnvConfig    = 1000
)

// setting is one line of a Git configuration. Section and key are lower case,
// the subsection is kept as written.
type setting struct{ section, sub, key, value string }

// config is every setting that git itself would see here, weakest first:
// system, global, local, worktree, environment, with includes in place.
//
// It is read here and not through go-git, which knows neither include and
// includeIf (where actions/checkout keeps its credentials) nor the
// GIT_CONFIG_* variables.
type config []setting

func (c config) get(section, sub, key string) string {
	for i := len(c) - 1; i >= 0; i-- {
		if s := c[i]; s.section == section && s.sub == sub && s.key == key {
			return s.value
		}
	}
	return ""
}

func (c config) truth(section, sub, key string) bool {
	switch strings.ToLower(c.get(section, sub, key)) {
	case "true", "yes", "on", "1":
		return true
	}
	return false
}

// subsections lists the distinct names NAME of [section "NAME"] that have key,
// in order of appearance.
func (c config) subsections(section, key string) []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range c {
		if s.section == section && s.key == key && s.sub != "" && !seen[s.sub] {
			seen[s.sub] = true
			names = append(names, s.sub)
		}
	}
	return names
}

// rewrite applies url.<base>.<key> (insteadOf, pushInsteadOf): the longest
// matching prefix wins. Not found returns url itself and false.
func (c config) rewrite(url, key string) (string, bool) {
	best, base := "", ""
	for _, s := range c {
		if s.section == "url" && s.key == key && s.value != "" && len(s.value) > len(best) && strings.HasPrefix(url, s.value) {
			best, base = s.value, s.sub
		}
	}
	if best == "" {
		return url, false
	}
	return base + url[len(best):], true
}

// loadConfig reads the configuration of a repository. gitDir is the worktree's
// own folder, commonDir the shared one, branch the current branch or "".
func loadConfig(gitDir, commonDir, branch string) (config, error) {
	l := &configLoader{gitDir: gitDir, branch: branch}
	for _, file := range systemAndGlobalConfig() {
		if err := l.file(file, 0); err != nil {
			return nil, err
		}
	}
	if err := l.file(filepath.Join(commonDir, "config"), 0); err != nil {
		return nil, err
	}
	if l.config.truth("extensions", "", "worktreeconfig") {
		if err := l.file(filepath.Join(gitDir, "config.worktree"), 0); err != nil {
			return nil, err
		}
	}
	return append(l.config, environmentConfig()...), nil
}

func systemAndGlobalConfig() []string {
	var files []string
	if no, _ := strconv.ParseBool(os.Getenv("GIT_CONFIG_NOSYSTEM")); !no {
		if p, ok := os.LookupEnv("GIT_CONFIG_SYSTEM"); ok {
			files = append(files, p)
		} else if runtime.GOOS != "windows" {
			files = append(files, "/etc/gitconfig")
		}
	}
	if p, ok := os.LookupEnv("GIT_CONFIG_GLOBAL"); ok {
		return append(files, p)
	}
	home, _ := os.UserHomeDir()
	if xdg := os.Getenv("XDG_CONFIG_HOME"); xdg != "" {
		files = append(files, filepath.Join(xdg, "git", "config"))
	} else if home != "" {
		files = append(files, filepath.Join(home, ".config", "git", "config"))
	}
	if home != "" {
		files = append(files, filepath.Join(home, ".gitconfig"))
	}
	return files
}

// environmentConfig reads GIT_CONFIG_COUNT, GIT_CONFIG_KEY_n, GIT_CONFIG_VALUE_n.
func environmentConfig() config {
	n, _ := strconv.Atoi(os.Getenv("GIT_CONFIG_COUNT"))
	var c config
	for i := range min(max(n, 0), maxEnvConfig) {
		full := os.Getenv("GIT_CONFIG_KEY_" + strconv.Itoa(i))
		first, last := strings.Index(full, "."), strings.LastIndex(full, ".")
		if first < 0 {
			continue
		}
		s := setting{section: strings.ToLower(full[:first]), key: strings.ToLower(full[last+1:]), value: os.Getenv("GIT_CONFIG_VALUE_" + strconv.Itoa(i))}
		if last > first {
			s.sub = full[first+1 : last]
		}
		c = append(c, s)
	}
	return c
}

type configLoader struct {
	config
	gitDir, branch string
}

// file appends the settings of one file; a file that is not there is empty.
func (l *configLoader) file(path string, depth int) error {
	if path == "" || depth > maxIncludeDepth {
		return nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the Git configuration: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return fmt.Errorf("read the Git configuration: %w", err)
	}
	if len(data) > maxConfigBytes {
		return fmt.Errorf("read the Git configuration %s: larger than %d bytes", path, maxConfigBytes)
	}
	settings, err := parseConfig(data)
	if err != nil {
		return fmt.Errorf("read the Git configuration %s: %w", path, err)
	}
	for _, s := range settings {
		l.config = append(l.config, s)
		if s.key != "path" || !(s.section == "include" || s.section == "includeif" && l.applies(s.sub, path)) {
			continue
		}
		included := expandHome(s.value)
		if !filepath.IsAbs(included) {
			included = filepath.Join(filepath.Dir(path), included)
		}
		if err := l.file(included, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// applies decides the condition of [includeIf "condition"], as git-config(1)
// describes under "Conditional includes". Conditions it does not know are false.
func (l *configLoader) applies(condition, file string) bool {
	kind, pattern, ok := strings.Cut(condition, ":")
	if !ok {
		return false
	}
	switch kind {
	case "gitdir", "gitdir/i":
		pattern = filepath.ToSlash(expandHome(pattern))
		if rest, ok := strings.CutPrefix(pattern, "./"); ok {
			pattern = filepath.ToSlash(filepath.Dir(file)) + "/" + rest
		} else if !filepath.IsAbs(filepath.FromSlash(pattern)) {
			pattern = "**/" + pattern
		}
		if strings.HasSuffix(pattern, "/") {
			pattern += "**"
		}
		dirs := []string{l.gitDir}
		if real, err := filepath.EvalSymlinks(l.gitDir); err == nil {
			dirs = append(dirs, real)
		}
		for _, dir := range dirs {
			dir = filepath.ToSlash(dir)
			if kind == "gitdir/i" {
				dir, pattern = strings.ToLower(dir), strings.ToLower(pattern)
			}
			if ok, _ := doublestar.Match(pattern, dir); ok {
				return true
			}
		}
	case "onbranch":
		if strings.HasSuffix(pattern, "/") {
			pattern += "**"
		}
		ok, _ := doublestar.Match(pattern, l.branch)
		return ok && l.branch != ""
	}
	return false
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, filepath.FromSlash(rest))
		}
	}
	return path
}
