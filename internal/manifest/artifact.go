package manifest

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/schemas"
	"go.yaml.in/yaml/v3"
)

func (d *document) artifact(kind Kind) *Artifact {
	name := d.get(d.root, "name")
	a := &Artifact{
		Kind:        kind,
		Name:        text(name),
		Path:        d.file,
		Description: text(d.get(d.root, "description")),
		License:     text(d.get(d.root, "license")),
		Pos:         d.pos(d.root),
	}
	if a.Name != "" {
		d.check(name, ref.CheckName(a.Name))
	}
	owners := texts(d.get(d.root, "owners"))
	a.Owners = strs(owners)
	for _, o := range owners {
		d.uses = append(d.uses, use{group: true, name: o.Value, pos: d.pos(o)})
	}
	a.Files = d.files(kind, d.get(d.root, "files"))
	for _, item := range items(d.get(d.root, "checks")) {
		a.Checks = append(a.Checks, d.checkSpec(item))
	}
	if kind == KindModel {
		a.Model = d.model(a)
	} else {
		a.Dataset = d.dataset()
	}
	a.uses = d.uses
	return a
}

func (d *document) files(kind Kind, n *yaml.Node) []FileSet {
	seen := map[string]bool{}
	set := func(split string, nodes []*yaml.Node) FileSet {
		s := FileSet{Split: split}
		for _, p := range nodes {
			glob, err := checkArtifactGlob(p.Value)
			if err != nil {
				d.check(p, err)
				continue
			}
			if seen[glob] {
				d.report(p, "", "path %q is listed twice", clip(p.Value))
			}
			seen[glob] = true
			s.Patterns = append(s.Patterns, Pattern{Glob: glob, Pos: d.pos(p)})
		}
		return s
	}
	if n == nil || n.Kind == yaml.SequenceNode {
		return []FileSet{set("", texts(n))}
	}
	if kind == KindModel {
		return nil // the schema has refused it
	}
	var sets []FileSet
	for _, e := range d.entries(n) {
		d.check(e.key, ref.CheckSplit(e.key.Value))
		sets = append(sets, set(e.key.Value, texts(e.value)))
	}
	return sets
}

func (d *document) dataset() *Dataset {
	ds := &Dataset{Layout: LayoutAuto, CSV: d.csv(d.get(d.root, "csv"))}
	if l := text(d.get(d.root, "layout")); l != "" {
		ds.Layout = Layout(l)
	}
	seen := map[string]bool{}
	for _, item := range items(d.get(d.root, "columns")) {
		name := d.get(item, "name")
		c := Column{
			Name:        text(name),
			Type:        text(d.get(item, "type")),
			Description: text(d.get(item, "description")),
			Nullable:    boolean(d.get(item, "nullable")),
			Min:         number(d.get(item, "min")),
			Max:         number(d.get(item, "max")),
			Pos:         d.pos(item),
		}
		if unique := boolean(d.get(item, "unique")); unique != nil {
			c.Unique = *unique
		}
		for _, v := range items(d.get(item, "values")) {
			c.Values = append(c.Values, d.value(v))
		}
		if c.Name != "" && seen[c.Name] {
			d.report(name, "", "column %q is declared twice", clip(c.Name))
		}
		seen[c.Name] = true
		d.checkMinMax(item, c.Min, c.Max)
		ds.Columns = append(ds.Columns, c)
	}
	return ds
}

func (d *document) csv(n *yaml.Node) CSV {
	char := func(key string) byte {
		value := d.get(n, key)
		if value == nil {
			return 0
		}
		b := byte(0)
		if len(value.Value) == 1 {
			b = value.Value[0]
		}
		if b == 0 || b == '\n' || b == '\r' || b >= 0x7f || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' {
			d.report(value, "a tab is \"\\t\"", "%s %q: expected one ASCII character that is no letter, digit or line end", key, clip(value.Value))
		}
		return b
	}
	c := CSV{Delimiter: char("delimiter"), Quote: char("quote"), Encoding: text(d.get(n, "encoding"))}
	if header := boolean(d.get(n, "header")); header != nil {
		c.NoHeader = !*header
	}
	if c.Delimiter != 0 && (c.Delimiter == c.Quote || c.Quote == 0 && c.Delimiter == '"') {
		d.report(d.get(n, "delimiter"), "", "delimiter and quote are the same")
	}
	return c
}

func (d *document) checkMinMax(n *yaml.Node, low, high *float64) {
	if low != nil && high != nil && *low > *high {
		d.report(d.get(n, "min"), "", "min (%v) is above max (%v)", *low, *high)
	}
}

// commonKeys are the keys of an entry of checks: that CheckSpec has fields for.
var commonKeys = []string{"check", "severity", "mostly", "where", "groupBy", "column", "columns", "split", "splits", "between"}

func (d *document) checkSpec(n *yaml.Node) CheckSpec {
	c := CheckSpec{
		Check:    text(d.get(n, "check")),
		Severity: severity(d.get(n, "severity")),
		Mostly:   number(d.get(n, "mostly")),
		Where:    text(d.get(n, "where")),
		GroupBy:  strs(texts(d.get(n, "groupBy"))),
		Params:   map[string]any{},
		Pos:      d.pos(n),
	}
	c.Columns = strs(d.oneOf(n, "column", "columns"))
	c.Splits = strs(d.oneOf(n, "split", "splits", "between"))
	for _, e := range d.entries(n) {
		if !slices.Contains(commonKeys, e.key.Value) {
			c.Params[e.key.Value] = d.value(e.value)
		}
	}
	return c
}

// oneOf returns the texts of whichever of keys is there and reports a second.
func (d *document) oneOf(n *yaml.Node, keys ...string) []*yaml.Node {
	var out []*yaml.Node
	first := ""
	for _, e := range d.entries(n) {
		switch {
		case !slices.Contains(keys, e.key.Value):
		case first != "":
			d.report(e.key, "keep one of them", "%s says the same as %s", e.key.Value, first)
		default:
			first = e.key.Value
			out = texts(e.value)
		}
	}
	return out
}

func severity(n *yaml.Node) report.Severity {
	if s := text(n); s != "" {
		return report.Severity(s)
	}
	return report.Error
}

// checkFormat holds a text to one of the formats that waybill's schemas name.
func (d *document) checkFormat(n *yaml.Node, format string) {
	switch format {
	case schemas.FormatDuration:
		_, err := ParseDuration(n.Value)
		d.check(n, err)
	case schemas.FormatSize:
		_, err := ParseSize(n.Value)
		d.check(n, err)
	case schemas.FormatGlob:
		_, err := checkArtifactGlob(n.Value)
		d.check(n, err)
	case schemas.FormatReference:
		if r, ok := d.reference(n); ok && r.Stage != "" {
			d.uses = append(d.uses, use{name: r.Stage, pos: d.pos(n)})
		}
	case schemas.FormatSplit:
		d.checkSplit(n)
	}
}

// reference parses a reference, which may be relative to the artifact.
func (d *document) reference(n *yaml.Node) (ref.Reference, bool) {
	name := text(d.get(d.root, "name"))
	if ref.CheckName(name) != nil {
		name = "unnamed" // reported for the name itself
	}
	r, err := ref.ParseRelative(n.Value, name)
	d.check(n, err)
	return r, err == nil
}

func (d *document) checkSplit(n *yaml.Node) {
	files := d.get(d.root, "files")
	if files == nil || d.bad[files] {
		return
	}
	if d.splits == nil {
		d.splits = []string{}
		for _, e := range d.entries(files) {
			d.splits = append(d.splits, e.key.Value)
		}
	}
	switch {
	case len(d.splits) == 0:
		d.report(n, "name splits there, as in files: {train: …, test: …}", "split %q: files has no splits", clip(n.Value))
	case d.get(files, n.Value) == nil:
		d.report(n, d.nearestOrAll(n.Value, d.splits), "unknown split %q", clip(n.Value))
	}
}

// use is a stage or a group of the project that an artifact names.
type use struct {
	group bool
	name  string
	pos   Pos
}

// Check tells what an artifact names that this project does not declare:
// stages in references and under deploy:, and, where the project has people:,
// owners. The error is of type Errors.
func (p *Project) Check(a *Artifact) error {
	var groups []string
	for g := range p.People {
		groups = append(groups, g)
	}
	slices.Sort(groups)
	stages := p.StageNames()
	var errs Errors
	for _, u := range a.uses {
		known, what, where := stages, "stage", "stages"
		if u.group {
			known, what, where = groups, "group", "people"
		}
		if slices.Contains(known, u.name) || u.group && len(groups) == 0 {
			continue
		}
		errs = append(errs, &Error{
			Pos:     u.pos,
			Message: fmt.Sprintf("%s %q is not in %s of %s", what, clip(u.name), where, ProjectFile),
			Hint:    nearestOrAll(u.name, known),
		})
	}
	if len(errs) == 0 {
		return nil
	}
	return errs.sorted()
}
