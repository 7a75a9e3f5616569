package manifest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// ContentDigest returns the identity of a set of files: the SHA-256 of the
// canonical JSON of [[path, size, sha256, executable], …] sorted by path
// (bytewise). It refuses two files of one path.
func ContentDigest(files []File) (ref.Digest, error) {
	byPath := func(a, b File) int { return strings.Compare(a.Path, b.Path) }
	if !slices.IsSortedFunc(files, byPath) {
		files = slices.Clone(files)
		sorting.By(files, byPath)
	}
	sum := sha256.New()
	buf := []byte{'['}
	for i, f := range files {
		if i > 0 {
			if files[i-1].Path == f.Path {
				return "", fmt.Errorf("content digest: %s is listed twice", f.Path)
			}
			buf = append(buf, ',')
		}
		var err error
		if buf, err = appendRow(buf, f); err != nil {
			return "", err
		}
		if len(buf) > 1<<15 {
			sum.Write(buf)
			buf = buf[:0]
		}
	}
	sum.Write(append(buf, ']'))
	return ref.FromSum(sum.Sum(nil)), nil
}

// appendRow appends the canonical JSON of one file. It writes that of usual
// values itself, which for many files is most of the work there is.
func appendRow(buf []byte, f File) ([]byte, error) {
	const maxExact = 1 << 53 // as JSON numbers go
	if !isPlain(f.Path) || !isPlain(f.Digest.Hex()) || f.Size < 0 || f.Size >= maxExact {
		row, err := canonical.Marshal([4]any{f.Path, f.Size, f.Digest.Hex(), f.Executable})
		return append(buf, row...), err
	}
	buf = append(buf, '[', '"')
	buf = append(buf, f.Path...)
	buf = append(buf, '"', ',')
	buf = strconv.AppendInt(buf, f.Size, 10)
	buf = append(buf, ',', '"')
	buf = append(buf, f.Digest.Hex()...)
	buf = append(buf, '"', ',')
	buf = strconv.AppendBool(buf, f.Executable)
	return append(buf, ']'), nil
}

// isPlain tells whether s stands in JSON as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return false
		}
	}
	return utf8.ValidString(s)
}
