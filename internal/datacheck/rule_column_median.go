package datacheck

import (
	"github.com/waybill-dev/waybill/internal/manifest"
	"github.com/waybill-dev/waybill/internal/table"
)

var columnMedian = Rule{
	ID:     "column.median",
	Doc:    "The median of the numbers of the column lies between min and max; nulls are not looked at. The verdict is exact; of many different numbers the median is shown as about what it is.",
	Params: boundsParams{},
	Bind: func(spec manifest.CheckSpec, schema table.Schema) (Plan, error) {
		var p boundsParams
		plan, err := newPlan(spec, schema, &p)
		if err != nil {
			return plan, err
		}
		return bindQuantile(plan, spec, schema, "median", 0.5, p)
	},
}
