package compat

import "strings"

// typeNames are the data types of formats by the names that manifests use.
// safetensors, NumPy, ONNX and GGUF write them differently.
var typeNames = map[string]string{
	"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64",
	"FLOAT16": "float16", "BFLOAT16": "bfloat16", "FLOAT": "float32", "DOUBLE": "float64",
	"I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
	"U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
	"C64": "complex64", "C128": "complex128", "STRING": "string",
}

// typeName is a data type as manifests write it.
func typeName(dtype string) string {
	if name, ok := typeNames[strings.ToUpper(dtype)]; ok {
		return name
	}
	return strings.ToLower(dtype)
}

// number is what a numeric type can hold exactly.
type number struct {
	signed   bool
	integer  int // bits of magnitude of every integer it holds exactly
	exponent int // bits; none for integers
}

var numbers = map[string]number{
	"bool": {integer: 1},
	"int8": {signed: true, integer: 7}, "int16": {signed: true, integer: 15}, "int32": {signed: true, integer: 31}, "int64": {signed: true, integer: 63},
	"uint8": {integer: 8}, "uint16": {integer: 16}, "uint32": {integer: 32}, "uint64": {integer: 64},
	"bfloat16": {signed: true, integer: 8, exponent: 8},
	"float16":  {signed: true, integer: 11, exponent: 5},
	"float32":  {signed: true, integer: 24, exponent: 8},
	"float64":  {signed: true, integer: 53, exponent: 11},
}

// holds tells whether every value of type small is one of type large, as
// arithmetic (not as bytes). Types that are no numbers hold only themselves.
func holds(large, small string) bool {
	if large == small {
		return true
	}
	l, known := numbers[large]
	s, both := numbers[small]
	switch {
	case !known || !both:
		return false
	case s.signed && !l.signed:
		return false
	}
	return l.integer >= s.integer && l.exponent >= s.exponent
}
