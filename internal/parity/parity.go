// Package parity compares two files of a model's outputs row by row: what a
// converted, compiled or quantised model answers must be what the original did,
// within a tolerance.
//
// A number is within the tolerance as numpy.isclose has it: |a − b| ≤ AbsTol +
// RelTol·|b|, where b is the reference; infinities only where both are the same;
// NaN never, not even beside NaN. Columns may hold numbers, lists of numbers
// (logits, embeddings; also lists of lists), which are compared number by
// number, or anything else, which must be the same text. Numbers are compared
// as float64.
package parity

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/internal/table"
)

// Spec says what is compared and how much may differ.
type Spec struct {
	A table.File // the outputs to be judged
	B table.File // the reference
	// Key is the column that identifies a row. Where it is "", rows are
	// compared by position.
	Key string
	// Columns are compared; nil compares all that both files have.
	Columns        []string
	AbsTol, RelTol float64
}

// Result is what a comparison found. Where there are Problems, nothing was
// judged and Columns is nil.
type Result struct {
	Rows    int64 // rows compared
	Columns []Column
	// Problems say, one sentence each, why the files cannot be compared.
	Problems []string
	// Notes are sentences about what was left out.
	Notes []string
}

// Column is what was found in one column.
type Column struct {
	Name string
	// Outside counts the rows in which something is outside the tolerance. The
	// other counts say what: OutsideValues of Values pairs of numbers,
	// NotFinite pairs with a NaN or an infinity among them (which may be within,
	// when they are the same infinity), and Unlike rows whose values are no
	// pair: a number and a text, lists of other lengths, a value and none, texts
	// that differ.
	Outside                                  int64
	Values, OutsideValues, NotFinite, Unlike int64
	// MaxAbs and MeanAbs are of |a − b|, MaxRel of |a − b| / |b| where b is not
	// 0; all over pairs of finite numbers.
	MaxAbs, MaxRel, MeanAbs float64
	// Lists counts the rows with a list of at least two numbers on both sides,
	// Flips those whose greatest number stands at another place, the first of
	// several: there the model answers another class.
	Lists, Flips int64
	// Worst are the rows that differ most, those that are Unlike or not finite
	// before all others.
	Worst []Row
}

// Row is a pair of rows that differ.
type Row struct {
	A, B int64 // their numbers in the files, from 1
	Key  string
	// Difference is the greatest |a − b| of the row; nil where a value is no
	// finite number.
	Difference *float64
}

// Outside counts the values of rows and columns that are outside the tolerance.
func (r *Result) Outside() (n int64) {
	for _, c := range r.Columns {
		n += c.Outside
	}
	return n
}

const worstRows = 5

// Compare compares two files. By position it needs the memory of two batches.
// By key it also keeps some 40 bytes for each row and the rows whose counterpart did
// not come yet: nothing when both files have one order. What is wrong with the
// contents of a file is a *table.DataError.
func Compare(ctx context.Context, s Spec) (*Result, error) {
	for _, tolerance := range []float64{s.AbsTol, s.RelTol} {
		if !(tolerance >= 0) || math.IsInf(tolerance, 1) {
			return nil, fmt.Errorf("compare %s with %s: tolerance %v: must be a number from 0", s.A.Name, s.B.Name, tolerance)
		}
	}
	c := &comparison{spec: s, result: &Result{}}
	columns, err := c.choose(ctx)
	if err != nil || len(c.result.Problems) > 0 {
		return c.result, err
	}
	c.judges = make([]judge, len(columns))
	for i, name := range columns {
		c.judges[i] = judge{Column: Column{Name: name}, abs: s.AbsTol, rel: s.RelTol}
	}
	if err := c.rows(ctx, columns); err != nil {
		return nil, err
	}
	c.finish()
	return c.result, nil
}

type comparison struct {
	spec   Spec
	result *Result
	judges []judge // one a column
}

func (c *comparison) problem(format string, args ...any) {
	c.result.Problems = append(c.result.Problems, fmt.Sprintf(format, args...))
}

// choose returns the columns to compare.
func (c *comparison) choose(ctx context.Context) ([]string, error) {
	var schemas [2]table.Schema
	files := [2]table.File{c.spec.A, c.spec.B}
	for i, f := range files {
		r, err := table.Open(ctx, f, table.Options{Columns: []string{}})
		if err != nil {
			return nil, err
		}
		schemas[i] = r.Schema()
		r.Close()
	}
	var columns []string
	for _, name := range c.spec.Columns {
		if !slices.Contains(columns, name) {
			columns = append(columns, name)
		}
	}
	if c.spec.Columns == nil {
		for i := range schemas {
			for _, name := range schemas[i].Names() {
				switch other := schemas[1-i].Index(name) >= 0; {
				case name == c.spec.Key:
				case !other:
					c.result.Notes = append(c.result.Notes, fmt.Sprintf("column %q is only in %s and was not compared", name, files[i].Name))
				case i == 0:
					columns = append(columns, name)
				}
			}
		}
	}
	needed := columns
	if c.spec.Key != "" {
		needed = append([]string{c.spec.Key}, columns...)
	}
	for i, f := range files {
		for _, name := range needed {
			if schemas[i].Index(name) < 0 {
				c.problem("%s has no column %q", f.Name, name)
			}
		}
	}
	if len(columns) == 0 {
		c.problem("%s and %s have no column in common to compare", files[0].Name, files[1].Name)
	}
	return columns, nil
}

// finish makes the result of what the columns' judges have.
func (c *comparison) finish() {
	for i := range c.judges {
		if j := &c.judges[i]; c.result.Rows > 0 && j.empty == c.result.Rows {
			c.problem("column %q has no value in any row", j.Name)
		}
	}
	if c.result.Rows == 0 && len(c.result.Problems) == 0 {
		c.problem("%s and %s have no rows", c.spec.A.Name, c.spec.B.Name)
	}
	if len(c.result.Problems) > 0 {
		return
	}
	for i := range c.judges {
		c.result.Columns = append(c.result.Columns, c.judges[i].done())
	}
}
