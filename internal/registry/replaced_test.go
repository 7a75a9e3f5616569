package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/ref"
)

// Whoever reads index.json while others replace it has one version or another.
func TestReadWhileReplaced(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	versions := [2]string{"short", strings.Repeat("long", 1000)}
	replace := func(i int) error {
		if err := root.WriteFile("next", []byte(versions[i%2]), 0o644); err != nil {
			return err
		}
		return root.Rename("next", indexFile)
	}
	if err := replace(0); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := replace(i); err != nil {
				done <- fmt.Errorf("version %d: %w", i, err)
				return
			}
		}
	}()
	for range 5000 {
		data, err := readFile(root, indexFile, 1<<20)
		if err != nil || string(data) != versions[0] && string(data) != versions[1] {
			t.Errorf("read %d bytes, %v", len(data), err)
			break
		}
	}
	close(stop)
	if err := <-done; err != nil && runtime.GOOS != "windows" { // which may refuse while somebody reads
		t.Error(err)
	}
}

// What another process deletes and sweeps, after it was found in the index, is
// not found: the layout is not damaged.
func TestReadWhileSwept(t *testing.T) {
	dir := t.TempDir()
	openAt := func(now func() time.Time) *Registry {
		reg, err := Open("oci-layout:layout", dir, Options{Now: now, Getenv: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		return reg
	}
	later := openAt(func() time.Time { return time.Now().Add(time.Hour) })
	reg := openAt(time.Now)
	repo, err := reg.Repository("sentiment")
	if err != nil {
		t.Fatal(err)
	}
	data := []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageManifest + `"}`)
	desc, err := repo.PushManifest(t.Context(), ocispec.MediaTypeImageManifest, data)
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	err = reg.layout.read(func(root *os.Root) error {
		return reg.layout.steady(root, func(x *index) error {
			if calls++; calls == 1 {
				other, err := later.Repository("sentiment")
				if err != nil {
					return err
				}
				if err := other.Delete(context.Background(), desc); err != nil {
					return err
				}
				if _, err := later.Sweep(context.Background(), time.Minute, true); err != nil {
					return err
				}
			}
			if _, ok := x.manifest(string(desc.Digest)); !ok {
				return ErrNotFound
			}
			_, err := reg.layout.readManifest(root, desc)
			return err
		})
	})
	if !errors.Is(err, ErrNotFound) || calls != 2 {
		t.Errorf("%v after %d tries", err, calls)
	}
	if _, _, err := repo.Manifest(t.Context(), ref.Digest(desc.Digest)); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
