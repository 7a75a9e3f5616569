package profile

// Values returns every value of the column with its rows, sorted by value, if
// there are at most MaxDistinct, and the type that the file gives the column;
// false when there are more, or when the state is damaged. rows is how many
// the document has.
func (c *DocumentColumn) Values(rows int64) (values []Count, fileType string, ok bool) {
	s, err := decodeState(c.Name, c.State, rows)
	if err != nil || s.many != nil {
		return nil, "", false
	}
	for _, v := range s.few {
		values = append(values, Count{v.text, v.rows})
	}
	return values, s.typ, true
}

// Shortened is how profiles keep a value: up to MaxExample bytes as it is,
// longer ones by their beginning and a hash.
func Shortened(text []byte) []byte {
	if len(text) > MaxExample {
		return shorten(text)
	}
	return text
}
