// Package datacheck runs the checks of a dataset over its rows, all in one
// pass:
//
//	findings, sections, err := datacheck.Run(ctx, artifact, files, datacheck.Options{Samples: manifest.SamplesMasked})
//
// A check is one value in the catalog: a Rule, which is bound to an entry of
// checks: and to the columns of the data, and so becomes a Plan. The plan
// says what must be known of which rows; Run gathers that for all plans
// together and hands each its Facts to judge. To add a check, add a file with
// its Rule and a line to rules.
//
// What is wrong with the data, unreadable files included, is a finding. What
// is wrong with the manifest is an error of type manifest.Errors; any other
// error means that the outcome is unknown.
package datacheck

import (
	"slices"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/schemas"
)

// rules is the catalog, in the order of the documentation.
var rules = []Rule{
	tableRows,
	tableColumns,
	tableDuplicates,
	tableKey,
	tableForeignKey,
	tableGrowth,
	tableVolume,
	tableFreshness,
	tableGaps,
	schemaRule,
	schemaChange,
	contractRule,
	columnNotNull,
	columnNullRate,
	columnMissingTokens,
	columnUnique,
	columnDistinct,
	columnConstant,
	columnValues,
	columnNotValues,
	columnRange,
	columnMean,
	columnMedian,
	columnQuantile,
	columnSum,
	columnStdDev,
	columnMonotonic,
	columnMostFrequent,
	columnOutliers,
	columnTypes,
	numberFinite,
	rowsExpression,
	textLength,
	textPattern,
	textParses,
	textWhitespace,
	textCasing,
	textVariants,
	textProperties,
	textPII,
	textNearDuplicates,
	splitOverlap,
	splitNearOverlap,
	splitRatio,
	splitStability,
	driftRule,
	labelBalance,
	labelConflicts,
	labelNew,
	leakageDate,
	leakageFeature,
	leakageID,
}

// Readable is the check that every dataset gets unasked: all files can be
// read to their end, and those of a split have the same columns.
const Readable = "table.readable"

const docs = "https://waybill.dev/checks#"

// Rule is one check.
type Rule struct {
	ID  string // as manifests write it
	Doc string // one sentence
	// Params is the zero value of a struct whose fields are the check's own
	// parameters; see decode for the tags.
	Params any
	// Bind makes a plan of an entry of checks:. The schema is that of the data,
	// with declared types for columns that have none of their own; the entry's
	// columns are known to be in it. What the entry itself has wrong is a
	// *manifest.Error with its position.
	Bind func(manifest.CheckSpec, table.Schema) (Plan, error)
}

// Plan is what a check needs, and how it judges.
type Plan struct {
	Splits []string // whose rows it is about, together; none means all
	// Subject is what findings of groups are about; "" for the entry's columns.
	Subject string
	// Needs are the facts of the profile. All columns that Rows looks at are
	// named here, if need be with no facts wanted.
	Needs  profile.Needs
	Filter Filter
	// Rows makes a collector for checks that must see the rows; nil if the
	// profile suffices.
	Rows func() RowCheck
	// Compare says with what other data the rows are compared; nil for none.
	Compare *Comparison
	// Judge is called once with the facts of all rows, or once for each group.
	// Of its findings, Run fills in what all findings of a check share.
	Judge func(Facts) []report.Finding
}

// RowCheck collects what a check must know of the rows. Each shard has its
// own, which are merged in the order of the rows.
type RowCheck interface {
	Observe(*table.Batch)
	Merge(later RowCheck)
}

// Facts are what was found about the rows of a plan, or of one group of them.
type Facts struct {
	Rows    int64 // that the filter let through
	Profile *profile.Profile
	Check   RowCheck // nil without Plan.Rows

	// Schema is the columns of the data. Name says which data it is, where it
	// is the other of a comparison, and Baseline is that other's facts about
	// the same group; nil without Plan.Compare.
	Schema   table.Schema
	Name     string
	Baseline *Facts
	Joined   any    // what Comparison.Join found
	History  []Past // the newest first, with Comparison.History

	files   []table.File
	splitOf []string // by index in files
	samples manifest.Samples
}

// Catalog returns all checks that manifests can ask for.
func Catalog() []Rule { return slices.Clone(rules) }

// Schemas returns what the catalog contributes to the schema of dataset.yaml.
func Schemas() []schemas.Check {
	out := make([]schemas.Check, len(rules))
	for i, r := range rules {
		properties, required, oneColumn := describe(r.Params)
		out[i] = schemas.Check{ID: r.ID, Doc: r.Doc, Params: properties, Required: required, OneColumn: oneColumn}
	}
	return out
}

func ruleOf(id string) (Rule, bool) {
	for _, r := range rules {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}

func ruleIDs() []string {
	ids := make([]string, len(rules))
	for i, r := range rules {
		ids[i] = r.ID
	}
	return ids
}
