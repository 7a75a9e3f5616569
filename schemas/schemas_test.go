package schemas

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/xeipuuv/gojsonschema"
)

var checks = []Check{
	{ID: "table.rows", Doc: "The number of rows.", Params: map[string]any{"min": map[string]any{"type": "integer", "description": "The least."}}},
	{ID: "text.length", Doc: "The length of texts.", OneColumn: true, Required: []string{"max"}, Params: map[string]any{"max": map[string]any{"type": "integer", "description": "The most."}}},
}

func all(t *testing.T) map[string][]byte {
	t.Helper()
	model, err := Model(checks)
	if err != nil {
		t.Fatal(err)
	}
	dataset, err := Dataset(checks)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"project": Project(), "model": model, "dataset": dataset, "review": Review()}
}

// TestEveryKeyIsDescribed holds the schemas to what editors need of them, and
// to refusing keys that nobody knows.
func TestEveryKeyIsDescribed(t *testing.T) {
	var walk func(t *testing.T, where string, schema map[string]any)
	walk = func(t *testing.T, where string, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		if _, ok := schema["additionalProperties"]; len(properties) > 0 && !ok && !strings.HasSuffix(where, "/if") && !strings.HasSuffix(where, "checks/items") {
			t.Errorf("%s: additionalProperties is not given", where)
		}
		for name, p := range properties {
			m := p.(map[string]any)
			if _, isRef := m["$ref"]; m["description"] == nil && !isRef && !strings.HasSuffix(where, "/if") {
				t.Errorf("%s: %s has no description", where, name)
			}
			walk(t, where+"/"+name, m)
		}
		for _, key := range []string{"items", "additionalProperties", "if", "then"} {
			if m, ok := schema[key].(map[string]any); ok {
				walk(t, where+"/"+key, m)
			}
		}
		definitions, _ := schema["definitions"].(map[string]any)
		for name, d := range definitions {
			m := d.(map[string]any)
			if m["description"] == nil {
				t.Errorf("%s: definition %s has no description", where, name)
			}
			walk(t, where+"/"+name, m)
		}
		conditions, _ := schema["allOf"].([]any)
		for _, c := range conditions {
			walk(t, where, c.(map[string]any))
		}
	}
	for name, data := range all(t) {
		var schema map[string]any
		if err := json.Unmarshal(data, &schema); err != nil {
			t.Fatal(err)
		}
		walk(t, name, schema)
	}
}

func TestSchemasCompile(t *testing.T) {
	for name, data := range all(t) {
		loader := gojsonschema.NewSchemaLoader()
		loader.Validate = true // against the meta-schema of draft-07
		if _, err := loader.Compile(gojsonschema.NewBytesLoader(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChecksOfTheCatalog holds the schema that editors use to the catalog.
func TestChecksOfTheCatalog(t *testing.T) {
	dataset := all(t)["dataset"]
	schema, err := gojsonschema.NewSchema(gojsonschema.NewBytesLoader(dataset))
	if err != nil {
		t.Fatal(err)
	}
	for entry, want := range map[string]bool{
		`{"check": "table.rows", "min": 5}`:                                 true,
		`{"check": "table.rows", "severity": "info", "where": "a > 1"}`:     true,
		`{"check": "table.rows", "columns": ["a"], "between": ["x", "y"]}`:  true,
		`{"check": "table.rows", "minimum": 5}`:                             false,
		`{"check": "table.rows", "min": "5"}`:                               false,
		`{"check": "table.row"}`:                                            false,
		`{}`:                                                                false,
		`{"check": "text.length", "column": "a", "max": 5, "mostly": 0.5}`:  true,
		`{"check": "text.length", "column": "a"}`:                           false,
		`{"check": "text.length", "max": 5}`:                                false,
		`{"check": "text.length", "column": "a", "columns": [], "max": 5}`:  false,
		`{"check": "text.length", "column": "a", "max": 5, "mostly": 1.5}`:  false,
		`{"check": "text.length", "column": "a", "max": 5, "between": [1]}`: false,
	} {
		doc := `{"apiVersion": "waybill.dev/v1", "kind": "Dataset", "name": "xx", "files": ["a"], "checks": [` + entry + `]}`
		result, err := schema.Validate(gojsonschema.NewStringLoader(doc))
		if err != nil {
			t.Fatal(err)
		}
		if result.Valid() != want {
			t.Errorf("%s: valid is %v: %v", entry, result.Valid(), result.Errors())
		}
	}
}

func TestCatalogIsChecked(t *testing.T) {
	for name, bad := range map[string][]Check{
		"twice":      {checks[0], checks[0]},
		"no name":    {{Doc: "x"}},
		"not JSON":   {{ID: "a", Params: map[string]any{"a": func() {}}}},
		"not JSON 2": {{ID: "a", Params: map[string]any{"a": make(chan int)}}},
	} {
		if _, err := Dataset(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestProjectIsACopy(t *testing.T) {
	Project()[0] = 'x'
	if !bytes.HasPrefix(Project(), []byte("{")) {
		t.Error("the embedded schema was changed")
	}
}
