package compat

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
)

// Rule is one way in which callers can break.
type Rule struct {
	ID      string
	Class   Class
	Doc     string // what it compares
	Why     string // how its breach breaks callers
	Example string // of a breach

	// compare returns the breaks, without rule and class. It is nil for the
	// rule that is about the version.
	compare func(x *pair) []Break
}

// MinSemverBump is the rule that is about the version and not about the model:
// registering enforces it.
const MinSemverBump = "MIN_SEMVER_BUMP"

// How much larger a model may become before an operator has to be told.
const maxRatio = 2.0

// Rules returns the catalog.
func Rules() []Rule { return slices.Clone(catalog) }

var order = func() map[string]int {
	m := map[string]int{}
	for i, r := range catalog {
		m[r.ID] = i
	}
	return m
}()

func rule(id string) *Rule { return &catalog[order[id]] }

// Why says how the breach of a rule breaks callers, "" for an unknown one.
func Why(id string) string {
	if _, ok := order[id]; !ok {
		return ""
	}
	return rule(id).Why
}

func inputs(x *pair) match  { return x.inputs }
func outputs(x *pair) match { return x.outputs }

var catalog = []Rule{
	{"INPUT_NO_DELETE", Client, "Every input of the model is still there.",
		"Callers that send it are refused.", "the input token_type_ids is removed",
		removed(inputs, "the input")},
	{"INPUT_NO_RENAME", Client, "Inputs keep their names.",
		"Callers send values by name.", "the input input_ids is called ids now",
		renamed(inputs, "the input")},
	{"INPUT_NO_ADD_REQUIRED", Client, "A new input is optional.",
		"Callers that know nothing of it are refused.", "attention_mask is required now",
		func(x *pair) []Break {
			return each(x.inputs.added, func(p Port) *Break {
				if p.Optional {
					return nil
				}
				return &Break{Name: p.Name, To: p.String(), Message: fmt.Sprintf("the new input %s is required", p.Name)}
			})
		}},
	{"INPUT_OPTIONAL_TO_REQUIRED", Client, "An input that was optional stays so.",
		"Callers that leave it out are refused.", "position_ids was optional and is required",
		func(x *pair) []Break {
			return each(x.inputs.both, func(p [2]Port) *Break {
				return ports(p, p[0].Optional && !p[1].Optional, "the input %s was optional and is required")
			})
		}},
	{"INPUT_KIND_SAME", Client, "An input stays a tensor, sequence or map.",
		"The value that callers build is refused.", "a tensor became a sequence of tensors",
		kind(inputs, "the input %s")},
	{"INPUT_DTYPE_NO_NARROW", Client, "The type of an input holds every value that the old one held.",
		"Values that were accepted are refused or cut.", "int64 became int32, or float32 became int8",
		func(x *pair) []Break {
			return each(x.inputs.both, func(p [2]Port) *Break {
				return ports(p, typed(p) && !holds(p[1].Type, p[0].Type), "the type of the input %s became narrower")
			})
		}},
	{"INPUT_SAME_DTYPE", Strict, "Inputs keep their types, also where the new one is wider.",
		"Callers that fill typed buffers do not convert.", "float32 became float64",
		func(x *pair) []Break {
			return each(x.inputs.both, func(p [2]Port) *Break {
				return ports(p, typed(p) && p[0].Type != p[1].Type, "the type of the input %s changed")
			})
		}},
	{"INPUT_SAME_RANK", Client, "Inputs keep their number of dimensions.",
		"Arrays that were accepted are refused.", "[-1, 10] became [-1, 1, 10]",
		func(x *pair) []Break {
			return each(x.inputs.both, func(p [2]Port) *Break {
				return ports(p, ranked(p) && len(p[0].Shape) != len(p[1].Shape), "the input %s has another number of dimensions")
			})
		}},
	{"INPUT_DIM_NO_FIX", Client, "A dimension of an input that was free stays free.",
		"Batches and texts of other lengths are refused.", "[-1, 10] became [1, 10]",
		dims(inputs, "the input", func(was, is int64) bool { return was < 0 && is >= 0 }, "was free and is fixed")},
	{"INPUT_DIM_SAME", Client, "A fixed dimension of an input keeps its size, or becomes free.",
		"Arrays of the old size are refused.", "[-1, 10] became [-1, 12]",
		dims(inputs, "the input", func(was, is int64) bool { return was >= 0 && is >= 0 && was != is }, "has another size")},
	{"INPUT_ORDER_SAME", Semantic, "Inputs that stay keep their order.",
		"Callers that send values by position send them to the wrong input, and nothing complains.", "(query, document) became (document, query)",
		ordered(func(i Interface) []string { return portNames(i.Inputs) }, "the inputs stand in another order")},

	{"OUTPUT_NO_DELETE", Client, "Every output of the model is still there.",
		"Callers that read it fail.", "the output probabilities is removed",
		removed(outputs, "the output")},
	{"OUTPUT_NO_RENAME", Client, "Outputs keep their names.",
		"Callers read them by name.", "logits is called scores now",
		renamed(outputs, "the output")},
	{"OUTPUT_KIND_SAME", Client, "An output stays a tensor, sequence or map.",
		"Callers read another structure than they get.", "a tensor of probabilities became a sequence of maps (ZipMap)",
		kind(outputs, "the output %s")},
	{"OUTPUT_DTYPE_NO_WIDEN", Client, "The old type of an output holds every value of the new one.",
		"Callers get values that do not fit what they store them in.", "int32 became int64, or int64 became float32",
		func(x *pair) []Break {
			return each(x.outputs.both, func(p [2]Port) *Break {
				return ports(p, typed(p) && !holds(p[0].Type, p[1].Type), "the type of the output %s became wider")
			})
		}},
	{"OUTPUT_SAME_DTYPE", Strict, "Outputs keep their types, also where the new one is narrower.",
		"Callers that read typed buffers misread them.", "float32 became float16",
		func(x *pair) []Break {
			return each(x.outputs.both, func(p [2]Port) *Break {
				return ports(p, typed(p) && p[0].Type != p[1].Type, "the type of the output %s changed")
			})
		}},
	{"OUTPUT_SAME_SHAPE", Client, "Outputs keep their number of dimensions and the sizes of those that were fixed.",
		"Callers index past the end, or read too little.", "[-1, 3] became [-1, 5], or [-1, 3] became [-1, -1]",
		func(x *pair) []Break {
			return each(x.outputs.both, func(p [2]Port) *Break {
				return ports(p, ranked(p) && !narrower(p[0].Shape, p[1].Shape), "the shape of the output %s changed")
			})
		}},
	{"OUTPUT_ORDER_SAME", Semantic, "Outputs that stay keep their order.",
		"Callers that read them by position read the wrong one.", "(label, probability) became (probability, label)",
		ordered(func(i Interface) []string { return portNames(i.Outputs) }, "the outputs stand in another order")},

	{"LABELS_NO_DELETE", Client, "Every label is still there.",
		"What callers do for that class never happens again.", "[negative, neutral, positive] became [negative, positive]",
		func(x *pair) []Break { return without(x.before.Labels, x.after.Labels, "the label %s is gone") }},
	{"LABELS_NO_ADD", Client, "There is no new label.",
		"Callers get a class that they have no case for.", "[negative, positive] became [negative, positive, neutral]",
		func(x *pair) []Break { return without(x.after.Labels, x.before.Labels, "the label %s is new") }},
	{"LABELS_ORDER_SAME", Semantic, "A label keeps its index.",
		"Callers that know classes by index take one for another, and nothing complains.", "[negative, positive] became [positive, negative]",
		labelsOrder},
	{"FEATURE_ORDER_SAME", Semantic, "The columns that the model was made from keep their order and number.",
		"Rows are fed by position: every value counts for another feature.", "(age, income) became (income, age)",
		func(x *pair) []Break {
			if x.before.Features == nil || x.after.Features == nil || slices.Equal(x.before.Features, x.after.Features) {
				return nil
			}
			i := firstDifference(x.before.Features, x.after.Features)
			return []Break{{Message: fmt.Sprintf("feature %d is another one", i+1), From: at(x.before.Features, i), To: at(x.after.Features, i)}}
		}},
	{"PREPROC_SAME", Semantic, "Where a model takes numbers alone, what turns data into them is the same: tokenizer, processor, normalisation, by their files' digests.",
		"Callers that prepare inputs themselves send numbers that mean something else.", "tokenizer.json or preprocessor_config.json changed",
		func(x *pair) []Break {
			if !x.prepared {
				return nil
			}
			return digests("the preprocessing changed", x.before.Preprocessing, x.after.Preprocessing, x.before.Tokenizer, x.after.Tokenizer)
		}},
	{"VOCAB_NO_SHRINK", Semantic, "Where a model takes numbers alone, the vocabulary has at least as many entries.",
		"Ids that callers send name nothing, or something else.", "32,000 entries became 30,522",
		func(x *pair) []Break {
			if !x.prepared {
				return nil
			}
			return less(func(i Interface) int64 { return i.Vocabulary }, "the vocabulary became smaller")(x)
		}},
	{"EMBEDDING_DIM_SAME", Semantic, "The width of embeddings is the same, where they are what the model returns.",
		"Vectors that callers have stored cannot be compared with new ones.", "384 became 768",
		func(x *pair) []Break {
			if x.before.Embedding == 0 || x.after.Embedding == 0 || x.before.Embedding == x.after.Embedding {
				return nil
			}
			return []Break{{Message: "the width of the embedding changed", From: report.Thousands(x.before.Embedding), To: report.Thousands(x.after.Embedding)}}
		}},
	{"CONTEXT_LEN_NO_SHRINK", Client, "The longest input has at least as many tokens.",
		"Texts that were accepted are cut or refused.", "8,192 became 4,096",
		less(func(i Interface) int64 { return i.Context }, "the context became shorter")},
	{"CHAT_TEMPLATE_SAME", Semantic, "The chat template is the same.",
		"The same messages become another prompt; answers change, and stop words may not hold.", "the template of tokenizer_config.json changed",
		func(x *pair) []Break {
			if x.before.ChatTemplate == "" || x.before.ChatTemplate == x.after.ChatTemplate {
				return nil
			}
			b := Break{Message: "the chat template changed"}
			if x.after.ChatTemplate == "" {
				b.Message = "the chat template is gone"
			}
			return []Break{b}
		}},

	{"OPSET_MAX", Strict, "No operator set is newer.",
		"The runtime that callers have may not know it.", "ai.onnx 17 became 22",
		func(x *pair) []Break {
			return sorted(x.after.Opsets, x.before.Opsets, func(domain string, is, was int64) *Break {
				if is <= was {
					return nil
				}
				name := domain
				if name == "" {
					name = "ai.onnx"
				}
				return &Break{Name: name, Message: fmt.Sprintf("the operator set %s is newer", name), From: fmt.Sprint(was), To: fmt.Sprint(is)}
			})
		}},
	{"IR_MAX", Strict, "The version of the ONNX format is no newer.",
		"The runtime that callers have may not read it.", "IR 8 became 10",
		func(x *pair) []Break {
			if x.before.IR == 0 || x.after.IR <= x.before.IR {
				return nil
			}
			return []Break{{Message: "the version of the format is newer", From: fmt.Sprint(x.before.IR), To: fmt.Sprint(x.after.IR)}}
		}},
	{"CUSTOM_OP_NO_ADD", Client, "The model uses no new operator outside the standard ones.",
		"A runtime without the library that has it cannot load the model.", "com.microsoft.FusedMatMul came in",
		func(x *pair) []Break {
			if x.before.Format != x.after.Format || x.before.Opsets == nil || x.after.Opsets == nil {
				return nil
			}
			return each(x.after.CustomOps, func(op string) *Break {
				if slices.Contains(x.before.CustomOps, op) {
					return nil
				}
				return &Break{Name: op, To: op, Message: fmt.Sprintf("the custom operator %s is new", op)}
			})
		}},
	{"FORMAT_NO_UNSAFE", Client, "A model in a format that holds data alone does not come in one that runs code when it is loaded.",
		"Loaders that take data alone refuse it; others run what is in it.", "safetensors became pytorch (pickle)",
		func(x *pair) []Break {
			if x.before.Format == "" || x.after.Format == "" || unsafeFormat(x.before.Format) || !unsafeFormat(x.after.Format) {
				return nil
			}
			return []Break{{Message: "the new format runs code when it is loaded", From: x.before.Format, To: x.after.Format}}
		}},
	{"FRAMEWORK_MAJOR_SAME", Strict, "What wrote the model has the same major version.",
		"An older release of the framework may not read it.", "scikit-learn 1.5 became 2.0",
		func(x *pair) []Break {
			return sorted(x.after.Frameworks, x.before.Frameworks, func(name, is, was string) *Break {
				if major(is) == major(was) {
					return nil
				}
				return &Break{Name: name, Message: fmt.Sprintf("it was written by another major version of %s", name), From: was, To: is}
			})
		}},
	{"PARAMS_RATIO_MAX", Strict, "The model has at most twice the parameters.",
		"Answers take longer and need larger machines.", "7 billion became 34 billion",
		ratio(func(i Interface) int64 { return i.Parameters }, "parameters")},
	{"SIZE_RATIO_MAX", Strict, "The files have at most twice the bytes.",
		"Disks, memory and start-up time were planned for the old size.", "2 GB became 5 GB",
		ratio(func(i Interface) int64 { return i.Bytes }, "bytes")},
	{"QUANT_NO_CHANGE", Strict, "The quantisation is the same.",
		"Quality and speed change, and runtimes may lack the new one.", "Q8_0 became Q4_K_M",
		text(func(i Interface) string { return i.Quantization }, "the quantisation changed")},
	{"LICENSE_NO_CHANGE", Strict, "The licence is the same.",
		"Callers agreed to the old terms.", "Apache-2.0 became CC-BY-NC-4.0",
		text(func(i Interface) string { return i.License }, "the licence changed")},
	{"BASE_MODEL_SAME", Strict, "The base model is the same.",
		"An adapter fits one base model; terms and behaviour follow it.", "an adapter of llama-2 became one of llama-3",
		text(func(i Interface) string { return i.BaseModel }, "the base model changed")},
	{ID: MinSemverBump, Class: Semantic, Doc: "A version that breaks callers has a new major number; below 1.0.0 a new minor number suffices.",
		Why: "Callers take it for compatible (semver.org 2.0.0, items 4 and 8).", Example: "v1.2.0 is followed by v1.2.1 with an input removed"},
}

// The rest makes the rules short.

// each is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func each[T any](list []T, one func(T) *Break) []Break {
	var out []Break
	for _, v := range list {
		if b := one(v); b != nil {
			out = append(out, *b)
		}
	}
	return out
}

// sorted calls one for the keys that both maps have.
func sorted[V any](a, b map[string]V, one func(key string, a, b V) *Break) []Break {
	return each(slices.Sorted(maps.Keys(a)), func(k string) *Break {
		other, both := b[k]
		if !both {
			return nil
		}
		return one(k, a[k], other)
	})
}

func ports(p [2]Port, broken bool, message string) *Break {
	if !broken {
		return nil
	}
	return &Break{Name: p[0].Name, Message: fmt.Sprintf(message, p[0].Name), From: p[0].String(), To: p[1].String()}
}

func typed(p [2]Port) bool  { return p[0].Type != "" && p[1].Type != "" }
func ranked(p [2]Port) bool { return p[0].Ranked && p[1].Ranked }

// narrower tells whether every array of the shape is has the shape was too.
func narrower(was, is []int64) bool {
	if len(was) != len(is) {
		return false
	}
	for i := range was {
		if was[i] >= 0 && was[i] != is[i] {
			return false
		}
	}
	return true
}

func removed(of func(*pair) match, what string) func(*pair) []Break {
	return func(x *pair) []Break {
		return each(of(x).removed, func(p Port) *Break {
			return &Break{Name: p.Name, From: p.String(), Message: fmt.Sprintf("%s %s is gone", what, p.Name)}
		})
	}
}

func renamed(of func(*pair) match, what string) func(*pair) []Break {
	return func(x *pair) []Break {
		return each(of(x).renamed, func(p [2]Port) *Break {
			return &Break{Name: p[0].Name, From: p[0].Name, To: p[1].Name, Message: fmt.Sprintf("%s %s is called %s now", what, p[0].Name, p[1].Name)}
		})
	}
}

func kind(of func(*pair) match, what string) func(*pair) []Break {
	return func(x *pair) []Break {
		return each(of(x).both, func(p [2]Port) *Break { return ports(p, p[0].Kind != p[1].Kind, what+" is of another kind") })
	}
}

func dims(of func(*pair) match, what string, broken func(was, is int64) bool, how string) func(*pair) []Break {
	return func(x *pair) []Break {
		return each(of(x).both, func(p [2]Port) *Break {
			if !ranked(p) || len(p[0].Shape) != len(p[1].Shape) {
				return nil
			}
			for i := range p[0].Shape {
				if broken(p[0].Shape[i], p[1].Shape[i]) {
					return ports(p, true, fmt.Sprintf("%s %%s: dimension %d %s", what, i, how))
				}
			}
			return nil
		})
	}
}

func portNames(ports []Port) []string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = p.Name
	}
	return names
}

// ordered compares the order of the names that both sides have.
func ordered(of func(Interface) []string, message string) func(*pair) []Break {
	return func(x *pair) []Break {
		a, b := of(x.before), of(x.after)
		was, is := common(a, b), common(b, a)
		if slices.Equal(was, is) {
			return nil
		}
		i := firstDifference(was, is)
		return []Break{{Name: at(was, i), Message: message, From: list(was), To: list(is)}}
	}
}

// common are the names of a that b has, each once.
func common(a, b []string) []string {
	in := make(map[string]bool, len(b))
	for _, n := range b {
		in[n] = true
	}
	var out []string
	for _, n := range a {
		if in[n] {
			out = append(out, n)
			delete(in, n)
		}
	}
	return out
}

// without are the labels of a that b does not have, when both are known.
func without(a, b []string, message string) []Break {
	if a == nil || b == nil {
		return nil
	}
	in := make(map[string]bool, len(b))
	for _, n := range b {
		in[n] = true
	}
	return each(a, func(n string) *Break {
		if in[n] {
			return nil
		}
		in[n] = true // said once, however often it stands there
		return &Break{Name: n, Message: fmt.Sprintf(message, n)}
	})
}

// labelsOrder compares the indices of the labels that both sides have.
func labelsOrder(x *pair) []Break {
	index := make(map[string]int, len(x.after.Labels))
	for i, n := range x.after.Labels {
		index[n] = i
	}
	for i, n := range x.before.Labels {
		if i < len(x.after.Labels) && x.after.Labels[i] == n {
			continue // also where it stands at another index too
		}
		if j, both := index[n]; both {
			return []Break{{Name: n, Message: fmt.Sprintf("the label %s has another index", n), From: fmt.Sprint(i), To: fmt.Sprint(j)}}
		}
	}
	return nil
}

// digests compares digests that stand in pairs; "" is unknown.
func digests(message string, pairs ...string) []Break {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != "" && pairs[i+1] != "" && pairs[i] != pairs[i+1] {
			return []Break{{Message: message, From: short(pairs[i]), To: short(pairs[i+1])}}
		}
	}
	return nil
}

func less(of func(Interface) int64, message string) func(*pair) []Break {
	return func(x *pair) []Break {
		was, is := of(x.before), of(x.after)
		if was == 0 || is == 0 || is >= was {
			return nil
		}
		return []Break{{Message: message, From: report.Thousands(was), To: report.Thousands(is)}}
	}
}

func ratio(of func(Interface) int64, what string) func(*pair) []Break {
	return func(x *pair) []Break {
		was, is := of(x.before), of(x.after)
		if was == 0 || float64(is) <= maxRatio*float64(was) {
			return nil
		}
		return []Break{{Message: fmt.Sprintf("it has %.1f times the %s", float64(is)/float64(was), what), From: report.Thousands(was), To: report.Thousands(is)}}
	}
}

func text(of func(Interface) string, message string) func(*pair) []Break {
	return func(x *pair) []Break {
		was, is := of(x.before), of(x.after)
		if was == "" || was == is {
			return nil
		}
		return []Break{{Message: message, From: was, To: is}}
	}
}

func firstDifference(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// list writes the first names of a list.
func list(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func short(digest string) string {
	digest = strings.TrimPrefix(digest, "sha256:")
	return digest[:min(len(digest), 12)]
}

func major(version string) string {
	v, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	return v
}

// unsafeFormat tells whether loading a format means running what it holds:
// pickles in any wrapper.
func unsafeFormat(format string) bool {
	f := strings.ToLower(format)
	for _, mark := range []string{"pickle", "pytorch", "joblib", "sklearn", "torchscript"} {
		if strings.Contains(f, mark) {
			return true
		}
	}
	return false
}
