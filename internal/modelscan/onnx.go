package modelscan

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/modelarchive"
)

// onnxDomains are the operators that ONNX Runtime brings itself. Others need a
// library that runs native code.
var onnxDomains = map[string]bool{
	"": true, "ai.onnx": true, "ai.onnx.ml": true, "ai.onnx.training": true, "ai.onnx.preview": true, "ai.onnx.preview.training": true,
	"com.microsoft": true, "com.microsoft.nchwc": true, "com.ms.internal.nhwc": true, "com.microsoft.experimental": true,
}

// onnxPython are operators that run Python, by name: onnxruntime-extensions
// (PyOp, PyCustomOpDef), ONNX Runtime's training (PythonOp).
var onnxPython = map[string]bool{"PyOp": true, "PythonOp": true, "PythonOpGrad": true, "PyCustomOp": true, "PyCustomOpDef": true}

// onnxNewest is the newest operator set known of each domain (onnx 1.23,
// onnx/helper.py, VERSION_TABLE).
var onnxNewest = map[string]uint64{"": 28, "ai.onnx": 28, "ai.onnx.ml": 5}

// onnxScan is the walk over one model (onnx/onnx.proto): all graphs, those in
// attributes and functions included.
type onnxScan struct {
	s         *scan
	in        *input
	functions map[string]bool  // DOMAIN:NAME that the model defines itself
	used      map[string]int64 // operators of other domains, where first
}

func (s *scan) onnx(in *input) error {
	if ok, err := s.random(in); !ok || err != nil {
		return err
	}
	o := &onnxScan{s: s, in: in, functions: map[string]bool{}, used: map[string]int64{}}
	p := newProto(in)
	err := p.message(in.size, func(f *protoField) error {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		switch f.number {
		case 7: // graph
			return f.into(o.graph)
		case 8: // opset_import
			return o.opset(f)
		case 14: // metadata_props
			return o.metadata(f)
		case 20: // training_info
			return f.into(func(f *protoField) error {
				if f.number == 1 || f.number == 2 {
					return f.into(o.graph)
				}
				return nil
			})
		case 25: // functions
			return o.function(f)
		}
		return nil
	})
	o.custom()
	if err != nil && !s.ours(err) {
		s.unread(in, modelarchive.RuleOpaque, p.at, "the ONNX model cannot be read past byte %d: %v", p.at, err)
		return nil
	}
	return err
}

// custom reports operators that no function of the model defines.
func (o *onnxScan) custom() {
	names := make([]string, 0, len(o.used))
	for name := range o.used {
		if !o.functions[name] {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		domain, op, _ := strings.Cut(name, "\x00")
		o.s.warn(o.in, "ONX002", o.used[name], "uses the operator %s of the domain %s, which needs a library of its own", quote(op), quote(domain))
	}
}

func (o *onnxScan) opset(f *protoField) error {
	var domain string
	var version uint64
	at := f.at
	err := f.into(func(f *protoField) (err error) {
		switch f.number {
		case 1:
			domain, err = f.text()
		case 2:
			version = f.value
		}
		return err
	})
	if newest, known := onnxNewest[domain]; known && (version > newest || version == 0) {
		o.s.warn(o.in, "ONX004", at, "needs version %d of the operators of %s; the newest known is %d", version, quote(domain), newest)
	}
	return err
}

func (o *onnxScan) metadata(f *protoField) error {
	var key, value string
	at := f.at
	err := f.into(func(f *protoField) (err error) {
		switch f.number {
		case 1:
			key, err = f.text()
		case 2:
			value, err = f.text()
		}
		return err
	})
	o.s.secrets(o.in, at, key, value)
	return err
}

func (o *onnxScan) function(f *protoField) error {
	var name, domain string
	err := f.into(func(f *protoField) (err error) {
		switch f.number {
		case 1:
			name, err = f.text()
		case 10:
			domain, err = f.text()
		case 7:
			return o.node(f)
		case 11: // attribute_proto: defaults
			return f.into(o.attribute)
		}
		return err
	})
	if len(o.functions) < 1<<16 {
		o.functions[domain+"\x00"+name] = true
	}
	return err
}

func (o *onnxScan) graph(f *protoField) error {
	switch f.number {
	case 1: // node
		return o.node(f)
	case 5: // initializer
		return o.tensor(f)
	case 15: // sparse_initializer
		return f.into(o.sparse)
	}
	return nil
}

func (o *onnxScan) sparse(f *protoField) error {
	if f.number == 1 || f.number == 2 { // values, indices
		return o.tensor(f)
	}
	return nil
}

// node judges an operator when both of its names are known: fields come in any
// order.
func (o *onnxScan) node(f *protoField) error {
	var op, domain string
	at := f.at
	err := f.into(func(f *protoField) (err error) {
		switch f.number {
		case 4:
			op, err = f.text()
		case 7:
			domain, err = f.text()
		case 5:
			return f.into(o.attribute)
		}
		return err
	})
	key := domain + "\x00" + op
	switch {
	case op == "":
	case onnxPython[op]:
		o.s.fail(o.in, "ONX003", at, "the operator %s of the domain %s runs Python code", quote(op), quote(domain))
	case !onnxDomains[domain] && len(o.used) < 1000:
		if _, twice := o.used[key]; !twice {
			o.used[key] = at
		}
	}
	return err
}

func (o *onnxScan) attribute(f *protoField) error {
	switch f.number {
	case 5, 10: // t, tensors
		return o.tensor(f)
	case 6, 11: // g, graphs
		return f.into(o.graph)
	case 22, 23: // sparse_tensor, sparse_tensors
		return f.into(o.sparse)
	}
	return nil
}

// tensor looks at where the data of a tensor are.
func (o *onnxScan) tensor(f *protoField) error {
	entries := map[string]string{}
	external := false
	name, at := "", f.at
	err := f.into(func(f *protoField) (err error) {
		switch f.number {
		case 8:
			name, err = f.text()
		case 13:
			external = true
			var key, value string
			err = f.into(func(f *protoField) (err error) {
				switch f.number {
				case 1:
					key, err = f.text()
				case 2:
					value, err = f.text()
				}
				return err
			})
			if len(entries) < 16 {
				entries[key] = value
			}
		}
		return err
	})
	if external {
		o.external(at, name, entries)
	}
	return err
}

// external is ONX001 (onnx docs/ExternalData.md: "location" is relative to the
// model and stays in its folder).
func (o *onnxScan) external(at int64, name string, entries map[string]string) {
	location := entries["location"]
	if why := leaves(location); why != "" {
		o.s.fail(o.in, "ONX001", at, "the data of tensor %s are in %s, which %s", quote(name), quote(location), why)
		return
	}
	offset, err1 := number(entries["offset"])
	length, err2 := number(entries["length"])
	if err1 != nil || err2 != nil {
		o.s.fail(o.in, "ONX001", at, "the data of tensor %s are said to be at %s, length %s, of %s", quote(name), quote(entries["offset"]), quote(entries["length"]), quote(location))
		return
	}
	if o.s.opts.Stat == nil || o.in.depth > 0 {
		return
	}
	size, err := o.s.opts.Stat(location)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.s.warn(o.in, "ONX001", -1, "the data file %s is not beside the model", quote(location))
	case err != nil:
		o.s.fail(o.in, "ONX001", at, "the data file %s cannot be used: it is not a file of the model's folder", quote(location))
	case offset > size || length > size-offset:
		o.s.fail(o.in, "ONX001", at, "the data of tensor %s are said to be at %d, length %d, of %s, which has %d bytes", quote(name), offset, length, quote(location), size)
	}
}

func number(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && n < 0 {
		return 0, fmt.Errorf("negative: %d", n)
	}
	return n, err
}

// leaves says why a path must not be opened, or "".
func leaves(location string) string {
	switch {
	case location == "":
		return "is empty"
	case strings.ContainsRune(location, 0):
		return "has a zero byte"
	case strings.HasPrefix(location, "/") || strings.HasPrefix(location, `\`) || len(location) > 1 && location[1] == ':':
		return "is absolute"
	case strings.Contains(location, "://"):
		return "is an address"
	}
	for _, part := range strings.FieldsFunc(location, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == ".." {
			return "leaves the model's folder"
		}
	}
	return ""
}
