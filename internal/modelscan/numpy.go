package modelscan

import (
	"encoding/binary"
	"io"
	"regexp"

	"github.com/waybill-dev/waybill/internal/modelarchive"
)

// objectDtype finds the dtype of objects in an array's header, also in one field
// of a structure: '|O', 'O8', 'object', 'i4,O'.
var objectDtype = regexp.MustCompile(`'([^']*,)?[0-9()\[\], ]*[|<>=]?(O[0-9]*|object_?|object0)(,[^']*)?'`)

// plainDtype is the whole of a header whose array is not of objects: a number, a
// text, a date, raw bytes. Texts can be put together in many ways; other headers
// are not taken for plain.
var plainDtype = regexp.MustCompile(`^\{'descr': '[|<>=]?[biufcSUVmM?][0-9]*(\[[a-zA-Z0-9]+\])?', 'fortran_order': (True|False), 'shape': \([0-9, ]*\),? ?\}\s*$`)

// maxNumpyHeader is NumPy's own limit, max_header_size of numpy.lib.format, with
// room for structures.
const maxNumpyHeader = 1 << 20

// numpy scans a .npy file (numpy/lib/format.py): magic, version, length of the
// header, header. Arrays of objects are a pickle; others hold no code.
func (s *scan) numpy(in *input) error {
	r := in.reader()
	var h [12]byte
	if _, err := io.ReadFull(r, h[:10]); err != nil {
		return s.unfinished(in, noEnd(err))
	}
	begin, n := int64(10), int64(binary.LittleEndian.Uint16(h[8:]))
	if h[6] >= 2 {
		if _, err := io.ReadFull(r, h[10:]); err != nil {
			return s.unfinished(in, noEnd(err))
		}
		begin, n = 12, int64(binary.LittleEndian.Uint32(h[8:]))
	}
	if n > maxNumpyHeader {
		s.unread(in, modelarchive.RuleLimit, 8, "its header is said to have %d bytes; at most %d are read", n, maxNumpyHeader)
		return nil
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r, header); err != nil {
		return s.unfinished(in, noEnd(err))
	}
	if plainDtype.Match(header) {
		return nil
	}
	return s.pickle(in, r, begin+n, objectDtype.Match(header))
}

func noEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
