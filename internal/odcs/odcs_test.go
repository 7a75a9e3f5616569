package odcs

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/manifest"
)

const head = "apiVersion: v3.1.0\nkind: DataContract\nschema:\n  - name: orders\n"

func TestParse(t *testing.T) {
	data, err := os.ReadFile("testdata/orders.odcs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("a/orders.odcs.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	at := func(line, column int) manifest.Pos {
		return manifest.Pos{File: "a/orders.odcs.yaml", Line: line, Column: column}
	}
	want := []Object{
		{Name: "customers", Pos: at(15, 5)},
		{
			Name: "orders", PhysicalName: "orders_v2", Pos: at(16, 5),
			Properties: []Property{
				{Name: "tenant", PhysicalName: "tenant_id", LogicalType: "string", PrimaryKey: true, KeyPosition: 2, Pos: at(20, 9), Options: []Option{
					{Key: "minLength", Value: int64(2), Pos: at(26, 22)}, {Key: "pattern", Value: "^[a-z]+$", Pos: at(27, 20)},
				}},
				{Name: "id", LogicalType: "integer", Required: true, Unique: true, PrimaryKey: true, KeyPosition: 1, Pos: at(28, 9), Options: []Option{
					{Key: "minimum", Value: int64(0), Exclusive: true, Pos: at(35, 67)}, {Key: "maximum", Value: 1e9, Pos: at(35, 79)},
				}},
				{Name: "email", Pos: at(36, 9), Quality: []Quality{
					{Type: Library, Metric: MissingValues, Unit: "percent", Severity: "warning", Dimension: "completeness", Must: []Condition{{LessThan, []float64{0.5}}}, Missing: []any{nil, "", "n/a", int64(0), false}, Pos: at(38, 13)},
					{Type: Library, Metric: InvalidValues, Unit: "rows", Description: "Looks like one", Must: []Condition{{Be, []float64{0}}}, Valid: []any{"a@b.c", 1.5}, Pattern: "@", Pos: at(44, 13)},
					{Type: Custom, Engine: "soda", Pos: at(49, 13)},
				}},
				{Name: "items", LogicalType: "array", Nested: true, Pos: at(52, 9)},
				{Name: "state", Enum: []any{"open", int64(1)}, Pos: at(56, 9)},
				{Name: "revenue", Measure: true, Pos: at(57, 9)},
			},
			Quality: []Quality{
				{Type: Library, Metric: RowCount, Unit: "rows", Must: []Condition{{Between, []float64{100, 120}}}, Pos: at(59, 9)},
				{Type: Library, Metric: DuplicateValues, Unit: "rows", Must: []Condition{{Be, []float64{0}}}, Properties: []string{"tenant", "id"}, Pos: at(60, 9)},
				{Type: SQL, Name: "fresh", Pos: at(61, 9)},
			},
		},
	}
	if c.APIVersion != "v3.1.0" || c.Name != "Orders" || !reflect.DeepEqual(c.Objects, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c.Objects, want)
	}
}

// TestMistakes has what a contract can have wrong, and where.
func TestMistakes(t *testing.T) {
	property := head + "    properties:\n      - name: id\n        "
	rule := property + "quality:\n          - "
	for contract, want := range map[string]string{
		"":                "c.yaml:1:1: the file is empty",
		"a: [":            "c.yaml:1:1: not valid YAML",
		"- a":             "c.yaml:1:1: expected keys with values, got a list",
		"\xff: 1":         "not valid UTF-8",
		"a: 1\n---\nb: 1": "keep one contract in a file",
		"a: &x 1\nb: *x":  "c.yaml:2:4: aliases (*x) are not followed",
		"a: 1\na: 2":      `c.yaml:2:1: duplicate key "a"`,
		"apiVersion: v2.2.2\nkind: DataContract\nschema: [{name: a}]\n":                                          "c.yaml:1:13: apiVersion is \"v2.2.2\"",
		"apiVersion: v3.1.0\nkind: Dataset\nschema: [{name: a}]\n":                                               "c.yaml:2:7: kind is \"Dataset\", expected DataContract",
		"apiVersion: v3.1.0\nkind: DataContract\n":                                                               "the contract has no schema",
		"apiVersion: v3.1.0\nkind: DataContract\nschema: {name: a}\n":                                            "c.yaml:3:9: schema: expected a list, got a mapping",
		"apiVersion: v3.1.0\nkind: DataContract\nschema: [a]\n":                                                  "c.yaml:3:10: schema: expected keys with values, got \"a\"",
		"apiVersion: v3.1.0\nkind: DataContract\nschema: [{x: a}]\n":                                             `missing key "name"`,
		head + "    properties: [{name: \"a\\eb\"}]\n":                                                           "the name \"a\ufffdb\" has a control character",
		property + "required: yes please\n":                                                                      "c.yaml:7:19: required: expected true or false, got \"yes please\"",
		property + "primaryKeyPosition: a\n":                                                                     "c.yaml:7:29: primaryKeyPosition: expected a whole number",
		property + "logicalType: varchar\n":                                                                      "c.yaml:7:22: there is no logical type \"varchar\"; the logical types are string",
		property + "logicalTypeOptions: {minLength: -1}\n":                                                       "minLength: expected a number of characters",
		property + "logicalTypeOptions: {maximum: [1]}\n":                                                        "maximum: expected a number or a date",
		property + "logicalTypeOptions: {pattern: 1}\n":                                                          "pattern: expected text",
		property + "enum: [{label: x}]\n":                                                                        "enum: an entry without a value",
		property + "x: 1\n      - name: id\n":                                                                    "c.yaml:8:9: there are two properties \"id\"",
		rule + "{type: magic}\n":                                                                                 "there is no type of rule \"magic\"",
		rule + "{mustBe: 0}\n":                                                                                   "a library rule has no metric",
		rule + "{metric: nulValues, mustBe: 0}\n":                                                                "c.yaml:8:22: there is no metric \"nulValues\"; did you mean nullValues?",
		rule + "{metric: nullValues}\n":                                                                          "nullValues: the rule has no operator; write what must be",
		rule + "{metric: nullValues, mustBe: none}\n":                                                            "mustBe: expected a number, got \"none\"",
		rule + "{metric: nullValues, mustBe: .inf}\n":                                                            "mustBe: expected a number, got \".inf\"",
		rule + "{metric: nullValues, mustBeBetween: 1}\n":                                                        "mustBeBetween: expected two numbers, as in [0, 100], got \"1\"",
		rule + "{metric: nullValues, mustBeBetween: [2, 1]}\n":                                                   "mustBeBetween: 2 is greater than 1",
		rule + "{metric: nullValues, mustBe: 0, unit: shares}\n":                                                 "there is no unit \"shares\"",
		rule + "{metric: rowCount, mustBe: 0}\n":                                                                 "rowCount is about a schema object",
		rule + "{metric: invalidValues, mustBe: 0, pattern: a}\n":                                                "invalidValues needs arguments.validValues or arguments.pattern; indent them below arguments:",
		rule + "{metric: missingValues, mustBe: 0}\n":                                                            "missingValues needs arguments.missingValues",
		rule + "{metric: missingValues, mustBe: 0, arguments: {missingValues: x}}\n":                             "missingValues: expected a list, got \"x\"",
		head + "    quality: [{metric: nullValues, mustBe: 0}]\n":                                                "nullValues is about one property",
		head + "    quality: [{metric: rowCount, mustBe: 0, unit: percent}]\n":                                   "rowCount is a number of rows",
		head + "    quality: [{metric: duplicateValues, mustBe: 0}]\n":                                           "needs arguments.properties",
		property + "x: 1\n    quality: [{metric: duplicateValues, mustBe: 0, arguments: {properties: [ids]}}]\n": "ids is not a property of orders; did you mean \"id\"?",
		head + "    a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100):                                   "nested more than 64 levels deep",
		head + "    a: [" + strings.Repeat("1,", manyValues) + "1]\n":                                            "more than 200000 values",
		strings.Repeat("# a comment\n", MaxSize/12+1):                                                            "are more than a data contract may have",
	} {
		_, err := Parse("c.yaml", []byte(contract))
		mistakes := manifest.Errors{}
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200q: error %v, want one with %q", contract, err, want)
		}
	}
}

// TestManyMistakes holds that a hostile contract is not answered by as many
// errors as it has lines.
func TestManyMistakes(t *testing.T) {
	var text strings.Builder
	text.WriteString(head + "    quality:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "      - {metric: a%d}\n", i)
	}
	_, err := Parse("c.yaml", []byte(text.String()))
	mistakes := manifest.Errors{}
	if !errors.As(err, &mistakes) || len(mistakes) != maxErrors {
		t.Errorf("%d errors", len(mistakes))
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/orders.odcs.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(head + "    quality: [{metric: rowCount, mustBe: 1}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("c.yaml", data)
		if err != nil {
			mistakes := manifest.Errors{}
			if !errors.As(err, &mistakes) || len(mistakes) == 0 {
				t.Errorf("%T %v", err, err)
			}
			return
		}
		for _, o := range c.Objects {
			for _, q := range o.Quality {
				if q.Type == Library && (q.Metric == "" || len(q.Must) == 0) {
					t.Errorf("%+v", q)
				}
			}
		}
	})
}
