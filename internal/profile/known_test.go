package profile

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/internal/table"
)

// Values are those of the state, and none of a state that does not add up.
func TestValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(path, []byte("x,y\nb,1\n,1\na,1\nb,1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Scan(context.Background(), []table.File{{Name: "a.csv", Path: path}}, ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d := s.Document(nil)
	c := d.Columns[0]
	values, _, ok := c.Values(d.Rows)
	if !ok || len(values) != 2 || values[0] != (Count{"a", 1}) || values[1] != (Count{"b", 2}) {
		t.Errorf("%v %v", values, ok)
	}
	good := c.State
	for what, state := range map[string][]byte{
		"nothing": nil, "no version": {9}, "a value twice": bytes.Replace(good, []byte("b"), []byte("a"), 1),
		"rows that do not add up": bytes.Replace(good, []byte("b\x02"), []byte("b\x01"), 1),
		"more after the end":      append(bytes.Clone(good), 0), "an end too soon": good[:len(good)-1],
	} {
		c.State = state
		if values, _, ok := c.Values(d.Rows); ok {
			t.Errorf("%s: %v", what, values)
		}
	}
	c.State = good
	if _, _, ok := c.Values(d.Rows - 1); ok {
		t.Error("a column has more rows than its table")
	}
}
