package datacheck

import (
	"context"
	"errors"

	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/table"
	"github.com/waybill-dev/waybill/schemas"
)

// Against is what a check compares the data with: a version of a dataset, or
// what a version of a model was made with. Manifests write the first as a
// reference ("#production" and "@v1.2.0" are of the dataset itself, a bare
// name is that dataset in the working tree), the second as
//
//	{model: "sentiment#production", dataset: train}
type Against struct {
	Reference string // as written
	Role      string // of the model's datasets; "" when Reference is a dataset's
}

func (a Against) String() string {
	if a.Role != "" {
		return a.Role + " of " + a.Reference
	}
	return a.Reference
}

func parseAgainst(v any) (*Against, error) {
	switch v := v.(type) {
	case string:
		return &Against{Reference: v}, nil
	case map[string]any:
		model, ok := v["model"].(string)
		role, ok2 := v["dataset"].(string)
		if ok && ok2 && len(v) == 2 {
			return &Against{model, role}, nil
		}
	}
	return nil, errors.New("expected a reference, or {model: REFERENCE, dataset: ROLE}")
}

// describeAgainst adds the draft-07 form of Against to a property.
func describeAgainst(p map[string]any) {
	p["type"] = []any{"string", "object"}
	p["format"] = schemas.FormatReference
	p["additionalProperties"] = false
	p["required"] = []any{"model", "dataset"}
	p["properties"] = map[string]any{
		"model":   map[string]any{"type": "string", "format": schemas.FormatReference, "description": "A version of a model: sentiment#production."},
		"dataset": map[string]any{"type": "string", "description": "Which of the model's datasets: a key of its datasets:, such as train."},
	}
}

// Comparison says what a plan compares its rows with. The rows of the other
// data are observed as the plan's own are, and reach Judge as Facts.Baseline.
type Comparison struct {
	With Against
	// Bind makes the plan of the other data from its schema, of which Needs,
	// Filter and Rows count. An error says to people why there is none, such
	// as a column that the other data lacks.
	Bind func(table.Schema) (Plan, error)
	// Profiled makes the facts from a profile, which spares fetching and
	// reading the other data; false when a profile does not suffice, nil when
	// it never does. It is asked only where the entry has no filter. current
	// is what was observed of the data itself.
	Profiled func(d *profile.Document, current Facts) (Facts, bool)
	// FileTypes gives Bind the schema of the files, all columns of any split with
	// no declared types.
	FileTypes bool
	// Whole compares with all rows of the other data: the entry's splits, where:
	// and groupBy: are about the rows of the data itself.
	Whole bool
	// Join, which may be nil, finds what takes both sides and can fail, such as
	// keys that were spilled to the disk. Judge gets it as Facts.Joined.
	Join func(Facts) (any, error)
	// History is how many earlier versions of the dataset itself the check looks
	// at, instead of With: Judge gets them as Facts.History.
	History int
	// FirstRelease is firstRelease: of the entry: "allow" passes while there is
	// nothing to compare with.
	FirstRelease string
}

// Baseline is data to compare with.
type Baseline struct {
	Name string // as findings call it: "reviews@v1.2.0"
	// Splits are those that it is about; nil means the ones that the check is
	// about. The training data of a model may be a split.
	Splits []string
	// Profile returns the profile of some splits (none means all), nil when
	// nobody has made one.
	Profile func(ctx context.Context, splits []string) (*profile.Document, error)
	// Files returns the files by split, fetched if need be.
	Files func(ctx context.Context) (map[string][]table.File, error)
}

// Past is an earlier version of the dataset.
type Past struct {
	Version string
	Rows    map[string]int64 // by split
}

// Baselines finds what checks compare with. Package check has it from the
// ledger and the registry.
type Baselines interface {
	// Baseline returns an error that wraps ErrNoBaseline when there is none.
	Baseline(context.Context, Against) (*Baseline, error)
	// History returns the earlier versions whose rows are known, the newest
	// first, at most so many.
	History(ctx context.Context, most int) ([]Past, error)
}

// ErrNoBaseline is wrapped by errors that say that there is nothing to compare
// with yet: no version is registered, or none is in that stage. Checks with
// firstRelease: allow pass then; others are INCONCLUSIVE.
var ErrNoBaseline = errors.New("there is none yet")
