package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"syscall"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
)

// verify copies src to dst and checks that it is what desc says. It reads at
// most one byte more than that.
func verify(ctx context.Context, dst io.Writer, src io.Reader, desc ocispec.Descriptor, progress func(done int64)) error {
	hash := sha256.New()
	r := &io.LimitedReader{R: src, N: desc.Size + 1}
	step := int64(eventStep)
	done, err := copyBuffer(ctx, io.MultiWriter(hash, dst), r, func() {
		if done := desc.Size + 1 - r.N; progress != nil && done >= step && done < desc.Size {
			step = done + eventStep
			progress(done)
		}
	})
	if err != nil {
		return err
	}
	if done != desc.Size {
		return fmt.Errorf("%w: %d of %d bytes", ErrCorrupt, done, desc.Size)
	}
	if got := ref.FromSum(hash.Sum(nil)); got != ref.Digest(desc.Digest) {
		return fmt.Errorf("%w is %s, not %s", errWrongDigest, got, desc.Digest)
	}
	return nil
}

// copyBuffer is io.CopyBuffer that ends with ctx and tells of each read.
func copyBuffer(ctx context.Context, dst io.Writer, src io.Reader, progress func()) (done int64, err error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		n, err := src.Read(*buf)
		if n > 0 {
			done += int64(n)
			if _, err := dst.Write((*buf)[:n]); err != nil {
				return done, err
			}
			if progress != nil {
				progress()
			}
		}
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
}

// explain adds what to do about errors of the disk.
func explain(err error) error {
	if isDiskFull(err) {
		return fmt.Errorf("%w; free some space and run the command again", err)
	}
	return err
}

func isDiskFull(err error) bool {
	const windowsDiskFull = syscall.Errno(112) // ERROR_DISK_FULL, which is not ENOSPC
	return errors.Is(err, syscall.ENOSPC) || runtime.GOOS == "windows" && errors.Is(err, windowsDiskFull)
}
