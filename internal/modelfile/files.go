package modelfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
)

// Set is what several files say together: the model in a folder, or an
// artifact. Its Facts are merged from those of Files:
//
//   - tensors, parameters and dtypes are those of all files of one format: of
//     those whose tensors are known, if any, the one with the most bytes. A
//     folder often holds the same weights in two. An Offset counts from the
//     beginning of the tensor's own file;
//   - architecture, labels, context and embedding are those of the config.json
//     nearest to the root, else those of the weights;
//   - the tokenizer is that of tokenizer.json, else of a vocabulary, else of
//     the weights;
//   - Bytes are those of all files.
type Set struct {
	Facts
	Files []FileFacts // by path
	// Problems are the files that break the rules of their formats, and what
	// does not fit together: shards and their index. Their facts are missing.
	Problems []*FormatError
}

// FileFacts are of one file of a Set.
type FileFacts struct {
	Path  string
	Bytes int64
	// Facts are nil where Problems tell why, and for files not opened.
	Facts *Facts
	// Role is what the file is in a Hugging Face folder: "config",
	// "tokenizer", "index", "adapter"; "" for weights and all else.
	Role string
	// Skipped says why the file was not read, "" when it was.
	Skipped string
}

// FilesOptions say how much InspectFiles reads.
type FilesOptions struct {
	// TextBudget is how many bytes of configurations and vocabularies are read
	// in all; 256 MiB when zero. What does not fit is skipped.
	TextBudget int64
	// SkipText leaves files alone whose names say that they are text, so that
	// a registry need not be asked for each; JSON and .txt files only where
	// another file is the model.
	SkipText bool
	// Distant says that every read is a request: of zip files only the
	// directory is read and the members that tell, so that tensors of PyTorch
	// have the Offset of the header in front of their storage.
	Distant bool
}

// distant is a file of which every read is a request.
type distant struct{ io.ReaderAt }

const (
	textBudget   = 256 << 20
	maxConfig    = 4 << 20  // bytes of a configuration
	maxIndex     = 64 << 20 // of an index of shards
	maxTokenizer = 64 << 20 // of a vocabulary
	maxFiles     = 10_000
	maxAllTensor = 2_000_000 // of all files together
)

// Rules that files are held to together.
const (
	ruleShard  = "SAF012"
	ruleConfig = "HFR010"
)

var filesRules = map[string]string{
	ruleShard:  "The index of shards names every tensor, in the shard that has it, and no other; every shard is there.",
	ruleConfig: "A configuration of a Hugging Face folder is a JSON object of at most 4 MiB, a vocabulary of at most 64 MiB.",
}

// InspectFiles reads the files of one model. open returns the bytes of a file
// of names, and their number; what it returns is closed when it can be. A file
// that breaks the rules of its format is a problem of the set; an error is of
// the system, or too many files.
func InspectFiles(ctx context.Context, names []string, open func(name string) (io.ReaderAt, int64, error), opts FilesOptions) (*Set, error) {
	if len(names) > maxFiles {
		return nil, fmt.Errorf("inspect: %d files, at most %d; name fewer", len(names), maxFiles)
	}
	if opts.TextBudget == 0 {
		opts.TextBudget = textBudget
	}
	names = slices.Clone(names)
	slices.Sort(names)
	s := &set{ctx: ctx, opts: opts, folder: newFolder()}
	for _, name := range names {
		f, err := s.look(name, open, opts.SkipText && isProse(name))
		if err != nil {
			return nil, err
		}
		s.Files = append(s.Files, f)
	}
	if err := s.textModels(open); err != nil {
		return nil, err
	}
	s.merge()
	return &s.Set, nil
}

// set is a Set in the making.
type set struct {
	Set
	ctx     context.Context
	opts    FilesOptions
	tensors int
	folder  *folder
}

// look reads one file, unless it is to be passed over.
func (s *set) look(name string, open func(name string) (io.ReaderAt, int64, error), pass bool) (FileFacts, error) {
	r, size, err := open(name)
	if err != nil {
		return FileFacts{}, fmt.Errorf("inspect %s: %w", name, err)
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	if s.opts.Distant {
		r = distant{r}
	}
	f := FileFacts{Path: name, Bytes: size, Role: roleOf(name)}
	switch {
	case f.Role != "":
		err = s.text(&f, r, size)
	case pass:
		f.Skipped = skippedText
	default:
		f.Facts, err = InspectReader(s.ctx, r, size, name)
	}
	var bad *FormatError
	if errors.As(err, &bad) {
		bad.Path = name
		s.Problems = append(s.Problems, bad)
		f.Facts = nil
	} else if err != nil {
		return f, err
	}
	if f.Facts != nil {
		if s.tensors += len(f.Facts.Tensors); s.tensors > maxAllTensor {
			return f, fmt.Errorf("inspect: more than %d tensors in all files; name fewer files", maxAllTensor)
		}
	}
	return f, nil
}

// textModels reads the files that were passed over for their names and may be
// models after all (XGBoost writes JSON, LightGBM text), when no other is.
func (s *set) textModels(open func(name string) (io.ReaderAt, int64, error)) error {
	if slices.ContainsFunc(s.Files, func(f FileFacts) bool { return f.Facts != nil && f.Facts.Format != "" }) {
		return nil
	}
	for i, f := range s.Files {
		ext := strings.ToLower(path.Ext(f.Path))
		switch {
		case f.Skipped != skippedText || ext != ".json" && ext != ".txt":
			continue
		case f.Bytes > s.opts.TextBudget:
			s.Files[i].Skipped = tooMuchText(f.Bytes)
			continue
		}
		s.opts.TextBudget -= f.Bytes
		var err error
		if s.Files[i], err = s.look(f.Path, open, false); err != nil {
			return err
		}
	}
	return nil
}

// skippedText and tooMuchText are why files are skipped.
const skippedText = "by its name it is text"

func tooMuchText(size int64) string {
	return fmt.Sprintf("its %s are more than is fetched", countBytes(uint64(size)))
}

// text reads a file that plays a role in a folder.
func (s *set) text(f *FileFacts, r io.ReaderAt, size int64) error {
	limit := int64(maxConfig)
	switch f.Role {
	case "index":
		limit = maxIndex
	case "tokenizer":
		limit = maxTokenizer
	}
	switch {
	case size > limit:
		return s.badConfig(0, "it has %s, at most %d are read", countBytes(uint64(size)), limit)
	case size > s.opts.TextBudget:
		f.Skipped = tooMuchText(size)
		return nil
	}
	s.opts.TextBudget -= size
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), data); err != nil {
		return fmt.Errorf("inspect %s: %w", f.Path, cutShort(err))
	}
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("inspect %s: %w", f.Path, err)
	}
	f.Facts = &Facts{Bytes: size}
	return s.folder.read(f.Path, f.Role, data, f.Facts)
}

func (s *set) badConfig(at int64, reason string, args ...any) error {
	bad := broken(ruleConfig, at, "write it again with the library that the model is for", reason, args...)
	bad.Format = "huggingface"
	return bad
}

// isProse tells by the name whether a file is for people. Nothing that is
// found this way is taken to be safe: it is only not asked for.
func isProse(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch path.Ext(base) {
	case ".md", ".txt", ".rst", ".py", ".png", ".jpg", ".svg", ".csv", ".html", ".yaml", ".yml", ".json", ".jinja", ".toml":
		return true
	case "":
		return strings.HasPrefix(base, "license") || strings.HasPrefix(base, "readme") || strings.HasPrefix(base, "notice") || strings.HasPrefix(base, "use_policy")
	}
	return base == ".gitattributes" || base == ".gitignore"
}

// merge makes the set's facts of the files'.
func (s *set) merge() {
	bytes, opaque := map[string]int64{}, map[string]int{} // by format; opaque is 1 where no tensors are known
	sizes := map[string]int64{}
	for _, f := range s.Files {
		sizes[f.Path] = f.Bytes
	}
	for _, f := range s.Files {
		s.Bytes += f.Bytes
		if f.Facts == nil || f.Facts.Format == "" {
			continue
		}
		if _, seen := bytes[f.Facts.Format]; !seen {
			opaque[f.Facts.Format] = 1
		}
		if len(f.Facts.Tensors) > 0 {
			opaque[f.Facts.Format] = 0
		}
		bytes[f.Facts.Format] += f.Bytes
		external, _ := f.Facts.Details["externalData"].(map[string]int64)
		for location := range external {
			bytes[f.Facts.Format] += sizes[path.Join(path.Dir(f.Path), location)]
		}
	}
	for _, format := range slices.SortedFunc(maps.Keys(bytes), func(a, b string) int {
		return cmp.Or(opaque[a]-opaque[b], cmp.Compare(bytes[b], bytes[a]), cmp.Compare(a, b))
	}) {
		s.Format = format
		break
	}
	var main []*Facts
	for _, f := range s.Files {
		if f.Facts != nil && f.Facts.Format == s.Format && s.Format != "" {
			main = append(main, f.Facts)
		}
	}
	for _, f := range main {
		s.mergeWeights(f, len(main) == 1)
	}
	s.folder.apply(&s.Facts)
	s.Problems = append(s.Problems, s.folder.checkIndexes(s.Files)...)
	s.checkExternal()
	slices.SortStableFunc(s.Problems, func(a, b *FormatError) int { return strings.Compare(a.Path, b.Path) })
}

// mergeWeights adds the facts of one file of the main format. What only one
// file can say is the first one's that says it.
func (s *set) mergeWeights(f *Facts, alone bool) {
	if f.Parameters > math.MaxInt64-s.Parameters {
		s.Parameters = math.MaxInt64
	} else {
		s.Parameters += f.Parameters
	}
	s.Tensors = append(s.Tensors, f.Tensors...)
	s.Dtypes = addCounts(s.Dtypes, f.Dtypes)
	s.Operators = addCounts(s.Operators, f.Operators)
	s.Metadata = fillMap(s.Metadata, f.Metadata)
	s.Opsets = fillMap(s.Opsets, f.Opsets)
	s.Frameworks = fillMap(s.Frameworks, f.Frameworks)
	s.Details = fillMap(s.Details, f.Details)
	s.Architecture = cmp.Or(s.Architecture, f.Architecture)
	s.License = cmp.Or(s.License, f.License)
	s.Context = cmp.Or(s.Context, f.Context)
	s.Embedding = cmp.Or(s.Embedding, f.Embedding)
	s.Quantization = cmp.Or(s.Quantization, f.Quantization)
	s.ChatTemplate = cmp.Or(s.ChatTemplate, f.ChatTemplate)
	s.Tokenizer = cmp.Or(s.Tokenizer, f.Tokenizer)
	if alone { // of several models nobody can tell which is called
		s.Inputs, s.Outputs, s.Labels = f.Inputs, f.Outputs, f.Labels
	}
}

// checkExternal holds what ONNX models keep in other files to these files.
func (s *set) checkExternal() {
	sizes := map[string]int64{}
	for _, f := range s.Files {
		sizes[f.Path] = f.Bytes
	}
	for _, f := range s.Files {
		if f.Facts == nil {
			continue
		}
		external, _ := f.Facts.Details["externalData"].(map[string]int64)
		for _, location := range slices.Sorted(maps.Keys(external)) {
			size, there := sizes[path.Join(path.Dir(f.Path), location)]
			reason := ""
			switch {
			case !there:
				reason = fmt.Sprintf("its data are in %s, which is not among the files", quote(location))
			case external[location] > size:
				reason = fmt.Sprintf("its data reach to byte %d of %s, which has %d", external[location], quote(location), size)
			default:
				continue
			}
			bad := broken(ruleONNXExternal, 0, "keep the files of the model together, as they were exported", "%s", reason)
			bad.Path, bad.Format = f.Path, onnx.name
			s.Problems = append(s.Problems, bad)
		}
	}
}

func addCounts(to, from map[string]int64) map[string]int64 {
	for k, n := range from {
		if to == nil {
			to = map[string]int64{}
		}
		to[k] += n
	}
	return to
}

// fillMap adds what to does not have yet.
func fillMap[V any](to, from map[string]V) map[string]V {
	for k, v := range from {
		if to == nil {
			to = map[string]V{}
		}
		if _, has := to[k]; !has {
			to[k] = v
		}
	}
	return to
}
