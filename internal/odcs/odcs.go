// Package odcs reads data contracts of the Open Data Contract Standard, as far
// as data can be held to them: the columns of each schema object with their
// logical types, and the quality rules.
//
//	contract, err := odcs.Parse("datasets/orders/contract.odcs.yaml", data)
//
// The grammar is that of https://github.com/bitol-io/open-data-contract-standard,
// schema/odcs-json-schema-v3.1.0.json and docs/data-quality.md, versions 3.0 to
// 3.2. Other keys of the standard (servers, team, price, roles, service levels,
// relationships) are not looked at, and unknown ones are not refused: contracts
// are written for many tools. What is read is held to its form, and what is
// wrong is told with its place, as manifest.Errors.
package odcs

import "github.com/waybill-dev/waybill/internal/manifest"

// Contract is a data contract.
type Contract struct {
	APIVersion string // "v3.1.0"
	Name       string
	Objects    []Object // schema:
}

// Object is a schema object: a table.
type Object struct {
	Name, PhysicalName string
	Properties         []Property
	Quality            []Quality
	Pos                manifest.Pos
}

// Property is a column of an object.
type Property struct {
	Name, PhysicalName string
	LogicalType        string // "" or one of LogicalTypes
	Required           bool
	Unique             bool
	PrimaryKey         bool
	KeyPosition        int // among the columns of the primary key; below 1: none given
	Options            []Option
	Enum               []any // of version 3.2: the values allowed
	Measure            bool  // of version 3.2: it is computed, and no column
	Nested             bool  // it has properties, items or a map of its own
	Quality            []Quality
	Pos                manifest.Pos
}

// LogicalTypes are the values of logicalType; map is of version 3.2.
var LogicalTypes = []string{"string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean", "map"}

// Option is a key of logicalTypeOptions. Value is a string, int64, float64 or
// bool, or nil for a list or mapping.
type Option struct {
	Key   string
	Value any
	// Exclusive says of minimum and maximum that they are excluded, which
	// version 3.0 writes exclusiveMinimum: true.
	Exclusive bool
	Pos       manifest.Pos
}

// The values of a rule's type.
const (
	Library = "library"
	Text    = "text"
	SQL     = "sql"
	Custom  = "custom"
)

// The library metrics.
const (
	NullValues      = "nullValues"
	MissingValues   = "missingValues"
	InvalidValues   = "invalidValues"
	DuplicateValues = "duplicateValues"
	RowCount        = "rowCount"
)

// Quality is a quality rule.
type Quality struct {
	Type                         string
	Name, Description, Dimension string
	Severity                     string // any text; "error", "warning" and "info" are usual
	Engine                       string // of custom
	Metric                       string // of library
	Unit                         string // "rows" unless given; "percent"
	Must                         []Condition
	Missing                      []any    // missingValues: string, int64, float64, bool or nil
	Valid                        []any    // validValues
	Pattern                      string   // of invalidValues
	Properties                   []string // of duplicateValues on an object
	Unknown                      []string // arguments that the standard does not have
	Pos                          manifest.Pos
}

// Condition is an operator with its numbers: two for Between and NotBetween.
type Condition struct {
	Operator string // "mustBe"
	Values   []float64
}

// The operators.
const (
	Be               = "mustBe"
	NotBe            = "mustNotBe"
	GreaterThan      = "mustBeGreaterThan"
	GreaterOrEqualTo = "mustBeGreaterOrEqualTo"
	LessThan         = "mustBeLessThan"
	LessOrEqualTo    = "mustBeLessOrEqualTo"
	Between          = "mustBeBetween"
	NotBetween       = "mustNotBeBetween"
)

var operators = []string{Be, NotBe, GreaterThan, GreaterOrEqualTo, LessThan, LessOrEqualTo, Between, NotBetween}
