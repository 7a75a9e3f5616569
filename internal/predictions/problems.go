package predictions

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/internal/report"
	"github.com/waybill-dev/waybill/internal/table"
)

// event counts rows of one fault and remembers the first.
type event struct{ rows, first int }

func (e *event) add(row int) {
	if e.rows++; e.rows == 1 {
		e.first = row
	}
}

// shards says which row of which file a row is.
type shards struct {
	files  []table.File
	starts []int // first row of each file
	rows   int
}

// position names a row as people find it: by number, 1 for the first.
func (s *shards) position(row int) string {
	i := len(s.starts) - 1
	for i > 0 && s.starts[i] > row {
		i--
	}
	if len(s.files) <= 1 || i < 0 {
		return fmt.Sprintf("row %d", row+1)
	}
	return fmt.Sprintf("row %d of %s", row-s.starts[i]+1, s.files[i].Name)
}

// say appends a sentence about the rows of e to out; none when there are none.
func (s *shards) say(out []string, e event, one, many string) []string {
	switch {
	case e.rows == 1:
		return append(out, s.position(e.first)+" "+one)
	case e.rows > 1:
		return append(out, fmt.Sprintf("%s rows %s, the first is %s", report.Thousands(e.rows), many, s.position(e.first)))
	}
	return out
}

// clip keeps what a file calls things from filling a message.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// plural is "1 row", "2 rows".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return report.Thousands(n) + " " + thing + "s"
}
