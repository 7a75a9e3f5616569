package ref

import (
	"fmt"
	"regexp"
	"strings"
)

// Names of artifacts and stages match this. It is what GTO's tags, OCI
// repositories, cosign and every file system accept alike.
var nameRE = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$`)

// CheckName tells why s cannot be the name of an artifact.
func CheckName(s string) error { return checkName("artifact name", s) }

// CheckStage tells why s cannot be the name of a stage.
func CheckStage(s string) error { return checkName("stage", s) }

// CheckSplit tells why s cannot be the name of a dataset's split.
func CheckSplit(s string) error {
	if !splitRE.MatchString(s) {
		return fmt.Errorf("split %q: use letters, digits, - and _, at most 64", clip(s))
	}
	return nil
}

var splitRE = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)

func checkName(what, s string) error {
	if nameRE.MatchString(s) {
		return nil
	}
	return fmt.Errorf("%s %q: use 2 to 64 lower-case letters, digits and -, beginning and ending with a letter or digit", what, clip(s))
}

// Reference names one state of an artifact:
//
//	NAME  NAME@v1.2.0  NAME#production  NAME@sha256:…  and  …:SPLIT for datasets
//
// At most one of Version, Stage and Digest is set; none means the working
// tree or the newest version, as the verb documents. Digest is a content
// digest.
type Reference struct {
	Name    string
	Version Version
	Stage   string
	Digest  Digest
	Split   string
}

// Parse reads a reference. Errors say what was expected where.
func Parse(s string) (Reference, error) { return parse(s, "") }

// ParseRelative reads a reference inside the manifest of the artifact name,
// where "#stage" or "@version" alone mean that artifact.
func ParseRelative(s, name string) (Reference, error) {
	if strings.HasPrefix(s, "#") || strings.HasPrefix(s, "@") {
		return parse(name+s, s)
	}
	return parse(s, "")
}

// Bare tells whether the reference is a name without version, stage or digest.
func (r Reference) Bare() bool {
	return r.Version.IsZero() && r.Stage == "" && r.Digest == ""
}

// String returns the form that Parse accepts.
func (r Reference) String() string {
	s := r.Name
	switch {
	case r.Digest != "":
		s += "@" + string(r.Digest)
	case !r.Version.IsZero():
		s += "@" + r.Version.String()
	case r.Stage != "":
		s += "#" + r.Stage
	}
	if r.Split != "" {
		s += ":" + r.Split
	}
	return s
}

func parse(s, shown string) (Reference, error) {
	if shown == "" {
		shown = s
	}
	fail := func(err error) (Reference, error) {
		return Reference{}, fmt.Errorf("reference %q: %w", clip(shown), err)
	}
	var r Reference
	rest := s
	if i := strings.IndexAny(s, "@#:"); i >= 0 {
		r.Name, rest = s[:i], s[i:]
	} else {
		r.Name, rest = s, ""
	}
	if err := CheckName(r.Name); err != nil {
		return fail(err)
	}
	switch {
	case strings.HasPrefix(rest, "#"):
		r.Stage, r.Split, _ = strings.Cut(rest[1:], ":")
		if err := CheckStage(r.Stage); err != nil {
			return fail(err)
		}
	case strings.HasPrefix(rest, "@"+digestPrefix):
		d, split, _ := strings.Cut(rest[1+len(digestPrefix):], ":")
		digest, err := ParseDigest(digestPrefix + d)
		if err != nil {
			return fail(err)
		}
		r.Digest, r.Split = digest, split
	case strings.HasPrefix(rest, "@"):
		v, split, _ := strings.Cut(rest[1:], ":")
		version, err := ParseVersion(v)
		if err != nil {
			return fail(err)
		}
		r.Version, r.Split = version, split
	case strings.HasPrefix(rest, ":"):
		r.Split = rest[1:]
	}
	if r.Split != "" || strings.HasSuffix(s, ":") {
		if err := CheckSplit(r.Split); err != nil {
			return fail(err)
		}
	}
	return r, nil
}

// Nearest returns the candidate that differs least from s by edit distance,
// for "did you mean" hints, or "" when nothing is close: more than a third of
// the letters, or more than three of them, differ.
func Nearest(s string, candidates []string) string {
	best, bestDistance := "", min(3, max(1, len(s)/3))+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(s), strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the optimal string alignment distance, cut off at limit.
func distance(a, b string, limit int) int {
	if len(a) > 128 || len(b) > 128 || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	two, one, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(one[j]+1, cur[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], two[j-2]+1)
			}
		}
		two, one, cur = one, cur, two
	}
	return one[len(b)]
}
