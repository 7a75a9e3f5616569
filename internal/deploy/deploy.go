// Package deploy writes what a stage holds into files of a deployment, YAML or
// JSON, and reads it back.
//
// A target (manifest.DeployTarget) names values of a file, by a key such as
// spec.predictor.model.storageUri or by marker comments in the file:
//
//	digest: sha256:… # {"$waybill": "sentiment:production:digest"}
//
// Edit replaces the tokens of these values and no other byte: comments, quotes,
// indentation, line ends and the order of keys stay as they are. It then reads
// its result again and proves that the values it was asked for differ and
// nothing else does; what cannot be proven is not returned. A second Edit
// changes nothing.
//
// What cannot be replaced safely is refused, with the place and what to change
// by hand: block scalars, anchors and aliases, tags, values that are no text,
// keys that are missing or given twice, templates of Helm.
package deploy

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Value is what a stage holds, to be written.
type Value struct {
	Artifact, Stage string
	Repository      string // HOST/PATH/NAME, without a scheme
	Digest          ref.Digest
	Image           ref.Digest // of the container image; "" where there is none
	Version         ref.Version
}

// The parts that a marker can name. A place that a target's value describes is
// of PartTemplate.
const (
	PartRef         = "ref" // REPOSITORY@DIGEST, behind what stands before it, such as oci://
	PartDigest      = "digest"
	PartImage       = "image" // as PartRef, of the container image
	PartImageDigest = "image-digest"
	PartVersion     = "version"
	PartRepository  = "repository"
	PartTemplate    = "template"
)

// Place is a scalar of a file that a target names.
type Place struct {
	Path         string // for people: spec.predictor.model.storageUri
	Line, Column int
	Part         string // PartRef and so on
	Text         string // what the file says there now
	// Digest and Version are what Text names; zero where it names none. The digest
	// is of the artifact or of its image.
	Digest  ref.Digest
	Version ref.Version
}

// Change is one scalar that Edit wrote.
type Change struct {
	Place
	To string
}

// Error is what stands in the way of an edit, and where.
type Error struct {
	File         string
	Line, Column int // 0 where the whole file is meant
	Message      string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Find returns the places of a file that targets name for an artifact in a
// stage, in the order of the file. file is for messages; it is read as JSON
// when its name ends so. All targets are taken to be of this file.
func Find(file string, data []byte, targets []manifest.DeployTarget, artifact, stage string) ([]Place, error) {
	f, err := read(file, data)
	if err != nil {
		return nil, err
	}
	spots, err := f.locate(targets, artifact, stage)
	if err != nil {
		return nil, err
	}
	places := make([]Place, len(spots))
	for i, s := range spots {
		places[i] = s.place()
	}
	return places, nil
}

// Edit returns the file with v at every place of the targets, and what it
// changed; nothing changed is the same bytes and no changes. file and targets
// are as with Find.
func Edit(file string, data []byte, targets []manifest.DeployTarget, v Value) ([]byte, []Change, error) {
	if err := v.check(); err != nil {
		return nil, nil, err
	}
	f, err := read(file, data)
	if err != nil {
		return nil, nil, err
	}
	spots, err := f.locate(targets, v.Artifact, v.Stage)
	if err != nil {
		return nil, nil, err
	}
	var changes []Change
	var edits []edit
	for _, s := range spots {
		to, err := s.wanted(v)
		if err != nil {
			return nil, nil, err
		}
		if to == s.node.Value {
			continue
		}
		start, end, err := f.token(s.node)
		if err != nil {
			return nil, nil, err
		}
		edits = append(edits, edit{node: s.node, start: start, end: end, to: to})
		changes = append(changes, Change{Place: s.place(), To: to})
	}
	if len(edits) == 0 {
		return data, nil, nil
	}
	out := f.apply(edits)
	if err := f.prove(out, edits, targets, v); err != nil {
		return nil, nil, err
	}
	return out, changes, nil
}

// check tells whether v can be written at all.
func (v Value) check() error {
	fail := func(err error) error {
		return fmt.Errorf("write %s into a deployment file: %w", cmp.Or(clip(v.Artifact), "an artifact"), err)
	}
	if err := ref.CheckName(v.Artifact); err != nil {
		return fail(err)
	}
	if err := ref.CheckStage(v.Stage); err != nil {
		return fail(err)
	}
	for _, d := range []ref.Digest{v.Digest, cmp.Or(v.Image, v.Digest)} {
		if _, err := ref.ParseDigest(string(d)); err != nil {
			return fail(err)
		}
	}
	odd := func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) || r == '@' }
	if v.Repository == "" || len(v.Repository) > 512 || strings.ContainsFunc(v.Repository, odd) || strings.Contains(v.Repository, "://") {
		return fail(fmt.Errorf("%q is no repository: expected HOST/PATH/NAME", clip(v.Repository)))
	}
	return nil
}

// clip keeps what a file says short in messages.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
