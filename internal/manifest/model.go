package manifest

import (
	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/internal/ref"
)

// defaultConfidence is the confidence level of gates that name none.
const defaultConfidence = 0.95

func (d *document) model(a *Artifact) *Model {
	dir := a.Dir()
	environment := d.get(d.root, "environment")
	m := &Model{
		Task: text(d.get(d.root, "task")),
		Card: d.filePath(dir, d.get(d.root, "card")),
		Code: d.repositoryGlobs(dir, d.get(d.root, "code")),
		Environment: Environment{
			Image: text(d.get(environment, "image")),
		},
		Interface:  d.modelInterface(d.get(d.root, "interface")),
		Evaluation: d.evaluation(dir, d.get(d.root, "evaluation")),
		Deploy:     map[string][]DeployTarget{},
	}
	m.Compatibility = d.compatibility(d.get(d.root, "compatibility"))
	for _, item := range items(d.get(d.root, "ignore")) {
		m.Ignore = append(m.Ignore, d.waiver(item))
	}
	if b := boolean(d.get(d.root, "kubernetes")); b != nil {
		m.Kubernetes = *b
	}
	for _, n := range texts(d.get(environment, "lockfiles")) {
		m.Environment.Lockfiles = append(m.Environment.Lockfiles, d.filePath(dir, n))
	}
	for _, e := range d.entries(d.get(d.root, "datasets")) {
		if ref.CheckSplit(e.key.Value) != nil {
			d.report(e.key, "", "role %q: use letters, digits, - and _, at most 64", clip(e.key.Value))
		}
		if text(e.value) == "" || d.bad[e.value] {
			continue
		}
		r, _ := d.reference(e.value)
		if r.Name == a.Name && a.Name != "" {
			d.report(e.value, "name a dataset", "a model cannot be made from itself")
		}
		m.Datasets = append(m.Datasets, DatasetUse{Role: e.key.Value, Ref: r, Pos: d.pos(e.value)})
	}
	for _, item := range items(d.get(d.root, "gates")) {
		m.Gates = append(m.Gates, d.gate(item))
	}
	for _, e := range d.entries(d.get(d.root, "deploy")) {
		d.check(e.key, ref.CheckStage(e.key.Value))
		d.uses = append(d.uses, use{name: e.key.Value, pos: d.pos(e.key)})
		m.Deploy[e.key.Value] = d.deployTargets(dir, e.value)
	}
	return m
}

// filePath checks the path of one file anywhere in the repository.
func (d *document) filePath(dir string, n *yaml.Node) string {
	if text(n) == "" {
		return ""
	}
	p, err := checkRepositoryPath(dir, n.Value)
	d.check(n, err)
	return p
}

func (d *document) repositoryGlobs(dir string, n *yaml.Node) []string {
	var globs []string
	for _, item := range texts(n) {
		p, err := checkRepositoryGlob(dir, item.Value)
		d.check(item, err)
		globs = append(globs, p)
	}
	return globs
}

func (d *document) modelInterface(n *yaml.Node) Interface {
	return Interface{
		Inputs:  d.ports("input", d.get(n, "inputs")),
		Outputs: d.ports("output", d.get(n, "outputs")),
		Labels:  strs(texts(d.get(n, "labels"))),
	}
}

func (d *document) compatibility(n *yaml.Node) Compatibility {
	if n == nil {
		return Compatibility{}
	}
	c := Compatibility{Use: text(d.get(n, "use")), Except: strs(texts(d.get(n, "except"))), Pos: d.pos(n)}
	for _, item := range items(d.get(n, "ignore")) {
		c.Ignore = append(c.Ignore, CompatibilityIgnore{
			Rule:   text(d.get(item, "rule")),
			Name:   text(d.get(item, "name")),
			Reason: text(d.get(item, "reason")),
			Pos:    d.pos(item),
		})
	}
	return c
}

func (d *document) waiver(n *yaml.Node) Waiver {
	w := Waiver{Rule: text(d.get(n, "rule")), Path: text(d.get(n, "path")), Reason: text(d.get(n, "reason")), By: text(d.get(n, "by")), Pos: d.pos(n)}
	if w.Path != "" && !doublestar.ValidatePattern(w.Path) {
		d.report(d.get(n, "path"), "write a glob like \"old/*.pkl\"", "%q is no glob", clip(w.Path))
	}
	if expires := d.get(n, "expires"); text(expires) != "" {
		var err error
		w.Expires, err = parseDate(expires.Value)
		d.check(expires, err)
	}
	return w
}

func (d *document) ports(what string, n *yaml.Node) []Port {
	var ports []Port
	seen := map[string]bool{}
	for _, item := range items(n) {
		name := d.get(item, "name")
		p := Port{Name: text(name), Type: text(d.get(item, "type"))}
		if p.Name != "" && seen[p.Name] {
			d.report(name, "", "%s %q is declared twice", what, clip(p.Name))
		}
		seen[p.Name] = true
		for _, dim := range items(d.get(item, "shape")) {
			size, _ := whole(dim)
			p.Shape = append(p.Shape, size)
		}
		ports = append(ports, p)
	}
	return ports
}

func (d *document) evaluation(dir string, n *yaml.Node) *Evaluation {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	e := &Evaluation{
		Predictions: d.filePath(dir, d.get(n, "predictions")),
		Key:         text(d.get(n, "key")),
		Label:       text(d.get(n, "label")),
		Prediction:  text(d.get(n, "prediction")),
		Score:       text(d.get(n, "score")),
		Slices:      strs(texts(d.get(n, "slices"))),
		Task:        text(d.get(n, "task")),
		Threshold:   number(d.get(n, "threshold")),
		Query:       text(d.get(n, "query")),
		Cluster:     text(d.get(n, "cluster")),
		Search:      strs(texts(d.get(n, "search"))),
		Pos:         d.pos(n),
	}
	if scores := d.get(n, "scores"); scores != nil && scores.Kind == yaml.MappingNode {
		e.Scores = map[string]string{}
		for i := 0; i+1 < len(scores.Content); i += 2 {
			e.Scores[scores.Content[i].Value] = text(scores.Content[i+1])
		}
	}
	if positive := d.get(n, "positive"); positive != nil {
		e.Positive = d.value(positive)
	}
	if d.get(n, "prediction") == nil && d.get(n, "score") == nil && d.get(n, "scores") == nil {
		d.report(n, "name the column of the predicted label or value, of the score, or both", "evaluation: neither prediction nor score is given")
	}
	return e
}

func (d *document) gate(n *yaml.Node) Gate {
	g := Gate{
		Metric:         text(d.get(n, "metric")),
		Min:            number(d.get(n, "min")),
		Max:            number(d.get(n, "max")),
		NotWorseThan:   d.baseline(d.get(n, "notWorseThan")),
		BetterThan:     d.baseline(d.get(n, "betterThan")),
		Margin:         number(d.get(n, "margin")),
		Relative:       number(d.get(n, "relative")),
		Confidence:     defaultConfidence,
		Slices:         strs(texts(d.get(n, "slices"))),
		FirstRelease:   text(d.get(n, "firstRelease")),
		OnInconclusive: "fail",
		Severity:       severity(d.get(n, "severity")),
		Pos:            d.pos(n),
	}
	if c := number(d.get(n, "confidence")); c != nil {
		g.Confidence, g.Sure = *c, true
	}
	if s := text(d.get(n, "onInconclusive")); s != "" {
		g.OnInconclusive = s
	}
	if per := d.get(n, "perSlice"); per != nil {
		rows, _ := whole(d.get(per, "minRows"))
		g.PerSlice = &PerSlice{MinRows: rows, Margin: number(d.get(per, "margin"))}
	}
	d.checkGate(n, &g)
	return g
}

func (d *document) baseline(n *yaml.Node) *ref.Reference {
	if text(n) == "" || d.bad[n] {
		return nil
	}
	r, ok := d.reference(n)
	if !ok {
		return nil
	}
	if r.Split != "" {
		d.report(n, "", "%q: a model has no splits", clip(n.Value))
	}
	return &r
}

// checkGate looks at how the keys of a gate go together.
func (d *document) checkGate(n *yaml.Node, g *Gate) {
	if n.Kind != yaml.MappingNode {
		return
	}
	has := func(key string) bool { return d.get(n, key) != nil }
	d.checkMinMax(n, g.Min, g.Max)
	compares := has("notWorseThan") || has("betterThan")
	if !compares && !has("min") && !has("max") {
		d.report(n, "add min, max, notWorseThan or betterThan", "a gate without a condition")
		return
	}
	second := func(a, b string) {
		if has(a) && has(b) {
			d.report(d.get(n, b), "make two gates of it, or keep one", "%s and %s stand in one gate", a, b)
		}
	}
	second("notWorseThan", "betterThan")
	second("margin", "relative")
	if !compares {
		for _, key := range []string{"margin", "relative", "firstRelease"} {
			if has(key) {
				d.report(d.get(n, key), "add notWorseThan or betterThan, or remove it", "%s has no effect in a gate that compares with nothing", key)
			}
		}
	}
	if has("perSlice") && !has("slices") {
		d.report(d.get(n, "perSlice"), "add slices, or remove it", "perSlice has no effect without slices")
	}
}
