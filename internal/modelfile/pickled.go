package modelfile

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/waybill-dev/waybill/internal/pickle"
)

// Pickled objects, as pickle and joblib write them (protocols 2 to 5). The
// class of the object and what its state says are read; the pickle is not run.
// Whether it is safe to load is for a scanner to say. A stream that breaks off
// is of no known format: the mark is too short to hold it to anything.

var pickled = format{
	name: "pickle",
	byContent: func(head []byte) bool {
		return len(head) > 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5
	},
	byName: func(string) bool { return false },
	read: func(_ context.Context, r io.ReaderAt, size int64, f *Facts) error {
		whole, err := readPickle(io.NewSectionReader(r, 0, size), r, f)
		if err == nil && !whole {
			f.Format = ""
		}
		return err
	},
}

// readPickle reads the first pickle of r; what joblib wrote between its
// opcodes stands in at, as far as it is there. It says whether the pickle is
// whole, and sets facts only then.
func readPickle(r io.Reader, at io.ReaderAt, f *Facts) (whole bool, err error) {
	result, err := pickle.Scan(r, pickle.Options{Limits: pickle.Limits{Streams: 1}})
	if err != nil {
		return false, err
	}
	if len(result.Streams) == 0 || !result.Streams[0].Complete {
		return false, nil
	}
	s := &result.Streams[0]
	detail(f, "protocol", int64(s.Protocol))
	p := &pickleReader{at: at, left: maxEstimators}
	if e := p.estimator(s.Top, maxEstimatorsDepth); e != nil {
		e.set(f)
	}
	return true, p.err
}

// classOf is the class that a call makes an object of: NEWOBJ calls it, older
// protocols give it to copyreg._reconstructor.
func classOf(v *pickle.Value) *pickle.Value {
	if v == nil || v.Kind != pickle.CallResult || v.Callee == nil || v.Callee.Kind != pickle.Import {
		return nil
	}
	if c := v.Callee; c.Name != "_reconstructor" || c.Text != "copyreg" && c.Text != "copy_reg" {
		return c
	}
	if len(v.Args) > 0 && v.Args[0] != nil && v.Args[0].Kind == pickle.Import {
		return v.Args[0]
	}
	return nil
}

// pickleReader reads estimators of the tree of values.
type pickleReader struct {
	at   io.ReaderAt
	left int   // estimators that may still be looked at
	err  error // of reading
}

func (p *pickleReader) estimator(v *pickle.Value, depth int) *estimator {
	class := classOf(v)
	if p.left--; class == nil || depth == 0 || p.left < 0 {
		return nil
	}
	e := &estimator{module: clipText(class.Text), class: clipText(class.Name)}
	e.version = textValue(v.Get("_sklearn_version"))
	if n := v.Get("n_features_in_"); n != nil && n.Kind == pickle.Int && n.Text == "" && n.Int > 0 {
		e.features = n.Int
	}
	e.classes = p.elements(v.Get("classes_"))
	e.names = p.elements(v.Get("feature_names_in_"))
	if steps := v.Get("steps"); steps != nil && steps.Kind == pickle.List {
		for _, s := range steps.Items[:min(len(steps.Items), maxEstimators)] {
			if s != nil && s.Kind == pickle.Tuple && len(s.Items) == 2 {
				e.steps = append(e.steps, step{textValue(s.Items[0]), p.estimator(s.Items[1], depth-1)})
			}
		}
	}
	for _, name := range innerEstimators {
		if e.inner == nil {
			e.inner = p.estimator(v.Get(name), depth-1)
		}
	}
	return e
}

func textValue(v *pickle.Value) string {
	if v == nil || v.Kind != pickle.String {
		return ""
	}
	return clipText(v.Text)
}

// elements are those of an array of one dimension: of NumPy's _reconstruct
// with the state of ndarray.__setstate__ (version, shape, dtype, order, data),
// of _frombuffer of protocol 5 (bytes, dtype, shape, order; numpy/_core/
// numeric.py), or joblib's. nil when they are not at hand.
func (p *pickleReader) elements(v *pickle.Value) []string {
	var shape, dtype, data *pickle.Value
	switch {
	case v == nil:
		return nil
	case v.Path() == "joblib.numpy_pickle.NumpyArrayWrapper":
		return p.joblibElements(v)
	case v.State != nil && v.State.Kind == pickle.Tuple && len(v.State.Items) == 5:
		shape, dtype, data = v.State.Items[1], v.State.Items[2], v.State.Items[4]
	case strings.HasSuffix(v.Path(), "._frombuffer") && len(v.Args) == 4:
		shape, dtype, data = v.Args[2], v.Args[1], v.Args[0]
	}
	n, code := oneDimension(shape), dtypeCode(dtype)
	switch {
	case data == nil || n < 0:
		return nil
	case data.Kind == pickle.List && int64(len(data.Items)) == n:
		out := make([]string, n)
		for i, e := range data.Items {
			if e == nil || e.Kind != pickle.String {
				return nil
			}
			out[i] = clipText(e.Text)
		}
		return out
	case data.Kind == pickle.Bytes && data.Int == int64(len(data.Text)):
		return arrayElements(code, n, []byte(data.Text))
	case data.Path() == "_codecs.encode" && len(data.Args) > 0 && data.Args[0] != nil && data.Args[0].Int == int64(len(data.Args[0].Text)):
		return arrayElements(code, n, latin1(data.Args[0].Text)) // bytes as protocol 2 has them
	}
	return nil
}

// latin1 is what str.encode("latin1") gives, nil where it fails.
func latin1(text string) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return nil
		}
		out = append(out, byte(r))
	}
	return out
}

func oneDimension(shape *pickle.Value) int64 {
	if dims, ok := wholes(shape); ok && len(dims) == 1 && dims[0] <= maxLabels {
		return dims[0]
	}
	return -1
}

// dtypeCode is the code of a numpy.dtype, as its constructor and the byte
// order of its state have it.
func dtypeCode(v *pickle.Value) string {
	if v == nil || len(v.Args) == 0 {
		return ""
	}
	code := textValue(v.Args[0])
	if v.State != nil && len(v.State.Items) > 1 && textValue(v.State.Items[1]) == ">" {
		code = ">" + code
	}
	return code
}

// joblibElements reads an array whose bytes follow the wrapper (joblib/
// numpy_pickle.py, NumpyArrayWrapper.write_array). The last attribute of the
// wrapper, a small number, tells the place: behind it come SETITEMS and BUILD,
// a byte that says how much padding follows, and the items. An array of
// objects is a pickle there.
func (p *pickleReader) joblibElements(v *pickle.Value) []string {
	const most, near = 1 << 20, 1 << 10
	dtype, n := v.Get("dtype"), oneDimension(v.Get("shape"))
	if dtype == nil || n < 0 || v.Get("numpy_array_alignment_bytes") == nil {
		return nil
	}
	// The state is made behind the wrapper, but for what it shares.
	from := v.Offset
	for _, part := range []*pickle.Value{v.Get("shape"), dtype, dtype.State} {
		if part != nil && part.Offset > from && part.Offset < v.Offset+near {
			from = part.Offset
		}
	}
	code := dtypeCode(dtype)
	state := p.upTo(from, near)
	for i := 0; i+5 < len(state); i++ {
		if state[i] != 'K' || state[i+2] != 'u' || state[i+3] != 'b' {
			continue
		}
		at := from + int64(i) + 4
		if strings.HasPrefix(code, "O") {
			return p.objectElements(at, most)
		}
		inline, err := pickle.JoblibArray(v)
		if err != nil || inline.Bytes > most {
			return nil
		}
		items := p.upTo(at+1+int64(state[i+4]), inline.Bytes)
		return arrayElements(code, n, items)
	}
	return nil
}

// objectElements reads the pickle of an array of objects.
func (p *pickleReader) objectElements(at, most int64) []string {
	limits := pickle.Limits{Streams: 1, Memory: most, Stack: 1 << 16}
	result := pickle.ScanBytes(p.upTo(at, most), pickle.Options{Limits: limits})
	if len(result.Streams) == 0 || result.Streams[0].Top.Path() == "joblib.numpy_pickle.NumpyArrayWrapper" {
		return nil
	}
	return p.elements(result.Streams[0].Top)
}

// upTo reads n bytes, or those that there are.
func (p *pickleReader) upTo(at, n int64) []byte {
	b := make([]byte, n)
	got, err := p.at.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		p.err = err
	}
	return b[:got]
}
