package datacheck

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/odcs"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

type contractParams struct {
	File   string `param:"file,required" doc:"The contract, a YAML file of the Open Data Contract Standard v3.0 to v3.2: relative to the manifest, or with a leading / to the repository's root."`
	Schema string `param:"schema" doc:"Which schema object of the contract the data is. Default: the only one, or the one called like the dataset."`
}

// contractRule is bound like others, which compiles where: and groupBy:. The
// checks that the contract asks for are then made by bindContract.
var contractRule = Rule{
	ID:     "contract",
	Doc:    "The data keeps a data contract of the Open Data Contract Standard: its columns, their logical types and options, keys, and the library metrics among its quality rules.",
	Params: contractParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p contractParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		return plan, refuse(spec, "mostly", "column")
	},
}

// maxTerms is how many properties, options and quality rules an object may have.
const maxTerms = 10_000

// bindContract makes checks of all that the contract of an entry asks for. b
// is the entry's own, whose plan has the splits and the filter.
func (r *run) bindContract(b *bound) ([]*bound, error) {
	spec := b.spec
	if r.opts.ReadFile == nil {
		b.settled = []report.Finding{{
			Verdict: report.Inconclusive, Expected: "a contract", Observed: "no contract",
			Message: "the contract cannot be read, because there is no repository here",
		}}
		return []*bound{b}, nil
	}
	contract, object, err := r.contract(spec)
	if err != nil {
		return nil, err
	}
	splits := r.chosen(spec.Splits)
	if len(b.settled) > 0 || r.unread(splits) != "" {
		return []*bound{b}, nil
	}
	have, absent := r.schemaOf(splits)
	t := &terms{
		spec: spec, plan: b.plan, have: have, absent: absent, at: make(map[string]int, len(have)),
		loose: strings.HasPrefix(contract.APIVersion, "v3.0."), columns: map[string]string{},
	}
	for _, s := range splits {
		t.types = append(t.types, r.schemas[s])
	}
	for i, f := range have {
		t.at[f.Name] = i
	}
	asked := len(object.Quality)
	for _, p := range object.Properties {
		asked += 1 + len(p.Options) + len(p.Quality)
	}
	if asked > maxTerms {
		return nil, &manifest.Error{Pos: object.Pos, Message: fmt.Sprintf("the contract says %s about %s, at most %s are checked", count(int64(asked), "thing"), shownText(object.Name), report.Thousands(maxTerms))}
	}
	t.object(object)
	return t.out, nil
}

// contract reads the contract of an entry, and finds the object that the data
// is.
func (r *run) contract(spec manifest.CheckSpec) (*odcs.Contract, *odcs.Object, error) {
	var p contractParams
	if err := decode(spec, &p); err != nil {
		return nil, nil, err
	}
	file := r.artifact.Resolve(p.File)
	if !fs.ValidPath(file) || strings.ContainsRune(file, '\\') {
		return nil, nil, mistake(spec, fmt.Sprintf("contract: %q is not a file of the repository", shownText(p.File)), "write it relative to the manifest, or with a leading / to the repository's root")
	}
	data, err := r.opts.ReadFile(file)
	if err != nil {
		return nil, nil, mistake(spec, fmt.Sprintf("contract: read %s: %v", file, err), "")
	}
	contract, err := odcs.Parse(file, data)
	if err != nil {
		return nil, nil, err
	}
	wanted := cmp.Or(p.Schema, r.artifact.Name)
	names := make([]string, len(contract.Objects))
	for i, o := range contract.Objects {
		names[i] = o.Name
		if o.Name == wanted || o.PhysicalName == wanted {
			return contract, &contract.Objects[i], nil
		}
	}
	if p.Schema == "" && len(contract.Objects) == 1 {
		return contract, &contract.Objects[0], nil
	}
	return nil, nil, mistake(spec, fmt.Sprintf("contract: %s has no schema object called %s", file, wanted), "choose one with schema: "+list(names, 20))
}

// terms makes checks of what a contract says about the data.
type terms struct {
	spec    manifest.CheckSpec // the entry
	plan    Plan               // with the splits and the filter of the entry
	have    table.Schema
	at      map[string]int    // by column: its index in have
	absent  map[string]string // columns that one split lacks
	types   []table.Schema    // of the splits, as the files have them
	loose   bool              // version 3.0, which has no type but date for times
	columns map[string]string // by property: its column, of those that are there
	out     []*bound
}

func (t *terms) object(o *odcs.Object) {
	var known []string
	missing := 0
	for i := range o.Properties {
		p := &o.Properties[i]
		if p.Measure {
			t.notRun("measure", p.Name, p.Pos, "a measure is computed from columns, not one of them", "")
			continue
		}
		column := t.column(p)
		known = append(known, column)
		if _, ok := t.at[column]; ok && t.absent[column] == "" {
			t.columns[p.Name] = column
			continue
		}
		missing++
		f := missingColumn(column, t.absent[column], t.have)
		f.Message += "; nothing that the contract says about it can be checked"
		t.settle("column", p.Pos, report.Error, f)
	}
	if n := int64(len(known)); missing == 0 && n > 0 {
		t.settle("column", o.Pos, report.Error, report.Finding{
			Verdict: report.Pass, Expected: count(n, "column"), Observed: count(int64(len(t.have)), "column"),
			Message: fmt.Sprintf("the data has %s of the contract", count(n, "column")),
		})
	}
	t.extra(o, known)
	for i := range o.Properties {
		if p := &o.Properties[i]; t.columns[p.Name] != "" {
			t.property(p, t.columns[p.Name])
		}
	}
	t.primaryKey(o)
	for i := range o.Quality {
		t.quality(&o.Quality[i], "")
	}
	if len(t.out) == 0 {
		t.notRun("column", o.Name, o.Pos, "the contract says nothing about the columns or rows of "+shownText(o.Name), "")
	}
}

// column is what the data calls a property: by its physical name or, when
// there is no such column, its name.
func (t *terms) column(p *odcs.Property) string {
	if _, ok := t.at[p.PhysicalName]; ok || p.PhysicalName == "" {
		return cmp.Or(p.PhysicalName, p.Name)
	}
	if _, ok := t.at[p.Name]; ok {
		return p.Name
	}
	return p.PhysicalName
}

// extra tells which columns the contract does not know. Nothing says that
// there may be none, so that it is for information.
func (t *terms) extra(o *odcs.Object, known []string) {
	b := t.bound("extra", o.Pos, report.Info)
	b.spec.Where, b.spec.GroupBy = "", nil
	set := make(map[string]bool, len(known))
	for _, k := range known {
		set[k] = true
	}
	more := slices.DeleteFunc(t.have.Names(), func(n string) bool { return set[n] })
	b.plan = Plan{Splits: t.plan.Splits, Rows: func() RowCheck { return &unknownKeys{} }}
	b.plan.Judge = func(f Facts) []report.Finding {
		extra := slices.Clone(more)
		for _, late := range sortedKeys(f.Check.(*unknownKeys).keys) {
			if !set[late] {
				extra = append(extra, late)
			}
		}
		if len(extra) == 0 {
			return nil
		}
		return []report.Finding{{
			Verdict: report.Fail, Subject: "extra columns", Expected: "the columns of the contract", Observed: list(extra, 10),
			Message: fmt.Sprintf("the data has %s that the contract does not: %s", isAre(int64(len(extra)), "a column", "columns"), list(extra, 10)),
			Details: map[string]any{"columns": extra[:min(len(extra), 1000)]},
		}}
	}
	t.out = append(t.out, b)
}

func (t *terms) property(p *odcs.Property, column string) {
	t.logicalType(p, column)
	if p.Required || p.PrimaryKey {
		t.check("required", p.Pos, columnNotNull, nil, column)
	}
	if p.Unique {
		t.check("unique", p.Pos, columnUnique, nil, column)
	}
	if len(p.Enum) > 0 {
		t.check("enum", p.Pos, columnValues, map[string]any{"values": p.Enum}, column)
	}
	for _, o := range p.Options {
		t.option(p, o, column)
	}
	if p.Nested {
		t.notRun("nested", column, p.Pos, "the properties or items within the column are not looked at", "")
	}
	for i := range p.Quality {
		t.quality(&p.Quality[i], column)
	}
}

// primaryKey holds the columns of the primary key to be one together; that
// they have no nulls, property asks for.
func (t *terms) primaryKey(o *odcs.Object) {
	var parts []*odcs.Property
	for i := range o.Properties {
		if p := &o.Properties[i]; p.PrimaryKey {
			if t.columns[p.Name] == "" {
				return // said to be missing
			}
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return
	}
	slices.SortStableFunc(parts, func(a, b *odcs.Property) int { return cmp.Compare(position(a), position(b)) })
	columns := make([]string, len(parts))
	for i, p := range parts {
		columns[i] = t.columns[p.Name]
	}
	t.check("primaryKey", parts[0].Pos, tableKey, nil, columns...)
}

// position of a property in the key; those without one follow the others.
func position(p *odcs.Property) int {
	if p.KeyPosition < 1 {
		return maxTerms
	}
	return p.KeyPosition
}

// bound begins a check of the contract: rule is what it is called after
// "contract.", pos where the contract asks for it.
func (t *terms) bound(rule string, pos manifest.Pos, severity report.Severity, columns ...string) *bound {
	spec := t.spec
	spec.Severity, spec.Columns, spec.Params, spec.Pos = milder(severity, t.spec.Severity), columns, nil, pos
	return &bound{rule: contractRule, part: contractRule.ID + "." + rule, spec: spec}
}

// check adds a check of the catalog.
func (t *terms) check(rule string, pos manifest.Pos, of Rule, params map[string]any, columns ...string) {
	b := t.bound(rule, pos, report.Error, columns...)
	b.spec.Params = params
	plan, err := of.Bind(b.spec, t.have)
	if bad := new(manifest.Error); errors.As(err, &bad) {
		t.notRun(rule, strings.Join(columns, ", "), pos, strings.TrimPrefix(bad.Message, of.ID+": "), bad.Hint)
		return
	}
	b.plan = plan
	t.out = append(t.out, b)
}

// settle adds a finding that needs no rows.
func (t *terms) settle(rule string, pos manifest.Pos, severity report.Severity, f report.Finding) {
	b := t.bound(rule, pos, severity)
	b.spec.Where, b.spec.GroupBy = "", nil
	b.settled = []report.Finding{f}
	t.out = append(t.out, b)
}

// notRun tells what of the contract is not checked.
func (t *terms) notRun(rule, subject string, pos manifest.Pos, why, hint string) {
	message := "not run: " + escapeLong(why)
	if subject != "" {
		message = escape(subject) + ": " + message
	}
	t.settle(rule, pos, report.Warning, report.Finding{
		Verdict: report.Inconclusive, Subject: subject, Message: message, Expected: "a rule that can be run", Observed: "not run", Hint: hint,
	})
}

// milder returns the less severe of two; "" is no limit.
func milder(a, b report.Severity) report.Severity {
	if b == report.Info || a == report.Error && b != "" {
		return b
	}
	return a
}
