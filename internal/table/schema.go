package table

import (
	"fmt"
	"strconv"
)

// Kind is a family of values, and says where a Column stores them.
type Kind uint8

const (
	// Untyped is text of CSV and JSON lines that nobody gave a type: Data.
	Untyped   Kind = iota
	Bool           // Bools
	Int            // Ints
	Uint           // Ints, as the bits of a uint64
	Float          // Floats
	Decimal        // Data: exact, like "-12.50"
	String         // Data: UTF-8
	Bytes          // Data: any bytes
	Date           // Ints: days since 1970-01-01
	Time           // Ints: since midnight, in Type.Unit
	Timestamp      // Ints: since 1970-01-01 00:00, in Type.Unit
	List           // Data: JSON text
	Struct         // Data: JSON text
)

// Unit is the resolution of times, in nanoseconds.
type Unit int64

// The units that Parquet has.
const (
	Nano  Unit = 1
	Micro Unit = 1e3
	Milli Unit = 1e6
)

// Type is the type of a column.
type Type struct {
	Kind  Kind
	Bits  int  // Int, Uint, Float: 8 to 64
	Scale int  // Decimal: digits after the point
	Unit  Unit // Time, Timestamp
	UTC   bool // Timestamp: an instant, not a local date and time
}

// ParseType reads a type as manifests declare it ("int64", "string", …).
func ParseType(s string) (Type, error) {
	switch s {
	case "bool":
		return Type{Kind: Bool}, nil
	case "int8", "int16", "int32", "int64":
		bits, _ := strconv.Atoi(s[3:])
		return Type{Kind: Int, Bits: bits}, nil
	case "uint8", "uint16", "uint32", "uint64":
		bits, _ := strconv.Atoi(s[4:])
		return Type{Kind: Uint, Bits: bits}, nil
	case "float32", "float64":
		bits, _ := strconv.Atoi(s[5:])
		return Type{Kind: Float, Bits: bits}, nil
	case "decimal":
		return Type{Kind: Decimal}, nil
	case "string":
		return Type{Kind: String}, nil
	case "bytes":
		return Type{Kind: Bytes}, nil
	case "date":
		return Type{Kind: Date}, nil
	case "timestamp":
		return Type{Kind: Timestamp, Unit: Nano, UTC: true}, nil
	case "list":
		return Type{Kind: List}, nil
	case "struct":
		return Type{Kind: Struct}, nil
	}
	return Type{}, fmt.Errorf("type %q: not a column type", s)
}

// String is the name that manifests use; "text" for Untyped, which has none.
func (t Type) String() string {
	switch t.Kind {
	case Int:
		return "int" + strconv.Itoa(t.Bits)
	case Uint:
		return "uint" + strconv.Itoa(t.Bits)
	case Float:
		return "float" + strconv.Itoa(t.Bits)
	}
	return t.Kind.String()
}

func (k Kind) String() string {
	names := [...]string{"text", "bool", "int", "uint", "float", "decimal", "string", "bytes", "date", "time", "timestamp", "list", "struct"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Numeric tells whether values of this kind are numbers.
func (k Kind) Numeric() bool { return k == Int || k == Uint || k == Float || k == Decimal }

// Field is one column of a schema.
type Field struct {
	Name string
	Type Type
}

// Schema is the columns of a file in its order. Names are unique.
type Schema []Field

// Index returns the position of the column called name, or -1.
func (s Schema) Index(name string) int {
	for i, f := range s {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// Names returns the names in order.
func (s Schema) Names() []string {
	names := make([]string, len(s))
	for i, f := range s {
		names[i] = f.Name
	}
	return names
}

// checkNames refuses what no table can have: two columns of one name, and
// more or longer names than anybody writes by hand.
func checkNames(names []string) string {
	if len(names) > MaxColumns {
		return fmt.Sprintf("has %d columns, at most %d can be read", len(names), MaxColumns)
	}
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		if len(n) > maxName {
			return fmt.Sprintf("the name of a column has %d bytes, at most %d", len(n), maxName)
		}
		if seen[n] {
			return fmt.Sprintf("has two columns called %q", n)
		}
		seen[n] = true
	}
	return ""
}
