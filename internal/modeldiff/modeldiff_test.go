package modeldiff

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/ref"
)

// tensor is one to be written into a safetensors file.
type tensor struct {
	name, dtype string
	shape       []int64
	data        []byte
}

func f32(name string, values ...float32) tensor {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return tensor{name, "F32", []int64{int64(len(values))}, data}
}

func safetensors(ts ...tensor) []byte {
	header := map[string]any{}
	var data []byte
	for _, t := range ts {
		header[t.name] = map[string]any{"dtype": t.dtype, "shape": t.shape, "data_offsets": []int{len(data), len(data) + len(t.data)}}
		data = append(data, t.data...)
	}
	head, _ := json.Marshal(header)
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head, data)
}

// side makes a Side of files in memory. opened records what is read.
func side(t testing.TB, files map[string][]byte, opened map[string]bool) Side {
	t.Helper()
	set, err := modelfile.InspectFiles(t.Context(), slices.Sorted(maps.Keys(files)), func(name string) (io.ReaderAt, int64, error) {
		return bytes.NewReader(files[name]), int64(len(files[name])), nil
	}, modelfile.FilesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := Side{Set: set, Open: func(name string) (io.ReaderAt, int64, error) {
		if opened != nil {
			opened[name] = true
		}
		return bytes.NewReader(files[name]), int64(len(files[name])), nil
	}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		s.Files = append(s.Files, manifest.File{Path: name, Size: int64(len(files[name])), Digest: ref.Of(files[name])})
	}
	return s
}

func compareFiles(t testing.TB, from, to map[string][]byte, opts Options) *Model {
	t.Helper()
	m, err := Compare(t.Context(), side(t, from, nil), side(t, to, nil), opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	m.Sections()
	return m
}

func TestTensors(t *testing.T) {
	from := map[string][]byte{
		"a.safetensors": safetensors(f32("same", 1, 2), f32("changed", 3, 4), f32("gone", 9), f32("shape", 1, 2), f32("old.name", 5, 6, 7), f32("moved", 8, 8)),
		"b.safetensors": safetensors(f32("kept", 1)),
	}
	half := tensor{"type", "F16", []int64{2}, []byte{0, 0x3c, 0, 0x40}} // 1, 2
	from["c.safetensors"] = safetensors(half)
	to := map[string][]byte{
		"a.safetensors": safetensors(f32("same", 1, 2), f32("changed", 3, 1), f32("shape", 1, 2, 3), f32("new.name", 5, 6, 7)),
		"b.safetensors": from["b.safetensors"],
		"c.safetensors": safetensors(f32("type", 1, 2.5), f32("moved", 8, 8), f32("came", 1, 1, 1, 1)),
	}
	opened := map[string]bool{}
	m, err := Compare(t.Context(), side(t, from, opened), side(t, to, opened), Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := m.Tensors
	if len(x.Added) != 1 || x.Added[0].Name != "came" || len(x.Removed) != 1 || x.Removed[0].Name != "gone" {
		t.Errorf("added %v, removed %v", x.Added, x.Removed)
	}
	if len(x.Renamed) != 1 || x.Renamed[0].Name != (Pair[string]{"old.name", "new.name"}) {
		t.Errorf("renamed %+v", x.Renamed)
	}
	if len(x.Reshaped) != 1 || x.Reshaped[0].Name != "shape" || len(x.Moved) != 1 || x.Moved[0].File.To != "c.safetensors" {
		t.Errorf("reshaped %+v, moved %+v", x.Reshaped, x.Moved)
	}
	if len(x.Retyped) != 1 || x.Retyped[0].Dtype.To != "F32" || x.Retyped[0].MaxAbs != 0.5 || x.Retyped[0].Changed != 1 {
		t.Errorf("retyped %+v", x.Retyped)
	}
	if len(x.Changed) != 1 || math.Abs(*x.Changed[0].Relative-3.0/5) > 1e-15 || x.Changed[0].MaxAbs != 3 || x.Changed[0].Share() != 0.5 {
		t.Errorf("changed %+v", x.Changed)
	}
	if x.Unchanged != 3 || x.Unread != 0 { // same, kept, moved
		t.Errorf("unchanged %d, unread %d", x.Unchanged, x.Unread)
	}
	if opened["b.safetensors"] || !opened["a.safetensors"] {
		t.Errorf("read %v; a file with the same digest needs no reading", opened)
	}
	if m.Parameters.To-m.Parameters.From != 4 {
		t.Errorf("parameters %+v", m.Parameters)
	}
}

// TestNorms compares with arithmetic written plainly, over several segments
// and every type.
func TestNorms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for dtype, n := range numerics {
		count := 3*segmentElements/2 + 7
		if dtype != "F32" && dtype != "BF16" {
			count = 3001
		}
		from := make([]byte, int64(count)*n.width)
		for i := range from {
			from[i] = byte(r.Uint32())
		}
		if dtype == "F64" { // squares stay finite
			for i := range count {
				binary.LittleEndian.PutUint64(from[8*i:], math.Float64bits(r.NormFloat64()))
			}
		}
		to := bytes.Clone(from)
		for i := 0; i < count; i += 5 {
			to[int64(i)*n.width] ^= 1
		}
		x, y := make([]float64, count), make([]float64, count)
		n.decode(x, from)
		n.decode(y, to)
		want := Norms{Elements: int64(count)}
		var difference, old float64
		for i := range x {
			finite := true
			for _, v := range []struct {
				v        float64
				nan, inf *int64
			}{{x[i], &want.NaN.From, &want.Inf.From}, {y[i], &want.NaN.To, &want.Inf.To}} {
				if math.IsNaN(v.v) {
					*v.nan++
					finite = false
				}
				if math.IsInf(v.v, 0) {
					*v.inf++
					finite = false
				}
			}
			differs := x[i] != y[i] && !(math.IsNaN(x[i]) && math.IsNaN(y[i]))
			if dtype == "I64" || dtype == "U64" {
				differs = i%5 == 0 // float64 does not see it
				if differs {
					difference++
					want.MaxAbs = 1
				}
				want.Changed += map[bool]int64{true: 1}[differs]
				old += x[i] * x[i]
				continue
			}
			if differs {
				want.Changed++
			}
			if finite {
				d := y[i] - x[i]
				difference += d * d
				old += x[i] * x[i]
				want.MaxAbs = max(want.MaxAbs, math.Abs(d))
			}
		}
		relative := math.Sqrt(difference / old)
		a := map[string][]byte{"m.safetensors": safetensors(tensor{"t", dtype, []int64{int64(count)}, from})}
		b := map[string][]byte{"m.safetensors": safetensors(tensor{"t", dtype, []int64{int64(count)}, to})}
		one := compareFiles(t, a, b, Options{Workers: 1}).Tensors.Changed
		if len(one) != 1 || one[0].Norms == nil || one[0].Relative == nil {
			t.Fatalf("%s: %+v", dtype, one)
		}
		got := *one[0].Norms
		if math.Abs(*got.Relative-relative) > 1e-9*relative {
			t.Errorf("%s: relative change %v, want %v", dtype, *got.Relative, relative)
		}
		got.Relative = nil
		if got != want {
			t.Errorf("%s: got %+v, want %+v", dtype, got, want)
		}
		if many := compareFiles(t, a, b, Options{Workers: 5}).Tensors.Changed; !reflect.DeepEqual(many, one) {
			t.Errorf("%s: %+v with five workers, %+v with one", dtype, many[0].Norms, one[0].Norms)
		}
	}
}

func TestF16(t *testing.T) {
	for bits, want := range map[uint16]float64{0: 0, 1: 0x1p-24, 0x3ff: 0x3ffp-24, 0x400: 0x1p-14, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x7c00: math.Inf(1), 0xfc00: math.Inf(-1)} {
		out := make([]float64, 1)
		decodeF16(out, binary.LittleEndian.AppendUint16(nil, bits))
		if out[0] != want {
			t.Errorf("%#x: got %v, want %v", bits, out[0], want)
		}
	}
	// All of them, four at a time, as arithmetic says.
	out, in := make([]float64, 1<<16), []byte{}
	for h := range 1 << 16 {
		in = binary.LittleEndian.AppendUint16(in, uint16(h))
	}
	decodeF16(out, in)
	for h, got := range out {
		exponent, fraction := h>>10&31, float64(h&0x3ff)
		want := math.Ldexp(1024+fraction, exponent-25)
		switch {
		case exponent == 0:
			want = fraction * 0x1p-24
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		}
		if h >= 1<<15 {
			want = -want
		}
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%#x: got %v, want %v", h, got, want)
		}
	}
}

// Numbers that JSON cannot hold are left out, and what is infinite is counted.
func TestOddNorms(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		from, to tensor
		want     Norms
	}{
		{f32("t", 0, 0), f32("t", 0, 2), Norms{MaxAbs: 2, Elements: 2, Changed: 1}},
		{f32("t", 1, nan, inf), f32("t", nan, nan, inf), Norms{Elements: 3, Changed: 1, NaN: Pair[int64]{1, 2}, Inf: Pair[int64]{1, 1}}},
		{f32("t", 0), f32("t", float32(math.Copysign(0, -1))), Norms{Elements: 1}},
	} {
		m := compareFiles(t, map[string][]byte{"m.safetensors": safetensors(c.from)}, map[string][]byte{"m.safetensors": safetensors(c.to)}, Options{})
		got := *m.Tensors.Changed[0].Norms
		if got.Relative != nil {
			t.Errorf("relative change to zeros: %v", *got.Relative)
		}
		if got != c.want {
			t.Errorf("got %+v, want %+v", got, c.want)
		}
	}
	big := tensor{"t", "F64", []int64{1}, binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.MaxFloat64))}
	minus := tensor{"t", "F64", []int64{1}, binary.LittleEndian.AppendUint64(nil, math.Float64bits(-math.MaxFloat64))}
	m := compareFiles(t, map[string][]byte{"m.safetensors": safetensors(big)}, map[string][]byte{"m.safetensors": safetensors(minus)}, Options{})
	if n := m.Tensors.Changed[0].Norms; n.Relative != nil || n.Changed != 1 {
		t.Errorf("beyond float64: %+v", n)
	}
}

func TestGroups(t *testing.T) {
	var from, to []tensor
	for i := range 12 {
		for _, part := range []string{"mlp.up.weight", "mlp.down.weight", "norm.weight"} {
			name := fmt.Sprintf("model.layers.%d.%s", i, part)
			from = append(from, f32(name, 1, 1))
			if i == 4 || strings.HasPrefix(part, "norm") {
				to = append(to, f32(name, 1, 1))
			} else {
				to = append(to, f32(name, 1, 1.5))
			}
		}
	}
	from = append(from, f32("head.weight", 1), f32("head.bias", 1))
	to = append(to, f32("lone", 2))
	m := compareFiles(t, map[string][]byte{"m.safetensors": safetensors(from...)}, map[string][]byte{"m.safetensors": safetensors(to...)}, Options{})
	var got []string
	for _, g := range m.Tensors.Groups {
		got = append(got, fmt.Sprintf("%s %s %d %s", g.What, g.Pattern, g.Tensors, share(g.MeanRelative)))
	}
	want := []string{"added lone 1 ", "removed head.* 2 ", "changed model.layers.0-3,5-11.mlp.* 22 0.354"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := ranges(map[int]bool{0: true, 2: true, 4: true, 6: true, 8: true, 10: true, 12: true, 14: true}); s != "0,2,4,6,8,…,14" {
		t.Errorf("many ranges: %s", s)
	}
}

func TestDocuments(t *testing.T) {
	from := map[string][]byte{
		"config.json":    []byte(`{"hidden_size": 8, "architectures": ["A"], "deep": {"x": [1, 2]}, "id2label": {"0": "a"}}`),
		"spaces.json":    []byte(`{"a":1}`),
		"vocab.txt":      []byte("a\nb\nc\n"),
		"tokenizer.json": []byte(`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}}, "added_tokens": [{"id": 2, "content": "<s>"}]}`),
	}
	to := map[string][]byte{
		"config.json":    []byte(`{"hidden_size": 16, "architectures": ["A"], "deep": {"x": [1, 3]}, "new": null, "id2label": {"0": "b"}}`),
		"spaces.json":    []byte(`{"a": 1}`),
		"vocab.txt":      []byte("b\na\nd\n"),
		"tokenizer.json": []byte(`{"model": {"type": "Unigram", "vocab": [["a", -1.5], ["b", -2]]}, "added_tokens": [{"id": 2, "content": "</s>"}]}`),
	}
	m := compareFiles(t, from, to, Options{})
	if len(m.Configs) != 2 || m.Configs[1].Note != "only how it is written" {
		t.Fatalf("configs %+v", m.Configs)
	}
	want := []Value{{"deep.x[1]", Pair[string]{"2", "3"}}, {"hidden_size", Pair[string]{"8", "16"}}, {"id2label.0", Pair[string]{`"a"`, `"b"`}}, {"new", Pair[string]{"", "null"}}}
	if !slices.Equal(m.Configs[0].Values, want) {
		t.Errorf("got %v, want %v", m.Configs[0].Values, want)
	}
	v := m.Vocabulary
	if len(v) != 2 || v[1].Path != "vocab.txt" || v[1].Added.Count != 1 || v[1].Removed.First[0] != "c" || v[1].Renumbered.Count != 2 {
		t.Fatalf("vocab.txt %+v", v)
	}
	if v[0].Added.First[0] != "</s>" || v[0].Removed.First[0] != "<s>" || v[0].Renumbered.Count != 0 || v[0].Entries != (Pair[int64]{3, 3}) {
		t.Errorf("tokenizer.json %+v", v[0])
	}
	if !slices.ContainsFunc(m.Facts, func(v Value) bool { return v.Path == "labels" && v.To == "b" }) {
		t.Errorf("facts %v", m.Facts)
	}
}

// A file that became shorter, and readers that fail, are errors and not equal.
func TestReadErrors(t *testing.T) {
	from := map[string][]byte{"m.safetensors": safetensors(f32("t", 1, 2))}
	to := map[string][]byte{"m.safetensors": safetensors(f32("t", 1, 3))}
	a, b := side(t, from, nil), side(t, to, nil)
	b.Open = func(string) (io.ReaderAt, int64, error) {
		return bytes.NewReader(to["m.safetensors"][:69]), int64(len(to["m.safetensors"])), nil
	}
	if _, err := Compare(t.Context(), a, b, Options{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short: %v", err)
	}
	b.Open = func(string) (io.ReaderAt, int64, error) { return nil, 0, errors.New("gone") }
	if _, err := Compare(t.Context(), a, b, Options{}); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("gone: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compare(ctx, a, side(t, to, nil), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestOverlap holds tensors that share their bytes to a bound.
func TestOverlap(t *testing.T) {
	data := make([]byte, 1<<10)
	var ts []modelfile.Tensor
	for i := range 100 {
		ts = append(ts, modelfile.Tensor{Name: fmt.Sprint(i), Dtype: "U8", Shape: []int64{1000}, Bytes: 1000, Offset: 8})
	}
	make := func(fill byte) Side {
		data := bytes.Clone(data)
		data[500] = fill
		facts := &modelfile.Facts{Format: "pytorch", Tensors: ts}
		return Side{Set: &modelfile.Set{Facts: *facts, Files: []modelfile.FileFacts{{Path: "m.pt", Facts: facts}}},
			Files: []manifest.File{{Path: "m.pt", Digest: ref.Of(data)}},
			Open:  func(string) (io.ReaderAt, int64, error) { return bytes.NewReader(data), int64(len(data)), nil }}
	}
	m, err := Compare(t.Context(), make(1), make(2), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Tensors.Changed) != maxOverlap || m.Tensors.Unread != 100-maxOverlap {
		t.Errorf("%d compared, %d not", len(m.Tensors.Changed), m.Tensors.Unread)
	}
}

// FuzzCompare compares damaged files with whole ones.
func FuzzCompare(f *testing.F) {
	good := safetensors(f32("a.0.b", 1, 2), tensor{"h", "BF16", []int64{1}, []byte{1, 2}})
	f.Add(good, []byte(`{"a": [1, {"b": 2}]}`))
	f.Add(good[:40], []byte(`{"model": {"vocab": {"a": 0}}}`))
	f.Add([]byte(`{}`), []byte("["+strings.Repeat("[", 100)))
	f.Fuzz(func(t *testing.T, weights, text []byte) {
		from := map[string][]byte{"m.safetensors": good, "x.json": []byte(`{"a": 1}`), "tokenizer.json": []byte(`{"model": {"vocab": {"b": 0}}}`), "vocab.txt": []byte("a")}
		to := map[string][]byte{"m.safetensors": weights, "x.json": text, "tokenizer.json": text, "vocab.txt": text}
		m := compareFiles(t, from, to, Options{Workers: 2})
		if bytes.Equal(good, weights) != m.Tensors.Empty() && len(m.Problems) == 0 && m.Format.To == "safetensors" && bytes.Equal(good, weights) {
			t.Error("equal weights differ")
		}
	})
}

func TestDamaged(t *testing.T) {
	good := safetensors(f32("a.0.b", 1, 2), f32("c", 3))
	config := []byte(`{"a": [1, {"b": 2}], "c": "d"}`)
	files := map[string][]byte{"m.safetensors": good, "x.json": config, "tokenizer.json": []byte(`{"model": {"vocab": {"b": 0}}}`)}
	for n := range good {
		compareFiles(t, files, map[string][]byte{"m.safetensors": good[:n], "x.json": config[:min(n, len(config))], "tokenizer.json": config[:min(n, len(config))]}, Options{})
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		bad, text := bytes.Clone(good), bytes.Clone(config)
		bad[r.IntN(len(bad))] = byte(r.Uint32())
		text[r.IntN(len(text))] = byte(r.Uint32())
		compareFiles(t, files, map[string][]byte{"m.safetensors": bad, "x.json": text, "tokenizer.json": text}, Options{})
	}
}
