package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

// noise is n bytes that are the same on every machine.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func split(t testing.TB, data []byte, cuts Cuts) []Piece {
	t.Helper()
	pieces, whole, err := Split(context.Background(), "data.bin", bytes.NewReader(data), int64(len(data)), cuts)
	if err != nil {
		t.Fatal(err)
	}
	if whole != ref.Of(data) {
		t.Errorf("whole is %s, want %s", whole, ref.Of(data))
	}
	offset := 0
	for i, p := range pieces {
		if p.Length == 0 || p.Length > MaxChunk {
			t.Fatalf("piece %d has %d bytes", i, p.Length)
		}
		end := offset + int(p.Length)
		if p.Sum != sha256.Sum256(data[offset:end]) {
			t.Fatalf("piece %d has another sum", i)
		}
		offset = end
	}
	if offset != len(data) {
		t.Fatalf("pieces have %d of %d bytes", offset, len(data))
	}
	return pieces
}

func lengths(pieces []Piece) []uint32 {
	var out []uint32
	for _, p := range pieces {
		out = append(out, p.Length)
	}
	return out
}

// opinion is a format that wants chunks to end at ends.
func opinion(shifting bool, ends ...int64) Cuts {
	return func(string, io.ReaderAt, int64) ([]int64, bool, error) { return ends, shifting, nil }
}

// "waybill-1" is frozen: a release that cuts otherwise shares nothing with what
// was pushed before.
func TestChunkerGolden(t *testing.T) {
	table := sha256.New()
	binary.Write(table, binary.BigEndian, gear)
	if got := hex.EncodeToString(table.Sum(nil)); got != "78b82ac27ce0b3938530b0291fc76cc8f08a0f8e3a6fae7182bc4c2a561528a7" {
		t.Errorf("the gear table is %s", got)
	}
	var got strings.Builder
	data := noise(1, 8<<20)
	for _, n := range lengths(split(t, data, nil)) {
		fmt.Fprintln(&got, n)
	}
	const file = "testdata/chunks-v1.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s cuts otherwise:\n%s", Chunker, got.String())
	}
}

// slowCut is cut as it is defined, byte by byte.
func slowCut(p []byte) int {
	h := uint64(0)
	for i, b := range p {
		if i+1 > minCut-cutWindow-1 {
			h = h<<1 + gear[b]
		}
		if i+1 >= minCut && h&0xffff000000000000 == 0 || i+1 == maxCut {
			return i + 1
		}
	}
	return len(p)
}

func TestCut(t *testing.T) {
	data := noise(2, 4<<20)
	var sizes []int
	for p := data; len(p) > 0; {
		n := cut(p[:min(len(p), maxCut)])
		if want := slowCut(p); n != want {
			t.Fatalf("at %d: cuts after %d, want %d", len(data)-len(p), n, want)
		}
		sizes = append(sizes, n)
		p = p[n:]
	}
	if mean := len(data) / len(sizes); mean < 45<<10 || mean > 75<<10 {
		t.Errorf("mean is %d", mean)
	}
	// Ends at every distance from the bounds and from the unrolled eight.
	for n := range 40 {
		for _, length := range []int{n, minCut - 20 + n, maxCut - 39 + n} {
			if got, want := cut(data[n:n+length]), slowCut(data[n:n+length]); got != want {
				t.Errorf("%d bytes: cuts after %d, want %d", length, got, want)
			}
		}
	}
	// The first cut that is possible sees as many bytes as all others.
	for range 4 {
		start := -1
		for h, i := uint64(0), 0; start < 0; i++ {
			h = h<<1 + gear[data[i]]
			// The oldest byte decides: without it the hash is another.
			if i >= cutWindow && h < cutBelow && gear[data[i-cutWindow+1]]&1 == 1 {
				start = i + 1 - minCut
			}
		}
		if n := cut(data[start : start+maxCut]); n != minCut {
			t.Errorf("cuts after %d, want %d", n, minCut)
		}
		data = data[start+minCut:]
	}
	if n := cut(make([]byte, maxCut)); n != slowCut(make([]byte, maxCut)) {
		t.Errorf("zeros: %d", n)
	}
}

// dripping returns less than was asked for, as network file systems may.
type dripping struct{ r io.ReaderAt }

func (d dripping) ReadAt(p []byte, off int64) (int, error) {
	if n := 1 + int(off%7919); n < len(p) {
		return d.r.ReadAt(p[:n], off) // against io.ReaderAt's contract
	}
	return d.r.ReadAt(p, off)
}

func TestSplitReadSizes(t *testing.T) {
	data := noise(3, 3<<20+123)
	for _, cuts := range []Cuts{nil, opinion(false, 100, 1<<20, int64(len(data))), opinion(true, 100, 1<<20, int64(len(data)))} {
		want := split(t, data, cuts)
		got, _, err := Split(context.Background(), "data.bin", dripping{bytes.NewReader(data)}, int64(len(data)), cuts)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %d pieces instead of %d", err, len(got), len(want))
		}
	}
}

func TestSplitSmall(t *testing.T) {
	for _, n := range []int{0, 1, minCut - 1, minCut, targetCut - 1, targetCut} {
		data := noise(4, n)
		want := 1
		if n == 0 {
			want = 0
		}
		// What a format wants does not matter below the target.
		if got := split(t, data, opinion(true, 1, int64(n))); len(got) != want {
			t.Errorf("%d bytes: %d pieces", n, len(got))
		}
	}
	if got := split(t, noise(4, 4*targetCut), nil); len(got) < 2 {
		t.Errorf("%d pieces", len(got))
	}
}

func TestSplitSegments(t *testing.T) {
	const k, m = 1 << 10, 1 << 20
	for name, c := range map[string]struct {
		ends []int64
		want []uint32
	}{
		"as they are":           {[]int64{64 * k, 192 * k, 1 * m}, []uint32{64 * k, 128 * k, 832 * k}},
		"small ones join":       {[]int64{10 * k, 40 * k, 70 * k, 80 * k, 1 * m}, []uint32{70 * k, 10 * k, 944 * k}},
		"not across large ones": {[]int64{1, 200 * k, 200*k + 1, 400 * k, 400*k + 1}, []uint32{1, 200*k - 1, 1, 200*k - 1, 1}},
		"one":                   {[]int64{16 * m}, []uint32{16 * m}},
		"long ones are divided": {[]int64{64 * k, 64*k + 16*m + 1, 64*k + 33*m}, []uint32{64 * k, 4 * m, 4 * m, 4 * m, 4 * m, 1, 4 * m, 4 * m, 4 * m, 4 * m, 1*m - 1}},
	} {
		data := noise(5, int(c.ends[len(c.ends)-1]))
		if got := lengths(split(t, data, opinion(false, c.ends...))); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	// Shifting ones are cut by content, each from its beginning.
	data := noise(6, 2*m)
	want := append(split(t, data[:m/2], nil), split(t, data[m/2:], nil)...)
	if got := split(t, data, opinion(true, m/2, 2*m)); !slices.Equal(got, want) {
		t.Errorf("shifting: got %v, want %v", lengths(got), lengths(want))
	}
}

// What a format says of a damaged file is not heard.
func TestSplitWrongCuts(t *testing.T) {
	data := noise(7, 1<<20)
	size := int64(len(data))
	want := split(t, data, nil)
	for name, cuts := range map[string]Cuts{
		"none":           opinion(false),
		"beyond":         opinion(false, 100, size+1),
		"too early":      opinion(false, 100, size-1),
		"descending":     opinion(false, 300, 200, size),
		"equal":          opinion(false, 300, 300, size),
		"zero":           opinion(false, 0, size),
		"negative":       opinion(true, -1, size),
		"beyond, inside": opinion(true, size+1, size),
		"failing": func(string, io.ReaderAt, int64) ([]int64, bool, error) {
			return []int64{size / 2, size}, false, errors.New("no such format")
		},
	} {
		if got := split(t, data, cuts); !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, lengths(got))
		}
	}
}

// changedBytes is how much of after is not in before.
func changedBytes(before, after []Piece) int {
	had := map[[32]byte]bool{}
	for _, p := range before {
		had[p.Sum] = true
	}
	n := 0
	for _, p := range after {
		if !had[p.Sum] {
			n += int(p.Length)
		}
	}
	return n
}

// One edit costs a few chunks, wherever it is: at most four of them.
func TestSplitEdits(t *testing.T) {
	data := noise(8, 4<<20)
	before := split(t, data, nil)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		at := rnd.IntN(len(data))
		n := 1 + rnd.IntN(2000)
		var after []byte
		new := n
		switch i % 4 {
		case 0:
			after = slices.Concat(data[:at], noise(byte(i), n), data[at:])
		case 1:
			after = slices.Concat(data[:at], data[min(at+n, len(data)):])
			new = 0
		case 2:
			after = slices.Clone(data)
			after[at] ^= 1
			new = 1
		case 3:
			after = slices.Concat(data, noise(byte(i), n))
		}
		if got := changedBytes(before, split(t, after, nil)); got > new+4*maxCut {
			t.Errorf("edit %d of %d bytes at %d: %d bytes are new", i, n, at, got)
		}
	}
	if got := changedBytes(before, split(t, slices.Concat(noise(9, 1000), data), nil)); got > 2*maxCut {
		t.Errorf("1000 bytes before all: %d are new", got)
	}
}

func TestSplitErrors(t *testing.T) {
	data := noise(10, 2<<20)
	_, _, err := Split(context.Background(), "short.bin", bytes.NewReader(data[:1<<20]), int64(len(data)), nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "read short.bin: ") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, cuts := range []Cuts{nil, opinion(false, int64(len(data)))} {
		if _, _, err := Split(ctx, "data.bin", bytes.NewReader(data), int64(len(data)), cuts); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

func TestPlainIndex(t *testing.T) {
	large, small := noise(11, 1<<20), []byte("small")
	files := []PlainFile{
		{Path: "z/small.txt", Size: 5, Digest: ref.Of(small), Executable: true},
		{Path: "large.bin", Size: 1 << 20, Digest: ref.Of(large), Pieces: split(t, large, nil)},
		{Path: "empty", Digest: ref.Of(nil)},
		{Path: "same.bin", Size: 1 << 20, Digest: ref.Of(large), Pieces: split(t, large, opinion(false, 1<<19, 1<<20))},
	}
	x, err := PlainIndex(files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeIndex(encode(t, x)); err != nil {
		t.Error(err)
	}
	if want := []Blob{{ref.Of(large), 1 << 20}, {ref.Of(small), 5}}; !slices.Equal(x.Blobs, want) {
		t.Errorf("blobs %v", x.Blobs)
	}
	if files[0].Path != "z/small.txt" {
		t.Error("the caller's files were sorted")
	}
	for i, path := range []string{"empty", "large.bin", "same.bin", "z/small.txt"} {
		if x.Files[i].Path != path {
			t.Errorf("file %d is %s", i, x.Files[i].Path)
		}
	}
	for _, c := range x.Files[1].Chunks {
		if sha256.Sum256(large[c.Offset:c.Offset+int64(c.Length)]) != c.Sum || c.Blob != 0 {
			t.Errorf("chunk %+v lies elsewhere", c)
		}
	}
	if len(x.Files[1].Chunks) < 2 || !x.Files[3].Executable || x.Files[0].Chunks != nil {
		t.Errorf("%+v", x.Files)
	}
	if _, err := PlainIndex([]PlainFile{{Path: "a", Size: MaxChunk + 1, Digest: ref.Of(large)}}); err == nil || !strings.Contains(err.Error(), "index a: ") {
		t.Errorf("got %v", err)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(noise(12, 300_000), int64(100_000), int64(50_000), true)
	f.Add(noise(12, 200_000), int64(0), int64(-1), false)
	f.Fuzz(func(t *testing.T, data []byte, a, b int64, shifting bool) {
		split(t, data, opinion(shifting, a, a+b, int64(len(data))))
	})
}

func BenchmarkCut(b *testing.B) {
	data := noise(13, 16<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		for p := data; len(p) > 0; {
			p = p[cut(p[:min(len(p), maxCut)]):]
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	data := noise(13, 64<<20)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Split(context.Background(), "data.bin", bytes.NewReader(data), int64(len(data)), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// Without the digest of the whole the chunks are the same.
func TestSplitWithoutWhole(t *testing.T) {
	for _, size := range []int64{0, 1, targetCut, 3 << 20} {
		data := noise(7, int(size))
		for _, cuts := range []Cuts{nil, func(_ string, _ io.ReaderAt, size int64) ([]int64, bool, error) { return []int64{size}, false, nil }} {
			want, _, err := Split(context.Background(), "x", bytes.NewReader(data), size, cuts)
			if err != nil {
				t.Fatal(err)
			}
			got, err := splitInto(context.Background(), "x", bytes.NewReader(data), size, cuts, nil)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d bytes: %v, want %v (%v)", size, got, want, err)
			}
		}
	}
}
