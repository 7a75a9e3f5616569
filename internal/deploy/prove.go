package deploy

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// edit is one scalar and what becomes of it.
type edit struct {
	node       *yaml.Node
	start, end int
	to         string
}

// apply replaces the tokens of edits, which are in the order of the file.
func (f *file) apply(edits []edit) []byte {
	out := make([]byte, 0, len(f.data)+128*len(edits))
	at := 0
	for _, e := range edits {
		out = append(out, f.data[at:e.start]...)
		out = append(out, encode(e.to, e.node.Style)...)
		at = e.end
	}
	return append(out, f.data[at:]...)
}

// prove reads the edited file again. Nothing may differ but the values of
// edits, and the targets must find these, as they are to be, so that another
// run changes nothing.
//
// This is not a test: YAML has more corners than anybody has seen, and a file
// that deploys something else than was meant is the one thing that must not
// happen.
func (f *file) prove(out []byte, edits []edit, targets []manifest.DeployTarget, v Value) error {
	fail := func(err error) error {
		return f.failAt(edits[0].node, "the value cannot be replaced without changing more (%v); nothing was written: simplify how the file writes it", err)
	}
	after, err := read(f.name, out)
	if err != nil {
		return fail(err)
	}
	if len(after.docs) != len(f.docs) {
		return fail(errors.New("the number of documents differs"))
	}
	p := prover{want: map[*yaml.Node]string{}}
	for _, e := range edits {
		p.want[e.node] = e.to
	}
	for i := range f.docs {
		if err := p.same(f.docs[i], after.docs[i]); err != nil {
			return fail(err)
		}
	}
	if len(p.want) > 0 {
		return fail(errors.New("a value was not found again"))
	}
	spots, err := after.locate(targets, v.Artifact, v.Stage)
	if err != nil {
		return fail(err)
	}
	for _, s := range spots {
		if to, err := s.wanted(v); err != nil || to != s.node.Value {
			return fail(fmt.Errorf("%s names another value afterwards", s.path))
		}
	}
	return nil
}

type prover struct{ want map[*yaml.Node]string }

// same compares two trees. The tokens that are replaced stand in one line each,
// so all nodes stay in their lines.
func (p *prover) same(a, b *yaml.Node) error {
	differs := func(what string) error { return fmt.Errorf("%s in line %d differs", what, a.Line) }
	want, edited := p.want[a]
	delete(p.want, a)
	switch {
	case a.Kind != b.Kind || a.Line != b.Line || len(a.Content) != len(b.Content):
		return differs("the structure")
	case a.Tag != b.Tag || a.Anchor != b.Anchor:
		return differs("a type or anchor")
	case a.HeadComment != b.HeadComment || a.LineComment != b.LineComment || a.FootComment != b.FootComment:
		return differs("a comment")
	case edited && (b.Kind != yaml.ScalarNode || b.Value != want):
		return differs("what was written")
	case !edited && (a.Value != b.Value || a.Style != b.Style):
		return differs("another value")
	}
	for i := range a.Content {
		if err := p.same(a.Content[i], b.Content[i]); err != nil {
			return err
		}
	}
	return nil
}
