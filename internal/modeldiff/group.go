package modeldiff

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/internal/sorting"
)

// Group is what happened to the tensors of like layers.
type Group struct {
	What    string `json:"what"`    // "added", "changed", …
	Pattern string `json:"pattern"` // "model.layers.0-31.mlp.*", or the name of the only one
	Tensors int    `json:"tensors"`
	Bytes   int64  `json:"bytes"`
	// MeanRelative is the mean of the relative changes that are known, Largest
	// the tensor with the largest one.
	MeanRelative *float64 `json:"meanRelative,omitempty"`
	MaxRelative  *float64 `json:"maxRelative,omitempty"`
	Largest      string   `json:"largest,omitempty"`
}

// groups gathers tensors under patterns.
type groups struct {
	byKey map[[2]string]*gathered
}

type gathered struct {
	Group
	first   string
	layers  map[int]bool
	sum     float64
	known   int
	pattern pattern
}

// pattern is a name without its layer and what comes after the part that the
// layer consists of.
type pattern struct {
	before, after string
	layered       bool
}

func (t *Tensors) group() []Group {
	g := groups{map[[2]string]*gathered{}}
	for _, x := range t.Added {
		g.add("added", x.Name, x.Bytes, nil)
	}
	for _, x := range t.Removed {
		g.add("removed", x.Name, x.Bytes, nil)
	}
	for _, x := range t.Renamed {
		g.add("renamed", x.Name.To, x.Bytes, nil)
	}
	for _, x := range t.Reshaped {
		g.add("reshaped", x.Name, 0, nil)
	}
	for _, x := range t.Retyped {
		g.add("retyped to "+x.Dtype.To, x.Name, 0, x.Norms)
	}
	for _, x := range t.Moved {
		g.add("moved", x.Name, 0, nil)
	}
	for _, x := range t.Changed {
		g.add("changed", x.Name, x.Bytes, x.Norms)
	}
	return g.list()
}

func (g *groups) add(what, name string, bytes int64, n *Norms) {
	p, layer := patternOf(name)
	key := [2]string{what, p.before + "\x00" + p.after}
	x := g.byKey[key]
	if x == nil {
		x = &gathered{Group: Group{What: what}, first: name, layers: map[int]bool{}, pattern: p}
		g.byKey[key] = x
	}
	x.Tensors++
	x.Bytes += bytes
	if p.layered {
		x.layers[layer] = true
	}
	if n == nil || n.Relative == nil {
		return
	}
	x.known++
	x.sum += *n.Relative
	if x.MaxRelative == nil || *n.Relative > *x.MaxRelative {
		x.MaxRelative, x.Largest = n.Relative, name
	}
}

func (g *groups) list() []Group {
	out := []Group{}
	order := []string{"added", "removed", "renamed", "moved", "reshaped", "retyped", "changed"}
	for _, x := range g.byKey {
		x.Pattern = x.first
		if x.Tensors > 1 {
			x.Pattern = x.pattern.with(x.layers)
		}
		if x.known > 0 {
			mean := x.sum / float64(x.known)
			x.MeanRelative = &mean
		}
		out = append(out, x.Group)
	}
	rank := func(what string) int {
		first, _, _ := strings.Cut(what, " ")
		return slices.Index(order, first)
	}
	sorting.By(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(rank(a.What), rank(b.What)), strings.Compare(a.What, b.What), cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Pattern, b.Pattern))
	})
	return out
}

// patternOf takes "model.layers.7.mlp.up.weight" apart: the layer is the first
// part that is a number; the part after it says what of the layer it is. Names
// without a layer are gathered under all but their last part. GGUF writes
// "blk.7.attn_q.weight", Flax and TensorFlow "/" for ".".
func patternOf(name string) (pattern, int) {
	sep := "."
	if !strings.Contains(name, sep) && strings.Contains(name, "/") {
		sep = "/"
	}
	parts := strings.Split(name, sep)
	for i, part := range parts {
		layer, err := strconv.Atoi(part)
		if err != nil || layer < 0 || strconv.Itoa(layer) != part || i == 0 {
			continue
		}
		p := pattern{before: strings.Join(parts[:i], sep) + sep, layered: true}
		switch rest := parts[i+1:]; {
		case len(rest) == 1:
			p.after = sep + rest[0]
		case len(rest) > 1:
			p.after = sep + rest[0] + sep + "*"
		}
		return p, layer
	}
	if len(parts) == 1 {
		return pattern{before: name}, 0
	}
	return pattern{before: strings.Join(parts[:len(parts)-1], sep) + sep, after: "*"}, 0
}

func (p pattern) with(layers map[int]bool) string { return p.before + ranges(layers) + p.after }

// ranges writes numbers like "0-31,33".
func ranges(set map[int]bool) string {
	const most = 6
	var numbers []int
	for n := range set {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if j > i {
			parts = append(parts, fmt.Sprintf("%d-%d", numbers[i], numbers[j]))
		} else {
			parts = append(parts, strconv.Itoa(numbers[i]))
		}
		i = j + 1
	}
	if len(parts) > most {
		parts = append(parts[:most-1], "…", parts[len(parts)-1])
	}
	return strings.Join(parts, ",")
}
