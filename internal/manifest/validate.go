package manifest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/xeipuuv/gojsonschema"
	"go.yaml.in/yaml/v3"
)

// validate holds the document to s and reports what it says in the words of
// people: gojsonschema knows neither positions nor what was meant.
func (d *document) validate(s *schema) {
	c := converter{d: d}
	c.holds = append(c.holds, hold{node: d.root, schema: s, value: c.convert(d.root, s.view, nil)})
	for _, h := range c.holds {
		if h.value == nil {
			continue
		}
		result, err := h.schema.compiled.Validate(gojsonschema.NewRawLoader(h.value))
		if err != nil {
			d.report(h.node, "", "cannot be validated: %v", err)
			continue
		}
		d.reword(h, result.Errors())
	}
}

// hold is a part of the document with the schema it is held to.
type hold struct {
	node   *yaml.Node
	schema *schema
	value  any
	where  *place
}

// converter turns nodes into what gojsonschema reads. On the way it reports
// unknown keys, unknown checks and texts that are not of their format, for
// which it knows the positions and what else there is.
type converter struct {
	d     *document
	holds []hold
}

// convert returns nil for a node that is known to be wrong; reword drops what
// the schema says about it.
func (c *converter) convert(n *yaml.Node, v *view, where *place) any {
	if c.d.bad[n] {
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		var items *view
		if v != nil {
			items = v.items
		}
		for i, item := range n.Content {
			out[i] = c.convert(item, items, &place{parent: where, index: i})
		}
		return out
	case yaml.MappingNode:
		if v != nil && v.checks != nil {
			return c.check(n, v, where)
		}
		return c.mapping(n, v, where)
	case yaml.ScalarNode:
		if v != nil && v.format != "" && text(n) != "" {
			c.d.checkFormat(n, v.format)
		}
		switch value := scalar(n).(type) {
		case int64:
			return json.Number(strconv.FormatInt(value, 10))
		case float64:
			return json.Number(strconv.FormatFloat(value, 'g', -1, 64))
		default:
			return value
		}
	}
	return nil
}

func (c *converter) mapping(n *yaml.Node, v *view, where *place) any {
	out := make(map[string]any, len(n.Content)/2)
	for _, e := range c.d.entries(n) {
		key := e.key.Value
		child, known := v.at(key)
		if !known && v != nil && v.closed {
			c.unknownKey(n, e.key, v.keys, where)
			continue
		}
		out[key] = c.convert(e.value, child, &place{parent: where, key: key})
	}
	return out
}

func (c *converter) unknownKey(n, key *yaml.Node, known []string, where *place) {
	hint := ""
	if len(c.d.errs) <= maxErrors { // as for didYouMean
		if near := ref.Nearest(key.Value, known); near != "" {
			c.d.meant[n] = append(c.d.meant[n], near)
		}
		hint = nearestOrAll(key.Value, known)
	}
	c.d.report(key, hint, "%sunknown key %q", where.prefix(), clip(key.Value))
}

// check converts one entry of checks: and holds it to the schema of the check
// that it names.
func (c *converter) check(n *yaml.Node, v *view, where *place) any {
	name := c.d.get(n, "check")
	if text(name) == "" {
		for _, e := range c.d.entries(n) {
			if name == nil && ref.Nearest(e.key.Value, []string{"check"}) != "" {
				c.unknownKey(n, e.key, []string{"check"}, where)
			}
		}
		return c.mapping(n, &view{props: map[string]*view{}}, where)
	}
	entry, ok := v.checks[name.Value]
	if !ok {
		c.d.report(name, c.d.nearestOrAll(name.Value, v.checkNames), "unknown check %q", clip(name.Value))
	} else {
		s := entry()
		c.holds = append(c.holds, hold{node: n, schema: s, value: c.mapping(n, s.view, where), where: where})
	}
	return map[string]any{"check": name.Value}
}

const separator = "\x00" // keys hold no control characters

// reword reports what gojsonschema found, except what only says that something
// else was found.
func (d *document) reword(h hold, errs []gojsonschema.ResultError) {
	alternatives := alternativesOf(errs)
	for _, e := range errs {
		context := e.Context().String(separator)
		switch e.Type() {
		case "number_all_of", "condition_then", "condition_else":
			continue // what is wrong is among the others
		case "number_one_of", "number_any_of":
			if alternatives[context] {
				continue
			}
		case "invalid_type", "const", "enum":
			if _, ok := alternatives[context]; ok {
				continue
			}
		}
		n, v, where := h.node, h.schema.view, h.where
		for _, segment := range strings.Split(context, separator)[1:] {
			if n, v, where = d.step(n, v, where, segment); n == nil {
				break
			}
		}
		if n == nil || d.bad[n] {
			continue
		}
		d.rewordOne(n, v, where, e)
	}
}

// alternativesOf returns the places where none of several alternatives (oneOf,
// anyOf) holds. gojsonschema adds what is wrong with the nearest of them. The
// value is true when that is more than its type: then it is what to say, and
// the list of alternatives is not.
func alternativesOf(errs []gojsonschema.ResultError) map[string]bool {
	alternatives := map[string]bool{}
	for _, e := range errs {
		if t := e.Type(); t == "number_one_of" || t == "number_any_of" {
			alternatives[e.Context().String(separator)] = false
		}
	}
	if len(alternatives) == 0 {
		return alternatives
	}
	for _, e := range errs {
		context := e.Context().String(separator)
		switch e.Type() {
		case "number_one_of", "number_any_of", "invalid_type", "const", "enum":
		default:
			if _, ok := alternatives[context]; ok {
				alternatives[context] = true
			}
		}
		for i := strings.LastIndex(context, separator); i >= 0; i = strings.LastIndex(context, separator) {
			context = context[:i]
			if _, ok := alternatives[context]; ok {
				alternatives[context] = true
			}
		}
	}
	return alternatives
}

func (d *document) step(n *yaml.Node, v *view, where *place, segment string) (*yaml.Node, *view, *place) {
	if n.Kind == yaml.SequenceNode {
		i, err := strconv.Atoi(segment)
		if err != nil || i < 0 || i >= len(n.Content) {
			return nil, nil, where
		}
		if v != nil {
			v = v.items
		}
		return n.Content[i], v, &place{parent: where, index: i}
	}
	child, _ := v.at(segment)
	return d.get(n, segment), child, &place{parent: where, key: segment}
}

func (d *document) rewordOne(n *yaml.Node, v *view, where *place, e gojsonschema.ResultError) {
	w := where.prefix()
	switch e.Type() {
	case "required":
		d.missing(n, where, fmt.Sprint(e.Details()["property"]))
	case "invalid_type", "number_one_of", "number_any_of":
		d.wrongType(n, v, where, e)
	case "const", "enum":
		if v == nil {
			break
		}
		values := literals(v.raw)
		expected := strings.Join(values, ", ")
		if len(values) > 1 {
			expected = "one of " + expected
		}
		d.report(n, d.didYouMean(n.Value, values), "%sexpected %s, got %s", w, expected, show(n))
	case "number_gte", "number_gt", "number_lte", "number_lt":
		bounds := v.bounds()
		if bounds == "" { // inside an alternative
			words := map[string]string{"number_gte": "at least", "number_gt": "above", "number_lte": "at most", "number_lt": "below"}
			bounds = fmt.Sprint(words[e.Type()], " ", cmp.Or(e.Details()["min"], e.Details()["max"]))
		}
		d.report(n, "", "%smust be %s, got %s", w, bounds, show(n))
	case "additional_property_not_allowed": // inside an alternative; elsewhere the converter has reported it
		property := fmt.Sprint(e.Details()["property"])
		for _, entry := range d.entries(n) {
			if entry.key.Value == property {
				d.report(entry.key, "", "%sunknown key %q", w, clip(property))
			}
		}
	case "string_gte":
		d.report(n, "", "%s is empty", where)
	case "string_lte":
		d.report(n, "", "%slonger than %v characters", w, e.Details()["max"])
	case "array_min_items", "array_max_items", "array_min_properties", "array_max_properties":
		d.wrongCount(n, v, where)
	case "unique":
		if i, ok := e.Details()["j"].(int); ok && i < len(n.Content) {
			d.report(n.Content[i], "", "%s%s is listed twice", w, show(n.Content[i]))
		}
	case "format":
		d.weakFormat(n, v, w)
	case "pattern":
		if n.Kind == yaml.ScalarNode {
			d.weakly(n, w+show(n)+" does not have the form expected", description(v))
		}
	case "invalid_property_name":
		property := fmt.Sprint(e.Details()["property"])
		for _, entry := range d.entries(n) {
			if entry.key.Value == property {
				d.weakly(entry.key, fmt.Sprintf("%sthe key %q does not have the form expected", w, clip(property)), "")
			}
		}
	default:
		d.weakly(n, w+clip(e.Description()), description(v))
	}
}

func (d *document) wrongType(n *yaml.Node, v *view, where *place, e gojsonschema.ResultError) {
	w := where.prefix()
	inside, _ := e.Details()["expected"].(string) // an alternative, of which there is no view
	expected := cmp.Or(v.expected(), typeWords[inside], "another value")
	if n.Kind == yaml.ScalarNode && n.Tag == tagNull {
		d.report(n, "give it one, or remove the key", "%s has no value, expected %s", where, expected)
		return
	}
	allows := func(t string) bool { return v != nil && slices.Contains(v.types, t) }
	hint := ""
	switch quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0; {
	case n.Kind != yaml.ScalarNode:
	case allows("string"):
		hint = fmt.Sprintf("quote it: %q", clip(n.Value))
	case allows("boolean"):
		hint = booleanHint(n.Value)
	case (allows("number") || allows("integer")) && quoted && numberRE.MatchString(n.Value):
		hint = "remove the quotes"
	case allows("array"):
		hint = "write [" + clip(n.Value) + "]"
	}
	d.report(n, hint, "%sexpected %s, got %s", w, expected, show(n))
}

var numberRE = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

func booleanHint(s string) string {
	switch strings.ToLower(s) {
	case "yes", "y", "on", "true":
		return "write true"
	case "no", "n", "off", "false":
		return "write false"
	}
	return ""
}

func (d *document) wrongCount(n *yaml.Node, v *view, where *place) {
	w := where.prefix()
	count, what, suffix := len(n.Content), "entries", "Items"
	if n.Kind == yaml.MappingNode {
		count, what, suffix = count/2, "keys", "Properties"
	}
	var low, high any
	if v != nil {
		low, high = v.raw["min"+suffix], v.raw["max"+suffix]
	}
	switch {
	case count == 0:
		d.report(n, "", "%s is empty", where)
	case low != nil && high != nil && fmt.Sprint(low) == fmt.Sprint(high):
		d.report(n, "", "%sexpected %v %s, got %d", w, low, what, count)
	case low != nil && high == nil:
		d.report(n, "", "%sexpected at least %v %s, got %d", w, low, what, count)
	default:
		d.report(n, "", "%sexpected at most %v %s, got %d", w, high, what, count)
	}
}

func (d *document) weakFormat(n *yaml.Node, v *view, w string) {
	format := ""
	if v != nil {
		format = v.format
	}
	if format == "regex" {
		_, err := regexp.Compile(n.Value)
		d.weakly(n, fmt.Sprintf("%snot a regular expression: %s", w, clip(err.Error())), "")
		return
	}
	d.weakly(n, fmt.Sprintf("%sexpected a %s, got %s", w, format, show(n)), description(v))
}

// weakly notes an error that is only reported when nothing better is known.
func (d *document) weakly(n *yaml.Node, message, hint string) {
	d.weak = append(d.weak, weakError{n, &Error{Pos: d.pos(n), Message: message, Hint: hint}})
}

func description(v *view) string {
	if v == nil {
		return ""
	}
	s, _ := v.raw["description"].(string)
	return s
}

// place is where in a document something stands. nil is the top.
type place struct {
	parent *place
	key    string
	index  int // in a list, when key is ""
}

// String writes a place like stages.production.approvals or checks[2].min.
func (p *place) String() string {
	switch {
	case p == nil:
		return ""
	case p.key == "":
		return p.parent.String() + "[" + strconv.Itoa(p.index) + "]"
	case p.parent == nil:
		return clip(p.key)
	}
	return p.parent.String() + "." + clip(p.key)
}

// prefix is p for the start of a message: the position says it too, but not to
// somebody who reads the message alone.
func (p *place) prefix() string {
	if p == nil {
		return ""
	}
	return p.String() + ": "
}
