package deploy

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

var (
	digest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	// reference is what the value of PartRef looks like: a scheme, a name, a
	// digest, and nothing behind.
	reference = regexp.MustCompile(`^(?:[a-z][a-z0-9+.-]*://)?[^\s@]*@sha256:[0-9a-f]{64}$`)
	scheme    = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*)://`)
	// schemes are those behind which a reference of a registry stands:
	// containers' transports, and those of KServe (ParseOciScheme in
	// pkg/utils/storage.go).
	schemes = regexp.MustCompile(`^(oci|docker|oci\+[a-z]+)$`)
)

// partOf tells what a value is that a target names without saying what to
// write.
func (f *file) partOf(n *yaml.Node, key manifest.Key) (string, error) {
	if _, err := ref.ParseDigest(n.Value); err == nil {
		return PartDigest, nil
	}
	if strings.Contains(n.Value, "@sha256:") {
		return PartRef, nil
	}
	if _, _, ok := version(n.Value); ok {
		return PartVersion, nil
	}
	return "", f.failAt(n, "%s is %q, neither a digest nor a reference with one nor a version; say what to write there with value in the target, such as value: \"oci://{ref}\"", key, clip(n.Value))
}

// version reads a version, with or without its v, and returns which.
func version(s string) (v ref.Version, prefix string, ok bool) {
	prefix = "v"
	if !strings.HasPrefix(s, "v") {
		prefix, s = "", "v"+s
	}
	v, err := ref.ParseVersion(s)
	return v, prefix, err == nil
}

// prefix is what of a value stays before a reference.
func (s spot) prefix() (string, error) {
	m := scheme.FindStringSubmatch(s.node.Value)
	if m == nil {
		return "", nil
	}
	if !schemes.MatchString(m[1]) {
		return "", s.file.failAt(s.node, "%s: behind %s:// no reference of a registry stands; write oci:// there once, or name the key in the target with value: \"oci://{ref}\"", s.path, clip(m[1]))
	}
	return m[0], nil
}

// wanted is what the scalar is to say.
func (s spot) wanted(v Value) (string, error) {
	text := s.node.Value
	switch s.part {
	case PartTemplate:
		return s.expand(v)
	case PartDigest:
		return string(v.Digest), nil
	case PartImageDigest:
		return string(v.Image), s.hasImage(v)
	case PartVersion:
		if v.Version.IsZero() {
			return "", s.noVersion(v)
		}
		if _, prefix, ok := version(text); ok && prefix == "" {
			return strings.TrimPrefix(v.Version.String(), "v"), nil
		}
		return v.Version.String(), nil
	}
	prefix, err := s.prefix()
	if err != nil {
		return "", err
	}
	if s.part == PartRepository {
		if strings.Contains(text, "@") {
			return "", s.file.failAt(s.node, "%s is %q, which is more than a repository; mark it with %q instead", s.path, clip(text), v.Artifact+":"+v.Stage+":"+PartRef)
		}
		return prefix + v.Repository, nil
	}
	if strings.Contains(text, "@sha256:") && !reference.MatchString(text) {
		return "", s.file.failAt(s.node, "%s is %q, which has more than a reference with its digest; say what to write with key and value in the target", s.path, clip(text))
	}
	if s.part == PartImage {
		return prefix + v.Repository + "@" + string(v.Image), s.hasImage(v)
	}
	return prefix + v.Repository + "@" + string(v.Digest), nil
}

// hasImage is an error where there is no image to write.
func (s spot) hasImage(v Value) error {
	if v.Image != "" {
		return nil
	}
	what := v.Artifact
	if !v.Version.IsZero() {
		what += " " + v.Version.String()
	}
	return s.file.failAt(s.node, "%s takes the container image, and the ledger records none for %s, as for all versions that were registered without kubernetes: true or by an older waybill: set kubernetes: true in its model.yaml, push, and register a new version", s.path, what)
}

func (s spot) noVersion(v Value) error {
	return s.file.failAt(s.node, "%s takes a version, and %s has none: it is not registered", s.path, v.Artifact)
}

func (s spot) expand(v Value) (string, error) {
	var b strings.Builder
	for _, p := range s.text {
		switch p.Word {
		case "ref":
			b.WriteString(v.Repository + "@" + string(v.Digest))
		case "image", "image-digest":
			if err := s.hasImage(v); err != nil {
				return "", err
			}
			if p.Word == "image" {
				b.WriteString(v.Repository + "@")
			}
			b.WriteString(string(v.Image))
		case "repository":
			b.WriteString(v.Repository)
		case "digest":
			b.WriteString(string(v.Digest))
		case "version", "tag":
			if v.Version.IsZero() {
				return "", s.noVersion(v)
			}
			if p.Word == "tag" {
				b.WriteString(v.Version.OCITag())
			} else {
				b.WriteString(v.Version.String())
			}
		default:
			b.WriteString(p.Text)
		}
	}
	return b.String(), nil
}

// place describes the spot, and reads what its text names.
func (s spot) place() Place {
	p := Place{Path: s.path.String(), Line: s.node.Line, Column: s.node.Column, Part: s.part, Text: s.node.Value}
	if s.part == PartTemplate {
		s.match(&p)
	}
	if s.part == PartVersion {
		p.Version, _, _ = version(p.Text)
	}
	if p.Digest == "" {
		p.Digest = lastDigest(p.Text)
	}
	return p
}

// lastDigest is the last digest that stands in a text by itself.
func lastDigest(s string) ref.Digest {
	found := digest.FindAllStringIndex(s, -1)
	for i := len(found) - 1; i >= 0; i-- {
		start, end := found[i][0], found[i][1]
		if end < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[end]) >= 0 {
			continue
		}
		return ref.Digest(s[start:end])
	}
	return ""
}

// templateWord matches what each word of a template stands for.
var templateWord = map[string]string{
	"ref":          `[^\s@]+@(?P<digest>sha256:[0-9a-f]{64})`,
	"repository":   `[^\s@]+`,
	"digest":       `(?P<digest>sha256:[0-9a-f]{64})`,
	"image":        `[^\s@]+@(?P<digest>sha256:[0-9a-f]{64})`,
	"image-digest": `(?P<digest>sha256:[0-9a-f]{64})`,
	"version":      `(?P<version>v[0-9][^\s@]*)`,
	"tag":          `(?P<version>v[0-9][^\s@]*)`,
}

// match reads the digest and version out of what a template wrote.
func (s spot) match(p *Place) {
	var b strings.Builder
	for _, part := range s.text {
		if part.Word != "" {
			b.WriteString(templateWord[part.Word])
		} else {
			b.WriteString(regexp.QuoteMeta(part.Text))
		}
	}
	// A word may stand there twice; the last one is as good as any.
	re, err := regexp.Compile("^(?:" + b.String() + ")$")
	if err != nil {
		return
	}
	m := re.FindStringSubmatch(p.Text)
	for i, name := range re.SubexpNames() {
		switch {
		case m == nil:
		case name == "digest":
			p.Digest = ref.Digest(m[i])
		case name == "version":
			if v, err := ref.ParseVersion(strings.ReplaceAll(m[i], "_", "+")); err == nil {
				p.Version = v
			}
		}
	}
}
