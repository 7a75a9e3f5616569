package deploy

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// A marker comment stands behind the value it means, as those of Flux do
// (fluxcd/image-automation-controller, internal/update/setters.go):
//
//	storageUri: oci://… # {"$waybill": "sentiment:production:ref"}
var (
	markerWord = []byte(`"$waybill"`)
	marker     = regexp.MustCompile(`\{[ \t]*"\$waybill"[ \t]*:[ \t]*"([^"\\]*)"[ \t]*\}`)
)

// parts are what a marker can name.
var parts = []string{PartRef, PartDigest, PartImage, PartImageDigest, PartVersion, PartRepository}

// markers finds the values that markers name for an artifact in a stage.
func (f *file) markers(artifact, stage string) ([]spot, error) {
	if f.offsets != nil {
		return nil, f.fail(0, 0, "JSON has no comments, so no markers; name a key in the target")
	}
	lines := f.markedLines()
	f.onLines(lines)
	want := artifact + ":" + stage + ":"
	var spots []spot
	var others []string
	for _, l := range lines {
		comment := f.comment(l)
		if comment == nil {
			if m := marker.FindSubmatch(f.data[l.start : l.start+len(f.rest(l.start))]); m != nil && strings.HasPrefix(string(m[1]), want) {
				return nil, f.misplaced(l)
			}
			continue
		}
		part, other, err := f.readMarker(l, comment, want)
		if err != nil {
			return nil, err
		}
		others = append(others, other...)
		if part == "" {
			continue
		}
		path := keyOf(l.steps)
		if err := f.refuse(l.steps, path); err != nil {
			return nil, err
		}
		spots = append(spots, spot{file: f, node: at(l.steps), path: path, part: part})
	}
	if len(spots) == 0 {
		return nil, f.fail(0, 0, "no marker for %s:%s; %s; put # {\"$waybill\": %q} behind the value to write, or name a key in the target", artifact, stage, choose(artifact+":"+stage, others), want+PartRef)
	}
	return spots, nil
}

// marked is a line with the word of a marker, and the last value that begins in
// it, if there is one.
type marked struct {
	line, start int
	steps       []step
}

// markedLines finds the lines that may have a marker. Lines that are nothing
// but a comment are none: somebody commented them out, or explains.
func (f *file) markedLines() []*marked {
	var found []*marked
	for i := 0; ; {
		j := bytes.Index(f.data[i:], markerWord)
		if j < 0 {
			return found
		}
		line := f.line(i + j)
		start := f.lines[line-1]
		rest := f.rest(start)
		if !bytes.HasPrefix(bytes.TrimLeft(rest, " \t"), []byte("#")) {
			found = append(found, &marked{line: line, start: start})
		}
		i = start + max(len(rest), i+j+len(markerWord)-start)
	}
}

// onLines gives each line the last value that begins there.
func (f *file) onLines(lines []*marked) {
	byLine := make(map[int]*marked, len(lines))
	for _, l := range lines {
		byLine[l.line] = l
	}
	var walk func(n *yaml.Node, steps []step)
	walk = func(n *yaml.Node, steps []step) {
		if n.Kind == yaml.ScalarNode || n.Kind == yaml.AliasNode {
			if l := byLine[n.Line]; l != nil && len(steps) > 0 {
				l.steps = slices.Clone(steps)
			}
			return
		}
		for i := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				continue
			}
			walk(n.Content[i], append(steps, step{parent: n, i: i}))
		}
	}
	if len(lines) > 0 {
		for _, root := range f.docs {
			walk(root, nil)
		}
	}
}

// behind matches what stands between a value and its comment.
var behind = regexp.MustCompile(`^[ \t]+#`)

// blockHeader matches the beginning of a block scalar.
var blockHeader = regexp.MustCompile(`^[|>][-+0-9]*`)

// comment returns the comment right behind the last value of a line, or nil if
// there is none or the marker is not in it.
func (f *file) comment(l *marked) []byte {
	if l.steps == nil {
		return nil
	}
	n := at(l.steps)
	start, ok := f.offset(n)
	if !ok {
		start = l.start + len(f.rest(l.start)) // an empty value at the very end
	}
	rest := f.rest(start)
	switch {
	case n.Kind == yaml.AliasNode:
		rest = rest[min(1+len(n.Value), len(rest)):]
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		rest = rest[len(blockHeader.Find(rest)):]
	case n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 || n.Tag == "!!null":
		// refuse says so; where the value ends does not matter
		i := bytes.Index(rest, []byte("#"))
		if i < 0 {
			return nil
		}
		rest = append([]byte(" "), rest[i:]...)
	default:
		_, end, err := f.token(n)
		if err != nil {
			return nil
		}
		rest = f.rest(end)
	}
	if !behind.Match(rest) || !bytes.Contains(rest, markerWord) {
		return nil
	}
	return rest
}

func (f *file) misplaced(l *marked) error {
	return f.fail(l.line, 1, "a marker must stand right behind the value that it means, in the same line: put the value in a line of its own (the marker does not work in { }, [ ] and blocks of text)")
}

// readMarker reads the markers of a comment. part is what the one for want
// names, "" if there is none; others are NAME:STAGE of the rest.
func (f *file) readMarker(l *marked, comment []byte, want string) (part string, others []string, err error) {
	found := marker.FindAllSubmatch(comment, -1)
	if len(found) != bytes.Count(comment, markerWord) {
		return "", nil, f.fail(l.line, 1, "a marker that cannot be read; write it as # {\"$waybill\": %q}", want+PartRef)
	}
	for _, m := range found {
		s := string(m[1])
		i := strings.LastIndexByte(s, ':')
		if strings.Count(s, ":") != 2 {
			return "", nil, f.fail(l.line, 1, "the marker %q: expected NAME:STAGE:PART, such as %q", clip(s), want+PartRef)
		}
		p, mine := strings.CutPrefix(s, want)
		switch {
		case !mine:
			others = append(others, s[:i])
		case !slices.Contains(parts, p):
			return "", nil, f.fail(l.line, 1, "the marker %q: the part must be one of %s", clip(s), strings.Join(parts, ", "))
		case part != "":
			return "", nil, f.fail(l.line, 1, "two markers for %s at one value; remove one of them", strings.TrimSuffix(want, ":"))
		default:
			part = p
		}
	}
	return part, others, nil
}

// keyOf is the key of a value, for people.
func keyOf(steps []step) manifest.Key {
	var k manifest.Key
	for _, s := range steps {
		part := manifest.KeyPart{List: true, Index: s.i}
		if s.parent.Kind == yaml.MappingNode {
			part = manifest.KeyPart{Name: s.parent.Content[s.i-1].Value}
			if key := s.parent.Content[s.i-1]; key.Kind != yaml.ScalarNode {
				part.Name = fmt.Sprintf("(key in line %d)", key.Line)
			}
		}
		k = append(k, part)
	}
	return k
}
