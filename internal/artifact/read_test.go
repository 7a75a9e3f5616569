package artifact

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
)

// decode reads the manifest of a plain artifact.
func decode(data []byte) (*Remote, error) {
	m, kind, err := parseManifest(data)
	if err != nil {
		return nil, err
	}
	return decodePlain(m, kind)
}

func TestDecodeEncoded(t *testing.T) {
	for _, c := range []struct {
		kind  manifest.Kind
		files []manifest.File
	}{{manifest.KindModel, modelFiles}, {manifest.KindDataset, datasetFiles}} {
		enc, err := Encode(c.kind, c.files)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(enc.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		checkRemote(t, got, c.kind, c.files)
	}
}

// checkRemote compares with files, whose splits no registry knows.
func checkRemote(t *testing.T, got *Remote, kind manifest.Kind, files []manifest.File) {
	t.Helper()
	want := slices.Clone(files)
	for i := range want {
		want[i].Split = ""
	}
	slices.SortFunc(want, func(a, b manifest.File) int { return strings.Compare(a.Path, b.Path) })
	if got.Kind != kind || !slices.Equal(got.Files, want) {
		t.Errorf("got %s %v\nwant %s %v", got.Kind, got.Files, kind, want)
	}
	digest, err := manifest.ContentDigest(files)
	if err != nil {
		t.Fatal(err)
	}
	if got.ContentDigest != digest {
		t.Errorf("content digest %s, want %s", got.ContentDigest, digest)
	}
}

type object = map[string]any

// hostile returns a good manifest of one layer after change, which may replace
// any part of it.
func hostile(t *testing.T, change func(m, layer, annotations object)) []byte {
	t.Helper()
	annotations := object{
		"org.opencontainers.image.title": "a.bin",
		annotationPath:                   "a.bin",
		annotationMetadata:               `{"mode":420,"size":1,"typeflag":0}`,
	}
	layer := object{
		"mediaType": "application/vnd.cncf.model.weight.v1.raw", "digest": ref.Of([]byte("x")), "size": 1, "annotations": annotations,
	}
	m := object{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.manifest.v1+json",
		"artifactType":  TypeModel,
		"config":        object{"mediaType": typeModelConfig, "digest": ref.Of(nil), "size": 2},
		"layers":        []any{layer},
	}
	change(m, layer, annotations)
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func setPath(annotations object, path string) {
	annotations[annotationPath], annotations["org.opencontainers.image.title"] = path, path
}

// copies returns n layers like layer, at the paths that name gives.
func copies(layer object, n int, name func(i int) string) []any {
	layers := make([]any, n)
	for i := range layers {
		l, a := object{}, object{}
		for k, v := range layer {
			l[k] = v
		}
		setPath(a, name(i))
		l["annotations"] = a
		layers[i] = l
	}
	return layers
}

func TestDecodeHostile(t *testing.T) {
	paths := func(names ...string) func(m, l, a object) {
		return func(m, l, a object) { m["layers"] = copies(l, len(names), func(i int) string { return names[i] }) }
	}
	for _, c := range []struct {
		name   string
		change func(m, layer, annotations object)
		want   string // "" for good
	}{
		{"good", func(m, l, a object) {}, ""},
		{"good, written by modctl", func(m, l, a object) { delete(a, "org.opencontainers.image.title") }, ""},
		{"good, without metadata", func(m, l, a object) { delete(a, annotationMetadata) }, ""},
		{"good, before artifactType", func(m, l, a object) { delete(m, "artifactType") }, ""},
		{"good, many files", func(m, l, a object) {
			m["layers"] = copies(l, maxReadFiles, func(i int) string { return fmt.Sprintf("%d.bin", i) })
		}, ""},
		{"index", func(m, l, a object) { m["mediaType"] = "application/vnd.oci.image.index.v1+json" }, "index"},
		{"schema 1", func(m, l, a object) { m["schemaVersion"] = 1 }, "schema version 1"},
		{"container image", func(m, l, a object) {
			delete(m, "artifactType")
			m["config"] = object{"mediaType": "application/vnd.oci.image.config.v1+json"}
		}, "neither a model"},
		{"other artifact", func(m, l, a object) { m["artifactType"] = "application/vnd.example" }, "neither a model"},
		{"dataset with weights", func(m, l, a object) {
			m["artifactType"] = TypeDataset
			m["config"] = object{"mediaType": "application/vnd.oci.empty.v1+json"}
		}, "in a dataset"},
		{"no layers", func(m, l, a object) { m["layers"] = []any{} }, "no files"},
		{"too many layers", func(m, l, a object) {
			m["layers"] = copies(l, maxReadFiles+1, func(i int) string { return fmt.Sprintf("%d.bin", i) })
		}, "4001 layers"},
		{"tar layer", func(m, l, a object) { l["mediaType"] = "application/vnd.cncf.model.weight.v1.tar" }, "only uncompressed"},
		{"gzip layer", func(m, l, a object) { l["mediaType"] = "application/vnd.cncf.model.weight.v1.tar+gzip" }, "only uncompressed"},
		{"unknown role", func(m, l, a object) { l["mediaType"] = "application/vnd.cncf.model.virus.v1.raw" }, "only uncompressed"},
		{"no path", func(m, l, a object) { delete(a, annotationPath) }, "no annotation"},
		{"no annotations", func(m, l, a object) { delete(l, "annotations") }, "no annotation"},
		{"two paths", func(m, l, a object) { a["org.opencontainers.image.title"] = "b.bin" }, "two paths"},
		{"traversal", paths("../../etc/cron.d/x"), "leaves its folder"},
		{"traversal inside", paths("a/../../b"), "leaves its folder"},
		{"absolute", paths("/etc/passwd"), "absolute"},
		{"backslash", paths(`..\..\x`), "not every system"},
		{"drive", paths("C:x"), "not every system"},
		{"device", paths("dir/NUL.bin"), "device name"},
		{"control character", paths("a\x00.bin"), "control character"},
		{"terminal escape", paths("a\x1b[2J.bin"), "control character"},
		{".git", paths("x/.GIT/hooks/post-checkout"), ".git"},
		{".waybill", paths(".Waybill/registry/index.json"), ".waybill"},
		{"project", paths("waybill.yaml"), "waybill reads itself"},
		{"lock", paths("model.lock.json"), "waybill reads itself"},
		{"empty path", paths(""), "no annotation"},
		{"long path", paths(strings.Repeat("a/", 600) + "b"), "longer than"},
		{"duplicate", paths("a.bin", "b.bin", "a.bin"), "listed twice"},
		{"case collision", paths("a.bin", "A.bin"), "upper and lower case"},
		{"file is folder", paths("a/b.bin", "a"), "needs a folder"},
		{"negative size", func(m, l, a object) { l["size"] = -1 }, "size -1"},
		{"huge size", func(m, l, a object) { l["size"] = int64(1) << 62 }, "size"},
		{"fractional size", func(m, l, a object) { l["size"] = 1.5 }, "not valid JSON"},
		{"total", func(m, l, a object) {
			l["size"] = int64(1) << 49
			m["layers"] = copies(l, 3, func(i int) string { return fmt.Sprintf("%d.bin", i) })
		}, "pebibyte"},
		{"two sizes", func(m, l, a object) { a[annotationMetadata] = `{"size":2}` }, "two sizes"},
		{"one digest, two sizes", func(m, l, a object) {
			layers := copies(l, 2, func(i int) string { return fmt.Sprintf("%d.bin", i) })
			layers[1].(object)["size"] = 2
			m["layers"] = layers
		}, "two sizes"},
		{"symbolic link", func(m, l, a object) { a[annotationMetadata] = `{"typeflag":2}` }, "not a regular file"},
		{"folder", func(m, l, a object) { a[annotationMetadata] = `{"typeflag":5}` }, "not a regular file"},
		{"metadata", func(m, l, a object) { a[annotationMetadata] = `{` }, annotationMetadata},
		{"sha512", func(m, l, a object) { l["digest"] = "sha512:" + strings.Repeat("0", 128) }, "digest"},
		{"short digest", func(m, l, a object) { l["digest"] = "sha256:00" }, "digest"},
		{"digest is a path", func(m, l, a object) { l["digest"] = "sha256:../../../../etc/passwd" }, "digest"},
		{"layers no list", func(m, l, a object) { m["layers"] = "x" }, "not valid JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decode(hostile(t, c.change))
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatalf("accepted as %v", got.Files)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
			if strings.ContainsAny(err.Error(), "\x00\x1b") || len(err.Error()) > 400 {
				t.Errorf("hostile text in the message: %q", err)
			}
		})
	}
}

func TestDecodeExecutable(t *testing.T) {
	for mode, want := range map[int]bool{0o644: false, 0o755: true, 0o700: true, 0o4755: true, 0o011: false} {
		got, err := decode(hostile(t, func(m, l, a object) { a[annotationMetadata] = fmt.Sprintf(`{"mode":%d}`, mode) }))
		if err != nil {
			t.Fatal(err)
		}
		if got.Files[0].Executable != want {
			t.Errorf("mode %o: executable %v", mode, !want)
		}
	}
}

// What is accepted is safe, and encoding it gives it back.
func FuzzRead(f *testing.F) {
	for _, c := range []struct {
		kind  manifest.Kind
		files []manifest.File
	}{{manifest.KindModel, modelFiles}, {manifest.KindDataset, datasetFiles}} {
		enc, err := Encode(c.kind, c.files)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(enc.Manifest)
	}
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.cncf.model.config.v1+json"},"layers":[{}]}`))
	f.Add([]byte(`{"layers":[{"annotations":{"org.cncf.model.filepath":"../x"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		remote, err := decode(data)
		if err != nil {
			return
		}
		if err := checkPaths(remote.Files); err != nil {
			t.Errorf("accepted: %v", err)
		}
		if len(remote.Files) > MaxFiles || slices.ContainsFunc(remote.Files, func(f manifest.File) bool { return f.Size > MaxFileSize }) {
			return // readable, not writable
		}
		enc, err := Encode(remote.Kind, remote.Files)
		if err != nil {
			t.Fatalf("does not encode: %v", err)
		}
		again, err := decode(enc.Manifest)
		if err != nil {
			t.Fatalf("does not decode again: %v", err)
		}
		if again.ContentDigest != remote.ContentDigest || again.Kind != remote.Kind {
			t.Errorf("%s %s became %s %s", remote.Kind, remote.ContentDigest, again.Kind, again.ContentDigest)
		}
	})
}
