package transfer

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/waybill-dev/waybill/internal/ref"
)

// A chunk that many files share does not need all of them open.
func TestPullSharedChunk(t *testing.T) {
	const n, spare = 300, 100
	repo := repository(t, "oci-layout:registry")
	blob := noise(1, 1000)
	common := Chunk{Sum: sha256.Sum256(blob), Length: uint32(len(blob))}
	x := &Index{Chunker: Chunker}
	files := map[string][]byte{}
	for i := range n {
		own := fmt.Appendf(nil, "file %d", i)
		path, content := fmt.Sprintf("%03d.bin", i), slices.Concat(blob[:1000], own)
		files[path] = content
		chunk := Chunk{Sum: sha256.Sum256(own), Length: uint32(len(own)), Offset: int64(len(blob))}
		x.Files = append(x.Files, IndexedFile{Path: path, Size: int64(len(content)), Digest: ref.Of(content), Chunks: []Chunk{common, chunk}})
		blob = append(blob, own...)
	}
	mustPush(t, repo, string(blob))
	x.Blobs = []Blob{{Digest: ref.Of(blob), Size: int64(len(blob))}}
	encode(t, x)
	dir := t.TempDir()
	root := openRoot(t, dir)

	next, err := os.Open(dir) // has the lowest number that is free
	if err != nil {
		t.Fatal(err)
	}
	number := next.Fd()
	next.Close()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = min(limit.Cur, uint64(number)+spare)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Skip(err)
	}
	_, err = PullIndexed(context.Background(), repo, x, allOf(x), root, quick())
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, files)
}
