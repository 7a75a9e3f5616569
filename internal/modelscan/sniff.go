package modelscan

import (
	"bytes"
	"path"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelarchive"
)

// kind is what a file is, by its content. Those of modelarchive come first.
type kind string

const (
	unknown     kind = ""
	isPickle    kind = "pickle"
	isNumpy     kind = "npy"
	isHDF5      kind = "hdf5"
	isGGUF      kind = "gguf"
	isSafe      kind = "safetensors"
	isTFLite    kind = "tflite"
	isJSON      kind = "json"
	isONNX      kind = "onnx"
	isSaved     kind = "savedmodel"
	isKerasMeta kind = "kerasmetadata"
	isNative    kind = "native" // ELF, PE, Mach-O
	isBytecode  kind = "bytecode"
)

// headLen is how much of the beginning decides.
const headLen = 4096

// sniff tells what content that is no archive begins with.
func sniff(head []byte) kind {
	has := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch {
	case has("\x7fELF"), has("\xfe\xed\xfa\xce"), has("\xfe\xed\xfa\xcf"), has("\xce\xfa\xed\xfe"), has("\xcf\xfa\xed\xfe"), isPE(head),
		has("\xca\xfe\xba\xbe\x00\x00\x00") && len(head) > 7 && head[7] < 20: // a fat Mach-O; Java's version is greater
		return isNative
	case len(head) > 1 && head[0] == 0x80 && head[1] <= 5: // PROTO, section "Pickle protocols" of pickletools
		return isPickle
	case has("\x93NUMPY"):
		return isNumpy
	case has("\x89HDF\r\n\x1a\n"):
		return isHDF5
	case has("GGUF"):
		return isGGUF
	case len(head) > 8 && head[8] == '{' && bytes.Equal(head[4:8], []byte{0, 0, 0, 0}):
		return isSafe
	case len(head) >= 8 && string(head[4:8]) == "TFL3":
		return isTFLite
	}
	if startsJSON(head) {
		return isJSON
	}
	return unknown
}

// startsJSON tells an object or array of JSON from a template, which may begin
// with a brace as well.
func startsJSON(head []byte) bool {
	const space = " \t\r\n"
	t := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), space)
	if len(t) == 0 || notText(t) {
		return false
	}
	if t[0] == '{' {
		t = bytes.TrimLeft(t[1:], space)
		return len(t) > 0 && (t[0] == '"' || t[0] == '}')
	}
	return t[0] == '['
}

func isPE(head []byte) bool {
	if len(head) < 64 || string(head[:2]) != "MZ" {
		return false
	}
	at := int(head[60]) | int(head[61])<<8 | int(head[62])<<16
	return at+4 <= len(head) && string(head[at:at+4]) == "PE\x00\x00"
}

func notText(text []byte) bool {
	for _, c := range text[:min(len(text), 512)] {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' {
			return true
		}
	}
	return false
}

// ext is the extension in lower case, with its dot.
func ext(name string) string { return strings.ToLower(path.Ext(name)) }

// pickleNames are what is loaded with pickle, joblib or torch.load, by
// extension; those without one are the members of torch's tar format.
var pickleNames = map[string]bool{
	".pkl": true, ".pickle": true, ".joblib": true, ".pt": true, ".pth": true, ".bin": true, ".ckpt": true, ".dat": true, ".data": true,
	".p": true, ".pk": true, ".dill": true, ".mar": true, ".debug_pkl": true, ".sav": true, ".model": true, ".pt2": true,
}

func loadedAsPickle(name string) bool {
	return pickleNames[ext(name)] || name == "sys_info" || name == "pickle" || name == "storages" || name == "tensors"
}

// expected is what files of an extension hold. Content of another kind is
// ARC001: whoever trusts the name does not look for what is in it.
var expected = map[string][]kind{
	".safetensors": {isSafe}, ".gguf": {isGGUF}, ".onnx": {isONNX, unknown}, ".tflite": {isTFLite, unknown},
	".h5": {isHDF5}, ".hdf5": {isHDF5}, ".keras": {kind(modelarchive.Zip)},
	".npy": {isNumpy}, ".npz": {kind(modelarchive.Zip)},
	".json": {isJSON, unknown}, ".txt": {unknown, isJSON}, ".md": {unknown, isJSON}, ".yaml": {unknown, isJSON}, ".yml": {unknown, isJSON},
	".csv": {unknown, isJSON}, ".jinja": {unknown, isJSON},
}

// active are the kinds that bring code, or hide it.
func active(k kind) bool {
	switch k {
	case isPickle, isNative, isHDF5:
		return true
	}
	a := modelarchive.Kind(k)
	return a == modelarchive.Zip || a == modelarchive.Tar || a.Opaque() || a.Compressed() && a != modelarchive.Zlib && a != modelarchive.LZMA
}

// mismatch is ARC001.
func (s *scan) mismatch(in *input, k kind) {
	want, known := expected[ext(in.name)]
	if !known || k == unknown {
		return
	}
	for _, w := range want {
		if w == k {
			return
		}
	}
	if active(k) {
		s.fail(in, "ARC001", 0, "the name says %s, the content is %s", ext(in.name), k)
		return
	}
	s.warn(in, "ARC001", 0, "the name says %s, the content is %s", ext(in.name), k)
}
