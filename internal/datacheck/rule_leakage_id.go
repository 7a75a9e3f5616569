package datacheck

import (
	"strings"

	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/table"
)

type leakageIDParams struct {
	OneColumn
	Label string   `param:"label,required" doc:"The column of the labels."`
	Max   *float64 `param:"max" doc:"Largest area under the ROC curve that the column may reach, 0.5 to 1. Default 0.65."`
}

var leakageID = Rule{
	ID:     "leakage.id",
	Doc:    "A column that identifies rows, or numbers them, says nothing of the label of its neighbours, by the area under the ROC curve; rows without a label are not looked at.",
	Params: leakageIDParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p leakageIDParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		return bindLeakage(plan, spec, schema, leakage{
			label: p.Label, columns: spec.Columns, subject: strings.Join(spec.Columns, ", "), named: true, max: p.Max, usual: 0.65, least: 100,
			hint: "were the rows numbered label by label, or is one source of rows all of one label? Do not train on it",
		})
	},
}
