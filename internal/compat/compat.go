// Package compat tells whether the callers of a model break when one version
// takes the place of another.
//
// A [Described] model is what its files and its manifest say of it; [Check]
// holds two of them against the rules of a [Config] and returns the
// [Break]s. [Rules] is the catalog: every rule says what it compares, why a
// change breaks callers, and gives an example.
//
//	before, after := compat.Of(old, oldBytes), compat.Of(new, newBytes)
//	breaks := compat.Check(compat.Described{File: before}, compat.Described{File: after}, compat.Config{})
//
// Inputs are contravariant: a model may accept more than before (a wider type,
// a dimension that became free, an input that became optional). Outputs are
// covariant: it may return less (a narrower type, a dimension that became
// fixed). What a side does not tell is not compared: nothing is guessed.
//
// Everything here is arithmetic over facts: no files, no network.
package compat

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// Class is how much of a change counts as a break. Each class has all rules of
// the next: STRICT ⊃ CLIENT ⊃ SEMANTIC.
type Class string

const (
	// Strict is everything that a caller or operator could notice.
	Strict Class = "STRICT"
	// Client is what makes a call fail that worked. It is the default.
	Client Class = "CLIENT"
	// Semantic is what makes answers wrong without any error.
	Semantic Class = "SEMANTIC"
)

// Classes are the classes, the widest first.
var Classes = []Class{Strict, Client, Semantic}

// includes tells whether a rule of class rule counts where c is in use.
func (c Class) includes(rule Class) bool {
	return slices.Index(Classes, cmp.Or(c, Client)) <= slices.Index(Classes, rule)
}

// Interface is what callers of a model rely on, as one source tells it. Nil
// and zero mean that the source does not tell.
type Interface struct {
	Inputs, Outputs []Port
	Labels          []string // of classes, in the order of the output's indices
	Features        []string // columns of a table, in the order in which they are fed

	Preprocessing string // digest of what turns data into inputs
	Tokenizer     string // digest of the vocabulary
	Vocabulary    int64  // entries
	Context       int64  // longest input in tokens
	Embedding     int64  // width
	ChatTemplate  string

	Format       string
	IR           int64            // ONNX
	Opsets       map[string]int64 // ONNX: version by domain, "" is ai.onnx
	CustomOps    []string         // operators outside the standard domains, sorted
	Frameworks   map[string]string
	Quantization string
	License      string
	BaseModel    string
	Parameters   int64
	Bytes        int64
}

// Port is an input or output. A dimension below zero is free.
type Port struct {
	Name     string
	Kind     string // "tensor", "sequence", "map"
	Type     string // as manifests write it: "float32"; "" unknown
	Shape    []int64
	Ranked   bool // Shape is known; false says nothing of it
	Optional bool
}

// Described is a model: what its files tell, and what its manifest declares
// under interface:. The two may speak of different things (tensors of a file,
// fields of a service), so each is compared with its own kind.
type Described struct {
	File     Interface
	Manifest Interface
}

// Config says which rules are in use. The zero value is CLIENT.
type Config struct {
	Use    Class
	Except []string // rules that are not
	Ignore []Ignore
}

// Ignore lets one rule pass for one name, or for all names when Name is "".
type Ignore struct {
	Rule, Name, Reason string
}

// has tells whether a rule is in use.
func (c Config) has(r *Rule) bool {
	return c.Use.includes(r.Class) && !slices.Contains(c.Except, r.ID)
}

// EnforcesVersion tells whether a break needs a major version.
func (c Config) EnforcesVersion() bool {
	r := rule(MinSemverBump)
	return c.has(r) && !slices.ContainsFunc(c.Ignore, func(i Ignore) bool { return i.Rule == r.ID && i.Name == "" })
}

// Break is one way in which callers break.
type Break struct {
	Rule    string `json:"rule"`
	Class   Class  `json:"class"`
	Name    string `json:"name,omitempty"` // of the input, output, label, domain
	Message string `json:"message"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	// Ignored is the reason for which the configuration lets it pass.
	Ignored string `json:"ignored,omitempty"`
}

// Check returns the breaks of the rules in use, in the order of the catalog.
// Those that Config.Ignore names are among them, with their reason.
func Check(before, after Described, c Config) []Break {
	file := compare(before.File, after.File, before.prepared(), c)
	declared := compare(before.Manifest, withdrawn(before.Manifest, after), before.prepared(), c)
	for _, b := range declared {
		same := func(o Break) bool { return o.Rule == b.Rule && o.Name == b.Name }
		if !slices.ContainsFunc(file, same) {
			file = append(file, b)
		}
	}
	sorting.Stable(file, func(a, b Break) int { return cmp.Compare(order[a.Rule], order[b.Rule]) })
	return file
}

// withdrawn is what a manifest declares. One that declared an interface and no
// longer does has withdrawn what the files do not tell in its place.
func withdrawn(before Interface, after Described) Interface {
	now := after.Manifest
	if before.Inputs != nil && now.Inputs == nil && after.File.Inputs == nil {
		now.Inputs = []Port{}
	}
	if before.Outputs != nil && now.Outputs == nil && after.File.Outputs == nil {
		now.Outputs = []Port{}
	}
	if before.Labels != nil && now.Labels == nil && after.File.Labels == nil {
		now.Labels = []string{}
	}
	return now
}

// prepared tells whether callers turn data into the model's numbers themselves.
// Whoever sends text, or loads the files with what reads them, gets the
// preprocessing of a version with the version. What is declared is what
// callers see; a service may take text where the file takes ids.
func (d Described) prepared() bool {
	inputs := d.File.Inputs
	if d.Manifest.Inputs != nil {
		inputs = d.Manifest.Inputs
	}
	return len(inputs) > 0 && !slices.ContainsFunc(inputs, func(p Port) bool {
		_, number := numbers[p.Type]
		return !number
	})
}

// Breaking are the breaks that nothing lets pass.
func Breaking(breaks []Break) []Break {
	return slices.DeleteFunc(slices.Clone(breaks), func(b Break) bool { return b.Ignored != "" })
}

func compare(before, after Interface, prepared bool, c Config) []Break {
	x := newPair(before, after)
	x.prepared = prepared
	var out []Break
	for i := range catalog {
		r := &catalog[i]
		if r.compare == nil || !c.has(r) {
			continue
		}
		for _, b := range r.compare(x) {
			b.Rule, b.Class = r.ID, r.Class
			for _, i := range c.Ignore {
				if i.Rule == b.Rule && (i.Name == "" || i.Name == b.Name) {
					b.Ignored = cmp.Or(i.Reason, "ignored")
				}
			}
			out = append(out, b)
		}
	}
	return out
}

// pair is two interfaces, with their ports matched.
type pair struct {
	before, after Interface
	inputs        match
	outputs       match
	prepared      bool // callers make the inputs' numbers themselves
}

func newPair(before, after Interface) *pair {
	x := &pair{before: before, after: after}
	if before.Inputs != nil && after.Inputs != nil {
		x.inputs = matchPorts(before.Inputs, after.Inputs)
	}
	if before.Outputs != nil && after.Outputs != nil {
		x.outputs = matchPorts(before.Outputs, after.Outputs)
	}
	return x
}

// match says which ports of two lists are the same.
type match struct {
	both    [][2]Port // by name
	renamed [][2]Port
	removed []Port
	added   []Port
}

// matchPorts matches by name. A port that is gone and one that came at its
// place with the same kind, type and shape are one that was renamed.
func matchPorts(before, after []Port) match {
	var m match
	was := make(map[string]Port, len(before))
	for _, p := range before {
		was[p.Name] = p
	}
	is := make(map[string]bool, len(after))
	for _, p := range after {
		is[p.Name] = true
		if old, ok := was[p.Name]; ok {
			m.both = append(m.both, [2]Port{old, p})
		}
	}
	came := map[string]bool{}
	for i, p := range before {
		if is[p.Name] {
			continue
		}
		if i < len(after) {
			q := after[i]
			if _, known := was[q.Name]; !known && p.Kind == q.Kind && p.Type == q.Type && p.Ranked == q.Ranked && slices.Equal(p.Shape, q.Shape) {
				m.renamed = append(m.renamed, [2]Port{p, q})
				came[q.Name] = true
				continue
			}
		}
		m.removed = append(m.removed, p)
	}
	for _, p := range after {
		if _, known := was[p.Name]; !known && !came[p.Name] {
			m.added = append(m.added, p)
		}
	}
	return m
}

// String writes a port like "float32[-1,3]".
func (p Port) String() string {
	s := cmp.Or(p.Type, "?")
	if p.Kind != "" && p.Kind != "tensor" {
		s = p.Kind + " of " + s
	}
	if p.Ranked {
		dims := make([]string, len(p.Shape))
		for i, d := range p.Shape {
			dims[i] = dim(d)
		}
		s += "[" + strings.Join(dims, ",") + "]"
	}
	if p.Optional {
		s += " (optional)"
	}
	return s
}

func dim(d int64) string {
	if d < 0 {
		return "free"
	}
	return fmt.Sprint(d)
}
