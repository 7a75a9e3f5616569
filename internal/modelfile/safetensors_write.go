package modelfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// NewTensor is a tensor to be written. Data are its elements, little-endian,
// the last dimension fastest.
type NewTensor struct {
	Name  string
	Dtype string
	Shape []int64
	Data  []byte
}

// WriteSafetensors writes a file whose bytes depend on nothing but its
// arguments: tensors by descending alignment of their dtype, then by name;
// metadata by key; the header padded with spaces to a multiple of eight. These
// are the bytes that the reference library (0.8.0) writes for the same
// tensors, except that it leaves the order of metadata to chance.
//
// It refuses what Inspect would refuse, before writing anything.
func WriteSafetensors(w io.Writer, tensors []NewTensor, metadata map[string]string) error {
	sorted := slices.Clone(tensors)
	rank := make(map[string]int, len(safetensorsDtypes))
	for i, d := range safetensorsDtypes {
		rank[d.name] = i
	}
	sorting.By(sorted, func(a, b NewTensor) int {
		if d := rank[b.Dtype] - rank[a.Dtype]; d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	header, err := safetensorsHeader(sorted, metadata)
	if err != nil {
		return fmt.Errorf("write safetensors: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("write safetensors: %w", err)
	}
	for _, t := range sorted {
		if _, err := w.Write(t.Data); err != nil {
			return fmt.Errorf("write safetensors: tensor %s: %w", quote(t.Name), err)
		}
	}
	return nil
}

// safetensorsHeader returns the length and the header of tensors in the order
// given.
func safetensorsHeader(tensors []NewTensor, metadata map[string]string) ([]byte, error) {
	if len(tensors) > maxTensors {
		return nil, fmt.Errorf("%d tensors, at most %d", len(tensors), maxTensors)
	}
	out := append(make([]byte, 8), '{')
	separate := func() {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
	}
	if len(metadata) > 0 {
		out = append(appendJSONString(out, metadataID), ":{"...)
		for _, key := range slices.Sorted(maps.Keys(metadata)) {
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return nil, fmt.Errorf("metadata %s is not UTF-8", quote(key))
			}
			separate()
			out = append(appendJSONString(out, key), ':')
			out = appendJSONString(out, metadata[key])
		}
		out = append(out, '}')
	}
	names := make(map[string]bool, len(tensors))
	var at uint64
	for _, t := range tensors {
		if err := checkNew(t, at); err != nil {
			return nil, err
		}
		if names[t.Name] {
			return nil, fmt.Errorf("two tensors have the name %s", quote(t.Name))
		}
		names[t.Name] = true
		separate()
		out = append(appendJSONString(out, t.Name), `:{"dtype":"`...)
		out = append(append(out, t.Dtype...), `","shape":[`...)
		for i, d := range t.Shape {
			if i > 0 {
				out = append(out, ',')
			}
			out = strconv.AppendInt(out, d, 10)
		}
		out = append(out, `],"data_offsets":[`...)
		out = append(strconv.AppendUint(out, at, 10), ',')
		at += uint64(len(t.Data))
		out = append(strconv.AppendUint(out, at, 10), "]}"...)
	}
	out = append(out, '}')
	out = append(out, bytes.Repeat([]byte{' '}, -len(out)&7)...)
	if len(out)-8 > maxSafetensorsHeader {
		return nil, fmt.Errorf("the header has %d bytes, at most %d are allowed", len(out)-8, maxSafetensorsHeader)
	}
	binary.LittleEndian.PutUint64(out, uint64(len(out)-8))
	return out, nil
}

// checkNew holds a tensor to the rules that readers hold it to.
func checkNew(t NewTensor, at uint64) error {
	_, known := dtypeBits[t.Dtype]
	switch {
	case t.Name == metadataID || !utf8.ValidString(t.Name) || len(t.Name) > maxKey:
		return fmt.Errorf("tensor %s: cannot be a name", quote(t.Name))
	case !known:
		return fmt.Errorf("tensor %s: unknown dtype %s", quote(t.Name), quote(t.Dtype))
	case len(t.Shape) > maxRank || slices.ContainsFunc(t.Shape, func(d int64) bool { return d < 0 }):
		return fmt.Errorf("tensor %s: impossible shape %s", quote(t.Name), showShape(t.Shape))
	}
	e := entry{name: t.Name, dtype: t.Dtype, shape: t.Shape, begin: at, end: at + uint64(len(t.Data))}
	if _, bad := e.checkSize(); bad != nil {
		return errors.New(bad.Reason)
	}
	return nil
}

// appendJSONString escapes what RFC 8259 demands and nothing more, in the
// form of serde_json, by which the reference library writes.
func appendJSONString(out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\b':
			out = append(out, `\b`...)
		case '\f':
			out = append(out, `\f`...)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		default:
			if c < 0x20 {
				out = fmt.Appendf(out, `\u%04x`, c)
			} else {
				out = append(out, c)
			}
		}
	}
	return append(out, '"')
}
