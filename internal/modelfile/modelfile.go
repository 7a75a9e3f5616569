// Package modelfile reads what a model's file says about itself (format,
// tensors, parameters, metadata) without a framework and without loading the
// weights.
//
// [Inspect] is the way in for one file, [InspectFiles] for those of a model
// together. The content decides what a file is; its name only
// where the content has no mark. A file of no known format is not an error:
// its facts have an empty Format. A file that claims a format and breaks its
// rules gives a [*FormatError], which names the rule, the byte and what to do.
//
// Every file is taken to be hostile: lengths are checked before they are
// used, nothing is executed, and the memory used is bounded by the limits
// that each reader documents, not by what the file promises.
//
// A format is one file of this package and one line in the list of formats.
package modelfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Facts are what a file says about itself.
type Facts struct {
	// Format is the name of a format ("safetensors", "gguf", "onnx", see
	// docs/model-files.md), or "" when the content is of none that is known;
	// then only Bytes is set.
	Format string
	// Bytes is the size of the file.
	Bytes int64
	// Parameters counts the elements of all tensors, Dtypes by data type. Dtypes
	// are nil where the tensors are not known.
	Parameters int64
	Dtypes     map[string]int64
	// Tensors are in the order in which their bytes stand in the file.
	Tensors []Tensor
	// Metadata is free text that the writer put in. Show it escaped.
	Metadata map[string]string

	// What follows is there where the format tells it.

	Architecture string // "LlamaForCausalLM", "llama", "RandomForestClassifier"
	Inputs       []Value
	Outputs      []Value
	Labels       []string          // of classes, in the order of the model's outputs
	Opsets       map[string]int64  // ONNX: version by domain, "" is ai.onnx
	Operators    map[string]int64  // how often each is used, as DOMAIN.OP outside the standard one
	Frameworks   map[string]string // versions of what wrote the file, by name: "torch", "sklearn", "keras"
	License      string            // as the file says, not yet checked
	Tokenizer    *Tokenizer
	Context      int64 // longest input in tokens; 0 unknown
	Embedding    int64 // width of the embedding; 0 unknown
	Quantization string
	ChatTemplate string
	// Details are other facts of the format, for people and JSON: numbers,
	// texts, lists and mappings of them.
	Details map[string]any
}

// Value is an input or output. A dimension below zero is unknown; Symbols name
// such dimensions where the file does.
type Value struct {
	Name    string
	Kind    string // "tensor", "sequence", "map", "optional"; "" is tensor
	Dtype   string // as Tensor has it, or "string"
	Shape   []int64
	Symbols []string // by dimension, "" for none; nil for none at all
}

// Tokenizer is what turns text into the model's inputs.
type Tokenizer struct {
	Model      string // "BPE", "WordPiece", "gpt2"
	Vocabulary int64  // entries
	Digest     string // sha256 of the canonical form of the vocabulary, "" unknown
}

// Tensor is one named array. Bytes is the size of its data, Offset where they
// begin, counted from the beginning of the file.
type Tensor struct {
	Name   string
	Dtype  string
	Shape  []int64
	Bytes  int64
	Offset int64
}

// FormatError says that a file breaks a rule of its own format. It is not an
// I/O error: reading the same bytes again gives it again.
type FormatError struct {
	Path   string // as given to Inspect
	Format string // "safetensors"
	Rule   string // "SAF004"; see RuleDoc
	Offset int64  // byte of the file at which the rule is broken
	Reason string // what is wrong, with hostile text quoted and clipped
	Hint   string // what to do next
}

func (e *FormatError) Error() string {
	s := fmt.Sprintf("%s: not a valid %s file: byte %d: %s (%s)", e.Path, e.Format, e.Offset, e.Reason, e.Rule)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// format is one kind of file.
type format struct {
	name string
	// byContent tells whether the first bytes (up to sniffLen) bear the
	// format's mark. It is asked of every format before any byName.
	byContent func(head []byte) bool
	// byName tells whether a file without any mark claims to be of the
	// format, so that a damaged one is reported and not taken for opaque.
	byName func(name string) bool
	// rules says, by ID, what files of the format are held to.
	rules map[string]string
	// read fills in everything but Bytes. It returns a
	// *FormatError without Path and Format, or an error of r. It may name the
	// format more closely, and say "" when it is none.
	read func(ctx context.Context, r io.ReaderAt, size int64, f *Facts) error
}

// formats is asked in order.
var formats = []format{
	safetensors,
	gguf,
	onnx,
	savedModel,
	coreML,
	npy,
	torchLegacy,
	zipped,
	hdf5,
	tflite,
	catboost,
	pickled,
	joblib,
	xgboost,
	xgboostUBJ,
	pmml,
	openvino,
	lightgbm,
}

// RuleDoc says what the rule of a FormatError holds a file to, "" for an
// unknown rule.
func RuleDoc(id string) string {
	for _, f := range formats {
		if doc, ok := f.rules[id]; ok {
			return doc
		}
	}
	return filesRules[id]
}

// sniffLen is how much of the beginning decides.
const sniffLen = 512

// Inspect reads the facts of the file at path. Errors are a *FormatError, or
// what opening and reading the file gave.
func Inspect(ctx context.Context, path string) (*Facts, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("inspect %s: is not a regular file; name a file", path)
	}
	return InspectReader(ctx, file, info.Size(), path)
}

// InspectReader is Inspect for bytes that stand elsewhere: r holds size bytes
// and is read only where the format's headers are, so that r may fetch ranges
// over a network. path is for error messages and for formats without a mark.
func InspectReader(ctx context.Context, r io.ReaderAt, size int64, path string) (*Facts, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("inspect %s: %w", path, err)
	}
	head := make([]byte, min(size, sniffLen))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), head); err != nil {
		return nil, fmt.Errorf("inspect %s: %w", path, cutShort(err))
	}
	facts := &Facts{Bytes: size}
	f := formatOf(head, filepath.Base(path))
	if f == nil {
		return facts, nil
	}
	facts.Format = f.name
	if err := f.read(ctx, r, size, facts); err != nil {
		var bad *FormatError
		if errors.As(err, &bad) {
			bad.Path, bad.Format = path, cmp.Or(facts.Format, f.name)
			return nil, bad
		}
		return nil, fmt.Errorf("inspect %s: %w", path, cutShort(err))
	}
	return facts, nil
}

func formatOf(head []byte, name string) *format {
	for i := range formats {
		if formats[i].byContent(head) {
			return &formats[i]
		}
	}
	for i := range formats {
		if formats[i].byName(name) {
			return &formats[i]
		}
	}
	return nil
}

// cutShort explains the end of a file that was longer when it was opened.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file became shorter while it was read: %w", io.ErrUnexpectedEOF)
	}
	return err
}
