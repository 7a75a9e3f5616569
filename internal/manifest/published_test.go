package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/schemas"
	"github.com/xeipuuv/gojsonschema"
)

// TestPublishedSchemasAgree holds the schemas that editors are given, which
// have the check catalog inside, to what the parser accepts.
func TestPublishedSchemasAgree(t *testing.T) {
	model, err := schemas.Model(modelChecks)
	if err != nil {
		t.Fatal(err)
	}
	dataset, err := schemas.Dataset(datasetChecks)
	if err != nil {
		t.Fatal(err)
	}
	for kind, data := range map[string][]byte{"project": schemas.Project(), "model": model, "dataset": dataset} {
		schema, err := gojsonschema.NewSchema(gojsonschema.NewBytesLoader(data))
		if err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob("testdata/ok/" + kind + "-*.yaml")
		for _, file := range files {
			doc, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			d := read(file, doc)
			if d.root == nil {
				t.Fatal(d.err())
			}
			c := converter{d: d}
			result, err := schema.Validate(gojsonschema.NewRawLoader(c.convert(d.root, nil, nil)))
			if err != nil || !result.Valid() {
				t.Errorf("%s: %v %v", file, err, result.Errors())
			}
		}
	}
}

// TestSchemaListsAgree holds lists that stand in the code and in the schemas
// to each other.
func TestSchemaListsAgree(t *testing.T) {
	s, err := compile(schemas.Project())
	if err != nil {
		t.Fatal(err)
	}
	data, err := schemas.Dataset(nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := compile(data)
	if err != nil {
		t.Fatal(err)
	}
	at := func(v *view, path string) []string {
		for key := range strings.SplitSeq(path, ".") {
			if key == "[]" {
				v = v.items
			} else {
				v, _ = v.at(key)
			}
		}
		return literals(v.raw)
	}
	if got := at(d.view, "columns.[].type"); !slices.Equal(got, ColumnTypes) {
		t.Errorf("columns: %v, the code has %v", got, ColumnTypes)
	}
	if got, want := at(d.view, "layout"), []string{string(LayoutAuto), string(LayoutPlain), string(LayoutPacked)}; !slices.Equal(got, want) {
		t.Errorf("layout: %v, want %v", got, want)
	}
	if got, want := at(s.view, "report.samples"), []string{string(SamplesNone), string(SamplesMasked), string(SamplesFull)}; !slices.Equal(got, want) {
		t.Errorf("samples: %v, want %v", got, want)
	}
	entry := schemas.DatasetCheck(schemas.Check{ID: "a"})["properties"].(map[string]any)
	for key := range entry {
		if !slices.Contains(commonKeys, key) {
			t.Errorf("%s is a key of every check, but would be read as a parameter", key)
		}
	}
	if len(entry) != len(commonKeys) {
		t.Error(fmt.Sprint("common keys: ", len(entry), " in the schema, ", len(commonKeys), " in the code"))
	}
}
