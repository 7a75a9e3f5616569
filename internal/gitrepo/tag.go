package gitrepo

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Signature is who made a tag or a commit.
type Signature struct{ Name, Email string }

// Tag is an annotated tag of a commit. Its object, and so its id, is a pure
// function of these fields: the time zone is +0000, seconds are whole, the
// message ends with exactly one line break, nothing is signed.
type Tag struct {
	Name    string // without refs/tags/
	Target  string // the commit
	Tagger  Signature
	Time    time.Time
	Message string
}

// TagObjectID is the id git gives the tag object, for comparing a projection
// with Advertised.Tags without fetching anything.
func TagObjectID(t Tag) string { return objectID("tag", t.encode()) }

func (t Tag) encode() []byte {
	return fmt.Appendf(nil, "object %s\ntype commit\ntag %s\ntagger %s\n\n%s",
		t.Target, t.Name, t.Tagger.line(t.Time), cleanMessage(t.Message))
}

func (t Tag) check() error {
	if err := checkRefName("refs/tags/" + t.Name); err != nil {
		return fmt.Errorf("tag: %w", err)
	}
	if strings.HasPrefix(t.Name, "-") {
		return fmt.Errorf("tag %q: git accepts no name that begins with a dash", clip(t.Name))
	}
	if !isHash(t.Target) {
		return fmt.Errorf("tag %s: its target %q is not a commit's object name", t.Name, clip(t.Target))
	}
	if t.Time.Unix() < 0 {
		return fmt.Errorf("tag %s: its time lies before 1970", t.Name)
	}
	return nil
}

// line is the "NAME <EMAIL> SECONDS +0000" of tags and commits. Bytes that
// would break the line are dropped as git drops them (ident.c, "crud").
func (s Signature) line(when time.Time) string {
	const crud = " .,:;<>\"\\'\t\n\r\v\f\x00"
	clean := func(v string) string {
		v = strings.Map(func(c rune) rune {
			if c < ' ' || c == 0x7f || c == '<' || c == '>' {
				return -1
			}
			return c
		}, strings.ToValidUTF8(v, ""))
		return strings.Trim(v, crud)
	}
	name, email := clean(s.Name), clean(s.Email)
	if name == "" {
		name = "unknown" // git fsck wants a name
	}
	return fmt.Sprintf("%s <%s> %d +0000", name, email, when.Unix())
}

func cleanMessage(m string) string {
	m = strings.ReplaceAll(strings.ToValidUTF8(m, "\ufffd"), "\x00", "")
	return strings.TrimRight(m, "\n") + "\n"
}

// StoreTags writes the tags into the user's repository, so that `git tag` and
// other readers see them without a fetch. A tag that exists already is left as
// it is, whatever it says; a tag whose commit is not in this clone is left out.
// It goes through the whole list and returns what could not be written.
func (r *Repo) StoreTags(tags []Tag) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stores[0]
	refs, err := s.IterReferences()
	if err != nil {
		return fmt.Errorf("store tags in %s: %w", r.root, err)
	}
	have := map[plumbing.ReferenceName]bool{}
	if err := refs.ForEach(func(ref *plumbing.Reference) error { have[ref.Name()] = true; return nil }); err != nil {
		return fmt.Errorf("store tags in %s: %w", r.root, err)
	}
	var errs []error
	for _, t := range tags {
		name := plumbing.NewTagReferenceName(t.Name)
		if err := t.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		if have[name] || s.HasEncodedObject(plumbing.NewHash(t.Target)) != nil {
			continue
		}
		hash, err := s.SetEncodedObject(memoryObject("tag", t.encode()))
		if err == nil {
			err = s.SetReference(plumbing.NewHashReference(name, hash))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("store tag %s in %s: %w", t.Name, r.root, err))
		}
	}
	return errors.Join(errs...)
}
