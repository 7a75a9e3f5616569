package distribution

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/testregistry"
)

// What waybill pushes, oras reads, lists and copies; what oras copies or
// pushes, waybill reads. On registries with and without the referrers API.
func TestOras(t *testing.T) {
	oras := os.Getenv("WAYBILL_TEST_ORAS")
	if oras == "" {
		t.Skip("WAYBILL_TEST_ORAS names no oras; see test/oras/run")
	}
	for name, addr := range map[string]string{
		"distribution":  address(t),
		"referrers API": testregistry.New(t, testregistry.WithReferrers()).URL,
	} {
		t.Run(name, func(t *testing.T) { testOras(t, oras, addr) })
	}
}

func testOras(t *testing.T, oras, addr string) {
	m := newMachine(t, addr)
	files := map[string]string{
		"w.safetensors":       string(weights([]uint64{1})),
		"tokenizer/vocab.txt": "hello\nworld\n",
		"README.md":           "# net\n",
		"empty.json":          "",
	}
	work := m.orasProject(t, files)
	m.waybill(work, "push", "net")
	lock := readLock(t, work)
	subject := addr + "/acme/net@" + lock.Encoding.Digest

	out := t.TempDir()
	m.run(out, oras, "pull", "--plain-http", subject)
	m.sameTree(t, out, files)

	var discovered struct {
		Referrers []struct {
			ArtifactType string `json:"artifactType"`
		} `json:"referrers"`
	}
	text := m.run(work, oras, "discover", "--plain-http", "--format", "json", subject)
	if err := json.Unmarshal([]byte(text), &discovered); err != nil {
		t.Fatalf("oras discover: %v\n%s", err, text)
	}
	if !strings.Contains(text, "application/vnd.waybill.predictions.v1+json") || len(discovered.Referrers) == 0 {
		t.Errorf("oras discover shows no predictions: %s", text)
	}

	t.Run("copied to a registry", func(t *testing.T) {
		other := testregistry.New(t).URL
		m.run(work, oras, "copy", "--recursive", "--from-plain-http", "--to-plain-http", subject, other+"/acme/net:copied")
		m.pullFrom(t, work, other+"/acme", files)
	})
	t.Run("copied to a layout", func(t *testing.T) {
		layout := t.TempDir()
		m.run(work, oras, "copy", "--recursive", "--from-plain-http", "--to-oci-layout", subject, layout+":net_copied")
		m.pullFrom(t, work, "oci-layout:"+layout, files)
	})
	t.Run("pushed by oras", func(t *testing.T) {
		const layer = "application/vnd.cncf.model."
		types := map[string]string{
			"w.safetensors": "weight", "tokenizer/vocab.txt": "weight.config", "empty.json": "weight.config", "README.md": "doc",
		}
		args := []string{"push", "--plain-http", "--format", "json", addr + "/foreign/net:v1",
			"--artifact-type", layer + "manifest.v1+json", "--config", "config.json:" + layer + "config.v1+json",
			"--annotation-file", "annotations.json"}
		folder, annotations := t.TempDir(), map[string]map[string]string{}
		for path, data := range files {
			write(t, filepath.Join(folder, path), []byte(data))
			args = append(args, path+":"+layer+types[path]+".v1.raw")
			annotations[path] = map[string]string{"org.cncf.model.filepath": path}
		}
		text, err := json.Marshal(annotations)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, "annotations.json"), text)
		write(t, filepath.Join(folder, "config.json"), []byte(`{"descriptor":{},"config":{},"modelfs":{"type":"layers","diffIds":[]}}`))
		var pushed struct {
			Digest string `json:"digest"`
			Size   int64  `json:"size"`
		}
		if err := json.Unmarshal([]byte(m.run(folder, oras, args...)), &pushed); err != nil {
			t.Fatal(err)
		}
		// The same content in another encoding.
		path := filepath.Join(work, "models/net/model.lock.json")
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		after := strings.ReplaceAll(string(before), lock.Encoding.Digest, pushed.Digest)
		write(t, path, []byte(after))
		defer write(t, path, before)
		m.pullFrom(t, work, addr+"/foreign", files)
	})
}

// orasProject is a model with predictions and files of several kinds.
func (m *machine) orasProject(t *testing.T, files map[string]string) (work string) {
	t.Helper()
	work = t.TempDir()
	m.run(work, "git", "init", "-q", "-b", "main")
	m.waybill(work, "init", "--registry", m.link.Addr+"/acme")
	dir := filepath.Join(work, "models/net")
	write(t, filepath.Join(dir, "model.yaml"), []byte(`apiVersion: waybill.dev/v1
kind: Model
name: net
files: [w.safetensors, tokenizer/vocab.txt, README.md, empty.json]
evaluation: {predictions: predictions.csv, key: id, label: label, prediction: prediction}
`))
	for path, data := range files {
		write(t, filepath.Join(dir, path), []byte(data))
	}
	write(t, filepath.Join(dir, "predictions.csv"), []byte("id,label,prediction\n1,1,1\n2,0,0\n"))
	return work
}

type lockFile struct {
	Encoding struct {
		Digest string `json:"digest"`
	} `json:"encoding"`
}

func readLock(t *testing.T, work string) lockFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(work, "models/net/model.lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	var lock lockFile
	if err := json.Unmarshal(data, &lock); err != nil {
		t.Fatal(err)
	}
	return lock
}

// pullFrom pulls what the lock names from another registry.
func (m *machine) pullFrom(t *testing.T, work, registry string, files map[string]string) {
	t.Helper()
	path := filepath.Join(work, "waybill.yaml")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(before), m.link.Addr+"/acme") {
		t.Fatalf("waybill.yaml does not name %s/acme", m.link.Addr)
	}
	write(t, path, []byte(strings.Replace(string(before), m.link.Addr+"/acme", registry, 1)))
	defer write(t, path, before)
	out := t.TempDir()
	m.waybill(work, "pull", "net", "--dir", out)
	m.sameTree(t, out, files)
}

// sameTree compares a folder with files, by path and content.
func (m *machine) sameTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		found++
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if want, ok := files[filepath.ToSlash(name)]; err == nil && (!ok || want != string(data)) {
			t.Errorf("%s: %d bytes, want %d", name, len(data), len(want))
		}
		return err
	})
	if err != nil || found != len(files) {
		t.Errorf("%s holds %d files, want %d; %v", dir, found, len(files), err)
	}
}
