package modelarchive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// entry is a member to write.
type entry struct {
	name   string
	method uint16
	data   string
}

// zipOf writes headers with true sizes and no data descriptors, as torch and
// Python do.
func zipOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: e.method}
		var err error
		var f io.Writer
		if e.method == Stored {
			h.CRC32, h.UncompressedSize64, h.CompressedSize64 = crc32.ChecksumIEEE([]byte(e.data)), uint64(len(e.data)), uint64(len(e.data))
			f, err = w.CreateRaw(h)
		} else {
			f, err = w.CreateHeader(h)
		}
		if err == nil {
			_, err = io.WriteString(f, e.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, b []byte) *ZipFile {
	t.Helper()
	z, err := OpenZip(context.Background(), bytes.NewReader(b), int64(len(b)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// rulesOf are the problems of a zip file, those of reading it included.
func rulesOf(z *ZipFile) []string {
	var out []string
	for _, p := range z.Problems {
		out = append(out, p.Rule)
	}
	for i := range z.Members {
		m := &z.Members[i]
		for _, p := range m.Problems {
			out = append(out, p.Rule)
		}
		r, err := m.Open()
		if err == nil {
			_, err = io.Copy(io.Discard, io.LimitReader(r, 1<<22))
			r.Close()
		}
		var p *Problem
		if errors.As(err, &p) {
			out = append(out, p.Rule)
		} else if err != nil {
			out = append(out, "error "+err.Error())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func set16(at int, v uint16) func([]byte) []byte {
	return func(b []byte) []byte { binary.LittleEndian.PutUint16(b[at:], v); return b }
}

func TestZipProblems(t *testing.T) {
	a, other := entry{"a/data.pkl", Stored, "hello world"}, entry{"a/x", Deflate, strings.Repeat("abc", 1000)}
	plain := zipOf(t, a, other)
	dir := bytes.Index(plain, []byte(sigCentral))
	end := bytes.LastIndex(plain, []byte(sigEnd))
	symlink := func() []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		h := &zip.FileHeader{Name: "l"}
		h.SetMode(0o777 | 1<<27) // fs.ModeSymlink
		f, _ := w.CreateHeader(h)
		io.WriteString(f, "/etc/passwd")
		w.Close()
		return b.Bytes()
	}()
	for _, c := range []struct {
		name string
		file []byte
		edit func([]byte) []byte
		want string
	}{
		{"plain", plain, nil, ""},
		{"empty", zipOf(t), nil, ""},
		{"a comment is fine", plain, func(b []byte) []byte { b[end+20] = 3; return append(b, "hey"...) }, ""},
		{"a comment that is a zip's end", plain, func(b []byte) []byte {
			b[end+20] = 22
			return append(b, b[end:end+22]...)
		}, "ARC004 ARC011"},
		{"prefix", plain, func(b []byte) []byte { return append([]byte("GIF89a"), b...) }, "ARC011"},
		{"suffix", plain, func(b []byte) []byte { return append(b, "more"...) }, "ARC011"},
		{"encrypted mark, directory", plain, set16(dir+8, 1), "ARC002 ARC004"},
		{"patched mark, both", plain, func(b []byte) []byte { return set16(dir+8, 0x20)(set16(6, 0x20)(b)) }, "ARC002"},
		{"strong encryption mark", plain, func(b []byte) []byte { return set16(dir+8, 0x40)(set16(6, 0x40)(b)) }, "ARC002"},
		{"really encrypted", plain, func(b []byte) []byte {
			b[lenLocal+len(a.name)] ^= 1
			return set16(dir+8, 1)(set16(6, 1)(b))
		}, "ARC002 ARC008"},
		{"checksum", plain, func(b []byte) []byte { b[lenLocal+len(a.name)] ^= 1; return b }, "ARC003"},
		{"checksum of the directory", plain, func(b []byte) []byte { b[dir+16] ^= 1; return b }, "ARC003 ARC004"},
		{"name", plain, func(b []byte) []byte { b[dir+lenCentral] = 'b'; return b }, "ARC004"},
		{"method", plain, set16(8, 8), "ARC004"},
		{"size", plain, func(b []byte) []byte { b[22]++; return b }, "ARC004"},
		{"size of the directory", plain, func(b []byte) []byte { b[dir+24]++; return b }, "ARC004"},
		{"unknown method", plain, func(b []byte) []byte { return set16(dir+10, 97)(set16(8, 97)(b)) }, "ARC009"},
		{"AES", plain, func(b []byte) []byte { return set16(dir+10, 99)(set16(8, 99)(b)) }, "ARC008"},
		{"twice", zipOf(t, a, a), nil, "ARC005"},
		{"names alike", zipOf(t, a, entry{"A/data.pkl", Stored, "x"}), nil, ""},
		{"up", zipOf(t, entry{"a/../../x", Stored, "x"}), nil, "ARC006"},
		{"up, backslash", zipOf(t, entry{`a\..\..\x`, Stored, "x"}), nil, "ARC006"},
		{"dots in a name", zipOf(t, entry{"a/..b/x...", Stored, "x"}), nil, ""},
		{"absolute", zipOf(t, entry{"/etc/x", Stored, "x"}), nil, "ARC006"},
		{"drive", zipOf(t, entry{"C:x", Stored, "x"}), nil, "ARC006"},
		{"zero byte", zipOf(t, entry{"a.txt\x00.pkl", Stored, "x"}), nil, "ARC006"},
		{"link", symlink, nil, "ARC006"},
		{"members that share bytes", plain, func(b []byte) []byte {
			second := dir + lenCentral + len(a.name)
			copy(b[second+42:second+46], []byte{0, 0, 0, 0})
			return b
		}, "ARC003 ARC004 ARC007 ARC011"},
		{"count", plain, set16(end+10, 7), "ARC004"},
		{"a member outside of the directory", plain, func(b []byte) []byte {
			// The first entry is taken out of the directory.
			n := lenCentral + len(a.name)
			b = slices.Delete(b, dir, dir+n)
			at := end - n
			binary.LittleEndian.PutUint16(b[at+10:], 1)
			binary.LittleEndian.PutUint32(b[at+12:], uint32(at-dir))
			return b
		}, "ARC004"},
	} {
		b := bytes.Clone(c.file)
		if c.edit != nil {
			b = c.edit(b)
		}
		if got := strings.Join(rulesOf(open(t, b)), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestBytesBeforeError: what a careless reader would get is there, then the error.
func TestBytesBeforeError(t *testing.T) {
	b := zipOf(t, entry{"a", Stored, "hello"})
	b[lenLocal+1] ^= 1
	r, err := open(t, b).Members[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	var p *Problem
	if string(got) != "iello" || !errors.As(err, &p) || p.Rule != RuleChecksum || p.Unread {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSection(t *testing.T) {
	z := open(t, zipOf(t, entry{"a", Stored, "hello"}, entry{"b", Deflate, "hello"}))
	if b, err := io.ReadAll(z.Members[0].Section()); err != nil || string(b) != "hello" {
		t.Errorf("stored: %q, %v", b, err)
	}
	if z.Members[1].Section() != nil {
		t.Error("a deflated member has a section")
	}
}

func TestDecompress(t *testing.T) {
	text := strings.Repeat("the quick brown fox ", 5000)
	pack := map[Kind]func(w io.Writer) (io.WriteCloser, error){
		Gzip: func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		Zlib: func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil },
		XZ:   func(w io.Writer) (io.WriteCloser, error) { return xz.WriterConfig{BlockSize: 30_000}.NewWriter(w) },
		LZMA: func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) },
		Zstd: func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		LZ4:  func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil },
		ZFile: func(w io.Writer) (io.WriteCloser, error) {
			io.WriteString(w, "ZF0x186a0              "[:21])
			return zlib.NewWriter(w), nil
		},
	}
	for k, f := range pack {
		var b bytes.Buffer
		w, err := f(&b)
		if err != nil {
			t.Fatal(k, err)
		}
		io.WriteString(w, text)
		w.Close()
		whole := b.Bytes()
		if got := Sniff(whole[:min(len(whole), SniffLen)]); got != k {
			t.Errorf("%s is taken for %q", k, got)
		}
		r, err := Decompress(k, bytes.NewReader(whole))
		if err != nil {
			t.Fatal(k, err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != text {
			t.Errorf("%s: %d bytes, %v", k, len(got), err)
		}
		for n := range whole { // cut off anywhere: an error, never a hang, a panic or a false end
			if n == 0 || n > 100 && n < len(whole)-50 && n%97 != 0 {
				continue
			}
			r, err := Decompress(k, bytes.NewReader(whole[:n]))
			if err == nil {
				var got []byte
				if got, err = io.ReadAll(r); err == nil && k != LZ4 { // that library takes the end of a block for the end
					t.Errorf("%s cut off at %d ends without an error after %d bytes", k, n, len(got))
				}
			}
		}
	}
	two := func() []byte { // streams one after the other, with padding between
		var b bytes.Buffer
		for range 2 {
			w, _ := xz.NewWriter(&b)
			io.WriteString(w, "ab")
			w.Close()
			b.Write(make([]byte, 4))
		}
		return b.Bytes()
	}()
	r, _ := Decompress(XZ, bytes.NewReader(two))
	if got, err := io.ReadAll(r); err != nil || string(got) != "abab" {
		t.Errorf("two xz streams: %q, %v", got, err)
	}
}

// TestDictionaryBomb: a header of a few bytes must not cost its claim.
func TestDictionaryBomb(t *testing.T) {
	lz := append([]byte{0x5d, 0, 0, 0, 0xc0, 255, 255, 255, 255, 255, 255, 255, 255, 0}, make([]byte, 64)...)
	var b bytes.Buffer
	w, _ := xz.NewWriter(&b)
	io.WriteString(w, "x")
	w.Close()
	x := b.Bytes()
	x[12+4] = 40 // 4 GiB - 1
	n := 12 + (int(x[12])+1)*4
	binary.LittleEndian.PutUint32(x[n-4:], crc32.ChecksumIEEE(x[12:n-4]))
	for k, file := range map[Kind][]byte{LZMA: lz, XZ: x} {
		allocated := allocates(func() {
			r, err := Decompress(k, bytes.NewReader(file))
			if err == nil {
				_, err = io.ReadAll(r)
			}
			if err == nil || !strings.Contains(err.Error(), "dictionary") {
				t.Errorf("%s: %v", k, err)
			}
		})
		if allocated > 4<<20 {
			t.Errorf("%s: %d bytes were allocated", k, allocated)
		}
	}
}

func allocates(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestSniffNearMisses(t *testing.T) {
	for _, s := range []string{"", "xy^2 + y^2", "x^", "BZhello world", "ZFold", "PK", "]\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01", strings.Repeat("1", 512)} {
		if k := Sniff([]byte(s)); k != None {
			t.Errorf("%q is taken for %s", s, k)
		}
	}
}

func TestTar(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []*tar.Header{
		{Name: "a.txt", Size: 2, Mode: 0o644}, {Name: "a.txt", Size: 0}, {Name: "../b"}, {Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		{Name: "in", Typeflag: tar.TypeSymlink, Linkname: "a.txt"}, {Name: "dev", Typeflag: tar.TypeChar},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			io.WriteString(w, "hi")
		}
	}
	w.Close()
	whole := b.Bytes()
	if Sniff(whole[:512]) != Tar {
		t.Error("not taken for a tar")
	}
	var got []string
	read := func(file []byte) error {
		return ReadTar(context.Background(), bytes.NewReader(file), Limits{}, func(m Member, r io.Reader) error {
			s := m.Name
			for _, p := range m.Problems {
				s += " " + p.Rule
				if p.Minor {
					s += "-"
				}
			}
			got = append(got, s)
			_, err := io.Copy(io.Discard, r)
			return err
		})
	}
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a.txt", "a.txt ARC005", "../b ARC006", "l ARC006", "in ARC006-", "dev ARC006"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var p *Problem
	if err := read(whole[:700]); err != nil && !errors.As(err, &p) {
		t.Errorf("cut off: %v", err)
	}
}

// TestDamage: files cut off at every byte, and with random bytes changed, give
// problems or members, never a panic, and never cost more than their size allows.
func TestDamage(t *testing.T) {
	whole := zipOf(t, entry{"a/data.pkl", Stored, "hello"}, entry{"b", Deflate, strings.Repeat("x", 5000)})
	try := func(b []byte) {
		z, err := OpenZip(context.Background(), bytes.NewReader(b), int64(len(b)), Limits{})
		if err == nil {
			rulesOf(z)
		} else if !errors.Is(err, ErrNotZip) {
			t.Fatalf("%v", err)
		}
	}
	allocated := allocates(func() {
		for n := range whole {
			try(whole[:n])
		}
	})
	if each := allocated / uint64(len(whole)); each > 1<<18 {
		t.Errorf("%d bytes were allocated for a file", each)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		b := bytes.Clone(whole)
		for range 1 + random.IntN(4) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		try(b)
	}
}

func FuzzZip(f *testing.F) {
	f.Add(zipOf(f, entry{"a", Stored, "x"}, entry{"b", Deflate, "yy"}))
	f.Add([]byte(sigEnd + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if z, err := OpenZip(context.Background(), bytes.NewReader(b), int64(len(b)), Limits{}); err == nil {
			rulesOf(z)
		}
	})
}

func FuzzDecompress(f *testing.F) {
	for _, s := range []string{"\x1f\x8b\x08", "x\x9c\x03", "\xfd7zXZ\x00\x00\x01", "\x28\xb5\x2f\xfd", "\x04\x22\x4d\x18", "BZh91AY&SY"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if k := Sniff(b[:min(len(b), SniffLen)]); k.Compressed() {
			if r, err := Decompress(k, bytes.NewReader(b)); err == nil {
				io.Copy(io.Discard, io.LimitReader(r, 1<<20))
				r.Close()
			}
		}
	})
}
