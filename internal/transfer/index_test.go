package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/waybill-dev/waybill/internal/ref"
)

var update = flag.Bool("update", false, "write the golden files")

// exampleIndex has two blobs and every sort of file.
func exampleIndex() *Index {
	sum := func(s string) [32]byte { return sha256.Sum256([]byte(s)) }
	a, b := sum("a"), sum("b")
	return &Index{
		Chunker: Chunker,
		Blobs:   []Blob{{Digest: ref.Of([]byte("pack")), Size: 300}, {Digest: ref.Of([]byte("pack 2")), Size: 70_000}},
		Files: []IndexedFile{
			{Path: "data/a.bin", Size: 1, Digest: ref.FromSum(a[:]), Chunks: []Chunk{{Sum: a, Length: 1}}},
			{Path: "data/ab.bin", Size: 70_001, Digest: ref.Of([]byte("two")), Chunks: []Chunk{{Sum: sum("c"), Blob: 1, Length: 70_000}, {Sum: a, Length: 1}}},
			{Path: "data/b.sh", Size: 299, Digest: ref.FromSum(b[:]), Executable: true, Chunks: []Chunk{{Sum: b, Length: 299, Offset: 1}}},
			{Path: "data/empty", Digest: ref.Of(nil)},
			{Path: "datä.bin", Size: 1, Digest: ref.FromSum(a[:]), Chunks: []Chunk{{Sum: a, Length: 1}}},
		},
	}
}

func encode(t testing.TB, x *Index) []byte {
	t.Helper()
	data, err := x.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func compress(raw []byte) []byte {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return enc.EncodeAll(raw, nil)
}

func decompress(t testing.TB, data []byte) []byte {
	t.Helper()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	raw, err := dec.DecodeAll(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The stored form is frozen: indexes are read by every later release, and the
// same dataset has the same index.
func TestIndexGolden(t *testing.T) {
	data := encode(t, exampleIndex())
	raw := decompress(t, data)
	for file, got := range map[string][]byte{
		"testdata/index-v1.bin": data,
		"testdata/index-v1.hex": []byte(hex.Dump(raw)), // before compression
	} {
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the stored form of indexes changed:\n%s", file, hex.Dump(got))
		}
	}
	x, err := DecodeIndex(data)
	if err != nil || !reflect.DeepEqual(x, exampleIndex()) {
		t.Errorf("read back: %+v, %v", x, err)
	}
}

// randomIndex is consistent and has n files.
func randomIndex(rnd *rand.Rand, n int) *Index {
	x := &Index{Chunker: Chunker}
	b := &fillBlobs{x: x, rnd: rnd}
	for i := range n {
		f := IndexedFile{Path: fmt.Sprintf("%c/%05d%0*d", 'a'+i*26/n, i, rnd.IntN(9), 0), Executable: rnd.IntN(4) == 0}
		for range rnd.IntN(4) {
			c := b.chunk()
			f.Chunks = append(f.Chunks, c)
			f.Size += int64(c.Length)
		}
		switch len(f.Chunks) {
		case 0:
			f.Digest = noBytes
		case 1:
			f.Digest = ref.FromSum(f.Chunks[0].Sum[:])
		default:
			f.Digest = ref.Of([]byte(f.Path))
		}
		x.Files = append(x.Files, f)
	}
	return x
}

type fillBlobs struct {
	x    *Index
	rnd  *rand.Rand
	made []Chunk
}

func (b *fillBlobs) chunk() Chunk {
	if len(b.made) > 0 && b.rnd.IntN(5) == 0 {
		return b.made[b.rnd.IntN(len(b.made))]
	}
	if len(b.x.Blobs) == 0 || b.rnd.IntN(50) == 0 {
		b.x.Blobs = append(b.x.Blobs, Blob{Digest: ref.Of(fmt.Append(nil, len(b.x.Blobs)))})
	}
	last := len(b.x.Blobs) - 1
	blob := &b.x.Blobs[last]
	c := Chunk{Blob: uint32(last), Offset: blob.Size, Length: 1 + b.rnd.Uint32N(100_000)}
	c.Sum = sha256.Sum256(fmt.Append(nil, last, blob.Size))
	blob.Size += int64(c.Length)
	b.made = append(b.made, c)
	return c
}

func TestIndexRoundTrip(t *testing.T) {
	for seed := range uint64(50) {
		x := randomIndex(rand.New(rand.NewPCG(seed, 0)), 1+int(seed)*7)
		data := encode(t, x)
		got, err := DecodeIndex(data)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !reflect.DeepEqual(got, x) {
			t.Fatalf("seed %d: differs", seed)
		}
		if !bytes.Equal(encode(t, got), data) {
			t.Fatalf("seed %d: encodes differently", seed)
		}
	}
}

// Whatever is inconsistent is refused on both ways, and the error says where.
func TestIndexRefuses(t *testing.T) {
	for want, damage := range map[string]func(x *Index){
		`chunker ""`:                 func(x *Index) { x.Chunker = "" },
		`chunker "Way bill"`:         func(x *Index) { x.Chunker = "Way bill" },
		"blob 1: digest":             func(x *Index) { x.Blobs[1].Digest = "sha256:00" },
		"has 0 bytes, must":          func(x *Index) { x.Blobs[1].Size = 0 },
		"is listed twice":            func(x *Index) { x.Blobs[1].Digest = x.Blobs[0].Digest },
		"501 blobs":                  func(x *Index) { x.Blobs = make([]Blob, 501) },
		"does not come after":        func(x *Index) { x.Files[1].Path = "data/a.bin" },
		`file "data/a": does not`:    func(x *Index) { x.Files[1].Path = "data/a" },
		`file "../a"`:                func(x *Index) { x.Files[0].Path = "../a" },
		`file "/a"`:                  func(x *Index) { x.Files[0].Path = "/a" },
		`file ""`:                    func(x *Index) { x.Files[0].Path = "" },
		`file "."`:                   func(x *Index) { x.Files[0].Path = "." },
		`file "a//b"`:                func(x *Index) { x.Files[0].Path = "a//b" },
		`file "a/./b"`:               func(x *Index) { x.Files[0].Path = "a/./b" },
		`file "a/"`:                  func(x *Index) { x.Files[0].Path = "a/" },
		`has a \`:                    func(x *Index) { x.Files[0].Path = `a\b` },
		`file "a\nb": its path has`:  func(x *Index) { x.Files[0].Path = "a\nb" },
		`file "a\x00b"`:              func(x *Index) { x.Files[0].Path = "a\x00b" },
		`file "a\xff"`:               func(x *Index) { x.Files[0].Path = "a\xff" },
		"longer than 1024":           func(x *Index) { x.Files[0].Path = strings.Repeat("a", 1025) },
		"cannot have the digest":     func(x *Index) { x.Files[3].Digest = x.Files[0].Digest },
		"1 bytes cannot have":        func(x *Index) { x.Files[0].Digest = ref.Of(nil) },
		"its chunks have 0 bytes":    func(x *Index) { x.Files[0].Chunks = nil },
		"the file has 2":             func(x *Index) { x.Files[0].Size = 2 },
		"the file has 0":             func(x *Index) { x.Files[3].Chunks = x.Files[0].Chunks },
		"lies in blob 2, and":        func(x *Index) { x.Files[0].Chunks[0].Blob = 2 },
		"chunk 0 has 0 bytes":        func(x *Index) { x.Files[0].Chunks[0].Length = 0 },
		"chunk 0 has 67108865":       func(x *Index) { x.Files[0].Chunks[0].Length = MaxChunk + 1 },
		"reaches from 300":           func(x *Index) { x.Files[0].Chunks[0].Offset = 300 },
		"reaches from -1":            func(x *Index) { x.Files[0].Chunks[0].Offset = -1 },
		"9223372036854775807 over":   func(x *Index) { x.Files[0].Chunks[0].Offset = 1<<63 - 1 },
		"share bytes of blob":        func(x *Index) { x.Files[2].Chunks[0].Offset = 0 },
		`"data/a.bin" and "data/ab.`: func(x *Index) { x.Files[1].Chunks[1].Sum[0]++ },
		"only chunk has another":     func(x *Index) { x.Files[0].Chunks[0].Sum[0]++ },
		"must have 0 to":             func(x *Index) { x.Files[0].Size = -1 },
		"blob 0, sha256":             func(x *Index) { x.Blobs[0].Size = 1<<50 + 1 },
	} {
		x := exampleIndex()
		damage(x)
		if _, err := x.Encode(); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "encode chunk index: ") {
			t.Errorf("encode: got %v, want %s", err, want)
		}
		raw, err := x.appendRaw(nil)
		if err != nil {
			continue // has no form at all
		}
		if strings.Contains(want, "only chunk") {
			continue // is not stored
		}
		if _, err := DecodeIndex(compress(raw)); err == nil || !strings.HasPrefix(err.Error(), "chunk index: ") {
			t.Errorf("decode: got %v, want %s", err, want)
		}
	}
}

// Repeating one blob a thousand times is what small inputs do to fill disks.
func TestIndexRefusesRepetition(t *testing.T) {
	const chunk = MaxChunk
	x := &Index{Chunker: Chunker, Blobs: []Blob{{Digest: ref.Of([]byte("b")), Size: chunk}}}
	sum := sha256.Sum256([]byte("b"))
	f := IndexedFile{Path: "a", Digest: ref.Of([]byte("a"))}
	for range 1016 { // 1000 times the blob, and a gigabyte
		f.Chunks = append(f.Chunks, Chunk{Sum: sum, Length: chunk})
		f.Size += chunk
	}
	x.Files = []IndexedFile{f}
	data := encode(t, x)
	if _, err := DecodeIndex(data); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
	for range 2000 {
		x.Files[0].Chunks = append(x.Files[0].Chunks, Chunk{Sum: sum, Length: chunk})
		x.Files[0].Size += chunk
	}
	raw, err := x.appendRaw(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeIndex(compress(raw)); err == nil || !strings.Contains(err.Error(), "more than 1000 to 1") {
		t.Errorf("got %v", err)
	}
}

// Damaged bytes: cut off anywhere, continued, or with numbers that lie.
func TestDecodeIndexRefusesBytes(t *testing.T) {
	raw := decompress(t, encode(t, exampleIndex()))
	for n := range raw {
		if _, err := DecodeIndex(compress(raw[:n])); err == nil {
			t.Errorf("%d of %d bytes were read as an index", n, len(raw))
		}
	}
	head := []byte(indexMagic + "\x09" + Chunker)
	large := func(n uint64) []byte { return binary.AppendUvarint(nil, n) }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	blob := join([]byte{1}, make([]byte, 32), []byte{9})
	file := func(tail ...byte) []byte { return join(head, blob, []byte{1}, tail) }
	for want, in := range map[string][]byte{
		"does not begin":                 []byte("waybill index 2\n"),
		"bytes after its end":            append(bytes.Clone(raw), 0),
		"larger than":                    join(head, large(1<<63)),
		"longer than it need be":         join(head, []byte{0x80, 0}),
		"has 501 blobs":                  join(head, large(501)),
		"500 blobs and ends before them": join(head, large(500)),
		"2000001 files":                  join(head, []byte{0}, large(2_000_001)),
		"2000000 files and ends":         join(head, []byte{0}, large(2_000_000)),
		"65 bytes of chunker name":       join([]byte(indexMagic), large(65), make([]byte, 65)),
		"more bytes than there are":      file(append([]byte{1, 1, 'a', 0}, make([]byte, 40)...)...),
		"flags that are not known":       file(append([]byte{0, 1, 'a', 2}, make([]byte, 40)...)...),
		"path is longer than":            file(append([]byte{0, 0x81, 0x8}, make([]byte, 2000)...)...),
		"8000000 chunks and ends":        file(join([]byte{0, 1, 'a', 0, 9}, make([]byte, 32), large(8_000_000))...),
		"8000001 chunks, more":           file(join([]byte{0, 1, 'a', 0, 9}, make([]byte, 32), large(8_000_001))...),
		"2 chunks and ends":              file(join([]byte{0, 1, 'a', 0, 9}, make([]byte, 32), []byte{2}, make([]byte, 60))...),
		"chunk 0 lies in blob 600":       file(join([]byte{0, 1, 'a', 0, 9}, make([]byte, 32), []byte{1}, large(600), []byte{0, 9})...),
	} {
		if _, err := DecodeIndex(compress(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	// The same path in another form: it shares more than it says.
	x := exampleIndex()
	x.Files = x.Files[:2]
	raw, err := x.appendRaw(nil)
	if err != nil {
		t.Fatal(err)
	}
	canonical := []byte("\x06\x05b.bin\x00")
	if !bytes.Contains(raw, canonical) {
		t.Fatalf("no %q in %q", canonical, raw)
	}
	raw = bytes.Replace(raw, canonical, []byte("\x05\x06ab.bin\x00"), 1)
	if _, err := DecodeIndex(compress(raw)); err == nil || !strings.Contains(err.Error(), "shares more bytes than it says") {
		t.Errorf("got %v", err)
	}
	for _, data := range [][]byte{nil, []byte("x"), encode(t, exampleIndex())[:60], make([]byte, maxIndex+1)} {
		if _, err := DecodeIndex(data); err == nil {
			t.Errorf("%d bytes were read as an index", len(data))
		}
	}
}

// A few bytes never make much of memory, whatever they say.
func TestDecodeIndexBombs(t *testing.T) {
	zeros := compress(append([]byte(indexMagic), make([]byte, 64<<20)...))
	// A frame that says it holds 500 MiB and ends.
	liar := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0x40, 0x1f, 1, 0, 0}
	// Paths of a kilobyte, 300 MB of them, that differ in few bytes.
	paths := []byte(indexMagic + "\x09" + Chunker + "\x00")
	paths = binary.AppendUvarint(paths, 300_000)
	for i := range 300_000 {
		shared, rest := 1000, fmt.Sprintf("%07d", i)
		if i == 0 {
			shared, rest = 0, strings.Repeat("a", 1000)+rest
		} else {
			before := fmt.Sprintf("%07d", i-1)
			for before[shared-1000] == rest[shared-1000] {
				shared++
			}
			rest = rest[shared-1000:]
		}
		paths = binary.AppendUvarint(paths, uint64(shared))
		paths = binary.AppendUvarint(paths, uint64(len(rest)))
		paths = append(paths, rest...)
		paths = append(paths, 0, 0)
		sum := sha256.Sum256(fmt.Append(nil, i))
		paths = append(paths, sum[:]...)
		paths = append(paths, 0)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
		most uint64
	}{
		"zeros": {zeros, "decompress", 200 << 20},
		"liar":  {liar, "decompress", 8 << 20},
		"paths": {compress(paths), "all paths together", 500 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := DecodeIndex(c.data)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > c.most {
			t.Errorf("%s: %d bytes of index made %d of memory", name, len(c.data), n)
		}
	}
}

// millionFiles is an index of n small files in packs.
func millionFiles(n int) *Index {
	x := &Index{Chunker: Chunker, Files: make([]IndexedFile, n)}
	for i := range x.Files {
		if i%10_000 == 0 {
			x.Blobs = append(x.Blobs, Blob{Digest: ref.Of(fmt.Append(nil, "pack", i)), Size: 100 << 20})
		}
		sum := sha256.Sum256(fmt.Append(nil, i))
		x.Files[i] = IndexedFile{
			Path: fmt.Sprintf("images/%04d/%08d.jpg", i/1000, i), Size: 10_000, Digest: ref.FromSum(sum[:]),
			Chunks: []Chunk{{Sum: sum, Blob: uint32(len(x.Blobs) - 1), Length: 10_000, Offset: int64(i%10_000) * 10_000}},
		}
	}
	return x
}

// A million small files are an index that can be held: less than 400 bytes for
// each while it is read.
func TestDecodeIndexMemory(t *testing.T) {
	const n = 100_000
	data := encode(t, millionFiles(n))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x, err := DecodeIndex(data)
	runtime.ReadMemStats(&after)
	if err != nil || len(x.Files) != n {
		t.Fatal(err)
	}
	if used := (after.TotalAlloc - before.TotalAlloc) / n; used > 400 {
		t.Errorf("%d bytes a file were allocated", used)
	}
	if stored := len(data) / n; stored > 60 {
		t.Errorf("%d bytes a file are stored", stored)
	}
}

func BenchmarkIndex(b *testing.B) {
	x := millionFiles(100_000)
	data, err := x.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := x.Encode(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeIndex(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// FuzzIndex mutates the form before compression, where it is dense.
func FuzzIndex(f *testing.F) {
	for n := range 4 {
		raw, err := randomIndex(rand.New(rand.NewPCG(uint64(n), 0)), 1+n).appendRaw(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	raw, err := exampleIndex().appendRaw(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(indexMagic))
	f.Fuzz(func(t *testing.T, raw []byte) {
		x, err := parseIndex(raw)
		if err != nil {
			return
		}
		if err := x.check(); err != nil {
			return
		}
		// There is one form, and it stays consistent.
		again, err := x.appendRaw(nil)
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%q was read and written as %q, %v", raw, again, err)
		}
	})
}

// FuzzDecodeIndex sees what a registry sends.
func FuzzDecodeIndex(f *testing.F) {
	f.Add(encode(f, exampleIndex()))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0x40, 0x1f, 1, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := DecodeIndex(data)
		if err != nil {
			return
		}
		if _, err := x.Encode(); err != nil {
			t.Fatal(err)
		}
	})
}
