package datacheck

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/ref"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// specsOf returns the entries of checks: and, before them, those that columns:
// means.
func specsOf(a *manifest.Artifact) []manifest.CheckSpec {
	var specs []manifest.CheckSpec
	var columns []manifest.Column
	if a.Dataset != nil {
		columns = a.Dataset.Columns
	}
	asked := slices.ContainsFunc(a.Checks, func(s manifest.CheckSpec) bool { return s.Check == schemaRule.ID })
	if len(columns) > 0 && !asked {
		specs = append(specs, manifest.CheckSpec{Check: schemaRule.ID, Pos: columns[0].Pos})
	}
	for _, c := range columns {
		one := func(check string, params map[string]any) {
			specs = append(specs, manifest.CheckSpec{Check: check, Columns: []string{c.Name}, Params: params, Pos: c.Pos})
		}
		if c.Nullable != nil && !*c.Nullable {
			one(columnNotNull.ID, nil)
		}
		if c.Unique {
			one(columnUnique.ID, nil)
		}
		if len(c.Values) > 0 {
			one(columnValues.ID, map[string]any{"values": c.Values})
		}
		if c.Min != nil || c.Max != nil {
			params := map[string]any{}
			if c.Min != nil {
				params["min"] = *c.Min
			}
			if c.Max != nil {
				params["max"] = *c.Max
			}
			one(columnRange.ID, params)
		}
	}
	return append(specs, a.Checks...)
}

// bound is an entry with its plan, or with the findings that stand already.
type bound struct {
	rule    Rule
	spec    manifest.CheckSpec
	plan    Plan
	settled []report.Finding
}

// bind makes plans of all entries. Mistakes of the manifest are returned
// together.
func (r *run) bind() ([]*bound, error) {
	var out []*bound
	var mistakes manifest.Errors
	for _, spec := range specsOf(r.artifact) {
		b, err := r.bindOne(spec)
		if err == nil {
			out = append(out, b)
			continue
		}
		one := new(manifest.Error)
		if !errors.As(err, &one) {
			return nil, fmt.Errorf("check %s: %w", r.artifact.Name, err)
		}
		mistakes = append(mistakes, one)
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return out, nil
}

func (r *run) bindOne(spec manifest.CheckSpec) (*bound, error) {
	rule, ok := ruleOf(spec.Check)
	if !ok {
		hint := ""
		if near := ref.Nearest(spec.Check, ruleIDs()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, mistake(spec, fmt.Sprintf("there is no check %q", spec.Check), hint)
	}
	b := &bound{rule: rule, spec: spec}
	for _, s := range spec.Splits {
		if _, ok := r.files[s]; !ok {
			return nil, mistake(spec, fmt.Sprintf("%s: there is no split %q", spec.Check, s), "the splits are "+list(r.splits, 20))
		}
	}
	splits := r.chosen(spec.Splits)
	have, absent := r.schemaOf(splits)
	if r.unread(splits) != "" {
		// What the columns are is not known; see judge.
		return b, nil
	}
	if rule.ID == schemaRule.ID {
		spec.Params = maps.Clone(spec.Params)
		if spec.Params == nil {
			spec.Params = map[string]any{}
		}
		d := declaredColumns{absent: absent}
		if r.artifact.Dataset != nil {
			d.columns = r.artifact.Dataset.Columns
		}
		spec.Params["declared"] = d
	}
	names := append(slices.Clone(spec.Columns), spec.GroupBy...)
	if spec.Where != "" {
		inWhere, err := namesIn(spec.Where)
		if err != nil {
			return nil, whereMistake(spec, err)
		}
		for _, n := range sortedKeys(inWhere) {
			// Other names than columns are for the compiler to judge.
			if r.declares(n) || absent[n] != "" {
				names = append(names, n)
			}
		}
	}
	for _, n := range names {
		if have.Index(n) < 0 || absent[n] != "" {
			b.settled = append(b.settled, missingColumn(n, absent[n], have))
		}
	}
	if len(b.settled) > 0 {
		return b, nil
	}
	var err error
	b.plan, err = rule.Bind(spec, have)
	return b, err
}

func (r *run) declares(column string) bool {
	return r.artifact.Dataset != nil && slices.ContainsFunc(r.artifact.Dataset.Columns, func(c manifest.Column) bool { return c.Name == column })
}

// chosen returns the splits that an entry is about.
func (r *run) chosen(splits []string) []string {
	if len(splits) == 0 {
		return r.splits
	}
	return splits
}

// schemaOf returns the columns of some splits together, with declared types
// where the files have none, and those that one of the splits lacks.
func (r *run) schemaOf(splits []string) (have table.Schema, absent map[string]string) {
	absent = map[string]string{}
	for _, s := range splits {
		for _, f := range r.schemas[s] {
			if have.Index(f.Name) < 0 {
				have = append(have, f)
			}
		}
	}
	for i, f := range have {
		for _, s := range splits {
			if r.schemas[s].Index(f.Name) < 0 {
				absent[f.Name] = s
			}
		}
		if f.Type.Kind != table.Untyped || r.artifact.Dataset == nil {
			continue
		}
		for _, c := range r.artifact.Dataset.Columns {
			if t, err := table.ParseType(c.Type); err == nil && c.Name == f.Name {
				have[i].Type = t
			}
		}
	}
	return have, absent
}
