package modelfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// NumPy's array files (numpy/lib/format.py, format versions 1.0 to 3.0): a
// mark, the version, the length of a header, the header, which is a Python
// literal, then the elements.

var npy = format{
	name:      "npy",
	byContent: looksLikeNPY,
	byName:    func(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".npy") },
	rules:     npyRules,
	read:      readNPY,
}

const (
	npyMark      = "\x93NUMPY"
	maxNPYHeader = 1 << 20 // NumPy itself reads 10,000 bytes
	maxLiteral   = 16      // lists in lists of a header
)

const (
	ruleNPYHeader = "NPY001"
	ruleNPYSize   = "NPY002"
)

var npyRules = map[string]string{
	ruleNPYHeader: "The file begins with its mark, a version from 1 to 3, and a Python dictionary of at most 1 MiB with descr, fortran_order and shape.",
	ruleNPYSize:   "The elements are as many bytes as type and shape say, and nothing follows them.",
}

const hintNPY = "it may be cut short: copy it again, or write it again with numpy.save"

func looksLikeNPY(head []byte) bool { return bytes.HasPrefix(head, []byte(npyMark)) }

func readNPY(_ context.Context, r io.ReaderAt, size int64, f *Facts) error {
	a, err := readNPYHeader(io.NewSectionReader(r, 0, size), size)
	if err != nil {
		return err
	}
	a.add(f, "array", 0)
	return nil
}

// npyArray is what a header says.
type npyArray struct {
	dtype    string
	shape    []int64
	elements int64
	length   int64 // of the elements, -1 for pickled objects
	header   int64
	fortran  bool
	objects  bool
}

// add makes a tensor of a, whose file stands at at.
func (a *npyArray) add(f *Facts, name string, at int64) {
	if f.Dtypes == nil {
		f.Dtypes = map[string]int64{}
	}
	if a.elements <= math.MaxInt64-f.Parameters {
		f.Parameters += a.elements
		f.Dtypes[a.dtype] += a.elements
	}
	f.Tensors = append(f.Tensors, Tensor{Name: name, Dtype: a.dtype, Shape: a.shape, Bytes: max(a.length, 0), Offset: at + a.header})
	if a.objects {
		detail(f, "pickledObjects", true)
	}
	if a.fortran {
		detail(f, "fortranOrder", true)
	}
}

// readNPYHeader reads the header of a file of size bytes from its beginning.
func readNPYHeader(r io.Reader, size int64) (*npyArray, error) {
	bad := func(rule string, at int64, reason string, args ...any) (*npyArray, error) {
		return nil, broken(rule, at, hintNPY, reason, args...)
	}
	head := make([]byte, min(size, 12))
	if _, err := io.ReadFull(r, head[:min(size, 8)]); err != nil {
		return nil, err
	}
	if !looksLikeNPY(head) || len(head) < 10 || head[6] < 1 || head[6] > 3 {
		return bad(ruleNPYHeader, 0, "it does not begin with NumPy's mark and a version from 1 to 3")
	}
	wide := int64(2)
	if head[6] > 1 {
		wide = 4
	}
	if size < 8+wide {
		return bad(ruleNPYHeader, size, "the file ends before its header begins")
	}
	if _, err := io.ReadFull(r, head[8:8+wide]); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint16(head[8:]))
	if wide == 4 {
		n = int64(binary.LittleEndian.Uint32(head[8:]))
	}
	if n > maxNPYHeader || n > size-8-wide {
		return bad(ruleNPYHeader, 8, "the header is %s long, at most %d are allowed, and the file has %s", countBytes(uint64(n)), maxNPYHeader, countBytes(uint64(size)))
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	a := &npyArray{header: 8 + wide + n}
	if reason := a.parse(string(text)); reason != "" {
		return bad(ruleNPYHeader, 8+wide, "the header %s", reason)
	}
	switch have := size - a.header; {
	case a.objects:
	case have > a.length:
		// numpy.save appends to an open file, but numpy.load ends here.
		return nil, broken(ruleNPYSize, a.header+a.length, "keep one array in a file, or several in an .npz",
			"it is %s longer than its elements, and numpy.load does not read them", countBytes(uint64(have-a.length)))
	case have < a.length:
		return bad(ruleNPYSize, a.header, "shape %s of %s needs %s, the file has %s", showShape(a.shape), a.dtype, countBytes(uint64(a.length)), report.Thousands(have))
	}
	return a, nil
}

// parse reads the dictionary, and says what is wrong with it.
func (a *npyArray) parse(text string) string {
	p := &literal{text: text}
	v, ok := p.value(maxLiteral)
	if p.space(); !ok || p.at != len(p.text) {
		return "is not a Python literal"
	}
	dict, _ := v.(map[string]any)
	shape, okShape := dict["shape"].([]any)
	fortran, okFortran := dict["fortran_order"].(bool)
	if dict["descr"] == nil || !okShape || !okFortran || len(shape) > maxRank {
		return "does not have descr, fortran_order and shape"
	}
	a.fortran, a.shape = fortran, make([]int64, len(shape))
	for i, d := range shape {
		n, ok := d.(int64)
		if !ok || n < 0 {
			return "has a shape that is not of whole numbers"
		}
		a.shape[i] = n
	}
	var width int64
	a.dtype, width, ok = npyType(dict["descr"], maxLiteral)
	if !ok {
		return fmt.Sprintf("has the unknown type %s", quote(fmt.Sprint(dict["descr"])))
	}
	if a.elements, ok = product(a.shape); !ok {
		return "has a shape that is too large for any file"
	}
	if a.objects = width < 0; a.objects {
		a.length = -1
		return ""
	}
	if width > 0 && a.elements > math.MaxInt64/width {
		return "has a shape that is too large for any file"
	}
	a.length = a.elements * width
	return ""
}

// npyTypes are kinds and bytes of NumPy's types (numpy/dtypes).
var npyTypes = map[string]string{
	"b1": "BOOL", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64", "u1": "U8", "u2": "U16", "u4": "U32", "u8": "U64",
	"f2": "F16", "f4": "F32", "f8": "F64", "f16": "F128", "c8": "C64", "c16": "C128", "c32": "C256",
}

// npyType tells the dtype and the bytes of an element; -1 for objects, which
// are pickled.
func npyType(descr any, depth int) (dtype string, width int64, ok bool) {
	switch d := descr.(type) {
	case string:
		if len(d) < 2 {
			return "", 0, false
		}
		code := strings.TrimLeft(d, "<>|=")
		if name := npyTypes[code]; name != "" {
			width, _ = strconv.ParseInt(code[1:], 10, 64)
			return name, width, true
		}
		if code == "O" || code == "O8" {
			return "object", -1, true
		}
		if code == "" || !strings.Contains("SUVmMa", code[:1]) {
			return "", 0, false
		}
		digits, _, _ := strings.Cut(code[1:], "[")
		if digits == "" {
			digits = "0"
		}
		n, err := strconv.ParseUint(digits, 10, 31)
		width := int64(n)
		switch code[0] {
		case 'U':
			return "string", 4 * width, err == nil
		case 'S', 'a':
			return "string", width, err == nil
		case 'm', 'M':
			return "time", width, err == nil
		}
		return "record", width, err == nil
	case []any:
		if depth == 0 {
			return "", 0, false
		}
		objects := false
		for _, field := range d {
			parts, _ := field.([]any)
			if len(parts) < 2 {
				return "", 0, false
			}
			_, n, ok := npyType(parts[1], depth-1)
			if !ok {
				return "", 0, false
			}
			count := int64(1)
			if len(parts) > 2 {
				if count, ok = npyCount(parts[2]); !ok {
					return "", 0, false
				}
			}
			objects = objects || n < 0
			if n > 0 && count > (math.MaxInt32-width)/n {
				return "", 0, false
			}
			width += n * count
		}
		if objects {
			width = -1
		}
		return "record", width, true
	}
	return "", 0, false
}

// npyCount multiplies the shape of a field.
func npyCount(v any) (int64, bool) {
	dims, ok := v.([]any)
	if !ok {
		dims = []any{v}
	}
	n := int64(1)
	for _, d := range dims {
		x, ok := d.(int64)
		if !ok || x < 0 || x > math.MaxInt32 || n*x > math.MaxInt32 {
			return 0, false
		}
		n *= x
	}
	return n, true
}

// literal parses what ast.literal_eval would, of the kinds that headers have:
// dictionaries with text as keys, tuples and lists (both as []any), text,
// whole numbers, True, False and None (as false).
type literal struct {
	text string
	at   int
}

func (p *literal) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take moves past c if it comes next.
func (p *literal) take(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *literal) value(depth int) (any, bool) {
	p.space()
	if depth == 0 || p.at == len(p.text) {
		return nil, false
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.dict(depth)
	case c == '(', c == '[':
		return p.list(depth)
	case c == '\'', c == '"':
		return p.str()
	case c >= '0' && c <= '9' || c == '-':
		start := p.at
		for p.at++; p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9'; p.at++ {
		}
		n, err := strconv.ParseInt(p.text[start:p.at], 10, 64)
		p.at += len(p.text[p.at:]) - len(strings.TrimPrefix(p.text[p.at:], "L")) // Python 2
		return n, err == nil
	}
	for word, v := range map[string]any{"True": true, "False": false, "None": false} {
		if strings.HasPrefix(p.text[p.at:], word) {
			p.at += len(word)
			return v, true
		}
	}
	return nil, false
}

func (p *literal) dict(depth int) (any, bool) {
	p.take('{')
	m := map[string]any{}
	for !p.take('}') {
		p.space()
		key, ok := p.str()
		name, _ := key.(string)
		if _, twice := m[name]; !ok || twice || !p.take(':') {
			return nil, false
		}
		if m[name], ok = p.value(depth - 1); !ok {
			return nil, false
		}
		if !p.take(',') {
			return m, p.take('}')
		}
	}
	return m, true
}

func (p *literal) list(depth int) (any, bool) {
	end := byte(')')
	if p.text[p.at] == '[' {
		end = ']'
	}
	p.at++
	out := []any{}
	for !p.take(end) {
		v, ok := p.value(depth - 1)
		if !ok {
			return nil, false
		}
		out = append(out, v)
		if !p.take(',') {
			return out, p.take(end)
		}
	}
	return out, true
}

// str reads text. What a backslash stands before is kept as it is written:
// only names of fields have that, and nobody asks for them.
func (p *literal) str() (any, bool) {
	if p.at == len(p.text) || p.text[p.at] != '\'' && p.text[p.at] != '"' {
		return nil, false
	}
	start, quote := p.at+1, p.text[p.at]
	for i := start; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case quote:
			p.at = i + 1
			return p.text[start:i], true
		}
	}
	return nil, false
}
