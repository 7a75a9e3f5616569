package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

// Digests of the contents "a" and "b".
const (
	digestA ref.Digest = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
	digestB ref.Digest = "sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
)

func exampleFiles() []File {
	return []File{
		{Path: "model.safetensors", Size: 1, Digest: digestA},
		{Path: "run.sh", Size: 1, Digest: digestB, Executable: true},
		{Path: "sub/ü&.txt", Size: 1, Digest: digestB},
	}
}

// exampleLock has every field.
func exampleLock() *Lock {
	return &Lock{
		APIVersion: APIVersion, Kind: KindModel, Name: "sentiment",
		ContentDigest: "sha256:59df1327d1c0c69534394f941737b9eb445cd860cd5c4c3bc1eed4f77f049413",
		Encoding:      Encoding{Repository: "ghcr.io/acme/reviews/sentiment", Digest: digestB, Size: 512},
		Files:         exampleFiles(),
		Total:         Total{Files: 3, Bytes: 3},
		Facts: &Facts{
			Format: "safetensors", Parameters: 12, Dtypes: map[string]int64{"F32": 8, "BF16": 4},
			Interface: &Interface{
				Inputs:  []Port{{Name: "text", Type: "string", Shape: []int64{-1}}},
				Outputs: []Port{{Name: "score", Type: "float32"}},
				Labels:  []string{"negative", "positive"},
			},
		},
		Evidence: map[string]EvidenceRef{"predictions": {File: "eval/predictions.parquet", Digest: digestA, Size: 1, Model: digestB, Dataset: digestA}},
		Metrics:  map[string]float64{"accuracy": 0.875, "f1": 0.123456789, "loss": 1e-7},
		Lineage: &Lineage{
			Datasets: map[string]LineageDataset{
				"train":    {Name: "reviews", Split: "train", ContentDigest: digestA, Version: ref.MustVersion("v1.4.0")},
				"evaluate": {Name: "reviews", Split: "test", ContentDigest: digestA},
			},
			Code: digestB, Lockfiles: map[string]ref.Digest{"uv.lock": digestA}, Image: "ghcr.io/acme/train@sha256:00",
		},
	}
}

// TestContentDigest holds the identity of artifacts to a value computed by
// hand: the SHA-256 of these 274 bytes,
//
//	[["model.safetensors",1,"ca97…48bb",false],["run.sh",1,"3e23…009d",true],["sub/ü&.txt",1,"3e23…009d",false]]
//
// with the digests in full. If this test fails, every version ever registered
// has lost its identity.
func TestContentDigest(t *testing.T) {
	written := `[["model.safetensors",1,"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",false],` +
		`["run.sh",1,"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",true],` +
		`["sub/ü&.txt",1,"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",false]]`
	const want = ref.Digest("sha256:59df1327d1c0c69534394f941737b9eb445cd860cd5c4c3bc1eed4f77f049413")
	if got := ref.Of([]byte(written)); got != want {
		t.Fatalf("the test itself: %s", got)
	}
	files := exampleFiles()
	slices.Reverse(files)
	for range 2 {
		got, err := ContentDigest(files)
		if err != nil || got != want {
			t.Errorf("got %s, %v", got, err)
		}
		slices.Reverse(files)
	}
	files[0].Split = "train"
	if got, _ := ContentDigest(files); got != want {
		t.Error("the split is not part of the identity")
	}
	for name, change := range map[string]func(*File){
		"path": func(f *File) { f.Path += "x" }, "size": func(f *File) { f.Size++ },
		"digest": func(f *File) { f.Digest = digestB }, "executable": func(f *File) { f.Executable = true },
	} {
		files := exampleFiles()
		change(&files[0])
		if got, _ := ContentDigest(files); got == want {
			t.Errorf("the %s is part of the identity", name)
		}
	}
	if _, err := ContentDigest([]File{files[0], files[0]}); err == nil {
		t.Error("one path twice was accepted")
	}
	// Bytewise: "B" < "a" < "ä", and "a.b" < "a/b".
	if d, _ := ContentDigest([]File{{Path: "ä"}, {Path: "a/b"}, {Path: "a.b"}, {Path: "B"}}); d !=
		ref.Of([]byte(`[["B",0,"",false],["a.b",0,"",false],["a/b",0,"",false],["ä",0,"",false]]`)) {
		t.Error("not sorted bytewise")
	}
}

func TestLockBytes(t *testing.T) {
	b, err := exampleLock().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/model.lock.json", b)
	l, err := ParseLock("model.lock.json", b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.Bytes()
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("not the same after a round trip: %v\n%s", err, again)
	}
}

// TestLockRoundTrip makes locks of many shapes: what Bytes writes, ParseLock
// reads, and Bytes writes again.
func TestLockRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		l := &Lock{APIVersion: APIVersion, Kind: KindDataset, Name: "reviews", Encoding: Encoding{Repository: "r", Digest: digestA, Size: rng.Int64N(1 << 53)}}
		for i := range 1 + rng.IntN(20) {
			f := File{Path: fmt.Sprintf("d%d/%c%03d", rng.IntN(3), []rune("aéZ-&😀")[rng.IntN(6)], i), Size: rng.Int64N(1 << 48), Digest: ref.Of([]byte{byte(i)}), Executable: rng.IntN(2) == 0}
			if rng.IntN(2) == 0 {
				f.Split = "train"
			}
			l.Files = append(l.Files, f)
			l.Total.Files++
			l.Total.Bytes += f.Size
		}
		slices.SortFunc(l.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
		l.ContentDigest, _ = ContentDigest(l.Files)
		l.Metrics = map[string]float64{"m": rng.NormFloat64()}
		b, err := l.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := ParseLock("l", b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if again, _ := parsed.Bytes(); !bytes.Equal(b, again) {
			t.Fatalf("got\n%s\nwant\n%s", again, b)
		}
	}
}

func TestParseLockRefuses(t *testing.T) {
	good, err := exampleLock().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	changed := func(change func(*Lock)) []byte {
		l := exampleLock()
		change(l)
		if d, err := ContentDigest(l.Files); err == nil && l.ContentDigest != "" && l.ContentDigest != digestA {
			l.ContentDigest = d // so that what is refused is the change
		}
		b, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	many := func(l *Lock) {
		l.Files = nil
		for i := range MaxLockFiles + 1 {
			l.Files = append(l.Files, File{Path: fmt.Sprintf("%05d", i), Digest: digestA})
		}
		l.Total = Total{Files: MaxLockFiles + 1}
	}
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", "EOF", nil},
		{"not JSON", "invalid character", []byte("apiVersion: x")},
		{"a list", "cannot unmarshal array", []byte("[]")},
		{"more after it", "something follows", append(slices.Clone(good), "{}"...)},
		{"too large", "at most 4194304", bytes.Repeat([]byte(" "), 4<<20+1)},
		{"unknown key", `unknown field "clock"`, []byte(`{"clock": 1}`)},
		{"conflict at the start", "l:1: merge conflict", []byte("<<<<<<< HEAD\n{}")},
		{"conflict", `l:3: merge conflict; run "waybill lock --ours"`, []byte("{\n\"apiVersion\": 1,\n<<<<<<< HEAD\n")},
		{"apiVersion", `apiVersion "v2"`, changed(func(l *Lock) { l.APIVersion = "v2" })},
		{"kind", `kind "Project"`, changed(func(l *Lock) { l.Kind = KindProject })},
		{"name", "artifact name", changed(func(l *Lock) { l.Name = "../x" })},
		{"content digest", "files listed have", changed(func(l *Lock) { l.ContentDigest = digestA })},
		{"no content digest", `contentDigest: digest ""`, changed(func(l *Lock) { l.ContentDigest = "" })},
		{"encoding digest", "encoding.digest", changed(func(l *Lock) { l.Encoding.Digest = "sha256:00" })},
		{"encoding size", "impossible size", changed(func(l *Lock) { l.Encoding.Size = -1 })},
		{"repository", "not a repository", changed(func(l *Lock) { l.Encoding.Repository = "a\x1b[2J" })},
		{"path leaves", "leaves its folder", changed(func(l *Lock) { l.Files[0].Path = "../x" })},
		{"absolute path", "is absolute", changed(func(l *Lock) { l.Files[0].Path = "/etc/passwd" })},
		{"order", "not sorted", changed(func(l *Lock) { slices.Reverse(l.Files) })},
		{"twice", "not sorted", changed(func(l *Lock) { l.Files[1].Path = l.Files[0].Path })},
		{"case", "where case does not count", changed(func(l *Lock) { l.Files[0].Path = "RUN.sh" })},
		{"file and folder", "the folder of", changed(func(l *Lock) { l.Files[1].Path = "sub" })},
		{"file digest", "model.safetensors: digest", changed(func(l *Lock) { l.Files[0].Digest = "" })},
		{"file size", "impossible size", changed(func(l *Lock) { l.Files[0].Size = -1 })},
		{"file size beyond 2^53", "impossible size", changed(func(l *Lock) { l.Files[0].Size = 1 << 53 })},
		{"split", "split", changed(func(l *Lock) { l.Files[0].Split = "a b" })},
		{"total", "the list has 3 of 3", changed(func(l *Lock) { l.Total.Bytes = 4 })},
		{"total negative", "negative", changed(func(l *Lock) { l.Total.Files = -1 })},
		{"files left out", "none is listed", changed(func(l *Lock) { l.Files = nil })},
		{"too many files", "at most 1000", changed(many)},
		{"evidence digest", `evidence "predictions": digest`, changed(func(l *Lock) { l.Evidence["predictions"] = EvidenceRef{} })},
		{"evidence model", "evidence", changed(func(l *Lock) { l.Evidence["predictions"] = EvidenceRef{Digest: digestA, Model: "x"} })},
		{"evidence file", "reaches into .git", changed(func(l *Lock) { l.Evidence["predictions"] = EvidenceRef{Digest: digestA, File: "../.git/config"} })},
		{"lineage dataset", `lineage "train"`, changed(func(l *Lock) { l.Lineage.Datasets["train"] = LineageDataset{Name: "x y"} })},
		{"lineage code", "lineage.code", changed(func(l *Lock) { l.Lineage.Code = "x" })},
		{"lineage lockfile", "lineage.lockfiles", changed(func(l *Lock) { l.Lineage.Lockfiles["uv.lock"] = "x" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseLock("l", c.data)
			if err == nil {
				t.Fatal("was accepted")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want something about %q", err, c.want)
			}
		})
	}
	big := exampleLock()
	many(big)
	big.Files = nil
	b, _ := big.Bytes()
	if _, err := ParseLock("l", b); err != nil {
		t.Errorf("a lock past MaxLockFiles lists none: %v", err)
	}
}

func TestCheckPath(t *testing.T) {
	for _, p := range []string{
		"a", "model.safetensors", "a/b/c.bin", "data/ü.csv", "a b", ".hidden", "a..b", "...a", "console.txt", "com0", "git/x", ".gitignore",
		"com10.txt", "a=b,c;d'e(f)[g]{h}", strings.Repeat("a", 1024),
	} {
		if err := CheckPath(p); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
	for p, want := range map[string]string{
		"": "empty", ".": "empty", "/a": "absolute", "a/": "clean", "a//b": "clean", "./a": "clean", "a/./b": "clean", "a/..": "leaves",
		"..": "leaves", "../a": "leaves", "a/../../b": "leaves", `a\b`: "every system", "C:a": "every system", "a:b": "every system",
		"a*": "every system", "a?": "every system", `a"b`: "every system", "<a>": "every system", "a|b": "every system",
		"a\x00": "control", "a\nb": "control", "a\x7f": "control", "\x1b[2J": "control", "a\xff": "control", "a.": "dot or space", "a /b": "dot or space",
		"CON": "device", "a/nul.txt": "device", "Com1.tar.gz": "device", "lpt9": "device", ".git": ".git", "a/.GIT/b": ".git", "GIT~1/x": ".git",
		strings.Repeat("a", 1025): "longer",
	} {
		if err := CheckPath(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want something about %q", p, err, want)
		}
	}
}
