//go:build unix

package transfer

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// cpu returns the CPU time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchSize = 256 << 20

// benchFile writes a file that does not compress.
func benchFile(b *testing.B) (string, ocispec.Descriptor) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "model.bin")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	d := digest.SHA256.Digester()
	if _, err := io.CopyN(io.MultiWriter(f, d.Hash()), rand.NewChaCha8([32]byte{1}), benchSize); err != nil {
		b.Fatal(err)
	}
	return path, ocispec.Descriptor{MediaType: "application/octet-stream", Digest: d.Digest(), Size: benchSize}
}

// BenchmarkPush measures 256 MiB into an empty layout.
func BenchmarkPush(b *testing.B) {
	path, desc := benchFile(b)
	s := Source{Name: "model.bin", Desc: desc, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	b.SetBytes(benchSize)
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		repo := repository(b, "oci-layout:registry")
		b.StartTimer()
		begin := cpu(b)
		if _, err := Push(context.Background(), repo, []Source{s}, Options{}); err != nil {
			b.Fatal(err)
		}
		used += cpu(b) - begin
	}
	b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
}

// BenchmarkPull measures 256 MiB from a layout into an empty folder, and then
// once more, when all is there.
func BenchmarkPull(b *testing.B) {
	path, desc := benchFile(b)
	repo := repository(b, "oci-layout:registry")
	s := Source{Name: "model.bin", Desc: desc, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	if _, err := Push(context.Background(), repo, []Source{s}, Options{}); err != nil {
		b.Fatal(err)
	}
	items := []Item{{Desc: desc, Path: "model.bin", Perm: 0o644}}
	for _, name := range []string{"empty", "kept"} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			root := openRoot(b, dir)
			if name == "kept" {
				if _, err := Pull(context.Background(), repo, items, root, Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(benchSize)
			var used time.Duration
			for b.Loop() {
				begin := cpu(b)
				if _, err := Pull(context.Background(), repo, items, root, Options{}); err != nil {
					b.Fatal(err)
				}
				used += cpu(b) - begin
				if name == "empty" {
					b.StopTimer()
					if err := os.Remove(filepath.Join(dir, "model.bin")); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			}
			b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}
