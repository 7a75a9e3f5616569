package modelarchive

import (
	"archive/tar"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"github.com/ulikunitz/xz/lzma"
)

// TestSniffAsLoadersDo has what Python's readers take and a stricter reader
// would not.
func TestSniffAsLoadersDo(t *testing.T) {
	var z, tarred bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write([]byte("pickle"))
	w.Close()
	tw := tar.NewWriter(&tarred)
	tw.WriteHeader(&tar.Header{Name: "caf\xe9", Uname: "\xff\xff", Format: tar.FormatGNU, Size: 1, Mode: 0o600})
	tw.Write([]byte("x"))
	tw.Close()
	signed := bytes.Clone(tarred.Bytes())
	var sum int64
	for i, b := range signed[:512] {
		if 148 <= i && i < 156 {
			b = ' '
		}
		sum += int64(int8(b))
	}
	copy(signed[148:], fmt.Sprintf("%06o\x00 ", sum))
	cut := bytes.Clone(tarred.Bytes())
	cut[155] = 'x' // behind the zero byte
	for name, c := range map[string]struct {
		data []byte
		want Kind
	}{
		"zlib that is text":                  {[]byte("x^D0Up0IZUnnnnnnnnnnnnnnnnnnnUU5nnnnnn3SUUnUUUwCiudIbEAtwwwEtswGpDttpwwwwwwww"), Zlib},
		"LZMA with an odd dictionary":        {append([]byte("\x5d\x00\x12\x34\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00"), "xyz"...), LZMA},
		"tar with a signed checksum":         {signed, Tar},
		"tar with more behind the checksum":  {cut, Tar},
		"length without 0x":                  {append([]byte(fmt.Sprintf("ZF%-19s", "6")), z.Bytes()...), ZFile},
		"length with a space before":         {append([]byte(fmt.Sprintf("ZF%19s", "0x6")), z.Bytes()...), ZFile},
		"length with one more space":         {append([]byte(fmt.Sprintf("ZF%-20s", "0x6L")), z.Bytes()...), ZFile},
		"zlib with a small window behind ZF": {append([]byte(fmt.Sprintf("ZF%-19s", "0x6")), append([]byte{0x68, 0x05}, z.Bytes()[2:]...)...), ZFile},
	} {
		if got := Sniff(c.data); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
			continue
		}
		if c.want != ZFile {
			continue
		}
		r, err := Decompress(ZFile, bytes.NewReader(c.data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b, err := io.ReadAll(r); string(b) != "pickle" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// A stream that needs too large a dictionary is not taken for no stream.
func TestLargeDictionaryIsKnown(t *testing.T) {
	var b bytes.Buffer
	w, _ := lzma.NewWriter(&b)
	w.Write([]byte("pickle"))
	w.Close()
	data := b.Bytes()
	binary.LittleEndian.PutUint32(data[1:], 1<<30)
	if _, err := Decompress(Sniff(data), bytes.NewReader(data)); !IsTooLarge(err) {
		t.Errorf("error is %v", err)
	}
}
