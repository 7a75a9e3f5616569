package artifact

import (
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// AssignSplits sets the split of each file as the patterns of a say, for
// versions of so many files that their lock does not list them. It goes by the
// names alone; files that no pattern matches get no split.
func AssignSplits(a *manifest.Artifact, files []manifest.File) {
	for i := range files {
		files[i].Split = splitOf(a, files[i].Path)
	}
}

// splitOf is the split of the first pattern that matches p, as Scan finds it.
func splitOf(a *manifest.Artifact, p string) string {
	for _, set := range a.Files {
		for _, pattern := range set.Patterns {
			glob := path.Clean(pattern.Glob)
			literal := !strings.ContainsAny(glob, `*?[{\`)
			switch {
			case literal && (glob == p || glob == "." || strings.HasPrefix(p, glob+"/")):
				return set.Split
			case literal:
				continue
			case strings.HasSuffix(pattern.Glob, "/"):
				glob = path.Join(glob, "**")
			}
			if doublestar.MatchUnvalidated(glob, p) && visible(p, strings.Split(glob, "/")) {
				return set.Split
			}
		}
	}
	return ""
}
