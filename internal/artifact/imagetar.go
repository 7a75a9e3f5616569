package artifact

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// tarBlock is what tars are made of.
const tarBlock = 512

// tarAround returns what a tar of one file has before and after its bytes. The
// folders come first: where a layer does not have them, runtimes make them as
// they like, some so that only root can enter.
//
// Names of up to 100 bytes (255 with folders) and sizes of up to 8 GiB make
// USTAR headers, longer names, names beyond ASCII and larger sizes PAX records.
// Nothing else is in a header: user and group are 0, the time is that of epoch.
func tarAround(f manifest.File) (head, tail []byte, err error) {
	mode := int64(modePlain)
	if f.Executable {
		mode = modeExecutable
	}
	var headers []*tar.Header
	for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
		headers = append([]*tar.Header{{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}}, headers...)
	}
	headers = append(headers, &tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: mode, Size: f.Size})
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		h.ModTime = time.Unix(0, 0)
		if err := w.WriteHeader(h); err != nil {
			return nil, nil, err
		}
	}
	padding := (tarBlock - f.Size%tarBlock) % tarBlock
	return buf.Bytes(), make([]byte, padding+2*tarBlock), nil // two empty blocks end a tar
}

// open returns the tar from its beginning. It can seek, so that a broken upload
// goes on where it broke.
func (l ImageLayer) open(open func() (*os.File, error)) (io.ReadCloser, error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != l.File.Size {
		err = errChanged(l.File)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &tarReader{io.NewSectionReader(&tarFile{l, f}, 0, l.Desc.Size), f}, nil
}

func errChanged(f manifest.File) error {
	return fmt.Errorf("%s changed while it was being pushed; run the command again", f.Path)
}

type tarReader struct {
	*io.SectionReader
	io.Closer
}

// tarFile is a tar whose middle is in a file.
type tarFile struct {
	layer ImageLayer
	file  io.ReaderAt
}

func (t *tarFile) ReadAt(p []byte, offset int64) (n int, err error) {
	head, size := int64(len(t.layer.Head)), t.layer.File.Size
	for n < len(p) {
		at := offset + int64(n)
		var part int
		switch {
		case at < head:
			part = copy(p[n:], t.layer.Head[at:])
		case at < head+size:
			part, err = t.file.ReadAt(p[n:n+int(min(int64(len(p)-n), head+size-at))], at-head)
			if part > 0 {
				err = nil // io.EOF may come with the last bytes; an error comes again
			} else if err == io.EOF {
				err = errChanged(t.layer.File)
			}
		case at < t.layer.Desc.Size:
			part = copy(p[n:], t.layer.Tail[at-head-size:])
		default:
			err = io.EOF
		}
		n += part
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// hashLayers fills in the digests. It holds the files to theirs on the way: the
// image must not have other bytes than the encoding.
func hashLayers(ctx context.Context, layers []ImageLayer, open func(manifest.File) func() (*os.File, error), hashed func(n int64)) error {
	var mu sync.Mutex
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range layers {
		group.Go(func() error {
			return layers[i].hash(inner, open(layers[i].File), func(n int) {
				if hashed != nil {
					mu.Lock()
					defer mu.Unlock()
					hashed(int64(n))
				}
			})
		})
	}
	return group.Wait()
}

func (l *ImageLayer) hash(ctx context.Context, open func() (*os.File, error), hashed func(n int)) error {
	f, err := open()
	if err != nil {
		return err
	}
	defer f.Close()
	layer, content := sha256.New(), sha256.New()
	layer.Write(l.Head)
	both := io.MultiWriter(layer, content)
	buf := make([]byte, 256<<10)
	for left := l.File.Size + 1; left > 0; { // a byte more, to see whether it ends
		n, err := f.Read(buf[:min(int64(len(buf)), left)])
		both.Write(buf[:n])
		hashed(n)
		left -= int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if ref.FromSum(content.Sum(nil)) != l.File.Digest {
		return errChanged(l.File)
	}
	layer.Write(l.Tail)
	l.Desc.Digest = digest.Digest(ref.FromSum(layer.Sum(nil)))
	return nil
}
