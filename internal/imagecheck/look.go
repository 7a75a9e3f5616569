package imagecheck

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/waybill-dev/waybill/internal/manifest"
)

const (
	// maxPixels is how large an image may be to be decoded unless a check says
	// otherwise, largestPixels what a check can say.
	maxPixels     = 100_000_000
	largestPixels = 1_000_000_000
	// memory is about how much all images that are being decoded may take
	// together. One that alone takes more is decoded alone.
	memory = 512 << 20
)

// depth is how deep an image is looked into.
type depth uint8

const (
	nothing depth = iota // what the list of files says
	head                 // format, size, colours
	whole                // every pixel
	hashed               // and its perceptual hash
)

// outcome is what came of reading an image, or its header.
type outcome uint8

const (
	unread outcome = iota
	sound
	damaged
	foreign // may be sound, but there is no decoder for it
	huge    // has more pixels than may be decoded
)

// picture is an image with what is known of it.
type picture struct {
	manifest.File
	name  string
	depth depth

	format        string // by its first bytes; "" unknown
	mode          string
	width, height int
	header, body  outcome
	reason        string // why header or body is not sound
	hash          uint64
	flat          bool // of one colour: it has no hash
}

func (im *picture) example(reason string) example { return example{file: im.name, reason: reason} }

// problem is why the image could not be read, "" when it could, as far as it
// was looked into.
func (im *picture) problem() string {
	if im.header == sound && (im.body == unread || im.body == sound) {
		return ""
	}
	return im.reason
}

// lookInto looks into images, each as deep as it says, on all processors.
func lookInto(ctx context.Context, root *os.Root, pictures []*picture, limit int64) error {
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	room := semaphore.NewWeighted(memory)
	for _, im := range pictures {
		if im.depth == nothing {
			continue
		}
		if within.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := im.look(within, root, room, limit); err != nil {
				return fmt.Errorf("read %s: %w", im.name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// look reads one image. An error is of the system; what is wrong with the
// image is kept in it.
func (im *picture) look(ctx context.Context, root *os.Root, room *semaphore.Weighted, limit int64) error {
	file, err := root.Open(filepath.FromSlash(im.Path))
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not a regular file")
	}
	var first [headBytes]byte
	n, err := file.ReadAt(first[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	im.format = sniff(first[:n])
	if im.format == "" {
		im.header, im.reason = damaged, "is of no known image format"
		if n == 0 {
			im.reason = "is empty"
		}
		return nil
	}
	if im.header, err = im.try(func() error { return im.readHeader(ctx, file) }); err != nil || im.header != sound || im.depth < whole {
		return err
	}
	pixels := int64(im.width) * int64(im.height)
	if im.format == "gif" {
		pixels = max(pixels, gifPixels(bufio.NewReader(&source{ctx: ctx, file: file}), limit))
	}
	switch {
	case pixels > limit:
		im.body, im.reason = huge, tooLarge(pixels, limit)
		return ctx.Err()
	case im.format == "webp" && animatedWebP(first[:n]):
		im.body, im.reason = foreign, "is an animated WebP, which cannot be decoded here"
		return nil
	}
	// A progressive JPEG keeps its coefficients, 4 bytes each, beside the image.
	weight := min(memory, 16*pixels)
	if err := room.Acquire(ctx, weight); err != nil {
		return err
	}
	defer room.Release(weight)
	im.body, err = im.try(func() error { return im.readBody(ctx, file) })
	return err
}

func tooLarge(pixels, limit int64) string {
	return fmt.Sprintf("has %.4g megapixels, at most %.4g are decoded", float64(pixels)/1e6, float64(limit)/1e6)
}

func (im *picture) readHeader(ctx context.Context, file *os.File) error {
	config, err := header(im.format, reader(ctx, im.format, file, 4<<10))
	if err != nil {
		return err
	}
	if config.Width <= 0 || config.Height <= 0 {
		return errors.New("it has no pixels")
	}
	im.width, im.height, im.mode = config.Width, config.Height, modeOf(config.ColorModel)
	return nil
}

func (im *picture) readBody(ctx context.Context, file *os.File) error {
	m, err := decode(im.format, reader(ctx, im.format, file, 32<<10))
	if err != nil {
		return err
	}
	if m.Bounds() == (image.Rectangle{}) {
		return errors.New("it has no pixels")
	}
	if im.depth >= hashed {
		im.hash, im.flat = perceptualHash(m)
	}
	return nil
}

// try runs a decoder and tells errors of the image from those of the system.
// A decoder that panics says nothing about the image.
func (im *picture) try(read func() error) (out outcome, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err, im.reason = foreign, nil, "makes the decoder fail"
		}
	}()
	err = read()
	var system *fs.PathError
	switch {
	case err == nil:
		return sound, nil
	case errors.As(err, &system), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unread, err
	case unsupported(err):
		out = foreign
	default:
		out = damaged
	}
	im.reason = "cannot be decoded: " + strings.ToValidUTF8(err.Error(), "?")
	if endsEarly(err) {
		im.reason = "ends too early"
	}
	return out, nil
}

// endsEarly tells whether an image is cut off. Some decoders say so only in
// words.
func endsEarly(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		strings.HasSuffix(err.Error(), io.ErrUnexpectedEOF.Error()) || strings.HasSuffix(err.Error(), "short Huffman data")
}

// reader reads a file from its beginning. TIFF jumps about in the file, the
// others are read once from start to end.
func reader(ctx context.Context, format string, file *os.File, buffer int) io.Reader {
	src := &source{ctx: ctx, file: file, scans: format == "jpeg"}
	if format == "tiff" {
		return src
	}
	return bufio.NewReaderSize(src, buffer)
}

// source reads a file until the context ends.
type source struct {
	ctx   context.Context
	file  *os.File
	at    int64
	scans bool // count the scans of a JPEG
	seen  int
	last  byte
}

// maxScans bounds the scans of a JPEG. Each passes over the whole image
// however few its bytes, so that a small file could take hours; libjpeg-turbo
// has the option -maxscans against it, and encoders write about ten.
const maxScans = 500

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadAt(p, s.at)
	s.at += int64(n)
	if s.scans {
		// FF DA begins a scan; within its data FF is followed by 00.
		for _, c := range p[:n] {
			if s.last == 0xff && c == 0xda {
				s.seen++
			}
			s.last = c
		}
		if s.seen > maxScans {
			return 0, fmt.Errorf("it has more than %d scans", maxScans)
		}
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (s *source) ReadAt(p []byte, at int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.file.ReadAt(p, at)
}
