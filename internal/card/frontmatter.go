package card

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// frontMatter reads the YAML that begins in a line of the card.
func (c *Card) frontMatter(front string, line int) {
	if len(front) > maxFrontMatter {
		c.problem(line, "keep what is long in the text", "the front matter has %d bytes, at most %d are read", len(front), maxFrontMatter)
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(front), &doc); err != nil {
		at, reason := position(err)
		c.problem(line-1+at, "", "the front matter is not YAML: %s", reason)
		return
	}
	if len(doc.Content) == 0 {
		c.problem(line, "write at least license:", "the front matter is empty")
		return
	}
	r := reader{Card: c, before: line - 1}
	root := doc.Content[0]
	if !r.bounded(root) {
		return
	}
	if root.Kind != yaml.MappingNode {
		c.problem(r.line(root), "write KEY: VALUE", "the front matter is no mapping")
		return
	}
	r.root(root)
}

// yamlLine is how the YAML reader begins what it says about a line.
var yamlLine = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)

func position(err error) (line int, reason string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return 1, "it cannot be read"
	}
	line, _ = strconv.Atoi(m[1])
	return max(line, 1), m[2]
}

// reader reads nodes of the front matter; before is how many lines of the card
// stand before it.
type reader struct {
	*Card
	before int
}

func (r reader) line(n *yaml.Node) int { return r.before + n.Line }

// bounded refuses what is too deep or too much, and aliases, which could make
// much out of little.
func (r reader) bounded(root *yaml.Node) bool {
	nodes := 0
	var visit func(n *yaml.Node, depth int) bool
	visit = func(n *yaml.Node, depth int) bool {
		nodes++
		switch {
		case n.Kind == yaml.AliasNode:
			r.problem(r.line(n), "write the value again", "the front matter refers to another value of it, which is not read")
			return false
		case depth > maxDepth:
			r.problem(r.line(n), "", "more than %d values of the front matter stand in each other", maxDepth)
			return false
		case nodes > maxNodes:
			r.problem(r.line(n), "", "the front matter has more than %d values", maxNodes)
			return false
		}
		for _, child := range n.Content {
			if !visit(child, depth+1) {
				return false
			}
		}
		return true
	}
	return visit(root, 0)
}

func (r reader) root(root *yaml.Node) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if seen[key.Value] {
			r.problem(r.line(key), "keep one", "%s is given twice", clip(key.Value))
			continue
		}
		seen[key.Value] = true
		switch key.Value {
		case "license":
			r.Licenses = r.texts(key.Value, value)
		case "license_name":
			r.LicenseName = r.text(key.Value, value)
		case "license_link":
			r.LicenseLink = r.text(key.Value, value)
		case "base_model":
			r.BaseModels = r.texts(key.Value, value)
		case "datasets":
			r.Datasets = r.texts(key.Value, value)
		case "version", "model_version":
			r.Version = r.text(key.Value, value)
		case "library_name":
			r.Library = r.text(key.Value, value)
		case "pipeline_tag":
			r.Pipeline = r.text(key.Value, value)
		case "contact", "author", "authors", "maintainer", "maintainers", "developers":
			r.Contacts = append(r.Contacts, r.texts(key.Value, value)...)
		case "parameters", "num_parameters", "parameter_count":
			if t := r.text(key.Value, value); t.Value != "" {
				if n, ok := parseCount(t.Value); ok {
					n.Line = t.Line
					r.Parameters = append(r.Parameters, n)
				}
			}
		case "model-index":
			r.modelIndex(value)
		}
	}
}

// text reads one value. Numbers and dates are kept as they are written.
func (r reader) text(key string, n *yaml.Node) Text {
	if n.Kind != yaml.ScalarNode {
		r.problem(r.line(n), "write one value", "%s is no text", key)
		return Text{}
	}
	if n.Tag == "!!null" {
		return Text{}
	}
	return Text{strings.TrimSpace(n.Value), r.line(n)}
}

// texts reads one value or a list of them.
func (r reader) texts(key string, n *yaml.Node) []Text {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	var out []Text
	for _, item := range items {
		if t := r.text(key, item); t.Value != "" {
			out = append(out, t)
		}
	}
	return out
}

// get returns the value of a key, nil if there is none. What is asked of has
// few keys.
// Not inlined, to keep the program small: many places call it, none of them hot.
//
//go:noinline
func get(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return strings.TrimSpace(n.Value)
}

// list returns the items of a list that the Hub requires; what is no list is a
// problem.
func (r reader) list(what string, parent, n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		if n == nil {
			n = parent
		}
		r.problem(r.line(n), "see https://huggingface.co/docs/hub/model-cards#evaluation-results", "%s is missing or no list", what)
		return nil
	}
	return n.Content
}

// modelIndex reads the results, by modelcard.md of huggingface/hub-docs: the
// task's type, the dataset's type and name, and each metric's type and value
// are required.
func (r reader) modelIndex(n *yaml.Node) {
	for _, model := range r.list("model-index", n, n) {
		for _, result := range r.list("results of model-index", model, get(model, "results")) {
			dataset := get(result, "dataset")
			if scalar(get(get(result, "task"), "type")) == "" {
				r.problem(r.line(result), "write task: {type: text-classification}, for example", "a result of model-index has no task with a type")
			}
			if scalar(get(dataset, "type")) == "" || scalar(get(dataset, "name")) == "" {
				r.problem(r.line(result), "write dataset: {type: ID, name: NAME}", "a result of model-index has no dataset with type and name")
			}
			for _, m := range r.list("metrics of a result", result, get(result, "metrics")) {
				r.metric(m, dataset)
			}
		}
	}
}

func (r reader) metric(n, dataset *yaml.Node) {
	m := Metric{
		Type: scalar(get(n, "type")), Name: scalar(get(n, "name")), Average: scalar(get(get(n, "args"), "average")),
		Dataset: scalar(get(dataset, "type")), Title: scalar(get(dataset, "name")), Split: scalar(get(dataset, "split")),
		Written: scalar(get(n, "value")), Line: r.line(n),
	}
	if m.Type == "" {
		r.problem(m.Line, "write type: accuracy, for example", "a metric of model-index has no type")
		return
	}
	if m.Average == "" {
		m.Average = scalar(get(n, "config"))
	}
	if v := get(n, "value"); v != nil {
		m.Line = r.line(v)
	}
	var ok bool
	if m.Value, m.Unit, m.Percent, ok = parseNumber(m.Written); !ok {
		r.problem(m.Line, "write a number", "the value of the metric %s is no number: %s", clip(m.Type), clip(m.Written))
		return
	}
	if len(r.Metrics) == maxResults {
		r.problem(m.Line, "", "model-index has more than %d metrics", maxResults)
	}
	if len(r.Metrics) <= maxResults {
		r.Metrics = append(r.Metrics, m)
	}
}

var decimal = regexp.MustCompile(`^[+-]?\d{1,15}(?:\.(\d{0,15}))?$`)

// parseNumber reads 0.87, "87.1%" and 8.7e-1, and half of what the last digit
// counts.
func parseNumber(s string) (value, unit float64, percent, ok bool) {
	s, percent = strings.CutSuffix(s, "%")
	s = strings.TrimSpace(s)
	value, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
		return 0, 0, false, false
	}
	if m := decimal.FindStringSubmatch(s); m != nil {
		unit = 0.5 * math.Pow10(-len(m[1]))
	}
	if percent {
		value, unit = value/100, unit/100
	}
	return value, unit, percent, true
}

func (m Metric) String() string {
	s := m.Type
	if m.Average != "" {
		s += " (" + m.Average + ")"
	}
	return fmt.Sprintf("%s %s", s, m.Written)
}
