package registry

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
)

// verifiedReader passes on exactly the bytes that desc describes. It keeps
// the last ones back until size and digest are known to be right, so that
// wrong content never arrives as a whole.
type verifiedReader struct {
	r    io.ReadCloser
	desc ocispec.Descriptor
	hash hash.Hash
	left int64
	err  error // sticky
}

func verified(r io.ReadCloser, desc ocispec.Descriptor) *verifiedReader {
	return &verifiedReader{r: r, desc: desc, hash: sha256.New(), left: desc.Size}
}

func (v *verifiedReader) Close() error { return v.r.Close() }

func (v *verifiedReader) Read(p []byte) (int, error) {
	if v.err != nil || len(p) == 0 {
		return 0, v.err
	}
	if v.left == 0 { // of an empty blob; others end below
		v.err = v.finish()
		return 0, v.err
	}
	if int64(len(p)) > v.left {
		p = p[:v.left]
	}
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	v.left -= int64(n)
	if v.left == 0 {
		if v.err = v.finish(); v.err != io.EOF {
			return 0, v.err
		}
		return n, io.EOF
	}
	if err == io.EOF {
		err = errLength(v.desc.Size-v.left, v.desc.Size)
	}
	v.err = err
	return n, err
}

// finish returns io.EOF when everything is as described.
func (v *verifiedReader) finish() error {
	switch n, err := io.ReadFull(v.r, make([]byte, 1)); {
	case n > 0:
		return errTooLong(v.desc.Size)
	case !errors.Is(err, io.EOF):
		return err
	}
	if got := ref.FromSum(v.hash.Sum(nil)); string(got) != string(v.desc.Digest) {
		return fmt.Errorf("the content has digest %s instead of %s: it changed since it was described", got, v.desc.Digest)
	}
	return io.EOF
}

func errLength(got, want int64) error {
	return fmt.Errorf("the content has %d bytes instead of %d: it changed since it was described", got, want)
}

func errTooLong(want int64) error {
	return fmt.Errorf("the content has more than %d bytes: it changed since it was described", want)
}

// checkDescriptor refuses descriptors that cannot be right, before their
// digest becomes a path or their size an allocation.
func checkDescriptor(desc ocispec.Descriptor) error {
	if _, err := ref.ParseDigest(string(desc.Digest)); err != nil {
		return err
	}
	if desc.Size < 0 {
		return fmt.Errorf("%s: size %d is negative", desc.Digest, desc.Size)
	}
	return nil
}

// checkManifestSize refuses what no registry stores.
func checkManifestSize(size int64) error {
	if size > MaxManifest {
		return fmt.Errorf("the manifest has %d bytes, more than the %d that are allowed", size, MaxManifest)
	}
	return nil
}

// short is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func short(desc ocispec.Descriptor) string { return "sha256:" + ref.Digest(desc.Digest).Short() }
