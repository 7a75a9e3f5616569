package evalcheck

import (
	"fmt"
	"math"
	"slices"
	"strconv"
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

func (p *params) mistakef(hint, format string, args ...any) {
	if p.err == nil {
		p.err = &manifest.Error{Pos: p.spec.Pos, Message: p.spec.Check + ": " + fmt.Sprintf(format, args...), Hint: hint}
	}
}

// number returns nil when the parameter is not given.
func (p *params) number(name string, low, high float64) *float64 {
	given, ok := p.spec.Params[name]
	if !ok {
		return nil
	}
	x, ok := numeric(given)
	if !ok || x < low || x > high {
		p.mistakef(fmt.Sprintf("it is a number from %v to %v", low, high), "%v is not a value for %s", given, name)
	}
	return &x
}

func numeric(given any) (x float64, ok bool) {
	x, ok = given.(float64)
	if n, isInt := given.(int64); isInt {
		x, ok = float64(n), true
	}
	return x, ok && !math.IsNaN(x)
}

// orElse is a parameter with a default.
func (p *params) orElse(name string, low, high, otherwise float64) float64 {
	if x := p.number(name, low, high); x != nil {
		return *x
	}
	return otherwise
}

// whole is orElse for whole numbers.
func (p *params) whole(name string, low, high, otherwise int64) int64 {
	x := p.orElse(name, float64(low), float64(high), float64(otherwise))
	if p.err == nil && x != math.Trunc(x) {
		p.mistakef("it is a whole number", "%v is not a value for %s", x, name)
		return otherwise
	}
	return int64(x)
}

func (p *params) needs(name, example string) {
	if _, given := p.spec.Params[name]; !given {
		p.mistakef("as in: "+example, "needs %s", name)
	}
}

func (p *params) text(name string) string {
	given, ok := p.spec.Params[name]
	s, isText := given.(string)
	if ok && (!isText || s == "") {
		p.mistakef("", "%v is not a value for %s", given, name)
	}
	return s
}

// oneOf is a word; the first allowed is the default.
func (p *params) oneOf(name string, allowed ...string) string {
	if _, given := p.spec.Params[name]; !given {
		return allowed[0]
	}
	s := p.text(name)
	if !slices.Contains(allowed, s) {
		p.mistakef("it is one of "+strings.Join(allowed, ", "), "%s is not a value for %s", quoted(s), name)
	}
	return s
}

// texts is a list of values as people write them.
func (p *params) texts(name string) []string {
	given, ok := p.spec.Params[name]
	if !ok {
		return nil
	}
	list, _ := given.([]any)
	var out []string
	for _, v := range list {
		switch v.(type) {
		case string, int64, float64, bool:
			out = append(out, fmt.Sprint(v))
		}
	}
	if len(out) == 0 || len(out) < len(list) {
		p.mistakef("it is a list of values", "%v is not a value for %s", given, name)
	}
	return out
}

// sure reads the confidence of each bound.
func (p *params) sure() confidence {
	return confidence(p.orElse("confidence", 0.55, 0.9999, 0.95))
}

// confidence is that of each bound, one-sided.
type confidence float64

func (c confidence) alpha() float64 { return 1 - float64(c) }

// level is the two-sided confidence of an interval of both bounds, without
// what 2·0.95−1 is above 0.9.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func (c confidence) level() float64 { return math.Round((2*float64(c)-1)*1e12) / 1e12 }

// among is the confidence of one of n claims, so that any of them is wrong as
// often as one alone would be (Bonferroni). For whether any holds at all, Holm's
// procedure asks the same: it is gentler from the second on.
func (c confidence) among(n int) confidence {
	return confidence(1 - c.alpha()/float64(max(n, 1)))
}

func (c confidence) String() string {
	return strconv.FormatFloat(math.Round(c.level()*1e4)/1e2, 'f', -1, 64) + " %"
}

// What parameters are, for the schema.

func number(low, high float64, doc string) map[string]any {
	out := map[string]any{"type": "number", "minimum": low, "description": doc}
	if !math.IsInf(high, 1) {
		out["maximum"] = high
	}
	return out
}

func share(doc string) map[string]any { return number(0, 1, doc) }

// someShare is a share above 0.
func someShare(doc string) map[string]any {
	return map[string]any{"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": doc}
}

func integer(low, high int, doc string) map[string]any {
	return map[string]any{"type": "integer", "minimum": low, "maximum": high, "description": doc}
}

func word(doc string) map[string]any {
	return map[string]any{"type": "string", "minLength": 1, "description": doc}
}

func choice(doc string, allowed ...any) map[string]any {
	return map[string]any{"enum": allowed, "default": allowed[0], "description": doc}
}

func file(doc string) map[string]any {
	return map[string]any{"type": "string", "minLength": 1, "format": schemas.FormatGlob, "description": doc}
}

var (
	confidenceParam = number(0.55, 0.9999, "How sure PASS and FAIL are, each: the confidence of each bound of the interval, one-sided. Default: 0.95.")
	onInconclusive  = choice("What INCONCLUSIVE does: fail as an error would, or warn.", "fail", "warn")
)
