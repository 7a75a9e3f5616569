// Package modelarchive looks into the archives and compressed files that models
// come in, as a scanner must: it believes nothing that a file says about
// itself, and what one reader would see and another would not is a [Problem],
// not an error.
//
// [OpenZip] reads zip files from any [io.ReaderAt], directory and local headers
// only; members that are stored can be read in place, so that the weights of a
// PyTorch file are never touched. [ReadTar] walks tar streams, [Decompress]
// takes one layer of compression off. [Sniff] tells which of them fits.
//
// Memory is bounded by [Limits] and, for decompressors, by maxWindow; nothing is
// allocated because a file claims to need it.
package modelarchive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Kind is what an archive or compressed file is, by its content.
type Kind string

// The kinds. Sniff tells them apart by their magic bytes.
const (
	None     Kind = ""
	Zip      Kind = "zip"
	Tar      Kind = "tar"
	Gzip     Kind = "gzip"  // RFC 1952
	Zlib     Kind = "zlib"  // RFC 1950
	ZFile    Kind = "zfile" // joblib before 0.10: "ZF", a length in hexadecimal, zlib
	Bzip2    Kind = "bzip2"
	XZ       Kind = "xz"
	LZMA     Kind = "lzma" // the older form of xz, 13 bytes of header
	Zstd     Kind = "zstd" // RFC 8878
	LZ4      Kind = "lz4"  // its frame format
	SevenZip Kind = "7z"   // recognised only
	Rar      Kind = "rar"  // recognised only
	Cab      Kind = "cab"  // recognised only
)

// Compressed tells whether k is one stream under one compression, for Decompress.
func (k Kind) Compressed() bool {
	switch k {
	case Gzip, Zlib, ZFile, Bzip2, XZ, LZMA, Zstd, LZ4:
		return true
	}
	return false
}

// Opaque tells whether k is recognised but cannot be looked into.
func (k Kind) Opaque() bool { return k == SevenZip || k == Rar || k == Cab }

// SniffLen is how much of the beginning Sniff looks at.
const SniffLen = 512

// Sniff returns what the first bytes of a file say. Zip files need not begin
// with their mark: see [OpenZip].
func Sniff(head []byte) Kind {
	for _, m := range []struct {
		kind  Kind
		magic string
	}{
		{Zip, "PK\x03\x04"}, {Zip, "PK\x05\x06"}, {Zip, "PK\x06\x06"}, // PK 5 6: no members
		{SevenZip, "7z\xbc\xaf\x27\x1c"}, {Rar, "Rar!\x1a\x07"}, {Cab, "MSCF\x00\x00\x00\x00"},
		{Gzip, "\x1f\x8b\x08"}, {XZ, "\xfd7zXZ\x00"}, {Zstd, "\x28\xb5\x2f\xfd"}, {LZ4, "\x04\x22\x4d\x18"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.kind
		}
	}
	switch {
	case isTar(head):
		return Tar
	case len(head) >= 10 && bytes.HasPrefix(head, []byte("BZh")) && '1' <= head[3] && head[3] <= '9' &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90"):
		return Bzip2
	case isZFile(head):
		return ZFile
	case isZlib(head):
		return Zlib
	case isLZMA(head):
		return LZMA
	}
	return None
}

// isZlib holds the two bytes of RFC 1950, section 2.2, to their check: deflate,
// a window of at most 32 KiB, no preset dictionary. Two bytes are a weak mark, so
// the first deflate block must be of a known type; "x^2" passes all the same, and
// whole streams can be printable.
func isZlib(head []byte) bool {
	return len(head) >= 3 && head[0]&0x0f == 8 && head[0]>>4 <= 7 && head[0] == 0x78 &&
		binary.BigEndian.Uint16(head)%31 == 0 && head[1]&0x20 == 0 && head[2]&0x06 != 0x06
}

// isLZMA holds the header of the .lzma format, which has no magic, to what
// liblzma's decoder takes (lzma/alone_decoder.c) of what joblib takes for one (5D
// 00): default properties, any dictionary, a size that is unknown or possible,
// and the zero with which the data begin.
func isLZMA(head []byte) bool {
	if len(head) < 14 || head[0] != 0x5d || head[1] != 0 || head[13] != 0 {
		return false
	}
	dict := binary.LittleEndian.Uint32(head[1:])
	size := binary.LittleEndian.Uint64(head[5:])
	return dict >= 4096 && (size == 1<<64-1 || size > 0 && size < 1<<48)
}

// isZFile tells joblib's old wrapper by its length: digits, in spaces, with 0x
// before and L behind or without (joblib/numpy_pickle_compat.py, read_zfile).
func isZFile(head []byte) bool {
	if len(head) < 2+zfileWidth || string(head[:2]) != "ZF" {
		return false
	}
	text := strings.TrimSuffix(strings.TrimPrefix(strings.Trim(string(head[2:2+zfileWidth]), " "), "0x"), "L")
	if zlibAt := strings.IndexByte(text, 'x'); zlibAt > 0 { // the narrower length of older versions
		text = strings.TrimSuffix(strings.Trim(text[:zlibAt], " "), "L")
	}
	_, err := strconv.ParseUint(text, 16, 64)
	return err == nil
}

// zfileWidth is how many characters the length has.
const zfileWidth = 19

// Limits bound what is read of one archive. The zero value has the defaults.
type Limits struct {
	// Members is how many are listed; default 100,000.
	Members int
	// Directory is how many bytes a zip's central directory may have;
	// default 32 MiB.
	Directory int64
	// DirectoryOnly leaves the members' own headers unread until a member is
	// opened, where each would be a request. Until then Offset is that of the
	// header, and what the headers would tell is not among the Problems: it is
	// for showing what a file holds, not for judging it.
	DirectoryOnly bool
}

func (l Limits) members() int {
	if l.Members > 0 {
		return l.Members
	}
	return 100_000
}

func (l Limits) directory() int64 {
	if l.Directory > 0 {
		return l.Directory
	}
	return 32 << 20
}

// The rules that problems are of.
const (
	RuleFlags     = "ARC002" // flag bits that readers take differently
	RuleChecksum  = "ARC003"
	RuleDisagree  = "ARC004" // the directory and the members' own headers
	RuleDuplicate = "ARC005"
	RulePath      = "ARC006" // names that leave the folder, links
	RuleLimit     = "ARC007" // ratios, totals, depth
	RuleEncrypted = "ARC008"
	RuleOpaque    = "ARC009" // compression or wrapper that cannot be looked into
	RulePolyglot  = "ARC011"
)

// Problem is something about an archive that a reader should not rely on. It is
// also the error with which a member that cannot be read to its end ends.
type Problem struct {
	Rule   string
	Offset int64 // byte of the archive
	// Unread tells that something could not be looked into because of it:
	// the answer is then "not known", not "bad".
	Unread bool
	// Minor tells that honest writers do this as well.
	Minor   bool
	Message string // hostile text in it is quoted and clipped
}

func (p *Problem) Error() string { return p.Message + " (" + p.Rule + ")" }

// quote shows a name that a file gave.
func quote(name string) string {
	const most = 100
	if len(name) > most {
		return fmt.Sprintf("%q…", name[:most])
	}
	return fmt.Sprintf("%q", name)
}

// pathProblem says why a member's name must not be used as a path, or "".
func pathProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case bytes.IndexByte([]byte(name), 0) >= 0:
		return "has a zero byte, at which some readers end it"
	case name[0] == '/' || name[0] == '\\':
		return "is absolute"
	case len(name) > 1 && name[1] == ':' && (name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z'):
		return "names a drive"
	}
	part := 0
	for i := 0; i <= len(name); i++ {
		if i == len(name) || name[i] == '/' || name[i] == '\\' {
			if name[part:i] == ".." {
				return "leaves the folder"
			}
			part = i + 1
		}
	}
	return ""
}
