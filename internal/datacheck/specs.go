package datacheck

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	part    string // the rule within it that this is, "" for all of it
	spec    manifest.CheckSpec
	plan    Plan
	settled []report.Finding
	other   *compared // of a plan that compares, once known
}

// subject is what the entry is about, for findings that its rule does not make.
func (b *bound) subject() string {
	return cmp.Or(b.plan.Subject, strings.Join(b.spec.Columns, ", "))
}

// bind makes plans of all entries. Mistakes of the manifest are returned
// together.
func (r *run) bind() ([]*bound, error) {
	var out []*bound
	var mistakes manifest.Errors
	for _, spec := range specsOf(r.artifact) {
		bs, err := r.bindEntry(spec)
		if err == nil {
			out = append(out, bs...)
			continue
		}
		if several := (manifest.Errors)(nil); errors.As(err, &several) {
			mistakes = append(mistakes, several...)
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

// bindEntry makes the plan of an entry, or those of the contract that it names.
func (r *run) bindEntry(spec manifest.CheckSpec) ([]*bound, error) {
	b, err := r.bindOne(spec)
	if err != nil || spec.Check != contractRule.ID {
		return []*bound{b}, err
	}
	return r.bindContract(b)
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
	switch rule.ID {
	case schemaRule.ID:
		d := declaredColumns{absent: absent}
		if r.artifact.Dataset != nil {
			d.columns = r.artifact.Dataset.Columns
		}
		spec.Params = with(spec.Params, "declared", d)
	case tableColumns.ID:
		var of []splitSchema
		for _, s := range splits {
			of = append(of, splitSchema{s, r.schemas[s].Names()})
		}
		spec.Params = with(spec.Params, "schemas", of)
	case schemaChange.ID:
		spec.Params = with(spec.Params, "files", r.filesSchema(splits))
	case tableFreshness.ID:
		if r.opts.Now != nil {
			spec.Params = with(spec.Params, "now", r.opts.Now())
		}
	case splitOverlap.ID, splitNearOverlap.ID, splitRatio.ID, labelNew.ID, leakageDate.ID:
		spec.Params = with(spec.Params, "files", splitFiles{r.splitOf, absent})
	}
	names := append(slices.Clone(spec.Columns), spec.GroupBy...)
	for _, key := range []string{"where", "expression"} {
		text := spec.Where
		if key == "expression" {
			text, _ = spec.Params[key].(string)
		}
		if text == "" {
			continue
		}
		v, err := inspect(text)
		if err != nil {
			return nil, exprMistake(spec, key, err)
		}
		for _, n := range sortedKeys(v.names) {
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

// with returns params with one more.
func with(params map[string]any, key string, v any) map[string]any {
	params = maps.Clone(params)
	if params == nil {
		params = map[string]any{}
	}
	params[key] = v
	return params
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
// where the files have none, and those that one of the splits lacks. Nobody
// changes them: checks of the same splits share the answer.
func (r *run) schemaOf(splits []string) (have table.Schema, absent map[string]string) {
	key := strings.Join(splits, "\x00")
	u, ok := r.unions[key]
	if !ok {
		u.have, u.absent = r.union(splits)
		r.unions[key] = u
	}
	return slices.Clip(u.have), u.absent
}

// union is what schemaOf returns.
type union struct {
	have   table.Schema
	absent map[string]string
}

// filesSchema returns the columns of some splits together, with the types that
// the files give them: those of the first split that has them.
func (r *run) filesSchema(splits []string) (have table.Schema) {
	for _, s := range splits {
		for _, f := range r.schemas[s] {
			if have.Index(f.Name) < 0 {
				have = append(have, f)
			}
		}
	}
	return have
}

func (r *run) union(splits []string) (have table.Schema, absent map[string]string) {
	absent = map[string]string{}
	have = r.filesSchema(splits)
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
