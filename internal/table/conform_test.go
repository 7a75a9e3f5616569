package table

import (
	"math"
	"testing"
)

func typeOf(t *testing.T, name string) Type {
	t.Helper()
	typ, err := ParseType(name)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		have, want string
		fit        Fit
	}{
		{"int64", "int64", Always}, {"int32", "int64", Always}, {"int64", "int8", ByValue}, {"uint32", "int64", Always}, {"uint64", "int64", ByValue},
		{"int8", "uint8", ByValue}, {"float64", "int64", Never}, {"int64", "float32", Always}, {"float64", "float32", Always}, {"string", "int64", Never},
		{"int64", "string", Never}, {"bytes", "string", ByValue}, {"string", "bytes", Always}, {"date", "timestamp", Never}, {"int64", "decimal", Always},
		{"decimal", "float64", Never}, {"list", "list", Always}, {"struct", "list", Never}, {"bool", "int8", Never},
	} {
		if got := Fits(typeOf(t, c.have), typeOf(t, c.want)); got != c.fit {
			t.Errorf("%s as %s: %v, want %v", c.have, c.want, got, c.fit)
		}
	}
	if Fits(Type{}, typeOf(t, "list")) != ByValue {
		t.Error("untyped text is not looked at")
	}
}

func TestConforms(t *testing.T) {
	text := func(s string, cells ...Kind) *Column {
		c := &Column{Data: []byte(s), Offsets: []uint32{0, uint32(len(s))}}
		if len(cells) > 0 {
			c.Cells = cells
		}
		return c
	}
	ints := func(kind Kind, v int64) *Column {
		return &Column{Type: Type{Kind: kind, Bits: 64}, Ints: []int64{v}}
	}
	raw := &Column{Type: Type{Kind: Bytes}, Data: []byte{0xff}, Offsets: []uint32{0, 1}}
	for _, c := range []struct {
		column *Column
		want   string
		ok     bool
	}{
		{ints(Int, 127), "int8", true}, {ints(Int, 128), "int8", false}, {ints(Int, -128), "int8", true}, {ints(Int, -129), "int8", false},
		{ints(Int, -1), "uint64", false}, {ints(Int, math.MaxInt64), "uint64", true}, {ints(Int, 255), "uint8", true}, {ints(Int, 256), "uint8", false},
		{ints(Uint, -1), "int64", false}, {ints(Uint, -1), "uint64", true}, {ints(Uint, math.MaxInt64), "int64", true},
		{text("-128"), "int8", true}, {text("-129"), "int8", false}, {text("1.0"), "int64", false}, {text("9223372036854775808"), "int64", false},
		{text("18446744073709551615"), "uint64", true}, {text("-1"), "uint8", false}, {text(" 1"), "int64", false},
		{text("1e3"), "float64", true}, {text("nan"), "float64", true}, {text("nan"), "decimal", false}, {text("12.50"), "decimal", true}, {text(""), "float64", false},
		{text("TRUE"), "bool", true}, {text("1"), "bool", false}, {text("2026-02-29"), "date", false}, {text("2026-02-28"), "date", true},
		{text("2026-02-28 10:00"), "timestamp", true}, {text("yesterday"), "timestamp", false}, {text("anything"), "string", true},
		{text(`[1,{"a":2}]`), "list", true}, {text(`[1`), "list", false}, {text(`{"a":1}`), "struct", true}, {text(`[]`), "struct", false},
		{text("1", Int), "int64", true}, {text("1", String), "int64", false}, {text("1", Int), "string", false}, {text("1.5", Float), "int64", false},
		{text("1", Int), "float64", true}, {text("2026-01-01", String), "date", true}, {text("true", Bool), "bool", true}, {text("true", String), "bool", false},
		{raw, "string", false}, {raw, "bytes", true},
	} {
		if got := c.column.Conforms(0, typeOf(t, c.want)); got != c.ok {
			t.Errorf("%q (%v, %v) as %s: %v", c.column.Text(0), c.column.Type, c.column.Cells, c.want, got)
		}
	}
	null := &Column{Offsets: []uint32{0}}
	null.appendNull()
	if !null.Conforms(0, typeOf(t, "int8")) {
		t.Error("a null does not conform")
	}
}
