package artifact

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

var update = flag.Bool("update", false, "rewrite golden files")

// file makes a file whose content is its own text.
func file(path, content string) manifest.File {
	return manifest.File{Path: path, Size: int64(len(content)), Digest: ref.Of([]byte(content))}
}

var modelFiles = []manifest.File{
	file("README.txt", "read me"),
	file("config/vocab.json", `{"a":0}`),
	file("labels.csv", "0,negative\n"),
	file("model-00002-of-00002.safetensors", "two"),
	file("model-00001-of-00002.safetensors", "one"),
	file("serve.py", "import x\n"),
	{Path: "bin/convert.sh", Size: 4, Digest: ref.Of([]byte("exit")), Executable: true},
	file("empty.bin", ""),
	file("ünïcode & signs.json", "{}"),
	file("twin.onnx", "one"), // the content of another file
}

var datasetFiles = []manifest.File{
	{Path: "data/train.parquet", Size: 5, Digest: ref.Of([]byte("train")), Split: "train"},
	{Path: "data/test.parquet", Size: 4, Digest: ref.Of([]byte("test")), Split: "test"},
	{Path: "README.md", Size: 3, Digest: ref.Of([]byte("doc"))},
}

// The golden files are the promise that equal files have equal encodings in
// every release. A change to them is a break for every user's lock.
func TestEncodeGolden(t *testing.T) {
	for _, c := range []struct {
		name     string
		kind     manifest.Kind
		files    []manifest.File
		manifest ref.Digest
		config   ref.Digest
	}{
		{"model", manifest.KindModel, modelFiles,
			"sha256:32cbd80820cca531e1439e252f11e534025b578a6eae8b5f806fd2710dd2ac8d", "sha256:4f8874f7e4f7a362b1b97ad8f638bb51bd78f90d45d835f1630d1a457152b868"},
		{"dataset", manifest.KindDataset, datasetFiles,
			"sha256:5d33a3339560d21faa79faa384bcef134a9a2cd3eecae40d3e8693571e215f0c", "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			enc, err := Encode(c.kind, c.files)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.name+".manifest.json", enc.Manifest)
			golden(t, c.name+".config.json", enc.Config)
			if enc.Digest() != c.manifest || ref.Of(enc.Manifest) != c.manifest || enc.Desc.Size != int64(len(enc.Manifest)) {
				t.Errorf("manifest has %s, want %s", enc.Digest(), c.manifest)
			}
			if d := ref.Digest(enc.ConfigDesc.Digest); d != c.config || ref.Of(enc.Config) != c.config {
				t.Errorf("config has %s, want %s", d, c.config)
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
	}
}

func TestEncodeOrder(t *testing.T) {
	want, err := Encode(manifest.KindModel, modelFiles)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, l := range want.Layers {
		role := strings.TrimSuffix(strings.TrimPrefix(l.MediaType, typeLayerPrefix), typeLayerSuffix)
		order = append(order, role+" "+l.Annotations[ocispec.AnnotationTitle])
	}
	if expected := []string{
		"weight empty.bin", "weight model-00001-of-00002.safetensors", "weight model-00002-of-00002.safetensors", "weight twin.onnx",
		"weight.config config/vocab.json", "weight.config ünïcode & signs.json",
		"code bin/convert.sh", "code serve.py", "dataset labels.csv", "doc README.txt",
	}; !slices.Equal(order, expected) {
		t.Errorf("got %q\nwant %q", order, expected)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		shuffled := slices.Clone(modelFiles)
		rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for i := range shuffled {
			shuffled[i].Split = fmt.Sprint(i) // no part of the encoding
		}
		got, err := Encode(manifest.KindModel, shuffled)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Manifest) != string(want.Manifest) {
			t.Fatalf("another order gives another manifest:\n%s\n%s", got.Manifest, want.Manifest)
		}
	}
}

// The config is held to the parts of ModelPack's closed schema that it uses.
func TestModelConfig(t *testing.T) {
	enc, err := Encode(manifest.KindModel, modelFiles)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(enc.Config, &config); err != nil {
		t.Fatal(err)
	}
	if len(config) != 3 || string(config["config"]) != "{}" || string(config["descriptor"]) != "{}" {
		t.Errorf("config %s", enc.Config)
	}
	var fs struct {
		Type    string
		DiffIDs []ref.Digest `json:"diffIds"`
	}
	if err := json.Unmarshal(config["modelfs"], &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type != "layers" || len(fs.DiffIDs) != len(enc.Layers) {
		t.Fatalf("modelfs %s", config["modelfs"])
	}
	for i, l := range enc.Layers {
		if ref.Digest(l.Digest) != fs.DiffIDs[i] {
			t.Errorf("layer %d: %s is not %s", i, fs.DiffIDs[i], l.Digest)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	many := make([]manifest.File, MaxFiles+1)
	for i := range many {
		many[i] = file(fmt.Sprintf("%d.bin", i), "x")
	}
	if _, err := Encode(manifest.KindModel, many[:MaxFiles]); err != nil {
		t.Errorf("%d files: %v", MaxFiles, err)
	}
	large := file("large.bin", "")
	large.Size = MaxFileSize + 1
	negative := file("a.bin", "")
	negative.Size = -1
	otherSize := file("b.bin", "x")
	otherSize.Size = 2
	for _, c := range []struct {
		name  string
		kind  manifest.Kind
		files []manifest.File
		want  string
	}{
		{"nothing", manifest.KindModel, nil, "no files"},
		{"a project", manifest.KindProject, []manifest.File{file("a", "")}, "a Project has no files"},
		{"too many", manifest.KindDataset, many, "401 files, at most 400"},
		{"too large", manifest.KindModel, []manifest.File{large}, "10.0 GB, registries take at most 10 GB"},
		{"negative", manifest.KindModel, []manifest.File{negative}, "negative size"},
		{"no digest", manifest.KindModel, []manifest.File{{Path: "a"}}, "digest"},
		{"leaves", manifest.KindModel, []manifest.File{file("../a", "")}, "leaves its folder"},
		{"twice", manifest.KindModel, []manifest.File{file("a", ""), file("a", "")}, "listed twice"},
		{"case", manifest.KindModel, []manifest.File{file("a/B.bin", ""), file("A/b.bin", "")}, "upper and lower case"},
		{"Kelvin", manifest.KindModel, []manifest.File{file("k", ""), file("\u212a", "")}, "upper and lower case"},
		{"long s", manifest.KindModel, []manifest.File{file("s", ""), file("ſ", "")}, "upper and lower case"},
		{"file and folder", manifest.KindModel, []manifest.File{file("a", ""), file("A/b", "")}, "needs a folder"},
		{"two sizes", manifest.KindModel, []manifest.File{file("a.bin", "x"), otherSize}, "two sizes"},
		{"manifest", manifest.KindModel, []manifest.File{file("x/Model.yaml", "")}, "waybill reads itself"},
		{"store", manifest.KindModel, []manifest.File{file(".waybill/x", "")}, "reaches into .waybill"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Encode(c.kind, c.files)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

// The table of roles is frozen: an entry that moved would give old content a
// new encoding.
func TestRoles(t *testing.T) {
	for path, want := range map[string]string{
		"model.safetensors": "weight", "MODEL.GGUF": "weight", "a/b.onnx": "weight", "model.onnx_data": "weight", "weights": "weight",
		"x.pkl": "weight", "x.joblib": "weight", "x.npz": "weight", "unknown.xyz": "weight",
		"config.json": "weight.config", "model.safetensors.index.json": "weight.config", "vocab.txt": "weight.config",
		"merges.txt": "weight.config", "tokenizer.model": "weight.config", "chat.jinja": "weight.config", "requirements.txt": "weight.config",
		"train.py": "code", "Makefile": "code", "x.ipynb": "code",
		"few.parquet": "dataset", "labels.csv": "dataset",
		"README.md": "doc", "readme": "doc", "LICENSE": "doc", "LICENSE.txt": "doc", "Notice.json": "doc", "plot.png": "doc",
	} {
		if got := roleOf(manifest.KindModel, path).String(); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
		if got := roleOf(manifest.KindDataset, path); got != roleDataset {
			t.Errorf("%s in a dataset is %s", path, got)
		}
	}
}

func TestAdvice(t *testing.T) {
	small, large := file("a.bin", ""), file("b.bin", "")
	small.Size, large.Size = AdvisedFileSize, AdvisedFileSize+1
	if notes := Advice([]manifest.File{small, large}); len(notes) != 1 || !strings.HasPrefix(notes[0], "b.bin has 2.0 GiB") {
		t.Errorf("got %q", notes)
	}
}
