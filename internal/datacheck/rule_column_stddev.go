package datacheck

import "github.com/waybill-dev/waybill/internal/profile"

var columnStdDev = momentRule("column.stddev", "standard deviation", "The standard deviation of the numbers of the column, as of a sample (n-1), lies between min and max; nulls are not looked at.", 2,
	func(c *profile.Column) float64 { return c.StdDev })
