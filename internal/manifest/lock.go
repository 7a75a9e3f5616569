package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/ref"
)

// Lock is model.lock.json or dataset.lock.json: what an artifact is. It holds
// no clock, no commit and nothing that differs between machines.
type Lock struct {
	APIVersion    string                 `json:"apiVersion"`
	Kind          Kind                   `json:"kind"`
	Name          string                 `json:"name"`
	ContentDigest ref.Digest             `json:"contentDigest"`
	Encoding      Encoding               `json:"encoding"`        // without a digest when packs were not pushed yet
	Files         []File                 `json:"files,omitempty"` // up to MaxLockFiles, sorted by path
	Total         Total                  `json:"total"`
	Facts         *Facts                 `json:"facts,omitempty"`    // models
	Evidence      map[string]EvidenceRef `json:"evidence,omitempty"` // by kind
	Metrics       map[string]float64     `json:"metrics,omitempty"`  // rounded to 9 significant digits
	Lineage       *Lineage               `json:"lineage,omitempty"`  // models
}

// Pushed tells whether the lock names an encoding. That of a dataset in packs is
// known once it was pushed.
func (l *Lock) Pushed() bool { return l.Encoding.Digest != "" }

// MaxLockFiles is how many files a lock lists one by one; past it only Total
// is kept.
const MaxLockFiles = 1000

// Encoding is the OCI manifest that holds the artifact's bytes.
type Encoding struct {
	Repository string     `json:"repository"`
	Digest     ref.Digest `json:"digest"`
	Size       int64      `json:"size"` // of the manifest
}

// File is one file of an artifact. Path is slash-separated and relative to
// the manifest's folder.
type File struct {
	Path       string     `json:"path"`
	Size       int64      `json:"size"`
	Digest     ref.Digest `json:"digest"`
	Executable bool       `json:"executable,omitempty"`
	Split      string     `json:"split,omitempty"` // not part of the identity
}

// Total sums up the files.
type Total struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Facts are read from the model's files.
type Facts struct {
	Format     string           `json:"format,omitempty"` // "safetensors", "" when opaque
	Parameters int64            `json:"parameters,omitempty"`
	Dtypes     map[string]int64 `json:"dtypes,omitempty"` // parameters by dtype
	Interface  *Interface       `json:"interface,omitempty"`
}

// EvidenceRef is a stored result about the artifact, and what it was computed
// from: a result that names another model digest is not about this content.
type EvidenceRef struct {
	File    string     `json:"file,omitempty"` // relative to the manifest's folder
	Digest  ref.Digest `json:"digest"`         // of the payload
	Size    int64      `json:"size"`
	Model   ref.Digest `json:"model,omitempty"`   // content digest
	Dataset ref.Digest `json:"dataset,omitempty"` // content digest
	// Files are those of evidence that has several. Each is bound to weights of
	// its own: one that was made anew does not make the others new.
	Files []EvidenceFile `json:"files,omitempty"`
}

// Lineage is what a model was made from, captured when its content digest
// changed and kept as it is until it changes again.
type Lineage struct {
	Datasets  map[string]LineageDataset `json:"datasets,omitempty"` // by role
	Code      ref.Digest                `json:"code,omitempty"`
	Lockfiles map[string]ref.Digest     `json:"lockfiles,omitempty"`
	Image     string                    `json:"image,omitempty"`
}

// LineageDataset is one dataset a model was trained or evaluated on.
type LineageDataset struct {
	Name          string      `json:"name"`
	Split         string      `json:"split,omitempty"`
	ContentDigest ref.Digest  `json:"contentDigest"`
	Version       ref.Version `json:"version,omitzero"`
}

// Bytes returns the lock as it stands on disk: canonical JSON, indented.
func (l *Lock) Bytes() ([]byte, error) { return canonical.MarshalIndent(l) }

// maxLockSize bounds what ParseLock reads: 1,000 files with long paths and
// all facts stay well below it.
const maxLockSize = 4 << 20

// ParseLock reads a lock and checks what the rest of waybill relies on:
// digests, names, sorted unique paths that stay inside, and that the content
// digest is that of the files listed. file is for error messages.
func ParseLock(file string, data []byte) (*Lock, error) {
	fail := func(err error) (*Lock, error) {
		return nil, fmt.Errorf("%s: not a valid lock: %w; run \"waybill lock\" to write it anew", file, err)
	}
	if len(data) > maxLockSize {
		return fail(fmt.Errorf("%d bytes, at most %d", len(data), maxLockSize))
	}
	if line := conflictLine(data); line > 0 {
		return nil, fmt.Errorf("%s:%d: merge conflict; run \"waybill lock --ours\", \"waybill lock --theirs\" or, with the files at hand, \"waybill lock\"",
			file, line)
	}
	var l Lock
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return fail(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fail(fmt.Errorf("something follows the JSON object"))
	}
	if err := l.check(); err != nil {
		return fail(err)
	}
	return &l, nil
}

// conflictLine returns the line of the first mark of a merge conflict, or 0.
func conflictLine(data []byte) int {
	mark := []byte("<<<<<<< ")
	if bytes.HasPrefix(data, mark) {
		return 1
	}
	if i := bytes.Index(data, append([]byte{'\n'}, mark...)); i >= 0 {
		return lineOf(data, i+1)
	}
	return 0
}

// lineOf returns the line, from 1, of the byte at i.
func lineOf(data []byte, i int) int { return 1 + bytes.Count(data[:i], []byte{'\n'}) }
