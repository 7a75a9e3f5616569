package imagecheck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// A JPEG of many scans costs a pass over the whole image for each.
func TestManyScans(t *testing.T) {
	data := stored(t, "formats/progressive.jpg")
	last := bytes.LastIndex(data, []byte("\xff\xda"))
	scan := data[last : len(data)-2]
	bomb := append(bytes.Clone(data[:last]), bytes.Repeat(scan, maxScans+1)...)
	got, _ := run(t, tree{"train/1.jpg": append(bomb, 0xff, 0xd9)}, "{check: image.decodable}")
	if !strings.HasPrefix(got, "FAIL") || !strings.Contains(got, "more than 500 scans") {
		t.Error(got)
	}
}

// Comparing hashes that share a part with all others is given up, whatever
// their order.
func TestTooAlike(t *testing.T) {
	images := make([]*picture, 5000)
	for i := range images {
		images[i] = &picture{hash: uint64(i)} // two parts are 0 in all of them
	}
	ctx, all := context.Background(), int64(len(images)*len(images))
	if _, err := nearest(ctx, images, images, 6, true, 2*all); err != errTooAlike {
		t.Errorf("%v", err)
	}
	if _, err := nearest(ctx, images, images, 6, true, 5*all); err != nil {
		t.Error(err)
	}
}

func TestManyClasses(t *testing.T) {
	d := &dataset{artifact: &manifest.Artifact{Path: "dataset.yaml"}}
	for i := range maxClasses + 1 {
		d.images = append(d.images, &picture{File: manifest.File{Path: fmt.Sprintf("c%d/1.png", i)}})
	}
	if found := judgeClasses(d, 1, nil); len(found) != 1 || found[0].Verdict != "INCONCLUSIVE" {
		t.Errorf("%+v", found)
	}
	d.images = d.images[1:]
	if found := judgeClasses(d, 1, nil); len(found) != 2 || found[1].Verdict != "PASS" {
		t.Errorf("%+v", found)
	}
}

func TestSniff(t *testing.T) {
	for head, want := range map[string]string{
		"": "", "\xff\xd8\xff\xe0": "jpeg", "\x89PNG\r\n\x1a\n": "png", "GIF89a": "gif", "GIF87a": "gif", "GIF88a": "", "RIFF\x00\x00\x00\x00WEBPVP8L": "webp",
		"RIFF\x00\x00\x00\x00WAVE": "", "BM\x00": "bmp", "II*\x00": "tiff", "MM\x00*": "tiff", "II+\x00": "", "\xff\x0a": "jxl", "\x00\x00\x00\x0cjP  \r\n\x87\n": "jp2",
		"\x00\x00\x00\x0cJXL \r\n\x87\n": "jxl", "\x00\x00\x00\x1cftypavif": "avif", "\x00\x00\x00\x1cftypheic": "heic", "\x00\x00\x00\x1cftypisom": "", "<svg": "",
	} {
		if got := sniff([]byte(head)); got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

// FuzzHeader holds that no first bytes make reading headers fail otherwise
// than with an error, nor GIFs take more than their length.
func FuzzHeader(f *testing.F) {
	for _, seed := range [][]byte{jpeg1, png1, asGIF(2, 3), asBMP(noise(1, 8, 8)), asTIFF(noise(1, 8, 8)), stored(f, "formats/animated.webp"), stored(f, "formats/alpha.webp"), stored(f, "formats/palette.png")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		format := sniff(data[:min(len(data), headBytes)])
		animatedWebP(data[:min(len(data), headBytes)])
		if format == "gif" {
			if n := gifPixels(bytes.NewReader(data), maxPixels); n < 0 || n > maxPixels+65535*65535 {
				t.Errorf("%d pixels", n)
			}
		}
		im := &picture{format: format}
		out, err := im.try(func() error {
			config, err := header(format, bytes.NewReader(data))
			if err == nil {
				_ = modeOf(config.ColorModel)
			}
			return err
		})
		if err != nil || out == unread || (out == sound) != (im.reason == "") || strings.Contains(im.reason, "makes the decoder") {
			t.Errorf("%s: %d, %q, %v", format, out, im.reason, err)
		}
		if _, err := header("", nil); !errors.Is(err, errUndecodable) {
			t.Error(err)
		}
	})
}
