package deploy

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// refuse looks at a value and at all that leads to it, and says why it cannot
// be replaced alone.
func (f *file) refuse(steps []step, path manifest.Key) error {
	n := at(steps)
	for _, s := range steps {
		if f.repeated[s.parent] {
			return f.failAt(n, "%s stands in what an alias (*%s) repeats, so more than one value would change; write it out at the alias", path, clip(s.parent.Anchor))
		}
		if s.parent.Kind == yaml.MappingNode {
			if err := f.twice(s); err != nil {
				return err
			}
		}
	}
	switch {
	case n.Kind == yaml.AliasNode:
		return f.failAt(n, "%s is an alias (*%s); write the value out", path, clip(n.Value))
	case n.Kind == yaml.MappingNode:
		return f.failAt(n, "%s has keys of its own; name one of them", path)
	case n.Kind == yaml.SequenceNode:
		return f.failAt(n, "%s is a list; name an element, such as %s[0]", path, path)
	case n.Anchor != "":
		return f.failAt(n, "%s has an anchor (&%s), so other places may repeat it; remove the anchor, and write the value out where it is repeated", path, clip(n.Anchor))
	case n.Style&yaml.TaggedStyle != 0:
		return f.failAt(n, "%s has a tag (%q); remove it, and quote the value", path, clip(n.Tag))
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return f.failAt(n, "%s is a block of lines (| or >); write it in one line, in quotes", path)
	case n.Tag == "!!null":
		return f.failAt(n, "%s has no value; write \"\" there, and name what to write with value in the target or a marker", path)
	case n.Tag != tagString:
		return f.failAt(n, "%s is %s, which is no text; put it in quotes once", path, clip(n.Value))
	case strings.Contains(n.Value, "{{"):
		return f.failAt(n, "%s %s", path, helm)
	}
	return f.kustomize(steps)
}

// kustomize refuses an entry of images: that would have a tag and a digest:
// releases of kustomize disagree about which of them wins
// (kubernetes-sigs/kustomize issues 326 and 4081), and `kustomize edit set
// image NAME@DIGEST` drops newTag. That would be a second change, of a line.
func (f *file) kustomize(steps []step) error {
	last := steps[len(steps)-1]
	if last.parent.Kind != yaml.MappingNode || child(last.parent, "name") == nil {
		return nil
	}
	key := last.parent.Content[last.i-1].Value
	other := map[string]string{"digest": "newTag", "newTag": "digest"}[key]
	if other == "" {
		return nil
	}
	n := child(last.parent, other)
	if n == nil || n.Kind == yaml.ScalarNode && n.Value == "" {
		return nil
	}
	return f.failAt(n, "%s stands beside %s in an entry of images, and kustomize would take one of them only; remove the line of the one you do not want", other, key)
}
