package profile

import "math"

// Values returns every value of the column with its rows, sorted by value, if
// there are at most MaxDistinct, and the type that the file gives the column;
// false when there are more, or when the state is damaged. rows is how many
// the document has.
//
// Nothing else of the state is decoded: a comparison of wide tables asks for
// the values of every column.
func (c *DocumentColumn) Values(rows int64) (values []Count, fileType string, ok bool) {
	d := &decoder{b: c.State}
	all := string(c.State) // of which the values are parts: one allocation for all
	text := func() string {
		n := len(d.take(int(d.count(MaxExample))))
		if d.err != nil {
			return ""
		}
		end := len(all) - len(d.b)
		return all[end-n : end]
	}
	switch d.take(1)[0] {
	case stateVersion:
	case stateLeveled:
		d.count(maxLevel)
	default:
		return nil, "", false
	}
	fileType = text()
	left := d.count(rows)
	left -= d.count(left) // nulls
	if many := d.flag(); many {
		return nil, "", false
	}
	n := d.count(MaxDistinct)
	values = make([]Count, 0, n)
	for range n {
		v := Count{Value: text(), Rows: d.count(left)}
		left -= v.Rows
		d.count(math.MaxUint32) // characters
		if typed := d.flag(); typed {
			d.flag() // is a number
			d.take(8 + 8)
		}
		if d.err != nil || v.Rows == 0 || len(values) > 0 && v.Value <= values[len(values)-1].Value {
			return nil, "", false
		}
		values = append(values, v)
	}
	return values, fileType, d.err == nil && left == 0 && len(d.b) == 0
}

// Shortened is how profiles keep a value: up to MaxExample bytes as it is,
// longer ones by their beginning and a hash.
func Shortened(text []byte) []byte {
	if len(text) > MaxExample {
		return shorten(text)
	}
	return text
}
