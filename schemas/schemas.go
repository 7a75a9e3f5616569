// Package schemas holds the JSON Schemas (draft-07) of the files that people
// write: waybill.yaml, model.yaml and dataset.yaml. Editors show their
// descriptions and complete their keys; the manifest package validates with
// them, so that an editor and waybill never disagree.
//
// What stands under checks: is contributed by the check catalogs. Model and
// Dataset therefore take the catalog and return the whole schema:
//
//	schema, err := schemas.Dataset(datacheck.Schemas())
package schemas

import (
	"bytes"
	_ "embed" // the schemas
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

//go:embed project.json
var project []byte

//go:embed model.json
var model []byte

//go:embed dataset.json
var dataset []byte

//go:embed review.json
var review []byte

// Formats that parameters of checks may name in "format". Other validators
// ignore them; manifest.Parser holds strings (and strings in lists) to them.
const (
	FormatReference = "waybill-reference" // NAME@v1.2.0, or #stage of the same artifact
	FormatDuration  = "waybill-duration"  // 24h, 7d
	FormatSize      = "waybill-size"      // 200MB, 1.5GiB
	FormatGlob      = "waybill-glob"      // path or glob inside the manifest's folder
	FormatSplit     = "waybill-split"     // split that files: declares
)

// Check is what the check catalog contributes to the schema of checks: the
// parameters of one check beside the keys that every check has.
type Check struct {
	ID  string // as manifests write it: "table.rows"
	Doc string // one sentence, shown by editors
	// Params are the draft-07 "properties" of the check's own parameters. One
	// that is called like a common key replaces it.
	Params   map[string]any
	Required []string // parameters, or common keys, that must be given
	// OneColumn says that the check is about exactly one column: column: must
	// be given and columns: cannot be.
	OneColumn bool
}

// Project returns the schema of waybill.yaml.
func Project() []byte { return slices.Clone(project) }

// Review returns the schema of what one workflow tells another about a pull
// request: see package review.
func Review() []byte { return slices.Clone(review) }

// Model returns the schema of model.yaml as indented JSON. Without checks it
// only asks of an entry of checks: that it names a check. It fails when a
// check has no ID, has the ID of another, or has parameters that JSON cannot
// hold.
func Model(checks []Check) ([]byte, error) { return withChecks(model, checks, ModelCheck) }

// Dataset is Model for dataset.yaml.
func Dataset(checks []Check) ([]byte, error) { return withChecks(dataset, checks, DatasetCheck) }

// ModelCheck returns the schema of one entry of a model's checks:.
func ModelCheck(c Check) map[string]any { return item(c, commonKeys()) }

// DatasetCheck returns the schema of one entry of a dataset's checks:. It has
// the keys that choose rows, columns and splits as well.
func DatasetCheck(c Check) map[string]any {
	common := commonKeys()
	maps.Copy(common, rowKeys())
	if c.OneColumn {
		delete(common, "columns")
	}
	return item(c, common)
}

func item(c Check, properties map[string]any) map[string]any {
	required := []any{"check"}
	if c.OneColumn {
		required = append(required, "column")
	}
	for _, r := range c.Required {
		if !slices.Contains(required, any(r)) {
			required = append(required, r)
		}
	}
	maps.Copy(properties, c.Params)
	properties["check"] = map[string]any{"const": c.ID, "description": c.Doc}
	return map[string]any{
		"description":          c.Doc,
		"type":                 "object",
		"additionalProperties": false,
		"required":             required,
		"properties":           properties,
	}
}

// withChecks makes the entries of checks: depend on the name of the check.
// Conditions rather than oneOf, because validators and editors then speak of
// the one check that was named and not of all that it is not.
func withChecks(base []byte, checks []Check, item func(Check) map[string]any) ([]byte, error) {
	var schema map[string]any
	if err := json.Unmarshal(base, &schema); err != nil {
		return nil, fmt.Errorf("embedded schema: %w", err)
	}
	if len(checks) > 0 {
		definitions := schema["definitions"].(map[string]any)
		names, conditions := []any{}, []any{}
		for _, c := range checks {
			key := "check-" + c.ID
			if c.ID == "" || definitions[key] != nil {
				return nil, fmt.Errorf("schema of checks: the name %q is empty or given twice", c.ID)
			}
			definitions[key] = item(c)
			names = append(names, c.ID)
			conditions = append(conditions, map[string]any{
				"if":   map[string]any{"properties": map[string]any{"check": map[string]any{"const": c.ID}}, "required": []any{"check"}},
				"then": map[string]any{"$ref": "#/definitions/" + key},
			})
		}
		entries := schema["properties"].(map[string]any)["checks"].(map[string]any)["items"].(map[string]any)
		entries["properties"].(map[string]any)["check"].(map[string]any)["enum"] = names
		entries["allOf"] = conditions
	}
	return indent(schema)
}

func indent(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return out.Bytes(), nil
}

func commonKeys() map[string]any {
	return map[string]any{
		"severity": map[string]any{
			"description": "What a finding of this check does: only error decides the verdict. Default: error.",
			"type":        "string",
			"enum":        []any{"error", "warning", "info"},
		},
	}
}

func rowKeys() map[string]any {
	name := func(description string) map[string]any {
		return map[string]any{"description": description, "type": "string", "minLength": 1}
	}
	names := func(description string) map[string]any {
		return map[string]any{
			"description": description, "type": "array", "minItems": 1, "uniqueItems": true,
			"items": map[string]any{"type": "string", "minLength": 1},
		}
	}
	oneOrMore := names("Columns by whose values the rows are grouped; the check must hold in every group.")
	oneOrMore["type"] = []any{"string", "array"}
	oneOrMore["minLength"] = 1
	split := name("The only split the check looks at. Default: all.")
	split["format"] = FormatSplit
	splits := names("The splits the check looks at. Default: all.")
	splits["items"] = map[string]any{"type": "string", "minLength": 1, "format": FormatSplit}
	between := names("The two splits that are compared.")
	between["items"] = splits["items"]
	between["minItems"], between["maxItems"] = 2, 2
	return map[string]any{
		"mostly": map[string]any{
			"description":      "The share of rows that must hold, above 0 and at most 1. Default: 1.",
			"type":             "number",
			"exclusiveMinimum": 0,
			"maximum":          1,
		},
		"where":   name("Only rows for which this expression holds are looked at, such as rating > 3."),
		"groupBy": oneOrMore,
		"column":  name("The column the check is about."),
		"columns": names("The columns the check is about."),
		"split":   split,
		"splits":  splits,
		"between": between,
	}
}
