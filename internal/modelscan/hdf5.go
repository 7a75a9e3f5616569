package modelscan

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelarchive"
	"github.com/waybill-dev/waybill/internal/modelfile"
)

// hdf5 scans an HDF5 file: its structure is read for the configuration of Keras
// and for data that stand in other files. The configuration is searched as well:
// it is the text of the attribute model_config, which HDF5 stores in one piece
// and without filters (File Format Specification 3.0, IV.A.2.m and III.E), so
// that the JSON can be found without following the file's trees. So are those of
// structures that are not read, and decoys.
func (s *scan) hdf5(in *input) error {
	if ok, err := s.random(in); !ok || err != nil {
		return err
	}
	known, err := s.hdf5Structure(in)
	if err != nil || in.within == "keras" { // weights: Keras takes the configuration from config.json
		return err
	}
	return s.searchHDF5(in, known)
}

// hdf5Structure follows the structure of the file.
func (s *scan) hdf5Structure(in *input) (*modelfile.KerasH5, error) {
	known, err := modelfile.InspectKerasH5(s.ctx, in.r, in.size)
	var bad *modelfile.FormatError
	switch {
	case errors.As(err, &bad):
		s.unread(in, modelarchive.RuleOpaque, bad.Offset, "its structure cannot be followed: %s; links to other files may be behind that", bad.Reason)
	case err != nil && s.ours(err):
		return nil, err
	case err != nil:
		s.unread(in, modelarchive.RuleOpaque, -1, "it cannot be read: %v", err)
	case known.Partial:
		s.unread(in, modelarchive.RuleOpaque, -1, "not all of its structure is looked into (%s); links to other files may be there", known.Opaque)
	}
	for _, x := range known.External {
		f := s.fail(in, "KRS008", -1, "%s takes its data from the file %s (%s)", quote(x.Object), quote(x.File), x.How)
		if f != nil {
			f.Details = map[string]any{"object": x.Object, "file": x.File}
		}
	}
	if known.Config != "" && in.within != "keras" {
		inner := *in
		inner.within = "hdf5"
		c := &config{s: s, in: &inner, base: known.ConfigAt, keras: true}
		if _, _, err := c.readOne(bufio.NewReader(strings.NewReader(known.Config))); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// searchHDF5 looks for configurations by their text. What it finds in the known
// one is found at the same bytes, and told of once.
func (s *scan) searchHDF5(in *input, known *modelfile.KerasH5) error {
	r := in.reader()
	const window = 1 << 20
	buf := make([]byte, 0, 2*window)
	var base int64 // of buf[0]
	texts := 0
	named := false
	search := &hdf5Search{s: s, in: in, buf: bufio.NewReaderSize(r, hdf5Buffer)}
	for base < s.limits.Searched {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(r, buf[len(buf):len(buf)+window])
		buf = buf[:len(buf)+n]
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return s.unfinished(in, err)
		}
		last := err != nil
		named = named || bytes.Contains(buf, []byte("model_config"))
		found, err := search.texts(buf, base, last)
		if err != nil {
			return err
		}
		texts += found
		if last {
			if named && texts == 0 && known.Config == "" {
				s.unread(in, modelarchive.RuleOpaque, -1, "it has a model_config, whose text was not found")
			}
			return nil
		}
		keep := min(len(buf), window)
		base += int64(len(buf) - keep)
		copy(buf, buf[len(buf)-keep:])
		buf = buf[:keep]
	}
	s.unread(in, modelarchive.RuleLimit, -1, "only the first %d bytes were searched for the configuration", s.limits.Searched)
	return nil
}

// startsObject tells whether an object of JSON with keys begins: Keras writes it
// with json.dumps, others may put white space into it.
func startsObject(b []byte) bool {
	for i, c := range b[1:min(len(b), hdf5Buffer)] {
		switch c {
		case ' ', '\t', '\n', '\r':
		case '"':
			return i+2 < len(b) && b[i+2] >= ' '
		default:
			return false
		}
	}
	return false
}

// userBlock tells HDF5 files that begin behind something else (File Format
// Specification 3.0, II.A: at byte 512, 1024, 2048 and so on).
func (s *scan) userBlock(in *input) (kind, error) {
	if in.r == nil {
		return unknown, nil
	}
	var mark [8]byte
	for at := int64(512); at > 0 && at <= in.size-int64(len(mark)); at *= 2 {
		if _, err := in.r.ReadAt(mark[:], at); err != nil {
			return unknown, err
		}
		if string(mark[:]) == "\x89HDF\r\n\x1a\n" {
			s.warn(in, modelarchive.RulePolyglot, 0, "%d bytes stand before the HDF5 file that begins there", at)
			return isHDF5, nil
		}
	}
	return unknown, nil
}

// maxHDF5Work bounds how much is read of texts that turn out to be none: within
// them another may begin.
const maxHDF5Work = 1 << 30

// hdf5Search is the search of one file.
type hdf5Search struct {
	s    *scan
	in   *input
	done int64 // texts up to here were scanned
	work int64
	buf  *bufio.Reader
}

const hdf5Buffer = 4 << 10

// texts scans the JSON texts of a window that begin in its first half, so
// that none is cut: a text has at least half a window, or more in the file.
func (h *hdf5Search) texts(buf []byte, base int64, last bool) (int, error) {
	s, in := h.s, h.in
	half := len(buf)
	if !last {
		half = max(0, len(buf)-(1<<20))
	}
	texts := 0
	for at := int(min(max(0, h.done-base), int64(half))); at < half; {
		i := bytes.IndexByte(buf[at:half], '{')
		if i < 0 {
			break
		}
		at += i
		if !startsObject(buf[at:]) {
			at++
			continue
		}
		inner := *in
		inner.within = "hdf5"
		var text io.Reader = bytes.NewReader(buf[at:])
		if in.r != nil { // a long one goes on past the window
			text = io.NewSectionReader(in.r, base+int64(at), min(in.size-base-int64(at), s.limits.Document))
		}
		c := &config{s: s, in: &inner, base: base + int64(at), keras: true}
		h.buf.Reset(text)
		n, whole, err := c.readOne(h.buf)
		if err != nil {
			return texts, err
		}
		if whole {
			if c.named {
				texts++
			}
			h.done = base + int64(at) + n
			at = int(min(h.done-base, int64(half)))
			continue
		}
		if at++; h.work < maxHDF5Work {
			h.work += n + hdf5Buffer
			continue
		}
		s.unread(in, modelarchive.RuleLimit, base+int64(at), "it is full of texts that begin like a configuration and are none; the search ended here")
		return texts, nil
	}
	return texts, nil
}

func endIsFine(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
