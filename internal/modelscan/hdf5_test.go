package modelscan

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// h5Samples are the files that testdata/make_keras_h5.py wrote with h5py.
func h5Samples(t testing.TB) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join("testdata", "keras_h5.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(data)
	}
	return out
}

func TestKerasH5(t *testing.T) {
	samples := h5Samples(t)
	for name, want := range map[string]string{
		"link": "KRS008", "data": "KRS008", "deep": "KRS008", "soft": "", "loop": "",
		"lambda": "KRS006", "escaped": "KRS006", "decoy": "KRS006",
		"block": "KRS006 arc011", "blocklink": "KRS008 arc011", "blockdata": "KRS008 arc011",
		"virtual": "KRS008", "virtual-own": "ARC009?", "many": "ARC009?", // more than eight links stand in a heap
	} {
		versions := []string{name + "-earliest", name + "-latest"}
		if samples[name] != "" {
			versions = []string{name}
		}
		for _, name := range versions {
			data := samples[name]
			if data == "" {
				t.Fatalf("no sample %s", name)
			}
			if got := strings.Join(scanned(t, "model.h5", data), " "); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
			// As the weights of a .keras file, which the configuration is not taken from.
			weights := want
			if strings.HasPrefix(want, "KRS006") {
				weights = strings.TrimSpace(strings.TrimPrefix(want, "KRS006"))
			}
			if strings.HasPrefix(name, "block") {
				continue // a member that begins otherwise
			}
			packed := files("metadata.json", "{}", "config.json", "{}", "model.weights.h5", data)
			if got := strings.Join(scanned(t, "model.keras", packed), " "); got != weights {
				t.Errorf("%s in .keras: got %q, want %q", name, got, weights)
			}
		}
	}
}

// TestKerasH5Names: findings name what is outside and where, and the
// configuration is told of once.
func TestKerasH5Names(t *testing.T) {
	samples := h5Samples(t)
	for name, want := range map[string]string{
		"link-earliest":    `"model_weights/far" takes its data from the file "../../other.h5:/secret" (an external link)`,
		"link-latest":      `"model_weights/far" takes its data from the file "../../other.h5:/secret" (an external link)`,
		"data-earliest":    `"model_weights/raw" takes its data from the file "/etc/passwd" (external data)`,
		"data-latest":      `"model_weights/raw" takes its data from the file "/etc/passwd" (external data)`,
		"blockdata-latest": `"model_weights/raw" takes its data from the file "/etc/passwd" (external data)`,
		"deep-earliest":    `"model_weights/a/b/c/far" takes its data from the file "deep.h5:/x" (an external link)`,
		"virtual":          `"model_weights/v" takes its data from the file "elsewhere.h5" (a virtual array)`,
		"lambda-earliest":  "a Lambda holds Python code that runs when the model is loaded or used",
		"block-latest":     "a Lambda holds Python code that runs when the model is loaded or used",
	} {
		found, err := File(context.Background(), strings.NewReader(samples[name]), int64(len(samples[name])), "m.h5", Options{})
		var said []string
		for _, f := range found {
			if strings.HasPrefix(f.Rule, "KRS") {
				said = append(said, f.Message)
			}
			if f.Rule == "KRS006" && !strings.HasPrefix(samples[name][f.Offset:], `{"class_name": "Lambda"`) {
				t.Errorf("%s: byte %d is not where the layer stands", name, f.Offset)
			}
		}
		if err != nil || len(said) != 1 || said[0] != want {
			t.Errorf("%s: got %q, %v", name, said, err)
		}
	}
}

// TestKerasH5Damage: cut and damaged files cost little and never fail the scan.
func TestKerasH5Damage(t *testing.T) {
	samples := h5Samples(t)
	random := rand.New(rand.NewPCG(7, 8))
	try := func(b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := File(context.Background(), bytes.NewReader(b), int64(len(b)), "m.h5", Options{}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
			t.Fatalf("%d bytes were allocated", n)
		}
	}
	for name, step := range map[string]int{"data-earliest": 1, "virtual": 7, "link-latest": 7} {
		s := samples[name]
		for n := 0; n < len(s); n += step {
			if n > 2500 && n%61 != 0 {
				continue // arrays and empty space
			}
			try([]byte(s[:n]))
		}
		for range 100 {
			b := []byte(s)
			for range 1 + random.IntN(6) {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
			try(b)
		}
	}
}

func FuzzHDF5(f *testing.F) {
	for _, s := range h5Samples(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := File(context.Background(), bytes.NewReader(b), int64(len(b)), "m.h5", Options{TempDir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
	})
}
