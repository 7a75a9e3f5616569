package modelarchive

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Signatures and sizes of PKWARE's APPNOTE.TXT 6.3.10, section 4.3.
const (
	sigLocal    = "PK\x03\x04"
	sigCentral  = "PK\x01\x02"
	sigEnd      = "PK\x05\x06"
	sigEnd64    = "PK\x06\x06"
	sigLocator  = "PK\x06\x07"
	sigData     = "PK\x07\x08"
	lenLocal    = 30
	lenCentral  = 46
	lenEnd      = 22
	lenEnd64    = 56
	lenLocator  = 20
	maxComment  = 1<<16 - 1
	unset32     = 1<<32 - 1
	unset16     = 1<<16 - 1
	flagCrypt   = 0x0001
	flagData    = 0x0008 // sizes and checksum follow the data
	flagPatch   = 0x0020
	flagStrong  = 0x0040
	flagMasked  = 0x2000
	flagsOdd    = flagCrypt | flagPatch | flagStrong | flagMasked
	extraZip64  = 0x0001
	extraUPath  = 0x7075 // Info-ZIP Unicode path: another name for the member
	extraAES    = 0x9901
	methodAES   = 99
	modeType    = 0xf000
	modeSymlink = 0xa000
)

// ErrNotZip says that a file has no end of central directory.
var ErrNotZip = errors.New("not a zip file: it has no end of central directory")

// ZipFile is the directory of a zip file.
type ZipFile struct {
	Members []Member
	// Problems are those of the file as a whole; members have their own.
	Problems []*Problem
	// Base is where the zip begins: what stands before belongs to something else.
	Base int64

	r    io.ReaderAt
	size int64
}

// Member is one file of an archive.
type Member struct {
	Name       string
	Size       int64 // as the directory says
	Compressed int64
	Offset     int64 // of its data in the archive
	Method     uint16
	CRC        uint32
	Problems   []*Problem

	flags  uint16
	header int64 // offset of the local header
	r      io.ReaderAt
	unread *ZipFile // of which the local header is yet to be read
}

// OpenZip reads the directory of a zip file of size bytes, and the local header
// of every member. What is wrong is in the Problems of the result; errors are
// ErrNotZip, ctx's, and what reading gave.
//
// Where readers disagree about what the file holds, this one sees what CPython's
// zipfile and miniz (torch's reader) see: the last end of central directory, the
// data at the offset that the directory names.
func OpenZip(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (*ZipFile, error) {
	z := &ZipFile{r: r, size: size}
	end, err := z.findEnd()
	if err != nil {
		return nil, err
	}
	if err := z.directory(ctx, end, limits); err != nil {
		return nil, err
	}
	if limits.DirectoryOnly {
		for i := range z.Members {
			m := &z.Members[i]
			m.Offset, m.unread = m.header, z
		}
		z.duplicates()
		return z, nil
	}
	for i := range z.Members {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := z.local(&z.Members[i]); err != nil {
			return nil, err
		}
	}
	z.duplicates()
	return z, z.gaps(end)
}

// end is what the end of central directory says (sections 4.3.14 to 4.3.16).
type end struct {
	at      int64 // of the record
	dirAt   int64 // as written, without Base
	dirSize int64
	dirEnd  int64 // in the file
	members uint64
}

func (z *ZipFile) problem(rule string, at int64, format string, args ...any) *Problem {
	p := &Problem{Rule: rule, Offset: at, Message: fmt.Sprintf(format, args...)}
	z.Problems = append(z.Problems, p)
	return p
}

// findEnd looks for the last end of central directory, as everybody does.
func (z *ZipFile) findEnd() (end, error) {
	tail := make([]byte, min(z.size, lenEnd+maxComment))
	from := z.size - int64(len(tail))
	if err := readAt(z.r, tail, from); err != nil {
		return end{}, err
	}
	at := -1
	for i := len(tail) - lenEnd; i >= 0; i-- {
		if string(tail[i:i+4]) == sigEnd {
			at = i
			break
		}
	}
	if at < 0 {
		return end{}, ErrNotZip
	}
	rec := tail[at:]
	e := end{
		at: from + int64(at), members: uint64(binary.LittleEndian.Uint16(rec[10:])),
		dirSize: int64(binary.LittleEndian.Uint32(rec[12:])), dirAt: int64(binary.LittleEndian.Uint32(rec[16:])),
	}
	e.dirEnd = e.at
	comment := int64(binary.LittleEndian.Uint16(rec[20:]))
	switch rest := z.size - e.at - lenEnd; {
	case rest > comment:
		z.problem(RulePolyglot, e.at+lenEnd+comment, "%d bytes follow the end of the zip file", rest-comment)
	case rest < comment:
		z.problem(RuleDisagree, e.at+20, "the comment of the zip file is said to have %d bytes; %d are left", comment, rest)
	}
	// Another end that fits as well: readers that look for one whose comment
	// ends the file, or for the first, see another directory.
	for i := at - 1; i >= 0; i-- {
		if string(tail[i:i+4]) == sigEnd && i+lenEnd <= at && i+lenEnd+int(binary.LittleEndian.Uint16(tail[i+20:])) == len(tail) {
			z.problem(RulePolyglot, from+int64(i), "there are two ends of central directory (bytes %d and %d): readers may see different files", from+int64(i), e.at)
			break
		}
	}
	if err := z.end64(&e); err != nil {
		return end{}, err
	}
	return e, nil
}

// end64 reads the zip64 records before the end, if there are any.
func (z *ZipFile) end64(e *end) error {
	wants := e.dirSize == unset32 || e.dirAt == unset32 || e.members == unset16
	locator := make([]byte, lenLocator)
	if e.at < lenLocator+lenEnd64 {
		return nil
	}
	if err := readAt(z.r, locator, e.at-lenLocator); err != nil {
		return err
	}
	if string(locator[:4]) != sigLocator {
		return nil // sizes of 2^32-1 can be true, and are checked as such
	}
	// CPython takes the record right before the locator, miniz the one at the
	// offset. The first allows data before the zip.
	at := e.at - lenLocator - lenEnd64
	rec := make([]byte, lenEnd64)
	if err := readAt(z.r, rec, at); err != nil {
		return err
	}
	if said := binary.LittleEndian.Uint64(locator[8:]); string(rec[:4]) != sigEnd64 {
		if said > uint64(e.at-lenLocator-lenEnd64) {
			z.problem(RuleDisagree, e.at-lenLocator, "the zip64 end of central directory is not where its locator says").Unread = true
			return nil
		}
		at = int64(said)
		if err := readAt(z.r, rec, at); err != nil {
			return err
		}
		if string(rec[:4]) != sigEnd64 {
			z.problem(RuleDisagree, e.at-lenLocator, "the zip64 end of central directory is not where its locator says").Unread = true
			return nil
		}
	}
	members, size, dir := binary.LittleEndian.Uint64(rec[32:]), binary.LittleEndian.Uint64(rec[40:]), binary.LittleEndian.Uint64(rec[48:])
	if size > uint64(z.size) || dir > uint64(z.size) {
		z.problem(RuleDisagree, at, "the central directory is said to lie at %d with %d bytes, outside of the file", dir, size).Unread = true
		return nil
	}
	differs := !wants && (int64(size) != e.dirSize || int64(dir) != e.dirAt || members != e.members)
	differs = differs || e.dirSize != unset32 && int64(size) != e.dirSize || e.dirAt != unset32 && int64(dir) != e.dirAt
	if differs {
		z.problem(RuleDisagree, at, "the two ends of central directory (32 and 64 bits) differ: readers may see different files")
	}
	e.dirEnd, e.members, e.dirSize, e.dirAt = at, members, int64(size), int64(dir)
	return nil
}

// directory reads the central directory (section 4.3.12).
func (z *ZipFile) directory(ctx context.Context, e end, limits Limits) error {
	if e.dirSize > e.dirEnd {
		z.problem(RuleDisagree, e.at, "the central directory is said to have %d bytes; %d stand before its end", e.dirSize, e.dirEnd).Unread = true
		return nil
	}
	z.Base = e.dirEnd - e.dirSize - e.dirAt
	switch {
	case z.Base > 0:
		z.problem(RulePolyglot, 0, "%d bytes stand before the zip file: it is something else as well", z.Base)
	case z.Base < 0:
		z.problem(RuleDisagree, e.at, "the central directory is said to begin at %d and to have %d bytes, which ends after byte %d, its end", e.dirAt, e.dirSize, e.dirEnd).Unread = true
		z.Base = 0
	}
	if e.dirSize > limits.directory() {
		z.problem(RuleLimit, e.at, "the central directory has %d bytes; at most %d are read", e.dirSize, limits.directory()).Unread = true
	}
	start := e.dirEnd - e.dirSize
	in := bufio.NewReaderSize(io.NewSectionReader(z.r, start, min(e.dirSize, limits.directory())), 1<<16)
	at := start
	for {
		if len(z.Members)%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		m, n, err := z.central(in, at)
		if err != nil {
			return err
		}
		if m == nil {
			break
		}
		if len(z.Members) == limits.members() {
			z.problem(RuleLimit, at, "the zip file has more than %d members; the others were not looked into", limits.members()).Unread = true
			return nil
		}
		z.Members = append(z.Members, *m)
		at += n
	}
	if at != e.dirEnd && e.dirSize <= limits.directory() {
		z.problem(RuleDisagree, at, "the central directory cannot be read past byte %d; it is said to end at %d", at, e.dirEnd).Unread = true
	}
	if uint64(len(z.Members)) != e.members {
		z.problem(RuleDisagree, e.at, "the zip file is said to have %d members; its directory lists %d", e.members, len(z.Members))
	}
	return nil
}

// central reads one entry; nil at the end or where none begins.
func (z *ZipFile) central(in *bufio.Reader, at int64) (*Member, int64, error) {
	h, err := in.Peek(lenCentral)
	if err != nil || string(h[:4]) != sigCentral {
		if err == io.EOF {
			err = nil
		}
		return nil, 0, err
	}
	le := binary.LittleEndian
	m := &Member{
		flags: le.Uint16(h[8:]), Method: le.Uint16(h[10:]), CRC: le.Uint32(h[16:]),
		Compressed: int64(le.Uint32(h[20:])), Size: int64(le.Uint32(h[24:])), header: int64(le.Uint32(h[42:])),
		r: z.r,
	}
	madeBy, mode := h[5], le.Uint32(h[38:])>>16
	nameLen, extraLen, commentLen := int(le.Uint16(h[28:])), int(le.Uint16(h[30:])), int(le.Uint16(h[32:]))
	rest := make([]byte, lenCentral+nameLen+extraLen)
	if _, err := io.ReadFull(in, rest); err != nil {
		return nil, 0, atEnd(err)
	}
	if n, err := in.Discard(commentLen); err != nil || n != commentLen {
		return nil, 0, atEnd(err)
	}
	m.Name = string(rest[lenCentral : lenCentral+nameLen])
	extra := rest[lenCentral+nameLen:]
	if !wide(extra, &m.Size, &m.Compressed, &m.header) {
		m.problem(RuleDisagree, at, "the zip64 field of %s in the central directory is too short", quote(m.Name)).Unread = true
	}
	if other, ok := unicodePath(extra); ok && other != m.Name {
		m.problem(RuleDisagree, at, "%s has another name (%s) in a field that only some readers know", quote(m.Name), quote(other))
	}
	if why := pathProblem(m.Name); why != "" {
		m.problem(RulePath, at, "the name %s %s", quote(m.Name), why)
	}
	if (madeBy == 3 || madeBy == 19) && mode&modeType == modeSymlink { // Unix, macOS
		m.problem(RulePath, at, "%s is a symbolic link", quote(m.Name))
	}
	if m.Size < 0 || m.Compressed < 0 || m.header < 0 || m.header > z.size-z.Base {
		m.problem(RuleDisagree, at, "%s is said to lie outside of the file", quote(m.Name)).Unread = true
		m.Size, m.Compressed, m.header, m.r = max(m.Size, 0), 0, 0, nil
	}
	m.header += z.Base
	return m, int64(len(rest) + commentLen), nil
}

func (m *Member) problem(rule string, at int64, format string, args ...any) *Problem {
	p := &Problem{Rule: rule, Offset: at, Message: fmt.Sprintf(format, args...)}
	m.Problems = append(m.Problems, p)
	return p
}

// wide replaces values of 2^32-1 by those of the zip64 field (section 4.5.3),
// which holds only these, in this order.
func wide(extra []byte, values ...*int64) bool {
	field, ok := extraField(extra, extraZip64)
	for _, v := range values {
		if *v != unset32 {
			continue
		}
		if !ok {
			return true // the value may be meant
		}
		if len(field) < 8 {
			return false
		}
		n := binary.LittleEndian.Uint64(field)
		if n > 1<<62 {
			*v = -1
		} else {
			*v = int64(n)
		}
		field = field[8:]
	}
	return true
}

func extraField(extra []byte, id uint16) ([]byte, bool) {
	for len(extra) >= 4 {
		n := int(binary.LittleEndian.Uint16(extra[2:]))
		if n > len(extra)-4 {
			return nil, false
		}
		if binary.LittleEndian.Uint16(extra) == id {
			return extra[4 : 4+n], true
		}
		extra = extra[4+n:]
	}
	return nil, false
}

// unicodePath is the name that Info-ZIP's field has (APPNOTE 4.6.9), which
// CPython takes since 3.13.
func unicodePath(extra []byte) (string, bool) {
	f, ok := extraField(extra, extraUPath)
	if !ok || len(f) < 5 || f[0] != 1 {
		return "", false
	}
	return string(f[5:]), true
}

// local holds the header in front of the data against the directory.
func (z *ZipFile) local(m *Member) error {
	if m.r == nil {
		return nil
	}
	var buf [lenLocal + 256]byte
	h := buf[:min(int64(len(buf)), max(0, z.size-m.header))]
	if err := readAt(z.r, h, m.header); err != nil {
		return err
	}
	if len(h) < lenLocal || string(h[:4]) != sigLocal {
		m.problem(RuleDisagree, m.header, "there is no header of %s at byte %d", quote(m.Name), m.header).Unread = true
		m.r = nil
		return nil
	}
	le := binary.LittleEndian
	nameLen, extraLen := int(le.Uint16(h[26:])), int(le.Uint16(h[28:]))
	m.Offset = m.header + int64(lenLocal+nameLen+extraLen)
	if m.Offset > z.size || m.Compressed > z.size-m.Offset {
		m.problem(RuleDisagree, m.header, "the data of %s are said to have %d bytes from %d on; the file has %d", quote(m.Name), m.Compressed, m.Offset, z.size).Unread = true
		m.Compressed = max(0, z.size-m.Offset)
	}
	if need := int64(lenLocal + nameLen + extraLen); need > int64(len(h)) && m.Offset <= z.size {
		h = make([]byte, need)
		if err := readAt(z.r, h, m.header); err != nil {
			return err
		}
	}
	if len(h) < lenLocal+nameLen+extraLen {
		return nil
	}
	z.compare(m, h, string(h[lenLocal:lenLocal+nameLen]), h[lenLocal+nameLen:lenLocal+nameLen+extraLen])
	return nil
}

// compare names each field in which a reader that trusts the local header sees
// another file than one that trusts the directory.
func (z *ZipFile) compare(m *Member, h []byte, name string, extra []byte) {
	le := binary.LittleEndian
	flags, method, crc := le.Uint16(h[6:]), le.Uint16(h[8:]), le.Uint32(h[14:])
	compressed, size := int64(le.Uint32(h[18:])), int64(le.Uint32(h[22:]))
	wide(extra, &size, &compressed)
	differ := func(what string, a, b any) {
		m.problem(RuleDisagree, m.header, "%s: the central directory says %s %v, the member's own header %v", quote(m.Name), what, a, b)
	}
	if name != m.Name {
		differ("name", quote(m.Name), quote(name))
	}
	if other, ok := unicodePath(extra); ok && other != name {
		differ("name", quote(m.Name), quote(other))
	}
	if method != m.Method {
		differ("compression method", m.Method, method)
	}
	if flags&(flagsOdd|flagData) != m.flags&(flagsOdd|flagData) {
		differ("flags", fmt.Sprintf("%#x", m.flags), fmt.Sprintf("%#x", flags))
	}
	// With a data descriptor the header may have zeros, for "see below".
	later := flags&flagData != 0
	if crc != m.CRC && !(later && crc == 0) {
		differ("checksum", fmt.Sprintf("%08x", m.CRC), fmt.Sprintf("%08x", crc))
	}
	if compressed != m.Compressed && !(later && (compressed == 0 || compressed == unset32)) {
		differ("compressed size", m.Compressed, compressed)
	}
	if size != m.Size && !(later && (size == 0 || size == unset32)) {
		differ("size", m.Size, size)
	}
	if m.Method == Stored && m.Size != m.Compressed && m.flags&flagCrypt == 0 {
		m.problem(RuleDisagree, m.header, "%s is stored, but its sizes differ: %d and %d", quote(m.Name), m.Compressed, m.Size)
	}
	if odd := (m.flags | flags) & flagsOdd; odd != 0 {
		m.problem(RuleFlags, m.header, "%s has the flag bits %#x (encrypted, patched or masked): some readers refuse it, others ignore them and read on", quote(m.Name), odd)
	}
	m.flags |= flags & flagCrypt
}

// duplicates names members whose name another has: which of them is meant
// depends on the reader.
func (z *ZipFile) duplicates() {
	seen := make(map[string]int, len(z.Members))
	for i := range z.Members {
		m := &z.Members[i]
		if first, twice := seen[m.Name]; twice {
			m.problem(RuleDuplicate, m.header, "%s stands twice in the zip file (bytes %d and %d): readers take the first or the last", quote(m.Name), z.Members[first].header, m.header)
			continue
		}
		seen[m.Name] = i
	}
}

// gaps looks between the members: data that two of them share are how zip bombs
// are made, and a member that only its own header tells of is seen by readers
// that go from the front.
func (z *ZipFile) gaps(e end) error {
	order := make([]*Member, 0, len(z.Members))
	for i := range z.Members {
		if z.Members[i].r != nil {
			order = append(order, &z.Members[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *Member) int { return cmp.Compare(a.header, b.header) })
	at := z.Base
	var head [4]byte
	look := func(from, to int64) error {
		if to-from < lenLocal {
			return nil // a data descriptor, with or without signature
		}
		for _, skip := range []int64{0, 12, 16, 20, 24} { // descriptors, also of zip64
			if from+skip+4 > to {
				break
			}
			if err := readAt(z.r, head[:], from+skip); err != nil {
				return err
			}
			if string(head[:]) == sigLocal {
				z.problem(RuleDisagree, from+skip, "a member at byte %d is not in the central directory: only some readers see it", from+skip)
				return nil
			}
		}
		p := z.problem(RulePolyglot, from, "%d bytes between the members belong to none of them", to-from)
		p.Minor = true
		return nil
	}
	for _, m := range order {
		switch {
		case m.header < at:
			m.problem(RuleLimit, m.header, "%s shares its bytes with another member, as zip bombs do", quote(m.Name))
		case m.header > at:
			if err := look(at, m.header); err != nil {
				return err
			}
		}
		at = max(at, m.Offset+m.Compressed)
	}
	if dir := e.dirEnd - e.dirSize; dir > at && len(z.Problems) == 0 {
		return look(at, dir)
	}
	return nil
}

// readAt fills b, or says that the file became shorter.
func readAt(r io.ReaderAt, b []byte, at int64) error {
	if len(b) == 0 {
		return nil
	}
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// atEnd takes the end of the directory for its end, other errors for errors.
func atEnd(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// HasZip tells whether a file that does not begin like a zip ends like one.
func HasZip(r io.ReaderAt, size int64) (bool, error) {
	z := &ZipFile{r: r, size: size}
	e, err := z.findEnd()
	if err != nil {
		if errors.Is(err, ErrNotZip) {
			return false, nil
		}
		return false, err
	}
	start := e.dirEnd - e.dirSize
	if e.dirSize < lenCentral || start < 0 {
		return false, nil
	}
	var sig [4]byte
	if err := readAt(r, sig[:], start); err != nil {
		return false, err
	}
	return bytes.Equal(sig[:], []byte(sigCentral)), nil
}
