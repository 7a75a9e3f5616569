package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

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
	Encoding      Encoding               `json:"encoding"`
	Files         []File                 `json:"files,omitempty"` // up to MaxLockFiles, sorted by path
	Total         Total                  `json:"total"`
	Facts         *Facts                 `json:"facts,omitempty"`    // models
	Evidence      map[string]EvidenceRef `json:"evidence,omitempty"` // by kind
	Metrics       map[string]float64     `json:"metrics,omitempty"`  // rounded to 9 significant digits
	Lineage       *Lineage               `json:"lineage,omitempty"`  // models
}

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

// ContentDigest returns the identity of a set of files: the SHA-256 of the
// canonical JSON of [[path, size, sha256, executable], …] sorted by path
// (bytewise). It refuses two files of one path.
func ContentDigest(files []File) (ref.Digest, error) {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	rows := make([][4]any, len(sorted))
	for i, f := range sorted {
		if i > 0 && sorted[i-1].Path == f.Path {
			return "", fmt.Errorf("content digest: %s is listed twice", f.Path)
		}
		rows[i] = [4]any{f.Path, f.Size, f.Digest.Hex(), f.Executable}
	}
	b, err := canonical.Marshal(rows)
	if err != nil {
		return "", err
	}
	return ref.Of(b), nil
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
	if i := bytes.Index(data, []byte("\n<<<<<<< ")); i >= 0 || bytes.HasPrefix(data, []byte("<<<<<<< ")) {
		return nil, fmt.Errorf("%s:%d: merge conflict; run \"waybill lock --ours\", \"waybill lock --theirs\" or, with the files at hand, \"waybill lock\"",
			file, 1+bytes.Count(data[:max(i+1, 0)], []byte("\n")))
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

func (l *Lock) check() error {
	if l.APIVersion != APIVersion {
		return fmt.Errorf("apiVersion %q, this release reads %q", l.APIVersion, APIVersion)
	}
	if l.Kind != KindModel && l.Kind != KindDataset {
		return fmt.Errorf("kind %q, expected Model or Dataset", l.Kind)
	}
	if err := ref.CheckName(l.Name); err != nil {
		return err
	}
	for what, d := range map[string]ref.Digest{"contentDigest": l.ContentDigest, "encoding.digest": l.Encoding.Digest} {
		if _, err := ref.ParseDigest(string(d)); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if l.Encoding.Size < 0 || l.Total.Files < 0 || l.Total.Bytes < 0 {
		return fmt.Errorf("negative size")
	}
	if err := l.checkFiles(); err != nil {
		return err
	}
	for kind, e := range l.Evidence {
		if _, err := ref.ParseDigest(string(e.Digest)); err != nil {
			return fmt.Errorf("evidence %s: %w", kind, err)
		}
	}
	if l.Lineage != nil {
		for role, d := range l.Lineage.Datasets {
			if err := ref.CheckName(d.Name); err != nil {
				return fmt.Errorf("lineage %s: %w", role, err)
			}
			if _, err := ref.ParseDigest(string(d.ContentDigest)); err != nil {
				return fmt.Errorf("lineage %s: %w", role, err)
			}
		}
	}
	return nil
}

func (l *Lock) checkFiles() error {
	if len(l.Files) == 0 && l.Total.Files > 0 && l.Total.Files <= MaxLockFiles {
		return fmt.Errorf("total says %d files, none is listed", l.Total.Files)
	}
	if len(l.Files) == 0 {
		return nil
	}
	var total Total
	for i, f := range l.Files {
		if err := CheckPath(f.Path); err != nil {
			return err
		}
		if i > 0 && l.Files[i-1].Path >= f.Path {
			return fmt.Errorf("files are not sorted by path at %s", f.Path)
		}
		if _, err := ref.ParseDigest(string(f.Digest)); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if f.Size < 0 {
			return fmt.Errorf("%s: negative size", f.Path)
		}
		total.Files++
		total.Bytes += f.Size
	}
	if total != l.Total {
		return fmt.Errorf("total says %d files of %d bytes, the list has %d of %d", l.Total.Files, l.Total.Bytes, total.Files, total.Bytes)
	}
	digest, err := ContentDigest(l.Files)
	if err != nil {
		return err
	}
	if digest != l.ContentDigest {
		return fmt.Errorf("contentDigest is %s, the files listed have %s", l.ContentDigest, digest)
	}
	return nil
}

// CheckPath tells why p cannot be the path of an artifact's file: it must be
// relative, slash-separated, clean, valid on Windows as well, and stay inside.
func CheckPath(p string) error {
	bad := func(why string) error { return fmt.Errorf("path %q: %s", clip(p), why) }
	switch {
	case p == "" || p == ".":
		return bad("is empty")
	case len(p) > 1024:
		return bad("is longer than 1024 bytes")
	case strings.HasPrefix(p, "/"):
		return bad("is absolute")
	case strings.ContainsAny(p, "\\:*?\"<>|"):
		return bad(`has one of \ : * ? " < > |, which not every system can store`)
	}
	for _, r := range p {
		if r < 0x20 || r == 0x7f || r == '\uFFFD' {
			return bad("has a control character or is not UTF-8")
		}
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "" || part == ".":
			return bad("is not clean")
		case part == "..":
			return bad("leaves its folder")
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
			return bad("has a part that ends in a dot or space, which Windows drops")
		case reservedOnWindows[strings.ToLower(strings.SplitN(part, ".", 2)[0])]:
			return bad("has a part that is a device name on Windows")
		case strings.EqualFold(part, ".git"):
			return bad("reaches into .git")
		}
	}
	return nil
}

var reservedOnWindows = func() map[string]bool {
	m := map[string]bool{"con": true, "prn": true, "aux": true, "nul": true}
	for _, d := range "123456789" {
		m["com"+string(d)], m["lpt"+string(d)] = true, true
	}
	return m
}()

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
