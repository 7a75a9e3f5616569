package modeldiff

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
)

// BenchmarkFiles compares two files of WAYBILL_BENCH_MIB (default 64) MiB, all
// tensors of which differ in some elements, beside hashing both.
func BenchmarkFiles(b *testing.B) {
	mib := 64
	fmt.Sscan(os.Getenv("WAYBILL_BENCH_MIB"), &mib)
	for _, dtype := range []string{"F32", "BF16", "F16", "I8", "I16"} {
		dir := b.TempDir()
		var sides [2]Side
		var paths [2]string
		for i := range sides {
			paths[i] = filepath.Join(dir, fmt.Sprint(i, ".safetensors"))
			write(b, paths[i], dtype, mib, byte(i))
			set, err := modelfile.InspectFiles(b.Context(), []string{"m"}, func(string) (io.ReaderAt, int64, error) { return open(paths[i]) }, modelfile.FilesOptions{})
			if err != nil {
				b.Fatal(err)
			}
			sides[i] = Side{Set: set, Files: []manifest.File{{Path: "m", Digest: ref.Of([]byte{byte(i)})}}, Open: func(string) (io.ReaderAt, int64, error) { return open(paths[i]) }}
		}
		b.Run("hash/"+dtype, func(b *testing.B) {
			b.SetBytes(2 * int64(mib) << 20)
			for b.Loop() {
				for _, p := range paths {
					f, _ := os.Open(p)
					h := sha256.New()
					if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
						b.Fatal(err)
					}
					f.Close()
				}
			}
		})
		for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
			b.Run(fmt.Sprintf("diff/%s/%d", dtype, workers), func(b *testing.B) {
				b.SetBytes(2 * int64(mib) << 20)
				for b.Loop() {
					m, err := Compare(b.Context(), sides[0], sides[1], Options{Workers: workers})
					if err != nil || len(m.Tensors.Changed) != 16 {
						b.Fatal(err, len(m.Tensors.Changed))
					}
				}
			})
		}
		os.RemoveAll(dir)
	}
}

func open(path string) (io.ReaderAt, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	return f, info.Size(), err
}

func write(b *testing.B, path, dtype string, mib int, seed byte) {
	b.Helper()
	data := make([]byte, mib<<20/16)
	for i := 0; i+4 <= len(data); i += 4 {
		v := math.Float32bits(float32(i%1000)/1000 + float32(seed)*float32(i%3)/100)
		if dtype == "BF16" || dtype == "F16" {
			v = v >> 17 & 0x3fff3fff
		}
		binary.LittleEndian.PutUint32(data[i:], v)
	}
	width := numerics[dtype].width
	var ts []tensor
	for i := range 16 {
		ts = append(ts, tensor{fmt.Sprintf("layers.%d.weight", i), dtype, []int64{int64(len(data)) / width}, data})
	}
	if err := os.WriteFile(path, safetensors(ts...), 0o600); err != nil {
		b.Fatal(err)
	}
}
