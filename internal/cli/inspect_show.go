package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/internal/modelfile"
	"github.com/waybill-dev/waybill/internal/report"
)

// inspected is the JSON of "waybill inspect".
type inspected struct {
	APIVersion string `json:"apiVersion"`
	inspectedFacts
	Files    []inspectedFile    `json:"files"`
	Problems []inspectedProblem `json:"problems"`
}

type inspectedFacts struct {
	Format       string              `json:"format"`
	Architecture string              `json:"architecture,omitempty"`
	Parameters   int64               `json:"parameters"`
	Bytes        int64               `json:"bytes"`
	Dtypes       map[string]int64    `json:"dtypes"`
	Tensors      []inspectedTensor   `json:"tensors"`
	Inputs       []inspectedValue    `json:"inputs"`
	Outputs      []inspectedValue    `json:"outputs"`
	Labels       []string            `json:"labels"`
	Opsets       map[string]int64    `json:"opsets,omitempty"`
	Operators    map[string]int64    `json:"operators,omitempty"`
	Tokenizer    *inspectedTokenizer `json:"tokenizer,omitempty"`
	Context      int64               `json:"context,omitempty"`
	Embedding    int64               `json:"embedding,omitempty"`
	Quantization string              `json:"quantization,omitempty"`
	ChatTemplate string              `json:"chatTemplate,omitempty"`
	Frameworks   map[string]string   `json:"frameworks,omitempty"`
	License      string              `json:"license,omitempty"`
	Metadata     map[string]string   `json:"metadata"`
	Details      map[string]any      `json:"details,omitempty"`
}

type inspectedTensor struct {
	Name  string  `json:"name"`
	Dtype string  `json:"dtype"`
	Shape []int64 `json:"shape"`
	Bytes int64   `json:"bytes"`
}

type inspectedValue struct {
	Name    string   `json:"name"`
	Kind    string   `json:"kind"`
	Dtype   string   `json:"dtype"`
	Shape   []int64  `json:"shape"` // null: not known
	Symbols []string `json:"symbols,omitempty"`
}

type inspectedTokenizer struct {
	Model      string `json:"model,omitempty"`
	Vocabulary int64  `json:"vocabulary"`
	Digest     string `json:"digest,omitempty"`
}

type inspectedFile struct {
	Path       string           `json:"path"`
	Bytes      int64            `json:"bytes"`
	Format     string           `json:"format"`
	Role       string           `json:"role,omitempty"`
	Parameters int64            `json:"parameters,omitempty"`
	Dtypes     map[string]int64 `json:"dtypes,omitempty"`
	Tensors    int              `json:"tensors,omitempty"`
	Skipped    string           `json:"skipped,omitempty"`
}

type inspectedProblem struct {
	Path   string `json:"path"`
	Format string `json:"format"`
	Rule   string `json:"rule"`
	Offset int64  `json:"offset"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
}

func inspectedJSON(s *modelfile.Set) inspected {
	f := &s.Facts
	out := inspected{APIVersion: report.APIVersion, Files: []inspectedFile{}, Problems: []inspectedProblem{}, inspectedFacts: inspectedFacts{
		Format: f.Format, Architecture: f.Architecture, Parameters: f.Parameters, Bytes: f.Bytes, Dtypes: f.Dtypes,
		Tensors: make([]inspectedTensor, len(f.Tensors)), Inputs: inspectedValues(f.Inputs), Outputs: inspectedValues(f.Outputs),
		Labels: append([]string{}, f.Labels...), Opsets: f.Opsets, Operators: f.Operators, Context: f.Context, Embedding: f.Embedding,
		Quantization: f.Quantization, ChatTemplate: f.ChatTemplate, Frameworks: f.Frameworks, License: f.License,
		Metadata: f.Metadata, Details: f.Details,
	}}
	if out.Dtypes == nil {
		out.Dtypes = map[string]int64{}
	}
	if out.Metadata == nil {
		out.Metadata = map[string]string{}
	}
	for i, t := range f.Tensors {
		out.Tensors[i] = inspectedTensor{t.Name, t.Dtype, append([]int64{}, t.Shape...), t.Bytes}
	}
	if t := f.Tokenizer; t != nil {
		out.Tokenizer = &inspectedTokenizer{t.Model, t.Vocabulary, t.Digest}
	}
	for _, file := range s.Files {
		row := inspectedFile{Path: file.Path, Bytes: file.Bytes, Role: file.Role, Skipped: file.Skipped}
		if g := file.Facts; g != nil {
			row.Format, row.Parameters, row.Dtypes, row.Tensors = g.Format, g.Parameters, g.Dtypes, len(g.Tensors)
		}
		out.Files = append(out.Files, row)
	}
	for _, p := range s.Problems {
		out.Problems = append(out.Problems, inspectedProblem{p.Path, p.Format, p.Rule, p.Offset, p.Reason, p.Hint})
	}
	return out
}

func inspectedValues(values []modelfile.Value) []inspectedValue {
	out := make([]inspectedValue, len(values))
	for i, v := range values {
		kind := v.Kind
		if kind == "" {
			kind = "tensor"
		}
		out[i] = inspectedValue{v.Name, kind, v.Dtype, v.Shape, v.Symbols}
	}
	return out
}

// inspectRows is how many rows a table has without --verbose, longName how many
// characters of a name tables show: JSON has all.
const (
	inspectRows = 40
	longName    = 150
)

func inspectSections(s *modelfile.Set, verbose bool) []report.Section {
	f := &s.Facts
	var rows [][]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	number := func(name string, n int64) {
		if n > 0 {
			add(name, report.Thousands(n))
		}
	}
	format := f.Format
	switch {
	case format == "" && len(s.Problems) > 0:
		format = s.Problems[0].Format + ", not valid"
	case format == "":
		format = "none that waybill reads"
	}
	add("format", format)
	add("architecture", f.Architecture)
	number("parameters", f.Parameters)
	size := report.Thousands(f.Bytes)
	if f.Bytes >= 1000 {
		size += " (" + bytesText(f.Bytes) + ")"
	}
	add("bytes", size)
	add("dtypes", counts(f.Dtypes))
	add("quantization", f.Quantization)
	number("context", f.Context)
	number("embedding", f.Embedding)
	if t := f.Tokenizer; t != nil {
		add("tokenizer", strings.TrimSpace(fmt.Sprintf("%s %s entries", t.Model, report.Thousands(t.Vocabulary))))
	}
	if f.ChatTemplate != "" {
		add("chat template", bytesText(int64(len(f.ChatTemplate))))
	}
	add("opsets", opsets(f.Opsets))
	add("labels", labels(f.Labels, verbose))
	add("frameworks", pairs(f.Frameworks))
	add("license", f.License)
	for _, k := range slices.Sorted(maps.Keys(f.Details)) {
		add(inWords(k), cutText(detailText(f.Details[k]), 200))
	}
	sections := []report.Section{report.TableSection("", []string{"fact", "value"}, rows)}
	if len(f.Inputs) > 0 {
		sections = append(sections, valuesSection("inputs", f.Inputs, verbose))
	}
	if len(f.Outputs) > 0 {
		sections = append(sections, valuesSection("outputs", f.Outputs, verbose))
	}
	if len(f.Operators) > 0 {
		sections = append(sections, operatorsSection(f.Operators, verbose))
	}
	if len(f.Tensors) > 0 {
		sections = append(sections, tensorsSection(f.Tensors, verbose))
	}
	if len(f.Metadata) > 0 {
		var rows [][]string
		for _, k := range slices.Sorted(maps.Keys(f.Metadata)) {
			value := f.Metadata[k]
			if !verbose {
				value = cutText(value, 120)
			}
			rows = append(rows, []string{cutText(k, longName), value})
		}
		sections = append(sections, capped(report.TableSection("metadata", []string{"key", "value"}, rows), verbose))
	}
	if len(s.Files) > 1 {
		sections = append(sections, filesSection(s, verbose))
	}
	return sections
}

// inWords writes a key of details, which is one of JSON, for people:
// "bits per parameter".
func inWords(key string) string {
	var b strings.Builder
	for _, r := range key {
		if unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// detailText writes a fact of one format.
func detailText(v any) string {
	switch v := v.(type) {
	case map[string]int64:
		return counts(v)
	case []string:
		return strings.Join(v, ", ")
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	}
	return fmt.Sprint(v)
}

func filesSection(s *modelfile.Set, verbose bool) report.Section {
	bad := map[string]string{}
	for _, p := range s.Problems {
		bad[p.Path] = p.Rule
	}
	var rows [][]string
	for _, f := range s.Files {
		what, parameters := f.Role, ""
		if f.Facts != nil {
			if what == "" {
				what = f.Facts.Format
			}
			if f.Facts.Parameters > 0 {
				parameters = report.Thousands(f.Facts.Parameters)
			}
		}
		if f.Skipped != "" {
			what = strings.TrimSpace(what + " (not read)")
		}
		if rule := bad[f.Path]; rule != "" {
			what = "breaks " + rule
		}
		rows = append(rows, []string{f.Path, what, parameters, bytesText(f.Bytes)})
	}
	return capped(report.TableSection("files", []string{"file", "what", ">parameters", ">size"}, rows), verbose)
}

func valuesSection(title string, values []modelfile.Value, verbose bool) report.Section {
	rows := make([][]string, len(values))
	for i, v := range values {
		kind := v.Kind
		if kind == "tensor" {
			kind = ""
		}
		rows[i] = []string{cutText(v.Name, longName), strings.TrimSpace(kind + " " + v.Dtype), valueShape(v)}
	}
	return capped(report.TableSection(title, []string{"name", "type", "shape"}, rows), verbose)
}

// valueShape writes a shape with the names of its dimensions.
func valueShape(v modelfile.Value) string {
	if v.Shape == nil {
		return "any"
	}
	dims := make([]string, len(v.Shape))
	for i, d := range v.Shape {
		switch {
		case d >= 0:
			dims[i] = strconv.FormatInt(d, 10)
		case i < len(v.Symbols) && v.Symbols[i] != "":
			dims[i] = v.Symbols[i]
		default:
			dims[i] = "?"
		}
	}
	return "[" + strings.Join(dims, ", ") + "]"
}

func operatorsSection(operators map[string]int64, verbose bool) report.Section {
	var rows [][]string
	for _, name := range slices.SortedFunc(maps.Keys(operators), func(a, b string) int {
		if d := operators[b] - operators[a]; d != 0 {
			return int(max(-1, min(1, d)))
		}
		return strings.Compare(a, b)
	}) {
		rows = append(rows, []string{cutText(name, longName), report.Thousands(operators[name])})
	}
	return capped(report.TableSection("operators", []string{"operator", ">used"}, rows), verbose)
}

// tensorsSection lists tensors; those of layers that differ in their numbers
// alone share a row.
func tensorsSection(tensors []modelfile.Tensor, verbose bool) report.Section {
	if verbose {
		rows := make([][]string, len(tensors))
		for i, t := range tensors {
			rows[i] = []string{cutText(t.Name, longName), t.Dtype, tensorShape(t.Shape), report.Thousands(t.Bytes)}
		}
		return report.TableSection(tensorCount(len(tensors)), []string{"name", "dtype", "shape", ">bytes"}, rows)
	}
	type group struct {
		name, dtype, shape string
		n, bytes           int64
	}
	var groups []*group
	byKey := map[string]*group{}
	for _, t := range tensors {
		name, shape := withoutNumbers(t.Name), tensorShape(t.Shape)
		key := name + "\x00" + t.Dtype + "\x00" + shape
		g := byKey[key]
		if g == nil {
			g = &group{name: name, dtype: t.Dtype, shape: shape}
			byKey[key] = g
			groups = append(groups, g)
		}
		if g.n++; g.n == 1 {
			g.name = t.Name
		} else {
			g.name = name
		}
		g.bytes += t.Bytes
	}
	rows := make([][]string, len(groups))
	for i, g := range groups {
		rows[i] = []string{cutText(g.name, longName), report.Thousands(g.n), g.dtype, g.shape, report.Thousands(g.bytes)}
	}
	return capped(report.TableSection(tensorCount(len(tensors)), []string{"name", ">tensors", "dtype", "shape", ">bytes"}, rows), verbose)
}

func tensorCount(n int) string {
	if n == 1 {
		return "1 tensor"
	}
	return report.Thousands(int64(n)) + " tensors"
}

// withoutNumbers writes * for the numbers between the dots of a name.
func withoutNumbers(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		if p != "" && strings.Trim(p, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, ".")
}

func tensorShape(shape []int64) string {
	dims := make([]string, len(shape))
	for i, d := range shape {
		dims[i] = strconv.FormatInt(d, 10)
	}
	return "[" + strings.Join(dims, ", ") + "]"
}

// capped keeps the first rows of a table.
func capped(s report.Section, verbose bool) report.Section {
	if n := len(s.Table.Rows); !verbose && n > inspectRows {
		s.Table.Omitted, s.Table.Rows = n-inspectRows, s.Table.Rows[:inspectRows]
	}
	return s
}

func counts(m map[string]int64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+" "+report.Thousands(m[k]))
	}
	return strings.Join(parts, ", ")
}

func opsets(m map[string]int64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		name := k
		if name == "" {
			name = "ai.onnx"
		}
		parts = append(parts, fmt.Sprintf("%s %d", name, m[k]))
	}
	return strings.Join(parts, ", ")
}

func pairs(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, strings.TrimSpace(k+" "+m[k]))
	}
	return strings.Join(parts, ", ")
}

// labels names the first of many.
func labels(all []string, verbose bool) string {
	const few = 10
	if verbose || len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s, … (%s)", strings.Join(all[:few], ", "), report.Thousands(int64(len(all))))
}

func cutText(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
