package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/cli"
	"github.com/waybill-dev/waybill/internal/testregistry"
)

// The checks of a folder of images with a table of labels, beside those of the
// table's rows: a testscript cannot hold images.
func TestImageFolder(t *testing.T) {
	reg, stop := testregistry.Start()
	defer stop()
	p := newPlace(t, reg)
	look := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("..", "..", "internal", "imagecheck", "testdata", "looks", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	p.write("pets/images/cat/1.png", look("1.png"))
	p.write("pets/images/cat/2.jpg", look("2-poor.jpg")[:700])
	p.write("pets/images/dog/3.png", look("1-half.png"))
	p.write("pets/images/labels.csv", []byte("file_name,label\ncat/1.png,cat\ndog/3.png,dog\ndog/4.png,dog\n"))
	dataset := "apiVersion: waybill.dev/v1\nkind: Dataset\nname: pets\nlicense: MIT\nfiles: [\"images/**\"]\nchecks:\n" +
		"  - {check: image.decodable}\n  - {check: image.near-duplicates}\n  - {check: image.labels, manifest: images/labels.csv}\n" +
		"  - {check: column.values, column: label, values: [cat, dog]}\n"
	p.write("pets/dataset.yaml", []byte(dataset))
	got := map[string]string{}
	for _, f := range p.run(1, "check", "pets")["findings"].([]any) {
		f := f.(map[string]any)
		got[strings.TrimSpace(f["check"].(string)+" "+text(f["subject"]))] = f["verdict"].(string) + ": " + f["message"].(string)
	}
	for check, want := range map[string]string{
		"image.decodable":       "FAIL: 1 of 3 images (33.3 %) cannot be used; first: pets/images/cat/2.jpg (ends too early)",
		"image.near-duplicates": "FAIL: 1 of 3 images (33.3 %) looks like an earlier image; first: pets/images/dog/3.png (like pets/images/cat/1.png",
		"image.labels images":   "FAIL: 1 of 3 images (33.3 %) is not named in pets/images/labels.csv; first: pets/images/cat/2.jpg",
		"image.labels labels":   "FAIL: 1 of 3 rows (33.3 %) of pets/images/labels.csv names no image of the dataset; first: row 3",
		"column.values label":   "PASS: ",
		"table.readable":        "PASS: ",
	} {
		if !strings.HasPrefix(got[check], want) {
			t.Errorf("%s: %s, want %s", check, got[check], want)
		}
	}

	// Mistakes are told with their place, and editors know the checks.
	p.write("pets/dataset.yaml", []byte(strings.Replace(dataset, "image.decodable}", "image.decodable, where: a > 1}", 1)))
	var out, errs bytes.Buffer
	if code := cli.Run(context.Background(), p.dir, []string{"check", "pets"}, strings.NewReader(""), &out, &errs); code == 0 || !strings.Contains(errs.String(), "pets/dataset.yaml:7:5: image.decodable: does not take where") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	out.Reset()
	if code := cli.Run(context.Background(), p.dir, []string{"schema", "dataset"}, strings.NewReader(""), &out, &errs); code != 0 || !strings.Contains(out.String(), `"const": "image.near-duplicates"`) {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
