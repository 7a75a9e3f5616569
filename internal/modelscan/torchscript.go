package modelscan

import (
	"bufio"
	"regexp"
)

// torchFiles are the functions of TorchScript that open files by name. The
// interpreter of TorchScript has no other way to the system that is known; code
// in it is otherwise arithmetic.
var torchFiles = regexp.MustCompile(`\b(torch|ops\.aten)\.(from_file|save|load)\s*\(`)

// torchOps are calls of operators that neither PyTorch nor its own libraries
// bring: they need a native library.
var torchOps = regexp.MustCompile(`\bops\.([A-Za-z_][A-Za-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_]*)`)

var torchOwn = map[string]bool{"aten": true, "prim": true, "prims": true, "quantized": true, "torchvision": true, "torchaudio": true, "torchtext": true,
	"_quantized": true, "quantized_decomposed": true, "image": true, "cuda": true, "mkldnn": true, "xnnpack": true, "profiler": true, "inductor": true, "sparse": true, "static_runtime": true, "_caffe2": true, "prepacked": true, "onednn": true, "mkl": true, "vulkan": true}

// torchScript scans the text of a TorchScript member (torch/csrc/jit/docs/
// serialization.md, "code/").
func (s *scan) torchScript(in *input) error {
	r := bufio.NewReaderSize(in.reader(), 1<<16)
	at := int64(0)
	for {
		line, err := r.ReadSlice('\n')
		if m := torchFiles.FindIndex(line); m != nil {
			s.warn(in, "TSC001", at+int64(m[0]), "the TorchScript code calls %s, which opens a file by name", quote(string(line[m[0]:m[1]])))
		}
		for _, m := range torchOps.FindAllSubmatchIndex(line, 16) {
			if !torchOwn[string(line[m[2]:m[3]])] {
				s.warn(in, "TSC002", at+int64(m[0]), "the TorchScript code calls %s, an operator of a library that PyTorch does not bring", quote(string(line[m[0]:m[1]])))
			}
		}
		at += int64(len(line))
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return s.unfinished(in, endIsFine(err))
		}
	}
}
