package datacheck

import "github.com/waybill-dev/waybill/internal/profile"

var columnSum = momentRule("column.sum", "sum", "The sum of the numbers of the column lies between min and max; nulls are not looked at.", 1,
	func(c *profile.Column) float64 { return c.Sum })
