package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
)

// TagKind is what a tag's name says, in GTO's words.
type TagKind string

const (
	TagRegistration TagKind = "registration" // NAME@vX.Y.Z; Removed: deregistration
	TagAssignment   TagKind = "assignment"   // NAME#STAGE; Removed: unassignment
	TagDeprecation  TagKind = "deprecation"  // NAME@deprecated
	TagCreation     TagKind = "creation"     // NAME@created: in the grammar, but GTO fails on it
)

// TagName is the parsed name of a GTO tag.
type TagName struct {
	Kind TagKind
	// Artifact as the tag has it: NAME or, for tags of other tools, DIR=NAME.
	Artifact string
	Version  string // as written, a semantic version; registrations only
	Stage    string // assignments only
	Removed  bool   // the tag ends in "!"
	Counted  bool   // the tag has a counter
	Counter  int64
}

// ParseTag reads the name of a tag as GTO 1.10 does (gto/constants.py):
//
//	tag      = artifact ( ( "#" stage / "@" version ) [ "!" ] / "@deprecated" / "@created" ) [ "#" counter ]
//	artifact = [ dirname "=" ] name
//
// The error says why another tag is not one of GTO's; most tags of a
// repository are not. Counters beyond 18 digits, versions beyond 128
// characters and v0.0.0 are refused, which GTO would read.
func ParseTag(name string) (TagName, error) {
	bad := func(why string) (TagName, error) {
		return TagName{}, fmt.Errorf("tag %q: not a GTO tag: %s", clip(name), why)
	}
	i := strings.IndexAny(name, "@#")
	if i < 0 {
		return bad("it has neither @VERSION nor #STAGE")
	}
	t := TagName{Artifact: name[:i]}
	if !isTagArtifact(t.Artifact) {
		return bad("the artifact's name")
	}
	// The first "#" of an assignment is part of it: m#1 is the stage 1.
	body, counter, counted := strings.Cut(name[i+1:], "#")
	if counted {
		n, err := strconv.ParseUint(counter, 10, 63)
		if err != nil || len(counter) > 18 {
			return bad("the counter")
		}
		t.Counted, t.Counter = true, int64(n)
	}
	plain, removed := strings.CutSuffix(body, "!")
	t.Removed = removed
	switch {
	case name[i] == '#':
		if !isTagWord(plain) {
			return bad("the stage")
		}
		t.Kind, t.Stage = TagAssignment, plain
	case body == "deprecated":
		t.Kind = TagDeprecation
	case body == "created":
		t.Kind = TagCreation
	default:
		if _, err := ref.ParseVersion(plain); err != nil {
			return bad("the version")
		}
		t.Kind, t.Version = TagRegistration, plain
	}
	return t, nil
}

// String returns the tag's name; ParseTag reads it back. Counters lose their
// leading zeros.
func (t TagName) String() string {
	var s strings.Builder
	s.WriteString(t.Artifact)
	switch t.Kind {
	case TagRegistration:
		s.WriteString("@" + t.Version)
	case TagAssignment:
		s.WriteString("#" + t.Stage)
	case TagDeprecation:
		s.WriteString("@deprecated")
	case TagCreation:
		s.WriteString("@created")
	}
	if t.Removed {
		s.WriteByte('!')
	}
	if t.Counted {
		s.WriteString("#" + strconv.FormatInt(t.Counter, 10))
	}
	return s.String()
}

// isTagArtifact matches ([a-zA-Z0-9-_./]+=)? and a word.
func isTagArtifact(s string) bool {
	if dir, name, ok := strings.Cut(s, "="); ok {
		for i := range len(dir) {
			if c := dir[i]; !isAlphanumeric(c) && strings.IndexByte("-_./", c) < 0 {
				return false
			}
		}
		return dir != "" && isTagWord(name)
	}
	return isTagWord(s)
}

// isTagWord matches [a-zA-Z0-9]([a-zA-Z0-9-/_]*[a-zA-Z0-9])?
func isTagWord(s string) bool {
	if s == "" || !isAlphanumeric(s[0]) || !isAlphanumeric(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && strings.IndexByte("-/_", c) < 0 {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
