package modelscan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelarchive"
	"github.com/waybill-dev/waybill/internal/modelfile"
)

// content scans one input, whatever it is. A format is one case here and one
// file of this package.
func (s *scan) content(in *input) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if s.opts.Seen != nil {
		s.opts.Seen(in.path)
	}
	head, err := in.head(headLen)
	if err != nil {
		return err
	}
	a := modelarchive.Sniff(head)
	weak := a == modelarchive.Zlib || a == modelarchive.LZMA
	switch {
	case a == modelarchive.Zip:
		s.mismatch(in, kind(a))
		return s.zip(in)
	case a == modelarchive.Tar:
		s.mismatch(in, kind(a))
		if err := s.tar(in); err != nil {
			return err
		}
		return s.polyglot(in)
	case a.Opaque():
		s.mismatch(in, kind(a))
		s.unread(in, modelarchive.RuleOpaque, 0, "is a %s archive, which is not looked into", a)
		return s.polyglot(in)
	case a.Compressed() && (in.hinted || !weak):
		if !weak {
			s.mismatch(in, kind(a))
		}
		done, err := s.compressed(in, a)
		if err != nil {
			return err
		}
		if done {
			return s.polyglot(in)
		}
	}
	k := sniff(head)
	if k == unknown || k == isJSON && protoName(in.name) {
		p, err := s.sniffProtobuf(in, head)
		if err != nil {
			return err
		}
		if p != unknown {
			k = p
		}
	}
	if k == unknown {
		if k, err = s.userBlock(in); err != nil {
			return err
		}
	}
	s.mismatch(in, k)
	switch k {
	case isPickle:
		err = s.pickle(in, in.reader(), 0, in.hinted)
	case isNumpy:
		err = s.numpy(in)
	case isHDF5:
		err = s.hdf5(in)
	case isGGUF, isSafe:
		err = s.modelfile(in)
	case isJSON:
		err = s.json(in)
	case isONNX:
		err = s.onnx(in)
	case isSaved:
		err = s.savedModel(in)
	case isKerasMeta:
		err = s.kerasMetadata(in)
	case isNative:
		s.fail(in, "ARC010", 0, "is a program or library for the processor (ELF, PE or Mach-O)")
	default:
		err = s.other(in, head)
	}
	if err != nil {
		return err
	}
	if k == isPickle || k == isJSON || k == isNumpy { // what readers of HDF5 step over may be that as well
		behind, err := s.userBlock(in)
		if err == nil && behind == isHDF5 {
			err = s.hdf5(in)
		}
		if err != nil {
			return err
		}
	}
	if k != unknown && k != isPickle && in.r != nil && in.hinted && startsOldPickle(head) {
		// What it is does not keep anyone from unpickling it.
		if err := s.pickle(in, in.reader(), 0, false); err != nil {
			return err
		}
	}
	return s.polyglot(in)
}

// other scans content without a mark: by its name, and as a pickle of protocol
// 0 or 1, which has none.
func (s *scan) other(in *input, head []byte) error {
	switch e := ext(in.name); {
	case e == ".jinja" || e == ".jinja2" || strings.HasSuffix(in.name, "chat_template"):
		return s.templateFile(in)
	case e == ".safetensors" || e == ".gguf":
		return s.modelfile(in)
	case e == ".so" || e == ".dll" || e == ".dylib" || e == ".pyd" || e == ".pyc":
		s.warn(in, "ARC010", 0, "is named like a library or compiled Python")
	case in.depth > 0 && e == ".py" && in.within == "torch" && strings.Contains(in.path, "/code/"):
		return s.torchScript(in)
	case in.depth > 0 && e == ".py":
		s.warn(in, "ARC010", 0, "is Python source inside an archive")
	}
	if ext(in.name) == ".cpb" {
		s.unread(in, modelarchive.RuleOpaque, 0, "is named like a SavedModel in chunks, which is not looked into")
	}
	if ext(in.name) == ".pbtxt" {
		if err := s.savedModelText(in); err != nil || in.r == nil {
			return err
		}
	}
	if utf16Or32(head) && ext(in.name) == ".json" {
		return s.json(in)
	}
	switch ext(in.name) {
	case ".yaml", ".yml", ".toml", ".ini", ".cfg", ".env", ".txt", ".md", ".py":
		if !notText(head) {
			if err := s.textSecrets(in); err != nil || in.r == nil {
				return err
			}
		}
	}
	if startsOldPickle(head) {
		return s.pickle(in, in.reader(), 0, false)
	}
	return nil
}

// modelfile holds a file to the rules of its format, and looks at the texts in it.
func (s *scan) modelfile(in *input) error {
	if ok, err := s.random(in); !ok || err != nil {
		return err
	}
	facts, err := modelfile.InspectReader(s.ctx, in.r, in.size, in.name)
	var bad *modelfile.FormatError
	switch {
	case errors.As(err, &bad):
		f := s.fail(in, bad.Rule, bad.Offset, "not a valid %s file: %s", bad.Format, bad.Reason)
		f.Hint = bad.Hint
		return nil
	case err != nil && s.ours(err):
		return err
	case err != nil:
		s.unread(in, modelarchive.RuleOpaque, -1, "it cannot be read: %v", err)
		return nil
	}
	for key, text := range facts.Metadata {
		s.secrets(in, -1, key, text)
		if strings.Contains(key, "chat_template") && text != facts.ChatTemplate {
			s.template(in, -1, key, text)
		}
	}
	if facts.ChatTemplate != "" {
		s.template(in, -1, "the chat template", facts.ChatTemplate)
	}
	return nil
}

// polyglot looks for a zip file behind content that is something else.
func (s *scan) polyglot(in *input) error {
	if in.r == nil || in.depth > 0 {
		return nil
	}
	has, err := modelarchive.HasZip(in.r, in.size)
	if err != nil || !has {
		return err
	}
	s.fail(in, modelarchive.RulePolyglot, -1, "begins as one thing and ends as a zip file: readers of either see another file")
	return s.zip(in)
}

// child is a member of in.
func (s *scan) child(in *input, name string) *input {
	const most = 300
	shown := name
	if len(shown) > most {
		shown = shown[:most] + "…"
	}
	return &input{path: in.path + "!" + shown, name: path.Base(strings.ReplaceAll(name, `\`, "/")), depth: in.depth + 1, within: in.within}
}

// deeper refuses to go on when too many archives are around one another.
func (s *scan) deeper(in *input) bool {
	if in.depth < s.limits.Depth {
		return true
	}
	s.unread(in, modelarchive.RuleLimit, -1, "%d archives are around one another; what is further inside was not looked into", in.depth)
	return false
}

// compressed takes one compression off. It reports false if there is none after
// all: the marks of some are weak.
func (s *scan) compressed(in *input, k modelarchive.Kind) (bool, error) {
	if !s.deeper(in) {
		return true, nil
	}
	weak := in.r != nil && (k == modelarchive.Zlib || k == modelarchive.LZMA)
	d, err := modelarchive.Decompress(k, in.reader())
	if err != nil {
		if s.ours(err) {
			return false, err
		}
		if weak && !modelarchive.IsTooLarge(err) {
			return false, nil
		}
		s.unread(in, modelarchive.RuleOpaque, 0, "begins as %s but cannot be decompressed: %v", k, err)
		return true, nil
	}
	defer d.Close()
	inner := s.newStream(d)
	c := s.child(in, strings.TrimSuffix(in.name, path.Ext(in.name)))
	if k != modelarchive.Gzip || pickleNames[ext(in.name)] { // joblib compresses under the same name
		c = s.child(in, in.name)
	}
	inner.path, inner.name, inner.depth, inner.within, inner.hinted = c.path, c.name, c.depth, in.within, in.hinted
	if _, err := inner.stream.Peek(1); err != nil && inner.ended != nil && weak {
		return false, nil
	}
	before := len(s.findings)
	if err := s.content(inner); err != nil {
		return false, err
	}
	if weak && inner.ended != nil && len(s.findings) == before && !loadedAsPickle(in.name) {
		return false, nil // "x^2" begins a text as well
	}
	s.end(inner)
	return true, nil
}

func (s *scan) tar(in *input) error {
	if !s.deeper(in) {
		return nil
	}
	err := modelarchive.ReadTar(s.ctx, in.reader(), modelarchive.Limits{}, func(m modelarchive.Member, content io.Reader) error {
		c := s.child(in, m.Name)
		for _, p := range m.Problems {
			s.problem(c, p)
		}
		inner := s.newStream(content)
		inner.path, inner.name, inner.depth, inner.within = c.path, c.name, c.depth, "tar"
		inner.hinted = loadedAsPickle(c.name)
		if err := s.content(inner); err != nil {
			return err
		}
		s.end(inner)
		return nil
	})
	return s.unfinished(in, err)
}

// unfinished makes findings of errors that the content causes.
func (s *scan) unfinished(in *input, err error) error {
	var p *modelarchive.Problem
	switch {
	case err == nil || s.ours(err):
		return err
	case errors.As(err, &p):
		s.problem(in, p)
	default:
		s.unread(in, modelarchive.RuleOpaque, -1, "it cannot be read to its end: %v", err)
	}
	return nil
}

func (s *scan) zip(in *input) error {
	if !s.deeper(in) {
		return nil
	}
	if ok, err := s.random(in); !ok || err != nil {
		return err
	}
	z, err := modelarchive.OpenZip(s.ctx, in.r, in.size, modelarchive.Limits{})
	if errors.Is(err, modelarchive.ErrNotZip) {
		s.unread(in, modelarchive.RuleOpaque, 0, "begins like a zip file but has no directory: it is cut off or damaged")
		return nil
	}
	if err != nil {
		return s.unfinished(in, err)
	}
	for _, p := range z.Problems {
		s.problem(in, p)
	}
	within := flavour(z.Members)
	for i := range z.Members {
		if err := s.member(in, &z.Members[i], within); err != nil {
			return err
		}
	}
	return nil
}

// flavour tells whose zip file it is, by the members that its reader looks for.
func flavour(members []modelarchive.Member) string {
	has := map[string]bool{}
	for _, m := range members {
		has[path.Base(m.Name)] = true
		has["/"+m.Name] = true
	}
	switch {
	case has["data.pkl"] || has["constants.pkl"]:
		return "torch"
	case has["/config.json"] && (has["/metadata.json"] || has["/model.weights.h5"] || has["/model.weights.npz"]):
		return "keras"
	case has["/schema.json"]:
		return "skops"
	case has["MANIFEST.json"]:
		return "mar"
	}
	return "zip"
}

// ratio is how many times larger than its data a member may be before it is
// remarked on, if it is large at all.
const (
	ratio      = 100
	ratioFrom  = 64 << 20
	copyStored = 64 << 20 // stored members up to this are read through their checksum
)

func (s *scan) member(in *input, m *modelarchive.Member, within string) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	c := s.child(in, m.Name)
	c.within = within
	for _, p := range m.Problems {
		s.problem(c, p)
	}
	if m.Size > ratioFrom && m.Size/ratio > m.Compressed {
		s.warn(c, modelarchive.RuleLimit, m.Offset, "is said to have %d bytes, %d times as many as its data", m.Size, m.Size/max(m.Compressed, 1))
	}
	if strings.HasSuffix(m.Name, "/") && m.Size == 0 {
		return nil
	}
	c.hinted = loadedAsPickle(c.name)
	s.kerasWeights(c)
	if section := m.Section(); section != nil {
		c.r, c.size = section, section.Size()
		head, err := c.head(headLen)
		if err != nil {
			return s.unfinished(c, err)
		}
		if !worthReading(head, c) {
			return nil
		}
		if k := sniff(head); modelarchive.Sniff(head) == modelarchive.Zip || k == isHDF5 || k == isSafe || k == isGGUF || c.size > copyStored {
			return s.content(c) // in place
		}
	}
	content, err := m.Open()
	if err != nil {
		return s.unfinished(c, err)
	}
	defer content.Close()
	inner := s.newStream(content)
	inner.path, inner.name, inner.depth, inner.within, inner.hinted = c.path, c.name, c.depth, c.within, c.hinted
	if err := s.content(inner); err != nil {
		return err
	}
	if inner.r == nil && inner.ended == nil && m.Size <= copyStored { // to the checksum
		if _, err := io.Copy(io.Discard, inner.stream); err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s: %w", inner.path, err)
		}
	}
	s.end(inner)
	return nil
}

// worthReading tells stored members that are scanned from raw weights, which
// are not read.
func worthReading(head []byte, c *input) bool {
	switch ext(c.name) {
	case ".py", ".pb", ".onnx", ".jinja", ".json", ".so", ".dll", ".dylib", ".pyd", ".pyc":
		return true
	}
	return modelarchive.Sniff(head) != modelarchive.None || sniff(head) != unknown || c.hinted || startsOldPickle(head)
}
