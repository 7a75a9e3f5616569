package profile

import "github.com/waybill-dev/waybill/internal/table"

// FileType returns the type that the files give the column; typed is false when
// they give it none, as CSV and JSON lines do. ok is false when they do not
// agree, or when the state is damaged. rows is how many the document has.
func (c *DocumentColumn) FileType(rows int64) (name string, typed, ok bool) {
	s, err := decodeState(c.Name, c.State, rows)
	if err != nil || s.typ == mixed {
		return "", false, false
	}
	return s.typ, s.typ != (table.Type{}).String(), true
}
