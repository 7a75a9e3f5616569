package imagecheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
)

// tree is the files of a dataset. Those in a folder train or test are of that
// split.
type tree map[string][]byte

func (tr tree) write(t testing.TB) (dir string, files []manifest.File) {
	t.Helper()
	dir = t.TempDir()
	for name, data := range tr {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		f := manifest.File{Path: name, Size: int64(len(data)), Digest: ref.Digest(digest.FromBytes(data))}
		if first, _, _ := strings.Cut(name, "/"); first == "train" || first == "test" {
			f.Split = first
		}
		files = append(files, f)
	}
	return dir, files
}

func parse(checks string) (*manifest.Artifact, error) {
	parser, err := manifest.NewParser(nil, Schemas())
	if err != nil {
		return nil, err
	}
	return parser.Artifact("images/dataset.yaml", []byte("apiVersion: waybill.dev/v1\nkind: Dataset\nname: images\nfiles: {train: \"train/**\", test: \"test/**\"}\nchecks:\n  - "+checks+"\n"))
}

// run returns the findings as lines, and as they are.
func run(t testing.TB, tr tree, checks string) (string, []report.Finding) {
	t.Helper()
	a, err := parse(checks)
	if err != nil {
		t.Fatal(err)
	}
	dir, files := tr.write(t)
	found, err := Run(context.Background(), a, dir, files, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return lines(found), found
}

func lines(found []report.Finding) string {
	var out strings.Builder
	for _, f := range found {
		if f.Severity != report.Error {
			fmt.Fprintf(&out, "%s ", f.Severity)
		}
		fmt.Fprintf(&out, "%s: %s\n", f.Verdict, f.Message)
	}
	return out.String()
}

// noise is an image that no other seed's looks like.
func noise(seed uint64, w, h int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	var cells [8][8][3]uint8
	for i := range cells {
		for j := range cells[i] {
			cells[i][j] = [3]uint8{uint8(r.Uint32()), uint8(r.Uint32()), uint8(r.Uint32())}
		}
	}
	for y := range h {
		for x := range w {
			c := cells[y*8/h][x*8/w]
			m.SetRGBA(x, y, color.RGBA{c[0], c[1], c[2], 255})
		}
	}
	return m
}

func asPNG(m image.Image) []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func asJPEG(m image.Image, quality int) []byte {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: quality}); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func asGIF(frames, side int) []byte {
	g := &gif.GIF{}
	for range frames {
		g.Image = append(g.Image, image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.Black, color.White}))
		g.Delay = append(g.Delay, 1)
	}
	var out bytes.Buffer
	if err := gif.EncodeAll(&out, g); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func asBMP(m image.Image) []byte {
	var out bytes.Buffer
	if err := bmp.Encode(&out, m); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func asTIFF(m image.Image) []byte {
	var out bytes.Buffer
	if err := tiff.Encode(&out, m, &tiff.Options{Compression: tiff.Deflate}); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// stored returns a file of testdata.
func stored(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// claiming returns a PNG whose header claims another size.
func claiming(w, h uint32) []byte {
	data := asPNG(image.NewGray(image.Rect(0, 0, 1, 1)))
	head := data[12:29] // IHDR and its contents
	head[4], head[5], head[6], head[7] = byte(w>>24), byte(w>>16), byte(w>>8), byte(w)
	head[8], head[9], head[10], head[11] = byte(h>>24), byte(h>>16), byte(h>>8), byte(h)
	sum := crc(head)
	copy(data[29:33], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	return data
}

func crc(data []byte) uint32 {
	sum := ^uint32(0)
	for _, b := range data {
		sum ^= uint32(b)
		for range 8 {
			sum = sum>>1 ^ 0xedb88320*(sum&1)
		}
	}
	return ^sum
}

var (
	picture1 = noise(1, 40, 30)
	jpeg1    = asJPEG(picture1, 90)
	png1     = asPNG(picture1)
)

func TestChecks(t *testing.T) {
	good := tree{
		"train/a/1.jpg": jpeg1, "train/a/2.png": png1, "train/b/3.gif": asGIF(3, 16), "train/b/4.bmp": asBMP(picture1), "train/b/5.TIF": asTIFF(picture1),
		"test/a/6.webp": stored(t, "formats/lossy.webp"), "test/b/7.webp": stored(t, "formats/lossless.webp"), "test/b/8.webp": stored(t, "formats/alpha.webp"),
		"test/b/9.jpg": stored(t, "formats/progressive.jpg"), "test/b/10.jpeg": stored(t, "formats/cmyk.jpg"), "test/README.md": []byte("# read me"),
	}
	bad := tree{
		"train/a/1.jpg": jpeg1, "train/a/cut.jpg": jpeg1[:len(jpeg1)-200], "train/a/cut.png": png1[:len(png1)-20], "train/a/empty.png": nil,
		"train/b/junk.gif": []byte("not an image at all"), "train/b/named.jpg": png1, "train/b/new.heic": []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"),
		"train/b/bomb.png": claiming(20_000, 20_000), "train/b/frames.gif": asGIF(120, 1000),
	}
	labels := func(csv string) tree {
		return tree{"train/1.png": png1, "train/2.png": png1, "train/file\x1b.png": png1, "train/labels.csv": []byte(csv)}
	}
	classes := tree{"train/a/1.png": png1, "train/a/2.png": png1, "train/a/3.png": png1, "train/b/4.png": png1, "test/a/5.png": png1, "test/loose.png": png1}
	twice := tree{"train/1.png": png1, "train/2.png": png1, "train/3.png": asPNG(noise(3, 9, 9)), "test/4.png": png1, "test/5.png": asPNG(noise(5, 9, 9))}
	near := tree{
		"train/1.png": asPNG(noise(1, 64, 64)), "train/2.png": asPNG(noise(2, 64, 64)), "train/flat.png": asPNG(image.NewGray(image.Rect(0, 0, 9, 9))),
		"test/1.jpg": asJPEG(noise(1, 64, 64), 60), "test/3.png": asPNG(noise(3, 64, 64)), "test/4.png": asPNG(noise(1, 96, 96)),
	}
	yolo := tree{
		"train/images/1.png": png1, "train/labels/1.txt": nil, "train/images/2.png": png1, "train/images/2.txt": nil,
		"train/images/3.png": png1, "train/labels/4.txt": nil, "test/images/5.png": png1,
	}
	for _, c := range []struct {
		name, checks string
		tree         tree
		want         string
	}{
		{"decodable", "{check: image.decodable}", good, "PASS: every image can be decoded to its end (10 images)\n"},
		{"not decodable", "{check: image.decodable}", bad, "FAIL: 8 of 9 images (88.9 %) cannot be used; first: images/train/a/cut.jpg (ends too early), images/train/a/cut.png (ends too early), " +
			"images/train/a/empty.png (is empty), images/train/b/bomb.png (has 400 megapixels, at most 100 are decoded), images/train/b/frames.gif (has 101 megapixels, at most 100 are decoded)\n"},
		{"few may fail", "{check: image.decodable, max: 0.9}", bad, "PASS: 8 of 9 images (88.9 %) cannot be used; first: *; at most 90 % may\n"},
		{"mostly", "{check: image.decodable, mostly: 0.1}", bad, "PASS: *; at most 90 % may\n"},
		{"only some formats", "{check: image.decodable, formats: [jpeg, png, gif, bmp, tiff], split: test, severity: warning}", good,
			"warning FAIL: test: 3 of 5 images (60 %) cannot be used; first: images/test/a/6.webp (is webp, not jpeg, png, gif, bmp, tiff), *\n"},
		{"two limits", "{check: image.decodable, maxPixels: 500}\n  - {check: image.decodable, maxPixels: 2000}", tree{"train/1.png": png1},
			"FAIL: 1 of 1 image (100 %) cannot be used; first: images/train/1.png (has 0.0012 megapixels, at most 0.0005 are decoded)\nPASS: every image can be decoded to its end (1 image)\n"},
		{"no decoder", "{check: image.decodable}", tree{"train/1.webp": stored(t, "formats/animated.webp"), "train/2.png": png1},
			"INCONCLUSIVE: 1 of 2 images cannot be judged; first: images/train/1.webp (is an animated WebP, which cannot be decoded here)\n"},
		{"no decoder, but mostly", "{check: image.decodable, mostly: 0.5}", tree{"train/1.webp": stored(t, "formats/animated.webp"), "train/2.png": png1}, "PASS: *"},
		{"no images", "{check: image.decodable}", tree{"train/1.txt": nil}, "INCONCLUSIVE: there are no images to check\n"},

		{"format", "{check: image.format, formats: [jpeg, png, gif, webp, bmp, tiff]}", good, "PASS: every image is of an allowed kind (10 images)\n"},
		{"other formats", "{check: image.format, formats: [jpeg, png]}", bad, "FAIL: 4 of 9 images (44.4 %) are of another kind; first: images/train/a/empty.png (is empty), images/train/b/frames.gif (gif), " +
			"images/train/b/junk.gif (is of no known image format), images/train/b/new.heic (heic)\n"},
		{"modes", "{check: image.format, modes: [rgb]}", good, "FAIL: 4 of 10 images (40 %) are of another kind; first: images/test/b/10.jpeg (cmyk), images/test/b/7.webp (rgba), images/test/b/8.webp (rgba), images/train/b/3.gif (gray)\n"},
		{"modes of what cannot be read", "{check: image.format, modes: [rgb]}", tree{"train/1.avif": []byte("\x00\x00\x00\x18ftypavif")},
			"INCONCLUSIVE: 1 of 1 image cannot be judged; first: images/train/1.avif (cannot be decoded: no decoder for this format)\n"},

		{"size", "{check: image.size, minWidth: 16, maxWidth: 100, minHeight: 16, maxBytes: 100KB}", good, "PASS: the size of every image is within bounds (10 images)\n"},
		{"wrong size", "{check: image.size, maxWidth: 100, minBytes: 1}", bad, "FAIL: 4 of 9 images (44.4 %) are too small or too large; first: images/train/a/empty.png (0 bytes), " +
			"images/train/b/bomb.png (20000×20000), images/train/b/frames.gif (1000×1000), images/train/b/junk.gif (is of no known image format); 1 of 9 images cannot be judged; first: images/train/b/new.heic (*)\n"},
		{"bytes alone", "{check: image.size, maxBytes: 10}", tree{"train/x.png": []byte("01234567890")}, "FAIL: 1 of 1 image (100 %) is too small or too large; first: images/train/x.png (11 bytes)\n"},
		{"aspect", "{check: image.aspect, min: 1, max: 1.4}", good, "PASS: the ratio*"},
		{"wrong aspect", "{check: image.aspect, min: 0.5, max: 1}", tree{"train/1.png": png1, "train/2.png": asPNG(noise(1, 4, 12)), "train/3.png": asPNG(noise(1, 9, 9))},
			"FAIL: 2 of 3 images (66.7 %) are too narrow or too wide; first: images/train/1.png (40×30, 1.33), images/train/2.png (4×12, 0.333)\n"},

		{"duplicates", "{check: image.duplicates}", twice, "FAIL: 2 of 5 images (40 %) repeat an earlier image; first: images/train/1.png (the same as images/test/4.png), images/train/2.png (the same as images/test/4.png)\n"},
		{"duplicates of one split", "{check: image.duplicates, split: train}", twice, "FAIL: train: 1 of 3 images (33.3 %) repeats an earlier image; first: images/train/2.png (the same as images/train/1.png)\n"},
		{"duplicates between", "{check: image.duplicates, between: [train, test]}", twice, "FAIL: train, test: 1 of 2 images (50 %) of test is in train as well; first: images/test/4.png (the same as images/train/1.png)\n"},
		{"duplicates between, mostly", "{check: image.duplicates, between: [train, test], mostly: 0.5}", twice, "PASS: *"},
		{"no duplicates", "{check: image.duplicates, between: [train, test]}", good, "PASS: train, test: no image of test is in train (5 images)\n"},

		{"near", "{check: image.near-duplicates}", near, "FAIL: 2 of 5 images (40 %) look like an earlier image; first: images/test/4.png (like images/test/1.jpg, distance *), images/train/1.png (like images/test/*)\n"},
		{"near between", "{check: image.near-duplicates, between: [train, test]}", near, "FAIL: train, test: 2 of 3 images (66.7 %) of test look like one of train; first: images/test/1.jpg (like images/train/1.png, distance *), images/test/4.png (like images/train/1.png, distance *)\n"},
		{"not near", "{check: image.near-duplicates, split: train, distance: 10}", near, "PASS: train: no image looks like another (2 images)\n"},
		{"near, unreadable", "{check: image.near-duplicates}", tree{"train/1.png": png1, "train/cut.png": png1[:len(png1)-20]},
			"INCONCLUSIVE: 1 of 2 images cannot be judged; first: images/train/cut.png (ends too early)\n"},
		{"near between, unreadable", "{check: image.near-duplicates, between: [train, test]}", tree{"train/1.png": png1, "train/cut.png": png1[:len(png1)-20], "test/2.png": asPNG(noise(2, 64, 64))},
			"INCONCLUSIVE: train, test: no image of test looks like one of train (1 image); 1 image of train cannot be compared with, first: images/train/cut.png (ends too early)\n"},
		{"near, all flat", "{check: image.near-duplicates}", tree{"train/1.png": near["train/flat.png"], "train/2.png": near["train/flat.png"]}, "INCONCLUSIVE: there are no images to check\n"},

		{"classes", "{check: image.classes, split: train, maxRatio: 3}", classes, "PASS: train: every image stands in the folder of a class (4 images)\nPASS: train: every class has at least 1 image (2 classes)\n" +
			"PASS: train: the smallest class, b, has 1 image, the largest, a, 3 times as many (3)\n"},
		{"missing class", "{check: image.classes}", classes, "FAIL: 1 of 6 images (16.7 %) stands in no folder of a class; first: images/test/loose.png\n" +
			"FAIL: 1 of 4 classes, counted in each split, has fewer than 1 image; first: b in test (0)\n"},
		{"small class", "{check: image.classes, split: train, min: 2, maxRatio: 2.5}", classes, "PASS: *\nFAIL: train: 1 of 2 classes has fewer than 2 images; first: b in train (1)\n" +
			"FAIL: train: the smallest class, b, has 1 image, the largest, a, 3 times as many (3)\n"},
		{"no classes", "{check: image.classes}", tree{"train/1.png": png1}, "FAIL: *\nINCONCLUSIVE: there are no classes to count\n"},

		{"sidecars", "{check: image.labels, labels: .txt, split: train}", yolo, "FAIL: train: 1 of 3 images (33.3 %) has no label file; first: images/train/images/3.png\n" +
			"FAIL: train: 1 of 3 label files (33.3 %) belongs to no image; first: images/train/labels/4.txt\n"},
		{"no sidecars", "{check: image.labels, labels: .xml}", tree{"train/1.png": png1}, "FAIL: 1 of 1 image *\nINCONCLUSIVE: there are no label files to check\n"},
		{"table", "{check: image.labels, manifest: train/labels.csv, file: image}", labels("image,label\n1.png,a\n1.png,b\ntrain/2.png,a\n\"file\x1b.png\",c\n"),
			"PASS: every image is named in images/train/labels.csv (3 images)\nPASS: every row of images/train/labels.csv names an image (4 rows)\n"},
		{"table that misses", "{check: image.labels, manifest: train/labels.csv}", labels("file_name,label\n1.png,a\n../secret.png,b\n,c\n2.png,\n"),
			"FAIL: 1 of 3 images (33.3 %) is not named in images/train/labels.csv; first: images/train/file\\x1b.png\n" +
				"FAIL: 2 of 4 rows (50 %) of images/train/labels.csv name no image of the dataset; first: row 2, row 3 (no name)\n"},
		{"table without the column", "{check: image.labels, manifest: train/labels.csv}", labels("image,label\n1.png,a\n"), "FAIL: images/train/labels.csv has no column file_name\n"},
		{"ragged table", "{check: image.labels, manifest: train/labels.csv}", labels("file_name,label\n1.png\n"), "FAIL: read images/train/labels.csv:2: *\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, found := run(t, c.tree, c.checks)
			if !matches(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			for _, f := range found {
				if f.Doc != docs+f.Check || f.Group != report.GroupData || f.Location.Line == 0 || f.Observed == "" && f.Verdict != report.Pass {
					t.Errorf("not complete: %+v", f)
				}
				if _, err := json.Marshal(f); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// matches holds text to a pattern in which * stands for anything.
func matches(text, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for i, p := range parts[1:] {
		at := strings.Index(text, p)
		if i == len(parts)-2 {
			return strings.HasSuffix(text, p)
		}
		if at < 0 {
			return false
		}
		text = text[at+len(p):]
	}
	return text == ""
}

// What is wrong with an entry is an error with its place.
func TestMistakes(t *testing.T) {
	files := tree{"train/1.png": png1, "test/2.png": png1, "train/labels.csv": []byte("a\n")}
	dir, list := files.write(t)
	for checks, want := range map[string]string{
		"{check: image.decodable, where: a > 1}":                                    "image.decodable: does not take where",
		"{check: image.decodable, groupBy: a}":                                      "image.decodable: does not take groupBy",
		"{check: image.decodable, column: a}":                                       "image.decodable: does not take column",
		"{check: image.decodable, formats: [heic]}":                                 "formats",
		"{check: image.decodable, max: 2}":                                          "max",
		"{check: image.decodable, maxPixels: 1000000001}":                           "maxPixels",
		"{check: image.decodable, split: valid}":                                    "valid",
		"{check: image.decode}":                                                     "image.decode",
		"{check: image.size}":                                                       "needs a bound",
		"{check: image.size, minWidth: 5, maxWidth: 4}":                             "minWidth is above maxWidth",
		"{check: image.size, maxBytes: much}":                                       "size \"much\"",
		"{check: image.aspect}":                                                     "needs min or max",
		"{check: image.aspect, min: 2, max: 1}":                                     "min is above max",
		"{check: image.format}":                                                     "needs formats or modes",
		"{check: image.format, modes: [sepia]}":                                     "modes",
		"{check: image.near-duplicates, distance: 11}":                              "distance",
		"{check: image.classes, mostly: 0.5}":                                       "does not take mostly",
		"{check: image.labels}":                                                     "needs labels or manifest",
		"{check: image.labels, labels: .csv}":                                       "labels",
		"{check: image.labels, labels: .txt, file: a}":                              "file is a column of manifest",
		"{check: image.labels, manifest: labels.doc}":                               "labels.doc is no table",
		"{check: image.labels, manifest: labels.csv}":                               "labels.csv is not among the files",
		"{check: image.labels, labels: .txt, manifest: train/labels.csv, file: nn}": "one of them",
	} {
		a, err := parse(checks)
		if err == nil {
			_, err = Run(context.Background(), a, dir, list, Options{})
		}
		var mistakes manifest.Errors
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), want) || mistakes[0].Pos.Line != 6 {
			t.Errorf("%s: %v, want %q at line 6", checks, err, want)
		}
	}
	// The catalog does not rely on the schema.
	for _, spec := range []manifest.CheckSpec{
		{Check: "image.aspect", Params: map[string]any{"min": "wide"}},
		{Check: "image.size", Params: map[string]any{"minWidth": 1.5}},
		{Check: "image.size", Params: map[string]any{"minWidth": int64(-1)}},
		{Check: "image.format", Params: map[string]any{"formats": "png"}},
		{Check: "image.format", Params: map[string]any{"formats": []any{int64(1)}}},
		{Check: "image.labels", Params: map[string]any{"labels": ".exe"}},
		{Check: "image.labels", Params: map[string]any{"manifest": true}},
		{Check: "image.duplicates", Splits: []string{"train", "test", "valid"}},
		{Check: "image.sharp"},
	} {
		a := &manifest.Artifact{Kind: manifest.KindDataset, Name: "images", Path: "images/dataset.yaml", Checks: []manifest.CheckSpec{spec}}
		var mistakes manifest.Errors
		if _, err := Run(context.Background(), a, dir, list, Options{}); !errors.As(err, &mistakes) {
			t.Errorf("%+v: %v", spec, err)
		}
	}
}

// Rows of label tables are shown only as the project allows.
func TestSamples(t *testing.T) {
	a, err := parse("{check: image.labels, manifest: train/labels.csv}")
	if err != nil {
		t.Fatal(err)
	}
	dir, files := tree{"train/1.png": png1, "train/labels.csv": []byte("file_name\nAda7.png\n")}.write(t)
	for samples, want := range map[manifest.Samples]string{manifest.SamplesNone: "row 1\n", manifest.SamplesMasked: "row 1 (xxx9.xxx)\n", manifest.SamplesFull: "row 1 (Ada7.png)\n"} {
		found, err := Run(context.Background(), a, dir, files, Options{Samples: samples})
		if err != nil || !strings.HasSuffix(lines(found), want) {
			t.Errorf("%s: %s, %v", samples, lines(found), err)
		}
	}
}

// A file that is not there, and the end of the context, are no findings.
func TestUnknownOutcome(t *testing.T) {
	a, err := parse("{check: image.decodable}")
	if err != nil {
		t.Fatal(err)
	}
	dir, files := tree{"train/1.png": png1, "test/2.png": png1}.write(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, a, dir, files, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "train", "1.png")); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), a, dir, files, Options{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "images/train/1.png") {
		t.Errorf("gone: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "train", "1.png"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), a, dir, files, Options{}); err == nil {
		t.Error("a folder: no error")
	}
}

// The number of processors does not show, nor the order of the files.
func TestSameWithManyWorkers(t *testing.T) {
	tr := tree{}
	for i := range 60 {
		tr[fmt.Sprintf("train/%d.png", i)] = asPNG(noise(uint64(i%40), 20+i, 30))
		tr[fmt.Sprintf("test/%d.jpg", i)] = asJPEG(noise(uint64(i), 33, 31), 70)[:600+i]
	}
	a, err := parse("{check: image.decodable}\n  - {check: image.near-duplicates}\n  - {check: image.near-duplicates, split: train, distance: 10}\n  - {check: image.near-duplicates}")
	if err != nil {
		t.Fatal(err)
	}
	dir, files := tr.write(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	want := ""
	for _, n := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(n)
		slices.Reverse(files)
		found, err := Run(context.Background(), a, dir, files, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(report.New(found))
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(got)
		}
		if string(got) != want {
			t.Errorf("%d workers: %s\nwant %s", n, got, want)
		}
	}
}

func TestDivide(t *testing.T) {
	a := &manifest.Artifact{Checks: []manifest.CheckSpec{{Check: "table.rows"}, {Check: "image.labels", Params: map[string]any{"labels": ".json"}}}}
	files := []manifest.File{{Path: "1.png"}, {Path: "1.json"}, {Path: "labels.csv"}, {Path: "read.me"}}
	images, rest, tables := Divide(a, files)
	if len(images) != 1 || len(rest) != 1 || len(tables) != 1 || tables[0].Path != "labels.csv" {
		t.Errorf("%v, %v, %v", images, rest, tables)
	}
	a.Checks = a.Checks[:1]
	if images, _, tables := Divide(a, files); images != nil || len(tables) != 4 {
		t.Errorf("without checks of images: %v, %v", images, tables)
	}
}
