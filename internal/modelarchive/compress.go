package modelarchive

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"
)

// maxWindow is the largest dictionary or window that is allocated for a
// decompressor: that of the highest presets of xz and of zstd without --long.
const maxWindow = 64 << 20

// Decompress takes the compression k off r. The caller bounds how much it reads.
//
// These are all that joblib writes (joblib/compressor.py: zlib, gzip, bz2, lzma,
// xz, lz4, and the "ZF" of joblib before 0.10, joblib/numpy_pickle_compat.py).
func Decompress(k Kind, r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReader(r)
	switch k {
	case Gzip:
		return gzip.NewReader(in)
	case Zlib:
		return zlib.NewReader(in)
	case ZFile:
		return zfileReader(in)
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(in)), nil
	case XZ:
		return io.NopCloser(&xzReader{in: in}), nil
	case LZMA:
		var h [13]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			return nil, err
		}
		return lzmaReader(h[:], in)
	case Zstd:
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case LZ4:
		return io.NopCloser(lz4.NewReader(in)), nil
	}
	return nil, fmt.Errorf("%s is not a compression", k)
}

// zfileReader reads joblib's own wrapper: "ZF", then the length as Python's
// hex() writes it, padded to 19 characters (Python 2: 20, older: 10), then zlib.
func zfileReader(in *bufio.Reader) (io.ReadCloser, error) {
	for _, width := range []int{2 + zfileWidth, 2 + zfileWidth + 1, 2 + 10} {
		head, err := in.Peek(width + 2)
		if err == nil && head[width]&0x8f == 8 && binary.BigEndian.Uint16(head[width:])%31 == 0 {
			if _, err := in.Discard(width); err != nil {
				return nil, err
			}
			return zlib.NewReader(in)
		}
	}
	return nil, errors.New("no zlib stream follows the length")
}

// tooLarge is a dictionary of that many bytes.
type tooLarge uint32

func (t tooLarge) Error() string {
	return fmt.Sprintf("its dictionary has %d bytes; at most %d are allocated", uint32(t), maxWindow)
}

// IsTooLarge tells whether a stream cannot be decompressed because it needs more
// memory than is allocated.
func IsTooLarge(err error) bool {
	var t tooLarge
	return errors.As(err, &t)
}

// lzmaReader reads what follows the 13 bytes of a .lzma header. The library
// allocates the dictionary that the header claims, so this is checked first.
func lzmaReader(header []byte, in *bufio.Reader) (io.ReadCloser, error) {
	if dict := binary.LittleEndian.Uint32(header[1:]); dict > maxWindow {
		return nil, tooLarge(dict)
	}
	r, err := lzma.NewReader(&headed{header, in})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(r), nil
}

// headed is a header before a reader, byte by byte where that is asked for.
type headed struct {
	header []byte
	in     *bufio.Reader
}

func (h *headed) Read(p []byte) (int, error) {
	if len(h.header) > 0 {
		n := copy(p, h.header)
		h.header = h.header[n:]
		return n, nil
	}
	return h.in.Read(p)
}

func (h *headed) ReadByte() (byte, error) {
	if len(h.header) > 0 {
		b := h.header[0]
		h.header = h.header[1:]
		return b, nil
	}
	return h.in.ReadByte()
}
