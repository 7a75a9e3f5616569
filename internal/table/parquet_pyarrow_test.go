package table

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// TestParquetOfPyarrow holds what is read against pyarrow.
func TestParquetOfPyarrow(t *testing.T) {
	for file, rows := range map[string]string{
		"parquet-types":        "parquet-types",
		"parquet-types-v2":     "parquet-types-v2",
		"parquet-types-rows":   "parquet-types-rows",
		"parquet-int96":        "parquet-int96",
		"parquet-empty-groups": "parquet-empty-groups",
		"parquet-none":         "parquet-none",
		"parquet-many-snappy":  "parquet-many",
		"parquet-many-gzip":    "parquet-many",
		"parquet-many-zstd":    "parquet-many",
		"parquet-many-brotli":  "parquet-many",
		"parquet-many-none":    "parquet-many",
		"parquet-many-delta1":  "parquet-many",
		"parquet-many-delta2":  "parquet-many",
	} {
		t.Run(file, func(t *testing.T) {
			wantDump(t, stored(file+".parquet"), Options{}, string(readStored(t, rows+".txt")))
		})
	}
}

func TestParquetTypesOfPyarrow(t *testing.T) {
	r, err := Open(context.Background(), stored("parquet-types.parquet"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var types []string
	for _, f := range r.Schema() {
		types = append(types, f.Type.String())
	}
	want := "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 " +
		"string string string string bytes bytes string date time time time " +
		"timestamp timestamp timestamp timestamp decimal decimal decimal decimal string text " +
		"list list list list struct struct struct struct list"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("types\n%s, want\n%s", got, want)
	}
	s := r.Schema()
	if zone, local := s[s.Index("ts_zone")].Type, s[s.Index("ts_us")].Type; !zone.UTC || local.UTC || zone.Unit != Micro {
		t.Errorf("time zones: %+v and %+v", zone, local)
	}
}

func TestParquetEncrypted(t *testing.T) {
	wantError(t, stored("parquet-encrypted.parquet"), "is encrypted, which is not supported")
	wantError(t, stored("parquet-encrypted-column.parquet"), "is encrypted, which is not supported")
}

func TestParquetDamaged(t *testing.T) {
	damage(t, "f.parquet", readStored(t, "parquet-int96.parquet"), 1, 300)
	for _, file := range []string{"parquet-types", "parquet-types-v2", "parquet-types-rows", "parquet-many-snappy", "parquet-many-delta1"} {
		whole := readStored(t, file+".parquet")
		damage(t, "f.parquet", whole, len(whole)/30, 60)
	}
}

// TestParquetSnappyClaims has a page that is small and says that it becomes
// 4 GiB.
func TestParquetSnappyClaims(t *testing.T) {
	type row struct {
		S string `parquet:"s"`
	}
	whole := writeParquet(t, []row{{"a text"}, {"another text"}}, parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(1))
	offset := int64(4)
	header, n, err := pageHeader(bytes.NewReader(whole), offset, int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if header.CompressedPageSize < 6 {
		t.Fatalf("a page of %d bytes", header.CompressedPageSize)
	}
	copy(whole[offset+int64(n):], "\xff\xff\xff\xff\x0f")
	f := put(t, "f.parquet", whole)
	if used := allocated(func() { wantError(t, f, "its data 4294967295") }); used > 64<<20 {
		t.Errorf("%d MiB allocated", used>>20)
	}
}

// TestParquetBombs has pages that become far more than their headers say.
func TestParquetBombs(t *testing.T) {
	type row struct {
		S []byte `parquet:"s"`
	}
	noise := make([]byte, 1<<20) // so that the page takes as many bytes as the bomb
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	zeros := make([]byte, 600<<20)
	for _, c := range []struct {
		name  string
		codec compress.Codec
		pack  func() []byte
	}{
		{"gzip", &parquet.Gzip, func() []byte {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			w.Write(zeros)
			w.Close()
			return b.Bytes()
		}},
		{"zstd", &parquet.Zstd, func() []byte {
			w, _ := zstd.NewWriter(nil)
			frame := w.EncodeAll(zeros[:64<<20], nil)
			return bytes.Repeat(frame, 10)
		}},
		{"brotli", &parquet.Brotli, func() []byte {
			var b bytes.Buffer
			w := brotli.NewWriterLevel(&b, 1)
			w.Write(zeros)
			w.Close()
			return b.Bytes()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := writeParquet(t, []row{{noise}}, parquet.Compression(c.codec), parquet.DataPageVersion(1))
			r, err := Open(context.Background(), put(t, "whole.parquet", whole), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if b, err := r.Next(); err != nil || b.Rows != 1 {
				t.Fatal("before:", err)
			}
			_, n, err := pageHeader(bytes.NewReader(whole), 4, int64(len(whole)))
			if err != nil {
				t.Fatal(err)
			}
			copy(whole[4+n:], c.pack())
			f := put(t, "f.parquet", whole)
			if used := allocated(func() { wantError(t, f, "its data becomes more") }); used > 256<<20 {
				t.Errorf("%d MiB allocated", used>>20)
			}
		})
	}
}
