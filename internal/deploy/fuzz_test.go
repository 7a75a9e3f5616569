package deploy

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// keys are the keys of some scalars of a file, as far as there are any.
func keys(f *file) []string {
	var found []string
	var walk func(n *yaml.Node, steps []step)
	walk = func(n *yaml.Node, steps []step) {
		if len(found) == 24 {
			return
		}
		if len(n.Content) == 0 && len(steps) > 0 {
			found = append(found, keyOf(steps).String())
		}
		for i := range n.Content {
			if n.Kind != yaml.MappingNode || i%2 == 1 {
				walk(n.Content[i], append(slices.Clip(steps), step{parent: n, i: i}))
			}
		}
	}
	for _, root := range f.docs {
		walk(root, nil)
	}
	return found
}

// scalars lists what a reader of YAML sees, by its own way through the file.
func scalars(t *testing.T, data []byte) []string {
	var all []string
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		all = append(all, n.Tag+" "+n.Value+" "+n.Anchor+n.HeadComment+n.LineComment+n.FootComment)
		for _, c := range n.Content {
			walk(c)
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		walk(&n)
	}
}

// FuzzEdit: whatever the file, Edit refuses it, or changes one scalar and
// nothing else, and changes nothing the second time.
func FuzzEdit(f *testing.F) {
	for _, dir := range []string{"ok", "err"} {
		for _, g := range cases(f, dir) {
			for _, value := range []string{"", "x: {ref} '#\"\\", "{version}", "oci+native://{image}"} {
				f.Add(g.data, value, g.file == "in.json")
			}
			f.Add(ways["BOM and CR LF"](g.data), "{digest}", g.file == "in.json")
		}
	}
	f.Add([]byte("a: b\u0085c: d\u2028e:  'f'\u2029\xEF\xBB\xBFg: h\ri: j\n"), "é{tag}", false)
	f.Fuzz(func(t *testing.T, data []byte, value string, isJSON bool) {
		if _, err := manifest.ParseTemplate(value); err != nil {
			value = ""
		}
		name := map[bool]string{false: "in.yaml", true: "in.json"}[isJSON]
		parsed, err := read(name, data)
		if err != nil {
			return
		}
		tryEdit(t, name, data, manifest.DeployTarget{})
		for _, key := range keys(parsed) {
			tryEdit(t, name, data, manifest.DeployTarget{Key: key, Value: value})
		}
	})
}

func tryEdit(t *testing.T, name string, data []byte, target manifest.DeployTarget) {
	before := bytes.Clone(data)
	targets := []manifest.DeployTarget{target}
	out, changes, err := Edit(name, data, targets, production)
	if !bytes.Equal(before, data) {
		t.Fatal("the input was written to")
	}
	if err != nil || len(changes) == 0 {
		if err == nil && !bytes.Equal(out, data) {
			t.Fatalf("changed, but says nothing: %q", out)
		}
		return
	}
	if target.Key != "" && len(changes) != 1 {
		t.Fatalf("%s: %d changes", target.Key, len(changes))
	}
	if a, b := bytes.Count(data, []byte("\n")), bytes.Count(out, []byte("\n")); a != b || bytes.Count(data, []byte("\r")) != bytes.Count(out, []byte("\r")) {
		t.Fatalf("%d lines became %d", a, b)
	}
	if name == "in.yaml" {
		was, is, differ := scalars(t, data), scalars(t, out), 0
		if len(was) != len(is) {
			t.Fatalf("%q became %q", data, out)
		}
		for i := range was {
			if was[i] != is[i] {
				differ++
			}
		}
		if differ != len(changes) {
			t.Fatalf("%d values differ, %d changes: %q became %q", differ, len(changes), data, out)
		}
	}
	again, changes, err := Edit(name, out, targets, production)
	if err != nil || len(changes) > 0 || !bytes.Equal(again, out) {
		t.Fatalf("the second time: %v %v: %q, then %q", err, changes, out, again)
	}
	if _, err := Find(name, out, targets, production.Artifact, production.Stage); err != nil {
		t.Fatal(err)
	}
}
