package manifest

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

const maxPathLength = 1024

// leaving matches ".." as a part of a path or as a branch of {a,b}.
var leaving = regexp.MustCompile(`(^|[/{,])\.\.($|[/},])`)

// cleanPath checks what every path in a manifest must fulfil and returns it
// without a leading "./". glob allows *, ?, […], {…}.
func cleanPath(p string, glob bool) (string, error) {
	bad := func(why string) (string, error) { return "", fmt.Errorf("path %q: %s", clip(p), why) }
	switch {
	case len(p) > maxPathLength:
		return bad(fmt.Sprintf("is longer than %d bytes", maxPathLength))
	case strings.Contains(p, `\`):
		return bad(`has a \; write / between folders, on every system`)
	case len(p) > 1 && p[1] == ':':
		return bad("begins with a drive; write it relative to this file")
	}
	clean := strings.TrimLeft(p, " ")
	if clean != p || strings.TrimRight(p, " ") != p {
		return bad("begins or ends with a space")
	}
	for strings.HasPrefix(clean, "./") {
		clean = clean[2:]
	}
	if !glob {
		return clean, nil
	}
	if !doublestar.ValidatePattern(clean) {
		return bad("is not a valid glob: a [ or { is not closed, or nothing follows a \\")
	}
	if strings.ContainsFunc(clean, isControl) {
		return bad("has a control character")
	}
	rest := strings.TrimPrefix(clean, "/")
	for part := range strings.SplitSeq(rest, "/") {
		switch {
		case part == "" || part == ".":
			return bad("is not clean: remove what stands between two / or after the last")
		case strings.EqualFold(part, ".git"):
			return bad("reaches into .git")
		}
	}
	return clean, nil
}

// checkArtifactGlob checks one entry of files:. Locks hold paths relative to the
// manifest's folder, so these must not leave it.
func checkArtifactGlob(p string) (string, error) {
	clean, err := cleanPath(p, true)
	switch {
	case err != nil:
		return "", err
	case strings.HasPrefix(clean, "/"):
		return "", fmt.Errorf("path %q: files of an artifact stand in the folder of its manifest or below; write the path relative to it", clip(p))
	case leaving.MatchString(clean):
		return "", fmt.Errorf("path %q: files of an artifact stand in the folder of its manifest or below, and .. leaves it", clip(p))
	}
	return clean, nil
}

// checkRepositoryGlob checks a path or glob that may point anywhere into the
// repository: dir is the manifest's folder.
func checkRepositoryGlob(dir, p string) (string, error) {
	clean, err := cleanPath(p, true)
	if err != nil {
		return "", err
	}
	// Braces could hide a .. that path.Join does not see.
	if strings.ContainsAny(clean, "{") && leaving.MatchString(clean) {
		return "", fmt.Errorf("path %q: .. does not go together with {}", clip(p))
	}
	if outside(dir, clean) {
		return "", fmt.Errorf("path %q: leaves the repository", clip(p))
	}
	return clean, nil
}

// checkRepositoryPath checks the path of one file anywhere in the repository.
func checkRepositoryPath(dir, p string) (string, error) {
	clean, err := cleanPath(p, false)
	if err != nil {
		return "", err
	}
	if outside(dir, clean) {
		return "", fmt.Errorf("path %q: leaves the repository", clip(p))
	}
	rest := strings.TrimPrefix(clean, "/")
	if rest == clean {
		rest = path.Join(dir, clean)
	}
	if err := CheckPath(rest); err != nil {
		return "", err
	}
	return clean, nil
}

// outside tells whether p, written in a manifest in dir, leaves the root.
func outside(dir, p string) bool {
	joined := path.Join(dir, p)
	if rest, ok := strings.CutPrefix(p, "/"); ok {
		joined = path.Clean(rest)
	}
	return joined == ".." || strings.HasPrefix(joined, "../") || strings.HasPrefix(joined, "/")
}

// CheckPath tells why p cannot be the path of an artifact's file: it must be
// relative, slash-separated, clean, valid on Windows as well, and stay inside.
func CheckPath(p string) error {
	bad := func(why string) error { return fmt.Errorf("path %q: %s", clip(p), why) }
	switch {
	case p == "" || p == ".":
		return bad("is empty")
	case len(p) > 1024:
		return bad("is longer than 1024 bytes")
	case strings.HasPrefix(p, "/"):
		return bad("is absolute")
	case strings.ContainsAny(p, "\\:*?\"<>|"):
		return bad(`has one of \ : * ? " < > |, which not every system can store`)
	}
	for _, r := range p {
		if r < 0x20 || r == 0x7f || r == '\uFFFD' {
			return bad("has a control character or is not UTF-8")
		}
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "" || part == ".":
			return bad("is not clean")
		case part == "..":
			return bad("leaves its folder")
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
			return bad("has a part that ends in a dot or space, which Windows drops")
		case reservedOnWindows[strings.ToLower(strings.SplitN(part, ".", 2)[0])]:
			return bad("has a part that is a device name on Windows")
		case strings.EqualFold(part, ".git") || strings.EqualFold(part, "git~1"): // the latter is its short name on NTFS
			return bad("reaches into .git")
		}
	}
	return nil
}

var reservedOnWindows = func() map[string]bool {
	m := map[string]bool{"con": true, "prn": true, "aux": true, "nul": true}
	for _, d := range "123456789" {
		m["com"+string(d)], m["lpt"+string(d)] = true, true
	}
	return m
}()
