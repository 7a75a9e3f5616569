package modelarchive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzReader reads the container of The .xz File Format 1.2.1
// (tukaani.org/xz/xz-file-format.txt): streams of blocks, of which each may
// claim a dictionary of 4 GiB. The library's own reader allocates that; this
// one refuses past maxWindow. Checks of blocks and the index are passed over:
// a scanner wants the bytes that a careless reader would get.
type xzReader struct {
	in    *bufio.Reader
	check int64 // bytes of check behind each block
	block *countingReader
	data  *lzma.Reader2
	begun bool
	end   error
}

const (
	xzMagic  = "\xfd7zXZ\x00"
	xzFooter = "YZ"
)

// countingReader counts, because blocks are padded to four bytes.
type countingReader struct {
	in *bufio.Reader
	n  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.in.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

func (x *xzReader) Read(p []byte) (int, error) {
	for x.end == nil {
		if x.data != nil {
			n, err := x.data.Read(p)
			if err == io.EOF {
				err = x.endBlock()
			}
			x.end = err
			if n > 0 || len(p) == 0 {
				return n, nil
			}
			continue
		}
		x.end = x.next()
	}
	if x.end == io.ErrUnexpectedEOF {
		return 0, fmt.Errorf("the xz stream ends early: %w", x.end)
	}
	return 0, x.end
}

// next begins a stream or a block, or ends the file.
func (x *xzReader) next() error {
	if !x.begun {
		return x.stream()
	}
	size, err := x.in.ReadByte()
	if err != nil {
		return early(err)
	}
	if size == 0 {
		return x.index()
	}
	// Section 3.1: header size, flags, optional sizes, filters, padding, CRC32.
	h := make([]byte, (int(size)+1)*4)
	h[0] = size
	if _, err := io.ReadFull(x.in, h[1:]); err != nil {
		return early(err)
	}
	body := h[:len(h)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(h[len(h)-4:]) {
		return errors.New("the header of an xz block has a wrong checksum")
	}
	flags, rest := body[1], body[2:]
	for _, bit := range []byte{0x40, 0x80} {
		if flags&bit != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return errors.New("the header of an xz block is damaged")
			}
			rest = rest[n:]
		}
	}
	if flags&0x03 != 0 || len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 {
		return errors.New("the xz block uses filters other than LZMA2")
	}
	dict, err := lzma.DecodeDictCap(rest[2])
	if err != nil {
		return err
	}
	if dict > maxWindow {
		return fmt.Errorf("the dictionary of an xz block has %d bytes; at most %d are allocated", dict, maxWindow)
	}
	x.block = &countingReader{in: x.in}
	x.data, err = lzma.Reader2Config{DictCap: max(int(dict), lzma.MinDictCap)}.NewReader2(x.block)
	return err
}

// stream reads a stream header (section 2.1.1).
func (x *xzReader) stream() error {
	var h [12]byte
	if _, err := io.ReadFull(x.in, h[:]); err != nil {
		return early(err)
	}
	if string(h[:6]) != xzMagic || h[6] != 0 || h[7] > 0x0f {
		return errors.New("no xz stream begins here")
	}
	x.check = [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[h[7]]
	x.begun = true
	return nil
}

func (x *xzReader) endBlock() error {
	x.data = nil
	skip := (4-x.block.n%4)%4 + x.check
	_, err := x.in.Discard(int(skip))
	return early(err)
}

// index passes over the index and the footer (sections 4 and 2.1.2), then over
// the padding between streams, and looks for another.
func (x *xzReader) index() error {
	in := &countingReader{in: x.in, n: 1}
	records, err := binary.ReadUvarint(in)
	if err != nil {
		return early(err)
	}
	for ; records > 0; records-- {
		for range 2 {
			if _, err := binary.ReadUvarint(in); err != nil {
				return early(err)
			}
		}
	}
	var footer [12]byte
	if _, err := x.in.Discard(int((4-in.n%4)%4 + 4)); err != nil {
		return early(err)
	}
	if _, err := io.ReadFull(x.in, footer[:]); err != nil {
		return early(err)
	}
	if string(footer[10:]) != xzFooter {
		return errors.New("the xz stream does not end as it should")
	}
	for {
		b, err := x.in.Peek(4)
		switch {
		case len(b) == 0 && err == io.EOF:
			return io.EOF
		case err != nil:
			return early(err)
		case string(b) == "\x00\x00\x00\x00":
			if _, err := x.in.Discard(4); err != nil {
				return err
			}
		default:
			x.begun = false
			return nil
		}
	}
}

func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
