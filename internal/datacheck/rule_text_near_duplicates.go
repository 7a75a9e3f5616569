package datacheck

import (
	"fmt"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/profile"
	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// nearParams are those of text.near-duplicates and split.near-overlap.
type nearParams struct {
	OneColumn
	Similarity *float64 `param:"similarity" doc:"From which Jaccard similarity of their shingles on two texts are near each other, 0.3 to 1. Default 0.8."`
	Unit       string   `param:"unit" enum:"words,characters" doc:"What shingles are made of. Default words."`
	Size       *int64   `param:"size" doc:"How many words or characters make a shingle, 1 to 20. Default 3 words or 5 characters."`
	Max        *float64 `param:"max" doc:"Largest share that may be near another. Default 0."`
}

var textNearDuplicates = Rule{
	ID:     "text.near-duplicates",
	Doc:    "No text of the column is nearly the same as another one, by the Jaccard similarity of their words in a row; nulls, texts without words and exact repeats are not counted.",
	Params: nearParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p nearParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		if plan, err = p.bind(plan, spec, schema, nil); err != nil || plan.Rows == nil {
			return plan, err
		}
		plan.Judge = func(f Facts) []report.Finding {
			n := f.Check.(*nearTexts)
			if n.full() {
				return []report.Finding{n.given(p)}
			}
			found := n.find(*p.Similarity)
			repeated := n.rows[0] - int64(len(n.texts))
			like := fmt.Sprintf("at least %s like another", percent(*p.Similarity))
			t := tally{
				column: n.column, noun: "text", checked: int64(len(n.texts)), failed: int64(len(found.near)),
				problem: n.scheme.orMore(*p.Similarity) + isAre(int64(len(found.near)), "is ", "are ") + like, holds: "no text was found that is " + like,
				expected: "no text " + like, hint: "keep one of each: what is there many times over counts too much in training, and may be in several splits",
			}
			out := p.finding(t, found, 0, spec, f)
			out.Details["repeated"] = repeated
			if repeated > 0 {
				out.Message += fmt.Sprintf("; %s %s a text exactly and %s not counted here", count(repeated, "row"), isAre(repeated, "repeats", "repeat"), isAre(repeated, "is", "are"))
			}
			return []report.Finding{out}
		}
		return plan, nil
	},
}

// bind checks the parameters and fills in their defaults. The plan has no
// Rows when the column is not of texts.
func (p *nearParams) bind(plan Plan, spec manifest.CheckSpec, schema table.Schema, sides []int8) (Plan, error) {
	if err := refuse(spec, "mostly"); err != nil {
		return plan, err
	}
	if err := checkShare(spec, "max", p.Max); err != nil {
		return plan, err
	}
	similarity, size := 0.8, int64(3)
	if p.Unit == "characters" {
		size = 5
	}
	if p.Similarity == nil {
		p.Similarity = &similarity
	}
	if p.Size == nil {
		p.Size = &size
	}
	if s := *p.Similarity; !(s >= 0.3 && s <= 1) {
		return plan, mistake(spec, fmt.Sprintf("%s: similarity %s is not between 0.3 and 1", spec.Check, number(s)), "0.8 is a good beginning")
	}
	if s := *p.Size; s < 1 || s > 20 {
		return plan, mistake(spec, fmt.Sprintf("%s: size %d is not between 1 and 20", spec.Check, s), "")
	}
	column := spec.Columns[0]
	if t := schema[schema.Index(column)].Type; !isText(t.Kind) {
		return wrongType(plan, column, t, "text"), nil
	}
	plan.Needs.Add(column, 0)
	plan.Rows = nearTextsOf(column, *p, sides)
	return plan, nil
}

// finding completes that of a tally by what was found.
func (p nearParams) finding(t tally, found nearFound, side int, spec manifest.CheckSpec, f Facts) report.Finding {
	t.nulls, t.most = true, p.Max
	if p.Max != nil && *p.Max > 0 {
		t.expected += fmt.Sprintf(", or at most %s of the %ss", percent(*p.Max), t.noun)
	}
	for _, pair := range found.first {
		t.examples = append(t.examples, profile.Example{Place: pair.text.first[side]})
	}
	out := t.finding(spec, f)
	if out.Details == nil {
		out.Details = map[string]any{}
	}
	out.Details["recall"] = shown(found.recall)
	if len(found.first) > 0 {
		at := found.first[0].like.first[0]
		out.Message += fmt.Sprintf(" (the first is like %s row %d)", escape(f.name(at.File)), at.Row)
		for i, pair := range found.first {
			row := out.Details["examples"].([]any)[i].(map[string]any)
			row["likeFile"], row["likeRow"] = f.name(pair.like.first[0].File), pair.like.first[0].Row
		}
	}
	if found.gaveUp && out.Verdict == report.Pass {
		out.Verdict = report.Inconclusive
		out.Message = fmt.Sprintf("%s: too many texts have much in common to compare them all; those compared: %s", t.column, out.Observed)
		out.Hint = "choose larger shingles with size:, or look at fewer rows with where:"
	}
	return out
}
