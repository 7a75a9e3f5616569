package imagecheck

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// decodable are the formats that can be decoded here; known ones can be told
// by their first bytes.
var (
	decodable = []string{"jpeg", "png", "gif", "webp", "bmp", "tiff"}
	known     = append(slices.Clone(decodable), "heic", "avif", "jxl", "jp2")
	modes     = []string{"rgb", "rgba", "gray", "cmyk"}
)

var extensions = map[string]string{
	".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".jfif": "jpeg", ".png": "png", ".gif": "gif", ".webp": "webp",
	".bmp": "bmp", ".dib": "bmp", ".tif": "tiff", ".tiff": "tiff",
	".heic": "heic", ".heif": "heic", ".avif": "avif", ".jxl": "jxl", ".jp2": "jp2",
}

// IsImage tells by its extension whether a file is an image.
func IsImage(name string) bool { return extensions[extension(name)] != "" }

func extension(name string) string { return strings.ToLower(path.Ext(name)) }

// headBytes is how much of a file sniff wants to see.
const headBytes = 32

// sniff tells the format by the first bytes of a file, "" for none of known.
// Signatures: the specifications of the formats, as the WHATWG's MIME Sniffing
// Standard section 6.1 collects them; ISO/IEC 23008-12 annex B (HEIC), AVIF
// 1.1 section 6, ISO/IEC 18181-2 (JPEG XL), ISO/IEC 15444-1 annex I (JPEG 2000).
func sniff(head []byte) string {
	has := func(at int, magic string) bool {
		return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "\xff\xd8\xff"):
		return "jpeg"
	case has(0, "\x89PNG\r\n\x1a\n"):
		return "png"
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return "gif"
	case has(0, "RIFF") && has(8, "WEBPVP8"):
		return "webp"
	case has(0, "BM"):
		return "bmp"
	case has(0, "II*\x00"), has(0, "MM\x00*"):
		return "tiff"
	case has(0, "\xff\x0a"), has(0, "\x00\x00\x00\x0cJXL \r\n\x87\n"):
		return "jxl"
	case has(0, "\x00\x00\x00\x0cjP  \r\n\x87\n"):
		return "jp2"
	case has(4, "ftypavif"), has(4, "ftypavis"):
		return "avif"
	case has(4, "ftyphei"), has(4, "ftyphev"), has(4, "ftypmif1"):
		return "heic"
	}
	return ""
}

// animatedWebP tells whether the extended header has the animation flag, bit 1
// of its flags ("WebP Container Specification", Extended File Format).
func animatedWebP(head []byte) bool {
	return len(head) > 20 && bytes.Equal(head[12:16], []byte("VP8X")) && head[20]&2 != 0
}

// header reads size and colours from the beginning of an image.
func header(format string, r io.Reader) (image.Config, error) {
	switch format {
	case "jpeg":
		return jpeg.DecodeConfig(r)
	case "png":
		return png.DecodeConfig(r)
	case "gif":
		return gif.DecodeConfig(r)
	case "webp":
		return webp.DecodeConfig(r)
	case "bmp":
		return bmp.DecodeConfig(r)
	case "tiff":
		return tiff.DecodeConfig(r)
	}
	return image.Config{}, errUndecodable
}

// decode reads an image to its end. Of an animation it returns the first
// picture, after reading all.
func decode(format string, r io.Reader) (image.Image, error) {
	switch format {
	case "jpeg":
		return jpeg.Decode(r)
	case "png":
		return png.Decode(r)
	case "gif":
		all, err := gif.DecodeAll(r)
		if err != nil {
			return nil, err
		}
		return all.Image[0], nil
	case "webp":
		return webp.Decode(r)
	case "bmp":
		return bmp.Decode(r)
	case "tiff":
		return tiff.Decode(r)
	}
	return nil, errUndecodable
}

var errUndecodable = errors.New("no decoder for this format")

// unsupported tells whether an image may be sound although it cannot be
// decoded here.
func unsupported(err error) bool {
	var j jpeg.UnsupportedError
	var p png.UnsupportedError
	var t tiff.UnsupportedError
	return errors.As(err, &j) || errors.As(err, &p) || errors.As(err, &t) || errors.Is(err, bmp.ErrUnsupported) || errors.Is(err, errUndecodable)
}

// modeOf names the colours of an image as its header declares them; those of a
// palette are the colours in it.
func modeOf(m color.Model) string {
	switch m {
	case color.GrayModel, color.Gray16Model:
		return "gray"
	case color.CMYKModel:
		return "cmyk"
	case color.NRGBAModel, color.NRGBA64Model, color.NYCbCrAModel:
		return "rgba"
	}
	palette, ok := m.(color.Palette)
	if !ok {
		return "rgb"
	}
	mode := "gray"
	for _, c := range palette {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		if n.A != 255 {
			return "rgba"
		}
		if n.R != n.G || n.G != n.B {
			mode = "rgb"
		}
	}
	return mode
}

// gifPixels sums up the pixels of all pictures of a GIF, which decoding would
// hold at once: the blocks of GIF89a section 17 on, their data left unread. It
// stops past limit. What is damaged is left for the decoder to say.
func gifPixels(r io.Reader, limit int64) int64 {
	total := int64(0)
	b := make([]byte, 256*3)
	read := func(n int) bool {
		_, err := io.ReadFull(r, b[:n])
		return err == nil
	}
	table := func(flags byte) bool { return flags&0x80 == 0 || read(3<<(flags&7+1)) }
	skip := func() bool { // sub-blocks, to the empty one
		for read(1) && b[0] > 0 {
			if !read(int(b[0])) {
				return false
			}
		}
		return true
	}
	if !read(13) || !table(b[10]) {
		return 0
	}
	for total <= limit && read(1) {
		switch b[0] {
		case 0x21: // extension
			if !read(1) || !skip() {
				return total
			}
		case 0x2c: // picture
			if !read(9) {
				return total
			}
			total += (int64(b[4]) | int64(b[5])<<8) * (int64(b[6]) | int64(b[7])<<8)
			if !table(b[8]) || !read(1) || !skip() {
				return total
			}
		default:
			return total
		}
	}
	return total
}
