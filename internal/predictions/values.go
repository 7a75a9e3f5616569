package predictions

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/internal/metric"
	"github.com/waybill-dev/waybill/internal/report"
)

// fewIntegers is up to how many different integers are told apart by value
// rather than by size.
const fewIntegers = 20

// values returns a column of slices, or why it cannot be one.
func (c *column) values() (v *Values, why string) {
	switch {
	case c.form == useless:
		return nil, fmt.Sprintf("has more than %s different values, or values that are no single short ones", report.Thousands(MaxClasses))
	case c.form == coded && len(c.names) > 0 && c.allNumbers() && (!c.allIntegers() || len(c.names) > fewIntegers):
		c.toNumbers()
	}
	if c.form == numeric {
		return &Values{Numbers: c.numbers}, ""
	}
	names := slices.Clone(c.names)
	slices.SortFunc(names, compareLabels)
	places := make(map[string]int32, len(names))
	for i, name := range names {
		places[name] = int32(i)
	}
	for i := range c.codes {
		name := c.name(i)
		if c.codes[i] = metric.Missing; name >= 0 {
			c.codes[i] = places[c.names[name]]
		}
	}
	return &Values{Names: names, Codes: c.codes}, ""
}
