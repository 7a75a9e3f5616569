package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/internal/canonical"
	"github.com/waybill-dev/waybill/internal/ref"
)

// slowDigest is what ContentDigest promises, by the canonical package alone.
func slowDigest(t testing.TB, files []File) ref.Digest {
	t.Helper()
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	rows := make([][4]any, len(files))
	for i, f := range files {
		rows[i] = [4]any{f.Path, f.Size, f.Digest.Hex(), f.Executable}
	}
	data, err := canonical.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return ref.Of(data)
}

func TestContentDigestIsCanonical(t *testing.T) {
	d := ref.Of(nil)
	var every []File
	for r := rune(0); r < 0x3000; r++ {
		every = append(every, File{Path: fmt.Sprintf("a%cb", r), Size: int64(r), Digest: ref.Of([]byte{byte(r)}), Executable: r%3 == 0})
	}
	for name, files := range map[string][]File{
		"none":                             nil,
		"one":                              {{Path: "a", Size: 1, Digest: d}},
		"unsorted":                         {{Path: "b", Digest: d}, {Path: "a", Digest: d, Executable: true}, {Path: "a.b", Digest: d}, {Path: "a/b", Digest: d}},
		"every rune, more than one buffer": every,
		"odd paths":                        {{Path: `a"b\c`, Digest: d}, {Path: "<&>\u2028\ufffd😀", Digest: d}, {Path: "\x7f", Digest: d}},
		"not UTF-8":                        {{Path: "a\xffb", Digest: d}},
		"sizes":                            {{Path: "a", Size: 1<<53 - 1, Digest: d}, {Path: "b", Size: 1 << 53, Digest: d}, {Path: "c", Size: 1<<62 + 1, Digest: d}, {Path: "d", Size: -5, Digest: d}},
		"no digest":                        {{Path: "a"}, {Path: "b", Digest: `sha256:"`}},
	} {
		before := slices.Clone(files)
		got, err := ContentDigest(files)
		if want := slowDigest(t, files); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
		if !slices.Equal(files, before) {
			t.Errorf("%s: the argument was sorted", name)
		}
	}
}

func FuzzContentDigest(f *testing.F) {
	f.Add("data/a.bin", int64(12), true)
	f.Add("\"\\\n\u2028", int64(1)<<60, false)
	f.Fuzz(func(t *testing.T, path string, size int64, executable bool) {
		files := []File{{Path: path, Size: size, Digest: ref.Of([]byte(path)), Executable: executable}}
		got, err := ContentDigest(files)
		if want := slowDigest(t, files); err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	})
}
