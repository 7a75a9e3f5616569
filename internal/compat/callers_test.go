package compat

import (
	"testing"

	"github.com/waybill-dev/waybill/internal/modelfile"
)

// A vocabulary of its own comes with every training. It breaks those who turn
// text into ids themselves, and nobody else: whoever sends text, or loads the
// folder, gets the new one with the new weights.
func TestPreprocessing(t *testing.T) {
	text := []Port{{Name: "text", Type: "string"}}
	ids := []Port{{Name: "ids", Type: "int64"}, {Name: "mask", Type: "int64"}}
	untyped := []Port{{Name: "ids"}}
	for _, c := range []struct {
		name           string
		file, declared []Port
		breaks         bool
	}{
		{"nothing is told", nil, nil, false},
		{"the file takes ids", ids, nil, true},
		{"the file takes text", text, nil, false},
		{"ids are declared", nil, ids, true},
		{"text is declared", nil, text, false},
		{"a service takes text, the file ids", ids, text, false},
		{"types are not told", untyped, nil, false},
		{"a file without inputs", []Port{}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			side := func(digest string, entries int64) Described {
				return Described{
					File:     Interface{Inputs: c.file, Tokenizer: digest, Preprocessing: digest, Vocabulary: entries},
					Manifest: Interface{Inputs: c.declared},
				}
			}
			got := Check(side("sha256:aaaa", 100), side("sha256:bbbb", 90), Config{})
			if breaks := find(got, "PREPROC_SAME") != nil && find(got, "VOCAB_NO_SHRINK") != nil; breaks != c.breaks || !breaks && got != nil {
				t.Errorf("got %+v, want breaks %v", got, c.breaks)
			}
		})
	}
}

// Labels may stand twice: what did not change is no break, and one that is
// gone is told once.
func TestLabelsTwice(t *testing.T) {
	with := func(labels ...string) Described { return Described{File: Interface{Labels: labels}} }
	if got := Check(with("a", "b", "a"), with("a", "b", "a"), Config{}); got != nil {
		t.Errorf("the same labels: %+v", got)
	}
	if got := Check(with("a", "b", "a"), with("b", "a", "a"), Config{}); len(got) != 1 || got[0].Rule != "LABELS_ORDER_SAME" || got[0].Name != "a" {
		t.Errorf("in another order: %+v", got)
	}
	if got := Check(with("b", "a", "a"), with("b"), Config{}); len(got) != 1 || got[0].Name != "a" {
		t.Errorf("one is gone: %+v", got)
	}
}

// The width of hidden layers is nobody's business unless vectors come out.
func TestEmbeddingOf(t *testing.T) {
	for _, c := range []struct {
		architecture, format string
		modules, embeds      bool
	}{
		{"BertForSequenceClassification", "safetensors", false, false},
		{"LlamaForCausalLM", "safetensors", false, false},
		{"GPT2LMHeadModel", "safetensors", false, false},
		{"VisionEncoderDecoderModel", "safetensors", false, false},
		{"BertModel", "safetensors", false, true},
		{"T5EncoderModel", "safetensors", false, true},
		{"BertForMaskedLM", "safetensors", true, true},
		{"llama", "gguf", false, false},
		{"nomic-bert", "gguf", false, true},
		{"", "safetensors", false, false},
	} {
		set := &modelfile.Set{Facts: modelfile.Facts{Architecture: c.architecture, Format: c.format, Embedding: 384}}
		if c.modules {
			set.Details = map[string]any{"modules": []string{"sentence_transformers.models.Pooling"}}
		}
		if got := Of(set, nil).Embedding != 0; got != c.embeds {
			t.Errorf("%s (%s): embeddings %v, want %v", c.architecture, c.format, got, c.embeds)
		}
	}
}
