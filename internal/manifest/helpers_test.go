package manifest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/schemas"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with the file, or writes it with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

var (
	modelChecks = []schemas.Check{
		{ID: "files.size", Doc: "All files together are not too large.", Required: []string{"max"}, Params: map[string]any{
			"max": map[string]any{"type": "string", "format": schemas.FormatSize, "description": "The size allowed."},
		}},
		{ID: "files.readable", Doc: "Files are what they say."},
	}
	datasetChecks = []schemas.Check{
		{ID: "table.rows", Doc: "The number of rows.", Params: map[string]any{
			"min": map[string]any{"type": "integer", "minimum": 0},
			"max": map[string]any{"type": "integer", "minimum": 0},
			"per": map[string]any{"anyOf": []any{
				map[string]any{"type": "string"},
				map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{"day": map[string]any{"type": "integer"}}},
				map[string]any{"type": "number", "maximum": 5},
			}},
		}},
		{ID: "text.length", Doc: "The length of texts.", OneColumn: true, Params: map[string]any{
			"min": map[string]any{"type": "integer"},
			"max": map[string]any{"oneOf": []any{map[string]any{"type": "integer"}, map[string]any{"enum": []string{"any", "tweet"}}}},
		}},
		{ID: "text.pattern", Doc: "Texts match.", OneColumn: true, Required: []string{"pattern"}, Params: map[string]any{
			"pattern": map[string]any{"type": "string", "format": "regex"},
			"since":   map[string]any{"type": "string", "pattern": "^[0-9]{4}$", "description": "A year."},
		}},
		{ID: "split.overlap", Doc: "Two splits share no rows.", Required: []string{"between", "on"}, Params: map[string]any{
			"on":  map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "minItems": 1},
			"max": map[string]any{"type": "number", "minimum": 0, "maximum": 1},
		}},
		{ID: "drift", Doc: "Columns are as they were.", Required: []string{"against", "max"}, Params: map[string]any{
			"against": map[string]any{"type": "string", "format": schemas.FormatReference},
			"method":  map[string]any{"enum": []string{"js-distance", "psi"}},
			"max":     map[string]any{"type": "number"},
		}},
	}
)

func newParser(t testing.TB) *Parser {
	t.Helper()
	p, err := NewParser(modelChecks, datasetChecks)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// parse reads a test file as what its name begins with says it is.
func parse(t testing.TB, p *Parser, file string) (any, error) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	switch base := filepath.Base(file); {
	case strings.HasPrefix(base, "project-"):
		return p.Project(ProjectFile, data)
	case strings.HasPrefix(base, "model-"):
		return p.Artifact("models/x/model.yaml", data)
	case strings.HasPrefix(base, "dataset-"):
		return p.Artifact("datasets/x/dataset.yaml", data)
	case strings.HasPrefix(base, "artifact-"):
		return p.Artifact("things/any.yaml", data)
	}
	t.Fatalf("%s: begin the name with project-, model-, dataset- or artifact-", file)
	return nil, nil
}
