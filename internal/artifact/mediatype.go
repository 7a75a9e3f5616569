package artifact

import (
	"path"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
)

// Media types of ModelPack (model-spec 0.0.7, "Media Types") and ours.
const (
	TypeModel       = "application/vnd.cncf.model.manifest.v1+json" // artifactType
	TypeDataset     = "application/vnd.waybill.dataset.v1+json"     // artifactType
	typeModelConfig = "application/vnd.cncf.model.config.v1+json"   // config of models
	typeLayerPrefix = "application/vnd.cncf.model."                 // + role + …
	typeLayerSuffix = ".v1.raw"                                     // one file, as it is
)

// role is the part of a layer's media type that says what a file is for. The
// order of the constants is the order of layers in a manifest.
type role int

const (
	roleWeight role = iota
	roleWeightConfig
	roleCode
	roleDataset
	roleDoc
)

func (r role) String() string {
	return [...]string{"weight", "weight.config", "code", "dataset", "doc"}[r]
}

func (r role) mediaType() string { return typeLayerPrefix + r.String() + typeLayerSuffix }

// roleOf says what the file at p is for. In a dataset every file is data.
//
// In a model the name decides first (LICENSE, README…), then the extension,
// without regard to the case of ASCII letters. What the tables do not know is
// a weight: new formats of weights and the external data of ONNX models have
// arbitrary names, and a tool that fetches weights only must not lose them.
//
// The tables are frozen: a new entry would give an old content digest a second
// encoding.
func roleOf(kind manifest.Kind, p string) role {
	if kind == manifest.KindDataset {
		return roleDataset
	}
	base := lowerASCII(path.Base(p))
	stem, _, _ := strings.Cut(base, ".")
	if docNames[stem] {
		return roleDoc
	}
	if r, ok := roleByName[base]; ok {
		return r
	}
	if r, ok := roleByExtension[path.Ext(base)]; ok {
		return r
	}
	return roleWeight
}

// docNames are names up to the first dot: README, README.txt, LICENSE.md.
var docNames = map[string]bool{
	"readme": true, "license": true, "licence": true, "licenses": true, "copying": true, "copyright": true,
	"notice": true, "authors": true, "contributors": true, "changelog": true, "citation": true, "use_policy": true,
}

var roleByName = map[string]role{
	"tokenizer.model": roleWeightConfig, // SentencePiece
	"spiece.model":    roleWeightConfig, // the same, T5 and ALBERT
	"vocab":           roleWeightConfig,
	"merges":          roleWeightConfig,
	"dockerfile":      roleCode,
	"makefile":        roleCode,
}

var roleByExtension = func() map[string]role {
	m := map[string]role{}
	for r, extensions := range map[role]string{
		roleWeight: ".safetensors .gguf .ggml .onnx .pt .pth .bin .h5 .hdf5 .keras .tflite .pb .pkl .pickle .joblib " +
			".npz .npy .ckpt .msgpack .mlmodel .ubj .cbm .pte .engine",
		roleWeightConfig: ".json .yaml .yml .toml .txt .cfg .conf .ini .xml .vocab .merges .tiktoken .jinja .spm .bpe",
		roleCode:         ".py .pyi .sh .ipynb .r .jl .go .js .ts .c .cc .cpp .h .hpp .cu .rs .java .sql",
		roleDataset:      ".parquet .arrow .feather .csv .tsv .jsonl .ndjson",
		roleDoc:          ".md .rst .pdf .html .png .jpg .jpeg .gif .svg .bib .cff",
	} {
		for e := range strings.FieldsSeq(extensions) {
			m[e] = r
		}
	}
	return m
}()

// lowerASCII is strings.ToLower without Unicode's tables, which grow from one
// release of Go to the next.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
