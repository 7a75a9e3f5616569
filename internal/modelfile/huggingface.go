package modelfile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Folders as the Hugging Face libraries write them (huggingface/transformers,
// configuration_utils.py and utils/hub.py; huggingface/tokenizers,
// tokenizer.json; huggingface/peft, config.py; sentence-transformers,
// modules.json). Here names decide: that is how those libraries find them.

// maxLabels and maxTokens bound what is kept.
const (
	maxLabels = 100_000
	maxTokens = 4_000_000
)

// roleOf tells what a file with this name is in a folder.
func roleOf(name string) string {
	base := path.Base(name)
	switch base {
	case "config.json", "model_index.json", "generation_config.json", "tokenizer_config.json", "modules.json",
		"config_sentence_transformers.json", "chat_template.json", "chat_template.jinja":
		return "config"
	case "adapter_config.json":
		return "adapter"
	case "tokenizer.json", "vocab.json", "vocab.txt":
		return "tokenizer"
	}
	if strings.HasSuffix(base, ".safetensors.index.json") || strings.HasSuffix(base, ".bin.index.json") {
		return "index"
	}
	return ""
}

// folder is what the texts of a folder say.
type folder struct {
	config     map[string]any // of the config.json or, of diffusers, model_index.json nearest to the root
	configAt   string
	tokenizer  map[string]any // tokenizer_config.json
	vocabulary *Tokenizer
	rank       int // of the file that vocabulary is of; less is better
	template   string
	adapter    map[string]any
	generation map[string]any
	modules    []string
	sentence   map[string]any
	indexes    []shardIndex
}

// shardIndex is one *.index.json.
type shardIndex struct {
	path  string
	total int64
	// shards are the files, and the tensors that each should have.
	shards map[string][]string
}

func newFolder() *folder { return &folder{rank: math.MaxInt} }

// read takes in the text of a file, and sets what it says in facts too.
func (d *folder) read(name, role string, data []byte, facts *Facts) error {
	base := path.Base(name)
	depth := strings.Count(name, "/")
	switch {
	case role == "index":
		return d.readIndex(name, data)
	case role == "tokenizer":
		t, err := readVocabulary(base, data)
		if err != nil {
			return err
		}
		facts.Tokenizer = t
		rank := depth * 10
		if base != "tokenizer.json" {
			rank++
		}
		if t != nil && rank < d.rank {
			d.vocabulary, d.rank = t, rank
		}
		return nil
	case base == "chat_template.jinja":
		d.template, facts.ChatTemplate = clipTemplate(string(data)), clipTemplate(string(data))
		return nil
	case base == "modules.json":
		return d.readModules(data)
	}
	object, err := readObject(data)
	if err != nil {
		return err
	}
	switch base {
	case "config.json", "model_index.json":
		applyConfig(facts, object)
		if d.config == nil || depth < strings.Count(d.configAt, "/") {
			d.config, d.configAt = object, name
		}
	case "tokenizer_config.json":
		d.tokenizer = object
		facts.ChatTemplate = templateOf(object)
	case "chat_template.json":
		d.template = cmp.Or(d.template, templateOf(object))
	case "adapter_config.json":
		d.adapter = object
	case "generation_config.json":
		d.generation = object
	case "config_sentence_transformers.json":
		d.sentence = object
	}
	return nil
}

// apply adds what the folder says to facts merged from the weights.
func (d *folder) apply(f *Facts) {
	if d.config != nil {
		f.Architecture, f.Context, f.Embedding = cmp.Or(configArchitecture(d.config), f.Architecture), 0, 0
		applyConfig(f, d.config)
	}
	if d.vocabulary != nil {
		f.Tokenizer = d.vocabulary
	}
	if d.tokenizer != nil {
		detail(f, "tokenizerClass", textOf(d.tokenizer, "tokenizer_class"))
		if n := wholeOf(d.tokenizer, "model_max_length"); f.Context == 0 && n > 0 && n < 1<<31 {
			f.Context = n // "very large" stands for none
		}
	}
	f.ChatTemplate = cmp.Or(d.template, templateOf(d.tokenizer), f.ChatTemplate)
	if d.adapter != nil {
		detail(f, "baseModel", textOf(d.adapter, "base_model_name_or_path"))
		detail(f, "adapter", textOf(d.adapter, "peft_type"))
		detail(f, "adapterRank", wholeOf(d.adapter, "r"))
	}
	if d.generation != nil {
		detail(f, "maxNewTokens", wholeOf(d.generation, "max_new_tokens"))
	}
	if len(d.modules) > 0 {
		detail(f, "modules", d.modules)
	}
	if versions, ok := d.sentence["__version__"].(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(versions)) {
			if v := textOf(versions, name); v != "" && len(f.Frameworks) < 32 {
				f.Frameworks = fillMap(f.Frameworks, map[string]string{clipText(name): v})
			}
		}
	}
}

// applyConfig sets what a config.json says.
func applyConfig(f *Facts, c map[string]any) {
	f.Architecture = cmp.Or(configArchitecture(c), f.Architecture)
	if labels := configLabels(c); labels != nil {
		f.Labels = labels
	}
	// Models of text and pictures have a configuration for each.
	text := mapOf(c, "text_config")
	for _, name := range []string{"llm_config", "language_config"} {
		if text == nil {
			text = mapOf(c, name)
		}
	}
	vision := mapOf(c, "vision_config")
	first := func(in map[string]any, keys ...string) int64 {
		for _, m := range []map[string]any{c, in} {
			for _, k := range keys {
				if n := wholeOf(m, k); n > 0 {
					return n
				}
			}
		}
		return 0
	}
	f.Embedding = cmp.Or(first(text, "hidden_size", "n_embd", "d_model", "dim"), f.Embedding)
	f.Context = cmp.Or(first(text, "max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx", "max_target_positions"), f.Context)
	detail(f, "vocabularySize", first(text, "vocab_size"))
	detail(f, "layers", first(text, "num_hidden_layers", "n_layer", "num_layers", "n_layers"))
	detail(f, "heads", first(text, "num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads"))
	detail(f, "imageSize", first(vision, "image_size"))
	detail(f, "patchSize", first(vision, "patch_size"))
	detail(f, "modelType", textOf(c, "model_type"))
	detail(f, "torchDtype", cmp.Or(textOf(c, "torch_dtype"), textOf(c, "dtype"), textOf(text, "torch_dtype"), textOf(text, "dtype")))
	for name, key := range map[string]string{"transformers": "transformers_version", "diffusers": "_diffusers_version"} {
		if v := textOf(c, key); v != "" {
			f.Frameworks = fillMap(f.Frameworks, map[string]string{name: v})
		}
	}
	if q, ok := c["quantization_config"].(map[string]any); ok {
		f.Quantization = cmp.Or(textOf(q, "quant_method"), f.Quantization)
		detail(f, "quantizationBits", wholeOf(q, "bits"))
	}
	if len(mapOf(c, "auto_map")) > 0 {
		detail(f, "remoteCode", true)
	}
}

func configArchitecture(c map[string]any) string {
	list, _ := c["architectures"].([]any)
	for _, a := range list {
		if s, ok := a.(string); ok {
			return clipText(s)
		}
	}
	return textOf(c, "_class_name") // diffusers
}

// configLabels are those of id2label in the order of their numbers; nil when
// there are none, or a number is missing: then no order is known.
func configLabels(c map[string]any) []string {
	byID := mapOf(c, "id2label")
	if len(byID) == 0 || len(byID) > maxLabels {
		return nil
	}
	labels := make([]string, len(byID))
	for key, v := range byID {
		i, err := strconv.Atoi(key)
		s, ok := v.(string)
		if err != nil || !ok || i < 0 || i >= len(labels) || strconv.Itoa(i) != key {
			return nil
		}
		labels[i] = clipText(s)
	}
	return labels
}

// templateOf is the chat template of a tokenizer_config.json: a text, or the
// one named "default" of several.
func templateOf(c map[string]any) string {
	switch v := c["chat_template"].(type) {
	case string:
		return clipTemplate(v)
	case []any:
		for _, e := range v {
			if m, ok := e.(map[string]any); ok && textOf(m, "name") == "default" {
				s, _ := m["template"].(string)
				return clipTemplate(s)
			}
		}
	}
	return ""
}

func clipTemplate(s string) string { return s[:min(len(s), maxGGUFText)] }

// detail sets a fact that is there.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func detail(f *Facts, key string, v any) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return
		}
	case int64:
		if v == 0 {
			return
		}
	}
	if f.Details == nil {
		f.Details = map[string]any{}
	}
	f.Details[key] = v
}

func (d *folder) readModules(data []byte) error {
	var list []map[string]any
	if err := decodeJSON(data, &list); err != nil {
		return err
	}
	for _, m := range list[:min(len(list), 64)] {
		if t := textOf(m, "type"); t != "" {
			d.modules = append(d.modules, t)
		}
	}
	return nil
}

// readIndex reads an index of shards name by name: it may be large, and
// everything else in it is passed over.
func (d *folder) readIndex(name string, data []byte) error {
	x := shardIndex{path: name, shards: map[string][]string{}}
	n := 0
	err := readJSON(data, func(j *json.Decoder, key string) error {
		switch key {
		case "metadata":
			return eachKey(j, func(key string) error {
				if key != "total_size" {
					return skipJSON(j)
				}
				v, err := plainJSON(j, false)
				x.total = wholeOf(map[string]any{"": v}, "")
				return err
			})
		case "weight_map":
			return eachKey(j, func(tensor string) error {
				if n++; n > maxTensors {
					return fmt.Errorf("more than %d tensors", maxTensors)
				}
				v, err := plainJSON(j, false)
				shard, ok := v.(string)
				if err == nil && !ok {
					err = errors.New("a shard is not named by text")
				}
				file := path.Join(path.Dir(name), shard)
				x.shards[file] = append(x.shards[file], tensor)
				return err
			})
		}
		return skipJSON(j)
	})
	if err != nil {
		bad := broken(ruleConfig, 0, "write it again with the library that the model is for", "it is not an index: %s", clipText(err.Error()))
		bad.Format = "huggingface"
		return bad
	}
	for _, tensors := range x.shards {
		slices.Sort(tensors)
	}
	d.indexes = append(d.indexes, x)
	return nil
}

// checkIndexes compares the indexes with the shards.
func (d *folder) checkIndexes(files []FileFacts) []*FormatError {
	byPath := map[string]*FileFacts{}
	for i := range files {
		byPath[files[i].Path] = &files[i]
	}
	var problems []*FormatError
	for _, x := range d.indexes {
		if reason := x.check(byPath); reason != "" {
			bad := broken(ruleShard, 0, "fetch all files of one revision again, or save the model again", "%s", reason)
			bad.Path, bad.Format = x.path, "huggingface"
			problems = append(problems, bad)
		}
	}
	return problems
}

// check says what does not fit, "" when all does. Shards whose tensors are not
// known (damaged ones, pickles) are only looked for. total_size is told, not
// judged: libraries counted tied weights twice, or in another type.
func (x *shardIndex) check(byPath map[string]*FileFacts) string {
	var total int64
	whole := true
	for _, file := range slices.Sorted(maps.Keys(x.shards)) {
		want := x.shards[file]
		f := byPath[file]
		if f == nil {
			return fmt.Sprintf("it names the shard %s, which is not among the files", quote(file))
		}
		if f.Facts == nil || f.Facts.Tensors == nil {
			whole = false
			continue
		}
		have := make([]string, len(f.Facts.Tensors))
		for i, t := range f.Facts.Tensors {
			have[i] = t.Name
			total += t.Bytes
		}
		slices.Sort(have)
		for i := range max(len(have), len(want)) {
			switch {
			case i < len(want) && (i >= len(have) || want[i] < have[i]):
				return fmt.Sprintf("it puts the tensor %s into %s, which does not have it", quote(want[i]), quote(file))
			case i < len(have) && (i >= len(want) || want[i] > have[i]):
				return fmt.Sprintf("%s has the tensor %s, which the index does not put there", quote(file), quote(have[i]))
			}
		}
	}
	if f := byPath[x.path]; f != nil && f.Facts != nil && whole && x.total != 0 {
		detail(f.Facts, "totalSize", x.total)
		detail(f.Facts, "tensorBytes", total)
	}
	return ""
}
