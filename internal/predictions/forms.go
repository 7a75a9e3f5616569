package predictions

import (
	"fmt"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/table"
)

// change gives the column the form that can also hold text, the first value too
// many or too long for classes.
func (c *column) change(text []byte) error {
	_, isNumber := plainNumber(text)
	isNumber = isNumber || infinite(text)
	switch {
	case isNumber && !c.fixed && c.allNumbers():
		c.toNumbers()
		c.putNumber(table.ParseNumber(text))
		return nil
	case c.slice:
		c.drop()
		return nil
	case !c.fixed:
		c.toTexts()
		return c.keep(text)
	case len(text) > maxLabel:
		return fmt.Errorf("a %s has %d bytes, at most %d; name the column of classes, not of free text", c.role, len(text), maxLabel)
	}
	return fmt.Errorf("there are more than %d different values; if they are numbers to be estimated, set task: regression", MaxClasses)
}

// allNumbers tells whether all names are numbers, be they infinite.
func (c *column) allNumbers() bool {
	return !slices.ContainsFunc(c.names, func(name string) bool {
		_, ok := number(name)
		return !ok && !infinite([]byte(name))
	})
}

// allIntegers tells whether all names are integers.
func (c *column) allIntegers() bool {
	return !slices.ContainsFunc(c.names, func(name string) bool {
		f, ok := number(name)
		return !ok || f != math.Trunc(f)
	})
}

// toNumbers makes numbers of classes whose names are numbers.
func (c *column) toNumbers() {
	values := make([]float64, len(c.names))
	for i, name := range c.names {
		values[i], _ = table.ParseNumber([]byte(name))
		if _, ok := number(name); !ok {
			values[i] = math.Inf(1)
		}
	}
	c.numbers = make([]float64, 0, len(c.codes)+table.BatchRows)
	for i := range c.codes {
		if name := c.name(i); name >= 0 {
			c.putNumber(values[name], true)
		} else {
			c.numbers = append(c.numbers, math.NaN())
		}
	}
	c.codes, c.form = nil, numeric
}

func (c *column) toTexts() {
	for i, code := range c.codes {
		if code < 0 {
			c.absent = append(c.absent, int32(i))
			c.texts = append(c.texts, "")
			continue
		}
		c.texts = append(c.texts, c.spellings[code].text)
	}
	c.codes, c.form = nil, textual
}
