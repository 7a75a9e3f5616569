package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a key and of a template.
const (
	maxKeyLength = 1024
	maxKeyParts  = 64
	maxTemplate  = 1024
	maxListIndex = 999_999
)

// Key is the path to a value in a YAML or JSON file.
type Key []KeyPart

// KeyPart is one step of a Key: into a mapping by Name, or, where List is set,
// into a list.
type KeyPart struct {
	Name string
	List bool
	// Index is which element, from 0, unless Field is given: then it is the one
	// element, a mapping, whose Field is Is.
	Index     int
	Field, Is string
}

// plainKeyPart is what needs no quotes in a key. Kubernetes' own names
// (storageUri, app.kubernetes.io/version but for its dots) are of it.
var plainKeyPart = regexp.MustCompile(`^[\pL\pN_/@:+~$-]+$`)

// ParseKey reads names with dots between them, elements of lists in brackets,
// and names that have dots themselves in quotes:
//
//	spec.predictor.model.storageUri
//	images[0].digest
//	images[name=sentiment].digest
//	metadata.annotations."example.com/version"
func ParseKey(s string) (Key, error) {
	if s == "" || len(s) > maxKeyLength {
		return nil, fmt.Errorf("a key has 1 to %d characters, not %d", maxKeyLength, len(s))
	}
	p := keyParser{rest: s, whole: s}
	var k Key
	for p.rest != "" {
		part, err := p.part(len(k) == 0)
		if err != nil {
			return nil, err
		}
		if k = append(k, part); len(k) > maxKeyParts {
			return nil, fmt.Errorf("a key of more than %d parts", maxKeyParts)
		}
	}
	return k, nil
}

type keyParser struct{ rest, whole string }

func (p *keyParser) fail(format string, args ...any) error {
	return fmt.Errorf("key %q: %s at character %d", clip(p.whole), fmt.Sprintf(format, args...), utf8.RuneCountInString(p.whole[:len(p.whole)-len(p.rest)])+1)
}

func (p *keyParser) part(first bool) (KeyPart, error) {
	if strings.HasPrefix(p.rest, "[") {
		return p.element()
	}
	if !first {
		after, ok := strings.CutPrefix(p.rest, ".")
		if !ok {
			return KeyPart{}, p.fail("expected . or [")
		}
		p.rest = after
	}
	name, err := p.word(".[")
	return KeyPart{Name: name}, err
}

// word reads a name, in quotes or up to one of the characters of end.
func (p *keyParser) word(end string) (string, error) {
	if strings.HasPrefix(p.rest, `"`) {
		quoted, err := strconv.QuotedPrefix(p.rest)
		if err != nil {
			return "", p.fail("a quote that is not closed")
		}
		word, err := strconv.Unquote(quoted)
		if err != nil || word == "" || strings.ContainsFunc(word, isControl) || !utf8.ValidString(word) {
			return "", p.fail("a name that is empty or not text")
		}
		p.rest = p.rest[len(quoted):]
		return word, nil
	}
	i := strings.IndexAny(p.rest, end)
	if i < 0 {
		i = len(p.rest)
	}
	word := p.rest[:i]
	if word == "" {
		return "", p.fail("a name is missing")
	}
	if !plainKeyPart.MatchString(word) {
		return "", p.fail("%q needs quotes, as in metadata.annotations.\"example.com/version\",", clip(word))
	}
	p.rest = p.rest[i:]
	return word, nil
}

// element reads [N] or [FIELD=VALUE].
func (p *keyParser) element() (KeyPart, error) {
	p.rest = p.rest[1:]
	if i := strings.IndexFunc(p.rest, func(r rune) bool { return r < '0' || r > '9' }); i > 0 && p.rest[i] == ']' {
		n, err := strconv.Atoi(p.rest[:i])
		if err != nil || n > maxListIndex || strconv.Itoa(n) != p.rest[:i] {
			return KeyPart{}, p.fail("%q is no index of a list", clip(p.rest[:i]))
		}
		p.rest = p.rest[i+1:]
		return KeyPart{List: true, Index: n}, nil
	}
	field, err := p.word("=]")
	if err != nil {
		return KeyPart{}, err
	}
	after, ok := strings.CutPrefix(p.rest, "=")
	if !ok {
		return KeyPart{}, p.fail("expected =: an element is written [0] or [name=sentiment],")
	}
	p.rest = after
	value, err := p.is()
	if err != nil {
		return KeyPart{}, err
	}
	return KeyPart{List: true, Field: field, Is: value}, nil
}

// is reads VALUE] of an element; a value may have dots without quotes.
func (p *keyParser) is() (string, error) {
	var is string
	if strings.HasPrefix(p.rest, `"`) {
		var err error
		if is, err = p.word("]"); err != nil {
			return "", err
		}
	} else {
		i := strings.IndexByte(p.rest, ']')
		if i < 1 || !plainKeyPart.MatchString(strings.ReplaceAll(p.rest[:i], ".", "_")) {
			return "", p.fail("expected a value and ], such as [name=sentiment],")
		}
		is, p.rest = p.rest[:i], p.rest[i:]
	}
	after, ok := strings.CutPrefix(p.rest, "]")
	if !ok {
		return "", p.fail("expected ]")
	}
	p.rest = after
	return is, nil
}

// String is the key as ParseKey reads it.
func (k Key) String() string {
	var b strings.Builder
	for i, part := range k {
		switch {
		case part.List && part.Field == "":
			fmt.Fprintf(&b, "[%d]", part.Index)
		case part.List:
			is := part.Is
			if !plainKeyPart.MatchString(strings.ReplaceAll(is, ".", "_")) {
				is = strconv.Quote(is)
			}
			fmt.Fprintf(&b, "[%s=%s]", keyWord(part.Field), is)
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(keyWord(part.Name))
		}
	}
	return b.String()
}

func keyWord(s string) string {
	if plainKeyPart.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// TemplateWords are the words of a template, in braces: {ref} is
// REPOSITORY@DIGEST, {image} the same of the container image that push makes with
// kubernetes: true, {tag} the version as a tag of the registry.
var TemplateWords = []string{"ref", "repository", "digest", "image", "image-digest", "version", "tag"}

// TemplatePart is text, or the word that stands for it.
type TemplatePart struct{ Text, Word string }

// ParseTemplate reads a value to be written: text with words in braces, at
// least one, such as oci://{ref}.
func ParseTemplate(s string) ([]TemplatePart, error) {
	bad := func(why string, args ...any) ([]TemplatePart, error) {
		return nil, fmt.Errorf("value %q: %s; its words are {%s}", clip(s), fmt.Sprintf(why, args...), strings.Join(TemplateWords, "}, {"))
	}
	switch {
	case len(s) > maxTemplate:
		return bad("longer than %d characters", maxTemplate)
	case !utf8.ValidString(s), strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return bad("a character that cannot be seen")
	}
	var parts []TemplatePart
	words := 0
	for rest := s; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i != 0 {
			if i < 0 {
				i = len(rest)
			}
			parts, rest = append(parts, TemplatePart{Text: rest[:i]}), rest[i:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if end < 2 || !slices.Contains(TemplateWords, rest[1:end]) {
			return bad("a brace that belongs to no word")
		}
		parts, rest = append(parts, TemplatePart{Word: rest[1:end]}), rest[end+1:]
		words++
	}
	if words == 0 {
		return bad("it would always write the same")
	}
	return parts, nil
}
