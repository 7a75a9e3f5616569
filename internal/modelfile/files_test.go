package modelfile_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// files inspects the files of a folder, by name.
func files(t testing.TB, contents map[string]string, opts modelfile.FilesOptions) *modelfile.Set {
	t.Helper()
	var names []string
	for name := range contents {
		names = append(names, name)
	}
	s, err := modelfile.InspectFiles(t.Context(), names, func(name string) (io.ReaderAt, int64, error) {
		return strings.NewReader(contents[name]), int64(len(contents[name])), nil
	}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hugging is a folder as transformers writes it, its weights in two shards.
func hugging(t testing.TB) map[string]string {
	return map[string]string{
		"config.json": `{"architectures": ["BertForSequenceClassification"], "hidden_size": 32, "max_position_embeddings": 512, "vocab_size": 4,
			"id2label": {"1": "POSITIVE", "0": "NEGATIVE"}, "torch_dtype": "float32", "transformers_version": "4.55.0", "time_step_limit": [0.0, Infinity, "NaN"]}`,
		"model-00001-of-00002.safetensors": header(t, "{"+u8("a", 0, 10)+"}", 10),
		"model-00002-of-00002.safetensors": header(t, "{"+u8("b", 0, 5)+"}", 5),
		"model.safetensors.index.json":     `{"metadata": {"total_size": 15}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}`,
		"tokenizer.json":                   `{"version": "1.0", "added_tokens": [{"id": 3, "content": "[PAD]"}], "model": {"type": "BPE", "merges": [["a", "b"]], "vocab": {"a": 0, "größe": 2, "b": 1}}}`,
		"tokenizer_config.json":            `{"tokenizer_class": "BertTokenizer", "chat_template": [{"name": "default", "template": "{{ x }}"}], "model_max_length": 1e30}`,
		"README.md":                        "# A model",
		"adapter_config.json":              `{"base_model_name_or_path": "bert-base", "peft_type": "LORA", "r": 8}`,
		"modules.json":                     `[{"idx": 0, "type": "sentence_transformers.models.Transformer"}]`,
	}
}

func TestFolder(t *testing.T) {
	s := files(t, hugging(t), modelfile.FilesOptions{})
	if len(s.Problems) > 0 {
		t.Fatalf("problems: %v", s.Problems[0])
	}
	if s.Format != "safetensors" || s.Architecture != "BertForSequenceClassification" || s.Parameters != 15 || len(s.Tensors) != 2 ||
		s.Embedding != 32 || s.Context != 512 || !slices.Equal(s.Labels, []string{"NEGATIVE", "POSITIVE"}) || s.ChatTemplate != "{{ x }}" ||
		s.Frameworks["transformers"] != "4.55.0" || s.Details["baseModel"] != "bert-base" || s.Details["adapterRank"] != int64(8) ||
		s.Details["torchDtype"] != "float32" || len(s.Files) != 9 {
		t.Errorf("got %+v", s.Facts)
	}
	if s.Tokenizer == nil || s.Tokenizer.Model != "BPE" || s.Tokenizer.Vocabulary != 4 {
		t.Errorf("tokenizer: %+v", s.Tokenizer)
	}
	// A GGUF file of the same tokens has the same digest, whatever the order of
	// the keys.
	gguf, _ := newGGUF(3, 0, 1).text("tokenizer.ggml.tokens").u32(9).u32(8).u64(4).text("a").text("b").text("größe").text("[PAD]").data(32, 0)
	if f, err := inspect(t, gguf, "m"); err != nil || f.Tokenizer.Digest != s.Tokenizer.Digest {
		t.Errorf("digests differ: %v, %v", f, err)
	}
}

// Labels without an order are none; what is nearest to the root counts.
func TestFolderLabels(t *testing.T) {
	for config, want := range map[string][]string{
		`{"id2label": {"0": "a", "2": "b"}}`: nil, `{"id2label": {"0": "a", "01": "b"}}`: nil, `{"id2label": {"-1": "a"}}`: nil,
		`{"id2label": {"0": 1}}`: nil, `{"id2label": ["a"]}`: nil, `{"id2label": {"1": "b", "0": "a"}}`: {"a", "b"},
	} {
		s := files(t, map[string]string{"z/config.json": config, "z/deep/config.json": `{"id2label": {"0": "other"}}`, "deep/er/config.json": `{"id2label": {"0": "other"}}`}, modelfile.FilesOptions{})
		if !slices.Equal(s.Labels, want) || len(s.Problems) > 0 {
			t.Errorf("%s: got %v, %v", config, s.Labels, s.Problems)
		}
	}
}

func TestFolderProblems(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		rule, says          string
	}{
		{"a tensor that is not there", "model.safetensors.index.json", `{"weight_map": {"a": "model-00001-of-00002.safetensors", "c": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}`, "SAF012", `"c"`},
		{"a tensor in the wrong shard", "model.safetensors.index.json", `{"weight_map": {"a": "model-00002-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}`, "SAF012", `"a"`},
		{"a tensor that is not named", "model-00002-of-00002.safetensors", header(t, "{"+u8("b", 0, 5)+","+u8("z", 5, 1)+"}", 6), "SAF012", `"z"`},
		{"a shard that is not there", "model.safetensors.index.json", `{"weight_map": {"a": "../model-00001-of-00002.safetensors"}}`, "SAF012", "not among the files"},
		{"a damaged shard", "model-00002-of-00002.safetensors", header(t, "{"+u8("b", 0, 5)+"}", 4), "SAF001", "before the last tensor"},
		{"a configuration that is none", "config.json", `{"a": `, "HFR010", "not the JSON"},
		{"two values", "config.json", `{} {}`, "HFR010", "something follows"},
		{"a list as configuration", "config.json", `[]`, "HFR010", "not the JSON"},
		{"a vocabulary that is none", "tokenizer.json", `{"model": {"vocab": {"a": "b"}}}`, "HFR010", "not a vocabulary"},
		{"a large configuration", "config.json", strings.Repeat(" ", 5<<20), "HFR010", "are read"},
	} {
		contents := hugging(t)
		contents[c.file] = c.content
		s := files(t, contents, modelfile.FilesOptions{})
		if len(s.Problems) != 1 || s.Problems[0].Rule != c.rule || !strings.Contains(s.Problems[0].Reason, c.says) || modelfile.RuleDoc(c.rule) == "" {
			t.Errorf("%s: got %v, want %s", c.name, s.Problems, c.rule)
		}
	}
}

// A folder often holds the same weights twice: they are counted once.
func TestFolderOfTwoFormats(t *testing.T) {
	s := files(t, map[string]string{
		"model.safetensors": header(t, "{"+u8("a", 0, 2000)+"}", 2000), "onnx/model.onnx": sample(t, "small.onnx"),
		"onnx/other.onnx": sample(t, "outside.onnx"), "big.txt": strings.Repeat("x", 4000),
	}, modelfile.FilesOptions{})
	if s.Format != "safetensors" || s.Parameters != 2000 || s.Inputs != nil {
		t.Errorf("got %+v", s.Facts)
	}
	// A larger file of which no tensors are known does not hide them.
	if s := files(t, map[string]string{"model.safetensors": header(t, "{"+u8("a", 0, 5)+"}", 5), "model.pkl": sample(t, "numbers.pkl")}, modelfile.FilesOptions{}); s.Format != "safetensors" || s.Parameters != 5 {
		t.Errorf("got %+v", s.Facts)
	}
	if len(s.Problems) != 1 || s.Problems[0].Rule != "ONX014" || s.Problems[0].Path != "onnx/other.onnx" {
		t.Errorf("problems: %v", s.Problems)
	}
	whole := files(t, map[string]string{"other.onnx": sample(t, "outside.onnx"), "outside.bin": sample(t, "outside.bin")}, modelfile.FilesOptions{})
	cut := files(t, map[string]string{"other.onnx": sample(t, "outside.onnx"), "outside.bin": sample(t, "outside.bin")[1:]}, modelfile.FilesOptions{})
	if len(whole.Problems) != 0 || len(cut.Problems) != 1 {
		t.Errorf("external data: %v, %v", whole.Problems, cut.Problems)
	}
}

func TestFolderOptions(t *testing.T) {
	contents := hugging(t)
	contents["tokenizer.json"] += strings.Repeat(" ", 2000)
	s := files(t, contents, modelfile.FilesOptions{TextBudget: 1500, SkipText: true})
	skipped := map[string]bool{}
	for _, f := range s.Files {
		if f.Skipped != "" {
			skipped[f.Path] = true
		}
	}
	if want := (map[string]bool{"README.md": true, "tokenizer.json": true}); !reflect.DeepEqual(skipped, want) || s.Tokenizer != nil || s.Details["vocabularySize"] != int64(4) {
		t.Errorf("skipped %v", skipped)
	}
	many := make([]string, 10_001)
	if _, err := modelfile.InspectFiles(t.Context(), many, nil, modelfile.FilesOptions{}); err == nil {
		t.Error("10,001 files: no error")
	}
	if _, err := modelfile.InspectFiles(t.Context(), []string{"a"}, func(string) (io.ReaderAt, int64, error) { return nil, 0, errBroken }, modelfile.FilesOptions{}); !errors.Is(err, errBroken) {
		t.Errorf("a file that cannot be opened: %v", err)
	}
}

// Configurations of well-known models, the keys that count written from memory.
func TestFolderConfigs(t *testing.T) {
	type want struct {
		architecture              string
		embedding, context        int64
		layers, heads, vocabulary any
		image                     any
	}
	for name, c := range map[string]struct {
		config string
		want   want
	}{
		"llama": {`{"architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "max_position_embeddings": 131072, "num_hidden_layers": 32, "num_attention_heads": 32,
			"num_key_value_heads": 8, "vocab_size": 128256, "rope_scaling": {"factor": 8.0, "rope_type": "llama3"}, "eos_token_id": [128001, 128008]}`,
			want{"LlamaForCausalLM", 4096, 131072, int64(32), int64(32), int64(128256), nil}},
		"gpt2": {`{"architectures": ["GPT2LMHeadModel"], "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257}`,
			want{"GPT2LMHeadModel", 768, 1024, int64(12), int64(12), int64(50257), nil}},
		"t5": {`{"architectures": ["T5ForConditionalGeneration"], "d_model": 512, "n_positions": 512, "num_heads": 8, "num_layers": 6, "vocab_size": 32128}`,
			want{"T5ForConditionalGeneration", 512, 512, int64(6), int64(8), int64(32128), nil}},
		"distilbert": {`{"architectures": ["DistilBertForMaskedLM"], "dim": 768, "max_position_embeddings": 512, "n_heads": 12, "n_layers": 6, "vocab_size": 30522}`,
			want{"DistilBertForMaskedLM", 768, 512, int64(6), int64(12), int64(30522), nil}},
		"whisper": {`{"architectures": ["WhisperForConditionalGeneration"], "d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "decoder_layers": 4,
			"num_hidden_layers": 4, "max_source_positions": 1500, "max_target_positions": 448, "vocab_size": 51865}`,
			want{"WhisperForConditionalGeneration", 384, 448, int64(4), int64(6), int64(51865), nil}},
		"vit": {`{"architectures": ["ViTForImageClassification"], "hidden_size": 768, "image_size": 224, "patch_size": 16, "num_hidden_layers": 12, "num_attention_heads": 12}`,
			want{"ViTForImageClassification", 768, 0, int64(12), int64(12), nil, int64(224)}},
		"clip": {`{"architectures": ["CLIPModel"], "projection_dim": 512, "text_config": {"hidden_size": 512, "max_position_embeddings": 77, "num_attention_heads": 8,
			"num_hidden_layers": 12, "vocab_size": 49408}, "vision_config": {"hidden_size": 768, "image_size": 224, "patch_size": 32, "num_hidden_layers": 12}}`,
			want{"CLIPModel", 512, 77, int64(12), int64(8), int64(49408), int64(224)}},
		"internvl": {`{"architectures": ["InternVLChatModel"], "llm_config": {"hidden_size": 2048, "max_position_embeddings": 32768, "num_hidden_layers": 24,
			"num_attention_heads": 16, "vocab_size": 92553}, "vision_config": {"image_size": 448}}`,
			want{"InternVLChatModel", 2048, 32768, int64(24), int64(16), int64(92553), int64(448)}},
	} {
		s := files(t, map[string]string{"config.json": c.config}, modelfile.FilesOptions{})
		d := s.Details
		if got := (want{s.Architecture, s.Embedding, s.Context, d["layers"], d["heads"], d["vocabularySize"], d["imageSize"]}); len(s.Problems) > 0 || got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// A pipeline of diffusers has a model in each folder, and says in the root
// what they are together.
func TestFolderPipeline(t *testing.T) {
	s := files(t, map[string]string{
		"model_index.json":           `{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0", "unet": ["diffusers", "UNet2DConditionModel"]}`,
		"safety_checker/config.json": `{"architectures": ["StableDiffusionSafetyChecker"], "id2label": {"0": "LABEL_0"}, "hidden_size": 1}`,
		"unet/config.json":           `{"_class_name": "UNet2DConditionModel"}`,
	}, modelfile.FilesOptions{})
	if s.Architecture != "StableDiffusionPipeline" || s.Frameworks["diffusers"] != "0.30.0" || s.Labels != nil || s.Embedding != 0 {
		t.Errorf("got %+v", s.Facts)
	}
}

// A model may be text by its name: it is left alone only where another file is
// the model.
func TestFolderOfText(t *testing.T) {
	contents := map[string]string{"README.md": "tree", "model.json": sample(t, "small.xgboost.json"), "model.txt": "a"}
	asked := map[string]bool{}
	inspect := func(contents map[string]string, budget int64) *modelfile.Set {
		clear(asked)
		s, err := modelfile.InspectFiles(t.Context(), slices.Collect(maps.Keys(contents)), func(name string) (io.ReaderAt, int64, error) {
			return asking{strings.NewReader(contents[name]), name, asked}, int64(len(contents[name])), nil
		}, modelfile.FilesOptions{SkipText: true, TextBudget: budget})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := inspect(contents, 0); s.Format != "xgboost" || asked["README.md"] || !asked["model.txt"] || s.Files[1].Skipped != "" {
		t.Errorf("got %q, asked for %v, %+v", s.Format, asked, s.Files)
	}
	if s := inspect(contents, 100); s.Format != "" || asked["model.json"] || !strings.Contains(s.Files[1].Skipped, "more than is fetched") {
		t.Errorf("got %q, asked for %v, %+v", s.Format, asked, s.Files)
	}
	contents["model.safetensors"] = sample(t, "empty.safetensors")
	if s := inspect(contents, 0); s.Format != "safetensors" || len(asked) != 1 {
		t.Errorf("got %q, asked for %v", s.Format, asked)
	}
}

type asking struct {
	io.ReaderAt
	name  string
	asked map[string]bool
}

func (a asking) ReadAt(p []byte, off int64) (int, error) {
	a.asked[a.name] = true
	return a.ReaderAt.ReadAt(p, off)
}

// Indexes and vocabularies whose values are of other kinds.
func TestFolderKinds(t *testing.T) {
	for text, want := range map[string]string{
		`{"weight_map": {"a": ["m.safetensors"]}}`:                                    "a shard is not named by text",
		`{"weight_map": {"a": {"m.safetensors": 1}}}`:                                 "a shard is not named by text",
		`{"weight_map": ["a"]}`:                                                       "not an object",
		`{"weight_map": {}} {}`:                                                       "something follows",
		`{"metadata": {"total_size": {"5": 5}, "x": [{}]}, "weight_map": {}}`:         "",
		`{"metadata": {"total_size": 1.5e1}, "weight_map": {"a": "./m.safetensors"}}`: "",
	} {
		s := files(t, map[string]string{"model.safetensors.index.json": text, "m.safetensors": header(t, "{"+u8("a", 0, 15)+"}", 15)}, modelfile.FilesOptions{})
		if want == "" && len(s.Problems) > 0 || want != "" && (len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Reason, want)) {
			t.Errorf("%s: %v", text, s.Problems)
		}
	}
	for text, want := range map[string]int64{
		`{"model": {"type": "Unigram", "vocab": [["<unk>", 0.0], ["a", -1.5, {"b": []}], [], "c", [["d"]], [7]]}}`: 6,
		`{"added_tokens": {"id": 1}}`: 0, `{"added_tokens": [7]}`: 0, `{"added_tokens": [{"id": 1, "content": "a"}, {"id": 1}]}`: 1,
	} {
		s := files(t, map[string]string{"tokenizer.json": text}, modelfile.FilesOptions{})
		if (s.Tokenizer == nil) != (want == 0) || s.Tokenizer != nil && s.Tokenizer.Vocabulary != want {
			t.Errorf("%s: %+v %v", text, s.Tokenizer, s.Problems)
		}
	}
}

// Texts of 8 MB that would be much more in memory, were all of it kept.
func TestFolderMemory(t *testing.T) {
	const size = 8 << 20
	fill := func(before, again, after string) string {
		return before + strings.Repeat(again, (size-len(before)-len(after))/len(again)) + after
	}
	keys := make([]byte, 0, size)
	for i := 0; len(keys) < size-100; i++ {
		keys = fmt.Appendf(keys, `"%x":"",`, i)
	}
	for name, file := range map[string][2]string{
		"added tokens":  {"tokenizer.json", fill(`{"added_tokens":[`, `{},`, `{}]}`)},
		"unigram pair":  {"tokenizer.json", fill(`{"model":{"vocab":[["a",`, `[],`, `0]]}}`)},
		"depth":         {"tokenizer.json", fill(`{"merges":`, `[`, ``)},
		"unknown keys":  {"tokenizer.json", fill(`{"merges":[`, `[],`, `0]}`)},
		"index":         {"model.safetensors.index.json", fill(`{"metadata":{"a":[`, `[],`, `0]},"weight_map":{}}`)},
		"total":         {"model.safetensors.index.json", fill(`{"metadata":{"total_size":[`, `[],`, `0]},"weight_map":{}}`)},
		"index's depth": {"model.safetensors.index.json", fill(`{"a":`, `[`, ``)},
		"weights":       {"model.safetensors.index.json", `{"weight_map":{` + string(keys) + `"z":""}}`},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := files(t, map[string]string{file[0]: file[1]}, modelfile.FilesOptions{})
		runtime.ReadMemStats(&after)
		// The text itself, the decoder's copy of it with room to grow, some
		// vocabulary.
		if total := (after.TotalAlloc - before.TotalAlloc) >> 20; total > 160 {
			t.Errorf("%s: %d MiB (%v)", name, total, s.Problems)
		}
	}
}

// Of a PyTorch file far away the storages' headers are not asked for, and what
// is told is the same but for where they stand.
func TestDistant(t *testing.T) {
	data := sample(t, "small.pt")
	inspect := func(far bool) (modelfile.Facts, int64) {
		r := &metered{ReaderAt: strings.NewReader(data)}
		s, err := modelfile.InspectFiles(t.Context(), []string{"m.pt"}, func(string) (io.ReaderAt, int64, error) {
			return r, int64(len(data)), nil
		}, modelfile.FilesOptions{Distant: far})
		if err != nil || len(s.Problems) > 0 {
			t.Fatal(err, s.Problems)
		}
		for i := range s.Tensors {
			s.Tensors[i].Offset = 0
		}
		slices.SortFunc(s.Tensors, func(a, b modelfile.Tensor) int { return strings.Compare(a.Name, b.Name) })
		return s.Facts, r.bytes
	}
	near, nearBytes := inspect(false)
	far, farBytes := inspect(true)
	if !reflect.DeepEqual(near, far) || near.Parameters == 0 || farBytes >= nearBytes {
		t.Errorf("near %+v (%d bytes)\nfar %+v (%d bytes)", near, nearBytes, far, farBytes)
	}
}

type metered struct {
	io.ReaderAt
	bytes int64
}

func (m *metered) ReadAt(p []byte, off int64) (int, error) {
	m.bytes += int64(len(p))
	return m.ReaderAt.ReadAt(p, off)
}

// FuzzFolder holds the readers of texts to problems, never errors.
func FuzzFolder(f *testing.F) {
	for name, content := range hugging(f) {
		f.Add(name, content)
	}
	f.Add("vocab.txt", "[PAD]\na\n")
	f.Add("vocab.json", `{"a": 1, "b": 0}`)
	f.Add("tokenizer.json", `{"model": {"type": "Unigram", "vocab": [["a", -1.5], ["b", 0]]}}`)
	f.Fuzz(func(t *testing.T, name, content string) {
		s := files(t, map[string]string{name: content, "config.json": "{}"}, modelfile.FilesOptions{})
		for _, p := range s.Problems {
			if modelfile.RuleDoc(p.Rule) == "" || p.Format == "" {
				t.Fatal(fmt.Sprint(p))
			}
		}
	})
}
