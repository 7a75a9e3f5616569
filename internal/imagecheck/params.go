package imagecheck

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/schemas"
)

// params reads the parameters of an entry. The schema has checked them already
// when they come from a file; the first that makes no sense is kept in err.
type params struct {
	spec manifest.CheckSpec
	err  *manifest.Error
}

// mistake is not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (p *params) mistake(message, hint string) {
	if p.err == nil {
		p.err = &manifest.Error{Pos: p.spec.Pos, Message: p.spec.Check + ": " + message, Hint: hint}
	}
}

// refuse reports a common key that means nothing to the check.
func (p *params) refuse(key string, given bool) {
	if given {
		p.mistake("does not take "+key, "leave it out")
	}
}

func (p *params) bad(name string) {
	p.mistake(fmt.Sprintf("%v is not a value for %s", p.spec.Params[name], name), "")
}

// number returns nil when the parameter is not given.
func (p *params) number(name string, low, high float64) *float64 {
	given, ok := p.spec.Params[name]
	if !ok {
		return nil
	}
	x, ok := given.(float64)
	if n, isInt := given.(int64); isInt {
		x, ok = float64(n), true
	}
	if !ok || math.IsNaN(x) || x < low || x > high {
		p.bad(name)
	}
	return &x
}

// count returns nil when the parameter is not given.
func (p *params) count(name string, high int64) *int64 {
	x := p.number(name, 0, float64(high))
	if x == nil {
		return nil
	}
	if *x != math.Trunc(*x) {
		p.bad(name)
	}
	n := int64(*x)
	return &n
}

// size reads 512, 200KB or 1.5MiB.
func (p *params) size(name string) *int64 {
	text, ok := p.spec.Params[name].(string)
	if !ok {
		return p.count(name, math.MaxInt32)
	}
	n, err := manifest.ParseSize(text)
	if err != nil {
		p.mistake(fmt.Sprintf("%s: %v", name, err), "")
	}
	return &n
}

// ordered reports a minimum above its maximum.
func ordered[T int64 | float64](p *params, name string, low, high *T) {
	if low != nil && high != nil && *low > *high {
		p.mistake(fmt.Sprintf("min%s is above max%s", name, name), "")
	}
}

func (p *params) text(name string) string {
	given, ok := p.spec.Params[name]
	s, isText := given.(string)
	if ok && (!isText || s == "") {
		p.bad(name)
	}
	return s
}

// texts returns a list whose elements are among allowed.
func (p *params) texts(name string, allowed []string) []string {
	given, ok := p.spec.Params[name]
	if !ok {
		return nil
	}
	list, _ := given.([]any)
	var out []string
	for _, v := range list {
		if s, _ := v.(string); slices.Contains(allowed, s) {
			out = append(out, s)
		}
	}
	if len(out) == 0 || len(out) < len(list) {
		p.mistake(fmt.Sprintf("%v is not a value for %s", given, name), "it is a list of any of "+strings.Join(allowed, ", "))
	}
	return out
}

func oneOf(allowed []string) []any {
	out := make([]any, len(allowed))
	for i, s := range allowed {
		out[i] = s
	}
	return out
}

// What parameters are, for the schema.

func integer(doc string) map[string]any {
	return map[string]any{"type": "integer", "minimum": 0, "description": doc}
}

func number(doc string) map[string]any {
	return map[string]any{"type": "number", "minimum": 0, "description": doc}
}

func sizeParam(doc string) map[string]any {
	return map[string]any{"type": []any{"integer", "string"}, "minimum": 0, "format": schemas.FormatSize, "description": doc}
}

func listOf(allowed []string, doc string) map[string]any {
	return map[string]any{
		"type": "array", "minItems": 1, "uniqueItems": true, "description": doc,
		"items": map[string]any{"type": "string", "enum": oneOf(allowed)},
	}
}
