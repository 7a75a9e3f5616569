package modelfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// header makes a file of a header as it is and n bytes of data.
func header(t testing.TB, json string, n int) string {
	t.Helper()
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(json)))) + json + strings.Repeat("\x01", n)
}

// u8 is a tensor's entry of n bytes at begin.
func u8(name string, begin, n int) string {
	return fmt.Sprintf(`%q:{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]}`, name, n, begin, begin+n)
}

func TestSafetensorsRefuses(t *testing.T) {
	length := func(n uint64, rest string) string { return string(binary.LittleEndian.AppendUint64(nil, n)) + rest }
	entry := func(fields string) string { return header(t, `{"a":{`+fields+`}}`, 4) }
	const dtype, shape, offsets = `"dtype":"U8"`, `"shape":[4]`, `"data_offsets":[0,4]`
	for _, c := range []struct {
		name, file string
		rule, says string
		at         int64
	}{
		{"nothing", "", "SAF001", "has 0 bytes", 0},
		{"seven bytes", "\x02\x00\x00\x00\x00\x00\x00", "SAF001", "has 7 bytes", 7},
		{"length alone", length(2, ""), "SAF001", "the file ends after 0", 8},
		{"header cut", length(100, "{}"), "SAF001", "the header is 100 bytes long", 10},
		{"data cut", header(t, "{"+u8("a", 0, 4)+"}", 3), "SAF001", "1 byte before the last tensor", 64},
		{"Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "SAF001", "Git LFS pointer", 0},
		{"header too long", length(100_000_001, "{}"), "SAF002", "100,000,001", 0},
		{"header length with the sign bit", length(1<<63, "{}"), "SAF002", "9,223,372,036,854,775,808", 0},
		{"largest header length", length(1<<64-1, "{}"), "SAF002", "18,446,744,073,709,551,615", 0},
		{"no header", length(0, ""), "SAF003", "begin with", 8},
		{"space first", header(t, ` {}`, 0), "SAF003", "begin with", 8},
		{"byte order mark", header(t, "\ufeff{}", 0), "SAF003", "begin with", 8},
		{"array", header(t, `[]`, 0), "SAF003", "begin with", 8},
		{"open object", header(t, `{"a"`, 0), "SAF003", "followed by", 12},
		{"open string", header(t, `{"a`, 0), "SAF003", "ends with a quotation mark", 11},
		{"key without quotation marks", header(t, `{a:1}`, 0), "SAF003", "key is a string", 9},
		{"comma at the end", header(t, "{"+u8("a", 0, 1)+",}", 1), "SAF003", "key is a string", 61},
		{"no comma", header(t, "{"+u8("a", 0, 1)+u8("b", 1, 1)+"}", 2), "SAF003", "goes on with", 60},
		{"second object", header(t, `{}{}`, 0), "SAF003", "something follows", 10},
		{"zero as padding", header(t, "{}\x00", 0), "SAF003", "something follows", 10},
		{"zero inside", header(t, "{\x00}", 0), "SAF003", "key is a string", 9},
		{"not UTF-8", header(t, "{\"\xff\":{"+dtype+","+shape+","+offsets+"}}", 4), "SAF003", "UTF-8", 9},
		{"encoded surrogate", header(t, "{\"\xed\xa0\x80\":1}", 4), "SAF003", "UTF-8", 9},
		{"half a surrogate pair", header(t, `{"\ud800":1}`, 4), "SAF003", "pairs", 16},
		{"wrong surrogate pair", header(t, `{"\ud800\u0041":1}`, 4), "SAF003", "pairs", 22},
		{"low surrogate first", header(t, `{"\udc00\ud800":1}`, 4), "SAF003", "pairs", 22},
		{"unknown escape", header(t, `{"\x41":1}`, 4), "SAF003", "escape", 12},
		{"short escape", header(t, `{"\u00g0":1}`, 4), "SAF003", "hexadecimal", 14},
		{"control character", header(t, "{\"a\nb\":1}", 4), "SAF003", "control characters", 11},
		{"name twice", header(t, "{"+u8("a", 0, 4)+","+u8("a", 0, 4)+"}", 4), "SAF004", `"a" stands twice in the header`, 61},
		{"name twice, once escaped", header(t, "{"+u8("a", 0, 4)+`,"\u0061":`+u8("a", 0, 4)[4:]+"}", 4), "SAF004", `"a" stands twice`, 61},
		{"metadata twice", header(t, `{"__metadata__":{},"__metadata__":{}}`, 0), "SAF004", "twice", 27},
		{"metadata key twice", header(t, `{"__metadata__":{"a":"1","a":"2"}}`, 0), "SAF004", "in __metadata__", 33},
		{"field twice", entry(dtype + "," + dtype + "," + shape + "," + offsets), "SAF004", `"dtype" stands twice`, 27},
		{"metadata null", header(t, `{"__metadata__":null}`, 0), "SAF005", "not an object", 24},
		{"metadata number", header(t, `{"__metadata__":{"a":1}}`, 0), "SAF005", `"a" is not a string`, 29},
		{"metadata nested", header(t, `{"__metadata__":{"a":{}}}`, 0), "SAF005", `"a" is not a string`, 29},
		{"tensor is a number", header(t, `{"a":1}`, 0), "SAF006", "is not an object", 13},
		{"tensor as an array", header(t, `{"a":["U8",[4],[0,4]]}`, 4), "SAF006", "is not an object", 13},
		{"no dtype", entry(shape + "," + offsets), "SAF006", "has no dtype", 47},
		{"no shape", entry(dtype + "," + offsets), "SAF006", "has no shape", 48},
		{"no offsets", entry(dtype + "," + shape), "SAF006", "has no data_offsets", 39},
		{"unknown field", entry(dtype + "," + shape + "," + offsets + `,"x":1`), "SAF006", `unknown key "x"`, 60},
		{"field in capitals", entry(`"Dtype":"U8",` + shape + "," + offsets), "SAF006", `unknown key "Dtype"`, 14},
		{"dtype number", entry(`"dtype":1,` + shape + "," + offsets), "SAF006", "dtype is not a string", 22},
		{"shape number", entry(dtype + `,"shape":4,` + offsets), "SAF006", "shape is not an array", 35},
		{"shape negative", entry(dtype + `,"shape":[-4],` + offsets), "SAF006", "whole numbers", 36},
		{"shape minus zero", entry(dtype + `,"shape":[-0],` + offsets), "SAF006", "whole numbers", 36},
		{"shape fraction", entry(dtype + `,"shape":[4.0],` + offsets), "SAF006", "whole numbers", 36},
		{"shape exponent", entry(dtype + `,"shape":[4e0],` + offsets), "SAF006", "whole numbers", 36},
		{"shape leading zero", entry(dtype + `,"shape":[04],` + offsets), "SAF006", "whole numbers", 36},
		{"shape text", entry(dtype + `,"shape":["4"],` + offsets), "SAF006", "whole numbers", 36},
		{"shape comma at the end", entry(dtype + `,"shape":[4,],` + offsets), "SAF006", "whole numbers", 38},
		{"shape without comma", entry(dtype + `,"shape":[4 4],` + offsets), "SAF003", "array goes on", 38},
		{"shape of 2^64", entry(dtype + `,"shape":[18446744073709551616],` + offsets), "SAF006", "whole numbers", 36},
		{"one offset", entry(dtype + "," + shape + `,"data_offsets":[0]`), "SAF006", "has 1 numbers", 54},
		{"three offsets", entry(dtype + "," + shape + `,"data_offsets":[0,4,4]`), "SAF006", "has 3 numbers", 54},
		{"negative offset", entry(dtype + "," + shape + `,"data_offsets":[-1,3]`), "SAF006", "whole numbers", 55},
		{"unknown dtype", entry(`"dtype":"F128",` + shape + "," + offsets), "SAF007", `"F128"`, 22},
		{"dtype in small letters", entry(`"dtype":"u8",` + shape + "," + offsets), "SAF007", `"u8"`, 22},
		{"dimension beyond int64", entry(dtype + `,"shape":[9223372036854775808],` + offsets), "SAF008", "too large", 36},
		{"product overflows", entry(dtype + `,"shape":[4294967296,4294967296],` + offsets), "SAF008", "too large", 9},
		{"product overflows before a zero", entry(dtype + `,"shape":[4294967296,4294967296,0],` + offsets), "SAF008", "too large", 9},
		{"bits overflow", entry(`"dtype":"F64","shape":[4611686018427387904],` + offsets), "SAF008", "too large", 9},
		{"half a byte", header(t, `{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2), "SAF008", "whole bytes", 9},
		{"six bits", header(t, `{"a":{"dtype":"F6_E2M3","shape":[5],"data_offsets":[0,4]}}`, 4), "SAF008", "whole bytes", 9},
		{"too few bytes", entry(`"dtype":"U16",` + shape + "," + offsets), "SAF008", "needs 8 bytes, data_offsets give it 4", 9},
		{"too many bytes", entry(dtype + `,"shape":[3],` + offsets), "SAF008", "needs 3 bytes, data_offsets give it 4", 9},
		{"scalar has one element", entry(dtype + `,"shape":[],` + offsets), "SAF008", "needs 1 byte", 9},
		{"hole at the beginning", header(t, "{"+u8("a", 1, 4)+"}", 5), "SAF009", "hole of 1 byte", 9},
		{"hole in the middle", header(t, "{"+u8("a", 0, 4)+","+u8("b", 8, 4)+"}", 12), "SAF009", "hole of 4 bytes", 61},
		{"overlap", header(t, "{"+u8("a", 0, 4)+","+u8("b", 2, 4)+"}", 6), "SAF009", "they overlap", 61},
		{"same bytes", header(t, "{"+u8("a", 0, 4)+","+u8("b", 0, 4)+"}", 4), "SAF009", "they overlap", 61},
		{"backwards", entry(dtype + "," + shape + `,"data_offsets":[4,0]`), "SAF009", "before it begins", 9},
		{"end beyond any file", entry(dtype + "," + shape + `,"data_offsets":[0,18446744073709551615]`), "SAF009", "beyond what a file can hold", 9},
		{"trailing byte", header(t, "{"+u8("a", 0, 4)+"}", 5), "SAF010", "still 1 byte", 65},
		{"data without tensors", header(t, "{}", 3), "SAF010", "still 3 bytes", 10},
		{"too many dimensions", entry(dtype + `,"shape":[` + strings.Repeat("1,", 64) + "4]," + offsets), "SAF011", "64 dimensions", 164},
		{"endless name", header(t, `{"`+strings.Repeat("a", 70_000)+`":1}`, 0), "SAF011", "65,536", 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			facts, err := modelfile.Inspect(t.Context(), write(t, "m.safetensors", c.file))
			var bad *modelfile.FormatError
			if !errors.As(err, &bad) {
				t.Fatalf("got %+v, %v", facts, err)
			}
			if bad.Rule != c.rule || bad.Offset != c.at || !strings.Contains(bad.Reason, c.says) {
				t.Errorf("got %s at %d: %s\nwant %s at %d: …%s…", bad.Rule, bad.Offset, bad.Reason, c.rule, c.at, c.says)
			}
			if bad.Hint == "" || modelfile.RuleDoc(bad.Rule) == "" || !strings.Contains(err.Error(), bad.Rule) {
				t.Errorf("no way out of it: %v", err)
			}
		})
	}
}

func TestSafetensorsAccepts(t *testing.T) {
	for _, c := range []struct {
		name, file string
		names      []string
	}{
		{"empty", header(t, "{}      ", 0), nil},
		{"metadata only", header(t, `{"__metadata__":{"framework":"pt"}}     `, 0), nil},
		{"white space everywhere", header(t, "{ \"a\" :\n{ \"dtype\"\t:\"U8\" , \"shape\": [ 2 ,\r2 ] ,\"data_offsets\":[ 0 , 4 ] } } ", 4), []string{"a"}},
		{"any order in the header", header(t, "{"+u8("b", 4, 4)+","+u8("a", 0, 4)+"}", 8), []string{"a", "b"}},
		{"any order of the fields", header(t, `{"a":{"data_offsets":[0,4],"shape":[4],"dtype":"I8"}}`, 4), []string{"a"}},
		{"empty tensors share a place", header(t, "{"+u8("z", 0, 0)+","+u8("a", 0, 4)+","+u8("b", 4, 0)+","+u8("c", 4, 0)+"}", 4), []string{"z", "a", "b", "c"}},
		{"zero before a huge dimension", header(t, `{"a":{"dtype":"F64","shape":[0,9223372036854775807],"data_offsets":[0,0]}}`, 0), []string{"a"}},
		{"escaped names", header(t, `{"\u0061\n\ud83d\ude00\/":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 1), []string{"a\n😀/"}},
		{"the name of a field", header(t, "{"+u8("dtype", 0, 1)+"}", 1), []string{"dtype"}},
		{"64 dimensions", header(t, `{"a":{"dtype":"U8","shape":[`+strings.Repeat("1,", 63)+`1],"data_offsets":[0,1]}}`, 1), []string{"a"}},
		{"four-bit numbers", header(t, `{"a":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]}}`, 3), []string{"a"}},
		{"six-bit numbers", header(t, `{"a":{"dtype":"F6_E3M2","shape":[4],"data_offsets":[0,3]}}`, 3), []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			facts, err := modelfile.Inspect(t.Context(), write(t, "m.safetensors", c.file))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, x := range facts.Tensors {
				names = append(names, x.Name)
			}
			if facts.Format != "safetensors" || !slices.Equal(names, c.names) {
				t.Errorf("got %q, want %q", names, c.names)
			}
		})
	}
}

func TestSafetensorsTensorLimit(t *testing.T) {
	var b strings.Builder
	b.WriteString("{")
	for i := range 500_001 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
	}
	b.WriteString("}")
	_, err := modelfile.Inspect(t.Context(), write(t, "m", header(t, b.String(), 0)))
	var bad *modelfile.FormatError
	if !errors.As(err, &bad) || bad.Rule != "SAF011" {
		t.Errorf("got %v", err)
	}
}

// TestWriteAsLibrary writes the tensors of the library's files again and
// expects its bytes.
func TestWriteAsLibrary(t *testing.T) {
	for _, name := range []string{"empty", "dtypes", "shapes"} {
		path := filepath.Join("testdata", name+".safetensors")
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := modelfile.Inspect(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var tensors []modelfile.NewTensor
		for _, x := range facts.Tensors {
			tensors = append(tensors, modelfile.NewTensor{Name: x.Name, Dtype: x.Dtype, Shape: x.Shape, Data: want[x.Offset:][:x.Bytes]})
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(tensors), func(i, j int) { tensors[i], tensors[j] = tensors[j], tensors[i] })
		var got bytes.Buffer
		if err := modelfile.WriteSafetensors(&got, tensors, facts.Metadata); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: got %q, want %q", name, got.Bytes(), want)
		}
	}
}

func TestWriteSafetensorsRefuses(t *testing.T) {
	one := func(name, dtype string, data string, shape ...int64) []modelfile.NewTensor {
		return []modelfile.NewTensor{{Name: name, Dtype: dtype, Shape: shape, Data: []byte(data)}}
	}
	for says, tensors := range map[string][]modelfile.NewTensor{
		"two tensors have the name": append(one("a", "U8", "1", 1), one("a", "I8", "1", 1)...),
		"unknown dtype":             one("a", "f32", "1234", 1),
		"cannot be a name":          one("__metadata__", "U8", "1", 1),
		"name":                      one("\xff", "U8", "1", 1),
		"needs 4 bytes":             one("a", "F32", "123", 1),
		"impossible shape":          one("a", "U8", "", -1),
		"too large":                 one("a", "U8", "", 1<<40, 1<<40),
		"whole bytes":               one("a", "F4", "1", 1),
	} {
		var out bytes.Buffer
		err := modelfile.WriteSafetensors(&out, tensors, nil)
		if err == nil || !strings.Contains(err.Error(), says) || out.Len() > 0 {
			t.Errorf("%s: got %v after %d bytes", says, err, out.Len())
		}
	}
	if err := modelfile.WriteSafetensors(&bytes.Buffer{}, nil, map[string]string{"a": "\xff"}); err == nil {
		t.Error("metadata that are not UTF-8 were written")
	}
}

// FuzzSafetensors holds the reader to its promise: no panic, and what it
// accepts can be written again and read as the same.
func FuzzSafetensors(f *testing.F) {
	for _, name := range []string{"empty", "dtypes", "shapes"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".safetensors"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{
		header(f, `{"\ud83d\ude00":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1),
		header(f, "{"+u8("a", 0, 4)+","+u8("a", 0, 4)+"}", 4),
		header(f, `{"__metadata__":{"a":"\u0000"}}`, 0),
		header(f, `{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,18446744073709551615]}}`, 0),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := modelfile.InspectReader(t.Context(), bytes.NewReader(data), int64(len(data)), "m.safetensors")
		if err != nil {
			var bad *modelfile.FormatError
			if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > int64(len(data)) {
				t.Fatalf("%v", err)
			}
			return
		}
		var tensors []modelfile.NewTensor
		for _, x := range facts.Tensors {
			tensors = append(tensors, modelfile.NewTensor{Name: x.Name, Dtype: x.Dtype, Shape: x.Shape, Data: data[x.Offset:][:x.Bytes]})
		}
		var out bytes.Buffer
		if err := modelfile.WriteSafetensors(&out, tensors, facts.Metadata); err != nil {
			t.Fatal(err)
		}
		again, err := modelfile.InspectReader(t.Context(), bytes.NewReader(out.Bytes()), int64(out.Len()), "m")
		if err != nil {
			t.Fatal(err)
		}
		if again.Parameters != facts.Parameters || !reflect.DeepEqual(again.Dtypes, facts.Dtypes) || len(again.Tensors) != len(facts.Tensors) {
			t.Errorf("got %+v, want %+v", again, facts)
		}
	})
}

func BenchmarkInspect10000Tensors(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"__metadata__":{"format":"pt"}`)
	for i := range 10_000 {
		fmt.Fprintf(&s, `,"model.layers.%d.self_attn.q_proj.weight":{"dtype":"BF16","shape":[16,8],"data_offsets":[%d,%d]}`, i, i*256, i*256+256)
	}
	s.WriteByte('}')
	path := write(b, "m.safetensors", header(b, s.String(), 10_000*256))
	b.SetBytes(int64(s.Len()))
	b.ReportAllocs()
	for b.Loop() {
		facts, err := modelfile.Inspect(b.Context(), path)
		if err != nil || len(facts.Tensors) != 10_000 {
			b.Fatal(err)
		}
	}
}
