package deploy

import (
	"cmp"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// step is one step from the root of a document to a value: Content[i] of a
// mapping or list.
type step struct {
	parent *yaml.Node
	i      int
}

// spot is a scalar that a target names, found and fit to be replaced.
type spot struct {
	file *file
	node *yaml.Node
	path manifest.Key
	part string
	text []manifest.TemplatePart // with PartTemplate
}

// locate finds what targets name, each scalar once, in the order of the file.
func (f *file) locate(targets []manifest.DeployTarget, artifact, stage string) ([]spot, error) {
	var spots []spot
	marked := false
	for _, t := range targets {
		if t.Key == "" {
			if marked {
				continue
			}
			marked = true
			found, err := f.markers(artifact, stage)
			if err != nil {
				return nil, err
			}
			spots = append(spots, found...)
			continue
		}
		s, err := f.keyed(t)
		if err != nil {
			return nil, err
		}
		spots = append(spots, s)
	}
	sorting.By(spots, func(a, b spot) int {
		return cmp.Or(cmp.Compare(a.node.Line, b.node.Line), cmp.Compare(a.node.Column, b.node.Column))
	})
	for i := 1; i < len(spots); i++ {
		if a, b := spots[i-1], spots[i]; a.node == b.node {
			return nil, f.failAt(a.node, "%s is named by two targets; remove one of them", a.path)
		}
	}
	return spots, nil
}

// keyed finds the one value of a target with a key.
func (f *file) keyed(t manifest.DeployTarget) (spot, error) {
	key, err := manifest.ParseKey(t.Key)
	if err != nil {
		return spot{}, f.fail(0, 0, "%s", err)
	}
	s := spot{file: f, path: key}
	if t.Value != "" {
		if s.text, err = manifest.ParseTemplate(t.Value); err != nil {
			return spot{}, f.fail(0, 0, "%s", err)
		}
		s.part = PartTemplate
	}
	docs := f.docs
	if t.Document != "" {
		if docs, err = f.document(t.Document); err != nil {
			return spot{}, err
		}
	}
	var found []step
	var miss *missing
	for _, root := range docs {
		steps, m, err := f.follow(root, key)
		switch {
		case err != nil:
			return spot{}, err
		case m != nil:
			if miss == nil || len(m.done) > len(miss.done) {
				miss = m
			}
			continue
		case found != nil:
			return spot{}, f.failAt(at(steps), "%s stands in two documents, here and in line %d; name one in the target, such as document: Deployment/sentiment (its kind and metadata.name)", key, at(found).Line)
		}
		found = steps
	}
	if found == nil {
		if miss == nil {
			return spot{}, f.fail(0, 0, "the file is empty; write %s once by hand", key)
		}
		return spot{}, f.failAt(miss.node, "%s", miss.why)
	}
	s.node = at(found)
	if err := f.refuse(found, s.path); err != nil {
		return spot{}, err
	}
	if s.part == "" {
		if s.part, err = f.partOf(s.node, key); err != nil {
			return spot{}, err
		}
	}
	return s, nil
}

func at(steps []step) *yaml.Node {
	last := steps[len(steps)-1]
	return last.parent.Content[last.i]
}

// document finds the documents that are called KIND/NAME.
func (f *file) document(want string) ([]*yaml.Node, error) {
	var found []*yaml.Node
	var names []string
	for _, root := range f.docs {
		name := scalarAt(root, "kind") + "/" + scalarAt(child(root, "metadata"), "name")
		if name == want {
			found = append(found, root)
		}
		names = append(names, name)
	}
	if found == nil {
		return nil, f.fail(0, 0, "no document is %q; %s", want, choose(want, names))
	}
	if len(found) > 1 {
		return nil, f.failAt(found[1], "a second document is %q, the first begins in line %d; remove one, or give it another name", want, found[0].Line)
	}
	return found, nil
}

// choose helps somebody who named something that is not there.
func choose(want string, have []string) string {
	if near := ref.Nearest(want, have); near != "" {
		return fmt.Sprintf("did you mean %q?", clip(near))
	}
	var shown []string
	for _, h := range have[:min(len(have), 12)] {
		shown = append(shown, fmt.Sprintf("%q", clip(h)))
	}
	if len(shown) == 0 {
		return "there is none"
	}
	return "there are " + strings.Join(shown, ", ")
}

// child is the value of a key of a mapping, or of what an alias names, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Kind == yaml.ScalarNode && k.Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalarAt(n *yaml.Node, key string) string {
	if c := child(n, key); c != nil && c.Kind == yaml.ScalarNode {
		return c.Value
	}
	return ""
}

// missing says where a key ends that is not in a document.
type missing struct {
	done manifest.Key // the parts that are there
	node *yaml.Node   // what they lead to
	why  string
}

// follow walks along key. It returns what is missing, or an error when the key
// leads somewhere that no document may have it.
func (f *file) follow(root *yaml.Node, key manifest.Key) ([]step, *missing, error) {
	n := root
	steps := make([]step, 0, len(key))
	for i, part := range key {
		where := func(why string) (*missing, error) {
			return &missing{done: key[:i], node: n, why: cmp.Or(key[:i].String(), "the document") + " " + why}, nil
		}
		var s step
		var m *missing
		var err error
		switch {
		case n.Kind == yaml.AliasNode:
			return nil, nil, f.failAt(n, "%s is an alias (*%s): what stands there stands elsewhere too; write it out", key[:i], clip(n.Value))
		case part.List && n.Kind != yaml.SequenceNode:
			m, err = where("is no list, so it has no element " + key[i:i+1].String())
		case part.List:
			s, m, err = f.element(n, part, where)
		case n.Kind == yaml.SequenceNode:
			m, err = where("is a list; name an element, such as " + cmp.Or(key[:i].String(), "") + "[0] or [name=sentiment]")
		case n.Kind != yaml.MappingNode:
			m, err = where(fmt.Sprintf("has no keys, so no %q", clip(part.Name)))
		default:
			s, m, err = f.member(n, part.Name, where)
		}
		if err != nil || m != nil {
			return nil, m, err
		}
		steps = append(steps, s)
		n = at(steps)
	}
	return steps, nil, nil
}

// member finds a key of a mapping.
func (f *file) member(n *yaml.Node, name string, where func(string) (*missing, error)) (step, *missing, error) {
	var names []string
	merged := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind == yaml.ScalarNode && k.Tag == tagMerge {
			merged = true
			continue
		}
		if k.Kind != yaml.ScalarNode {
			continue
		}
		if k.Value == name {
			s := step{parent: n, i: i + 1}
			return s, nil, f.twice(s)
		}
		names = append(names, k.Value)
	}
	if merged {
		m, err := where(fmt.Sprintf("has no key %q of its own, but a merge key (<<); write the key out here", clip(name)))
		return step{}, m, err
	}
	m, err := where(fmt.Sprintf("has no key %q; %s; waybill changes values and adds no keys: write it once by hand", clip(name), choose(name, names)))
	return step{}, m, err
}

// twice refuses a member of a mapping whose key another one has too: some
// readers take the first, some the last.
func (f *file) twice(s step) error {
	key := s.parent.Content[s.i-1]
	for j := 0; j+1 < len(s.parent.Content); j += 2 {
		if k := s.parent.Content[j]; k != key && k.Kind == yaml.ScalarNode && k.Value == key.Value {
			first, second := s.parent.Content[min(j, s.i-1)], s.parent.Content[max(j, s.i-1)]
			return f.failAt(second, "the key %q is given twice, here and in line %d; remove one of them", clip(key.Value), first.Line)
		}
	}
	return nil
}

// element finds an element of a list.
func (f *file) element(n *yaml.Node, part manifest.KeyPart, where func(string) (*missing, error)) (step, *missing, error) {
	if part.Field == "" {
		if part.Index < len(n.Content) {
			return step{parent: n, i: part.Index}, nil, nil
		}
		m, err := where(fmt.Sprintf("has %d elements, so no [%d]; they are counted from 0", len(n.Content), part.Index))
		return step{}, m, err
	}
	found := -1
	var values []string
	for i, e := range n.Content {
		is := child(e, part.Field)
		if is == nil || is.Kind != yaml.ScalarNode {
			continue
		}
		if values = append(values, is.Value); is.Value != part.Is {
			continue
		}
		if found >= 0 {
			return step{}, nil, f.failAt(e, "a second element whose %s is %q, the first stands in line %d; name one by its number, such as [%d]", clip(part.Field), clip(part.Is), n.Content[found].Line, i)
		}
		found = i
	}
	if found >= 0 {
		return step{parent: n, i: found}, nil, nil
	}
	m, err := where(fmt.Sprintf("has no element whose %s is %q; %s", clip(part.Field), clip(part.Is), choose(part.Is, values)))
	return step{}, m, err
}
