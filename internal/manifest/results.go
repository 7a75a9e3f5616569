package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/ref"
)

// EvidenceFile is one of the files that evidence consists of.
type EvidenceFile struct {
	Path   string     `json:"path"` // as ResultFile.Name
	Digest ref.Digest `json:"digest"`
	Size   int64      `json:"size"`
	// Model and Dataset are the contents that it was made with, as in
	// EvidenceRef. A file that is only compared with has none.
	Model   ref.Digest `json:"model,omitempty"`
	Dataset ref.Digest `json:"dataset,omitempty"`
}

// ResultFile is a file that an entry of checks: about the evaluation of a model
// names.
type ResultFile struct {
	// Name is the path relative to the manifest's folder, in which it is.
	Name string
	// Reference tells that it is only compared with, as the answers of the
	// model before it was converted are: other weights do not make it stale.
	Reference bool
}

const (
	// MaxResultFiles is how many files the checks of one model may name: each
	// is stored as a blob.
	MaxResultFiles = 256
	// MaxResultSize bounds one of them, in bytes.
	MaxResultSize = 2 << 30
)

// resultChecks begins the names of the checks that have result files.
const resultChecks = "evaluation."

// ResultFiles are the files that the checks about evaluation name as file: or
// reference:, sorted by name, each once. They stand here, and not with those
// checks, because locks hold their digests whatever is measured with them.
func (a *Artifact) ResultFiles() ([]ResultFile, error) {
	if a.Model == nil {
		return nil, nil
	}
	var out []ResultFile
	for _, spec := range a.Checks {
		if !strings.HasPrefix(spec.Check, resultChecks) {
			continue
		}
		for _, key := range []string{"file", "reference"} {
			text, ok := spec.Params[key].(string)
			if !ok || text == "" {
				continue
			}
			name, err := ResultName(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %s: %w", spec.Pos, spec.Check, key, err)
			}
			f := ResultFile{Name: name, Reference: key == "reference"}
			i, known := slices.BinarySearchFunc(out, f, func(a, b ResultFile) int { return strings.Compare(a.Name, b.Name) })
			if known {
				out[i].Reference = out[i].Reference && f.Reference
			} else {
				out = slices.Insert(out, i, f)
			}
		}
	}
	if len(out) > MaxResultFiles {
		return nil, fmt.Errorf("%s: checks name %d result files, at most %d", a.Pos, len(out), MaxResultFiles)
	}
	return out, nil
}

// ResultName is ResultFile.Name of a path as a check has it. It refuses one that
// leaves the manifest's folder.
func ResultName(p string) (string, error) {
	clean, err := cleanPath(p, false)
	if err != nil {
		return "", err
	}
	return clean, CheckPath(clean)
}

// ResultOf finds what the lock knows of a result with these bytes. Several files
// may have them, made with different weights: those of content win.
func (l *Lock) ResultOf(kind string, d, content ref.Digest) (found EvidenceFile, ok bool) {
	for _, f := range l.Evidence[kind].Files {
		if f.Digest == d && f.Model != "" && (!ok || found.Model != content && f.Model == content) {
			found, ok = f, true
		}
	}
	return found, ok
}

// Index is the payload of evidence that has several files: those that were made
// with Model, and those that are only compared with.
func (e EvidenceRef) Index() ([]byte, error) {
	type file struct {
		Path   string     `json:"path"`
		Digest ref.Digest `json:"digest"`
		Size   int64      `json:"size"`
	}
	files := []file{}
	for _, f := range e.Current() {
		files = append(files, file{f.Path, f.Digest, f.Size})
	}
	return canonical.Marshal(struct {
		APIVersion string `json:"apiVersion"`
		Files      []file `json:"files"`
	}{APIVersion, files})
}

// Current are the files of Index.
func (e EvidenceRef) Current() []EvidenceFile {
	var out []EvidenceFile
	for _, f := range e.Files {
		if f.Model == "" || f.Model == e.Model {
			out = append(out, f)
		}
	}
	return out
}

func (e EvidenceRef) checkFiles() error {
	if len(e.Files) > MaxResultFiles {
		return fmt.Errorf("%d files, at most %d", len(e.Files), MaxResultFiles)
	}
	for i, f := range e.Files {
		if err := CheckPath(f.Path); err != nil {
			return err
		}
		if i > 0 && e.Files[i-1].Path >= f.Path {
			return fmt.Errorf("files are not sorted by path at %q", clip(f.Path))
		}
		if err := checkDigest(f.Path, f.Digest); err != nil {
			return err
		}
		if f.Size < 0 || f.Size > MaxResultSize {
			return fmt.Errorf("%s: impossible size %d", f.Path, f.Size)
		}
		if err := checkOptionalDigest(f.Path+": model", f.Model); err != nil {
			return err
		}
		if err := checkOptionalDigest(f.Path+": dataset", f.Dataset); err != nil {
			return err
		}
	}
	if len(e.Files) == 0 {
		return nil
	}
	data, err := e.Index()
	if err != nil {
		return err
	}
	if got := ref.Of(data); got != e.Digest || e.Size != int64(len(data)) {
		return fmt.Errorf("digest is %s, the files listed have %s", e.Digest, got)
	}
	return nil
}
