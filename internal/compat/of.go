package compat

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/sorting"
)

// Of is what a model's files tell. files give the digests of those that are
// preprocessing.
func Of(set *modelfile.Set, files []manifest.File) Interface {
	i := Interface{
		Inputs: portsOf(set.Inputs), Outputs: portsOf(set.Outputs), Labels: set.Labels,
		Features:      textsOf(set.Details, "featureNames", "features"),
		Preprocessing: preprocessing(files),
		Context:       set.Context, ChatTemplate: set.ChatTemplate,
		Format: set.Format, Opsets: set.Opsets, Frameworks: set.Frameworks,
		Quantization: set.Quantization, License: set.License,
		Parameters: set.Parameters, Bytes: set.Bytes,
	}
	if set.Tokenizer != nil {
		i.Tokenizer, i.Vocabulary = set.Tokenizer.Digest, set.Tokenizer.Vocabulary
	}
	if returnsEmbeddings(set) {
		i.Embedding = set.Embedding
	}
	i.BaseModel, _ = set.Details["baseModel"].(string)
	i.IR, _ = set.Details["irVersion"].(int64)
	for op := range set.Operators {
		if d, _, custom := cutLast(op); custom && d != "ai.onnx" && !strings.HasPrefix(d, "ai.onnx.") {
			i.CustomOps = append(i.CustomOps, op)
		}
	}
	slices.Sort(i.CustomOps)
	return i
}

// returnsEmbeddings tells whether vectors come out of a model, so that their
// width is more than that of hidden layers: it has the modules.json of
// sentence-transformers, it is a model of transformers without a head ("BertModel"
// and not "BertForMaskedLM" or "GPT2LMHeadModel"), or a GGUF file of an encoder
// (llama.cpp, llama-arch.cpp: "bert", "nomic-bert", "jina-bert-v2").
func returnsEmbeddings(set *modelfile.Set) bool {
	if _, ok := set.Details["modules"]; ok {
		return true
	}
	a := set.Architecture
	if set.Format == "gguf" {
		return strings.Contains(a, "bert") || strings.Contains(a, "embedding")
	}
	return strings.HasSuffix(a, "Model") && !strings.Contains(a, "Head") && !strings.Contains(a, "EncoderDecoder")
}

// Declared is what a manifest says under interface:, and the licence beside it.
func Declared(a *manifest.Artifact) Interface {
	i := DeclaredInterface(a.Model.Interface)
	i.License = a.License
	return i
}

// DeclaredInterface is Declared for an interface alone, as locks have it.
func DeclaredInterface(m manifest.Interface) Interface {
	var i Interface
	for _, p := range m.Inputs {
		i.Inputs = append(i.Inputs, declaredPort(p))
	}
	for _, p := range m.Outputs {
		i.Outputs = append(i.Outputs, declaredPort(p))
	}
	i.Labels = m.Labels
	return i
}

func declaredPort(p manifest.Port) Port {
	return Port{Name: p.Name, Kind: "tensor", Type: typeName(p.Type), Shape: p.Shape, Ranked: p.Shape != nil}
}

// ConfigOf is compatibility: of a manifest.
func ConfigOf(a *manifest.Artifact) Config {
	m := a.Model.Compatibility
	c := Config{Use: Class(m.Use), Except: m.Except}
	for _, i := range m.Ignore {
		c.Ignore = append(c.Ignore, Ignore{Rule: i.Rule, Name: i.Name, Reason: i.Reason})
	}
	return c
}

func portsOf(values []modelfile.Value) []Port {
	var out []Port
	for _, v := range values {
		p := Port{Name: v.Name, Kind: v.Kind, Type: typeName(v.Dtype), Shape: v.Shape, Ranked: v.Shape != nil}
		if rest, optional := strings.CutPrefix(p.Kind, "optional"); optional {
			p.Optional = true
			p.Kind = strings.TrimSuffix(strings.TrimPrefix(rest, "("), ")")
		}
		if p.Kind == "" {
			p.Kind = "tensor"
		}
		out = append(out, p)
	}
	return out
}

// preprocessors are the files that turn data into inputs, by name.
var preprocessors = []string{
	"tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt", "spiece.model", "sentencepiece.bpe.model",
	"special_tokens_map.json", "added_tokens.json",
	"preprocessor_config.json", "processor_config.json", "image_processor_config.json", "feature_extractor_config.json",
}

// preprocessing digests the preprocessing among files, "" when there is none.
// tokenizer_config.json is not among it: the chat template stands in it, and
// the version of the library that wrote it.
func preprocessing(files []manifest.File) string {
	files = slices.Clone(files)
	sorting.By(files, func(a, b manifest.File) int { return strings.Compare(a.Path, b.Path) })
	h := sha256.New()
	found := false
	for _, f := range files {
		if slices.Contains(preprocessors, path.Base(f.Path)) {
			found = true
			fmt.Fprintf(h, "%q %s\n", f.Path, f.Digest)
		}
	}
	if !found {
		return ""
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// textsOf is the first list of texts among details.
func textsOf(details map[string]any, keys ...string) []string {
	for _, k := range keys {
		if list, ok := details[k].([]string); ok {
			return list
		}
	}
	return nil
}

func cutLast(s string) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, '.'); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
