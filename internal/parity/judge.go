package parity

import (
	"bytes"
	"cmp"
	"math"
	"slices"
)

// cell is one value. A number has its text where the file has it as text.
type cell struct {
	null     bool
	isNumber bool
	number   float64
	text     []byte
}

// judge gathers what a Column says.
type judge struct {
	Column
	abs, rel    float64
	empty       int64 // rows without a value on either side
	sum, lost   float64
	finite      int64
	x, y        []float64 // the numbers of a list, kept for the memory
	rowDiffers  float64   // greatest difference of the row
	rowInfinite bool      // the row has a value that is no finite number
	rowOutside  bool
	worst       []worst
}

type worst struct {
	Row
	size float64 // +Inf for what is no number
}

// row compares the values of one pair of rows.
func (j *judge) row(a, b cell, rowA, rowB int64, key []byte) {
	j.rowDiffers, j.rowInfinite, j.rowOutside = 0, false, false
	switch {
	case a.null && b.null:
		j.empty++
	case a.null || b.null:
		j.unlike()
	case a.isNumber && b.isNumber:
		j.pair(a.number, b.number)
	case a.isNumber || b.isNumber || !j.lists(a.text, b.text):
		if !bytes.Equal(a.text, b.text) || a.isNumber != b.isNumber && len(a.text) == 0 {
			j.unlike()
		}
	}
	if j.rowOutside {
		j.Outside++
	}
	if j.rowDiffers > 0 || j.rowOutside {
		j.keep(rowA, rowB, key)
	}
}

func (j *judge) unlike() {
	j.Unlike++
	j.rowOutside, j.rowInfinite = true, true
}

// pair compares two numbers as numpy.isclose does.
func (j *judge) pair(a, b float64) {
	j.Values++
	if finite(a) && finite(b) {
		difference := math.Abs(a - b)
		within := difference <= j.abs+float64(j.rel*math.Abs(b)) && !math.IsInf(difference, 1)
		difference = min(difference, math.MaxFloat64)
		j.finite++
		j.add(difference)
		j.MaxAbs, j.rowDiffers = max(j.MaxAbs, difference), max(j.rowDiffers, difference)
		if b != 0 {
			j.MaxRel = max(j.MaxRel, min(difference/math.Abs(b), math.MaxFloat64))
		}
		if !within {
			j.OutsideValues++
			j.rowOutside = true
		}
		return
	}
	j.NotFinite++
	if a != b { // the same infinity is the same answer; NaN is like nothing
		j.OutsideValues++
		j.rowOutside, j.rowInfinite = true, true
	}
}

// add sums with Neumaier's compensation.
func (j *judge) add(v float64) {
	t := j.sum + v
	if j.sum >= v {
		j.lost += (j.sum - t) + v
	} else {
		j.lost += (v - t) + j.sum
	}
	j.sum = t
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// lists compares two lists of numbers and tells whether both are such.
func (j *judge) lists(a, b []byte) bool {
	if len(a) == 0 || a[0] != '[' || len(b) == 0 || b[0] != '[' {
		return false
	}
	shapeA, flat, ok := parseList(a, &j.x)
	if !ok {
		return false
	}
	shapeB, _, ok := parseList(b, &j.y)
	if !ok {
		return false
	}
	if len(j.x) != len(j.y) || shapeA != shapeB {
		j.unlike()
		return true
	}
	for i, x := range j.x {
		j.pair(x, j.y[i])
	}
	if flat && len(j.x) > 1 {
		j.Lists++
		if greatest(j.x) != greatest(j.y) {
			j.Flips++
		}
	}
	return true
}

// greatest is numpy.argmax: the first of the greatest, NaN before all.
func greatest(x []float64) int {
	at := 0
	for i, v := range x {
		switch {
		case math.IsNaN(v):
			return i
		case v > x[at]:
			at = i
		}
	}
	return at
}

// keep remembers the rows that differ most.
func (j *judge) keep(rowA, rowB int64, key []byte) {
	w := worst{Row: Row{A: rowA, B: rowB}, size: j.rowDiffers}
	if j.rowInfinite {
		w.size = math.Inf(1)
	} else {
		difference := j.rowDiffers
		w.Difference = &difference
	}
	order := func(x, y worst) int {
		return cmp.Or(-cmp.Compare(x.size, y.size), cmp.Compare(x.B, y.B))
	}
	if len(j.worst) == worstRows && order(w, j.worst[worstRows-1]) > 0 {
		return
	}
	w.Key = string(key)
	at, _ := slices.BinarySearchFunc(j.worst, w, order)
	j.worst = slices.Insert(j.worst, at, w)
	j.worst = j.worst[:min(len(j.worst), worstRows)]
}

func (j *judge) done() Column {
	if j.finite > 0 {
		j.MeanAbs = min(j.sum+j.lost, math.MaxFloat64) / float64(j.finite)
		if math.IsNaN(j.MeanAbs) { // the sum was too large a number
			j.MeanAbs = math.MaxFloat64 / float64(j.finite)
		}
	}
	for _, w := range j.worst {
		j.Worst = append(j.Worst, w.Row)
	}
	return j.Column
}
