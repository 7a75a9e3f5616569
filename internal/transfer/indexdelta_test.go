package transfer

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

// changedIndex is x with some files gone, some new, and some in other places.
func changedIndex(rnd *rand.Rand, x *Index) *Index {
	blob := Blob{Digest: ref.Of([]byte{byte(rnd.Uint32()), 1, 2}), Size: 1 << 30}
	y := &Index{Chunker: x.Chunker, Blobs: append([]Blob{blob}, x.Blobs...)}
	at := int64(0)
	for _, f := range x.Files {
		g := f
		g.Chunks = nil
		for _, c := range f.Chunks {
			c.Blob++
			g.Chunks = append(g.Chunks, c)
		}
		switch rnd.IntN(6) {
		case 0:
			continue
		case 1:
			content := []byte(f.Path + "!")
			sum, _ := sumOf(ref.Of(content))
			g.Size, g.Digest, g.Chunks = int64(len(content)), ref.Of(content), []Chunk{{Sum: sum, Length: uint32(len(content)), Offset: at}}
			at += g.Size
		case 2:
			g.Executable = !g.Executable
		}
		y.Files = append(y.Files, g)
		if rnd.IntN(5) == 0 {
			g.Path += "-new"
			if len(g.Chunks) > 0 && g.Path < "zzzz" {
				y.Files = append(y.Files, g)
			}
		}
	}
	return y
}

func TestIndexDelta(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 60 {
		base := randomIndex(rnd, n)
		whole := changedIndex(rnd, base)
		if whole.check() != nil {
			continue // two new names met
		}
		stored := ref.Of(encode(t, base))
		data, err := whole.Delta(base, stored).Encode()
		if err != nil {
			t.Fatal(err)
		}
		d, err := DecodeIndexDelta(data)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Apply(base)
		if err != nil {
			t.Fatal(err)
		}
		if d.Base != stored || string(encode(t, got)) != string(encode(t, whole)) {
			t.Fatalf("%d files: the delta gives another index", n)
		}
	}
	// What did not change costs next to nothing.
	base := millionFiles(20_000)
	whole := &Index{Chunker: base.Chunker, Blobs: base.Blobs, Files: append([]IndexedFile(nil), base.Files...)}
	whole.Files[777].Executable = true
	data, err := whole.Delta(base, ref.Of(nil)).Encode()
	if err != nil || len(data) > 500 {
		t.Errorf("%d bytes for one changed file of 20,000 (%v)", len(data), err)
	}
}

func TestIndexDeltaRefuses(t *testing.T) {
	base := exampleIndex()
	good := func() *IndexDelta {
		return &IndexDelta{Base: ref.Of(nil), Changed: Index{Chunker: base.Chunker, Blobs: base.Blobs}}
	}
	for want, change := range map[string]func(*IndexDelta){
		"is both removed":        func(d *IndexDelta) { d.Removed, d.Changed.Files = []string{base.Files[0].Path}, base.Files[:1] },
		"does not come after":    func(d *IndexDelta) { d.Removed = []string{"b", "a"} },
		"not a clean":            func(d *IndexDelta) { d.Removed = []string{"../a"} },
		"does not have it":       func(d *IndexDelta) { d.Removed = []string{"never"} },
		"is not listed any more": func(d *IndexDelta) { d.Changed.Blobs = nil },
		"has two sizes":          func(d *IndexDelta) { d.Changed.Blobs = []Blob{{base.Blobs[0].Digest, base.Blobs[0].Size + 1}} },
		"chunker":                func(d *IndexDelta) { d.Changed.Chunker = "" },
	} {
		d := good()
		change(d)
		_, err := d.Encode()
		if err == nil {
			_, err = d.Apply(base)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, raw := range []string{"", indexMagic, deltaMagic, deltaMagic + strings.Repeat("x", 32), deltaMagic + strings.Repeat("x", 32) + "\xff\xff\xff\x7f"} {
		if _, err := DecodeIndexDelta(compress([]byte(raw))); err == nil {
			t.Errorf("%q was accepted", raw)
		}
	}
}

func FuzzDecodeIndexDelta(f *testing.F) {
	base := exampleIndex()
	raw := func(d *IndexDelta) []byte {
		data, err := d.Encode()
		if err != nil {
			f.Fatal(err)
		}
		return decompress(f, data)
	}
	f.Add(raw(&IndexDelta{Base: ref.Of(nil), Removed: []string{"x"}, Changed: *base}))
	f.Add(raw((&Index{Chunker: "c", Blobs: base.Blobs}).Delta(base, ref.Of(nil))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := DecodeIndexDelta(compress(raw))
		if err != nil {
			return
		}
		data, err := d.Encode()
		if err != nil {
			t.Fatalf("read and not written: %v", err)
		}
		again, err := DecodeIndexDelta(data)
		if err != nil || !reflect.DeepEqual(d, again) {
			t.Fatalf("%+v became %+v (%v)", d, again, err)
		}
		if x, err := d.Apply(base); err == nil && x.check() != nil {
			t.Fatal("applied, and not consistent")
		}
	})
}
