package datacheck

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/table"
)

// OneColumn, embedded in a Params struct, says that the check is about
// exactly one column.
type OneColumn struct{}

// Parameters are fields of these types, with the tags
//
//	param:"name" or param:"name,required", doc:"what it means.", enum:"a,b"
//
// *float64 and *int64 (at least 0) tell "not given" from 0.
// A list is of any scalars ([]any) or of texts ([]string); a mapping is of
// numbers. Texts and lists of them may have a format:"…" of package schemas,
// to which the manifest's parser holds them.
var (
	numberType  = reflect.TypeFor[*float64]()
	countType   = reflect.TypeFor[*int64]()
	boolType    = reflect.TypeFor[bool]()
	stringType  = reflect.TypeFor[string]()
	listType    = reflect.TypeFor[[]any]()
	textsType   = reflect.TypeFor[[]string]()
	numbersType = reflect.TypeFor[map[string]float64]()
	againstType = reflect.TypeFor[*Against]()
)

// parameters calls do for each field of a Params struct that is a parameter.
func parameters(t reflect.Type, do func(field reflect.StructField, name string, required bool)) {
	for f := range t.Fields() {
		if tag := f.Tag.Get("param"); tag != "" {
			name, option, _ := strings.Cut(tag, ",")
			do(f, name, option == "required")
		}
	}
}

// describe returns the draft-07 properties of a Params struct.
func describe(params any) (properties map[string]any, required []string, oneColumn bool) {
	t := reflect.TypeOf(params)
	_, oneColumn = t.FieldByName("OneColumn")
	properties = map[string]any{}
	parameters(t, func(f reflect.StructField, name string, must bool) {
		p := map[string]any{"description": f.Tag.Get("doc")}
		switch f.Type {
		case numberType:
			p["type"] = "number"
		case countType:
			p["type"], p["minimum"] = "integer", 0
		case boolType:
			p["type"] = "boolean"
		case stringType:
			p["type"] = "string"
			if enum := f.Tag.Get("enum"); enum != "" {
				var values []any
				for v := range strings.SplitSeq(enum, ",") {
					values = append(values, v)
				}
				p["enum"] = values
			}
			if format := f.Tag.Get("format"); format != "" {
				p["format"] = format
			}
		case listType:
			p["type"], p["minItems"] = "array", 1
			p["items"] = map[string]any{"type": []any{"string", "number", "boolean"}}
		case textsType:
			p["type"], p["minItems"], p["uniqueItems"] = "array", 1, true
			items := map[string]any{"type": "string"}
			if format := f.Tag.Get("format"); format != "" {
				items["format"] = format
			}
			p["items"] = items
		case numbersType:
			p["type"], p["minProperties"] = "object", 1
			p["additionalProperties"] = map[string]any{"type": "number"}
		case againstType:
			describeAgainst(p)
		}
		properties[name] = p
		if must {
			required = append(required, name)
		}
	})
	return properties, required, oneColumn
}

// decode fills a pointer to a Params struct from the entry's parameters. The
// schema has checked them already when they come from a file.
func decode(spec manifest.CheckSpec, params any) error {
	v := reflect.ValueOf(params).Elem()
	var failed error
	parameters(v.Type(), func(f reflect.StructField, name string, must bool) {
		given, ok := spec.Params[name]
		switch {
		case failed != nil:
		case !ok && must:
			failed = mistake(spec, fmt.Sprintf("%s needs the parameter %s", spec.Check, name), "")
		case ok && !assign(v.FieldByIndex(f.Index), given):
			failed = mistake(spec, fmt.Sprintf("%s: %v is not a value for %s", spec.Check, given, name), "")
		}
	})
	return failed
}

func assign(field reflect.Value, given any) bool {
	switch field.Type() {
	case numberType:
		if n, ok := given.(int64); ok {
			given = float64(n)
		}
		if x, ok := given.(float64); ok {
			field.Set(reflect.ValueOf(&x))
			return true
		}
		return false
	case countType:
		if x, ok := given.(float64); ok && x == float64(int64(x)) {
			given = int64(x)
		}
		n, ok := given.(int64)
		if ok && n >= 0 {
			field.Set(reflect.ValueOf(&n))
		}
		return ok && n >= 0
	case textsType:
		list, ok := given.([]any)
		texts := make([]string, len(list))
		for i, v := range list {
			if texts[i], ok = v.(string); !ok {
				return false
			}
		}
		field.Set(reflect.ValueOf(texts))
		return ok
	case numbersType:
		given, ok := given.(map[string]any)
		numbers := make(map[string]float64, len(given))
		for name, v := range given {
			switch v := v.(type) {
			case int64:
				numbers[name] = float64(v)
			case float64:
				numbers[name] = v
			default:
				return false
			}
		}
		field.Set(reflect.ValueOf(numbers))
		return ok
	case againstType:
		a, err := parseAgainst(given)
		if err == nil {
			field.Set(reflect.ValueOf(a))
		}
		return err == nil
	}
	value := reflect.ValueOf(given)
	if !value.IsValid() || value.Type() != field.Type() {
		return false
	}
	field.Set(value)
	return true
}

// mistake is an error of the manifest at the check's position.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func mistake(spec manifest.CheckSpec, message, hint string) error {
	return &manifest.Error{Pos: spec.Pos, Message: message, Hint: hint}
}

// newPlan is the beginning of every Bind: it decodes the parameters and
// compiles the filter.
func newPlan(spec manifest.CheckSpec, schema table.Schema, params any) (Plan, error) {
	if err := decode(spec, params); err != nil {
		return Plan{}, err
	}
	if _, one := reflect.TypeOf(params).Elem().FieldByName("OneColumn"); one && len(spec.Columns) != 1 {
		return Plan{}, mistake(spec, spec.Check+" is about one column", "name it with column:")
	}
	filter, err := newFilter(spec, schema)
	if err != nil {
		return Plan{}, err
	}
	return Plan{Splits: spec.Splits, Filter: filter}, nil
}

// checkShare holds a parameter to a share of the rows.
func checkShare(spec manifest.CheckSpec, name string, v *float64) error {
	if v != nil && !(*v >= 0 && *v <= 1) {
		return mistake(spec, fmt.Sprintf("%s: %s %s is not a share between 0 and 1", spec.Check, name, number(*v)), "0.05 is 5 %")
	}
	return nil
}

// checkBounds holds the limits of an entry to each other: at least one is
// given, and they are in order.
func checkBounds[T int64 | float64](spec manifest.CheckSpec, low, high *T) error {
	switch {
	case low == nil && high == nil:
		return mistake(spec, spec.Check+" needs min or max", "")
	case low != nil && high != nil && *low > *high:
		return mistake(spec, fmt.Sprintf("%s: min %s is greater than max %s", spec.Check, number(float64(*low)), number(float64(*high))), "")
	}
	return nil
}

// refuse tells that keys which every entry may have make no sense for a check.
func refuse(spec manifest.CheckSpec, keys ...string) error {
	given := map[string]bool{"mostly": spec.Mostly != nil, "where": spec.Where != "", "groupBy": len(spec.GroupBy) > 0, "column": len(spec.Columns) > 0}
	for _, k := range keys {
		if given[k] {
			return mistake(spec, fmt.Sprintf("%s does not take %s", spec.Check, k), "leave it out")
		}
	}
	return nil
}
