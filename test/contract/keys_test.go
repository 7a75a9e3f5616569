package contract

import (
	"encoding/json"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// undescribed are keys that GitHub answers and its description leaves out.
var undescribed = map[string]bool{
	// Of an environment: go-github reads it (Environment.CanAdminsBypass).
	"can_admins_bypass": true,
}

// compareKeys reports keys that no schema names. The descriptions leave nearly
// every object open, so that validation alone lets a misspelt key pass.
func (v *validator) compareKeys(where string, body []byte, schemas ...*openapi3.SchemaRef) {
	var value any
	if len(body) == 0 || json.Unmarshal(body, &value) != nil {
		return
	}
	for _, key := range unknownKeys(schemas, value, "") {
		v.problem("%s: key %q is not described", where, key)
	}
}

// unknownKeys walks a value along all schemas that may describe it.
func unknownKeys(schemas []*openapi3.SchemaRef, value any, at string) []string {
	flat := flatten(schemas)
	var out []string
	switch value := value.(type) {
	case []any:
		var items []*openapi3.SchemaRef
		for _, s := range flat {
			if s.Items != nil {
				items = append(items, s.Items)
			}
		}
		for i, e := range value {
			out = append(out, unknownKeys(items, e, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case map[string]any:
		known := map[string][]*openapi3.SchemaRef{}
		for _, s := range flat {
			for name, p := range s.Properties {
				known[name] = append(known[name], p)
			}
		}
		if len(known) == 0 || open(flat) {
			return nil
		}
		for key, e := range value {
			if known[key] == nil && !undescribed[key] {
				out = append(out, at+"."+key)
			}
			out = append(out, unknownKeys(known[key], e, at+"."+key)...)
		}
	}
	return out
}

// flatten resolves allOf, anyOf and oneOf.
func flatten(schemas []*openapi3.SchemaRef) []*openapi3.Schema {
	var out []*openapi3.Schema
	for _, ref := range schemas {
		if ref == nil || ref.Value == nil {
			continue
		}
		s := ref.Value
		out = append(out, s)
		for _, more := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
			out = append(out, flatten(more)...)
		}
	}
	return out
}

// open tells whether a schema says itself that further keys are welcome.
func open(schemas []*openapi3.Schema) bool {
	for _, s := range schemas {
		has := s.AdditionalProperties.Has
		if has != nil && *has || s.AdditionalProperties.Schema != nil {
			return true
		}
	}
	return false
}
