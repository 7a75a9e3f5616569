package ref

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Version is a semantic version (semver.org 2.0.0) with the leading "v" that
// GTO's tags require. The zero value is no version; see IsZero.
type Version struct {
	Major, Minor, Patch uint64
	Pre, Build          string // without "-" and "+"
}

// ParseVersion accepts vMAJOR.MINOR.PATCH[-PRE][+BUILD]. Shortened forms such
// as v1 or 1.0.0 are refused: GTO does not read them.
func ParseVersion(s string) (Version, error) {
	bad := func(why string) (Version, error) {
		return Version{}, fmt.Errorf("version %q: %s; write it like v1.2.3", clip(s), why)
	}
	if len(s) > 128 {
		return bad("longer than 128 characters")
	}
	if !semver.IsValid(s) {
		return bad("not a semantic version")
	}
	var v Version
	v.Build = strings.TrimPrefix(semver.Build(s), "+")
	v.Pre = strings.TrimPrefix(semver.Prerelease(s), "-")
	core := strings.TrimPrefix(s, "v")
	if i := strings.IndexAny(core, "-+"); i >= 0 {
		core = core[:i]
	}
	parts := strings.Split(core, ".")
	if len(parts) != 3 {
		return bad("needs major, minor and patch")
	}
	for i, p := range []*uint64{&v.Major, &v.Minor, &v.Patch} {
		n, err := strconv.ParseUint(parts[i], 10, 63)
		if err != nil {
			return bad("number too large")
		}
		*p = n
	}
	if v.IsZero() {
		return bad("v0.0.0 is no version that anything registers")
	}
	return v, nil
}

// MustVersion is ParseVersion for constants in tests and tables.
func MustVersion(s string) Version {
	v, err := ParseVersion(s)
	if err != nil {
		panic(err)
	}
	return v
}

// String returns the form that ParseVersion accepts, "" for the zero value.
func (v Version) String() string {
	if v.IsZero() {
		return ""
	}
	s := fmt.Sprintf("v%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		s += "-" + v.Pre
	}
	if v.Build != "" {
		s += "+" + v.Build
	}
	return s
}

// IsZero tells whether v is the zero value. v0.0.0 is not a version that
// anything registers, so the two need no telling apart.
func (v Version) IsZero() bool { return v == Version{} }

// Compare orders by semantic version precedence; versions that differ only in
// build metadata are ordered by it, so that the order is total.
func (v Version) Compare(w Version) int {
	if c := semver.Compare(v.String(), w.String()); c != 0 {
		return c
	}
	return strings.Compare(v.Build, w.Build)
}

// NextPatch, NextMinor and NextMajor return the release that follows v. The
// release after a pre-release of x.y.z is x.y.z itself for NextPatch.
func (v Version) NextPatch() Version {
	if v.Pre != "" {
		return Version{Major: v.Major, Minor: v.Minor, Patch: v.Patch}
	}
	return Version{Major: v.Major, Minor: v.Minor, Patch: v.Patch + 1}
}

// NextMinor returns vMAJOR.(MINOR+1).0.
func (v Version) NextMinor() Version { return Version{Major: v.Major, Minor: v.Minor + 1} }

// NextMajor returns v(MAJOR+1).0.0.
func (v Version) NextMajor() Version { return Version{Major: v.Major + 1} }

// OCITag returns the version as an OCI tag, whose alphabet has no "+".
func (v Version) OCITag() string { return strings.ReplaceAll(v.String(), "+", "_") }

// MarshalText and UnmarshalText let versions stand in JSON as strings.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText accepts what ParseVersion accepts, and the empty string.
func (v *Version) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*v = Version{}
		return nil
	}
	parsed, err := ParseVersion(string(b))
	*v = parsed
	return err
}
