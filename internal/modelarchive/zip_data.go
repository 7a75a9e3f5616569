package modelarchive

import (
	"bufio"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// Compression methods of APPNOTE.TXT, section 4.4.5.
const (
	Stored  = 0
	Deflate = 8
	methodB = 12 // bzip2
	methodL = 14 // lzma
	methodZ = 93 // zstd
	methodX = 95 // xz
)

// Section returns the bytes of a stored member where they stand, nil for
// others, and where Open says why there are none. Nothing is copied, and no
// checksum is computed.
func (m *Member) Section() *io.SectionReader {
	if m.find() != nil || m.r == nil || m.Method != Stored {
		return nil
	}
	return io.NewSectionReader(m.r, m.Offset, m.Compressed)
}

// find reads the header in front of the data, unless OpenZip did.
func (m *Member) find() error {
	z := m.unread
	if z == nil {
		return nil
	}
	if err := z.local(m); err != nil {
		return err
	}
	m.unread = nil
	return nil
}

// Open returns the content. Where something is wrong with it, reading gives all
// bytes that could be had and then a *Problem: a scanner looks at them before
// it lets the error count, because so do the readers that ignore it.
//
// A member marked as encrypted is read as if it were not: the mark alone does
// not make it so. If its checksum does not hold either, it is encrypted.
func (m *Member) Open() (io.ReadCloser, error) {
	if err := m.find(); err != nil {
		return nil, err
	}
	if m.r == nil {
		return nil, &Problem{Rule: RuleDisagree, Offset: m.header, Unread: true, Message: fmt.Sprintf("the data of %s cannot be found", quote(m.Name))}
	}
	raw := bufio.NewReader(io.NewSectionReader(m.r, m.Offset, m.Compressed))
	var content io.ReadCloser
	var err error
	switch m.Method {
	case Stored:
		content = io.NopCloser(raw)
	case Deflate:
		content = flate.NewReader(raw)
	case methodB:
		content = io.NopCloser(bzip2.NewReader(raw))
	case methodL:
		content, err = zipLZMA(raw, m.Size)
	case methodX:
		content, err = Decompress(XZ, raw)
	case methodZ:
		content, err = Decompress(Zstd, raw)
	case methodAES:
		return nil, &Problem{Rule: RuleEncrypted, Offset: m.header, Unread: true, Message: fmt.Sprintf("%s is encrypted (AES)", quote(m.Name))}
	default:
		return nil, &Problem{Rule: RuleOpaque, Offset: m.header, Unread: true, Message: fmt.Sprintf("%s is compressed with method %d, which is not known here", quote(m.Name), m.Method)}
	}
	if err != nil {
		return nil, &Problem{Rule: RuleOpaque, Offset: m.Offset, Unread: true, Message: fmt.Sprintf("%s cannot be decompressed: %v", quote(m.Name), err)}
	}
	return &checked{m: m, in: content, sum: crc32.NewIEEE()}, nil
}

// checked computes the checksum of what passes.
type checked struct {
	m    *Member
	in   io.ReadCloser
	sum  hash.Hash32
	read int64
	end  error
}

func (c *checked) Close() error { return c.in.Close() }

func (c *checked) Read(p []byte) (int, error) {
	if c.end != nil {
		return 0, c.end
	}
	n, err := c.in.Read(p)
	c.sum.Write(p[:n])
	c.read += int64(n)
	if err == nil {
		return n, nil
	}
	c.end = err
	m := c.m
	holds := c.sum.Sum32() == m.CRC && c.read == m.Size
	switch {
	case err == io.EOF && holds:
	case m.flags&flagCrypt != 0:
		c.end = &Problem{Rule: RuleEncrypted, Offset: m.Offset, Unread: true, Message: fmt.Sprintf("%s is encrypted", quote(m.Name))}
	case err != io.EOF:
		c.end = &Problem{Rule: RuleChecksum, Offset: m.Offset, Unread: true, Message: fmt.Sprintf("%s cannot be decompressed past its byte %d: %v", quote(m.Name), c.read, err)}
	case c.read != m.Size:
		c.end = &Problem{Rule: RuleDisagree, Offset: m.Offset, Message: fmt.Sprintf("%s has %d bytes; the directory says %d", quote(m.Name), c.read, m.Size)}
	default:
		c.end = &Problem{Rule: RuleChecksum, Offset: m.Offset, Message: fmt.Sprintf("the bytes of %s do not have the checksum that the directory says (%08x, not %08x): some readers refuse them, others do not look", quote(m.Name), c.sum.Sum32(), m.CRC)}
	}
	return n, c.end
}

// zipLZMA reads the header of section 5.8.8: version, length of the
// properties, properties. The stream is a .lzma one without its header.
func zipLZMA(raw *bufio.Reader, size int64) (io.ReadCloser, error) {
	var h [9]byte
	if _, err := io.ReadFull(raw, h[:]); err != nil {
		return nil, err
	}
	if n := binary.LittleEndian.Uint16(h[2:]); n != 5 {
		return nil, fmt.Errorf("its LZMA properties have %d bytes, not 5", n)
	}
	return lzmaReader(binary.LittleEndian.AppendUint64(h[4:9:9], uint64(size)), raw)
}
