package artifact

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// checkPaths tells why files cannot stand together in one folder, on any
// system: a path that is unsafe or reserved, two files of one path where upper
// and lower case are the same, a file where another needs a folder.
func checkPaths(files []manifest.File) error {
	byFold := make(map[string]string, len(files))
	for _, f := range files {
		if err := manifest.CheckPath(f.Path); err != nil {
			return err
		}
		if why := reserved(f.Path); why != "" {
			return fmt.Errorf("path %q: %s", f.Path, why)
		}
		folded := fold(f.Path)
		if other, ok := byFold[folded]; ok {
			if other == f.Path {
				return fmt.Errorf("path %q: is listed twice", f.Path)
			}
			return fmt.Errorf("paths %q and %q: are one file where upper and lower case are the same (Windows, macOS)", other, f.Path)
		}
		byFold[folded] = f.Path
	}
	folder := "" // of the file before: most share theirs
	for _, f := range files {
		folded := fold(f.Path)
		last := strings.LastIndexByte(folded, '/')
		if last < 0 || folded[:last] == folder {
			continue
		}
		folder = folded[:last]
		for i := range last + 1 {
			if folded[i] != '/' {
				continue
			}
			if other, ok := byFold[folded[:i]]; ok {
				return fmt.Errorf("paths %q and %q: one is a file where the other needs a folder", other, f.Path)
			}
		}
	}
	return nil
}

// documents are the names of what waybill itself reads. None is ever a file of
// an artifact: pulling one would replace what the repository's review covers.
var documents = []string{
	manifest.ProjectFile, manifest.ModelFile, manifest.DatasetFile, "model.lock.json", "dataset.lock.json",
}

// reserved tells why p cannot be a file of an artifact though its spelling is
// fine, or "".
func reserved(p string) string {
	folded := fold(p)
	for part := range strings.SplitSeq(folded, "/") {
		if part == ".git" || part == ".waybill" {
			return "reaches into " + part
		}
	}
	base := folded[strings.LastIndex(folded, "/")+1:]
	if slices.Contains(documents, base) {
		return "is the name of a file that waybill reads itself, not of an artifact's content"
	}
	return ""
}

// fold maps strings that differ only in case to one string: each rune becomes
// the smallest of its orbit under Unicode's simple folding.
func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return unicode.ToLower(least)
	}, s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// checkOneSize refuses one digest with two sizes: one of them is a lie.
func checkOneSize(files []manifest.File) error {
	sizes := make(map[ref.Digest]int64, len(files))
	for _, f := range files {
		if size, ok := sizes[f.Digest]; ok && size != f.Size {
			return fmt.Errorf("%q: %s has two sizes, %d and %d", f.Path, f.Digest, size, f.Size)
		}
		sizes[f.Digest] = f.Size
	}
	return nil
}
