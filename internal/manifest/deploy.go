package manifest

import (
	"errors"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// How a deployment file is written.
const (
	ViaPullRequest = "pull-request"
	ViaCommit      = "commit"
)

// DeployTarget is one place where a stage's digest is written.
type DeployTarget struct {
	File string
	// Key is the path of the value in the file (see ParseKey); "" means the
	// values that marker comments in the file name.
	Key string
	// Value is what to write (see ParseTemplate); "" means what stands there
	// already, renewed.
	Value string
	// Document is KIND/NAME of the document in a file that holds several; "" is
	// the only one that has Key.
	Document string
	Via      string // ViaPullRequest or ViaCommit
	Pos      Pos
}

// deployTargets reads the targets of one stage.
func (d *document) deployTargets(dir string, n *yaml.Node) []DeployTarget {
	var targets []DeployTarget
	seen := map[DeployTarget]Pos{}
	for _, item := range items(n) {
		t := d.deployTarget(dir, item)
		same := DeployTarget{File: path.Join(dir, t.File), Key: t.Key, Document: t.Document}
		if strings.HasPrefix(t.File, "/") {
			same.File = path.Clean(t.File[1:])
		}
		if first, ok := seen[same]; ok && t.File != "" {
			d.report(item, "remove one of them", "this place of %q is already written by the target in line %d", clip(t.File), first.Line)
		}
		seen[same] = t.Pos
		targets = append(targets, t)
	}
	return targets
}

func (d *document) deployTarget(dir string, item *yaml.Node) DeployTarget {
	file, key, value, doc := d.get(item, "file"), d.get(item, "key"), d.get(item, "value"), d.get(item, "document")
	t := DeployTarget{
		File:     d.filePath(dir, file),
		Key:      text(key),
		Value:    text(value),
		Document: text(doc),
		Via:      text(d.get(item, "via")),
		Pos:      d.pos(item),
	}
	if t.Via == "" {
		t.Via = ViaPullRequest
	}
	if t.Key != "" {
		_, err := ParseKey(t.Key)
		d.check(key, err)
	}
	if t.Value != "" {
		_, err := ParseTemplate(t.Value)
		d.check(value, err)
	}
	if t.Document != "" {
		d.check(doc, checkDocument(t.Document))
	}
	if key != nil || file == nil {
		return t
	}
	if value != nil {
		d.report(value, "add key, or remove value: a marker comment in the file says itself what is written there", "value has no effect without key")
	}
	if doc != nil {
		d.report(doc, "add key, or remove document", "document has no effect without key: marker comments are found in all documents")
	}
	if strings.EqualFold(path.Ext(t.File), ".json") {
		d.report(file, "add key", "JSON has no comments, so no markers either")
	}
	return t
}

// checkDocument tells whether s is KIND/NAME.
func checkDocument(s string) error {
	kind, name, ok := strings.Cut(s, "/")
	if !ok || kind == "" || name == "" || len(s) > maxKeyLength || strings.ContainsFunc(s, isControl) {
		return errors.New("a document is named by its kind and metadata.name, such as InferenceService/sentiment")
	}
	return nil
}
